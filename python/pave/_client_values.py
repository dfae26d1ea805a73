"""From stored entries to values, and to what can be told without reading them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from ._artifacts import ArtifactStore
    from ._client_run import Run


class Description(NamedTuple):
    """What is known of an artifact without reading it."""

    size: int
    hash: str
    type: str
    encoding: str


def describe(entry: bytes) -> Description:
    """What a stored entry says of its artifact."""
    from ._artifacts import entry_info

    info = entry_info(entry)
    return Description(info["size"], info["hash"], info["type"], info["encoding"])


def load(run: Run, entry: bytes) -> Any:
    """The value of a stored entry of `run`."""
    return _values(run._view.folder).get(entry)


def load_many(run: Run, entries: Iterable[bytes | None], default: Any) -> list[Any]:
    """The values of stored entries of `run`; `default` where there is none."""
    get = _values(run._view.folder).get
    return [default if entry is None else get(entry) for entry in entries]


@lru_cache(maxsize=8)
def _values(folder: str) -> ArtifactStore:
    from ._artifacts import ArtifactStore

    return ArtifactStore(folder)
