"""Shared by the tests of flows: a worker on a flow file of the test's own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from fake_runtime import Runtime, flow_of


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Callable[..., Runtime]]:
    """Makes runtimes on flow files; they end with the test."""
    made: list[Runtime] = []

    def make(source: str, **options: Any) -> Runtime:
        folder = tmp_path / f"flow{len(made)}"
        folder.mkdir()
        made.append(Runtime(folder, source, **options))
        return made[-1]

    yield make
    for one in made:
        one.__exit__(None, None, None)


@pytest.fixture
def one_step(runtime: Callable[..., Runtime]) -> Callable[..., Runtime]:
    """Makes a runtime whose flow has `body` in its start step, and an end."""

    def make(body: str, *, above: str = "", members: str = "", **options: Any) -> Runtime:
        made = runtime(flow_of(body, above=above, members=members), **options)
        made.ready()
        return made

    return make
