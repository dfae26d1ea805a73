"""Reads `--with` texts such as `retry:times=4,minutes_between_retries=0`.

Owns: the grammar of such a text, and which steps it reaches.
"""

from __future__ import annotations

from .decorators import STEP_DECORATORS, Applied
from .exceptions import InvalidDecoratorAttribute, UnknownStepDecoratorException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def parse(text: str) -> Applied:
    """Reads one text.

    Raises
    ------
    UnknownStepDecoratorException
        If no step decorator has this name.
    InvalidDecoratorAttribute
        If it doesn't have such an argument.

    Examples
    --------
    >>> parse("retry:times=4")
    @retry(times=4, minutes_between_retries=2)
    """
    name, _, rest = text.partition(":")
    name = name.strip().lstrip("@")
    decorator = STEP_DECORATORS.get(name)
    if decorator is None:
        known = ", ".join(f"`{each}`" for each in sorted(STEP_DECORATORS))
        raise UnknownStepDecoratorException(
            f"--with {text}: no step decorator is called `{name}`; there are {known}", 0, ""
        )
    try:
        return decorator.applied(_arguments(rest), is_static=False)
    except InvalidDecoratorAttribute as error:
        # It stands on the command line, not in a file.
        raise InvalidDecoratorAttribute(f"--with {text}: {error.message}", 0, "") from None


def attach(existing: list[Applied], added: list[Applied]) -> list[Applied]:
    """Adds the decorators of `--with` to those of a step; one in the source wins.

    Given twice, the later one wins, unless a step may have several.
    """
    result = list(existing)
    for applied in added:
        same = [other for other in result if other.name == applied.name]
        if any(other.is_static for other in same):
            continue
        if same and not STEP_DECORATORS[applied.name].allow_multiple:
            result.remove(same[0])
        result.append(applied)
    return result


def _arguments(text: str) -> dict[str, Any]:
    """Splits at those commas that begin a further `name=`."""
    parts: list[str] = []
    for piece in text.split(",") if text.strip() else []:
        name, equals, _ = piece.partition("=")
        if parts and not (equals and name.strip().isidentifier()):
            parts[-1] += "," + piece
        else:
            parts.append(piece)
    given = {}
    for part in parts:
        name, equals, value = part.partition("=")
        given[name.strip()] = _value(value.strip()) if equals else True
    return given


def _value(text: str) -> Any:
    from json import loads

    try:
        return loads(text)
    except ValueError:
        pass
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            pass
    return text
