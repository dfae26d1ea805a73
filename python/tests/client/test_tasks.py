"""Tasks: data, attempts, exceptions, logs, neighbours, facts; artifacts in bulk."""

import os
import pickle
import subprocess
import sys
from datetime import datetime

import pytest

from pave.client import DataArtifact, Run, Step, Task
from pave.exceptions import MetaflowException, MetaflowNotFound


def test_artifacts_are_attributes_read_when_asked_for(tour):
    data = Task("Tour/1/visit/2").data
    assert (data.where, data.score, data.alpha, data.kind) == ("a", 2, 2, "sightseeing")
    assert "score" in data and "_secret" not in data and "nothing" not in data and 3 not in data
    assert {"where", "score", "stops"} <= set(dir(data))
    assert not any(name.startswith("_") for name in dir(data))
    with pytest.raises(AttributeError, match="did you mean 'score'"):
        _ = data.scores
    with pytest.raises(AttributeError):
        _ = data._secret
    assert not hasattr(data, "__array__")


def test_every_read_gives_a_value_of_its_own(tour):
    data = Run("Tour/1").data
    data.model["weights"].append(3.0)
    assert data.model == {"weights": [1.0, 2.0]}
    with pytest.raises(AttributeError, match="artifacts never change"):
        data.model = 1


def test_a_task_lists_its_public_artifacts_and_finds_all(tour):
    task = Task("Tour/1/visit/2")
    names = [artifact.id for artifact in task]
    assert {"where", "score"} <= set(names)
    assert not any(name.startswith("_") for name in names)
    assert task["_secret"].data == "hidden"
    assert task.artifacts.score.data == 2
    assert set(task.artifacts._fields) == set(names)
    with pytest.raises(KeyError, match="score"):
        task["scores"]


def test_an_artifact_describes_itself(tour):
    artifact = DataArtifact("Tour/1/visit/2/where")
    assert (artifact.data, artifact.type, artifact.encoding) == ("a", "str", "value")
    assert artifact.size > 0 and len(artifact.sha) == 64
    assert artifact.created_at == artifact.finished_at == artifact.parent.finished_at
    assert Task("Tour/1/visit/2")["stops"].sha == Task("Tour/1/visit/3")["stops"].sha
    assert Task("Tour/1/visit/2")["score"].sha != Task("Tour/1/visit/3")["score"].sha


def test_values_come_in_the_order_of_the_items(tour):
    visit = Step("Tour/1/visit")
    assert visit.values("where") == ["a", "b", "c"]
    assert visit.values("where", "score") == [("a", 2), ("b", 4), ("c", 6)]
    assert Step("Tour/1/end").values("total") == [12]
    with pytest.raises(TypeError):
        visit.values()


def test_a_value_that_a_task_lacks_needs_a_default(hurdle):
    with pytest.raises(MetaflowNotFound, match=r"Hurdle/1/jump/2 .*it is failed.*default="):
        Step("Hurdle/1/jump").values("height")
    assert Step("Hurdle/1/jump").values("height", "speed", default=0) == [(0, 9)]


def test_a_retried_task_shows_each_attempt_apart(tour):
    task = Task("Tour/1/visit/3")
    assert (task.current_attempt, task.successful, task.exception) == (1, True, None)
    assert task.stdout == "at b, try 1\n"
    assert "lost" not in task.data
    first = Task("Tour/1/visit/3", attempt=0)
    assert (first.state, first.finished, first.successful) == ("failed", True, False)
    assert first.current_attempt == 0
    assert first.stdout == "at b, try 0\n"
    assert first.data.lost is True and "score" not in first.data
    assert first.exception.type == "builtins.ValueError"
    assert first.finished_at <= task.finished_at
    assert DataArtifact("Tour/1/visit/3/lost", attempt=0).data is True


def test_an_attempt_that_never_was_is_refused_when_it_is_used(tour):
    task = Task("Tour/1/visit/3", attempt=7)
    for use in (
        lambda: task.state,
        lambda: task.stdout,
        lambda: task.data.score,
        lambda: list(task),
    ):
        with pytest.raises(MetaflowNotFound, match="no attempt 7; it has: 0, 1"):
            use()
    for wrong in (-1, "0", True):
        with pytest.raises(MetaflowNotFound):
            Task("Tour/1/visit/3", attempt=wrong)


def test_a_failure_is_kept_with_its_traceback(hurdle):
    task = Task("Hurdle/1/jump/2")
    assert (task.state, task.finished, task.successful) == ("failed", True, False)
    failure = task.exception
    assert (failure.type, str(failure)) == ("builtins.ValueError", "too high")
    assert "hurdle.py" in failure.stacktrace and "too high" in task.stderr
    assert pickle.loads(pickle.dumps(failure)).type == failure.type
    assert task.data.tried is True


def test_a_caught_failure_is_no_exception_and_no_success(tour):
    task = Run("Tour/1")["unpack"].task
    assert (task.finished, task.successful, task.exception) == (True, False, None)
    assert task.data.problem.type == "builtins.ZeroDivisionError"
    assert Run("Tour/1").successful


def test_a_clone_shows_the_log_of_the_task_it_stands_for(hurdle):
    first, third = Run("Hurdle/1")["start"].task, Run("Hurdle/3")["start"].task
    assert first.stdout == third.stdout == "running up\n"
    assert third.stdout_size == len("running up\n")
    assert first.origin_pathspec is None
    assert third.origin_pathspec == f"Hurdle/2/start/{Run('Hurdle/2')['start'].task.id}"
    assert third["speed"].origin_pathspec == f"{third.origin_pathspec}/speed"
    assert third.data.speed == 9 and third.successful
    assert third.metadata_dict["origin-run-id"] == "2"
    assert Run("Hurdle/3")["jump"].task.origin_pathspec is None


def test_logs_come_whole_or_line_by_line(tour):
    task = Task("Tour/1/visit/2")
    assert task.stdout == "at a, try 0\n"
    assert task.stderr == "noise of a\n"
    assert (task.stdout_size, task.stderr_size) == (12, 11)
    [(at, line)] = task.loglines("stdout")
    assert line == "at a, try 0" and isinstance(at, datetime)
    assert [line for _, line in task.loglines("stderr", as_unicode=False)] == [b"noise of a"]
    assert Task(f"Tour/1/home/{Run('Tour/1')['home'].task.id}").stdout == ""
    with pytest.raises(ValueError, match="no stream"):
        list(task.loglines("stdin"))


def test_neighbours_follow_the_graph(tour):
    run = Run("Tour/1")
    start, home = run["start"].task, run["home"].task
    visits = ["Tour/1/visit/2", "Tour/1/visit/3", "Tour/1/visit/4"]
    assert list(start.child_task_pathspecs) == visits
    assert list(home.parent_task_pathspecs) == visits
    assert list(Task(visits[0]).parent_tasks) == [start]
    assert list(Task(visits[0]).child_tasks) == [home]
    assert list(start.parent_tasks) == []
    assert list(run.end_task.child_tasks) == []


def test_the_index_is_that_of_the_foreach(tour):
    assert [Task(f"Tour/1/visit/{number}").index for number in (2, 3, 4)] == [0, 1, 2]
    assert Run("Tour/1")["start"].task.index is None


def test_facts_of_a_task(tour):
    task = Task("Tour/1/visit/3")
    facts = {
        "attempt": "1",
        "attempt_ok": "True",
        "origin-run-id": "None",
        "script-name": "tour.py",
        "user": "ada",
        "runtime": "dev",
        "ds-root": str(tour.store),
        "foreach-execution-path": "start:1",
    }
    assert facts.items() <= task.metadata_dict.items()
    assert [fact.value for fact in task.metadata if fact.name == "attempt_ok"] == ["False", "True"]
    assert all(fact.task is task for fact in task.metadata)
    assert task.runtime_name == "dev"


def test_objects_of_a_class_in_the_flow_file_are_read_elsewhere(tour):
    souvenir = Run("Tour/1").data.souvenir
    assert (type(souvenir).__name__, souvenir.x, souvenir.y) == ("Point", 3, 4)
    assert type(Run("Tour/2").data.souvenir) is type(souvenir)


def test_reading_such_an_object_does_not_start_the_flow_again(tour):
    script = "from pave import Run; print(Run('Tour/1').data.souvenir.x)"
    command = [sys.executable, "-c", script]
    printed = subprocess.run(
        command, env=tour.environment(), capture_output=True, text=True, check=False
    )
    assert (printed.stdout, printed.stderr) == ("3\n", "")


def test_one_look_at_the_store_serves_all_tasks_of_a_step(place):
    place.run("tour", "run")
    tasks = list(Run("Tour/1")["visit"])
    alone = Task("Tour/1/visit/2")
    assert tasks[0].data.where == "c"
    for name in ("metadata.db", "metadata.db-wal"):
        if (place.store / name).exists():
            os.truncate(place.store / name, 0)
    assert [task.data.where for task in tasks] == ["c", "b", "a"]
    assert [task["score"].data for task in tasks] == [6, 4, 2]
    with pytest.raises(MetaflowException):
        _ = alone.data.where


def test_a_forked_process_reads_on_its_own(tour):
    run = Run("Tour/1")
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            values = run["visit"].values("score")
            os.write(writing, repr(values).encode())
            del run, values
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    with open(reading) as pipe:
        assert pipe.read() == "[2, 4, 6]"
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert run["visit"].values("score") == [2, 4, 6]
