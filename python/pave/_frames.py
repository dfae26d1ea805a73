"""Frames as Arrow IPC streams, and back exactly.

Owns: which classes are frames, and the frames of polars and pyarrow; pandas has its own files.
Must not: import pandas, polars or pyarrow to find out what a value is.
Start reading at: `frame_kind` and `encode_frame`; `restore_frame` is the way back.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from pave._native import Encoded, Frame

__all__ = ["FrameTracker", "encode_frame", "frame_kind", "restore_frame"]

#: Key in a frame's metadata under which the description of the Python value is, as JSON.
KEY = "pave"

_KINDS = {
    ("pandas", "DataFrame"): "pandas.DataFrame",
    ("pandas", "Series"): "pandas.Series",
    ("polars", "DataFrame"): "polars.DataFrame",
    ("pyarrow", "Table"): "pyarrow.Table",
    ("pyarrow", "RecordBatch"): "pyarrow.RecordBatch",
}


def frame_kind(value: object) -> str | None:
    """Which kind of frame a value is, exactly; `None` if it is none."""
    kind = type(value)
    for (module, name), text in _KINDS.items():
        loaded = sys.modules.get(module)
        if loaded is not None and getattr(loaded, name, None) is kind:
            return text
    return None


def encode_frame(value: Any, kind: str) -> Encoded | None:
    """The payload of a frame; `None` if Arrow can't hold it exactly."""
    if kind.startswith("pandas."):
        from pave._frames_pandas import encode_pandas

        frame = encode_pandas(value, kind, KEY)
    else:
        frame = _encode_arrow(value, kind)
    try:
        return None if frame is None else frame.encode()
    except ValueError:
        # A type that Arrow has in memory but not in its stream.
        return None


def restore_frame(frame: Frame) -> Any:
    """The Python value of a frame, over its memory where that can be."""
    metadata = frame.metadata
    described = json.loads(metadata.pop(KEY))
    if described["type"].startswith("pandas."):
        from pave._frames_pandas import restore_pandas

        return restore_pandas(frame, described)
    if "shadowed" in described:
        metadata[KEY] = described["shadowed"]
    return _restore_arrow(frame.with_metadata(metadata), described["type"])


def _encode_arrow(value: Any, kind: str) -> Frame | None:
    try:
        frame = Frame.from_stream(value)
        if not _survives(value, kind):
            return None
    except Exception:
        # Whatever one of the libraries can't hand on, its own pickle may.
        return None
    metadata = frame.metadata
    described = {"type": kind}
    if KEY in metadata:
        described["shadowed"] = metadata[KEY]
    return frame.with_metadata({**metadata, KEY: json.dumps(described)})


def _survives(value: Any, kind: str) -> bool:
    """Whether a frame of the same columns without rows comes back with the same columns."""
    if kind == "polars.DataFrame":
        again = _restore_arrow(_copy(value.clear()), kind)
        return bool(again.schema == value.schema)
    again = _restore_arrow(_copy(value.schema.empty_table()), "pyarrow.Table")
    return bool(again.schema.equals(value.schema, check_metadata=True))


def _copy(value: Any) -> Frame:
    return Frame.from_bytes(Frame.from_stream(value).to_bytes())


def _restore_arrow(frame: Frame, kind: str) -> Any:
    if kind == "polars.DataFrame":
        import polars

        return polars.DataFrame(frame)
    import pyarrow

    reader = pyarrow.RecordBatchReader.from_stream(frame)
    if kind == "pyarrow.Table":
        return reader.read_all()
    for batch in reader:
        return batch
    # A batch without rows doesn't travel.
    columns = [column.combine_chunks() for column in reader.schema.empty_table().columns]
    return pyarrow.RecordBatch.from_arrays(columns, schema=reader.schema)


class FrameTracker:
    """Tells whether a frame that was read still is what is stored.

    Parameters
    ----------
    frame
        The stored frame.
    value
        The value that was made of it.
    """

    def __init__(self, frame: Frame, value: Any) -> None:
        self._frame = frame
        self._kind = frame_kind(value)
        self._value: Any = value if self._kind != "polars.DataFrame" else None
        if self._kind is not None and self._kind.startswith("pandas."):
            from pave._frames_baseline import Baseline

            # Without the value itself: holding it would make pandas copy on the first write.
            self._value = Baseline(frame, json.loads(frame.metadata[KEY]), value)

    def is_unchanged(self, value: Any) -> bool:
        """Whether `value` provably is the stored frame, whose memory is known to be clean."""
        kind = frame_kind(value)
        if kind is None or kind != self._kind:
            return False
        if kind.startswith("pandas."):
            return bool(self._value.is_same(value))
        if kind == "polars.DataFrame":
            return _is_same_memory(self._frame, value)
        # pyarrow's tables can't change.
        return value is self._value


def _is_same_memory(frame: Frame, value: Any) -> bool:
    try:
        return frame.is_same(value)
    except Exception:
        return False
