"""`Task`, its `MetaflowData`, and `DataArtifact`: what one task left."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from . import _client_show as show
from ._client_artifact import DataArtifact, MetaflowData
from ._client_objects import MetaflowObject, check_attempt, local_time
from ._client_values import entry_of_name
from ._client_view import View, suggest
from .exceptions import MetaflowExceptionWrapper, MetaflowNotFound

if TYPE_CHECKING:
    from ._client_run import Run
    from ._client_step import Step
    from ._native import AttemptRecord, TaskRecord


class Metadata(NamedTuple):
    """A fact about an attempt of a task. Values are text."""

    name: str
    value: str
    created_at: datetime
    type: str
    task: Task


class Task(MetaflowObject):
    r"""One step at one place of the graph in one run, and what it left.

    Parameters
    ----------
    pathspec
        Flow, run, step and task, such as ``Train/7/fit/3``.
    attempt
        Which try, from 0; the newest unless given. Data, logs and exception are then those of that
        try. That it exists is checked when it is used.

    Raises
    ------
    MetaflowNotFound, MetaflowNamespaceMismatch, MetaflowInvalidPathspec

    Examples
    --------
    >>> task = Task("Train/7/fit/3")
    >>> task.data.score, task.stdout
    (0.93, 'fitting UA\n')
    """

    __slots__ = ("_attempt", "_record", "_run")
    _DEPTH = 4
    _run: Run
    _record: TaskRecord
    _attempt: int | None

    def __init__(
        self,
        pathspec: str,
        attempt: int | None = None,
        *,
        _view: View | None = None,
        _namespace_check: bool = True,
    ) -> None:
        from ._client_run import Run

        flow, run, step, number = self._parts(pathspec)
        found = self._find(
            Run(f"{flow}/{run}", _view=_view, _namespace_check=_namespace_check), step, number
        )
        self._adopt(found._run, found._record, check_attempt(attempt))

    @classmethod
    def _of(cls, run: Run, record: TaskRecord, attempt: int | None = None) -> Task:
        self = cls.__new__(cls)
        self._adopt(run, record, attempt)
        return self

    def _adopt(self, run: Run, record: TaskRecord, attempt: int | None) -> None:
        self._view = run._view
        self._run = run
        self._record = record
        self._attempt = attempt
        self._pathspec = f"{run.pathspec}/{record.step}/{record.number}"

    @classmethod
    def _find(cls, run: Run, step: str, number: str) -> Task:
        """The task of that step with that number.

        Raises
        ------
        MetaflowNotFound
        """
        record = run._record.find_task(int(number)) if number.isdecimal() else None
        if record is not None and record.step == step:
            return cls._of(run, record)
        what = f"Task('{run.pathspec}/{step}/{number}') does not exist"
        if record is not None:
            raise MetaflowNotFound(f"{what}; task {number} belongs to step {record.step!r}")
        tasks = run._record.tasks(step)
        if not tasks:
            hint = suggest(step, run._record.reached(), "step")
            raise MetaflowNotFound(f"{what}: step {step!r} has no tasks{hint}")
        first, last = tasks[0].number, tasks[-1].number
        span = f"{len(tasks)} tasks, {first} to {last}" if len(tasks) > 1 else f"task {first} alone"
        raise MetaflowNotFound(f"{what}; step {step!r} has {span}")

    def _run_or_none(self) -> Run:
        return self._run

    def _attempt_or_none(self) -> int | None:
        return self._attempt

    def _key(self) -> tuple[object, ...]:
        return (*super()._key(), self._attempt)

    def _now(self) -> TaskRecord:
        """The task as it is now. What is finished doesn't change and isn't read again."""
        if not self._record.is_finished:
            self._record = self._record.refresh()
        return self._record

    def _try(self) -> AttemptRecord | None:
        """The attempt in question; ``None`` if there was none yet, or of a clone.

        Raises
        ------
        MetaflowNotFound
            If the attempt that was named doesn't exist.
        """
        record = self._now()
        attempt = record.find_attempt(self._attempt)
        if attempt is None and self._attempt is not None:
            numbers = ", ".join(str(it.attempt) for it in record.attempts()) or "none"
            raise MetaflowNotFound(
                f"Task({self.pathspec!r}) has no attempt {self._attempt}; it has: {numbers}"
            )
        return attempt

    def _looked_at(self) -> TaskRecord:
        """The task as it is now, after making sure that the attempt that was named exists."""
        if self._attempt is not None:
            self._try()
        return self._now()

    # State ---------------------------------------------------------------------------------------

    @property
    def parent(self) -> Step:
        """The step."""
        from ._client_step import Step

        return Step._of(self._run, self._record.step)

    @property
    def created_at(self) -> datetime:
        """When it was created, in local time."""
        return local_time(self._record.created_at)

    @property
    def finished_at(self) -> datetime | None:
        """When it, or the attempt that was named, ended; ``None`` while it goes on."""
        attempt = self._try() if self._attempt is not None else None
        return local_time((attempt or self._now()).finished_at)

    @property
    def state(self) -> str:
        """``queued``, ``running``, ``succeeded``, ``failed`` or ``interrupted``."""
        attempt = self._try() if self._attempt is not None else None
        return (attempt or self._now()).state

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen to it. A failed task is finished too."""
        return self.state not in ("queued", "running")

    @property
    def successful(self) -> bool:
        """Whether its body ran through. False if it raised, also where ``@catch`` caught that."""
        if self.state != "succeeded":
            return False
        return not self._now().is_caught(self._attempt)

    @property
    def exception(self) -> MetaflowExceptionWrapper | None:
        """What it failed with: `type`, `exception` and `stacktrace`.

        ``None`` if it didn't fail, or if ``@catch`` caught it.
        """
        attempt = self._try()
        failure = attempt.failure() if attempt and attempt.state != "succeeded" else None
        if failure is None:
            return None
        kind, message, traceback = failure
        return MetaflowExceptionWrapper(exception=message, type=kind, stacktrace=traceback or None)

    @property
    def current_attempt(self) -> int:
        """The attempt in question: the one that was named, else the newest."""
        return self._attempt if self._attempt is not None else self._now().attempt or 0

    @property
    def index(self) -> int | None:
        """Which item of the innermost foreach it works on; ``None`` outside of one."""
        return self._record.index

    @property
    def origin_pathspec(self) -> str | None:
        """The task of an earlier run that it is a clone of; ``None`` if it ran itself."""
        origin = self._record.origin
        if origin is None:
            return None
        flow, _, step, _ = self.path_components
        return f"{flow}/{self._run.origin_run_id}/{step}/{origin}"

    @property
    def runtime_name(self) -> str | None:
        """Where it ran, from the tag ``runtime:``."""
        found = (tag for tag in self.system_tags if tag.startswith("runtime:"))
        return next((tag.partition(":")[2] for tag in found), None)

    @property
    def code(self) -> None:
        """The code package: a run on this machine needs none, so there is none to show."""
        return None

    @property
    def environment_info(self) -> None:
        """The packaged environment: a run on this machine has none."""
        return None

    # Neighbours ----------------------------------------------------------------------------------

    @property
    def parent_tasks(self) -> Iterator[Task]:
        """The tasks whose work it continues."""
        return (Task._of(self._run, record) for record in self._record.parents())

    @property
    def child_tasks(self) -> Iterator[Task]:
        """The tasks that continue its work."""
        return (Task._of(self._run, record) for record in self._now().children())

    @property
    def parent_task_pathspecs(self) -> Iterator[str]:
        """Names of the tasks whose work it continues."""
        return (task.pathspec for task in self.parent_tasks)

    @property
    def child_task_pathspecs(self) -> Iterator[str]:
        """Names of the tasks that continue its work."""
        return (task.pathspec for task in self.child_tasks)

    # Artifacts -----------------------------------------------------------------------------------

    @property
    def data(self) -> MetaflowData:
        """Its artifacts as attributes, each read when it is asked for."""
        return MetaflowData(self)

    @property
    def artifacts(self) -> tuple[DataArtifact, ...]:
        """Its artifacts as a named tuple of `DataArtifact`."""
        names = tuple(self._names())
        made: tuple[DataArtifact, ...] = _tuple_of(names)(
            *(DataArtifact._of(self, name) for name in names)
        )
        return made

    def _names(self) -> list[str]:
        names = self._looked_at().names(self._attempt)
        return [name for name in names if not name.startswith("_")]

    def _entry(self, name: str) -> bytes | None:
        entry = self._looked_at().entry(name, self._attempt)
        if entry is None and name == "name":
            # Every task knows its flow's name, unlisted and unstored.
            return entry_of_name(self._view.folder, self.path_components[0])
        return entry

    def absent(self, name: str) -> str:
        """What to say of an artifact that isn't there."""
        why = "" if self.state == "succeeded" else f" (it is {self.state})"
        known = self._names()
        return f"{self.pathspec}{why} has no artifact {name!r}{suggest(name, known, 'artifact')}"

    def __iter__(self) -> Iterator[DataArtifact]:
        return (DataArtifact._of(self, name) for name in self._names())

    def __getitem__(self, id: str) -> DataArtifact:
        if self._entry(id) is None:
            raise KeyError(self.absent(id))
        return DataArtifact._of(self, id)

    def __contains__(self, id: object) -> bool:
        return isinstance(id, str) and self._entry(id) is not None

    def _children(self) -> Iterator[DataArtifact]:
        return iter(self)

    # Logs ----------------------------------------------------------------------------------------

    @property
    def stdout(self) -> str:
        """What it printed. A clone shows what its origin printed."""
        return self._text("stdout")

    @property
    def stderr(self) -> str:
        """What it wrote to standard error. A clone shows what its origin wrote."""
        return self._text("stderr")

    @property
    def stdout_size(self) -> int:
        """Bytes of `stdout`."""
        return len(self._looked_at().log("stdout", self._attempt))

    @property
    def stderr_size(self) -> int:
        """Bytes of `stderr`."""
        return len(self._looked_at().log("stderr", self._attempt))

    def _text(self, stream: str) -> str:
        text = self._looked_at().log(stream, self._attempt).decode("utf-8", errors="replace")
        return text if not text or text.endswith("\n") else text + "\n"

    def loglines(
        self, stream: str, as_unicode: bool = True
    ) -> Iterator[tuple[datetime, str | bytes]]:
        """The lines of a log, each with the time (UTC) that it arrived.

        Parameters
        ----------
        stream
            ``stdout``, ``stderr`` or ``runtime``: what Pave itself had to say about the task.
        as_unicode
            Whether lines are text (bytes that aren't UTF-8 are replaced) or bytes.
        """
        for millis, line in self._looked_at().log_lines(stream, self._attempt):
            at = datetime.fromtimestamp(millis / 1000, UTC).replace(tzinfo=None)
            yield at, line.decode("utf-8", errors="replace") if as_unicode else line

    # Metadata ------------------------------------------------------------------------------------

    @property
    def metadata(self) -> list[Metadata]:
        """Facts about each of its attempts, in order; one name may occur several times."""
        facts: list[Metadata] = []
        record = self._now()
        for attempt in record.attempts():
            facts += self._facts_of(attempt)
        if not facts:
            begin = local_time(record.created_at)
            facts = [self._fact("attempt", record.attempt or 0, begin), *self._common_facts(begin)]
        return facts

    @property
    def metadata_dict(self) -> dict[str, str]:
        """The newest value of each fact."""
        return {fact.name: fact.value for fact in self.metadata}

    def _facts_of(self, attempt: AttemptRecord) -> list[Metadata]:
        begin, end = local_time(attempt.started_at), local_time(attempt.finished_at)
        facts = [self._fact("attempt", attempt.attempt, begin), *self._common_facts(begin)]
        if end is not None:
            facts.append(self._fact("attempt_ok", attempt.state == "succeeded", end))
            facts.append(self._fact("attempt-done", attempt.attempt, end))
        return facts

    def _common_facts(self, at: datetime) -> list[Metadata]:
        run = self._run._record
        facts: dict[str, object] = {
            "origin-run-id": run.origin,
            "ds-type": "local",
            "ds-root": self._view.folder,
            "script-name": run.file.rpartition("/")[2],
            "user": run.user,
        }
        if self._record.origin is not None:
            facts["origin-task-id"] = self._record.origin
        for tag in sorted(self.system_tags):
            name, found, value = tag.partition(":")
            if found and name in ("runtime", "python_version", "pave_version", "metaflow_version"):
                facts[name] = value
        path = self._record.foreach_path()
        if path:
            facts["foreach-execution-path"] = ",".join(f"{step}:{index}" for step, index in path)
        return [self._fact(name, value, at) for name, value in facts.items()]

    def _fact(self, name: str, value: object, at: datetime) -> Metadata:
        return Metadata(name, str(value), at, name, self)

    # Showing -------------------------------------------------------------------------------------

    def _facts(self) -> list[str]:
        return show.task_facts(self)

    def _repr_html_(self) -> str:
        return show.task(self)


@lru_cache(maxsize=256)
def _tuple_of(names: tuple[str, ...]) -> Any:
    """The named tuple that holds these artifacts. Names that Python doesn't allow are numbered."""
    return namedtuple("MetaflowArtifacts", names, rename=True)
