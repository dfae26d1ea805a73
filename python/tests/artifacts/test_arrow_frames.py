"""Frames of polars and pyarrow, and frames as other Arrow readers see them."""

from __future__ import annotations

import datetime
import decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.ipc
import pytest
from hypothesis import given, settings
from polars.testing import assert_frame_equal
from polars.testing.parametric import dataframes

from pave._artifacts import ArtifactStore, entry_info
from pave._frames import encode_frame
from pave._native import Payload

from .conftest import RoundTrip


def stream_of(store: ArtifactStore, entry: bytes) -> Any:
    """A stored frame as pyarrow alone reads it."""
    payload: Payload = store._store.get(entry)
    return pa.ipc.open_stream(payload.frame().memory).read_all()


simple = [
    *(pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64),
    *(pl.Float32, pl.Float64, pl.Boolean, pl.String, pl.Binary, pl.Date, pl.Time),
    *(pl.Datetime("ms"), pl.Datetime("us", "Europe/Paris"), pl.Datetime("ns"), pl.Duration("us")),
    *(pl.Categorical, pl.Enum(["a", "b"]), pl.List(pl.Int64), pl.Array(pl.Float32, 2)),
    *(pl.Struct({"x": pl.Int8, "y": pl.String}), pl.Decimal(10, 2)),
]


@given(dataframes(allowed_dtypes=simple, max_cols=4, max_size=6, allow_chunks=True))
@settings(max_examples=150)
def test_polars_frames_round_trip_exactly(shared_store: ArtifactStore, frame: Any) -> None:
    entry = shared_store.put("x", frame)
    back = shared_store.get(entry)
    assert entry_info(entry).encoding == "frame"
    assert back.schema == frame.schema
    assert_frame_equal(back, frame, check_exact=True, categorical_as_str=False)


@pytest.mark.parametrize("dtype", [pl.Null, pl.Int128], ids=str)
def test_polars_types_that_arrow_lacks_are_pickled(round_trip: RoundTrip, dtype: Any) -> None:
    frame = pl.DataFrame({"x": pl.Series([None, None], dtype=dtype)})
    back, info = round_trip(frame)
    assert info.encoding == "pickle"
    assert back.schema == frame.schema
    assert back.equals(frame)


def test_polars_objects_are_pickled(round_trip: RoundTrip) -> None:
    frame = pl.DataFrame({"x": pl.Series([object, len], dtype=pl.Object)})
    try:
        back, info = round_trip(frame)
    except Exception as error:
        # polars may refuse to pickle them, which is told like any other value.
        assert "cannot be stored" in str(error)
    else:
        assert info.encoding == "pickle"
        assert back.schema == frame.schema


def test_other_polars_classes_are_pickled(round_trip: RoundTrip) -> None:
    series = pl.Series("a", [1, None])
    back, info = round_trip(series)
    assert info.encoding == "pickle"
    assert back.equals(series)
    back, info = round_trip(pl.LazyFrame({"a": [1]}))
    assert info.encoding == "pickle"
    assert back.collect().to_dict(as_series=False) == {"a": [1]}


TYPES = [
    pa.null(),
    pa.bool_(),
    pa.int8(),
    pa.uint64(),
    pa.float16(),
    pa.float64(),
    pa.string(),
    pa.large_string(),
    pa.string_view(),
    pa.binary(),
    pa.binary(4),
    pa.binary_view(),
    pa.date32(),
    pa.date64(),
    pa.time32("ms"),
    pa.time64("ns"),
    pa.timestamp("s"),
    pa.timestamp("ns", "+05:30"),
    pa.duration("us"),
    pa.month_day_nano_interval(),
    pa.decimal32(5, 2),
    pa.decimal128(20, 3),
    pa.decimal256(60, 3),
    pa.list_(pa.string()),
    pa.list_(pa.field("item", pa.int8(), nullable=False)),
    pa.large_list(pa.int64()),
    pa.list_(pa.float32(), 3),
    pa.struct([pa.field("a", pa.int8(), nullable=False), pa.field("b", pa.string())]),
    pa.map_(pa.string(), pa.int32()),
    pa.dictionary(pa.int8(), pa.string()),
    pa.dictionary(pa.uint32(), pa.int64(), ordered=True),
    pa.struct([("inner", pa.dictionary(pa.int16(), pa.string()))]),
    pa.run_end_encoded(pa.int32(), pa.string()),
    pa.uuid(),
    pa.json_(),
    pa.fixed_shape_tensor(pa.int32(), [2, 2]),
]


@pytest.mark.parametrize("arrow_type", TYPES, ids=str)
def test_tables_of_any_type_round_trip(round_trip: RoundTrip, arrow_type: Any) -> None:
    nullable = not isinstance(arrow_type, pa.FixedShapeTensorType)
    rows = (
        pa.nulls(3, arrow_type)
        if nullable
        else pa.array([[1, 2, 3, 4]] * 3, pa.list_(pa.int32(), 4))
    )
    if not nullable:
        rows = pa.ExtensionArray.from_storage(arrow_type, rows)
    table = pa.table({"x": rows, "y": [1, 2, 3]})
    back, info = round_trip(table)
    assert info.encoding in ("frame", "pickle")
    assert back.schema.equals(table.schema, check_metadata=True)
    assert back.equals(table)


def test_most_types_of_tables_are_frames(round_trip: RoundTrip) -> None:
    table = pa.table(
        {
            "number": [1, None, 3],
            "text": ["a", None, ""],
            "flag": [True, False, None],
            "nested": [[1], None, []],
            "record": [{"a": 1, "b": "x"}, None, {"a": None, "b": "y"}],
            "money": [decimal.Decimal("1.50"), None, decimal.Decimal("-2.00")],
            "at": [datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC), None, None],
            "category": pa.array(["u", None, "v"]).dictionary_encode(),
        }
    )
    back, info = round_trip(table)
    assert info.encoding == "frame"
    back.validate(full=True)
    assert back.equals(table, check_metadata=True)


def test_metadata_of_tables_and_fields_is_kept(round_trip: RoundTrip) -> None:
    field = pa.field("x", pa.int64(), nullable=False, metadata={"unit": "m"})
    for metadata in ({"a": "1", "b": "2"}, {"pave": "mine"}, None):
        table = pa.table([[1, 2]], schema=pa.schema([field], metadata=metadata))
        back, info = round_trip(table)
        assert info.encoding == "frame"
        assert back.schema.equals(table.schema, check_metadata=True)
        assert back.schema.metadata == table.schema.metadata


def test_binary_metadata_is_pickled(round_trip: RoundTrip) -> None:
    table = pa.table({"x": [1]}).replace_schema_metadata({"raw": b"\xff\xfe"})
    back, info = round_trip(table)
    assert info.encoding == "pickle"
    assert back.schema.metadata == {b"raw": b"\xff\xfe"}


def test_chunks_slices_and_emptiness_of_tables(round_trip: RoundTrip) -> None:
    chunks = pa.chunked_array([["a", "b"], [], ["c"]])
    table = pa.table({"x": chunks, "y": [1, 2, 3]})
    mixed = pa.chunked_array(
        [pa.array(["u", "v"]).dictionary_encode(), pa.array(["w", "u"]).dictionary_encode()]
    )
    for value in (
        table,
        table.slice(1, 1),
        table.slice(3),
        table.select([]),
        pa.table({}),
        pa.schema([("a", pa.string())]).empty_table(),
        pa.table({"category": mixed}),
        pa.table([[1], [2]], names=["same", "same"]),
    ):
        back, _ = round_trip(value)
        assert back.schema.equals(value.schema)
        assert back.num_rows == value.num_rows
        assert back.equals(value)


def test_record_batches_stay_record_batches(round_trip: RoundTrip) -> None:
    batch = pa.record_batch({"x": [1, None], "y": ["a", "b"]}, metadata={"k": "v"})
    for value in (batch, batch.slice(1), batch.slice(0, 0)):
        back, info = round_trip(value)
        assert info.encoding == "frame"
        assert type(back) is pa.RecordBatch
        assert back.equals(value, check_metadata=True)


def test_frames_of_pandas_are_readable_without_pave(store: ArtifactStore) -> None:
    frame = pd.DataFrame(
        {
            "number": [1.5, np.nan],
            "text": ["a", None],
            "category": pd.Categorical(["u", None]),
            "at": pd.to_datetime(["2020-01-01", None]).tz_localize("Europe/Paris"),
            "count": pd.array([None, 7], dtype="Int32"),
            "flag": [True, False],
        },
        index=pd.Index([10, 20], name="id"),
    )
    table = stream_of(store, store.put("x", frame))
    table.validate(full=True)
    assert table.column_names == [*frame.columns, "id"]
    rows = table.to_pydict()
    assert rows["text"] == ["a", None]
    assert rows["category"] == ["u", None]
    assert rows["at"][0] == frame["at"].iloc[0].to_pydatetime()
    assert rows["at"][1] is None
    assert rows["count"] == [None, 7]
    assert rows["flag"] == [True, False]
    assert rows["id"] == [10, 20]


def test_numbers_are_not_copied_on_their_way(store: ArtifactStore) -> None:
    frame = pd.DataFrame({"a": np.random.default_rng(1).random(100_000)})
    encoded = encode_frame(frame, "pandas.DataFrame")
    assert encoded is not None
    frame["a"].values.base.flags.writeable  # noqa: B018  (the memory is the frame's own)
    back = store.get(store.put("x", frame))
    table = stream_of(store, store.put("x", frame))
    np.testing.assert_array_equal(table["a"].to_numpy(), back["a"].to_numpy())


def test_frames_survive_their_store_object(tmp_path: Any) -> None:
    store = ArtifactStore(str(tmp_path))
    entry = store.put("x", pl.DataFrame({"a": np.random.default_rng(1).random(10_000)}))
    total = store.get(entry)["a"].sum()
    back = store.get(entry)
    del store
    assert back["a"].sum() == total
