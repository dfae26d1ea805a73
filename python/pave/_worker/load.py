"""Imports the flow file as Python would run it, and finds its flow.

Owns: the illusion of a script: `__main__`, `sys.argv`, `sys.path`.
Must not: describe the flow; `graph.py` does.
"""

from __future__ import annotations

import os
import sys

from ..exceptions import _DefinitionError
from ..flowspec import Construction, FlowChosen, FlowSpec
from ..graph import constants, describe, parameters
from ..parameters import Constant
from ..source import Sources, decode
from . import failure, randomness

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any


class Unusable(Exception):
    """The file can't be used; `failure` says why as the protocol's `Failure`."""

    def __init__(self, failure: dict[str, Any]) -> None:
        super().__init__(failure["message"])
        self.failure = failure


class Loaded:
    """An imported flow.

    Attributes
    ----------
    flow
        The class.
    description
        The protocol's `FlowSpec`.
    parameters
        The parameters, in the order of the source.
    constants
        The class attributes that steps see read-only.
    random_state
        State of `random` that the file's own seed leads to; `None` if it has none.
    """

    def __init__(
        self, flow: type[FlowSpec], description: dict[str, Any], random_state: object
    ) -> None:
        self.flow = flow
        self.description = description
        self.random_state = random_state
        self.parameters = parameters(flow)
        self.constants = constants(flow)
        for name, value in self.constants.items():
            setattr(flow, name, Constant(name, value))
        self._steps = {step["name"]: step for step in description["steps"]}

    def step(self, name: str) -> dict[str, Any]:
        """The facts of a step."""
        facts: dict[str, Any] = self._steps[name]
        return facts


def load(file: str, name: str | None) -> Loaded:
    """Imports `file` and gives its flow.

    Parameters
    ----------
    file
        Path of the flow file.
    name
        Class of the flow; the one that the file runs, or its only one, where not given.

    Raises
    ------
    Unusable
        If there is none, or the file can't be imported.
    """
    sources = Sources()
    watch = randomness.Watch()
    module = _enter_script(file)
    try:
        chosen = _execute(module, file, sources)
    finally:
        watch.end()
    flow = _choose(module, file, name, chosen)
    try:
        return Loaded(flow, describe(flow, sources, _added()), watch.state())
    except _DefinitionError as error:
        raise Unusable(failure.describe(error)) from None


def adopt(flow: type[FlowSpec], file: str, added: list[str]) -> Loaded:
    """Gives the flow of a script that this process has run itself.

    Parameters
    ----------
    flow
        The class that the script constructed.
    file
        The script.
    added
        Decorators for every step, as given to `--with`.

    Raises
    ------
    Unusable
        If a definition in it is wrong.
    """
    Construction.mode = Construction.LOADING
    sys.argv[:] = [file]
    try:
        return Loaded(flow, describe(flow, Sources(), _parse(added)), None)
    except _DefinitionError as error:
        raise Unusable(failure.describe(error)) from None


def _enter_script(file: str) -> ModuleType:
    """Makes a fresh `__main__` and the interpreter's view of being started with `file`."""
    module = type(sys)("__main__")
    module.__file__ = file
    module.__builtins__ = __builtins__  # type: ignore[attr-defined]
    name = os.environ.pop("PAVE_MODULE", "")
    folder = os.path.dirname(file)
    if name:
        # The file is run as a module of a package: its imports start at the current folder.
        module.__package__ = name.rpartition(".")[0]
        folder = os.getcwd()
    if not getattr(sys.flags, "safe_path", False):
        sys.path[0] = folder
    sys.argv[:] = [file]
    sys.modules["__main__"] = module
    return module


def _execute(module: ModuleType, file: str, sources: Sources) -> type[FlowSpec] | None:
    """Runs the file until its end, or until it constructs its flow; gives that flow."""
    Construction.mode = Construction.LOADING
    try:
        with open(file, "rb") as stream:
            data = stream.read()
        code = compile(data, file, "exec", dont_inherit=True)
        sources.add(file, decode(data))
        exec(code, module.__dict__)
    except FlowChosen as chosen:
        return chosen.flow
    except _DefinitionError as error:
        raise Unusable(failure.describe(error)) from None
    except SystemExit as error:
        told = failure.describe(error, "import")
        told["message"] = f"{file} calls sys.exit({error.code!r}) while it is imported"
        raise Unusable(told) from None
    except BaseException as error:
        raise Unusable(failure.describe(error, "import")) from None
    # The file may have swallowed the exception that unwinds it.
    return Construction.chosen


def _choose(
    module: ModuleType, file: str, name: str | None, chosen: type[FlowSpec] | None
) -> type[FlowSpec]:
    if name is not None:
        if chosen is not None and chosen.__name__ == name:
            return chosen
        named = getattr(module, name, None)
        if isinstance(named, type) and issubclass(named, FlowSpec):
            return named
        raise Unusable(failure.plain("no_flow", f"{file} defines no flow called `{name}`"))
    if chosen is not None:
        return chosen
    flows = _flows(module)
    if len(flows) == 1:
        return flows[0]
    if not flows:
        raise Unusable(
            failure.plain(
                "no_flow", f"{file} defines no flow: derive a class from FlowSpec, with steps in it"
            )
        )
    names = [flow.__name__ for flow in flows]
    raise Unusable(
        failure.plain(
            "several_flows",
            f"{file} defines several flows ({', '.join(names)}) and runs none of them: "
            f'name one, or end the file with: if __name__ == "__main__": {names[0]}()',
        )
    )


def _flows(module: ModuleType) -> list[type[FlowSpec]]:
    """Lists the flows of a module: its own classes, or else those it imports; no base classes."""
    found = [value for value in dict.fromkeys(filter(_is_flow, module.__dict__.values()))]
    own = [flow for flow in found if flow.__module__ == "__main__"] or found
    return [
        flow
        for flow in own
        if not any(other is not flow and issubclass(other, flow) for other in own)
    ]


def _is_flow(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, FlowSpec) and value is not FlowSpec


def _added() -> list[Any]:
    """Reads the decorators of `--with`, which the runtime puts into `PAVE_WITH`."""
    given = os.environ.pop("PAVE_WITH", "")
    if given in ("", "[]"):
        return []
    from json import loads

    return _parse(loads(given))


def _parse(added: list[str]) -> list[Any]:
    if not added:
        return []
    from ..with_specs import parse

    return [parse(text) for text in added]
