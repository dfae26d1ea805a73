"""`DataArtifact` and `MetaflowData`: the values that a task left."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from . import _client_show as show
from ._artifacts import EntryInfo, entry_info
from ._client_objects import MetaflowObject
from ._client_values import load
from ._client_view import View
from .exceptions import MetaflowNotFound

if TYPE_CHECKING:
    from ._client_run import Run
    from ._client_task import Task


class MetaflowData:
    """The artifacts of a task as attributes, each read anew when it is asked for.

    Examples
    --------
    >>> data = Task("Train/7/fit/3").data
    >>> "score" in data, data.score
    (True, 0.93)
    """

    __slots__ = ("_task",)
    _task: Task

    def __init__(self, task: Task) -> None:
        object.__setattr__(self, "_task", task)

    def __getattr__(self, name: str) -> Any:
        task = self._task
        entry = None if name.startswith("_") else task._entry(name)
        if entry is None:
            raise AttributeError(task.absent(name), name=name)
        return load(task._run, task.pathspec, entry)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"artifacts never change: {self._task.pathspec} keeps its {name!r}")

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and not name.startswith("_") and name in self._task

    def __dir__(self) -> list[str]:
        return self._task._names()

    def __reduce__(self) -> tuple[Any, ...]:
        return MetaflowData, (self._task,)

    def __repr__(self) -> str:
        return f"<MetaflowData: {', '.join(self._task._names())}>"

    def _ipython_key_completions_(self) -> list[str]:
        return self._task._names()

    def _repr_html_(self) -> str:
        return show.task(self._task)


class DataArtifact(MetaflowObject):
    """A named, immutable value that a task left.

    Parameters
    ----------
    pathspec
        Flow, run, step, task and name, such as ``Train/7/fit/3/model``.
    attempt
        Which try of the task, from 0; the newest unless given.

    Raises
    ------
    MetaflowNotFound, MetaflowNamespaceMismatch, MetaflowInvalidPathspec

    Examples
    --------
    >>> artifact = DataArtifact("Train/7/fit/3/score")
    >>> artifact.data, artifact.type, artifact.size
    (0.93, 'float', 9)
    """

    __slots__ = ("_info", "_name", "_task")
    _DEPTH = 5
    _task: Task
    _name: str

    def __init__(
        self,
        pathspec: str,
        attempt: int | None = None,
        *,
        _view: View | None = None,
        _namespace_check: bool = True,
    ) -> None:
        from ._client_task import Task

        *task, name = self._parts(pathspec)
        owner = Task("/".join(task), attempt, _view=_view, _namespace_check=_namespace_check)
        if owner._entry(name) is None:
            raise MetaflowNotFound(owner.absent(name))
        self._adopt(owner, name)

    @classmethod
    def _of(cls, task: Task, name: str) -> DataArtifact:
        self = cls.__new__(cls)
        self._adopt(task, name)
        return self

    def _adopt(self, task: Task, name: str) -> None:
        self._view = task._view
        self._task = task
        self._name = name
        self._pathspec = f"{task.pathspec}/{name}"
        self._info: EntryInfo | None = None

    def _run_or_none(self) -> Run:
        return self._task._run

    def _attempt_or_none(self) -> int | None:
        return self._task._attempt

    def _key(self) -> tuple[object, ...]:
        return (*super()._key(), self._task._attempt)

    def _entry(self) -> bytes:
        entry = self._task._entry(self._name)
        if entry is None:
            raise MetaflowNotFound(self._task.absent(self._name))
        return entry

    def _facts_known(self) -> EntryInfo:
        if self._info is None:
            self._info = entry_info(self._entry())
        return self._info

    @property
    def parent(self) -> Task:
        """The task."""
        return self._task

    @property
    def created_at(self) -> datetime:
        """When it was stored: with the end of its task."""
        return self._task.finished_at or self._task.created_at

    @property
    def finished_at(self) -> datetime:
        """The same as `created_at`: an artifact is stored whole or not at all."""
        return self.created_at

    @property
    def origin_pathspec(self) -> str | None:
        """The artifact of the task that its own is a clone of; ``None`` otherwise."""
        origin = self._task.origin_pathspec
        return None if origin is None else f"{origin}/{self._name}"

    @property
    def data(self) -> Any:
        """The value, read anew each time."""
        return load(self._task._run, self._task.pathspec, self._entry())

    @property
    def size(self) -> int:
        """Bytes of its content, uncompressed."""
        return self._facts_known().size

    @property
    def sha(self) -> str:
        """Hash of its content (BLAKE3, hexadecimal): equal contents have equal hashes."""
        return self._facts_known().hash

    @property
    def type(self) -> str:
        """The value's type, such as ``pandas.DataFrame``; told without reading the value."""
        return self._facts_known().type_name

    @property
    def encoding(self) -> str:
        """How it is stored, such as ``value``, ``frame``, ``array`` or ``pickle``."""
        return self._facts_known().encoding

    def _facts(self) -> list[str]:
        return show.artifact_facts(self)
