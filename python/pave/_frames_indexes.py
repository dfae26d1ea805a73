"""Indexes and column labels of pandas: as Arrow columns and a description, and back exactly.

Owns: ranges (three numbers), flat indexes (a column), levels (a dictionary column each), labels.
Must not: lose a name, a frequency or a level's unused values.

Imported only once a frame is met, so pandas and numpy are loaded already.
"""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pandas as pd

from pave._frames_columns import Dictionary, Piece, Spec, flat_index, restore_flat_index
from pave._frames_names import Unfit, name_to_json, plain_to_json, restore_name, restore_plain
from pave._native import Column, Frame

__all__ = [
    "describe_index",
    "describe_labels",
    "index_names",
    "restore_index",
    "restore_labels",
]


def describe_index(index: Any) -> tuple[Spec, list[Piece]]:
    """The columns of an index, and the spec to make it again from them.

    Raises
    ------
    Unfit
        Arrow can't hold it exactly.
    """
    if type(index) is pd.RangeIndex:
        bounds = [index.start, index.stop, index.step]
        return {"kind": "range", "range": bounds, "name": name_to_json(index.name)}, []
    if type(index) is pd.MultiIndex:
        pairs = zip(index.codes, index.levels, strict=True)
        levels = [_describe_level(codes, level) for codes, level in pairs]
        pieces: list[Piece] = [piece for _, piece in levels]
        spec = {
            "kind": "multi",
            "levels": [spec for spec, _ in levels],
            "names": [name_to_json(name) for name in index.names],
            "sortorder": None if index.sortorder is None else int(index.sortorder),
        }
        return spec, pieces
    spec, piece = flat_index(index)
    return {"kind": "flat", **spec, "name": name_to_json(index.name)}, [piece]


def restore_index(spec: Spec, columns: list[Column]) -> Any:
    """The index that `describe_index` was given."""
    if spec["kind"] == "range":
        return pd.RangeIndex(*spec["range"], name=restore_name(spec["name"]))
    if spec["kind"] == "flat":
        return restore_flat_index(spec, columns[0], restore_name(spec["name"]))
    pairs = zip(spec["levels"], columns, strict=True)
    levels = [_restore_level(level, column) for level, column in pairs]
    return pd.MultiIndex(
        levels=[level for level, _ in levels],
        codes=[codes for _, codes in levels],
        names=[restore_name(name) for name in spec["names"]],
        sortorder=spec["sortorder"],
        verify_integrity=False,
    )


def _describe_level(codes: Any, level: Any) -> tuple[Spec, Dictionary]:
    """A level as a dictionary of its values.

    Arrow has no dictionary of dictionaries: a level of categories becomes the dictionary of these,
    and the description says which of them the level has, in which order.
    """
    if type(level) is not pd.CategoricalIndex:
        piece = Dictionary(codes, level, False)
        return piece.spec["categories"], piece
    order = np.asarray(level.codes)
    if (order < 0).any():
        raise Unfit("a missing category as a level's value")
    within: Any = np.append(order, np.array([-1], dtype=order.dtype))
    piece = Dictionary(within[np.asarray(codes)], level.categories, bool(level.ordered))
    return {**piece.spec, "order": order.tolist()}, piece


def _restore_level(spec: Spec, column: Column) -> tuple[Any, Any]:
    codes = column.codes()
    values = np.ndarray(len(codes), dtype=codes.type, buffer=codes.data())
    if "order" not in spec:
        return restore_flat_index(spec, column.categories(), None), values
    name = restore_name(spec["name"])
    categories = restore_flat_index(spec["categories"], column.categories(), name)
    dtype = pd.CategoricalDtype(categories, ordered=spec["ordered"])
    level = pd.Categorical.from_codes(spec["order"], dtype=dtype)
    # Missing is -1: the last place.
    places = np.full(len(categories) + 1, -1)
    places[spec["order"]] = np.arange(len(level))
    return pd.CategoricalIndex(level), places[values]


def index_names(index: Any, count: int) -> list[str]:
    """The fields' names for the columns of an index."""
    names = list(index.names)[:count]
    return [
        name if type(name) is str else f"__index_level_{level}__"
        for level, name in enumerate(names)
    ]


# Column labels: the fields' own names if that is all there is to them, else a frame of their own.


def describe_labels(labels: Any) -> Spec:
    """The spec to make column labels again, given the fields' names.

    Raises
    ------
    Unfit
        They can't be described exactly.
    """
    if type(labels) is pd.Index and all(type(label) is str for label in labels):
        dtype = labels.dtype
        if _holds_objects(labels):
            return {"kind": "fields", "name": name_to_json(labels.name)}
        if type(dtype) is pd.StringDtype:
            missing = "NA" if dtype.na_value is pd.NA else "nan"
            strings = {"storage": dtype.storage, "missing": missing}
            return {"kind": "fields", "strings": strings, "name": name_to_json(labels.name)}
    try:
        spec, pieces = describe_index(labels)
    except Unfit:
        if type(labels) is not pd.Index or not _holds_objects(labels):
            raise
        plain = plain_to_json(list(labels))
        return {"kind": "plain", "plain": plain, "name": name_to_json(labels.name)}
    if spec["kind"] == "range":
        return spec
    names = [f"level_{level}" for level in range(len(pieces))]
    frame = Frame(names, [piece.build() for piece in pieces], {}, len(labels))
    try:
        stream = frame.to_bytes()
    except ValueError as error:
        raise Unfit(str(error)) from error
    return {"kind": "frame", "index": spec, "frame": base64.b64encode(stream).decode()}


def _holds_objects(index: Any) -> bool:
    return isinstance(index.dtype, np.dtype) and index.dtype.kind == "O"


def restore_labels(spec: Spec, fields: list[str]) -> Any:
    """The labels that `describe_labels` was given."""
    if spec["kind"] == "range":
        return restore_index(spec, [])
    if spec["kind"] == "frame":
        frame = Frame.from_bytes(base64.b64decode(spec["frame"]))
        columns = [frame.column(at) for at in range(len(frame.names))]
        return restore_index(spec["index"], columns)
    name = restore_name(spec["name"])
    if spec["kind"] == "plain":
        labels = restore_plain(spec["plain"])
        objects: Any = np.empty(len(labels), dtype=object)
        objects[:] = labels
        return pd.Index(objects, dtype=object, name=name)
    dtype: Any = object
    if "strings" in spec:
        missing = pd.NA if spec["strings"]["missing"] == "NA" else np.nan
        dtype = pd.StringDtype(spec["strings"]["storage"], na_value=missing)
    return pd.Index(fields, dtype=dtype, name=name)
