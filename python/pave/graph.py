"""A flow class as data: the facts that `pave_graph` judges.

Owns: turning a class with its steps, parameters, constants and decorators into a `FlowSpec`.
Must not: judge anything; the only errors are sources that can't be read.
"""

from __future__ import annotations

import os
import sys

from .decorators import Applied, flow_decorators
from .exceptions import InvalidDefinition
from .flowspec import FlowSpec
from .parameters import Parameter
from .source import SourceMissing, Sources, count_inputs, read_tail
from .with_specs import attach

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def describe(
    flow: type[FlowSpec], sources: Sources | None = None, added: list[Applied] | None = None
) -> dict[str, Any]:
    """Describes a flow.

    Parameters
    ----------
    flow
        The class.
    sources
        Files that were read already.
    added
        Decorators of `--with`.

    Raises
    ------
    InvalidDefinition
        If a step's source can't be read, or a default is of no use.
    """
    sources = sources or Sources()
    members = _members(flow)
    file, line = _locate(flow, sources)
    return {
        "name": flow.__name__,
        "doc": clean_doc(flow.__doc__),
        "language": "python",
        "file": file,
        "line": line,
        "steps": [
            _describe_step(name, member, sources, added or [])
            for name, member in members.items()
            if getattr(member, "is_step", False)
        ],
        "parameters": [
            _describe_parameter(member)
            for member in members.values()
            if isinstance(member, Parameter)
        ],
        "constants": list(constants(flow)),
        "decorators": [_describe_decorator(each) for each in flow_decorators(flow)],
    }


def constants(flow: type[FlowSpec]) -> dict[str, Any]:
    """Gives the public class attributes that become read-only artifacts."""
    return {
        name: value
        for name, value in _members(flow).items()
        if not name.startswith("_")
        and not callable(value)
        and not isinstance(value, Parameter)
        and not hasattr(type(value), "__get__")
    }


def parameters(flow: type[FlowSpec]) -> list[Parameter]:
    """Gives the parameters in the order of the source."""
    return [member for member in _members(flow).values() if isinstance(member, Parameter)]


def _members(flow: type[FlowSpec]) -> dict[str, Any]:
    """Gives the class attributes as the class sees them, inherited ones first."""
    members: dict[str, Any] = {}
    for cls in reversed(flow.__mro__):
        if cls is not object and cls is not FlowSpec:
            members.update(cls.__dict__)
    return members


def _locate(flow: type[FlowSpec], sources: Sources) -> tuple[str, int]:
    file = getattr(sys.modules.get(flow.__module__), "__file__", None) or ""
    if not file:
        return "", 0
    try:
        node = sources.get(file).classes.get(flow.__name__)
    except SourceMissing:
        node = None
    return os.path.abspath(file), 0 if node is None else node.lineno


def _describe_step(
    name: str, function: Callable[..., Any], sources: Sources, added: list[Applied]
) -> dict[str, Any]:
    try:
        file, source, node = sources.function(function)
    except SourceMissing as error:
        raise InvalidDefinition(
            f"the source of step `{name}` is needed to read its self.next: {error}", 0, ""
        ) from error
    marks = function.step_marks  # type: ignore[attr-defined]
    decorators = attach(function.decorators, added)  # type: ignore[attr-defined]
    return {
        "name": name,
        "doc": clean_doc(function.__doc__),
        "file": os.path.abspath(file),
        "line": node.lineno,
        "source": source.line(node.lineno),
        "inputs": count_inputs(node),
        "start": bool(marks.get("start")),
        "end": bool(marks.get("end")),
        "tail": read_tail(node, source),
        "decorators": [_describe_decorator(each) for each in decorators],
    }


def _describe_decorator(applied: Applied) -> dict[str, Any]:
    attributes = {name: plain(value) for name, value in applied.attributes.items()}
    if applied.name == "retry":
        # A pause that nobody asked for by name is not waited for on one machine.
        attributes["pause_is_explicit"] = "minutes_between_retries" in applied.given
    elif applied.name == "environment" and isinstance(applied.attributes["vars"], dict):
        variables = applied.attributes["vars"]
        attributes["vars"] = {str(name): str(value) for name, value in variables.items()}
    return {"name": applied.name, "attributes": attributes, "is_static": applied.is_static}


def _describe_parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "attribute": parameter.attribute,
        "type": parameter.kind,
        "required": parameter.required,
        "computed": parameter.is_computed,
        # The default of a JSON parameter may be JSON text, which is judged as what is given is.
        "default": None if parameter.is_computed else plain(parameter.default),
        "help": parameter.help,
        "show_default": parameter.show_default,
        "separator": parameter.separator,
        "is_flag": parameter.is_flag,
        "line": parameter.line,
    }


def plain(value: Any) -> Any:
    """Gives `value` as JSON could hold it; what JSON can't hold as its text."""
    if value is None or isinstance(value, (bool, float)):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return int(value) if -(2**63) <= value < 2**64 else str(int(value))
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((plain(item) for item in value), key=repr)
    if isinstance(value, os.PathLike):
        return os.fsdecode(value)
    if callable(value):
        return getattr(value, "__qualname__", None) or repr(value)
    return str(value)


def clean_doc(doc: str | None) -> str:
    """Takes a docstring's indentation away."""
    first, *rest = (doc or "").expandtabs().split("\n")
    margins = [len(line) - len(line.lstrip()) for line in rest if line.strip()]
    margin = min(margins, default=0)
    return "\n".join([first.strip(), *(line[margin:].rstrip() for line in rest)]).strip("\n")
