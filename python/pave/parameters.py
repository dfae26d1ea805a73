"""`Parameter`, `JSONType` and `IncludeFile`: what a run is started with.

Owns: how a parameter is declared, and reading its value in a step.
Must not: judge names or types; the runtime does, for all languages alike.
"""

from __future__ import annotations

from .exceptions import InvalidDefinition, user_frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_KINDS = {str: "str", int: "int", float: "float", bool: "bool", dict: "json", list: "json"}
#: Names of the types of the click package, which flows may use too.
_CLICK_KINDS = {
    "text": "str",
    "string": "str",
    "choice": "str",
    "uuid": "str",
    "path": "str",
    "filename": "str",
    "integer": "int",
    "integer range": "int",
    "float": "float",
    "float range": "float",
    "boolean": "bool",
}


class JSONTypeClass:
    """Type of parameters that are given as JSON text."""

    name = "JSON"

    def __repr__(self) -> str:
        return "JSON"


#: The type of a parameter that takes any JSON value.
JSONType = JSONTypeClass()


class ParameterContext:
    """What a function that computes a parameter's default is told.

    Attributes
    ----------
    flow_name, user_name, parameter_name
        Whose parameter it is.
    logger
        Prints a line.
    ds_type
        Kind of artifact store.
    configs
        Configuration of the flow.
    """

    __slots__ = ("configs", "ds_type", "flow_name", "logger", "parameter_name", "user_name")

    def __init__(self, flow_name: str, user_name: str, parameter_name: str) -> None:
        self.flow_name = flow_name
        self.user_name = user_name
        self.parameter_name = parameter_name
        self.logger = print
        self.ds_type = "local"
        self.configs: dict[str, Any] = {}


class Parameter:
    """A value that a run is started with: the option `--name`, read-only in steps.

    Parameters
    ----------
    name
        The option's name.
    default
        The value where none is given, or a function of a `ParameterContext` that computes it.
    type
        `str`, `int`, `float`, `bool` or `JSONType`; that of the default where not given.
    help
        Help text.
    required
        Whether a value must be given.
    show_default
        Whether help prints the default.
    separator
        Splits a text into a list.
    is_flag
        Makes a `bool` an option without a value.

    Examples
    --------
    >>> class Train(FlowSpec):
    ...     alpha = Parameter("alpha", default=0.1, help="Learning rate")
    """

    #: Kind of the parameter, where its class decides.
    fixed_kind: str | None = None

    def __init__(
        self,
        name: str,
        default: Any = None,
        type: Any = None,
        help: str | None = None,
        required: bool | None = None,
        show_default: bool | None = None,
        *,
        separator: str | None = None,
        is_flag: bool = False,
        **unused: Any,
    ) -> None:
        frame = user_frame()
        self.name = name
        if is_flag and default is None:
            default = False
        self.default = default
        self.type = type
        self.help = help or ""
        self.required = bool(required)
        self.show_default = show_default is None or bool(show_default)
        self.separator = separator
        self.is_flag = is_flag
        #: Options of the click package that have no meaning here; kept for tools that look.
        self.kwargs = unused
        self.attribute = name
        self.line = 0 if frame is None else frame.f_lineno
        self.kind = self.fixed_kind or self._kind(type, default)

    def __set_name__(self, owner: type, name: str) -> None:
        self.attribute = name

    def __get__(self, flow: Any, owner: type | None = None) -> Any:
        state = None if flow is None else flow.__dict__.get("_pave")
        return self if state is None else self.present(state.parameter(self.attribute))

    def __set__(self, flow: Any, value: Any) -> None:
        raise read_only("parameter", self.attribute, flow)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    @property
    def is_computed(self) -> bool:
        """Whether a function computes the default."""
        return callable(self.default)

    def present(self, value: Any) -> Any:
        """Turns the stored value into what a step sees."""
        return value

    def _kind(self, given: Any, default: Any) -> str:
        if given is None:
            given = str if default is None or callable(default) else type(default)
        if isinstance(given, JSONTypeClass) or given is JSONTypeClass:
            return "json"
        kind = _KINDS.get(given) if isinstance(given, type) else None
        if kind is None and not isinstance(given, type):
            kind = _CLICK_KINDS.get(str(getattr(given, "name", "")).lower())
        if kind is None:
            shown = getattr(given, "__name__", repr(given))
            raise InvalidDefinition(
                f"parameter `{self.name}` has the type `{shown}`; "
                "a parameter is str, int, float, bool or JSONType"
            )
        return kind


class Constant:
    """A class attribute as steps see it: to read, not to assign."""

    def __init__(self, name: str, value: Any) -> None:
        self.name = name
        self.value = value

    def __get__(self, flow: Any, owner: type | None = None) -> Any:
        return self.value

    def __set__(self, flow: Any, value: Any) -> None:
        raise read_only("class attribute", self.name, flow)


def read_only(what: str, name: str, flow: Any) -> AttributeError:
    """Makes the error for an assignment to what a step may only read."""
    return AttributeError(
        f"`{name}` is a {what}: class attributes and parameters can't be modified in a step; "
        "assign to another name",
        name=name,
        obj=flow,
    )


class IncludeFile(Parameter):
    """A file whose content becomes an artifact of the run.

    Parameters
    ----------
    name
        The option's name.
    default
        Path of the file where none is given, or a function that computes the path.
    is_text
        Whether steps see text; else bytes.
    encoding
        Encoding of the text.
    required, help, show_default
        As of `Parameter`.
    parser
        Applied to the content when a step reads it.
    """

    fixed_kind = "file"

    def __init__(
        self,
        name: str,
        default: Any = None,
        is_text: bool = True,
        encoding: str = "utf-8",
        required: bool | None = None,
        help: str | None = None,
        show_default: bool | None = None,
        parser: Callable[[Any], Any] | str | None = None,
        **unused: Any,
    ) -> None:
        super().__init__(
            name,
            default=default,
            help=help,
            required=required,
            show_default=show_default,
            **unused,
        )
        self.is_text = is_text
        self.encoding = encoding
        self.parser = parser

    def present(self, value: Any) -> Any:
        if value is None or self.parser is None:
            return value
        parser = self.parser
        if isinstance(parser, str):
            module, _, function = parser.rpartition(".")
            from importlib import import_module

            parser = getattr(import_module(module), function)
        return parser(value)

    def read(self, path: str) -> str | bytes:
        """Reads the content of the file at `path`."""
        if self.is_text:
            with open(path, encoding=self.encoding, newline="") as text:
                return text.read()
        with open(path, "rb") as data:
            return data.read()
