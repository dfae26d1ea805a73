"""Exceptions as data, with the user's own frames.

Owns: `Failure` of the worker protocol, made from an exception; the traceback people see.
Must not: decide what follows from a failure.
"""

from __future__ import annotations

import os

from ..exceptions import type_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from traceback import TracebackException
    from typing import Any

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
#: Frames of these are the import machinery, not anybody's code.
_MACHINERY = ("<frozen importlib", "<frozen runpy", "<frozen zipimport")


def describe(error: BaseException, kind: str | None = None) -> dict[str, Any]:
    """Turns an exception into the protocol's `Failure`.

    Parameters
    ----------
    error
        The exception.
    kind
        The kind of failure; the exception's own where not given.
    """
    return {
        "kind": kind or getattr(error, "kind", None) or "raised",
        "exception": _sound(type_name(error)),
        "message": _sound(_message(error)),
        "traceback": _sound(format_traceback(error)),
    }


def plain(kind: str, message: str, exception: str = "") -> dict[str, Any]:
    """Makes a `Failure` that no exception stands behind."""
    return {"kind": kind, "exception": exception, "message": message, "traceback": ""}


def format_traceback(error: BaseException, *, whole: bool = False) -> str:
    """Formats an exception and its causes as Python does.

    Frames that aren't the user's are left out, unless the `whole` is wanted. Empty where none are
    left: the exception's text says all.
    """
    from traceback import TracebackException

    told = TracebackException.from_exception(error)
    if not whole:
        _keep_user_frames(told, set())
    is_alone = told.__cause__ is None and (told.__context__ is None or told.__suppress_context__)
    bare = not told.stack and is_alone and getattr(told, "exceptions", None) is None
    if bare:
        # A syntax error shows where it is by itself.
        return "".join(told.format_exception_only()) if isinstance(error, SyntaxError) else ""
    return "".join(told.format())


def has_user_frames(error: BaseException) -> bool:
    """Whether an exception passed through the user's own code."""
    frames = error.__traceback__
    while frames is not None:
        if _is_users(frames.tb_frame.f_code.co_filename):
            return True
        frames = frames.tb_next
    return False


def _keep_user_frames(told: TracebackException, seen: set[int]) -> None:
    if id(told) in seen:
        return
    seen.add(id(told))
    told.stack[:] = [frame for frame in told.stack if _is_users(frame.filename)]
    related = [told.__cause__, told.__context__, *(getattr(told, "exceptions", None) or ())]
    for other in related:
        if other is not None:
            _keep_user_frames(other, seen)


def _is_users(file: str) -> bool:
    return not file.startswith(_PACKAGE) and not file.startswith(_MACHINERY)


def _message(error: BaseException) -> str:
    try:
        return str(error) or type(error).__name__
    except Exception:  # A user's own __str__ may fail; the failure itself must still be told.
        return f"{type(error).__name__} (its text can't be shown)"


def _sound(text: str) -> str:
    """Replaces what UTF-8 can't hold."""
    return text.encode("utf-8", "backslashreplace").decode()
