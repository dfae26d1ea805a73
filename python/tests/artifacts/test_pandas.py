"""Data frames and series of pandas."""

from __future__ import annotations

import datetime
import zoneinfo
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings

from pave._artifacts import ArtifactStore, entry_info

from . import frames
from .conftest import RoundTrip
from .frames import assert_same


@given(frames.frames())
@settings(max_examples=100)
def test_frames_round_trip_exactly(shared_store: ArtifactStore, frame: Any) -> None:
    entry = shared_store.put("x", frame)
    assert entry_info(entry).encoding == "frame"
    assert_same(shared_store.get(entry), frame)
    assert shared_store.put("x", frame) == entry


@given(frames.series())
@settings(max_examples=60)
def test_series_round_trip_exactly(shared_store: ArtifactStore, series: Any) -> None:
    entry = shared_store.put("x", series)
    assert entry_info(entry).encoding == "frame"
    assert_same(shared_store.get(entry), series)


def frame_of(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(values) for name, values in columns.items()})


def objects_of(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame(
        {
            name: pd.Series(frames.as_objects(values), dtype=object)
            for name, values in columns.items()
        }
    )


class Table(pd.DataFrame):
    pass


@pytest.mark.parametrize(
    "value",
    [
        frame_of(x=pd.period_range("2020", periods=2, freq="M")),
        frame_of(x=pd.interval_range(0, 2)),
        frame_of(x=pd.arrays.SparseArray([0, 1])),
        frame_of(x=[1 + 2j, 3]),
        frame_of(x=[{"a": 1}, [2]]),
        frame_of(x=["a", 1]),
        objects_of(x=["a", None, np.nan]),
        objects_of(x=["a", pd.NaT]),
        objects_of(x=["lone \ud800"]),
        pd.DataFrame({"x": np.array([1.0, 2.0], dtype=">f8")}),
        pd.DataFrame({"x": [1, 2]}, index=pd.interval_range(0, 2)),
        pd.DataFrame({"x": [1]}, index=pd.Index([object])),
        pd.DataFrame({"x": [1]}, index=pd.Index([0], name=object)),
        pd.DataFrame([[1]], columns=pd.Index([datetime.timezone])),
        pd.DataFrame([[1, 2]], columns=pd.Index([1 + 2j, 3])),
        pd.DataFrame([[1, 2]], columns=pd.period_range("2020", periods=2, freq="M")),
        Table({"x": [1]}),
    ],
    ids=lambda value: f"{type(value).__name__} {value.dtypes.tolist()} {value.index.dtype}",
)
def test_what_arrow_cannot_hold_is_pickled(round_trip: RoundTrip, value: Any) -> None:
    back, info = round_trip(value)
    assert info.encoding == "pickle"
    assert type(back) is type(value)
    pd.testing.assert_frame_equal(back, value)


def test_unpicklable_notes_fail_like_the_frame_they_are_on(store: ArtifactStore) -> None:
    frame = pd.DataFrame({"x": [1]})
    frame.attrs["lock"] = (n for n in range(3))
    with pytest.raises(Exception, match="cannot be stored"):
        store.put("x", frame)


def test_none_and_nan_are_told_apart(round_trip: RoundTrip) -> None:
    frame = objects_of(none=["a", None], nan=["a", np.nan], na=["a", pd.NA], all=[None, None])
    back, info = round_trip(frame)
    assert info.encoding == "frame"
    assert back["none"][1] is None
    assert type(back["nan"][1]) is float
    assert back["na"][1] is pd.NA
    assert_same(back, frame)


@pytest.mark.parametrize(
    "labels",
    [
        ["a", "a", "b"],
        pd.Index(["a", 1, None], dtype=object),
        pd.Index([(1, "x"), (2,), ()], dtype=object, tupleize_cols=False),
        pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)], names=["x", None]),
        pd.CategoricalIndex(["u", "v", "u"], categories=["v", "u", "w"], ordered=True),
        pd.date_range("2020", periods=3, freq="MS", name="month"),
        pd.RangeIndex(5, 2, -1, name="r"),
        pd.Index([0.1, np.nan, -0.0]),
        pd.Index([1, 2, pd.NA], dtype="Int64"),
    ],
    ids=lambda labels: f"{type(labels).__name__}",
)
def test_column_labels_of_any_kind_are_kept(round_trip: RoundTrip, labels: Any) -> None:
    frame = pd.DataFrame(np.arange(6.0).reshape(2, 3))
    frame.columns = labels
    back, info = round_trip(frame)
    assert info.encoding == "frame"
    assert_same(back, frame)


def test_frames_without_columns_or_rows_are_kept(round_trip: RoundTrip) -> None:
    for frame in [
        pd.DataFrame(),
        pd.DataFrame(index=pd.RangeIndex(3)),
        pd.DataFrame(index=["a", "b"]),
        pd.DataFrame(columns=["a", "b"]),
        pd.DataFrame({"a": np.array([], dtype="M8[s]"), "b": pd.Categorical([])}),
        pd.DataFrame(np.empty((0, 3))),
    ]:
        back, info = round_trip(frame)
        assert info.encoding == "frame"
        assert_same(back, frame)


def test_multi_index_keeps_levels_that_no_row_uses(round_trip: RoundTrip) -> None:
    index = pd.MultiIndex.from_product([["a", "b", "c"], pd.date_range("2020", periods=4)])
    frame = pd.DataFrame({"x": range(12)}, index=index).loc[["c", "a"]]
    back, info = round_trip(frame)
    assert info.encoding == "frame"
    assert list(back.index.levels[0]) == ["a", "b", "c"]
    assert_same(back, frame)


def test_levels_of_categories_are_kept(round_trip: RoundTrip) -> None:
    rows = pd.DataFrame(
        {
            "size": pd.Categorical(list("lmsl"), categories=list("xsml"), ordered=True),
            "place": pd.Categorical(["a", None, "b", "a"]),
            "x": range(4),
        }
    )
    for grouped in (
        rows.groupby(["size", "place"], observed=True).sum(),
        rows.groupby(["size", "place"], observed=False, dropna=False).sum(),
        rows.set_index(["place", "size"]),
        rows.set_index(["place", "size"]).T,
    ):
        back, info = round_trip(grouped)
        assert info.encoding == "frame"
        assert_same(back, grouped)


def test_flags_and_attrs_are_kept(round_trip: RoundTrip) -> None:
    frame = pd.DataFrame({"x": [1]}).set_flags(allows_duplicate_labels=False)
    frame.attrs = {"source": "a file", "at": datetime.datetime(2020, 1, 1)}
    back, info = round_trip(frame)
    assert info.encoding == "frame"
    assert_same(back, frame)


@pytest.mark.parametrize(
    "zone",
    [
        zoneinfo.ZoneInfo("America/New_York"),
        datetime.UTC,
        datetime.timezone(datetime.timedelta(hours=5, minutes=30)),
        datetime.timezone(datetime.timedelta(hours=-1), "named"),
        datetime.timezone(datetime.timedelta(seconds=61)),
        "dateutil/Europe/Paris",
    ],
    ids=str,
)
def test_zones_are_kept_or_the_frame_is_pickled(round_trip: RoundTrip, zone: Any) -> None:
    frame = pd.DataFrame({"at": pd.date_range("2020", periods=2, tz=zone)})
    back, info = round_trip(frame)
    unnamed = repr(zone).find("named") < 0 and "61" not in repr(zone)
    assert info.encoding == ("frame" if unnamed and not isinstance(zone, str) else "pickle")
    assert_same(back, frame)


@pytest.mark.parametrize(
    "arrow_type",
    [
        pa.int64(),
        pa.string(),
        pa.large_string(),
        pa.bool_(),
        pa.decimal128(10, 2),
        pa.date32(),
        pa.timestamp("us", "Europe/Paris"),
        pa.list_(pa.int32()),
        pa.struct([("a", pa.int8())]),
        pa.dictionary(pa.int8(), pa.string()),
        pa.null(),
    ],
    ids=str,
)
def test_columns_of_pyarrow_types_are_kept(round_trip: RoundTrip, arrow_type: Any) -> None:
    values = pd.arrays.ArrowExtensionArray(pa.nulls(3, arrow_type))
    frame = pd.DataFrame({"x": values, "y": [1, 2, 3]})
    back, info = round_trip(frame)
    assert info.encoding == "frame"
    assert back.dtypes["x"] == frame.dtypes["x"]
    assert back["x"].array.__arrow_array__().equals(frame["x"].array.__arrow_array__())


def test_views_and_slices_store_what_they_show(round_trip: RoundTrip) -> None:
    whole = pd.DataFrame(np.arange(40.0).reshape(10, 4), columns=list("abcd"))
    whole["text"] = [f"row {n}" for n in range(10)]
    whole["cat"] = pd.Categorical(list("xyxyxyxyxy"))
    whole["bool"] = [True, False] * 5
    for view in (
        whole[2:8:3],
        whole.iloc[::-1],
        whole[["d", "a", "text"]],
        whole.loc[whole["bool"]],
    ):
        back, info = round_trip(view)
        assert info.encoding == "frame"
        assert_same(back, view)
        assert info.size < 6000


def test_transposed_frames_are_stored_column_by_column(round_trip: RoundTrip) -> None:
    frame = pd.DataFrame(np.arange(12.0).reshape(3, 4)).T
    back, info = round_trip(frame)
    assert info.encoding == "frame"
    assert_same(back, frame)


def test_neighbours_of_one_dtype_become_one_block(store: ArtifactStore) -> None:
    frame = pd.DataFrame(np.random.default_rng(1).random((1000, 50)))
    frame["text"] = "a"
    frame["more"] = 1.0
    back = store.get(store.put("x", frame))
    assert_same(back, frame)
    assert len(back._mgr.blocks) == 3


def test_frames_can_be_changed_after_reading(store: ArtifactStore) -> None:
    frame = pd.DataFrame({"a": np.random.default_rng(1).random(200_000), "b": 1, "c": "x"})
    entry = store.put("x", frame)
    back = store.get(entry)
    back.loc[0, "a"] = -1.0
    back["b"] += 1
    back.loc[1, "c"] = "y"
    back["d"] = back["a"] * 2
    back = back.sort_values("a")
    assert back.iloc[0]["d"] == -2
    assert_same(store.get(entry), frame)


def test_same_frame_has_same_hash_however_it_was_made(store: ArtifactStore) -> None:
    one = pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]})
    two = pd.DataFrame({"b": ["x", "y", "z"], "a": [1.0, 2.0, 3.0]})[["a", "b"]].head(2)
    assert_same(one, two)
    hashes = {entry_info(store.put("x", frame)).hash for frame in (one, two, one.copy())}
    assert len(hashes) == 1
