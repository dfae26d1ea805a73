"""Real stores: flows of `flows/` run once for all tests, and tools to run more."""

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pave import client

FLOWS = Path(__file__).parent / "flows"
PACKAGE = Path(__file__).parents[2]


@dataclass
class Place:
    """A folder with a store in it."""

    folder: Path
    user: str = "ada"
    variables: dict = field(default_factory=dict)
    flows: Path = FLOWS

    @property
    def store(self):
        return self.folder / ".pave"

    def environment(self):
        target = os.environ.get("CARGO_TARGET_DIR", str(Path.home() / ".cache/pave/target"))
        return {
            **os.environ,
            "PYTHONPATH": str(PACKAGE),
            "PAVE_BINARY": os.environ.get("PAVE_BINARY", f"{target}/debug/pave"),
            "PAVE_STORE": str(self.store),
            "PAVE_USER": self.user,
            **self.variables,
        }

    def start(self, flow, *arguments, **options):
        """Starts a command of a flow of `flows/`."""
        command = [sys.executable, str(FLOWS / f"{flow}.py"), *arguments]
        return subprocess.Popen(
            command, cwd=self.folder, env=self.environment(), text=True, **options
        )

    def run(self, flow, *arguments, status=0):
        """Runs a command of a flow to its end, which must be `status`."""
        process = self.start(flow, *arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        output, _ = process.communicate(timeout=120)
        assert process.returncode == status, output
        return output

    def look(self, monkeypatch):
        """Has the client read this store, as this user."""
        monkeypatch.setenv("PAVE_STORE", str(self.store))
        monkeypatch.setenv("PAVE_USER", self.user)
        client.default_metadata()
        client.default_namespace()


@pytest.fixture(scope="session")
def toured(tmp_path_factory):
    """Two successful runs of Tour by ada, one by bob."""
    place = Place(tmp_path_factory.mktemp("tour"))
    place.run("tour", "run", "--tag", "first")
    place.run("tour", "run", "--alpha", "5", "--tag", "second", "--tag", "good")
    place.user = "bob"
    place.run("tour", "run")
    place.user = "ada"
    return place


@pytest.fixture
def tour(toured, monkeypatch):
    """The store of `toured`, as ada sees it."""
    toured.look(monkeypatch)
    return toured


@pytest.fixture(scope="session")
def jumped(tmp_path_factory):
    """A failed run of Hurdle, a resumed one that failed too, and one that came through."""
    place = Place(tmp_path_factory.mktemp("hurdle"))
    flag = place.folder / "low"
    place.variables["HURDLE"] = str(flag)
    place.run("hurdle", "run", status=1)
    place.run("hurdle", "resume", status=1)
    flag.touch()
    place.run("hurdle", "resume")
    return place


@pytest.fixture
def hurdle(jumped, monkeypatch):
    """The store of `jumped`."""
    jumped.look(monkeypatch)
    return jumped


@pytest.fixture(scope="session")
def wandered(tmp_path_factory):
    """A run of Nested."""
    place = Place(tmp_path_factory.mktemp("nested"))
    place.run("nested", "run")
    return place


@pytest.fixture
def nested(wandered, monkeypatch):
    """The store of `wandered`."""
    wandered.look(monkeypatch)
    return wandered


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder for a store of the test's own."""
    place = Place(tmp_path)
    place.look(monkeypatch)
    return place
