"""From stored entries to values.

Owns: what stands for the flow's file, where its classes are needed to read a pickle.
Must not: know encodings; the artifact store does.
"""

from __future__ import annotations

import os
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any

from ._artifacts import ArtifactStore, UnreadableArtifact
from .exceptions import DataException

if TYPE_CHECKING:
    from ._client_run import Run


def load(run: Run, owner: str, entry: bytes) -> Any:
    """The value of an entry of `run`, which belongs to the task named `owner`.

    Raises
    ------
    DataException
        If it can't be read.
    """
    return _values(run._view.folder, run._record.file).load(entry, lambda _: owner)


def load_all(
    run: Run, entries: list[bytes | None], default: Any, owner: Callable[[int], str]
) -> list[Any]:
    """The values of entries of `run`, in order; `default` where there is none.

    Raises
    ------
    DataException
        If one can't be read; it names the `owner` of that one.
    """
    load = _values(run._view.folder, run._record.file).load
    return [
        default if entry is None else load(entry, owner, at) for at, entry in enumerate(entries)
    ]


@lru_cache(maxsize=32)
def entry_of_name(folder: str, flow: str) -> bytes:
    """The entry of the text `flow`, as if a task had left it as `name`."""
    return ArtifactStore(folder).put("name", flow)


class _Values:
    """Reads what runs of one flow file left in one store."""

    def __init__(self, folder: str, file: str) -> None:
        self._file = file
        self._store = ArtifactStore(folder)
        self._store.main_module = self._flow_module
        self._why_not: str | None = None

    def load(self, entry: bytes, owner: Callable[[int], str], at: int = 0) -> Any:
        try:
            return self._store.get(entry)
        except UnreadableArtifact as problem:
            failure = problem
        if isinstance(failure.__cause__, ModuleNotFoundError):
            # A module beside the flow's file, which is on the path in the flow's own process.
            with _folder_on_path(self._file):
                try:
                    return self._store.get(entry)
                except UnreadableArtifact as problem:
                    failure = problem
        hint = (
            f". The flow's file could not be used for it: {self._why_not}" if self._why_not else ""
        )
        raised = DataException(f"{owner(at)}: {failure}{hint}")
        raised.code = failure.code  # type: ignore[attr-defined]
        raise raised from failure

    def _flow_module(self) -> ModuleType:
        """What stands for `__main__` of the flow's own process."""
        try:
            self._why_not = None
            return flow_module(self._file)
        except Exception as error:
            # The class may have been defined by hand where the value is read.
            self._why_not = f"{type(error).__name__}: {error}"
            return sys.modules["__main__"]


@lru_cache(maxsize=32)
def _values(folder: str, file: str) -> _Values:
    return _Values(folder, file)


def flow_module(file: str) -> ModuleType:
    """The flow's file, as it is now, as a module. Its flow isn't run.

    Raises
    ------
    Exception
        Whatever executing the file raises; `OSError` if it isn't there.
    """
    main = sys.modules["__main__"]
    if _is_same_file(getattr(main, "__file__", None), file):
        return main
    return _module_of(file, os.stat(file).st_mtime_ns)


@lru_cache(maxsize=32)
def _module_of(file: str, changed: int) -> ModuleType:
    with open(file, "rb") as stream:
        code = compile(stream.read(), file, "exec", dont_inherit=True)
    stem = os.path.splitext(os.path.basename(file))[0]
    module = ModuleType(f"{stem}_{zlib.crc32(f'{file} {changed}'.encode()):08x}")
    module.__file__ = file
    sys.modules[module.__name__] = module
    try:
        with _folder_on_path(file):
            _execute(code, module)
    except BaseException:
        del sys.modules[module.__name__]
        raise
    return module


def _execute(code: CodeType, module: ModuleType) -> None:
    from .flowspec import Construction, FlowChosen

    mode = Construction.mode
    Construction.mode = Construction.LOADING
    try:
        exec(code, module.__dict__)
    except FlowChosen:
        pass  # The file runs its flow without asking whether it is the main script.
    except SystemExit as error:
        raise ImportError(f"the file calls sys.exit({error.code!r})") from None
    finally:
        Construction.mode = mode


def _is_same_file(one: str | None, other: str) -> bool:
    try:
        return one is not None and os.path.samefile(one, other)
    except OSError:
        return False


@contextmanager
def _folder_on_path(file: str) -> Iterator[None]:
    """Lets modules beside `file` be found, after all others."""
    folder = os.path.dirname(file)
    sys.path.append(folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
