"""Reading within tasks and of nested splits; values of classes from files; what can't be read."""

import os
import shutil
import subprocess
import sys

import pytest

from pave import _client_flow
from pave.client import Flow, Run, Step, namespace
from pave.exceptions import DataException, MetaflowException


def test_a_step_reads_its_own_run_and_those_of_other_flows(place):
    place.run("tour", "run")
    place.run("tour", "run", "--alpha", "3")
    place.run("reader", "run", "--namespace", "user:ada")
    data = Flow("Reader").latest_run.data
    end = Run("Reader/1").end_task
    assert (data.own_state, data.own_task) == ("running", end.pathspec)
    assert (data.early, data.before, data.scores) == ("2", 1, [3, 6, 9])
    assert (data.namespace, data.souvenir) == ("user:ada", 3)


def test_nested_splits_keep_their_order_and_index(nested):
    leaf = Step("Nested/1/leaf")
    labels = [f"{letter}{number}" for letter in "ab" for number in range(11)]
    assert leaf.values("label") == labels
    by_label = {task.data.label: task for task in leaf}
    assert [by_label[f"b{number}"].index for number in range(11)] == list(range(11))
    assert {task.index for task in Step("Nested/1/left")} == {0, 1}
    assert {task.index for task in Step("Nested/1/meet")} == {0, 1}
    path = by_label["b9"].metadata_dict["foreach-execution-path"]
    assert path == "start:1,left:9"
    parents = {task.data.letter for task in by_label["b9"].parent_tasks}
    assert parents == {"b"}
    assert len(list(Run("Nested/1")["gather"].task.parent_tasks)) == 11


def test_classes_of_modules_beside_the_flow_are_found(nested):
    case = Run("Nested/1")["start"].task.data.case
    assert (type(case).__module__, case.weight) == ("luggage", 7)
    assert str(nested.flows) not in sys.path


def test_runs_are_listed_page_by_page(tour, monkeypatch):
    monkeypatch.setattr(_client_flow, "_PAGE", 1)
    namespace(None)
    assert [run.id for run in Flow("Tour")] == ["3", "2", "1"]
    assert [run.id for run in Flow("Tour").runs("user:ada")] == ["2", "1"]


@pytest.fixture
def moved(place):
    """A run of Tour whose file may be changed."""
    file = place.folder / "tour.py"
    shutil.copy(place.flows / "tour.py", file)
    command = [sys.executable, str(file), "run"]
    subprocess.run(
        command, cwd=place.folder, env=place.environment(), check=True, capture_output=True
    )
    return file


def test_a_flow_file_that_is_gone_is_named_where_its_class_is_needed(moved):
    moved.unlink()
    run = Run("Tour/1")
    assert run.data.total == 12
    with pytest.raises(DataException) as caught:
        _ = run.data.souvenir
    message = str(caught.value)
    assert run.end_task.pathspec in message and "Point" in message
    assert str(moved) in message and "FileNotFoundError" in message


def test_a_class_defined_by_hand_stands_in_for_a_file_that_is_gone(moved, monkeypatch):
    class Point:
        pass

    moved.unlink()
    Point.__module__, Point.__qualname__ = "__main__", "Point"
    monkeypatch.setattr(sys.modules["__main__"], "Point", Point, raising=False)
    assert type(Run("Tour/1").data.souvenir) is Point


def test_a_flow_file_is_read_as_it_is_now(moved):
    moved.write_text("class Point:\n    kind = 'new'\n\nfrom pave import FlowSpec\nFlowSpec()\n")
    os.utime(moved, ns=(1, 1))
    assert Run("Tour/1").data.souvenir.kind == "new"
    moved.write_text("import sys\nsys.exit(3)\n")
    os.utime(moved, ns=(2, 2))
    with pytest.raises(DataException, match=r"sys\.exit"):
        _ = Run("Tour/1").data.souvenir


def test_a_damaged_store_is_an_error_with_a_code(place):
    place.run("tour", "run")
    (place.store / "metadata.db").write_bytes(b"not a database, but long enough" * 200)
    (place.store / "metadata.db-wal").unlink(missing_ok=True)
    (place.store / "metadata.db-shm").unlink(missing_ok=True)
    with pytest.raises(MetaflowException) as caught:
        Flow("Tour")
    assert caught.value.code in ("M002", "M006")
    assert str(place.store) in str(caught.value)
