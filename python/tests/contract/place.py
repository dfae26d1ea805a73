"""A folder to run flows in, and what a run has printed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
import time
from pathlib import Path

from pave import client

_LINE = re.compile(r"^[\d-]+ [\d:.]+ \[(\d+)/(\w+)/(\d+) \(pid \d+\)\] ?(.*)$")
_EVENT = re.compile(r"^[\d-]+ [\d:.]+ (.*)$")


class Done:
    """A command that has ended."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code = code
        self.out = out
        self.err = err

    def printed(self, step: str | None = None) -> list[str]:
        """The lines that tasks wrote to stdout, or those of one step alone."""
        found = filter(None, map(_LINE.match, self.out.splitlines()))
        return [
            match[4]
            for match in found
            if step in (None, match[2]) and not match[4].startswith("Task is starting")
        ]

    @property
    def events(self) -> list[str]:
        """What the runtime has said, without times."""
        found = [_EVENT.match(line) for line in self.out.splitlines() if not _LINE.match(line)]
        return [match[1] for match in found if match]

    def refused(self, code: str, status: int = 1) -> str:
        """Checks that the command failed with this error code; gives its words."""
        assert self.code == status, f"status {self.code}\n{self.out}\n{self.err}"
        assert f"error[{code}]" in self.err, self.err
        assert "internal" not in self.err.lower().replace("metaflowinternalerror", "")
        return self.err


class Place:
    """A folder with flow files and, once something has run, a store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        unset = ("PYTHONUNBUFFERED", "PAVE_STORE", "PAVE_FORK", "PAVE_CRASH_AT")
        self.env = {name: value for name, value in os.environ.items() if name not in unset}
        self.env["PAVE_USER"] = "ada"

    def write(self, name: str, source: str) -> Path:
        """Writes a file; a flow file gets the usual imports and ending where it has none."""
        source = textwrap.dedent(source)
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".py") and "(FlowSpec)" in source and "from pave import" not in source:
            flow = re.findall(r"^class (\w+)\(FlowSpec\)", source, re.MULTILINE)[-1]
            source = f"from pave import *\n{source}\nif __name__ == '__main__':\n    {flow}()\n"
        path.write_text(source)
        return path

    def start(self, *words: str, cwd: str = ".", **env: str) -> subprocess.Popen[str]:
        """Starts `python WORDS...`."""
        return subprocess.Popen(
            [sys.executable, *words],
            cwd=self.folder / cwd,
            env={**self.env, **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def wait_for(self, file: str, process: subprocess.Popen[str]) -> None:
        """Waits until a file is there, which a step of the process's flow makes."""
        for _ in range(3000):
            if (self.folder / file).exists():
                return
            assert process.poll() is None, self.end(process).err
            time.sleep(0.01)
        raise AssertionError(f"{file} was never made")

    def end(self, process: subprocess.Popen[str]) -> Done:
        """Waits for a process that `start` has started."""
        out, err = process.communicate(timeout=120)
        return Done(process.returncode, out, err)

    def python(self, *words: str, cwd: str = ".", **env: str) -> Done:
        """Runs `python WORDS...` to its end, however it ends."""
        return self.end(self.start(*words, cwd=cwd, **env))

    def run(self, file: str, *words: str, cwd: str = ".", **env: str) -> Done:
        """Runs a flow, which must succeed."""
        return self.succeed(file, "run", *words, cwd=cwd, **env)

    def resume(self, file: str, *words: str, **env: str) -> Done:
        """Resumes a flow, which must succeed."""
        return self.succeed(file, "resume", *words, **env)

    def succeed(self, *words: str, cwd: str = ".", **env: str) -> Done:
        """Runs `python WORDS...`, which must succeed."""
        done = self.python(*words, cwd=cwd, **env)
        assert done.code == 0, f"{done.out}\n{done.err}"
        return done

    def fail(self, file: str, *words: str, command: str = "run", **env: str) -> Done:
        """Runs a flow, which must fail as runs fail: exit status 1, and a word of what next."""
        done = self.python(file, command, *words, **env)
        assert done.code == 1, f"{done.out}\n{done.err}"
        assert "resume --origin-run-id" in done.err, done.err
        return done

    def pave(self, *words: str, **env: str) -> Done:
        """Runs `pave WORDS...` to its end."""
        done = subprocess.run(
            [self.env["PAVE_BINARY"], *words],
            cwd=self.folder,
            env={**self.env, "PAVE_PYTHON": sys.executable, **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=120,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def latest(self, flow: str) -> client.Run:
        """The newest run of a flow, read by the client in this process."""
        client.metadata(self.folder)
        run = client.Flow(flow).latest_run
        assert run is not None
        return run

    def has_runs(self) -> bool:
        """Whether anything was ever run here."""
        done = self.pave("runs", "--json")
        return done.code == 0 and bool(done.out.strip())
