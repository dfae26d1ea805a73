"""What the artifact tests share: a store of their own, and a check of one round trip."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.configuration import set_hypothesis_home_dir

from pave._artifacts import ArtifactStore, EntryInfo, entry_info

set_hypothesis_home_dir(Path(tempfile.gettempdir()) / "pave-hypothesis")
settings.register_profile(
    "artifacts",
    # Failing examples are kept in the tests themselves, not in a folder of this machine.
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("artifacts")

RoundTrip = Callable[[Any], tuple[Any, EntryInfo]]


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(str(tmp_path / ".pave"))


@pytest.fixture
def round_trip(store: ArtifactStore) -> RoundTrip:
    """Stores a value; gives what was read back, and the entry's info."""

    def run(value: Any) -> tuple[Any, EntryInfo]:
        entry = store.put("x", value)
        return store.get(entry), entry_info(entry)

    return run


@pytest.fixture(scope="session")
def shared_store(tmp_path_factory: pytest.TempPathFactory) -> ArtifactStore:
    """For property tests, whose examples outnumber what a fixture may make."""
    return ArtifactStore(str(tmp_path_factory.mktemp("store")))
