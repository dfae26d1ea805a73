"""The values a run starts with: parameters and constants.

Owns: computing defaults; turning given values into those that steps see; storing them.
Must not: check options or types; the runtime has done that for what was given.
"""

from __future__ import annotations

import os

from ..exceptions import (
    InvalidDefinition,
    MetaflowException,
    ParameterFieldFailed,
    ParameterFieldTypeMismatch,
)
from ..parameters import IncludeFile, ParameterContext
from . import failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .._artifacts import UnstorableArtifact
    from ..parameters import Parameter
    from .load import Loaded

_TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "float": (float, int),
    "bool": (bool,),
    "json": (str, dict, list, int, float, bool),
    "file": (str, os.PathLike),
}


def is_needed(loaded: Loaded) -> bool:
    """Whether a flow has any parameter or constant."""
    return bool(loaded.parameters or loaded.constants)


def compute(loaded: Loaded, store: str, given: str, user: str) -> dict[str, Any]:
    """Computes and stores the values; gives `{"Ok": manifest}` or `{"Err": failure}`."""
    try:
        return {"Ok": _store(_values(loaded, given, user), store, loaded.constants)}
    except MetaflowException as error:
        kind = error.kind if error.kind != "raised" else "parameter"
        return {"Err": failure.describe(error.__cause__ or error, kind) | {"message": str(error)}}
    except Exception as error:
        return {"Err": failure.describe(error, "parameter")}


def _store(values: dict[str, Any], folder: str, constants: dict[str, Any]) -> bytes:
    from .._artifacts import ArtifactStore, UnstorableArtifact, manifest_pack
    from .state import unstorable

    store = ArtifactStore(folder)
    entries = {}
    for name, value in values.items():
        try:
            entries[name] = store.put(name, value)
        except Exception as error:
            if name in constants and isinstance(error, UnstorableArtifact):
                raise InvalidDefinition(_no_artifact(error), 0, "") from None
            raise unstorable(name, value, error) from error
    store.sync()
    manifest: bytes = manifest_pack(entries)
    return manifest


def _no_artifact(error: UnstorableArtifact) -> str:
    part = f", whose part `{error.path}` is" if error.path else ""
    return (
        f"class attribute `{error.name}`{part} of type {error.type_name} can't become an artifact: "
        f"{error.reason}; call it `_{error.name}` to keep it out of the artifacts"
    )


def _values(loaded: Loaded, given: str, user: str) -> dict[str, Any]:
    values = dict(loaded.constants)
    options: dict[str, Any] = {}
    if given and given != "{}":
        from json import loads

        options = loads(given, object_hook=_unmarked)
    for parameter in loaded.parameters:
        if parameter.name in options:
            value = options[parameter.name]
        else:
            value = _default(parameter, loaded.flow.__name__, user)
        values[parameter.attribute] = _final(parameter, value)
    return values


def _unmarked(value: dict[str, Any]) -> Any:
    """Gives what an object stands for that the runtime has marked, since JSON can't hold it."""
    if len(value) != 1:
        return value
    ((key, item),) = value.items()
    if key == "$int":
        return int(item)
    if key == "$float":
        return float(item)
    return {key[1:]: item} if key.startswith("$$") else value


def _default(parameter: Parameter, flow: str, user: str) -> Any:
    value = _computed(parameter, flow, user) if parameter.is_computed else parameter.default
    if parameter.kind != "json" or not isinstance(value, str):
        return value
    from json import loads

    try:
        return loads(value)
    except ValueError as error:
        raise ParameterFieldTypeMismatch(
            f"the default of parameter `{parameter.name}` is not valid JSON: {error}"
        ) from error


def _computed(parameter: Parameter, flow: str, user: str) -> Any:
    try:
        value = parameter.default(ParameterContext(flow, user, parameter.name))
    except Exception as error:
        raise ParameterFieldFailed(
            f"the function that computes the default of parameter `{parameter.name}` raised "
            f"{type(error).__name__}: {error}"
        ) from error
    if value is None:
        return None
    is_bool = isinstance(value, bool) and parameter.kind not in ("bool", "json")
    if is_bool or not isinstance(value, _TYPES[parameter.kind]):
        raise ParameterFieldTypeMismatch(
            f"the function that computes the default of parameter `{parameter.name}` gave a "
            f"value of type {type(value).__name__}; the parameter's type is {parameter.kind}"
        )
    return value


def _final(parameter: Parameter, value: Any) -> Any:
    """Turns a given or default value into the one that is stored."""
    if value is None:
        return None
    try:
        if isinstance(parameter, IncludeFile):
            return parameter.read(os.fspath(value))
        if parameter.separator is not None and isinstance(value, str):
            return value.split(parameter.separator)
        return _converted(parameter, value)
    except (OSError, ValueError, TypeError) as error:
        raise ParameterFieldTypeMismatch(
            f"parameter `{parameter.name}` can't be {value!r}: {error}"
        ) from error


def _converted(parameter: Parameter, value: Any) -> Any:
    if parameter.kind == "float" and not isinstance(value, float):
        return float(value)
    if parameter.kind == "int" and not isinstance(value, int):
        return int(value)
    if parameter.kind == "str" and not isinstance(value, str):
        return value if parameter.separator is not None else str(value)
    return value
