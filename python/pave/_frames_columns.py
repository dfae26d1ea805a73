"""One pandas column at a time: as an Arrow column, and back exactly.

Owns: what each pandas dtype becomes in Arrow, and the `spec` that says how to make it again.
Must not: guess. A column that Arrow can't hold exactly raises `Unfit`, and its frame is pickled.
Start reading at: `column_of` (pandas to Arrow) and `restore` (Arrow to pandas).

Imported only once a frame is met, so pandas and numpy are loaded already.
"""

from __future__ import annotations

import sys
from typing import Any, Protocol

import numpy as np
import pandas as pd

from pave._frames_names import Unfit, name_to_json, restore_name
from pave._frames_zones import describe_zone, restore_zone
from pave._native import Column

__all__ = [
    "Dictionary",
    "Piece",
    "Spec",
    "booleans_of",
    "column_of",
    "flat_index",
    "restore",
    "restore_flat_index",
    "values_of",
]

Spec = Any
"""How to make a column again: a name for numpy's dtypes, else a dict with a `kind`."""

NdArray = np.ndarray[Any, Any]

_UNITS = ("s", "ms", "us", "ns")
_NAMES = "int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64"
# By the text that a dtype itself keeps: to make its name takes longer than all else here.
_NUMBERS = {np.dtype(name).str: name for name in _NAMES.split()}
_MASKED: dict[type, Any] = {
    pd.Int8Dtype: pd.arrays.IntegerArray,
    pd.Int16Dtype: pd.arrays.IntegerArray,
    pd.Int32Dtype: pd.arrays.IntegerArray,
    pd.Int64Dtype: pd.arrays.IntegerArray,
    pd.UInt8Dtype: pd.arrays.IntegerArray,
    pd.UInt16Dtype: pd.arrays.IntegerArray,
    pd.UInt32Dtype: pd.arrays.IntegerArray,
    pd.UInt64Dtype: pd.arrays.IntegerArray,
    pd.Float32Dtype: pd.arrays.FloatingArray,
    pd.Float64Dtype: pd.arrays.FloatingArray,
    pd.BooleanDtype: pd.arrays.BooleanArray,
}
_MASKED_BY_NAME = {kind().name: array for kind, array in _MASKED.items()}
# The order in which `Column.from_texts` is asked to look for them.
_MISSING = {"None": None, "nan": np.nan, "NA": pd.NA}
_FLAT_INDEXES = (pd.Index, pd.DatetimeIndex, pd.TimedeltaIndex, pd.CategoricalIndex, pd.RangeIndex)


class Piece(Protocol):
    """A column on its way into a frame."""

    spec: Spec

    def build(self) -> Column:
        """The Arrow column, over the same memory where the layouts agree."""

    def is_same(self, stored: Column) -> bool:
        """Whether this provably still is `stored`, given that the stored memory is clean."""


def values_of(labelled: Any) -> Any:
    """The values of a Series or Index, without copying: integers for moments in a timezone."""
    if isinstance(labelled.dtype, np.dtype):
        return labelled.values
    values = labelled.array
    return values.asi8 if isinstance(labelled.dtype, pd.DatetimeTZDtype) else values


def column_of(values: Any, dtype: Any) -> Piece:
    """The column for `values_of` a Series or Index and its dtype.

    Raises
    ------
    Unfit
        Arrow can't hold it exactly.
    """
    if isinstance(dtype, np.dtype):
        return _numpy_column(np.asarray(values), dtype)
    kind = type(dtype)
    if kind is pd.CategoricalDtype:
        return Dictionary(values.codes, values.categories, bool(values.ordered))
    if kind is pd.DatetimeTZDtype:
        zone, source = describe_zone(dtype.tz)
        if zone is None:
            raise Unfit(f"moments in the timezone {dtype.tz!r}")
        spec = {"kind": "moment", "unit": dtype.unit, "zone": zone, "from": source}
        return Fixed(spec, f"timestamp[{dtype.unit}]", values, sentinel=True, zone=zone)
    if kind is pd.StringDtype:
        return _string_column(values, dtype)
    if kind in _MASKED:
        spec = {"kind": "masked", "dtype": dtype.name}
        if kind is pd.BooleanDtype:
            return Booleans(spec, values._data, values._mask)
        return Fixed(spec, dtype.numpy_dtype.name, values._data, mask=values._mask)
    if kind is pd.ArrowDtype:
        return Foreign({"kind": "arrow"}, values)
    raise Unfit(f"a column of dtype {dtype}")


def _numpy_column(values: NdArray, dtype: np.dtype[Any]) -> Piece:
    name = _NUMBERS.get(dtype.str)
    if dtype.metadata is None and dtype.isnative:
        if dtype.kind == "b":
            return Booleans("bool", values)
        if name is not None:
            return Fixed(name, name, values)
        if dtype.kind == "O":
            return Texts({"kind": "object"}, values, tuple(_MISSING))
        if dtype.kind in "mM" and np.datetime_data(dtype) in [(unit, 1) for unit in _UNITS]:
            family = "timestamp" if dtype.kind == "M" else "duration"
            arrow_type = f"{family}[{np.datetime_data(dtype)[0]}]"
            return Fixed(dtype.name, arrow_type, values, sentinel=True)
    raise Unfit(f"a column of numpy dtype {dtype!r}")


def _string_column(values: Any, dtype: Any) -> Piece:
    missing = "NA" if dtype.na_value is pd.NA else "nan"
    spec = {"kind": "string", "storage": dtype.storage, "missing": missing}
    if dtype.storage == "pyarrow":
        return Foreign(spec, values)
    if dtype.storage == "python":
        return Texts(spec, np.asarray(values, dtype=object), (missing,))
    raise Unfit(f"strings stored in {dtype.storage}")


def _bytes_of(values: NdArray) -> NdArray:
    """The array's own memory as plain bytes, which every dtype can export."""
    return np.ascontiguousarray(values).view(np.uint8)


class Fixed:
    """Values of a fixed width: their memory is Arrow's and numpy's alike.

    What lies under a missing value is stored as it is, so that reading needs no second pass.
    """

    def __init__(
        self,
        spec: Spec,
        arrow_type: str,
        values: NdArray,
        *,
        mask: NdArray | None = None,
        sentinel: bool = False,
        zone: str | None = None,
    ) -> None:
        self.spec = spec
        self._type = arrow_type
        self._values = values
        self._mask = mask
        self._sentinel = sentinel
        self._zone = zone

    def build(self) -> Column:
        """The Arrow column over the same memory, or over a copy if it is strided."""
        return Column.from_fixed(
            self._type,
            _bytes_of(self._values),
            len(self._values),
            mask=None if self._mask is None else _bytes_of(self._mask),
            sentinel=self._sentinel,
            zone=self._zone,
        )

    def is_same(self, stored: Column) -> bool:
        """Whether the values still lie where `stored` has them."""
        values = self._values
        if len(values) != len(stored):
            return False
        if self._mask is not None and not np.array_equal(self._mask, _mask_of(stored)):
            return False
        if len(values) == 0:
            return True
        address = values.__array_interface__["data"][0]
        is_in_place = stored.offset is not None and stored.address == address
        return is_in_place and values.strides == (values.itemsize,)


class Booleans:
    """Truth values: a byte each in numpy, a bit each in Arrow."""

    def __init__(self, spec: Spec, values: NdArray, mask: NdArray | None = None) -> None:
        self.spec = spec
        self._values = values
        self._mask = mask

    def build(self) -> Column:
        """The Arrow column: packed bits."""
        mask = None if self._mask is None else _bytes_of(self._mask)
        return Column.from_booleans(_bytes_of(self._values), mask=mask)

    def is_same(self, stored: Column) -> bool:
        """Whether each value is what `stored` has."""
        if self._mask is not None and not np.array_equal(self._mask, _mask_of(stored)):
            return False
        return np.array_equal(self._values, booleans_of(stored))


class Texts:
    """Python objects that are all `str`, or else all one kind of missing value."""

    def __init__(self, spec: dict[str, Any], values: NdArray, missing: tuple[str, ...]) -> None:
        # Which kind of missing value there is shows only on the way through.
        sentinels = [_MISSING[name] for name in missing]
        column, found = Column.from_texts(np.ascontiguousarray(values), sentinels)
        if column is None:
            raise Unfit(f"objects other than text: {found}")
        self.spec = {**spec, "missing": missing[found]}
        self._column = column

    def build(self) -> Column:
        """The Arrow column, made already."""
        return self._column

    def is_same(self, stored: Column) -> bool:
        """False: objects may have been exchanged in place, and nothing shows it."""
        return False


class Dictionary:
    """Codes with -1 for missing, over an index of categories."""

    def __init__(self, codes: Any, categories: Any, ordered: bool) -> None:
        self._codes = np.asarray(codes)
        self._ordered = ordered
        spec, self._categories = flat_index(categories)
        self.spec = {
            "kind": "categorical",
            "ordered": ordered,
            "categories": spec,
            "name": name_to_json(categories.name),
        }

    def build(self) -> Column:
        """The Arrow column: the codes' own memory, and the categories once."""
        codes = self._codes
        categories = self._categories.build()
        return Column.from_codes(codes.dtype.name, _bytes_of(codes), categories, self._ordered)

    def is_same(self, stored: Column) -> bool:
        """Whether the codes still lie where `stored` has them; categories are the caller's."""
        return Fixed(None, "", self._codes).is_same(stored.codes())


class Foreign:
    """A column that pyarrow holds already."""

    def __init__(self, spec: Spec, values: Any) -> None:
        self.spec = spec
        self._values = values

    def _array(self) -> Any:
        chunked = self._values.__arrow_array__()
        pa = sys.modules["pyarrow"]
        if isinstance(chunked, pa.Array):
            return chunked
        if chunked.num_chunks == 1:
            return chunked.chunk(0)
        merged = chunked.combine_chunks()
        if isinstance(merged, pa.ChunkedArray):
            raise Unfit("more text than one Arrow array holds")
        return merged

    def build(self) -> Column:
        """The Arrow column, over pyarrow's memory."""
        try:
            return Column.from_arrow(self._array())
        except (ValueError, TypeError, NotImplementedError) as error:
            raise Unfit(f"a column of {self._values.dtype}: {error}") from error

    def is_same(self, stored: Column) -> bool:
        """Whether pyarrow's buffers, which never change, are those of `stored`."""
        return stored.is_same(self._array())


def restore(spec: Spec, column: Column) -> Any:
    """The pandas array that `column_of` was given: over the stored memory where it can be."""
    if spec == "bool":
        return booleans_of(column)
    if isinstance(spec, str):
        return _fixed_of(column, spec)
    return _RESTORE[spec["kind"]](spec, column)


def _fixed_of(column: Column, dtype: str) -> NdArray:
    return np.ndarray((len(column),), dtype=dtype, buffer=column.data())


def booleans_of(column: Column) -> NdArray:
    return np.frombuffer(column.booleans(), dtype=np.bool_)


def _mask_of(column: Column) -> NdArray:
    return np.frombuffer(column.missing(), dtype=np.bool_)


def _objects_of(column: Column, missing: str) -> NdArray:
    objects: NdArray = np.empty(len(column), dtype=object)
    objects[:] = column.texts(_MISSING[missing])
    return objects


def _restore_masked(spec: Any, column: Column) -> Any:
    name = spec["dtype"]
    values = booleans_of(column) if name == "boolean" else _fixed_of(column, name.lower())
    return _MASKED_BY_NAME[name](values, _mask_of(column), copy=False)


def _restore_moment(spec: Any, column: Column) -> Any:
    dtype = pd.DatetimeTZDtype(spec["unit"], restore_zone(spec["zone"], spec["from"]))
    moments = _fixed_of(column, f"M8[{spec['unit']}]")
    return dtype.construct_array_type()._simple_new(moments, dtype=dtype)


def _restore_string(spec: Any, column: Column) -> Any:
    dtype = pd.StringDtype(spec["storage"], na_value=_MISSING[spec["missing"]])
    if spec["storage"] == "pyarrow":
        return dtype.__from_arrow__(_pyarrow().array(column))
    return pd.array(_objects_of(column, spec["missing"]), dtype=dtype, copy=False)


def _restore_categorical(spec: Any, column: Column) -> Any:
    codes = column.codes()
    name = restore_name(spec["name"])
    categories = restore_flat_index(spec["categories"], column.categories(), name)
    dtype = pd.CategoricalDtype(categories, ordered=spec["ordered"])
    return pd.Categorical.from_codes(_fixed_of(codes, codes.type), dtype=dtype, validate=False)


def _restore_arrow(spec: Any, column: Column) -> Any:
    array = _pyarrow().array(column)
    return pd.ArrowDtype(array.type).__from_arrow__(array)


_RESTORE = {
    "object": lambda spec, column: _objects_of(column, spec["missing"]),
    "string": _restore_string,
    "masked": _restore_masked,
    "moment": _restore_moment,
    "categorical": _restore_categorical,
    "arrow": _restore_arrow,
}


def _pyarrow() -> Any:
    # pandas without pyarrow can't hold such a column at all.
    import pyarrow

    return pyarrow


def flat_index(index: Any) -> tuple[Spec, Piece]:
    """The column of an index of one level, and the spec to make the index again but for its name.

    Raises
    ------
    Unfit
        Arrow can't hold it exactly.
    """
    if type(index) not in _FLAT_INDEXES:
        raise Unfit(f"an index of type {type(index).__name__}")
    piece = column_of(values_of(index), index.dtype)
    spec = {"dtype": piece.spec}
    if type(index) is pd.RangeIndex:
        spec["range"] = [index.start, index.stop, index.step]
    frequency = getattr(index, "freq", None)
    if frequency is not None:
        text = index.freqstr
        again = pd.tseries.frequencies.to_offset(text)
        if type(again) is not type(frequency) or again != frequency:
            raise Unfit(f"an index with the frequency {text}")
        spec["frequency"] = text
    return spec, piece


def restore_flat_index(spec: Any, column: Column, name: Any) -> Any:
    """The index that `flat_index` was given."""
    if "range" in spec:
        return pd.RangeIndex(*spec["range"], name=name)
    values = restore(spec["dtype"], column)
    index = pd.Index(values, dtype=values.dtype, name=name, copy=False)
    if "frequency" in spec:
        index.freq = spec["frequency"]
    return index
