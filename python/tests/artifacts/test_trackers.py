"""Whether a value that was read must be stored again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from pave._artifacts import ArtifactStore

RANDOM = np.random.default_rng(1)
NUMBERS = RANDOM.random(50_000)


@pytest.mark.parametrize(
    "value", [None, 1, "text", b"x", 1.5, (1, ("a", 2)), range(3), np.float64(1)]
)
def test_what_cannot_change_is_unchanged_as_long_as_it_is_the_same(
    store: ArtifactStore, value: Any
) -> None:
    back, tracker = store.get_tracked(store.put("x", value))
    assert tracker.is_unchanged(back)
    assert not tracker.is_unchanged("another")


@pytest.mark.parametrize(
    "value", [[1], {}, {1}, ([],), (1, {2: []}), object, bytearray(b"x")], ids=repr
)
def test_what_may_change_is_never_taken_for_unchanged(store: ArtifactStore, value: Any) -> None:
    back, tracker = store.get_tracked(store.put("x", value))
    assert not tracker.is_unchanged(back)


@pytest.mark.parametrize("size", [10, 50_000])
def test_array_is_unchanged_until_written(store: ArtifactStore, size: int) -> None:
    back, tracker = store.get_tracked(store.put("x", NUMBERS[:size]))
    assert float(back.sum()) == float(NUMBERS[:size].sum())
    assert tracker.is_unchanged(back)
    back[size // 2] += 1
    assert not tracker.is_unchanged(back)


ARRAY_CHANGES: dict[str, Callable[[Any], Any]] = {
    "copy": lambda array: array.copy(),
    "view of a part": lambda array: array[1:],
    "reversed": lambda array: array[::-1],
    "reshaped": lambda array: array.reshape(2, -1),
    "other type": lambda array: array.view(np.int64),
    "subclass": lambda array: array.view(np.matrix),
    "list": lambda array: array.tolist(),
    "written through a view": lambda array: (array[:5].fill(0), array)[1],
}


@pytest.mark.parametrize("change", ARRAY_CHANGES.values(), ids=ARRAY_CHANGES)
def test_other_arrays_are_not_taken_for_the_stored_one(
    store: ArtifactStore, change: Callable[[Any], Any]
) -> None:
    back, tracker = store.get_tracked(store.put("x", NUMBERS))
    assert not tracker.is_unchanged(change(back))


def frame() -> pd.DataFrame:
    """Columns of each kind that can be tracked; they are stored raw, so that they are mapped."""
    whole = RANDOM.integers(0, 2**62, len(NUMBERS))
    return pd.DataFrame(
        {
            "a": NUMBERS,
            "b": RANDOM.random(len(NUMBERS)),
            "n": whole,
            "flag": NUMBERS > 0.5,
            "count": pd.array(whole, dtype="Int64"),
        }
    )


ONLY_READ: dict[str, Callable[[Any], Any]] = {
    "nothing": lambda frame: None,
    "sum": lambda frame: frame.sum(numeric_only=True),
    "describe": lambda frame: frame.describe(),
    "group": lambda frame: frame.groupby("flag")["a"].mean(),
    "derived": lambda frame: frame.assign(c=1),
    "sorted": lambda frame: frame.sort_values("a"),
    "filtered": lambda frame: frame[frame["a"] > 0.5],
    "column changed elsewhere": lambda frame: frame["a"].mul(2),
}


@pytest.mark.parametrize("read", ONLY_READ.values(), ids=ONLY_READ)
def test_frame_that_was_only_read_is_unchanged(
    store: ArtifactStore, read: Callable[[Any], Any]
) -> None:
    back, tracker = store.get_tracked(store.put("x", frame()))
    read(back)
    assert tracker.is_unchanged(back)


def set_value(row: Any, column: str, value: Any) -> Callable[[Any], None]:
    def change(frame: Any) -> None:
        frame.loc[row, column] = value

    return change


def set_attribute(name: str, value: Any) -> Callable[[Any], None]:
    return lambda frame: setattr(frame, name, value)


CHANGES: dict[str, Callable[[Any], Any]] = {
    "number": set_value(7, "a", -1.0),
    "integer": set_value(7, "n", -1),
    "truth": lambda frame: frame.isetitem(3, ~frame["flag"]),
    "one truth": lambda frame: set_value(0, "flag", not frame.loc[0, "flag"])(frame),
    "nullable": set_value(7, "count", pd.NA),
    "nullable number": set_value(7, "count", 5),
    "new column": lambda frame: frame.insert(0, "new", 1.0),
    "column gone": lambda frame: frame.__delitem__("a"),
    "columns swapped": lambda frame: frame.isetitem(0, frame["b"]),
    "equal column": lambda frame: frame.isetitem(0, frame["a"] + 0.0),
    "label": lambda frame: frame.rename(columns={"a": "z"}),
    "labels": set_attribute("columns", list("vwxyz")),
    "name of labels": lambda frame: setattr(frame.columns, "name", "k"),
    "name of index": lambda frame: setattr(frame.index, "name", "k"),
    "index": set_attribute("index", pd.RangeIndex(1, len(NUMBERS) + 1)),
    "attrs": lambda frame: frame.attrs.update(k=1),
    "rows gone": lambda frame: frame.drop(index=0),
    "sorted": lambda frame: frame.sort_values("a"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_frame_that_was_changed_is_not_unchanged(
    store: ArtifactStore, change: Callable[[Any], Any]
) -> None:
    stored = frame()
    back, tracker = store.get_tracked(store.put("x", stored))
    changed = change(back)
    assert not tracker.is_unchanged(back if changed is None else changed)


CATEGORICAL_CHANGES: dict[str, Callable[[Any], Any]] = {
    "one code": lambda one: one.__setitem__(0, "y" if one[0] != "y" else "x"),
    "renamed": lambda one: one.cat.rename_categories({"x": "z"}),
    "more": lambda one: one.cat.add_categories(["z"]),
    "ordered": lambda one: one.cat.as_ordered(),
}


@pytest.mark.parametrize("change", CATEGORICAL_CHANGES.values(), ids=CATEGORICAL_CHANGES)
def test_changed_categories_are_seen(store: ArtifactStore, change: Callable[[Any], Any]) -> None:
    codes = np.random.default_rng(2).integers(-1, 2, 20)
    stored = pd.Series(pd.Categorical.from_codes(codes, list("xy")))
    back, tracker = store.get_tracked(store.put("x", stored))
    assert tracker.is_unchanged(back)
    changed = change(back)
    assert not tracker.is_unchanged(back if changed is None else changed)


def test_small_frames_are_compared_with_their_entry(store: ArtifactStore) -> None:
    stored = pd.DataFrame({"a": [1, 2], "t": pd.date_range("2020", periods=2, tz="UTC")})
    back, tracker = store.get_tracked(store.put("x", stored))
    assert tracker.is_unchanged(back)
    back.loc[0, "a"] = 5
    assert not tracker.is_unchanged(back)


def test_texts_of_pyarrow_are_unchanged_until_set(store: ArtifactStore) -> None:
    stored = pd.DataFrame({"text": pd.Series(["a", None, "b"], dtype="str")})
    back, tracker = store.get_tracked(store.put("x", stored))
    assert tracker.is_unchanged(back)
    back.loc[0, "text"] = "c"
    assert not tracker.is_unchanged(back)


def test_objects_are_never_taken_for_unchanged(store: ArtifactStore) -> None:
    stored = pd.DataFrame({"text": pd.Series(["a", None], dtype=object)})
    back, tracker = store.get_tracked(store.put("x", stored))
    assert not tracker.is_unchanged(back)


def test_flags_are_seen(store: ArtifactStore) -> None:
    back, tracker = store.get_tracked(store.put("x", pd.Series([1, 2], name="s")))
    assert tracker.is_unchanged(back)
    back.flags.allows_duplicate_labels = False
    assert not tracker.is_unchanged(back)


def test_name_of_a_series_is_seen(store: ArtifactStore) -> None:
    back, tracker = store.get_tracked(store.put("x", pd.Series([1, 2], name="s")))
    back.name = "t"
    assert not tracker.is_unchanged(back)


def test_polars_frame_is_unchanged_until_set(store: ArtifactStore) -> None:
    stored = pl.DataFrame({"a": NUMBERS, "b": NUMBERS > 0.5, "c": NUMBERS[::-1].copy()})
    back, tracker = store.get_tracked(store.put("x", stored))
    assert back.select(pl.col("a").sum()).item() > 0
    assert tracker.is_unchanged(back)
    assert not tracker.is_unchanged(back.with_columns(d=1))
    assert not tracker.is_unchanged(back.sort("a"))
    back[0, "a"] = -1.0
    assert not tracker.is_unchanged(back)


def test_small_polars_frame_that_was_only_read_is_unchanged(store: ArtifactStore) -> None:
    stored = pl.DataFrame({"a": [1, 2], "b": [None, 1.5]})
    back, tracker = store.get_tracked(store.put("x", stored))
    assert tracker.is_unchanged(back)
    back.insert_column(0, pl.Series("c", [1, 2]))
    assert not tracker.is_unchanged(back)


def test_table_is_unchanged_as_long_as_it_is_the_same(store: ArtifactStore) -> None:
    back, tracker = store.get_tracked(store.put("x", pa.table({"a": NUMBERS})))
    assert tracker.is_unchanged(back)
    assert not tracker.is_unchanged(back.append_column("b", pa.array(NUMBERS)))
    assert not tracker.is_unchanged(pa.table({"a": NUMBERS}))


def test_tracking_does_not_make_pandas_copy(store: ArtifactStore) -> None:
    back, tracker = store.get_tracked(
        store.put("x", pd.DataFrame({"a": NUMBERS, "b": NUMBERS[::-1]}))
    )
    before = back["a"].values.__array_interface__["data"][0]
    back.loc[0, "a"] = -1.0
    assert back["a"].values.__array_interface__["data"][0] == before
    assert not tracker.is_unchanged(back)
