"""What client objects look through: a store and a namespace.

Owns: which store is read, whose runs are seen, and the words when something isn't there.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from .exceptions import MetaflowNamespaceMismatch, MetaflowNotFound

if TYPE_CHECKING:
    from ._native import MetadataStore

_FOLDER = ".pave"
_USER_VARIABLES = (
    "PAVE_USER",
    "METAFLOW_USER",
    "SUDO_USER",
    "USERNAME",
    "USER",
)
_UNSET: Any = object()

_namespace: Any = _UNSET
_chosen_store: str | None = None
_stores: dict[str, tuple[tuple[int, int], MetadataStore]] = {}


class View(NamedTuple):
    """A store's folder and a namespace; captured when an object is made, kept by its children."""

    folder: str
    namespace: str | None

    @property
    def store(self) -> MetadataStore:
        """The opened store."""
        return open_store(self.folder)

    @property
    def tags(self) -> list[str]:
        """The tags that a run must have to be seen."""
        return [] if self.namespace is None else [self.namespace]

    def everything(self) -> View:
        """The same store, seen whole."""
        return View(self.folder, None)


def current_view() -> View:
    """The view that a new object gets."""
    return View(_chosen_store or discover(), get_namespace())


# Namespaces -------------------------------------------------------------------------------------


def namespace(ns: str | None) -> str | None:
    """Sets whose runs this process sees.

    Parameters
    ----------
    ns
        A tag that a run must have, such as ``user:ada``; any tag works. ``None`` shows all runs.

    Returns
    -------
    The new namespace. Objects that exist already keep the one they were made in.

    Examples
    --------
    >>> namespace("user:ada")
    'user:ada'
    >>> namespace(None)
    """
    global _namespace
    if ns is not None and (not isinstance(ns, str) or not ns):
        raise TypeError(f"a namespace is a tag such as 'user:ada', or None for all, not {ns!r}")
    _namespace = ns
    return ns


def get_namespace() -> str | None:
    """The namespace in force; ``None`` is the global one."""
    return _first_namespace() if _namespace is _UNSET else _namespace


def default_namespace() -> str | None:
    """Goes back to the namespace this process began with, and returns it.

    Within a task that is the run's. Elsewhere it is ``production:<token>`` if
    ``METAFLOW_PRODUCTION_TOKEN`` is set, else ``user:<name>``.
    """
    global _namespace
    _namespace = _UNSET
    return _first_namespace()


def _first_namespace() -> str | None:
    current = sys.modules.get(f"{__package__}._current")
    task = current.current._task if current else None
    if task is not None:
        return task["namespace"] or None
    token = os.environ.get("METAFLOW_PRODUCTION_TOKEN")
    return f"production:{token}" if token else f"user:{user_name()}"


def user_name() -> str:
    """The user, as runs are tagged.

    The first of ``PAVE_USER``, ``METAFLOW_USER``, ``SUDO_USER``, ``USERNAME``, ``USER`` that is
    set, else the name of the account.
    """
    found = (os.environ.get(name) for name in _USER_VARIABLES)
    return next((name for name in found if name), "") or _account_name()


def _account_name() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


# Stores -----------------------------------------------------------------------------------------


def metadata(ms: str | os.PathLike[str]) -> str:
    """Selects the store that new objects read from.

    Parameters
    ----------
    ms
        A ``.pave`` folder or a folder that holds one, also as ``local@<path>``.

    Returns
    -------
    The store as ``local@<folder>``, which `metadata` takes back.

    Raises
    ------
    ValueError
        If there is no store.
    """
    global _chosen_store
    text = os.fspath(ms).removeprefix("local@")
    if "://" in text or text.startswith("service@"):
        raise ValueError(f"{text!r} is a service; Pave reads stores on disk, such as './.pave'")
    folder = os.path.abspath(os.path.expanduser(text))
    for candidate in (os.path.join(folder, _FOLDER), folder):
        if is_store(candidate):
            _chosen_store = candidate
            return get_metadata()
    raise ValueError(f"there is no store at {folder}: expected a {_FOLDER} folder with runs in it")


def get_metadata() -> str:
    """The store that new objects read from, as ``local@<folder>``."""
    return f"local@{_chosen_store or discover()}"


def default_metadata() -> str:
    """Goes back to the store found by itself, and returns it.

    That is the folder in ``PAVE_STORE``, which tasks have set, else the nearest ``.pave`` from the
    working directory upwards.
    """
    global _chosen_store
    _chosen_store = None
    return get_metadata()


def discover() -> str:
    """The store's folder, whether it is there or not."""
    here = os.getcwd()
    named = os.environ.get("PAVE_STORE")
    if named:
        return os.path.abspath(named)
    candidates = (os.path.join(folder, _FOLDER) for folder in _upwards(here))
    return next(filter(os.path.isdir, candidates), os.path.join(here, _FOLDER))


def _upwards(folder: str) -> Iterator[str]:
    """A folder and all that it lies in."""
    yield folder
    while (above := os.path.dirname(folder)) != folder:
        folder = above
        yield folder


def is_store(folder: str) -> bool:
    """Whether something has been run into `folder`."""
    return os.path.isfile(_database(folder))


def _database(folder: str) -> str:
    return os.path.join(folder, "metadata.db")


def open_store(folder: str) -> MetadataStore:
    """The opened store in `folder`: one per process, opened anew if the folder was replaced."""
    from ._native import MetadataStore

    try:
        found = os.stat(_database(folder))
    except FileNotFoundError:
        raise MetaflowNotFound(
            f"there are no runs yet: no store at {folder}. Run a flow from this folder, name the "
            "store in PAVE_STORE, or select one with metadata('path/to/.pave')"
        ) from None
    identity = (found.st_dev, found.st_ino)
    kept = _stores.get(folder)
    if kept is None or kept[0] != identity:
        kept = _stores[folder] = (identity, MetadataStore(folder))
    return kept[1]


# Words ------------------------------------------------------------------------------------------


def refuse_absent(
    what: str, wanted: str, known: Callable[[], Iterable[str]], kind: str
) -> NoReturn:
    """Says that something isn't there, and what is.

    Raises
    ------
    MetaflowNotFound
    """
    raise MetaflowNotFound(f"{what} does not exist{suggest(wanted, list(known()), kind)}")


def suggest(wanted: str, known: list[str], kind: str) -> str:
    """What to say after "does not exist": a close name, or the names there are."""
    from difflib import get_close_matches

    folded = {name.casefold(): name for name in known}
    close = get_close_matches(wanted.casefold(), folded, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {folded[close[0]]!r}?"
    if not known:
        return f"; there is no {kind} yet"
    shown = ", ".join(known[:10]) + (f", … ({len(known)} in all)" if len(known) > 10 else "")
    return f"; there is: {shown}"


def refuse_hidden(what: str, view: View, tags: Iterable[str]) -> NoReturn:
    """Says that something exists outside the namespace, and how to see it.

    Raises
    ------
    MetaflowNamespaceMismatch
    """
    owners = [tag for tag in tags if tag.startswith(("user:", "production:"))]
    switch = f"namespace({owners[0]!r}) shows it, namespace(None) shows everything"
    if not owners:
        switch = "namespace(None) shows everything"
    raise MetaflowNamespaceMismatch(f"{what} in the namespace {view.namespace!r}; {switch}")
