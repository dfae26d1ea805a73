"""Each test gets a folder of its own, and the client looks at nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pave import client

from .place import Place


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A fresh folder. The client of this process sees the runs of `ada`."""
    client.namespace("user:ada")
    yield Place(tmp_path)
    client.default_metadata()
    client.default_namespace()
