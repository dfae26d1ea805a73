"""Makes the process that ran `python flow.py` its own warm worker, so that a file is imported once.

Owns: forking the worker off before the process becomes the binary; whether that is safe.
Must not: serve; `serve.py` does.

The script has imported everything that tasks need. Instead of throwing that away and having the
binary start an interpreter that imports it all again, the process forks: the child is the warm
worker, and the parent, which the user's shell waits for, becomes the binary.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from ..flowspec import FlowSpec

#: Tells the binary of its worker: the descriptor of the control socket and the process.
VARIABLE = "PAVE_WARM_WORKER"
#: Only these commands run tasks.
_COMMANDS = ("run", "resume")


def offer(flow: type[FlowSpec], file: str) -> None:
    """Forks a warm worker for `flow` off this process, where that is safe and of use."""
    if not any(word in _COMMANDS for word in sys.argv[1:]) or not _is_safe(file):
        return
    import _socket

    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            # What is left in a buffer would come out of both processes.
            stream.flush()
    parent = os.getpid()
    ours, theirs = _socket.socketpair()
    try:
        pid = os.fork()
    except OSError:
        return  # The binary starts a worker of its own.
    if pid == 0:
        ours.close()
        _become_worker(flow, file, theirs.detach(), parent)
    theirs.close()
    descriptor = ours.detach()
    os.set_inheritable(descriptor, True)
    os.environ[VARIABLE] = f"{descriptor}:{pid}"


def _is_safe(file: str) -> bool:
    if not hasattr(os, "fork") or sys.gettrace() is not None:
        return False
    from .fork_safety import reason_against

    return reason_against() is None and not _may_seed(os.path.dirname(file))


def _may_seed(folder: str) -> bool:
    """Whether the flow's own files may seed `random` while they are imported.

    A seed in the file counts in every task. Only a worker that watches the import can tell what
    was seeded from what wasn't, so such files get one.
    """
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None)
        if not path or not path.endswith(".py") or not path.startswith(folder + os.sep):
            continue
        if "site-packages" in path or path.startswith(_PACKAGE):
            continue
        try:
            with open(path, "rb") as source:
                if b"seed(" in source.read():
                    return True
        except OSError:
            return True
    return False


_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def _become_worker(flow: type[FlowSpec], file: str, descriptor: int, parent: int) -> NoReturn:
    """Serves until the runtime is gone."""
    from .._native import die_with_parent

    os.setpgid(0, 0)
    if not die_with_parent(parent):
        os._exit(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    # What a worker prints by itself must not mix with the runtime's own words.
    os.dup2(2, 1)
    try:
        _serve(flow, file, descriptor)
    except EOFError:
        pass  # The binary had no use for a worker.
    except BaseException as error:
        from . import failure

        text = failure.format_traceback(error, whole=True)
        os.write(2, f"pave: the worker failed\n{text}".encode())
        os._exit(1)
    os._exit(0)


def _serve(flow: type[FlowSpec], file: str, descriptor: int) -> None:
    from .channel import Channel
    from .load import Unusable, adopt
    from .main import prepare_streams
    from .serve import Server

    prepare_streams()
    channel = Channel(descriptor)
    begin: dict[str, Any] = channel.receive()["begin"]
    os.environ["PAVE_STORE"] = begin["store"]
    os.environ["PAVE_FORK"] = begin["fork"]
    try:
        loaded = adopt(flow, file, begin["with"])
    except Unusable as unusable:
        channel.send({"unusable": unusable.failure})
        return
    Server(channel, loaded, begin["store"]).run()
