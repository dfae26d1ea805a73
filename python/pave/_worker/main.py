"""The two ways to start a worker: warm, or for one task.

Owns: reading the worker's environment, and taking it away from what the worker starts.
"""

from __future__ import annotations

import os
import sys

from .channel import Channel
from .load import Unusable, load

#: Set by the runtime for this process alone; a step's own subprocesses must not see them.
_PRIVATE = ("PAVE_WORKER", "PAVE_CONTROL_FD", "PAVE_TASK_FD")


def main() -> None:
    """Runs a worker for the flow file in `sys.argv[1]`, which may be `FILE:Class`."""
    given = {name: os.environ.pop(name, "") for name in _PRIVATE}
    file, _, name = sys.argv[1].partition(":")
    if not os.path.exists(file) and os.path.exists(sys.argv[1]):
        file, name = sys.argv[1], ""
    prepare_streams()
    if given["PAVE_TASK_FD"]:
        _run_one(Channel(int(given["PAVE_TASK_FD"])), file, name or None)
    else:
        _serve(
            Channel(int(given["PAVE_CONTROL_FD"])),
            file,
            name or None,
            os.environ.get("PAVE_STORE", ""),
        )


def _serve(channel: Channel, file: str, name: str | None, store: str) -> None:
    from .serve import Server

    try:
        loaded = load(file, name)
    except Unusable as unusable:
        channel.send({"unusable": unusable.failure})
        return
    Server(channel, loaded, store).run()


def _run_one(channel: Channel, file: str, name: str | None) -> None:
    from .._artifacts import manifest_pack
    from . import task

    try:
        loaded = load(file, name)
    except Unusable as unusable:
        told = {"failed": unusable.failure}
        channel.receive()
        channel.send({"finished": {"outcome": told, "manifest": manifest_pack({}), "body_ms": 0}})
        return
    task.run(channel, loaded)
    task.leave()


def prepare_streams() -> None:
    """Makes what is printed leave at once, whatever the locale.

    Half a line too: a process that is killed in mid-line can't send the rest after it.
    """
    from _io import FileIO, TextIOWrapper

    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            continue
        # Loggers may hold on to this one; it stays in use as `sys.__stdout__` and `__stderr__`.
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
        raw = FileIO(stream.fileno(), "w", closefd=False)
        setattr(sys, name, TextIOWrapper(raw, "utf-8", "backslashreplace", write_through=True))
