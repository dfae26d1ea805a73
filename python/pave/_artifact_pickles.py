"""Values that have no neutral form, as pickles whose large buffers stay where they are.

Owns: pickling, unpickling, and finding out which part of a value can't be pickled.
Must not: unpickle for anyone but the process that asked for the value.

Objects whose class was defined in the flow's file are pickled as parts of `__main__`. Elsewhere
than in the flow's own process, `ArtifactStore.main_module` says which module stands for it.
"""

from __future__ import annotations

import io
import pickle
import time
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from pave._native import Encoded, Payload

__all__ = ["MainModule", "encode_pickle", "find_culprit", "restore_pickle"]

MainModule = ModuleType | Callable[[], ModuleType] | None
"""The module that stands for `__main__`, or how to get it once it is needed."""

# Smaller buffers are cheaper inside of the stream.
_OUT_OF_BAND_FROM = 16 * 1024

_SEARCH_SECONDS = 2.0
_SEARCH_DEPTH = 8
_SEARCH_PARTS = 200


def encode_pickle(value: object) -> Encoded:
    """The payload of a value's pickle. Raises whatever pickling it raises."""
    buffers: list[memoryview] = []

    def keep_inside(buffer: pickle.PickleBuffer) -> bool:
        with memoryview(buffer) as view:
            if view.nbytes < _OUT_OF_BAND_FROM or not view.contiguous:
                return True
        buffers.append(buffer.raw())
        return False

    stream = pickle.dumps(value, protocol=5, buffer_callback=keep_inside)
    return Encoded.pickle(stream, buffers)


def restore_pickle(payload: Payload, main: MainModule) -> object:
    """The value of a pickle's payload. Raises whatever unpickling it raises."""
    stream, buffers = payload.pickle()
    return _Unpickler(_Stream(stream), buffers, main).load()


class _Stream(io.RawIOBase):
    """The pickle stream read in place."""

    def __init__(self, memory: Any) -> None:
        self._view = memoryview(memory)
        self._at = 0

    def read(self, size: int = -1) -> bytes:
        return bytes(self._take(len(self._view) if size < 0 else size))

    def readinto(self, target: Any) -> int:
        part = self._take(len(target))
        target[: len(part)] = part
        return len(part)

    def readline(self, size: int | None = -1) -> bytes:
        # Only text opcodes of old protocols end with a line.
        line = bytearray()
        while not line.endswith(b"\n"):
            byte = self._take(1)
            if not byte:
                break
            line += byte
        return bytes(line)

    def _take(self, size: int) -> memoryview:
        part = self._view[self._at : self._at + size]
        self._at += len(part)
        return part


class _Unpickler(pickle.Unpickler):
    def __init__(self, stream: _Stream, buffers: list[Any], main: MainModule) -> None:
        super().__init__(stream, buffers=buffers)
        self._main = main

    def find_class(self, module: str, name: str) -> Any:
        if module != "__main__" or self._main is None:
            return super().find_class(module, name)
        if not isinstance(self._main, ModuleType):
            self._main = self._main()
        try:
            return _attribute(self._main, name)
        except AttributeError:
            return super().find_class(module, name)


def _attribute(module: ModuleType, name: str) -> Any:
    found: Any = module
    for part in name.split("."):
        found = getattr(found, part)
    return found


def find_culprit(value: object) -> tuple[str, object]:
    """The innermost part of a value that can't be pickled, as a path such as `.model.hooks[2]`.

    Looks only as far as that stays cheap; the path may therefore end early.

    Returns
    -------
    tuple
        The path, empty if it is the value itself, and that part.
    """
    deadline = time.monotonic() + _SEARCH_SECONDS
    path = ""
    for _ in range(_SEARCH_DEPTH):
        for step, part in _parts_of(value):
            if time.monotonic() > deadline:
                return path, value
            if not _can_pickle(part):
                path, value = path + step, part
                break
        else:
            return path, value
    return path, value


def _can_pickle(value: object) -> bool:
    try:
        pickle.dumps(value, protocol=5, buffer_callback=lambda buffer: None)
    except Exception:
        return False
    return True


def _parts_of(value: Any) -> Iterator[tuple[str, object]]:
    """The first parts of a container or object, each with the step that leads to it."""
    kind = type(value)
    if issubclass(kind, dict):
        pairs = list(dict.items(value))[:_SEARCH_PARTS]
        yield from ((f"[{_key(key)}]", part) for key, part in pairs)
        yield from ((f" key {_key(key)}", key) for key, _ in pairs)
    elif issubclass(kind, (list, tuple)):
        base = list if issubclass(kind, list) else tuple
        shown = base.__getitem__(value, slice(_SEARCH_PARTS))
        yield from ((f"[{index}]", part) for index, part in enumerate(shown))
    elif kind in (set, frozenset):
        yield from ((" element", part) for part in list(value)[:_SEARCH_PARTS])
    attributes = _state_of(value)
    if type(attributes) is dict and kind not in (type, ModuleType):
        some = list(attributes.items())[:_SEARCH_PARTS]
        yield from ((f".{name}", part) for name, part in some)


def _state_of(value: Any) -> object:
    """What an object's pickle holds of it; nothing where the object itself refuses."""
    kind = type(value)
    try:
        if getattr(kind, "__getstate__", None) is not getattr(object, "__getstate__", None):
            return value.__getstate__()
        return object.__getattribute__(value, "__dict__")
    except Exception:
        return None


def _key(key: object) -> str:
    if type(key) in (str, int, float, bool, type(None)):
        text = repr(key)
        return text if len(text) <= 40 else text[:39] + "…"
    return f"<{type(key).__name__}>"
