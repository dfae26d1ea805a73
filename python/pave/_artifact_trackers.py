"""Whether a value that was read still is what is stored, so that it need not be stored again.

Owns: the proof for each encoding.
Must not: take long, or ever be wrongly sure: storing equal content again costs little.
"""

from __future__ import annotations

from typing import Any, Protocol

from pave._artifact_labels import type_name
from pave._frames import FrameTracker
from pave._native import Frame, Payload

__all__ = ["Tracker", "track", "track_frame"]


class Tracker(Protocol):
    """Tells whether a value that was read still is what is stored."""

    def is_unchanged(self, value: object) -> bool:
        """Whether `value` provably equals what is stored: cheap, and never wrongly true."""


def track(payload: Payload, value: Any) -> Tracker:
    """The tracker of a value that was made of a payload, other than a frame."""
    if payload.encoding == "array":
        is_array = payload.type_name == "numpy.ndarray"
        return _TrackedArray(payload, value) if is_array else _Same(value)
    if payload.encoding == "value" and _is_immutable(value):
        return _Same(value)
    return _Unprovable()


def track_frame(payload: Payload, frame: Frame, value: Any) -> Tracker:
    """The tracker of a value that was made of a payload's frame."""
    return _TrackedFrame(payload, FrameTracker(frame, value))


class _Same:
    """For a value that can't change: it is unchanged if it is the same object."""

    def __init__(self, value: object) -> None:
        self._value = value

    def is_unchanged(self, value: object) -> bool:
        return value is self._value


class _Unprovable:
    """For a value that may have been changed without a trace."""

    def is_unchanged(self, value: object) -> bool:
        return False


class _TrackedArray:
    """For an array over mapped memory: it is unchanged if it still is that memory, unwritten."""

    def __init__(self, payload: Payload, value: object) -> None:
        from pave._artifact_arrays import fingerprint

        self._payload = payload
        self._class = type(value)
        self._fingerprint = fingerprint(value)

    def is_unchanged(self, value: object) -> bool:
        from pave._artifact_arrays import fingerprint

        is_same = type(value) is self._class and fingerprint(value) == self._fingerprint
        return is_same and self._payload.is_clean()


class _TrackedFrame:
    """For a frame over mapped memory, as `_TrackedArray`."""

    def __init__(self, payload: Payload, tracker: FrameTracker) -> None:
        self._payload = payload
        self._tracker = tracker

    def is_unchanged(self, value: object) -> bool:
        return self._tracker.is_unchanged(value) and self._payload.is_clean()


_IMMUTABLE = frozenset(
    "NoneType bool int float complex str bytes range "
    "datetime.date datetime.datetime datetime.time datetime.timedelta "
    "decimal.Decimal uuid.UUID".split()
)


def _is_immutable(value: object) -> bool:
    """Whether a plain value can't be changed in place, at any depth."""
    if type_name(value) in _IMMUTABLE:
        return True
    if type(value) not in (tuple, frozenset):
        return False
    try:
        # Among plain values just those that can't change can be hashed.
        hash(value)
    except TypeError:
        return False
    return True
