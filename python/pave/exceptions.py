"""The exceptions that flows may see, raise and catch.

Owns: every public exception class of the flow side, and what a `@catch` artifact holds.
Must not: import anything that `import pave` would pay for.

Class names are those that existing flows catch; `MetaflowException` is the base of all.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

__all__ = [
    "BadFlowDecoratorException",
    "BadStepDecoratorException",
    "CommandException",
    "DataException",
    "DuplicateFlowDecoratorException",
    "DuplicateStepDecoratorException",
    "ExternalCommandFailed",
    "FailureHandledByCatch",
    "InvalidDecoratorAttribute",
    "InvalidNextException",
    "MetaflowDataMissing",
    "MetaflowException",
    "MetaflowExceptionWrapper",
    "MetaflowInternalError",
    "MetaflowInvalidPathspec",
    "MetaflowNamespaceMismatch",
    "MetaflowNotFound",
    "MetaflowTaggingError",
    "MetaflowUnknownUser",
    "MissingInMergeArtifactsException",
    "ParameterFieldFailed",
    "ParameterFieldTypeMismatch",
    "TimeoutException",
    "UnhandledInMergeArtifactsException",
    "UnknownFlowDecoratorException",
    "UnknownStepDecoratorException",
    "UnpicklableArtifactException",
]

_PACKAGE = __name__.rpartition(".")[0]


class MetaflowException(Exception):
    """Base of every exception that the flow system itself raises.

    Parameters
    ----------
    msg
        One sentence: what was tried, on what, why it failed.
    lineno
        Line of the source that caused it, where known.
    source_file
        File of that line, where known.
    """

    headline = "Flow failed"
    #: Kind of failure in the worker protocol.
    kind = "raised"

    def __init__(
        self, msg: str = "", lineno: int | None = None, source_file: str | None = None
    ) -> None:
        self.message = msg
        self.line_no = lineno
        self.source_file = source_file
        super().__init__(msg)

    def __str__(self) -> str:
        if not self.source_file:
            return str(self.message)
        return f"{self.message} ({self.source_file}, line {self.line_no})"


class _DefinitionError(MetaflowException):
    """Something in the source of a flow is wrong; carries the user's file and line."""

    headline = "Invalid definition"
    kind = "definition"
    #: Its error code.
    code = "G016"

    def __init__(self, msg: str, lineno: int | None = None, source_file: str | None = None) -> None:
        _tell_definition_errors()
        if source_file is None:
            frame = user_frame()
            if frame is not None:
                lineno, source_file = frame.f_lineno, frame.f_code.co_filename
        super().__init__(msg, lineno, source_file)


class InvalidDefinition(_DefinitionError):
    """A parameter or a flow is defined in a way that can't work."""

    code = "P004"


class InvalidDecoratorAttribute(_DefinitionError):
    """A decorator was given an argument that it doesn't have."""

    headline = "Unknown decorator attribute"


class UnknownStepDecoratorException(_DefinitionError):
    """No step decorator has this name."""

    headline = "Unknown step decorator"


class UnknownFlowDecoratorException(_DefinitionError):
    """No flow decorator has this name."""

    headline = "Unknown flow decorator"


class DuplicateStepDecoratorException(_DefinitionError):
    """A step has the same decorator twice."""

    headline = "Duplicate decorators"


class DuplicateFlowDecoratorException(_DefinitionError):
    """A flow has the same decorator twice."""

    headline = "Duplicate decorators"


class BadStepDecoratorException(_DefinitionError):
    """A step decorator sits on something that is no step."""

    headline = "Syntax error"


class BadFlowDecoratorException(_DefinitionError):
    """A flow decorator sits on something that is no flow."""

    headline = "Syntax error"


class ParameterFieldFailed(MetaflowException):
    """A function that computes a parameter's default raised."""

    headline = "Parameter field failed"
    kind = "parameter"


class ParameterFieldTypeMismatch(MetaflowException):
    """A parameter's default has not the type that the parameter declares."""

    headline = "Parameter field with a mismatching type"
    kind = "parameter"


class InvalidNextException(MetaflowException):
    """A call of `self.next` that leads nowhere."""

    headline = "Invalid self.next() transition detected"
    kind = "wrong_transition"

    def __init__(self, msg: str, kind: str = "wrong_transition") -> None:
        self.kind = kind
        super().__init__(msg)


class MetaflowInternalError(MetaflowException):
    """A step did not do what its source declares."""

    headline = "Internal error"
    kind = "wrong_transition"


class UnhandledInMergeArtifactsException(MetaflowException):
    """`merge_artifacts` met different values under one name."""

    headline = "Unhandled artifacts in merge"
    kind = "merge"

    def __init__(self, msg: str, unhandled: list[str] | None = None) -> None:
        super().__init__(msg)
        self.artifact_names = unhandled or []


class MissingInMergeArtifactsException(MetaflowException):
    """`merge_artifacts` was told to include a name that no input has."""

    headline = "Missing artifacts in merge"
    kind = "merge"

    def __init__(self, msg: str, unhandled: list[str] | None = None) -> None:
        super().__init__(msg)
        self.artifact_names = unhandled or []


class MergeMisused(MetaflowException):
    """`merge_artifacts` was called where or how it can't work."""

    kind = "merge"


class MetaflowDataMissing(MetaflowException):
    """A task that this one continues left no data."""

    headline = "Data missing"
    kind = "missing_input"


class DataException(MetaflowException):
    """An artifact can't be stored or read."""

    headline = "Data store error"
    kind = "missing_input"


class UnpicklableArtifactException(MetaflowException):
    """An artifact's value can't be stored."""

    headline = "Cannot pickle artifact"
    kind = "unstorable"


class TimeoutException(MetaflowException):
    """`@timeout` interrupted a step."""

    headline = "@timeout"
    kind = "timed_out"


class FailureHandledByCatch(MetaflowException):
    """Stands for a failure that left no exception behind, such as a killed process."""

    headline = "Task execution failed but @catch handled it"


class CommandException(MetaflowException):
    """A command was given what it can't work with."""

    headline = "Invalid command"


class ExternalCommandFailed(MetaflowException):
    """Another program failed."""

    headline = "External command failed"


class MetaflowNotFound(MetaflowException):
    """There is no such object."""

    headline = "Object not found"


class MetaflowNamespaceMismatch(MetaflowException):
    """The object lies outside the current namespace."""

    headline = "Object not in the current namespace"


class MetaflowInvalidPathspec(MetaflowException):
    """Text that names no object."""

    headline = "Invalid pathspec"


class MetaflowTaggingError(MetaflowException):
    """A tag is not allowed."""

    headline = "Tagging error"


class MetaflowUnknownUser(MetaflowException):
    """Nobody can tell who is running this."""

    headline = "Unknown user"


class MetaflowExceptionWrapper(Exception):
    """What is left of an exception, readable without the class of the original.

    Attributes
    ----------
    exception
        Text of the original.
    type
        Its class, such as `builtins.ValueError`.
    stacktrace
        The user's own frames of its traceback.
    """

    def __init__(
        self,
        exc: BaseException | None = None,
        *,
        exception: str = "",
        type: str = "",
        stacktrace: str | None = None,
    ) -> None:
        if exc is not None:
            exception, type = str(exc), type_name(exc)
        self.exception = exception
        self.type = type
        self.stacktrace = stacktrace
        super().__init__(exception)

    def __reduce__(self) -> tuple[object, ...]:
        return _wrap, (self.exception, self.type, self.stacktrace)

    def __repr__(self) -> str:
        return f"{self.type}({self.exception!r})"

    def __str__(self) -> str:
        return self.exception


def _wrap(exception: str, type: str, stacktrace: str | None) -> MetaflowExceptionWrapper:
    return MetaflowExceptionWrapper(exception=exception, type=type, stacktrace=stacktrace)


def type_name(error: BaseException) -> str:
    """Names an exception's class with its module, such as `builtins.ValueError`."""
    cls = type(error)
    return f"{cls.__module__}.{cls.__qualname__}"


def user_frame() -> FrameType | None:
    """Finds the innermost frame on the stack that is not this package's own."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module != _PACKAGE and not module.startswith(_PACKAGE + "."):
            return frame
        frame = frame.f_back
    return None


def _tell_definition_errors() -> None:
    """Has definition errors that nobody catches told as the binary tells them, without frames."""
    before = sys.excepthook
    if getattr(before, "tells_definition_errors", False):
        return

    def tell(kind: type[BaseException], error: BaseException, traceback: Any) -> None:
        if not isinstance(error, _DefinitionError):
            before(kind, error, traceback)
            return
        print(f"error[{error.code}]: {error.message}", file=sys.stderr)
        if error.source_file:
            from linecache import getline

            line = getline(error.source_file, error.line_no or 0).strip()
            print(f"  --> {error.source_file}:{error.line_no}", file=sys.stderr)
            print(f"{error.line_no:>5} | {line}", file=sys.stderr)

    tell.tells_definition_errors = True  # type: ignore[attr-defined]
    sys.excepthook = tell
