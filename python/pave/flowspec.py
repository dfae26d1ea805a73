"""`FlowSpec` and `step`: what a flow is written with.

Owns: the flow object's surface, and the hand-over of a script to the `pave` binary.
Must not: know how tasks run; a task's state answers through `TaskState` (`_worker/state.py`).

A flow object's `__dict__` holds artifacts and nothing else, apart from its state under `_pave`.
An attribute that is not there yet is looked up in the task's input when it is first read.
"""

from __future__ import annotations

import os
import sys

from .decorators import check_members
from .exceptions import (
    BadStepDecoratorException,
    InvalidDecoratorAttribute,
    MetaflowException,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, NoReturn

    from ._worker.state import FlowState
    from .inputs import Inputs

#: Key of a flow object's state in its `__dict__`.
STATE = "_pave"


#: Flags of the code of generators, of coroutines, and of both in one (`inspect.CO_GENERATOR` ...).
_GENERATOR = 0x20
_SUSPENDS = _GENERATOR | 0x80 | 0x200


class FlowChosen(BaseException):
    """Unwinds the flow file once it has said which flow it holds. Never seen by users."""

    def __init__(self, flow: type[FlowSpec]) -> None:
        self.flow = flow


class Construction:
    """What constructing a flow class means in this process."""

    #: The class is run by `pave`: the process becomes the binary.
    SCRIPT = "script"
    #: A worker imports the file: the class is noted and the file left.
    LOADING = "loading"
    #: A task is being set up: the object is built.
    TASK = "task"

    mode = SCRIPT
    #: The class that the file being loaded has constructed.
    chosen: type[FlowSpec] | None = None


def step(function: Any = None, **marks: Any) -> Any:
    """Marks a method as a step of its flow.

    Parameters
    ----------
    function
        The method, where written without parentheses.
    marks
        `start=True` or `end=True` for an endpoint with a name of its own; `node_info={...}` to
        keep facts about the step.

    Raises
    ------
    InvalidDecoratorAttribute
        If a mark is unknown.
    BadStepDecoratorException
        If what is marked is no function.
    """
    unknown = [mark for mark in marks if mark not in ("start", "end", "node_info")]
    if unknown:
        raise InvalidDecoratorAttribute(
            f"@step has no argument `{unknown[0]}`; it has `start`, `end`, `node_info`"
        )
    if function is None:
        return lambda function: _mark(function, marks)
    return _mark(function, marks)


def _mark(function: Callable[..., Any], marks: dict[str, Any]) -> Callable[..., Any]:
    if not callable(function) or isinstance(function, type):
        raise BadStepDecoratorException(f"@step marks methods of a flow; {function!r} is none")
    code = getattr(function, "__code__", None)
    if code is not None and code.co_flags & _SUSPENDS:
        kind = "a generator" if code.co_flags & _GENERATOR else "an async function"
        raise BadStepDecoratorException(
            f"step `{function.__name__}` is {kind}, whose body would not run; "
            "make it a plain function, which may use asyncio.run or a generator inside"
        )
    function.is_step = True  # type: ignore[attr-defined]
    function.name = function.__name__  # type: ignore[attr-defined]
    function.step_marks = marks  # type: ignore[attr-defined]
    if not hasattr(function, "decorators"):
        function.decorators = []  # type: ignore[attr-defined]
    return function


class FlowSpec:
    """Base class of flows.

    Parameters
    ----------
    use_cli
        Whether constructing the class runs its command line and ends the process.

    Examples
    --------
    >>> class Hello(FlowSpec):
    ...     @step
    ...     def start(self):
    ...         self.greeting = "hello"
    ...         self.next(self.end)
    ...
    ...     @step
    ...     def end(self):
    ...         print(self.greeting)
    """

    _pave_decorators: list[Any] = []

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        check_members(cls)

    def __init__(self, use_cli: bool = True) -> None:
        if not use_cli or Construction.mode == Construction.TASK:
            return
        if Construction.mode == Construction.LOADING:
            Construction.chosen = type(self)
            raise FlowChosen(type(self))
        from .launch import hand_over

        hand_over(type(self))

    @property
    def input(self) -> Any:
        """The item of the innermost foreach; `None` outside of one."""
        state = self.__dict__.get(STATE)
        return None if state is None else state.input()

    @property
    def index(self) -> int | None:
        """The index of the innermost foreach; `None` outside of one."""
        state = self.__dict__.get(STATE)
        return None if state is None else state.index()

    @property
    def script_name(self) -> str:
        """Base name of the flow's file."""
        return os.path.basename(getattr(sys.modules.get("__main__"), "__file__", None) or "")

    def foreach_stack(self) -> list[tuple[int, int, Any]]:
        """Lists the foreachs around this task, outermost first: index, number, item."""
        state = self.__dict__.get(STATE)
        return [] if state is None else state.foreach_stack()

    def merge_artifacts(
        self,
        inputs: Inputs,
        exclude: list[str] | None = None,
        include: list[str] | None = None,
    ) -> None:
        """Takes over from `inputs` every artifact that this join has not set itself.

        Parameters
        ----------
        inputs
            The inputs of the join.
        exclude
            Names to leave out.
        include
            The only names to take. Not together with `exclude`.

        Raises
        ------
        UnhandledInMergeArtifactsException
            If inputs hold different values under one name. Nothing is merged then.
        MissingInMergeArtifactsException
            If a name in `include` is nowhere.
        MetaflowException
            If this step is no join, or both lists are given.
        """
        from .merge import merge_artifacts

        merge_artifacts(self, inputs, exclude or [], include or [])

    def next(self, *targets: Any, **keywords: Any) -> None:
        """Names the step or steps that follow. The last statement of every step but the last.

        Parameters
        ----------
        targets
            Steps such as `self.train`; several run side by side. With `condition`, one dict from
            the artifact's values to steps.
        keywords
            `foreach="items"` runs the step once for each item of `self.items`; `condition="name"`
            picks a case by `self.name`; `num_parallel=4` runs the step as a gang.

        Raises
        ------
        InvalidNextException
            If this leads nowhere.
        """
        from .transition import take

        take(self, targets, keywords)

    def __getattr__(self, name: str) -> Any:
        state: FlowState | None = self.__dict__.get(STATE)
        if state is not None and state.has(name):
            return state.load(self, name)
        flow = type(self).__name__
        raise AttributeError(f"flow `{flow}` has no attribute `{name}`", name=name, obj=self)

    def __iter__(self) -> Iterator[Callable[..., Any]]:
        cls = type(self)
        names = {name: None for base in reversed(cls.__mro__) for name in base.__dict__}
        for name in names:
            member = getattr(cls, name, None)
            if getattr(member, "is_step", False):
                yield getattr(self, name)

    def __str__(self) -> str:
        state = self.__dict__.get(STATE)
        return f"<flow {type(self).__name__}>" if state is None else state.describe(self)

    __repr__ = __str__

    def __getstate__(self) -> NoReturn:
        raise MetaflowException(
            "a flow object can't be serialised: store the values you need, not `self` or `inputs`"
        )
