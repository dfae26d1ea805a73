"""Data frames and series of pandas: their axes, names and notes around the columns.

Owns: the description that makes a frame again from its Arrow columns, exactly.
Must not: need pyarrow, unless the frame itself holds pyarrow's columns.
Start reading at: `encode_pandas` and `restore_pandas`; the columns are in `_frames_columns.py`.

Imported only once a frame is met, so pandas and numpy are loaded already.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd

from pave._frames_columns import Spec, booleans_of, column_of, restore, values_of
from pave._frames_indexes import (
    describe_index,
    describe_labels,
    index_names,
    restore_index,
    restore_labels,
)
from pave._frames_names import (
    Unfit,
    field_name,
    name_to_json,
    plain_to_json,
    restore_name,
    restore_plain,
)
from pave._native import Frame

__all__ = ["Baseline", "encode_pandas", "restore_pandas"]


def encode_pandas(value: Any, kind: str, key: str) -> Frame | None:
    """The frame of a DataFrame or Series; `None` if Arrow can't hold it exactly.

    Parameters
    ----------
    value
        The DataFrame or Series.
    kind
        Its class's public name.
    key
        Where the description goes in the frame's metadata.
    """
    try:
        index, index_pieces = describe_index(value.index)
        described = {"type": kind, "index": index, **_notes(value)}
        if kind == "pandas.Series":
            names = ["value" if value.name is None else field_name(value.name)]
            pieces = [column_of(values_of(value), value.dtype)]
            described["name"] = name_to_json(value.name)
        else:
            names = [field_name(label) for label in value.columns]
            pieces = [column_of(values_of(each), each.dtype) for _, each in value.items()]
            described["columns"] = describe_labels(value.columns)
        described["dtypes"] = [piece.spec for piece in pieces]
        names += index_names(value.index, len(index_pieces))
        columns = [piece.build() for piece in pieces + index_pieces]
        return Frame(names, columns, {key: json.dumps(described)}, len(value))
    except (Unfit, UnicodeError):
        return None


def restore_pandas(frame: Frame, described: Any) -> Any:
    """The DataFrame or Series, over the frame's memory where the layouts agree."""
    dtypes = described["dtypes"]
    rest = [frame.column(at) for at in range(len(dtypes), len(frame.names))]
    index = restore_index(described["index"], rest)
    if described["type"] == "pandas.Series":
        values = restore(dtypes[0], frame.column(0))
        name = restore_name(described["name"])
        value = pd.Series(values, index=index, dtype=values.dtype, name=name, copy=False)
    else:
        labels = restore_labels(described["columns"], frame.names[: len(dtypes)])
        value = _assemble(_blocks(frame, dtypes), index, labels)
    if "attrs" in described:
        value.attrs = restore_plain(described["attrs"])
    if "unique_labels" in described:
        value.flags.allows_duplicate_labels = False
    return value


def _notes(value: Any) -> dict[str, Any]:
    """What a frame carries besides data; nothing in most cases."""
    notes: dict[str, Any] = {}
    if value.attrs:
        notes["attrs"] = plain_to_json(value.attrs)
    if not value.flags.allows_duplicate_labels:
        notes["unique_labels"] = True
    return notes


# Blocks: neighbours of one dtype become one two-dimensional array over the mapped memory.


def _blocks(frame: Frame, dtypes: list[Spec]) -> list[tuple[Any, Any]]:
    blocks = []
    at = 0
    while at < len(dtypes):
        spec = dtypes[at]
        if not isinstance(spec, str):
            values = restore(spec, frame.column(at))
            count = 1
            if spec["kind"] == "object":
                values = values.reshape(1, -1)
        else:
            count = _same_from(dtypes, at)
            if spec == "bool":
                values = np.empty((count, frame.rows), dtype=np.bool_)
                for row in range(count):
                    values[row] = booleans_of(frame.column(at + row))
            else:
                values = _fixed_block(frame, spec, at, count)
                count = len(values)
        blocks.append((values, np.arange(at, at + count)))
        at += count
    return blocks


def _same_from(dtypes: list[Spec], at: int) -> int:
    end = at + 1
    while end < len(dtypes) and dtypes[end] == dtypes[at]:
        end += 1
    return end - at


def _fixed_block(frame: Frame, dtype: str, at: int, count: int) -> Any:
    """As many of `count` columns as lie at equal distances, as one array without copying."""
    rows = frame.rows
    width = np.dtype(dtype).itemsize
    if rows == 0:
        return np.empty((count, 0), dtype=dtype)
    first = frame.column(at)
    start = first.offset
    if start is None:
        return np.ndarray((1, rows), dtype=dtype, buffer=first.data())
    distance = rows * width
    taken = 1
    while taken < count:
        offset = frame.column(at + taken).offset
        if taken == 1 and offset is not None and offset > start:
            distance = offset - start
        if offset != start + taken * distance or distance < rows * width:
            break
        taken += 1
    return np.ndarray(
        (taken, rows), dtype=dtype, buffer=frame.memory, offset=start, strides=(distance, width)
    )


def _assemble(blocks: list[tuple[Any, Any]], index: Any, labels: Any) -> Any:
    try:
        from pandas.api.internals import create_dataframe_from_blocks
    except ImportError:
        # Before pandas 3, which makes one frame of many blocks only by name.
        columns: dict[int, Any] = {}
        for values, places in blocks:
            rows = [values] if values.ndim == 1 else list(values)
            columns.update(zip(places.tolist(), rows, strict=True))
        frame = pd.DataFrame(columns, index=index, copy=False)
        frame.columns = labels
        return frame
    return create_dataframe_from_blocks(blocks, index=index, columns=labels)


class Baseline:
    """What a restored DataFrame or Series was, to tell later whether it still is.

    Parameters
    ----------
    frame
        The stored frame.
    described
        Its description.
    value
        What was made of it.
    """

    def __init__(self, frame: Frame, described: Any, value: Any) -> None:
        self._frame = frame
        self._dtypes = described["dtypes"]
        self._axes = _axes(value)
        self._names = _names_of(value)
        self._categories = [_categories_of(each) for each in _columns_of(value)]
        # Objects can be exchanged in place, and nothing shows it.
        self._is_provable = not any(_holds_objects(spec) for spec in self._dtypes)

    def is_same(self, value: Any) -> bool:
        """Whether `value` provably is the stored frame, whose memory is known to be clean."""
        if not self._is_provable or not self._has_same_axes(value):
            return False
        columns = _columns_of(value)
        if len(columns) != len(self._dtypes):
            return False
        return all(self._is_same_column(at, each) for at, each in enumerate(columns))

    def _has_same_axes(self, value: Any) -> bool:
        try:
            if _names_of(value) != self._names:
                return False
        except Unfit:
            return False
        pairs = zip(_axes(value), self._axes, strict=True)
        return all(now.is_(then) for now, then in pairs)

    def _is_same_column(self, at: int, values: Any) -> bool:
        then = self._categories[at]
        now = _categories_of(values)
        if then is not None and (now is None or not now.is_(then)):
            return False
        try:
            piece = column_of(values_of(values), values.dtype)
            return bool(piece.spec == self._dtypes[at]) and piece.is_same(self._frame.column(at))
        except Unfit:
            return False


def _axes(value: Any) -> list[Any]:
    return list(value.axes)


def _columns_of(value: Any) -> list[Any]:
    return [value] if value.ndim == 1 else [each for _, each in value.items()]


def _categories_of(values: Any) -> Any:
    return values.dtype.categories if type(values.dtype) is pd.CategoricalDtype else None


def _names_of(value: Any) -> Any:
    """All that may be changed in place about a frame, but for its values."""
    names = [[name_to_json(name) for name in axis.names] for axis in value.axes]
    frequencies = [getattr(axis, "freq", None) for axis in value.axes]
    own = name_to_json(value.name) if value.ndim == 1 else None
    return names, frequencies, own, _notes(value)


def _holds_objects(spec: Spec) -> bool:
    if isinstance(spec, str):
        return False
    return spec["kind"] == "object" or spec.get("storage") == "python"
