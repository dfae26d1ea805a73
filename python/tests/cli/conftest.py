"""Runs the real binary on real flows, each test in a folder of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


class Project:
    """A folder with flow files and a store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = {**os.environ, "PAVE_USER": "ada", "PAVE_STORE": str(folder / ".pave")}
        self.env.pop("PAVE_CRASH_AT", None)

    def write(self, name: str, source: str) -> Path:
        """Writes a flow file and gives its path."""
        path = self.folder / name
        path.write_text(textwrap.dedent(source))
        return path

    def start(self, *words: str, **env: str) -> subprocess.Popen[str]:
        """Starts `python WORDS...` in the folder."""
        return subprocess.Popen(
            [sys.executable, *words],
            cwd=self.folder,
            env={**self.env, **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def python(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Runs `python WORDS...` in the folder to its end."""
        process = self.start(*words, **env)
        out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def pave(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Runs `pave WORDS...` in the folder to its end."""
        return subprocess.run(
            [self.env["PAVE_BINARY"], *words],
            cwd=self.folder,
            env={**self.env, "PAVE_PYTHON": sys.executable, **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def runs(self) -> list[dict[str, Any]]:
        """All runs of the store, the newest first."""
        done = self.pave("runs", "--limit", "0", "--json")
        return [json.loads(line) for line in done.stdout.splitlines()] if done.returncode == 0 else []

    def artifacts(self, path: str) -> dict[str, dict[str, str]]:
        """What each task of a run or step left: task to name to value."""
        done = self.pave("dump", path, "--json", "--private")
        assert done.returncode == 0, done.stderr
        tasks = [json.loads(line) for line in done.stdout.splitlines()]
        return {it["task"]: {a["name"]: a["value"] for a in it["artifacts"]} for it in tasks}

    def states(self, path: str) -> dict[str, str]:
        """The state of each task of a run."""
        done = self.pave("dump", path, "--json")
        assert done.returncode == 0, done.stderr
        tasks = [json.loads(line) for line in done.stdout.splitlines()]
        return {it["task"]: it["state"] for it in tasks}


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A fresh folder."""
    yield Project(tmp_path)
