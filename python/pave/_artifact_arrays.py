"""Numpy arrays and scalars as stored arrays, sharing their memory, and back.

Owns: which dtypes are stored as they are, and how structured ones are described.
Must not: import numpy; a value that is an array has loaded it.
"""

from __future__ import annotations

import json
import sys
from typing import Any, Literal

from pave._native import Encoded, Payload

__all__ = ["encode_array", "fingerprint", "restore_array"]

_KINDS = frozenset("biufcmMSUV")
_SCALAR_KINDS = frozenset("biufcmM")
# Longer floats differ between machines and hold bytes that mean nothing.
_WIDEST = {"f": 8, "c": 16}


def encode_array(value: Any) -> Encoded | None:
    """The payload of an array or of a numpy scalar; `None` for what has no exact stored form."""
    np = sys.modules["numpy"]
    dtype = value.dtype
    if type(value) is not np.ndarray:
        return _encode_scalar(np, value)
    name, fields = _describe(np, dtype)
    if name is None:
        return None
    is_fortran = value.flags.f_contiguous and not value.flags.c_contiguous
    if not is_fortran:
        value = np.ascontiguousarray(value).reshape(value.shape)
    extra = [] if fields is None else [("fields", fields)]
    elements = _elements(np, value.T if is_fortran else value)
    return Encoded.array(name, list(value.shape), is_fortran, extra, elements)


def _encode_scalar(np: Any, value: Any) -> Encoded | None:
    dtype = value.dtype
    name, fields = _describe(np, dtype)
    if name is None or fields is not None or dtype.kind not in _SCALAR_KINDS:
        return None
    # Some classes share a dtype's text with another class.
    if np.dtype(name).type is not type(value):
        return None
    element = np.array(value, dtype=dtype)
    return Encoded.array(name, [], False, [("scalar", "1")], _elements(np, element))


def _elements(np: Any, array: Any) -> Any:
    """The elements' own memory as bytes, which every dtype can export."""
    if array.size == 0 or array.itemsize == 0:
        return b""
    return array.reshape(-1).view(np.uint8)


def restore_array(payload: Payload) -> Any:
    """The array or scalar of a payload; an array lies in the payload's memory."""
    import numpy as np

    name, shape, is_fortran, extra, elements = payload.array()
    notes = dict(extra)
    dtype = np.dtype(name)
    if "fields" in notes:
        dtype = _restore_dtype(np, json.loads(notes["fields"]))
    order: Literal["C", "F"] = "F" if is_fortran else "C"
    if dtype.itemsize == 0:
        return np.ndarray(tuple(shape), dtype=dtype, order=order)
    array = np.ndarray(tuple(shape), dtype=dtype, buffer=elements, order=order)
    return array[()] if "scalar" in notes else array


def fingerprint(array: Any) -> tuple[Any, ...]:
    """Where an array lies and how its memory is to be read."""
    place = array.__array_interface__["data"][0]
    return (place, array.shape, array.strides, array.dtype, array.dtype.str)


def _describe(np: Any, dtype: Any) -> tuple[str | None, str | None]:
    """The dtype's text, and for a structured one its description; `(None, None)` if not exact."""
    if dtype.fields is not None or dtype.subdtype is not None:
        described = _fields(np, dtype)
        if described is None:
            return None, None
        return f"|V{dtype.itemsize}", json.dumps(described)
    if not _is_plain(np, dtype):
        return None, None
    return dtype.str, None


def _is_plain(np: Any, dtype: Any) -> bool:
    # Classes that other packages add have a dtype class of their own.
    is_own = type(dtype).__module__ == "numpy.dtypes" or type(dtype) is np.dtype
    return (
        is_own
        and dtype.metadata is None
        and dtype.kind in _KINDS
        and dtype.itemsize <= _WIDEST.get(dtype.kind, dtype.itemsize)
        and np.dtype(dtype.str) == dtype
    )


def _fields(np: Any, dtype: Any) -> Any:
    """A structured dtype as JSON; `None` if it isn't exact."""
    if dtype.metadata is not None:
        return None
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        inner = _fields(np, base)
        return None if inner is None else {"base": inner, "shape": list(shape)}
    if dtype.fields is None:
        return dtype.str if _is_plain(np, dtype) else None
    if dtype.type is not np.void:
        return None
    formats = []
    titles = []
    for name in dtype.names:
        part, _, title = (*dtype.fields[name], None)[:3]
        formats.append(_fields(np, part))
        titles.append(title)
    if None in formats or not all(title is None or type(title) is str for title in titles):
        return None
    described = {
        "names": list(dtype.names),
        "formats": formats,
        "offsets": [dtype.fields[name][1] for name in dtype.names],
        "titles": titles,
        "itemsize": dtype.itemsize,
        "aligned": dtype.isalignedstruct,
    }
    again = _restore_dtype(np, described)
    is_same = again == dtype and again.isalignedstruct == dtype.isalignedstruct
    return described if is_same else None


def _restore_dtype(np: Any, described: Any) -> Any:
    if isinstance(described, str):
        return np.dtype(described)
    if "base" in described:
        return np.dtype((_restore_dtype(np, described["base"]), tuple(described["shape"])))
    parts = {key: described[key] for key in ("names", "offsets", "itemsize")}
    parts["formats"] = [_restore_dtype(np, part) for part in described["formats"]]
    if any(title is not None for title in described["titles"]):
        parts["titles"] = described["titles"]
    return np.dtype(parts, align=described["aligned"])
