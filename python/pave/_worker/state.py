"""What a flow object knows: the artifacts of its input, those read, those set.

Owns: looking an artifact up when it is first read; telling at the end what has changed.
Must not: encode or decode anything; the artifact store does.
"""

from __future__ import annotations

import sys
from types import FunctionType, MethodType

from .. import _artifacts
from ..exceptions import DataException, MetaflowException, UnpicklableArtifactException
from ..flowspec import STATE
from ..parameters import Parameter
from . import failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ..flowspec import FlowSpec
    from ..transition import Taken

#: Holds the items of a foreach; children read their own. Names that begin with `__` stay with
#: the task that set them.
FOREACH_ITEMS = "__foreach_items"
_MISSING = object()


class Shared:
    """What all flow objects of one task have in common.

    Attributes
    ----------
    order
        The task's order as the runtime sent it.
    store
        The artifact store.
    """

    def __init__(self, order: dict[str, Any], store: Any) -> None:
        self.order = order
        self.store = store
        self._parameters: dict[str, bytes] | None = None
        self._base: dict[str, bytes] | None = None
        self._values: dict[str, Any] = {}
        self._items: dict[int, Any] = {}

    def parameter(self, attribute: str) -> Any:
        """The value of a parameter; `None` for one that the run did not know."""
        value = self._values.get(attribute, _MISSING)
        if value is _MISSING:
            if self._parameters is None:
                self._parameters = _artifacts.manifest_unpack(self.order["parameters"])
            entry = self._parameters.get(attribute)
            value = None if entry is None else self.read(attribute, entry)
            self._values[attribute] = value
        return value

    def base(self) -> dict[str, bytes]:
        """What the manifests of all inputs add to; a join of many is told it once."""
        if self._base is None:
            packed = self.order.get("base")
            entries = _artifacts.manifest_unpack(packed) if packed else {}
            self._base = {name: it for name, it in entries.items() if not name.startswith("__")}
        return self._base

    def item(self, level: int) -> Any:
        """The item of the foreach at `level`, from the outermost."""
        if level not in self._items:
            frames = self.order["foreach"]
            reference = frames[level]["item"]
            if reference is None and level == len(frames) - 1:
                reference = self.order["item"]
            self._items[level] = None if reference is None else self._read_item(reference)
        return self._items[level]

    def read(self, name: str, entry: bytes) -> Any:
        """Decodes an artifact that nobody will change."""
        try:
            return self.store.get(entry)
        except Exception as error:
            problem = unreadable(name, error)
            raise problem from problem.__cause__

    def _read_item(self, reference: dict[str, Any]) -> Any:
        try:
            return self.store.get_item(reference["entry"], reference["index"])
        except Exception as error:
            problem = unreadable(FOREACH_ITEMS, error)
            raise problem from problem.__cause__


class View:
    """State of a flow object that only shows artifacts: one of a join's inputs."""

    is_join = False
    taken: Taken | None = None
    max_num_splits: int | None = None

    def __init__(self, shared: Shared, step: str, task: int | None, manifest: bytes) -> None:
        self.shared = shared
        self.step = step
        self.task = task
        self._manifest = manifest
        self._entries: dict[str, bytes] | None = None

    @property
    def entries(self) -> dict[str, bytes]:
        """The artifacts to read: name to entry."""
        if self._entries is None:
            manifest = self._manifest
            if manifest:
                self._entries = {**self.shared.base(), **_artifacts.manifest_unpack(manifest)}
            else:
                self._entries = {}
        return self._entries

    def has(self, name: str) -> bool:
        """Whether there is such an artifact."""
        return not name.startswith("__") and name in self.entries

    def load(self, flow: FlowSpec, name: str) -> Any:
        """Reads an artifact and keeps its value on the flow object."""
        value = flow.__dict__[name] = self.shared.read(name, self.entries[name])
        return value

    def parameter(self, attribute: str) -> Any:
        """The value of a parameter."""
        return self.shared.parameter(attribute)

    def input(self) -> Any:
        """The item of the innermost foreach."""
        return None

    def index(self) -> int | None:
        """The index of the innermost foreach."""
        return None

    def foreach_stack(self) -> list[tuple[int, int, Any]]:
        """The foreachs around the task."""
        return []

    def describe(self, flow: FlowSpec) -> str:
        """What the flow object prints as."""
        return f"<flow {type(flow).__name__} step {self.step}>"


class FlowState(View):
    """State of the flow object that a step runs on."""

    def __init__(self, shared: Shared, is_join: bool) -> None:
        order = shared.order
        inputs = order["inputs"]
        # A join starts from nothing; every other step from what its one input left.
        manifest = inputs[0]["manifest"] if inputs and not is_join else b""
        super().__init__(shared, order["step"], order["task"], manifest)
        self.is_join = is_join
        self.max_num_splits = order["max_num_splits"]
        self._loaded: dict[str, tuple[Any, Any]] = {}

    def load(self, flow: FlowSpec, name: str) -> Any:
        try:
            value, tracker = self.shared.store.get_tracked(self.entries[name])
        except Exception as error:
            problem = unreadable(name, error)
            raise problem from problem.__cause__
        self._loaded[name] = (value, tracker)
        flow.__dict__[name] = value
        return value

    def input(self) -> Any:
        frames = self.shared.order["foreach"]
        return self.shared.item(len(frames) - 1) if frames else None

    def index(self) -> int | None:
        frames = self.shared.order["foreach"]
        return frames[-1]["index"] if frames else None

    def foreach_stack(self) -> list[tuple[int, int, Any]]:
        frames = self.shared.order["foreach"]
        return [
            (frame["index"], frame["count"], self.shared.item(level))
            for level, frame in enumerate(frames)
        ]

    def describe(self, flow: FlowSpec) -> str:
        frames = self.shared.order["foreach"]
        text = f"<flow {type(flow).__name__} step {self.step}"
        if frames:
            text += "[" + ",".join(str(frame["index"]) for frame in frames) + "]"
            text += f" (input: {str(self.input())[:20]}...)"
        return text + ">"

    def same_content(self, one: bytes, other: bytes) -> bool:
        """Whether two entries stand for the same content, by its hash."""
        return one == other or _artifacts.entry_info(one).hash == _artifacts.entry_info(other).hash

    def persist(self, flow: FlowSpec) -> tuple[dict[str, bytes], MetaflowException | None]:
        """Stores what the step has set or changed.

        Returns
        -------
        The entries that are this task's own, and what could not be stored, if anything: the
        other artifacts are stored all the same.
        """
        entries = dict(self.entries) if self.is_join else {}
        inherited = {} if self.is_join else self.entries
        problem: MetaflowException | None = None
        for name, value in self._changes(flow):
            entries.pop(name, None)
            try:
                entry = self.shared.store.put(name, value)
            except Exception as error:
                problem = problem or unstorable(name, value, error)
            else:
                if inherited.get(name) != entry:
                    entries[name] = entry
        taken = self.taken
        if taken is not None and taken.items is not None:
            try:
                entries[FOREACH_ITEMS] = self.shared.store.put_items(FOREACH_ITEMS, taken.items)
            except Exception as error:
                problem = problem or unstorable(taken.artifact, taken.items, error)
        return entries, problem

    def _changes(self, flow: FlowSpec) -> Iterator[tuple[str, Any]]:
        for name, value in list(flow.__dict__.items()):
            if name == STATE or name.startswith("__") or isinstance(value, Parameter):
                continue
            if name == "name":
                if value != type(flow).__name__:
                    _warn("`self.name` always holds the flow's name; the value set is not kept")
                continue
            loaded = self._loaded.get(name)
            if loaded is not None and loaded[0] is value and loaded[1].is_unchanged(value):
                continue
            if isinstance(value, (FunctionType, MethodType)):
                _warn(f"`self.{name}` is a function and is not kept for later steps")
                continue
            if isinstance(getattr(type(flow), name, None), FunctionType):
                _warn(f"later steps see the method `{name}`, not the value that `self.{name}` has")
            yield name, value


def unreadable(name: str, error: Exception) -> DataException:
    """Says that an artifact of an input can't be read, and why."""
    cause: BaseException | None = error
    if isinstance(error, _artifacts.UnreadableArtifact):
        problem, cause = DataException(f"{error.code}: {error}"), error.__cause__
    else:
        reason = f"{type(error).__name__}: {error}"
        problem = DataException(f"artifact `{name}` can't be read: {reason}")
    # The cause says something new only where it happened in the user's own code.
    is_users = cause is not None and failure.has_user_frames(cause)
    problem.__cause__ = cause if is_users else None
    return problem


def unstorable(name: str, value: Any, error: Exception) -> MetaflowException:
    """Says that an artifact can't be stored, and why."""
    if isinstance(error, _artifacts.UnstorableArtifact):
        error.name = name
        problem = UnpicklableArtifactException(str(error))
        cause = error.__cause__
    else:
        kind, cause = type(value).__qualname__, error
        problem = UnpicklableArtifactException(
            f"artifact `{name}` of type `{kind}` can't be stored: {type(error).__name__}: {error}"
        )
    # The cause says something new only where it happened in the user's own code.
    if cause is not None and failure.has_user_frames(cause):
        problem.__cause__ = cause
    return problem


def _warn(text: str) -> None:
    print(f"pave: {text}", file=sys.stderr)
