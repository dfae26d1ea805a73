"""The artifact store as Python sees it: which encoding a value gets, and how it comes back.

Owns: the choice between plain value, array, frame and pickle; the words of failures.
Must not: convert anything itself; numpy, pandas and the like are never imported to store a value.
Start reading at: `ArtifactStore.put` and `ArtifactStore.get`.

A value takes the first of these that holds it exactly: a plain value, an array, a frame, a pickle.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from pave._artifact_labels import label_of, type_name
from pave._artifact_pickles import MainModule, encode_pickle, find_culprit, restore_pickle
from pave._artifact_trackers import Tracker, track, track_frame
from pave._frames import encode_frame, frame_kind, restore_frame
from pave._native import (
    ArtifactFault,
    Encoded,
    Items,
    Payload,
    Store,
    manifest_pack,
    manifest_unpack,
)
from pave._native import entry_info as _entry_info

__all__ = [
    "ArtifactStore",
    "EntryInfo",
    "Tracker",
    "UnreadableArtifact",
    "UnstorableArtifact",
    "entry_info",
    "manifest_pack",
    "manifest_unpack",
]


class UnstorableArtifact(Exception):
    """An artifact can't be stored.

    Parameters
    ----------
    name
        The artifact.
    type_name
        The type of the part that is in the way.
    reason
        Why it is.
    path
        Where that part is within the artifact, such as `.hooks[2]`; empty for the whole.
    code
        `T005` if the value is the reason, that of the store if it is.
    """

    def __init__(
        self, name: str, type_name: str, reason: str, path: str = "", code: str = "T005"
    ) -> None:
        super().__init__(name, type_name, reason, path, code)
        self.name = name
        self.type_name = type_name
        self.reason = reason
        self.path = path
        self.code = code

    def __str__(self) -> str:
        if self.code != "T005":
            return f"artifact `{self.name}` could not be stored: {self.reason}"
        what = f"artifact `{self.name}` of type {self.type_name} cannot be stored"
        if self.path:
            part = f"its part `{self.path}` of type {self.type_name}"
            what = f"artifact `{self.name}` cannot be stored because of {part}"
        return f"{what}: {self.reason}. Keep it out of `self`, or store what it can be made from"


class UnreadableArtifact(Exception):
    """A stored artifact can't be read.

    Parameters
    ----------
    name
        The artifact.
    type_name
        The type that it had when it was stored.
    reason
        Why it can't be read.
    code
        `A001` if it is corrupt, `A002` if it is missing, else `A004`.
    """

    def __init__(self, name: str, type_name: str, reason: str, code: str = "A004") -> None:
        super().__init__(name, type_name, reason, code)
        self.name = name
        self.type_name = type_name
        self.reason = reason
        self.code = code

    def __str__(self) -> str:
        return f"artifact `{self.name}` of type {self.type_name} cannot be read: {self.reason}"


class EntryInfo(NamedTuple):
    """What is known of an artifact without reading it."""

    name: str
    """The artifact's name."""
    encoding: str
    """`value`, `array`, `frame`, `items`, `pickle`, or what another language wrote."""
    type_name: str
    """The value's class."""
    size: int
    """Bytes."""
    hash: str
    """Hexadecimal; equal hashes of one encoding mean equal content."""
    label: str
    """A short form for people."""


def entry_info(entry: bytes) -> EntryInfo:
    """What an entry says.

    Raises
    ------
    UnreadableArtifact
        These bytes are no entry.
    """
    try:
        return EntryInfo(*_entry_info(entry))
    except ArtifactFault as fault:
        code, reason = fault.args
        raise UnreadableArtifact("?", "?", reason, code) from None


class ArtifactStore:
    """The artifacts of one store on this machine.

    Parameters
    ----------
    folder
        The store's folder, such as `.pave`. It is made once something is put.

    Examples
    --------
    >>> import tempfile
    >>> store = ArtifactStore(tempfile.mkdtemp())
    >>> entry = store.put("alphas", [0.1, 1.0])
    >>> store.get(entry)
    [0.1, 1.0]
    >>> entry_info(entry).label
    'list of 2'
    """

    main_module: MainModule
    """Where classes and functions of `__main__` are looked up first: a module, or a function that
    loads it once it is needed. The process that runs the flow's file needs none; a client sets
    what it made of the file that the artifacts' flow is in."""

    def __init__(self, folder: str) -> None:
        self._store = Store(folder)
        self.main_module = None

    def put(self, name: str, value: object) -> bytes:
        """Stores a value.

        Readable in this process at once, by others and after a crash once `sync` returned.

        Returns
        -------
        bytes
            The entry that stands for it in a manifest.

        Raises
        ------
        UnstorableArtifact
            The value has no form that can be stored, or the store can't be written.
        """
        encoded, kind = _encode(name, value)
        try:
            return self._store.put(name, encoded, kind, label_of(value))
        except ArtifactFault as fault:
            raise _unstorable(name, kind, fault) from fault.__cause__

    def put_items(self, name: str, values: Sequence[object]) -> bytes:
        """Stores many values under one entry, from which `get_item` reads one without the rest.

        Each item is stored on its own: an object that is part of two of them becomes two. A tuple
        is read back as a tuple, anything else as a list.

        Raises
        ------
        UnstorableArtifact
            As in `put`; its `path` begins with the item's index.
        """
        listed = list(values)
        kind = "tuple" if type(values) is tuple else "list"
        items = Items()
        at = items.extend(listed, 0)
        while at < len(listed):
            encoded, item_kind = _encode(name, listed[at], f"[{at}]")
            items.push(encoded, item_kind)
            at = items.extend(listed, at + 1)
        try:
            return self._store.put_items(name, items, kind, f"{len(listed)} items")
        except ArtifactFault as fault:
            raise _unstorable(name, kind, fault) from fault.__cause__

    def get(self, entry: bytes) -> object:
        """The value of an entry.

        Arrays and frames lie in memory that is mapped from the store; changing them changes this
        process's copy alone.

        Raises
        ------
        UnreadableArtifact
            It is missing, corrupt, or needs what isn't there, such as its class.
        """
        return self._read(entry, lambda payload: self._restore(payload, entry))

    def get_tracked(self, entry: bytes) -> tuple[object, Tracker]:
        """As `get`, with a tracker that tells later whether the value must be stored again."""
        return self._read(entry, lambda payload: self._restore_tracked(payload, entry))

    def get_item(self, entry: bytes, index: int) -> object:
        """One value of an entry that `put_items` gave.

        Raises
        ------
        UnreadableArtifact
            As in `get`; also if there is no such item.
        """
        try:
            found = self._store.get_item(entry, index)
            return self._restore(found, entry) if type(found) is Payload else found
        except Exception as error:
            raise _unreadable(entry, error) from error

    def sync(self) -> None:
        """Makes durable all that was put.

        Raises
        ------
        UnstorableArtifact
            The store can't be written; what was put since the last `sync` must not be referred to.
        """
        try:
            self._store.sync()
        except ArtifactFault as fault:
            raise _unstorable("*", "?", fault) from fault.__cause__

    def _read(self, entry: bytes, restore: Callable[[Payload], Any]) -> Any:
        try:
            return restore(self._store.get(entry))
        except Exception as error:
            raise _unreadable(entry, error) from error

    def _restore(self, payload: Payload, entry: bytes) -> Any:
        encoding = payload.encoding
        if encoding == "value":
            return payload.value()
        if encoding == "array":
            from pave._artifact_arrays import restore_array

            return restore_array(payload)
        if encoding == "frame":
            return restore_frame(payload.frame())
        if encoding == "pickle":
            return restore_pickle(payload, self.main_module)
        if encoding == "items":
            return self._restore_items(payload, entry)
        raise TypeError(f"Python can't read the encoding `{encoding}`")

    def _restore_items(self, payload: Payload, entry: bytes) -> Any:
        items = self._store.get_items(entry)
        for at, item in enumerate(items):
            if type(item) is Payload:
                items[at] = self._restore(item, entry)
        return tuple(items) if payload.type_name == "tuple" else items

    def _restore_tracked(self, payload: Payload, entry: bytes) -> tuple[Any, Tracker]:
        if payload.encoding == "frame":
            frame = payload.frame()
            value = restore_frame(frame)
            return value, track_frame(payload, frame, value)
        value = self._restore(payload, entry)
        return value, track(payload, value)


def _encode(name: str, value: object, path: str = "") -> tuple[Encoded, str]:
    """The payload of a value, and its type's name."""
    encoded = Encoded.value(value)
    if encoded is not None:
        return encoded, type_name(value)
    numpy = sys.modules.get("numpy")
    if numpy is not None and issubclass(type(value), (numpy.ndarray, numpy.generic)):
        from pave._artifact_arrays import encode_array

        encoded = encode_array(value)
        if encoded is not None:
            return encoded, type_name(value)
    kind = frame_kind(value)
    if kind is not None:
        encoded = encode_frame(value, kind)
        if encoded is not None:
            return encoded, kind
    try:
        return encode_pickle(value), kind or type_name(value)
    except Exception as error:
        # Of a value that nests too deep, every part near the surface does.
        is_too_deep = isinstance(error, RecursionError)
        step, part = ("", value) if is_too_deep else find_culprit(value)
        raise UnstorableArtifact(name, type_name(part), _reason(error), path + step) from error


def _reason(error: BaseException) -> str:
    text = str(error)
    kind = type(error).__name__
    if kind in ("TypeError", "PicklingError") and text:
        return text
    return f"{kind}: {text}" if text else kind


def _unstorable(name: str, kind: str, fault: ArtifactFault) -> UnstorableArtifact:
    code, reason = fault.args
    return UnstorableArtifact(name, kind, reason, code=code)


def _unreadable(entry: bytes, error: Exception) -> UnreadableArtifact:
    if isinstance(error, UnreadableArtifact):
        return error
    info = entry_info(entry)
    if isinstance(error, ArtifactFault):
        code, reason = error.args
        return UnreadableArtifact(info.name, info.type_name, reason, code)
    reason = _reason(error)
    if isinstance(error, AttributeError) and "__main__" in reason:
        reason += ". Its class was defined in the flow's file, which isn't loaded here"
    return UnreadableArtifact(info.name, info.type_name, reason)
