"""The warm worker's loop: fork a child for each task, tell of its end, stop.

Owns: the children; no state beyond them.
Must not: compute anything: what runs here is inherited by every later child.
"""

from __future__ import annotations

import gc
import os
import select
import sys

from .. import __version__
from .._native import pack, unpack
from . import failure, fork_safety, randomness

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .channel import Channel
    from .load import Loaded

#: The protocol that this worker speaks; `pave_protocol::PROTOCOL_VERSION`.
PROTOCOL_VERSION = 1
#: Descriptors that come with each request to fork: the task's socket, its stdout, its stderr.
_DESCRIPTORS = 3
#: Known without the `signal` module, which is not needed this early.
_SIGKILL = 9


class Server:
    """A warm worker.

    Parameters
    ----------
    channel
        The control socket.
    loaded
        The imported flow.
    store
        Folder of the artifact store.
    """

    def __init__(self, channel: Channel, loaded: Loaded, store: str) -> None:
        self.channel = channel
        self.loaded = loaded
        self.store = store
        self.unsafe = fork_safety.reason_against()
        # Meant for this process, not for what steps start.
        os.environ.pop("PAVE_FORK", None)
        self.children: dict[int, int] = {}
        #: Reading ends of children that compute parameters, with the child and what it has said.
        self.computing: dict[int, tuple[int, bytearray]] = {}
        self.is_rested = False

    def run(self) -> None:
        """Serves until the runtime says stop or is gone. Children don't outlive this."""
        try:
            # The runtime has enough to do with this to cover what else there is to import.
            self.channel.send({"ready": self._description()})
            self._settle()
            while self._turn():
                pass
        except (BrokenPipeError, ConnectionResetError):
            pass  # The runtime is gone; nobody is left to work for.
        except BaseException as error:
            os.write(
                2,
                f"pave: the worker failed\n{failure.format_traceback(error, whole=True)}".encode(),
            )
            self._kill_children()
            os._exit(1)
        self._kill_children()
        os._exit(0)

    def _settle(self) -> None:
        """Makes everything ready that children will need, and nothing that they will not."""
        from . import child, initial

        if sys.version_info >= (3, 12):
            import warnings

            # What makes forking unsafe was looked for, more closely than by counting threads.
            warnings.filterwarnings("ignore", ".*use of fork", DeprecationWarning)
        self.child, self.initial = child, initial
        self.random = randomness.Snapshot(self.loaded.random_state)
        self.wake, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.handlers = child.Handlers()
        self.handlers.install(writer)
        #: Descriptors of the worker's own that children close.
        self.private = (self.wake, writer)
        self.poll = select.poll()
        self.poll.register(self.channel.fileno(), select.POLLIN)
        self.poll.register(self.wake, select.POLLIN)
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                # What is left in a buffer would come out of every child.
                stream.flush()
        # What exists now is never garbage; not looking at it keeps its pages shared.
        gc.freeze()

    def _idle(self) -> None:
        """Imports what tasks need when they fail, while there is nothing else to do."""
        import reprlib
        import traceback

        del reprlib, traceback
        gc.freeze()
        self.is_rested = True

    def _description(self) -> dict[str, Any]:
        return {
            "protocol": PROTOCOL_VERSION,
            "flow": self.loaded.description,
            "unsafe_to_fork": self.unsafe,
            "sdk_version": __version__,
            "language_version": ".".join(map(str, sys.version_info[:3])),
        }

    def _turn(self) -> bool:
        """Waits for something to happen and answers it; false to stop."""
        if not self.is_rested and not self.poll.poll(0):
            self._idle()
        for descriptor, _ in self.poll.poll():
            if descriptor == self.wake:
                os.read(self.wake, 4096)
                self._reap()
            elif descriptor in self.computing:
                self._hear(descriptor)
            elif not self._read():
                return False
        return True

    def _read(self) -> bool:
        if not self.channel.fill():
            return False
        while (message := self.channel.pop()) is not None:
            if message == "stop":
                return False
            if "fork" in message:
                self._fork(message["fork"]["session"])
            else:
                self._compute_parameters(message["parameters"])
        return True

    def _fork(self, session: int) -> None:
        waiting = self.channel.descriptors
        if len(waiting) < _DESCRIPTORS:
            self._refuse(session, "no descriptors came with the request")
            return
        descriptors = waiting[:_DESCRIPTORS]
        del waiting[:_DESCRIPTORS]
        try:
            pid = self._fork_process(lambda: self.child.run_task(self, descriptors))
        except OSError as error:
            self._refuse(session, os.strerror(error.errno or 0))
        else:
            self.children[pid] = session
            self.channel.send({"forked": {"session": session, "pid": pid}})
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _refuse(self, session: int, reason: str) -> None:
        self.channel.send({"refused": {"session": session, "reason": reason}})

    def _fork_process(self, run: Any) -> int:
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            self.child.begin(self, parent, run)
        try:
            # Both sides set it, so that it holds before either goes on.
            os.setpgid(pid, pid)
        except OSError:
            pass  # The child has set it already, or is gone.
        return pid

    def _reap(self) -> None:
        for pid in list(self.children):
            # Waiting for any child would also take those that the user's file started.
            if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                continue
            try:
                # What the task itself had started goes with it, while its number is still its own.
                os.killpg(pid, _SIGKILL)
            except OSError:
                pass  # It is gone already.
            _, status = os.waitpid(pid, 0)
            session = self.children.pop(pid)
            self.channel.send({"exited": {"session": session, "status": status}})

    def _compute_parameters(self, request: dict[str, Any]) -> None:
        given, user = request["given"], request["user"]
        if self.unsafe is not None or not self.initial.is_needed(self.loaded):
            # Nothing will be forked from here, or nothing of the user's runs.
            self._answer_parameters(self.initial.compute(self.loaded, self.store, given, user))
            return
        reader, writer = os.pipe2(os.O_CLOEXEC)

        def run() -> None:
            answer = memoryview(pack(self.initial.compute(self.loaded, self.store, given, user)))
            while answer:
                answer = answer[os.write(writer, answer) :]

        try:
            pid = self._fork_process(run)
        except OSError as error:
            os.close(reader)
            told = f"the parameters can't be computed: {os.strerror(error.errno or 0)}"
            self._answer_parameters({"Err": failure.plain("lost", told)})
        else:
            self.computing[reader] = (pid, bytearray())
            self.poll.register(reader, select.POLLIN)
        finally:
            os.close(writer)

    def _hear(self, reader: int) -> None:
        pid, said = self.computing[reader]
        data = os.read(reader, 1 << 16)
        if data:
            said += data
            return
        self.poll.unregister(reader)
        del self.computing[reader]
        os.close(reader)
        _, status = os.waitpid(pid, 0)
        if said:
            self._answer_parameters(unpack(bytes(said)))
        else:
            told = f"the process that computes the parameters died (wait status {status})"
            self._answer_parameters({"Err": failure.plain("parameter", told)})

    def _answer_parameters(self, answer: dict[str, Any]) -> None:
        self.channel.send({"parameters": {"manifest": answer}})

    def _kill_children(self) -> None:
        for pid in [*self.children, *(pid for pid, _ in self.computing.values())]:
            try:
                os.killpg(pid, _SIGKILL)
            except OSError:
                pass  # It has just ended by itself.
