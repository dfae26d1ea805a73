"""`Step`: one node of a run, and its tasks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from . import _client_show as show
from ._client_objects import MetaflowObject, local_time
from ._client_task import Task
from ._client_values import load_all
from ._client_view import View, suggest
from .exceptions import MetaflowNotFound

if TYPE_CHECKING:
    from ._client_run import Run
    from ._native import Tasks

_RAISE: Any = object()


class Step(MetaflowObject):
    """One step of a run, and its tasks.

    Iterating reads all tasks, and then their artifacts, in a handful of questions to the store,
    however many tasks there are.

    Parameters
    ----------
    pathspec
        Flow, run and step, such as ``Train/7/fit``.

    Raises
    ------
    MetaflowNotFound, MetaflowNamespaceMismatch, MetaflowInvalidPathspec

    Examples
    --------
    >>> Step("Train/7/fit").values("score")
    [0.91, 0.93]
    """

    __slots__ = ("_run",)
    _DEPTH = 3
    _run: Run

    def __init__(
        self, pathspec: str, *, _view: View | None = None, _namespace_check: bool = True
    ) -> None:
        from ._client_run import Run

        flow, number, name = self._parts(pathspec)
        run = Run(f"{flow}/{number}", _view=_view, _namespace_check=_namespace_check)
        if name not in run:
            raise MetaflowNotFound(self._absent(run, name))
        self._adopt(run, name)

    @classmethod
    def _of(cls, run: Run, name: str) -> Step:
        self = cls.__new__(cls)
        self._adopt(run, name)
        return self

    def _adopt(self, run: Run, name: str) -> None:
        self._view = run._view
        self._run = run
        self._pathspec = f"{run.pathspec}/{name}"

    @staticmethod
    def _absent(run: Run, name: str) -> str:
        known = [step.id for step in run]
        what = f"Step('{run.pathspec}/{name}') does not exist"
        if any(step == name for step, _ in run._record.graph()):
            return f"{what}: the run didn't get there; it reached {', '.join(reversed(known))}"
        return what + suggest(name, known, "step")

    def _run_or_none(self) -> Run:
        return self._run

    def _tasks(self, *, newest_first: bool = False) -> Tasks:
        """All tasks as they are now: one question to the store."""
        return self._run._record.tasks(self.id, newest_first=newest_first)

    @property
    def parent(self) -> Run:
        """The run."""
        return self._run

    @property
    def created_at(self) -> datetime:
        """When its first task was created, in local time."""
        return local_time(self._run._record.tasks(self.id, limit=1)[0].created_at)

    @property
    def finished_at(self) -> datetime | None:
        """When its last task finished; ``None`` while one goes on."""
        return local_time(self._tasks().finished_at)

    @property
    def task(self) -> Task:
        """Its task; of several, the newest."""
        newest = self._run._record.tasks(self.id, newest_first=True, limit=1)
        return Task._of(self._run, newest[0])

    def tasks(self, *tags: str) -> Iterator[Task]:
        """Its tasks, newest first.

        Parameters
        ----------
        tags
            Only if the run has all of these tags.
        """
        if not self.tags.issuperset(tags):
            return
        run = self._run
        yield from (Task._of(run, record) for record in self._tasks(newest_first=True))

    def values(self, *names: str, default: Any = _RAISE) -> list[Any]:
        """Reads artifacts of all tasks at once, in the order of the foreach's items.

        Parameters
        ----------
        names
            One name gives a list of values, several give a list of tuples.
        default
            Stands for an artifact that a task doesn't have.

        Raises
        ------
        MetaflowNotFound
            If a task has no such artifact and there is no `default`.

        Examples
        --------
        >>> step.values("carrier", "score")
        [('AA', 0.91), ('UA', 0.93)]
        """
        if not names:
            raise TypeError("values() needs the name of at least one artifact")
        tasks = self._tasks().in_order()
        columns = [self._column(tasks, name, default) for name in names]
        return columns[0] if len(names) == 1 else list(zip(*columns, strict=True))

    def _column(self, tasks: Tasks, name: str, default: Any) -> list[Any]:
        entries = tasks.entries(name)
        if default is _RAISE and None in entries:
            record = tasks[entries.index(None)]
            raise MetaflowNotFound(
                f"{Task._of(self._run, record).absent(name)}; pass default= to fill such gaps"
            )
        step = self.pathspec
        return load_all(self._run, entries, default, lambda at: f"{step}/{tasks[at].number}")

    @property
    def parent_steps(self) -> Iterator[Step]:
        """The steps of this run that lead to this one."""
        graph = self._run._record.graph()
        return self._reached(name for name, following in graph if self.id in following)

    @property
    def child_steps(self) -> Iterator[Step]:
        """The steps of this run that this one leads to."""
        graph = dict(self._run._record.graph())
        return self._reached(graph.get(self.id, ()))

    @property
    def environment_info(self) -> None:
        """The packaged environment: a run on this machine has none."""
        return None

    def _reached(self, names: Iterable[str]) -> Iterator[Step]:
        return (Step._of(self._run, name) for name in names if name in self._run)

    def __iter__(self) -> Iterator[Task]:
        return self.tasks()

    def __getitem__(self, id: str | int) -> Task:
        try:
            return Task._find(self._run, self.id, str(id))
        except MetaflowNotFound as error:
            raise KeyError(str(error)) from None

    def __contains__(self, id: object) -> bool:
        try:
            self[str(id)]
        except KeyError:
            return False
        return True

    def _children(self) -> Iterator[Task]:
        return self.tasks()

    def _facts(self) -> list[str]:
        return show.step_facts(self)

    def _repr_html_(self) -> str:
        return show.step(self)
