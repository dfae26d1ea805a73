"""`Run`: one execution of a flow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn

from . import _client_show as show
from ._client_objects import MetaflowObject, check_namespace, local_time
from ._client_step import Step
from ._client_task import Task
from ._client_view import View, current_view, refuse_absent
from .exceptions import MetaflowNotFound, MetaflowTaggingError

if TYPE_CHECKING:
    from ._client_artifact import MetaflowData
    from ._client_flow import Flow
    from ._native import RunRecord

_PARAMETERS = "_parameters"


class Run(MetaflowObject):
    """One execution of a flow.

    Parameters
    ----------
    pathspec
        The flow's name and the run's number, such as ``Train/7``.

    Raises
    ------
    MetaflowNotFound, MetaflowNamespaceMismatch, MetaflowInvalidPathspec

    Examples
    --------
    >>> run = Run("Train/7")
    >>> run.successful, run.data.score
    (True, 0.93)
    """

    __slots__ = ("_record",)
    _DEPTH = 2
    _record: RunRecord

    def __init__(
        self, pathspec: str, *, _view: View | None = None, _namespace_check: bool = True
    ) -> None:
        flow, number = self._parts(pathspec)
        view = _view or current_view()
        record = view.store.find_run(flow, int(number))
        if record is None:
            self._refuse(view, flow, number)
        self._adopt(view, record)
        if _namespace_check:
            check_namespace(f"Run({self.pathspec!r})", view, self.tags)

    @classmethod
    def _of(cls, view: View, record: RunRecord) -> Run:
        self = cls.__new__(cls)
        self._adopt(view, record)
        return self

    def _adopt(self, view: View, record: RunRecord) -> None:
        self._view = view
        self._record = record
        self._pathspec = f"{record.flow}/{record.number}"

    @staticmethod
    def _refuse(view: View, flow: str, number: str) -> NoReturn:
        newest = view.store.runs(flow, [], limit=1)
        if not newest:
            refuse_absent(f"Flow({flow!r})", flow, lambda: view.store.flows([]), "flow")
        raise MetaflowNotFound(
            f"Run('{flow}/{number}') does not exist; the newest run of {flow} is {newest[0].number}"
        )

    def _run_or_none(self) -> Run:
        return self

    def _now(self) -> RunRecord:
        """The run as it is now. What is settled doesn't change and isn't read again."""
        if not self._record.is_settled:
            self._record = self._record.refresh()
        return self._record

    @property
    def parent(self) -> Flow:
        """The flow."""
        from ._client_flow import Flow

        return Flow._of(self._view, self._record.flow)

    @property
    def created_at(self) -> datetime:
        """When it was started, in local time."""
        return local_time(self._record.created_at)

    @property
    def finished_at(self) -> datetime | None:
        """When it ended, whether it succeeded or not; ``None`` while it goes on."""
        return local_time(self._now().finished_at)

    @property
    def state(self) -> str:
        """``running``, ``succeeded``, ``failed`` or ``interrupted``."""
        return self._now().state

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen to it. A failed run is finished too."""
        return self._now().is_finished

    @property
    def successful(self) -> bool:
        """Whether its end step succeeded."""
        return self.state == "succeeded"

    @property
    def user(self) -> str:
        """Who started it."""
        return self._record.user

    @property
    def origin_run_id(self) -> str | None:
        """The run of this flow that it resumes; ``None`` if it resumes none."""
        origin = self._record.origin
        return None if origin is None else str(origin)

    @property
    def code(self) -> None:
        """The code package: a run on this machine needs none, so there is none to show."""
        return None

    @property
    def trigger(self) -> None:
        """What started the run besides a person: nothing on this machine."""
        return None

    # Steps and data ------------------------------------------------------------------------------

    @property
    def end_task(self) -> Task | None:
        """The task of the end step; ``None`` if the run didn't get there."""
        record = self._record
        tasks = record.tasks(record.end_step, newest_first=True, limit=1)
        return Task._of(self, tasks[0]) if tasks else None

    @property
    def data(self) -> MetaflowData | None:
        """The artifacts of the end step; ``None`` if the run didn't get there."""
        task = self.end_task
        return task.data if task else None

    @property
    def parameters(self) -> dict[str, Any]:
        """The values that the run's parameters had."""
        task = self._record.find_task(0)
        if task is None:
            return {}
        data = Task._of(self, task).data
        names = [name for name in self._record.parameter_names() if name in data]
        return {name: getattr(data, name) for name in names}

    def steps(self, *tags: str) -> Iterator[Step]:
        """Steps with at least one task, the one reached last first.

        Parameters
        ----------
        tags
            Only if the run has all of these tags.
        """
        if not self.tags.issuperset(tags):
            return
        for name in reversed(self._record.reached()):
            if name != _PARAMETERS:
                yield Step._of(self, name)

    def __iter__(self) -> Iterator[Step]:
        return self.steps()

    def __getitem__(self, id: str) -> Step:
        if not self._record.tasks(id, limit=1):
            raise KeyError(Step._absent(self, id))
        return Step._of(self, id)

    def __contains__(self, id: object) -> bool:
        return isinstance(id, str) and bool(self._record.tasks(id, limit=1))

    def _children(self) -> Iterator[Step]:
        return self.steps()

    # Tags ----------------------------------------------------------------------------------------

    def add_tag(self, tag: str | Iterable[str]) -> None:
        """Adds a tag, or several."""
        self.add_tags(tag)

    def add_tags(self, tags: str | Iterable[str]) -> None:
        """Adds tags. Those that are there already, user or system, change nothing."""
        self.replace_tags([], tags)

    def remove_tag(self, tag: str | Iterable[str]) -> None:
        """Removes a tag, or several."""
        self.remove_tags(tag)

    def remove_tags(self, tags: str | Iterable[str]) -> None:
        """Removes user tags. Those that aren't there change nothing.

        Raises
        ------
        MetaflowTaggingError
            If one is a system tag.
        """
        self.replace_tags(tags, [])

    def replace_tag(self, tag_to_remove: str, tag_to_add: str) -> None:
        """Removes one tag and adds another, in one step."""
        self.replace_tags(tag_to_remove, tag_to_add)

    def replace_tags(
        self, tags_to_remove: str | Iterable[str], tags_to_add: str | Iterable[str]
    ) -> None:
        """Removes tags, then adds others, in one step that other processes see whole.

        Raises
        ------
        MetaflowTaggingError
            If nothing is given, a tag is empty or too long, or a system tag is to be removed.
        """
        remove, add = _tag_list(tags_to_remove), _tag_list(tags_to_add)
        if not remove and not add:
            raise MetaflowTaggingError(f"no tag was given to change on {self.pathspec}")
        self._record = self._record.change_tags(add, remove)

    # Showing -------------------------------------------------------------------------------------

    def diff(self, other: Run) -> dict[str, Any]:
        """What differs between this run and another one of the same flow, as plain data.

        Parameters
        ----------
        other
            The run to compare with.

        Returns
        -------
        A dict of three:

        - ``parameters``: name to the pair of values, where they differ;
        - ``artifacts``: step to the names whose content differs for some task there, or that only
          one of the two has. What differs already in a step before and is only handed on isn't
          repeated;
        - ``seconds``: step to the pair of its durations, ``None`` where it didn't finish.
        """
        ours, theirs = self.parameters, other.parameters
        names = dict.fromkeys([*ours, *theirs])
        pairs = {name: (ours.get(name), theirs.get(name)) for name in names}
        return {
            "parameters": {name: pair for name, pair in pairs.items() if not _same(*pair)},
            "artifacts": dict(self._record.diff(other._record)),
            "seconds": {
                step: (_seconds(self, step), _seconds(other, step))
                for step in dict.fromkeys([*self._record.reached(), *other._record.reached()])
                if step != _PARAMETERS
            },
        }

    def _facts(self) -> list[str]:
        return show.run_facts(self)

    def _repr_html_(self) -> str:
        return show.run(self)


def _tag_list(tags: str | Iterable[str]) -> list[str]:
    return [tags] if isinstance(tags, str) else [str(tag) for tag in tags]


def _same(a: Any, b: Any) -> bool:
    """Whether two parameter values are the same, whatever their ``==`` gives."""
    try:
        return type(a) is type(b) and bool(a == b)
    except (TypeError, ValueError):
        return False


def _seconds(run: Run, step: str) -> float | None:
    elapsed = run._record.tasks(step).elapsed
    return None if elapsed is None else elapsed / 1000
