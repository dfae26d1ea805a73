"""Whether a DataFrame or Series that was read still is what is stored.

Owns: the proof, from what can't be changed without a trace.
Must not: read the values themselves, but for truth values and masks, which are stored packed.

Imported only once a frame is met, so pandas and numpy are loaded already.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pave._frames_blocks import blocks_of
from pave._frames_columns import Spec, booleans_of, column_of
from pave._frames_names import Unfit, name_to_json
from pave._frames_pandas import notes_of
from pave._native import Frame

__all__ = ["Baseline"]


class _Block(NamedTuple):
    """What identifies a block: nothing here keeps pandas from changing it in place."""

    places: list[int]
    dtype: Any
    layout: Any
    """Of an array: where it lies and how; of a column of its own: its categories, if any."""


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
        self._axes = list(value.axes)
        self._names = _names_of(value)
        # Objects can be exchanged in place, and nothing shows it.
        is_provable = not any(map(_holds_objects, self._dtypes))
        self._blocks: list[_Block] | None = None
        blocks = blocks_of(value) if is_provable else None
        if blocks is not None:
            identified = [_identify(*block) for block in blocks]
            if all(map(self._lies_in_payload, identified)):
                self._blocks = identified

    def is_same(self, value: Any) -> bool:
        """Whether `value` provably is the stored frame, whose memory is known to be clean."""
        if self._blocks is None or not self._has_same_axes(value):
            return False
        blocks = blocks_of(value)
        if blocks is None or len(blocks) != len(self._blocks):
            return False
        pairs = zip(self._blocks, blocks, strict=True)
        return all(self._is_same_block(then, *now) for then, now in pairs)

    def _lies_in_payload(self, block: _Block) -> bool:
        """Whether writing to the block shows as writing to the payload, where it matters."""
        if not isinstance(block.dtype, np.dtype) or block.dtype.kind == "b" or not self._frame.rows:
            return True
        column = self._frame.column(block.places[0])
        return column.offset is not None and column.address == block.layout[0]

    def _has_same_axes(self, value: Any) -> bool:
        try:
            if _names_of(value) != self._names:
                return False
        except Unfit:
            return False
        pairs = zip(value.axes, self._axes, strict=True)
        return all(now.is_(then) for now, then in pairs)

    def _is_same_block(self, then: _Block, values: Any, places: Any) -> bool:
        now = _identify(values, places)
        if now.places != then.places or now.dtype != then.dtype:
            return False
        if isinstance(now.dtype, np.dtype):
            if now.dtype.kind == "b":
                return self._has_same_booleans(values, now.places)
            return bool(now.layout == then.layout)
        if then.layout is not None and not now.layout.is_(then.layout):
            return False
        return self._is_same_column(values, now.places[0])

    def _has_same_booleans(self, values: Any, places: list[int]) -> bool:
        rows = values.reshape(len(places), -1)
        pairs = zip(rows, places, strict=True)
        return all(np.array_equal(row, booleans_of(self._frame.column(at))) for row, at in pairs)

    def _is_same_column(self, values: Any, at: int) -> bool:
        is_zoned = isinstance(values.dtype, pd.DatetimeTZDtype)
        try:
            piece = column_of(values.asi8 if is_zoned else values, values.dtype)
            return bool(piece.spec == self._dtypes[at]) and piece.is_same(self._frame.column(at))
        except Unfit:
            return False


def _identify(values: Any, places: Any) -> _Block:
    dtype = values.dtype
    layout: Any = None
    if isinstance(dtype, np.dtype):
        layout = (values.__array_interface__["data"][0], values.shape, values.strides)
    elif isinstance(dtype, pd.CategoricalDtype):
        layout = dtype.categories
    return _Block(places.tolist(), dtype, layout)


def _names_of(value: Any) -> Any:
    """All that may be changed in place about a frame, but for its values."""
    names = [[name_to_json(name) for name in axis.names] for axis in value.axes]
    frequencies = [getattr(axis, "freq", None) for axis in value.axes]
    own = name_to_json(value.name) if value.ndim == 1 else None
    return names, frequencies, own, notes_of(value)


def _holds_objects(spec: Spec) -> bool:
    if isinstance(spec, str):
        return False
    return spec["kind"] == "object" or spec.get("storage") == "python"
