"""`Metaflow`, the store as a whole, and `Flow`, the runs of one flow."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from . import _client_show as show
from ._client_objects import MetaflowObject, local_time
from ._client_run import Run
from ._client_view import View, current_view, is_store, refuse_absent, refuse_hidden
from .exceptions import (
    MetaflowInvalidPathspec,
    MetaflowNamespaceMismatch,
    MetaflowNotFound,
)

if TYPE_CHECKING:
    from ._native import RunRecord

_PAGE = 100


class Metaflow:
    """Everything in the store.

    Examples
    --------
    >>> [flow.id for flow in Metaflow()]
    ['Train']
    """

    __slots__ = ("_view",)

    def __init__(self) -> None:
        self._view = current_view()

    @property
    def flows(self) -> list[Flow]:
        """Flows with at least one run in the namespace, by name."""
        return list(self)

    def __iter__(self) -> Iterator[Flow]:
        view = self._view
        names = view.store.flows(view.tags) if is_store(view.folder) else []
        return (Flow._of(view, name) for name in names)

    def __getitem__(self, name: str) -> Flow:
        return Flow(name, _view=self._view)

    def __contains__(self, name: object) -> bool:
        return any(flow.id == name for flow in self)

    def __repr__(self) -> str:
        return f"Metaflow({self._view.folder!r})"

    def _ipython_key_completions_(self) -> list[str]:
        return [flow.id for flow in self]


class Flow(MetaflowObject):
    """A flow, and its runs in the namespace.

    Parameters
    ----------
    pathspec
        The flow's name.

    Raises
    ------
    MetaflowNotFound
        If the flow was never run into this store.
    MetaflowNamespaceMismatch
        If it has no run in the namespace.

    Examples
    --------
    >>> Flow("Train").latest_run.successful
    True
    >>> [run.id for run in Flow("Train")]
    ['3', '2', '1']
    """

    __slots__ = ()
    _DEPTH = 1

    def __init__(
        self, pathspec: str, *, _view: View | None = None, _namespace_check: bool = True
    ) -> None:
        (name,) = self._parts(pathspec)
        view = _view or current_view()
        if not self._first(view if _namespace_check else view.everything(), name):
            self._refuse(view, name)
        self._view = view
        self._pathspec = name

    @classmethod
    def _of(cls, view: View, name: str) -> Flow:
        self = cls.__new__(cls)
        self._view = view
        self._pathspec = name
        return self

    @staticmethod
    def _first(view: View, name: str) -> RunRecord | None:
        return next(iter(view.store.runs(name, view.tags, limit=1)), None)

    @classmethod
    def _refuse(cls, view: View, name: str) -> None:
        newest = cls._first(view.everything(), name)
        if newest is None:
            refuse_absent(f"Flow({name!r})", name, lambda: view.store.flows([]), "flow")
        refuse_hidden(f"Flow({name!r}) has no run", view, newest.system_tags)

    @property
    def parent(self) -> None:
        """A flow belongs to nothing."""
        return None

    @property
    def created_at(self) -> datetime | None:
        """When its first run was created."""
        first = self._view.store.find_run(self.id, 1)
        return local_time(first.created_at) if first else None

    @property
    def latest_run(self) -> Run | None:
        """The newest run in the namespace, in any state; ``None`` if there is none."""
        return next(self._runs([], limit=1), None)

    @property
    def latest_successful_run(self) -> Run | None:
        """The newest run in the namespace that succeeded; ``None`` if there is none."""
        return next(self._runs([], state="succeeded", limit=1), None)

    def runs(self, *tags: str) -> Iterator[Run]:
        """Runs in the namespace, newest first.

        Parameters
        ----------
        tags
            Only runs that have all of these tags.
        """
        return self._runs(list(tags))

    def _runs(self, tags: list[str], *, state: str | None = None, limit: int = 0) -> Iterator[Run]:
        view = self._view
        wanted = [*tags, *view.tags]
        before: RunRecord | None = None
        while True:
            page = view.store.runs(
                self.id, wanted, state=state, before=before, limit=limit or _PAGE
            )
            yield from (Run._of(view, record) for record in page)
            if limit or len(page) < _PAGE:
                return
            before = page[-1]

    def __iter__(self) -> Iterator[Run]:
        return self.runs()

    def __getitem__(self, id: str | int) -> Run:
        try:
            return Run(f"{self.id}/{id}", _view=self._view)
        except (MetaflowNotFound, MetaflowInvalidPathspec) as error:
            raise KeyError(str(error)) from None

    def __contains__(self, id: object) -> bool:
        try:
            self[str(id)]
        except (KeyError, MetaflowNamespaceMismatch):
            return False
        return True

    def _children(self) -> Iterator[Run]:
        return self.runs()

    def _repr_html_(self) -> str:
        return show.flow(self)
