"""How pandas objects are compared here, and how they are drawn."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

NUMBERS = "int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64".split()
MASKED = "Int8 Int16 Int32 Int64 UInt8 UInt16 UInt32 UInt64 Float32 Float64".split()
ZONES = [
    "UTC",
    "Europe/Paris",
    "Asia/Kathmandu",
    datetime.UTC,
    datetime.timezone(datetime.timedelta(hours=-3, minutes=-30)),
]
STRINGS = [
    pd.StringDtype(storage, na_value=missing)
    for storage in ("python", "pyarrow")
    for missing in (pd.NA, np.nan)
]
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)


def assert_same(a: Any, b: Any) -> None:
    """Equal in all that can be seen of a DataFrame or Series."""
    assert type(a) is type(b)
    assert a.attrs == b.attrs
    assert a.flags.allows_duplicate_labels == b.flags.allows_duplicate_labels
    for ours, theirs in zip(a.axes, b.axes, strict=True):
        assert_same_index(ours, theirs)
    if isinstance(a, pd.Series):
        assert type(a.name) is type(b.name)
        pd.testing.assert_series_equal(a, b, check_exact=True, check_index_type="exact")
        assert_same_values(a, b)
        return
    pd.testing.assert_frame_equal(a, b, check_exact=True, check_index_type="exact")
    for (_, ours), (_, theirs) in zip(a.items(), b.items(), strict=True):
        assert_same_values(ours, theirs)


def assert_same_index(a: Any, b: Any) -> None:
    assert type(a) is type(b)
    assert a.identical(b)
    assert a.names == b.names
    assert getattr(a, "freq", None) == getattr(b, "freq", None)
    if isinstance(a, pd.MultiIndex):
        assert a.sortorder == b.sortorder
        for ours, theirs in zip(a.levels, b.levels, strict=True):
            assert_same_index(ours, theirs)
        for ours, theirs in zip(a.codes, b.codes, strict=True):
            np.testing.assert_array_equal(ours, theirs)
    elif isinstance(a, pd.RangeIndex):
        assert (a.start, a.stop, a.step) == (b.start, b.stop, b.step)
    else:
        assert_same_values(a, b)


def assert_same_values(a: Any, b: Any) -> None:
    """Equal dtypes and values: floats bit by bit, missing values of the same kind."""
    assert a.dtype == b.dtype
    assert repr(a.dtype) == repr(b.dtype)
    if isinstance(a.dtype, pd.DatetimeTZDtype):
        assert type(a.dtype.tz) is type(b.dtype.tz)
    if isinstance(a.dtype, pd.CategoricalDtype):
        ours, theirs = a.array, b.array
        assert_same_index(ours.categories, theirs.categories)
        np.testing.assert_array_equal(ours.codes, theirs.codes)
    elif isinstance(a.dtype, np.dtype) and a.dtype != object:
        assert a.values.tobytes() == b.values.tobytes()
    else:
        for ours, theirs in zip(a.array, b.array, strict=True):
            assert type(ours) is type(theirs)
            assert pd.isna(ours) if pd.isna(theirs) else ours == theirs


def with_missing(values: st.SearchStrategy[Any], missing: Any) -> st.SearchStrategy[Any]:
    return values | st.just(missing)


@st.composite
def arrays(draw: st.DrawFn, rows: int) -> Any:
    """Any array that a frame can store as a column."""
    kinds = [numbers, booleans, moments, zoned, durations, masked, masked_booleans]
    kinds += [strings, objects, categoricals]
    return draw(draw(st.sampled_from(kinds))(rows))


def numbers(rows: int) -> st.SearchStrategy[Any]:
    return st.sampled_from(NUMBERS).flatmap(lambda dtype: hnp.arrays(dtype, rows))


def booleans(rows: int) -> st.SearchStrategy[Any]:
    return hnp.arrays(bool, rows)


def moments(rows: int) -> st.SearchStrategy[Any]:
    units = st.sampled_from(["s", "ms", "us", "ns"])
    return units.flatmap(lambda unit: hnp.arrays(f"M8[{unit}]", rows))


def durations(rows: int) -> st.SearchStrategy[Any]:
    units = st.sampled_from(["s", "ms", "us", "ns"])
    return units.flatmap(lambda unit: hnp.arrays(f"m8[{unit}]", rows))


def zoned(rows: int) -> st.SearchStrategy[Any]:
    seconds = st.lists(with_missing(st.integers(0, 2**31), None), min_size=rows, max_size=rows)

    def build(seconds: list[Any], unit: str, zone: Any) -> Any:
        values = np.array([np.datetime64(s, "s") if s is not None else "NaT" for s in seconds])
        values = values.astype(f"M8[{unit}]")
        return pd.DatetimeIndex(values).tz_localize("UTC").tz_convert(zone).array

    return st.builds(
        build, seconds, st.sampled_from(["s", "ms", "us", "ns"]), st.sampled_from(ZONES)
    )


def masked(rows: int) -> st.SearchStrategy[Any]:
    def build(dtype: str, mask: Any) -> st.SearchStrategy[Any]:
        constructor = type(pd.array([], dtype=dtype))
        values = hnp.arrays(dtype.lower(), rows)
        return values.map(lambda values: constructor(values, mask.copy()))

    pairs = st.tuples(st.sampled_from(MASKED), hnp.arrays(bool, rows))
    return pairs.flatmap(lambda pair: build(*pair))


def masked_booleans(rows: int) -> st.SearchStrategy[Any]:
    return st.builds(pd.arrays.BooleanArray, hnp.arrays(bool, rows), hnp.arrays(bool, rows))


def strings(rows: int) -> st.SearchStrategy[Any]:
    values = st.lists(with_missing(texts, None), min_size=rows, max_size=rows)
    return st.builds(
        lambda values, dtype: pd.array(values, dtype=dtype), values, st.sampled_from(STRINGS)
    )


def objects(rows: int) -> st.SearchStrategy[Any]:
    def build(missing: Any) -> st.SearchStrategy[Any]:
        values = st.lists(with_missing(texts, missing), min_size=rows, max_size=rows)
        return values.map(as_objects)

    return st.sampled_from([None, np.nan, pd.NA]).flatmap(build)


def as_objects(values: list[Any]) -> Any:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def categoricals(rows: int) -> st.SearchStrategy[Any]:
    def build(categories: Any, ordered: bool) -> st.SearchStrategy[Any]:
        codes = st.lists(st.integers(-1, len(categories) - 1), min_size=rows, max_size=rows)
        dtype = pd.CategoricalDtype(categories, ordered)
        return codes.map(lambda codes: pd.Categorical.from_codes(codes, dtype=dtype))

    distinct = [
        st.lists(texts, unique=True, max_size=4).map(lambda values: pd.Index(values, dtype=object)),
        st.lists(texts, unique=True, max_size=4).map(lambda values: pd.Index(values, dtype="str")),
        st.lists(st.integers(-9, 9), unique=True, max_size=4).map(pd.Index),
        st.lists(st.floats(-9, 9).map(lambda x: x + 0.0), unique=True, max_size=4).map(
            lambda values: pd.Index(values, dtype="float32").unique()
        ),
        st.just(pd.RangeIndex(3)),
        st.just(pd.date_range("2020", periods=3, tz="Europe/Paris", freq="D")),
        st.just(pd.Index([True, False])),
    ]
    return st.tuples(st.one_of(distinct), st.booleans()).flatmap(lambda pair: build(*pair))


def index_arrays(rows: int) -> st.SearchStrategy[Any]:
    # pandas has no index of float16.
    return arrays(rows).filter(lambda values: values.dtype != np.float16)


@st.composite
def indexes(draw: st.DrawFn, rows: int) -> Any:
    """Any index that a frame can store."""
    name = draw(names)
    kind = draw(st.sampled_from(["range", "flat", "frequency", "multi"]))
    if kind == "range":
        start, step = draw(st.integers(-5, 5)), draw(st.sampled_from([1, 2, -3]))
        return pd.RangeIndex(start, start + rows * step, step, name=name)
    if kind == "flat":
        values = draw(index_arrays(rows))
        return pd.Index(values, dtype=values.dtype, name=name)
    if kind == "frequency":
        frequency = draw(st.sampled_from(["D", "h", "15min", "MS", "W-WED", "QE-NOV", "B", "2D"]))
        zone = draw(st.sampled_from([None, "Europe/Paris"]))
        return pd.date_range("2020-03-01", periods=rows, freq=frequency, tz=zone, name=name)
    depth = draw(st.integers(1, 3))
    levels = [draw(index_arrays(rows)) for _ in range(depth)]
    levels = [pd.Series(level, dtype=level.dtype, copy=False) for level in levels]
    return pd.MultiIndex.from_arrays(levels, names=[draw(names) for _ in range(depth)])


names = st.none() | texts | st.integers(-9, 9) | st.tuples(texts, st.integers(-9, 9))


@st.composite
def labels(draw: st.DrawFn, count: int) -> Any:
    """Any column labels that a frame can store."""
    plain = st.lists(names | st.floats(), min_size=count, max_size=count)
    if draw(st.booleans()):
        return draw(indexes(count))
    return pd.Index(as_objects(draw(plain)), dtype=object, name=draw(names))


notes = st.dictionaries(texts, st.integers() | texts | st.lists(st.floats(-1, 1)), max_size=2)


@st.composite
def frames(draw: st.DrawFn) -> Any:
    """Any DataFrame that Arrow can hold exactly."""
    rows = draw(st.integers(0, 6))
    columns = [draw(arrays(rows)) for _ in range(draw(st.integers(0, 4)))]
    frame = pd.DataFrame(
        {at: pd.Series(values, dtype=values.dtype) for at, values in enumerate(columns)},
        index=pd.RangeIndex(rows),
    )
    frame.index = draw(indexes(rows))
    frame.columns = draw(labels(len(columns)))
    frame.attrs = draw(notes)
    return frame


@st.composite
def series(draw: st.DrawFn) -> Any:
    """Any Series that Arrow can hold exactly."""
    rows = draw(st.integers(0, 6))
    values = draw(arrays(rows))
    one = pd.Series(values, index=draw(indexes(rows)), dtype=values.dtype, name=draw(names))
    one.attrs = draw(notes)
    return one
