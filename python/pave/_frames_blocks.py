"""The blocks of a DataFrame: neighbouring columns of one dtype as one array.

Owns: all that is known here of how pandas lays out its columns.
Must not: be needed for correctness; where pandas' insides differ, columns are taken one by one.

Imported only once a frame is met, so pandas and numpy are loaded already.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from pave._frames_columns import Spec, booleans_of, restore, values_of
from pave._native import Frame

__all__ = ["assemble", "blocks_of", "columns_of"]


def blocks_of(value: Any) -> list[tuple[Any, Any]] | None:
    """The blocks of a DataFrame or Series, each with the positions of its columns.

    An array of numpy's dtypes has two dimensions, columns first, for a DataFrame; an extension
    array is one column. `None` if this pandas has no such blocks.
    """
    try:
        blocks = [(block.values, block.mgr_locs.as_array) for block in value._mgr.blocks]
    except AttributeError:
        return None
    return [part for values, places in blocks for part in _parts_of(values, places)]


def _parts_of(values: Any, places: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(values.dtype, np.dtype):
        # Moments without a timezone are numpy's in a wrapping.
        yield np.asarray(values), places
    elif values.ndim == 2:
        for row in range(len(places)):
            yield values[row], places[row : row + 1]
    else:
        yield values, places


def columns_of(frame: Any) -> list[tuple[Any, Any]]:
    """Of each column of a DataFrame, what `values_of` gives, and its dtype."""
    blocks = blocks_of(frame)
    if blocks is None:
        return [(values_of(each), each.dtype) for _, each in frame.items()]
    columns: list[Any] = [None] * frame.shape[1]
    for values, places in blocks:
        dtype = values.dtype
        if isinstance(dtype, np.dtype):
            for row, place in enumerate(places.tolist()):
                columns[place] = (values[row], dtype)
        else:
            is_zoned = isinstance(dtype, pd.DatetimeTZDtype)
            columns[int(places[0])] = (values.asi8 if is_zoned else values, dtype)
    return columns


def assemble(frame: Frame, dtypes: list[Spec], index: Any, labels: Any) -> Any:
    """The DataFrame of a stored frame's first columns, over its memory where that can be."""
    blocks = _read_blocks(frame, dtypes)
    try:
        from pandas.api.internals import create_dataframe_from_blocks
    except ImportError:
        # Before pandas 3: frames of one block each, side by side.
        frames = [
            pd.DataFrame({0: values} if values.ndim == 1 else values.T, index=index, copy=False)
            for values, _ in blocks
        ]
        value = pd.concat(frames, axis=1, copy=False) if frames else pd.DataFrame(index=index)
        value.columns = labels
        return value
    return create_dataframe_from_blocks(blocks, index=index, columns=labels)


def _read_blocks(frame: Frame, dtypes: list[Spec]) -> list[tuple[Any, Any]]:
    blocks = []
    at = 0
    while at < len(dtypes):
        spec = dtypes[at]
        if not isinstance(spec, str):
            values = restore(spec, frame.column(at))
            if spec["kind"] == "object":
                values = values.reshape(1, -1)
            count = 1
        else:
            count = _same_from(dtypes, at)
            read = _boolean_block if spec == "bool" else _fixed_block
            values = read(frame, spec, at, count)
            count = len(values)
        blocks.append((values, np.arange(at, at + count)))
        at += count
    return blocks


def _same_from(dtypes: list[Spec], at: int) -> int:
    end = at + 1
    while end < len(dtypes) and dtypes[end] == dtypes[at]:
        end += 1
    return end - at


def _boolean_block(frame: Frame, dtype: str, at: int, count: int) -> Any:
    values: Any = np.empty((count, frame.rows), dtype=dtype)
    for row in range(count):
        values[row] = booleans_of(frame.column(at + row))
    return values


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
