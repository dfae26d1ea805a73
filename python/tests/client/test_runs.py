"""Runs: how they stand while they go on, fail, are killed, are resumed; tags; comparing two."""

import os
import signal
import subprocess
from datetime import datetime

import pytest

from pave.client import Flow, Run, Step, namespace
from pave.exceptions import MetaflowTaggingError


def test_a_successful_run_is_finished_with_the_data_of_its_end(tour):
    run = Flow("Tour").latest_successful_run
    assert (run.id, run.state, run.finished, run.successful) == ("2", "succeeded", True, True)
    assert run.end_task.pathspec.startswith("Tour/2/end/")
    assert run.data.total == 5 + 10 + 15
    assert run.user == "ada"
    assert run.created_at <= run.finished_at <= datetime.now()
    assert Step("Tour/2/visit").finished_at <= run.finished_at
    assert run.code is None and run.trigger is None


def test_parameters_are_read_by_name(tour):
    assert Run("Tour/1").parameters == {"alpha": 2}
    assert Run("Tour/2").parameters == {"alpha": 5}


def test_a_failed_run_is_finished_and_has_no_data(hurdle):
    run = Run("Hurdle/1")
    assert (run.state, run.finished, run.successful) == ("failed", True, False)
    assert run.created_at <= run.finished_at
    assert run.data is None and run.end_task is None
    assert Flow("Hurdle").latest_run.id == "3"
    assert Flow("Hurdle").latest_successful_run.id == "3"


def test_a_flow_without_success_has_no_latest_successful_run(place):
    place.variables["HURDLE"] = str(place.folder / "absent")
    place.run("hurdle", "run", status=1)
    assert Flow("Hurdle").latest_successful_run is None
    assert Flow("Hurdle").latest_run.successful is False


def test_a_resumed_run_names_its_origin_and_an_ordinary_one_names_none(hurdle):
    assert Run("Hurdle/1").origin_run_id is None
    assert Run("Hurdle/1").origin_pathspec is None
    assert Step("Hurdle/1/start").origin_pathspec is None
    assert Run("Hurdle/3").origin_run_id == "2"
    assert Run("Hurdle/3").origin_pathspec == "Hurdle/2"
    assert Step("Hurdle/3/start").origin_pathspec == "Hurdle/2/start"
    assert Flow("Hurdle").origin_pathspec is None


@pytest.fixture
def waiting(place):
    """A run of Waiting whose middle step has begun, and the pipe that lets it go."""
    arrived, released = place.folder / "arrived", place.folder / "released"
    os.mkfifo(arrived)
    os.mkfifo(released)
    place.variables |= {"ARRIVED": str(arrived), "RELEASED": str(released)}
    process = place.start("waiting", "run", stdout=subprocess.DEVNULL)
    arrived.read_text()
    yield process, released
    process.kill()
    process.wait(timeout=60)


def test_a_run_is_followed_while_it_goes_on(waiting):
    process, released = waiting
    run = Flow("Waiting").latest_run
    task = run["hold"].task
    assert (run.state, run.finished, run.successful) == ("running", False, False)
    assert run.finished_at is None and run.data is None
    assert (task.state, task.finished, task.finished_at) == ("running", False, None)
    assert run["hold"].finished_at is None
    assert run["start"].task.data.before == 1
    released.write_text("go")
    assert process.wait(timeout=60) == 0
    assert (run.state, run.finished, run.successful) == ("succeeded", True, True)
    assert run.data.after == 2
    assert task.successful and task.finished_at is not None


def test_a_run_whose_process_was_killed_is_interrupted(waiting):
    process, _ = waiting
    run = Flow("Waiting").latest_run
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=60)
    assert (run.state, run.finished, run.successful) == ("interrupted", True, False)
    assert run.finished_at is None


def test_tags_are_changed_in_one_step_and_seen_by_all(place):
    place.run("tour", "run", "--tag", "kept")
    run = Run("Tour/1")
    assert run.user_tags == {"kept"}
    assert {"user:ada", "runtime:dev"} <= run.system_tags
    run.add_tag("one")
    run.add_tags(["two", "three", "user:ada"])
    assert run.user_tags == {"kept", "one", "two", "three"}
    run.remove_tags(["one", "absent"])
    run.replace_tag("two", "zwei")
    run.replace_tags(["three", "kept"], ["drei", "kept"])
    assert run.user_tags == Run("Tour/1").user_tags == {"zwei", "drei", "kept"}
    assert run.tags == run.user_tags | run.system_tags
    assert run["visit"].tags == run["visit"].task.tags == run.tags
    namespace("drei")
    assert Flow("Tour").latest_run == run


def test_impossible_tag_changes_are_refused_and_change_nothing(tour):
    run = Run("Tour/1")
    for change in (
        lambda: run.add_tags([]),
        lambda: run.add_tag(""),
        lambda: run.add_tag("x" * 501),
        lambda: run.remove_tag("user:ada"),
        lambda: run.replace_tags([], []),
    ):
        with pytest.raises(MetaflowTaggingError):
            change()
    assert run.user_tags == {"first"}


def test_two_runs_are_compared_by_what_went_in_and_came_out(tour):
    difference = Run("Tour/1").diff(Run("Tour/2"))
    assert difference["parameters"] == {"alpha": (2, 5)}
    assert difference["artifacts"] == {"visit": ["score"], "home": ["total"]}
    assert list(difference["seconds"]) == ["start", "visit", "home", "unpack", "end"]
    assert all(seconds >= 0 for pair in difference["seconds"].values() for seconds in pair)
    same = Run("Tour/1").diff(Run("Tour/3", _namespace_check=False))
    assert (same["parameters"], same["artifacts"]) == ({}, {})


def test_a_step_that_one_run_did_not_reach_has_one_duration(hurdle):
    seconds = Run("Hurdle/1").diff(Run("Hurdle/3"))["seconds"]
    assert seconds["end"][0] is None and seconds["end"][1] >= 0
