"""What people see of an artifact without loading it.

Owns: type names and short labels.
Must not: run user code, not even `__repr__`, `__len__` or `__class__` of a user's class.
"""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["LIMIT", "label_of", "type_name"]

LIMIT = 80

_SIZED = (dict, list, tuple, set, frozenset)
_SHOWN = frozenset(
    "datetime.date datetime.datetime datetime.time datetime.timedelta "
    "decimal.Decimal uuid.UUID".split()
)


def type_name(value: object) -> str:
    """The name of a value's class, with its module unless that is `builtins`."""
    kind = type(value)
    module = _static(kind, "__module__")
    name = _static(kind, "__qualname__")
    return name if module in ("", "builtins") else f"{module}.{name}"


def _static(kind: type, name: str) -> str:
    """A text that `type` itself knows of a class, whatever a metaclass says."""
    text = type.__dict__[name].__get__(kind)
    return text if type(text) is str else ""


def label_of(value: object) -> str:
    """A short form of a value, of at most `LIMIT` characters.

    Examples
    --------
    >>> label_of({"a": 1, "b": 2})
    'dict of 2'
    >>> label_of("some text")
    'str "some text"'
    >>> label_of(0.1)
    '0.1'
    """
    kind = type(value)
    if value is None or kind in (bool, float, complex):
        return repr(value)
    if kind is int:
        bits = value.bit_length()  # type: ignore[attr-defined]
        return repr(value) if bits <= 200 else f"int of {bits} bits"
    if kind is str:
        return _quoted(value)  # type: ignore[arg-type]
    if kind in _SIZED:
        return f"{kind.__name__} of {len(value)}"  # type: ignore[arg-type]
    if kind in (bytes, bytearray):
        return f"{len(value)} {kind.__name__}"  # type: ignore[arg-type]
    name = type_name(value)
    if kind is range or (name in _SHOWN and _is(kind, *name.split("."))):
        return _cut(str(value))
    return _cut(_foreign(value, kind))


def _foreign(value: Any, kind: type) -> str:
    name = _static(kind, "__name__")
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        if kind is numpy.ndarray:
            shape = "×".join(str(n) for n in value.shape) or "0-d"
            return f"{_dtype(value.dtype)} array {shape}"
        simple = (numpy.number, numpy.bool_, numpy.datetime64, numpy.timedelta64)
        if issubclass(kind, simple) and getattr(numpy, name, None) is kind:
            return str(value)
    if _is(kind, "pandas", "DataFrame") or _is(kind, "polars", "DataFrame"):
        rows, columns = value.shape
        return f"{name} {rows}×{columns}"
    if _is(kind, "pandas", "Series"):
        return f"{name} {len(value)} {value.dtype}"
    if _is(kind, "pyarrow", "Table") or _is(kind, "pyarrow", "RecordBatch"):
        return f"{name} {value.num_rows}×{value.num_columns}"
    return name


def _dtype(dtype: Any) -> str:
    return "structured" if dtype.fields else dtype.name


def _is(kind: type, module: str, name: str) -> bool:
    """Whether a class is `module.name`, without importing the module."""
    loaded = sys.modules.get(module)
    return loaded is not None and kind is getattr(loaded, name, None)


def _quoted(text: str) -> str:
    room = LIMIT - len('str ""…')
    shown = text[:room].replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    shown = "".join(c if c.isprintable() else "�" for c in shown)
    if len(text) > room or len(shown) > room:
        return f'str "{shown[:room]}…"'
    return f'str "{shown}"'


def _cut(text: str) -> str:
    return text if len(text) <= LIMIT else text[: LIMIT - 1] + "…"
