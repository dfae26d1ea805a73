"""Labels and notes of pandas objects as JSON.

Owns: names of axes and series, and `attrs`.
Must not: keep what isn't exactly a plain value; such a frame is pickled.
"""

from __future__ import annotations

import base64
from typing import Any

from pave._native import plain_bytes, plain_value

__all__ = ["Unfit", "field_name", "name_to_json", "plain_to_json", "restore_name", "restore_plain"]


class Unfit(Exception):
    """Arrow can't hold this exactly. The argument says what, for the curious."""


def name_to_json(name: Any) -> Any:
    """A name: `None` and texts as they are, any other plain value as its bytes."""
    if name is None or type(name) is str:
        return name
    return {"plain": plain_to_json(name)}


def restore_name(described: Any) -> Any:
    """The name that `name_to_json` was given."""
    return restore_plain(described["plain"]) if isinstance(described, dict) else described


def plain_to_json(value: Any) -> str:
    """The bytes of a plain value as text.

    Raises
    ------
    Unfit
        It isn't a plain value.
    """
    encoded = plain_bytes(value)
    if encoded is None:
        raise Unfit(f"a {type(value).__name__} as a name or note")
    return base64.b64encode(encoded).decode()


def restore_plain(text: str) -> Any:
    """The value that `plain_to_json` was given."""
    return plain_value(base64.b64decode(text))


def field_name(label: Any) -> str:
    """The text by which other languages know a column."""
    if type(label) is str:
        return label
    if label is None or type(label) in (bool, int, float):
        return str(label)
    if type(label) is tuple:
        return ".".join(field_name(part) for part in label)
    return type(label).__name__
