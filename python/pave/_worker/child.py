"""Makes a forked child an ordinary process of its own.

Owns: what a child must undo of its parent: signals, descriptors, exit handlers, random state.
"""

from __future__ import annotations

# The `signal` module turns every number into an enumeration's member: most of what a child that
# does nothing would cost. Its C half takes numbers.
import _signal  # type: ignore[import-not-found]
import atexit
import os

from .. import _native
from . import failure, task
from .channel import Channel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

    from .serve import Server


class Handlers:
    """The signal handlers that the user's file left, put aside while the worker serves."""

    def __init__(self) -> None:
        self._saved: dict[int, Any] = {}

    def install(self, wake: int) -> None:
        """Puts the worker's own handlers in place; the end of a child is told through `wake`."""
        # Ctrl-C reaches everything on the terminal; the runtime alone decides what it means.
        self._saved[_signal.SIGINT] = _signal.signal(_signal.SIGINT, _signal.SIG_IGN)
        self._saved[_signal.SIGCHLD] = _signal.signal(_signal.SIGCHLD, lambda *_: None)
        _signal.set_wakeup_fd(wake, warn_on_full_buffer=False)

    def restore(self) -> None:
        """Puts the user's handlers back."""
        _signal.set_wakeup_fd(-1)
        for number, handler in self._saved.items():
            _signal.signal(number, _signal.SIG_DFL if handler is None else handler)


def begin(server: Server, parent: int, run: Callable[[], None]) -> NoReturn:
    """Runs `run` in a process that was just forked, and ends it. Never returns."""
    try:
        os.setpgid(0, 0)
        if not _native.die_with_parent(parent):
            os._exit(1)
        server.handlers.restore()
        server.channel.close()
        for descriptor in server.private:
            os.close(descriptor)
        for reader in server.computing:
            os.close(reader)
        # Exit handlers of the file's imports belong to the worker: a temporary folder made
        # there must outlive this task.
        atexit._clear()
        server.random.renew()
        run()
    except BaseException as error:
        os.write(
            2, f"pave: the worker failed\n{failure.format_traceback(error, whole=True)}".encode()
        )
        os._exit(1)
    task.leave()


def run_task(server: Server, descriptors: list[int]) -> None:
    """Runs the task whose socket, stdout and stderr are `descriptors`."""
    socket, out, err = descriptors
    os.dup2(out, 1)
    os.dup2(err, 2)
    os.close(out)
    os.close(err)
    try:
        task.run(Channel(socket), server.loaded)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        # The runtime is gone, and with it everybody who could be told.
        os._exit(1)
