"""What all client objects share: names, parents, namespaces, tags."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, overload

from ._client_view import View, refuse_hidden
from .exceptions import MetaflowException, MetaflowInvalidPathspec, MetaflowNotFound

if TYPE_CHECKING:
    from ._client_run import Run

_SHAPES = {
    1: "Flow, such as 'Train'",
    2: "Flow/run, such as 'Train/7'",
    3: "Flow/run/step, such as 'Train/7/start'",
    4: "Flow/run/step/task, such as 'Train/7/start/1'",
    5: "Flow/run/step/task/artifact, such as 'Train/7/start/1/model'",
}


class MetaflowObject:
    """A flow, run, step, task or artifact, named by its pathspec.

    Objects look up what they need when they are asked, so those of a run that goes on show its
    newest state. They compare equal if they name the same thing in the same store.
    """

    __slots__ = ("_pathspec", "_view")

    _DEPTH: ClassVar[int]

    _view: View
    _pathspec: str

    @property
    def pathspec(self) -> str:
        """The full name, such as ``Train/7/start/1``."""
        return self._pathspec

    @property
    def path_components(self) -> list[str]:
        """The parts of the pathspec."""
        return self._pathspec.split("/")

    @property
    def id(self) -> str:
        """The last part of the pathspec."""
        return self._pathspec.rpartition("/")[2]

    @property
    def parent(self) -> MetaflowObject | None:
        """What this belongs to; ``None`` for a flow."""
        raise NotImplementedError

    @property
    def tags(self) -> frozenset[str]:
        """User and system tags, as they were when the object was made or last changed them."""
        return self.user_tags | self.system_tags

    @property
    def user_tags(self) -> frozenset[str]:
        """Tags that people set."""
        run = self._run_or_none()
        return frozenset(run._record.tags) if run else frozenset()

    @property
    def system_tags(self) -> frozenset[str]:
        """Tags that Pave set, such as ``user:ada``."""
        run = self._run_or_none()
        return frozenset(run._record.system_tags) if run else frozenset()

    @property
    def created_at(self) -> datetime | None:
        """When it was created, in local time."""
        raise NotImplementedError

    @property
    def origin_pathspec(self) -> str | None:
        """The same thing in the run that this one resumes; ``None`` if it resumes none."""
        run = self._run_or_none()
        origin = run._record.origin if run else None
        if origin is None:
            return None
        parts = self.path_components
        return "/".join([parts[0], str(origin), *parts[2:]])

    def is_in_namespace(self) -> bool:
        """Whether it is seen in the namespace that the object was made in."""
        namespace = self._view.namespace
        return namespace is None or namespace in self.tags

    def _run_or_none(self) -> Run | None:
        return None

    def _key(self) -> tuple[object, ...]:
        return (type(self), self._view.folder, self._pathspec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MetaflowObject) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        try:
            facts = [repr(self._pathspec), *filter(None, self._facts())]
        except MetaflowException:  # gone meanwhile; a debugger still wants a name
            facts = [repr(self._pathspec)]
        return f"{type(self).__name__}({', '.join(facts)})"

    def _facts(self) -> list[str]:
        return []

    def __reduce__(self) -> tuple[Any, ...]:
        return restore, (type(self).__name__, self._pathspec, self._attempt_or_none(), *self._view)

    def _attempt_or_none(self) -> int | None:
        return None

    def _children(self) -> Iterable[MetaflowObject]:
        return ()

    def _ipython_key_completions_(self) -> list[str]:
        return [child.id for child in self._children()]

    @classmethod
    def _parts(cls, pathspec: str) -> list[str]:
        """The parts of a pathspec of the depth that this class needs.

        Raises
        ------
        MetaflowInvalidPathspec
        """
        if isinstance(pathspec, MetaflowObject):
            pathspec = pathspec.pathspec
        parts = pathspec.split("/") if isinstance(pathspec, str) else []
        numbers = parts[1:2] + parts[3:4]
        if len(parts) != cls._DEPTH or not all(parts):
            why = f"it has {len(parts)} parts" if all(parts) else "a part of it is empty"
        elif not all(part.isdecimal() and part.isascii() for part in numbers):
            why = "runs and tasks are named by their numbers"
        elif any(len(part) > 10 for part in numbers):
            why = "no run or task has a number that large"
        else:
            return parts
        raise MetaflowInvalidPathspec(
            f"{cls.__name__}({pathspec!r}): {why}; expected {_SHAPES[cls._DEPTH]}"
        )


def check_namespace(what: str, view: View, tags: Iterable[str]) -> None:
    """Refuses what the namespace doesn't show.

    Raises
    ------
    MetaflowNamespaceMismatch
    """
    tags = list(tags)
    if view.namespace is not None and view.namespace not in tags:
        refuse_hidden(f"{what} is not", view, tags)


def check_attempt(attempt: int | None) -> int | None:
    """An attempt as people may give it.

    Raises
    ------
    MetaflowNotFound
        If it can't be one.
    """
    if attempt is None:
        return None
    if isinstance(attempt, bool) or not isinstance(attempt, int) or attempt < 0:
        raise MetaflowNotFound(f"attempts are numbered from 0, so {attempt!r} can't be one")
    return attempt


@overload
def local_time(millis: int) -> datetime: ...
@overload
def local_time(millis: int | None) -> datetime | None: ...
def local_time(millis: int | None) -> datetime | None:
    """A stored time as naive local time."""
    return None if millis is None else datetime.fromtimestamp(millis / 1000)


def restore(
    kind: str, pathspec: str, attempt: int | None, folder: str, namespace: str | None
) -> MetaflowObject:
    """Makes a client object again from its pickle. Its namespace isn't checked a second time."""
    from . import client

    given = {} if attempt is None else {"attempt": attempt}
    view = View(folder, namespace)
    made: MetaflowObject = getattr(client, kind)(
        pathspec, **given, _view=view, _namespace_check=False
    )
    return made
