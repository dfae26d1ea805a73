"""Data frames and series of pandas: their axes, names and notes around the columns.

Owns: the description that makes a frame again from its Arrow columns, exactly.
Must not: need pyarrow, unless the frame itself holds pyarrow's columns.
Start reading at: `encode_pandas` and `restore_pandas`; the columns are in `_frames_columns.py`.

Imported only once a frame is met, so pandas and numpy are loaded already.
"""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from pave._frames_blocks import assemble, columns_of
from pave._frames_columns import column_of, restore, values_of
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

__all__ = ["encode_pandas", "notes_of", "restore_pandas"]


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
        described = {"type": kind, "index": index, **notes_of(value)}
        if kind == "pandas.Series":
            names = ["value" if value.name is None else field_name(value.name)]
            pieces = [column_of(values_of(value), value.dtype)]
            described["name"] = name_to_json(value.name)
        else:
            names = [field_name(label) for label in value.columns]
            pieces = [column_of(values, dtype) for values, dtype in columns_of(value)]
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
        value = assemble(frame, dtypes, index, labels)
    if "attrs" in described:
        value.attrs = restore_plain(described["attrs"])
    if "unique_labels" in described:
        value.flags.allows_duplicate_labels = False
    return value


def notes_of(value: Any) -> dict[str, Any]:
    """What a frame carries besides data and axes: nothing in most cases.

    Raises
    ------
    Unfit
        Its `attrs` aren't plain values.
    """
    notes: dict[str, Any] = {}
    if value.attrs:
        notes["attrs"] = plain_to_json(value.attrs)
    if not value.flags.allows_duplicate_labels:
        notes["unique_labels"] = True
    return notes
