"""A runtime in a hundred lines of Python: real workers, real processes, real sockets, no Rust."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pave
from pave._artifacts import ArtifactStore, manifest_pack, manifest_unpack
from pave._native import pack, unpack

#: No answer takes longer than this unless something hangs.
PATIENCE = 60.0
ROOT = Path(__file__).resolve().parents[2]
#: What flow files of tests import.
NAMES = (
    "FlowSpec step current Parameter JSONType IncludeFile "
    f"{pave._STEP_DECORATORS} {pave._FLOW_DECORATORS}"
).split()


def flow_of(body: str, *, above: str = "", members: str = "") -> str:
    """Source of a flow with `body` in its start step."""
    lines = [f"from pave import {', '.join(NAMES)}", *above.splitlines(), "class F(FlowSpec):"]
    lines += [f"    {line}" for line in members.splitlines()]
    lines += ["    @step", "    def start(self):"]
    lines += [f"        {line}" for line in body.splitlines()]
    lines += ["        self.next(self.end)"]
    lines += ["    @step", "    def end(self):", "        pass"]
    lines += ['if __name__ == "__main__":', "    F()"]
    return "\n".join(lines) + "\n"


class Socket:
    """One end of a conversation, from the runtime's side."""

    def __init__(self) -> None:
        self.mine, self.theirs = socket.socketpair()
        self.mine.settimeout(PATIENCE)

    def send(self, message: Any, descriptors: tuple[int, ...] = ()) -> None:
        body = pack(message)
        data = len(body).to_bytes(4, "big") + body
        if descriptors:
            sent = socket.send_fds(self.mine, [data], list(descriptors))
            data = data[sent:]
        self.mine.sendall(data)

    def receive(self) -> Any:
        length = int.from_bytes(self._exactly(4), "big")
        return unpack(self._exactly(length))

    def close(self) -> None:
        self.mine.close()
        self.theirs.close()

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            piece = self.mine.recv(count - len(data))
            if not piece:
                raise EOFError("the other side is gone")
            data += piece
        return data


class Result:
    """What one attempt came to."""

    def __init__(self, runtime: Runtime, order: dict[str, Any]) -> None:
        self.runtime = runtime
        self.order = order
        self.finished: dict[str, Any] | None = None
        self.status: int | None = None
        self.stdout = self.stderr = ""

    @property
    def outcome(self) -> dict[str, Any]:
        assert self.finished is not None, f"the task did not answer; stderr: {self.stderr}"
        return self.finished["outcome"]

    @property
    def taken(self) -> dict[str, Any]:
        assert "succeeded" in self.outcome, f"{self.outcome}\n{self.stderr}"
        return self.outcome["succeeded"]["taken"]

    @property
    def caught(self) -> dict[str, Any] | None:
        return self.outcome["succeeded"]["caught"]

    @property
    def failure(self) -> dict[str, Any]:
        assert "failed" in self.outcome, self.outcome
        return self.outcome["failed"]

    @property
    def own(self) -> dict[str, bytes]:
        """The entries that the task itself stored."""
        assert self.finished is not None
        return manifest_unpack(self.finished["manifest"])

    @property
    def entries(self) -> dict[str, bytes]:
        """All its artifacts: its own over those of the one task it continued."""
        inputs = self.order["inputs"]
        base = {}
        if len(inputs) == 1 and not self.runtime.is_join(self.order["step"]):
            base = manifest_unpack(inputs[0]["manifest"])
        kept = {name: entry for name, entry in base.items() if not name.startswith("__")}
        return {**kept, **self.own}

    def __getitem__(self, name: str) -> Any:
        return self.runtime.store.get(self.entries[name])

    def __contains__(self, name: str) -> bool:
        return name in self.entries

    def as_input(self) -> dict[str, Any]:
        manifest = manifest_pack(self.entries)
        return {"step": self.order["step"], "task": self.order["task"], "manifest": manifest}


class Runtime:
    """A worker and what a runtime does with it.

    Parameters
    ----------
    folder
        An empty folder for the flow file and the store.
    source
        Text of the flow file.
    """

    def __init__(
        self,
        folder: Path,
        source: str,
        *,
        flow: str | None = None,
        environment: dict[str, str] | None = None,
        with_specs: list[str] | None = None,
    ) -> None:
        self.folder = folder
        self.file = folder / "flow.py"
        self.file.write_text(textwrap.dedent(source), encoding="utf-8")
        self.flow = flow
        self.store_folder = str(folder / ".pave")
        os.makedirs(self.store_folder, exist_ok=True)
        self.store = ArtifactStore(self.store_folder)
        self.environment = environment or {}
        self.with_specs = with_specs
        self.control = Socket()
        self.process: subprocess.Popen[bytes] | None = None
        self.parameters_manifest = b""
        self.description: dict[str, Any] = {}
        self.started = 0

    def __enter__(self) -> Runtime:
        return self

    def __exit__(self, *_: object) -> None:
        self.control.close()
        if self.process is not None:
            self.process.wait(PATIENCE)
        self.forget()

    def forget(self) -> None:
        """Closes what this side still holds."""
        self.control.close()

    # Starting

    def command(self) -> list[str]:
        argument = f"{self.file}:{self.flow}" if self.flow else str(self.file)
        return [sys.executable, "-m", "pave.worker", argument]

    def child_environment(self, **private: str) -> dict[str, str]:
        path = os.pathsep.join([*filter(None, [os.environ.get("PYTHONPATH")]), str(ROOT)])
        given = {**os.environ, "PYTHONPATH": path, **self.environment, **private}
        if self.with_specs is not None:
            given["PAVE_WITH"] = json.dumps(self.with_specs)
        return {**given, "PAVE_WORKER": "1", "PAVE_STORE": self.store_folder}

    def start(self) -> dict[str, Any]:
        """Starts the warm worker and gives its first word."""
        theirs = self.control.theirs.fileno()
        self.process = subprocess.Popen(
            self.command(),
            env=self.child_environment(PAVE_CONTROL_FD=str(theirs)),
            pass_fds=[theirs],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=open(self.folder / "worker.out", "wb"),  # noqa: SIM115
            stderr=open(self.folder / "worker.err", "wb"),  # noqa: SIM115
        )
        self.control.theirs.close()
        word: dict[str, Any] = self.control.receive()
        if "ready" in word:
            self.description = word["ready"]["flow"]
        return word

    def ready(self) -> dict[str, Any]:
        word = self.start()
        assert "ready" in word, word
        return word["ready"]

    def unusable(self) -> dict[str, Any]:
        word = self.start()
        assert "unusable" in word, word
        return word["unusable"]

    # Asking

    def parameters(self, **given: Any) -> dict[str, Any]:
        """Has the parameters computed; gives their values, and keeps them for later tasks."""
        answer = self.parameters_answer(**given)
        assert "Ok" in answer, answer
        self.parameters_manifest = answer["Ok"]
        entries = manifest_unpack(answer["Ok"])
        return {name: self.store.get(entry) for name, entry in entries.items()}

    def parameters_answer(self, **given: Any) -> dict[str, Any]:
        request = {"given": json.dumps(given), "user": "ada"}
        self.control.send({"parameters": request})
        return self.control.receive()["parameters"]["manifest"]

    def order(self, step: str, inputs: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
        self.started += 1
        return {
            "flow": self.description.get("name", "F"),
            "run": 7,
            "step": step,
            "task": self.started,
            "attempt": 0,
            "is_last_attempt": True,
            "fallback": None,
            "foreach": [],
            "inputs": inputs,
            "parameters": self.parameters_manifest,
            "item": None,
            "gang_size": None,
            "timeout_seconds": None,
            "max_num_splits": 100,
            "store": self.store_folder,
            "origin_run": None,
            "user": "ada",
            "namespace": "user:ada",
            "tags": [],
            "environment": [],
            **more,
        }

    def fork(self, session: int) -> tuple[Socket, int]:
        """Has a child forked; gives its socket and its process id."""
        task = Socket()
        with (
            open(self.path(session, "out"), "wb") as out,
            open(self.path(session, "err"), "wb") as err,
        ):
            descriptors = (task.theirs.fileno(), out.fileno(), err.fileno())
            self.control.send({"fork": {"session": session}}, descriptors)
        task.theirs.close()
        word = self.control.receive()
        assert word["forked"]["session"] == session, word
        return task, word["forked"]["pid"]

    def path(self, session: int, stream: str) -> Path:
        return self.folder / f"task{session}.{stream}"

    def run(self, step: str, *inputs: Result, spawn: bool = False, **more: Any) -> Result:
        """Runs one attempt of a task to its end."""
        order = self.order(step, [one.as_input() for one in inputs], **more)
        result = Result(self, order)
        if spawn:
            return self._spawn(result)
        session = order["task"]
        task, _ = self.fork(session)
        with contextlib.suppress(BrokenPipeError):
            task.send({"run": order})
        self.hear(task, result)
        word = self.control.receive()
        assert word["exited"]["session"] == session, word
        result.status = word["exited"]["status"]
        return self._collect(result, session)

    def hear(self, task: Socket, result: Result) -> None:
        with contextlib.suppress(EOFError, ConnectionResetError):
            result.finished = task.receive()["finished"]
        task.close()

    def _spawn(self, result: Result) -> Result:
        task = Socket()
        session = result.order["task"]
        with (
            open(self.path(session, "out"), "wb") as out,
            open(self.path(session, "err"), "wb") as err,
        ):
            process = subprocess.Popen(
                self.command(),
                env=self.child_environment(PAVE_TASK_FD=str(task.theirs.fileno())),
                pass_fds=[task.theirs.fileno()],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )
        task.theirs.close()
        task.send({"run": result.order})
        self.hear(task, result)
        result.status = process.wait(PATIENCE)
        return self._collect(result, session)

    def _collect(self, result: Result, session: int) -> Result:
        result.stdout = self.path(session, "out").read_text(encoding="utf-8")
        result.stderr = self.path(session, "err").read_text(encoding="utf-8")
        return result

    # Whole flows

    def is_join(self, step: str) -> bool:
        return any(s["name"] == step and s["inputs"] == 1 for s in self.description["steps"])

    def run_flow(self, **given: Any) -> dict[str, list[Result]]:
        """Runs a whole flow; gives the results by step."""
        self.ready()
        self.parameters(**given)
        results: dict[str, list[Result]] = {}
        self._walk("start", [], [], results)
        return results

    def _walk(
        self,
        step: str,
        inputs: list[Result],
        frames: list[dict[str, Any]],
        results: dict[str, list[Result]],
    ) -> tuple[str, list[Result]]:
        """Runs `step` and what follows, up to the join that closes the split around it."""
        while True:
            item = frames[-1]["item"] if frames else None
            result = self.run(step, *inputs, foreach=frames, item=item)
            results.setdefault(step, []).append(result)
            taken = result.taken
            if not taken["steps"]:
                return "", [result]
            arrived = [result]
            if len(taken["steps"]) > 1 or taken["splits"] is not None:
                arrived = []
                for name, inner in self._children(result, frames):
                    step, ends = self._walk(name, [result], inner, results)
                    arrived += ends
            else:
                step = taken["steps"][0]
                if self.is_join(step):
                    return step, arrived
            inputs = arrived

    def _children(
        self, result: Result, frames: list[dict[str, Any]]
    ) -> list[tuple[str, list[dict[str, Any]]]]:
        taken = result.taken
        if taken["splits"] is None:
            return [(name, frames) for name in taken["steps"]]
        items = result.own.get("__foreach_items")
        return [
            (
                taken["steps"][0],
                [*frames, self._frame(result.order["step"], taken, index, items)],
            )
            for index in range(taken["splits"])
        ]

    def _frame(
        self, step: str, taken: dict[str, Any], index: int, items: bytes | None
    ) -> dict[str, Any]:
        return {
            "step": step,
            "artifact": "",
            "index": index,
            "count": taken["splits"],
            "label": taken["labels"][index] if taken["labels"] else "",
            "item": None if items is None else {"entry": items, "index": index},
        }
