"""Finding flows, runs, steps and tasks; namespaces; what is said when they aren't there."""

import os
import pickle
import pwd

import pytest

from pave import client
from pave.client import DataArtifact, Flow, Metaflow, Run, Step, Task, namespace
from pave.exceptions import (
    MetaflowInvalidPathspec,
    MetaflowNamespaceMismatch,
    MetaflowNotFound,
)


def ids(objects):
    return [each.id for each in objects]


def said(error, call):
    with pytest.raises(error) as caught:
        call()
    return str(caught.value)


def test_a_flow_lists_the_runs_of_the_namespace_newest_first(tour):
    assert ids(Flow("Tour")) == ["2", "1"]
    assert ids(Flow("Tour").runs("good")) == ["2"]
    assert ids(Flow("Tour").runs("good", "first")) == []
    namespace(None)
    assert ids(Flow("Tour")) == ["3", "2", "1"]
    assert Flow("Tour").latest_run.id == "3"


def test_any_tag_works_as_a_namespace(tour):
    namespace("first")
    assert ids(Flow("Tour")) == ["1"]
    namespace("user:bob")
    assert Flow("Tour").latest_run.pathspec == "Tour/3"


def test_objects_keep_the_namespace_they_were_made_in(tour):
    flow = Flow("Tour")
    namespace(None)
    assert flow.latest_run.id == "2"
    assert flow.latest_run.is_in_namespace()


def test_the_store_lists_flows_that_the_namespace_shows(tour):
    assert ids(Metaflow()) == ["Tour"]
    assert "Tour" in Metaflow() and "Nothing" not in Metaflow()
    assert Metaflow()["Tour"].latest_run.id == "2"
    namespace("user:nobody")
    assert Metaflow().flows == []


def test_what_another_namespace_holds_is_refused_with_the_way_to_see_it(tour):
    message = said(MetaflowNamespaceMismatch, lambda: Run("Tour/3"))
    assert "Run('Tour/3') is not in the namespace 'user:ada'" in message
    assert "namespace('user:bob')" in message and "namespace(None)" in message
    said(MetaflowNamespaceMismatch, lambda: Task("Tour/3/start/1"))
    said(MetaflowNamespaceMismatch, lambda: Flow("Tour")["3"])
    namespace("user:nobody")
    assert "has no run in the namespace" in said(MetaflowNamespaceMismatch, lambda: Flow("Tour"))
    assert Run("Tour/3", _namespace_check=False).id == "3"


def test_the_way_up_needs_no_namespace(tour):
    task = Task("Tour/1/visit/2")
    assert task.parent == Step("Tour/1/visit")
    assert task.parent.parent == Run("Tour/1")
    assert task.parent.parent.parent == Flow("Tour")
    assert Flow("Tour").parent is None
    assert task["score"].parent == task


def test_steps_and_tasks_come_newest_first_without_the_hidden_step(tour):
    run = Run("Tour/1")
    assert ids(run) == ["end", "unpack", "home", "visit", "start"]
    assert ids(run["visit"]) == ["4", "3", "2"]
    assert run["visit"].task.id == "4"
    assert ids(run["visit"].parent_steps) == ["start"]
    assert ids(run["visit"].child_steps) == ["home"]
    assert run["_parameters"].task.data.alpha == 2


def test_tags_narrow_steps_and_tasks_as_they_do_runs(tour):
    run = Run("Tour/1")
    assert ids(run.steps("first")) == ids(run)
    assert ids(run.steps("other")) == []
    assert ids(run["visit"].tasks("user:ada")) == ["4", "3", "2"]
    assert ids(run["visit"].tasks("other")) == []


def test_children_are_found_by_id_or_refused_as_keys(tour):
    flow, run = Flow("Tour"), Run("Tour/1")
    assert flow["1"] == flow[1] == run
    assert "1" in flow and "9" not in flow and "x" not in flow and "3" not in flow
    assert "visit" in run and "nowhere" not in run
    assert "2" in run["visit"] and "1" not in run["visit"] and "x" not in run["visit"]
    assert "score" in run["visit"].task and "nothing" not in run["visit"].task
    for parent, key in [(flow, "9"), (run, "nowhere"), (run["visit"], "1")]:
        with pytest.raises(KeyError):
            parent[key]


def test_absent_things_are_named_with_what_there_is_instead(tour):
    assert "did you mean 'Tour'?" in said(MetaflowNotFound, lambda: Flow("Tuor"))
    assert "there is: Tour" in said(MetaflowNotFound, lambda: Flow("Nothing"))
    assert "the newest run of Tour is 3" in said(MetaflowNotFound, lambda: Run("Tour/99"))
    assert "did you mean 'visit'?" in said(MetaflowNotFound, lambda: Step("Tour/1/visits"))
    assert "3 tasks, 2 to 4" in said(MetaflowNotFound, lambda: Task("Tour/1/visit/99"))
    assert "belongs to step 'start'" in said(MetaflowNotFound, lambda: Task("Tour/1/visit/1"))
    assert "did you mean 'score'?" in said(
        MetaflowNotFound, lambda: DataArtifact("Tour/1/visit/2/scores")
    )


def test_a_step_that_the_run_did_not_reach_is_told_apart_from_a_wrong_name(hurdle):
    assert "didn't get there" in said(MetaflowNotFound, lambda: Step("Hurdle/1/end"))


@pytest.mark.parametrize(
    "make, path",
    [
        (Flow, "Tour/1"),
        (Run, "Tour"),
        (Run, "Tour/latest"),
        (Step, "Tour//visit"),
        (Task, "Tour/1/visit"),
        (Task, "Tour/1/visit/two"),
        (DataArtifact, "Tour/1/visit/2"),
        (Run, None),
    ],
)
def test_a_path_of_the_wrong_shape_is_refused(tour, make, path):
    assert "expected Flow" in said(MetaflowInvalidPathspec, lambda: make(path))


def test_names_and_paths(tour):
    task = Task("Tour/1/visit/2")
    assert task.id == "2"
    assert task.pathspec == "Tour/1/visit/2"
    assert task.path_components == ["Tour", "1", "visit", "2"]
    assert Run("Tour/001").pathspec == "Tour/1"


def test_objects_are_equal_by_what_they_name(tour):
    assert Run("Tour/1") == Flow("Tour")["1"] != Run("Tour/2")
    assert len({Run("Tour/1"), Flow("Tour")["1"], Run("Tour/2")}) == 2
    assert Task("Tour/1/visit/2") != Task("Tour/1/visit/2", attempt=0)
    assert Run("Tour/1") != "Tour/1"


def test_objects_survive_pickling_with_their_namespace_and_attempt(tour):
    task = Task("Tour/1/visit/3", attempt=0)
    pickled = pickle.dumps([Flow("Tour"), Run("Tour/1"), Step("Tour/1/visit"), task, task.data])
    namespace("user:nobody")
    flow, run, step, again, data = pickle.loads(pickled)
    assert ids(flow) == ["2", "1"]
    assert (run.pathspec, step.pathspec) == ("Tour/1", "Tour/1/visit")
    assert again == task and again.current_attempt == 0
    assert data.lost is True


def test_a_line_says_what_a_thing_is_and_how_it_stands(tour):
    assert repr(Flow("Tour")) == "Flow('Tour')"
    assert repr(Run("Tour/1")).startswith("Run('Tour/1', succeeded, 20")
    assert repr(Step("Tour/1/visit")) == "Step('Tour/1/visit', 3 succeeded)"
    assert "attempt=0, failed" in repr(Task("Tour/1/visit/3", attempt=0))
    assert repr(Task("Tour/1/visit/2")["where"]).startswith(
        "DataArtifact('Tour/1/visit/2/where', str, "
    )
    assert repr(Run("Tour/1").data).startswith("<MetaflowData: ")


def test_notebooks_show_tables_and_complete_keys(tour):
    run = Run("Tour/1")
    assert "<td>visit</td><td>3 succeeded</td>" in run._repr_html_()
    assert "first" in Flow("Tour")._repr_html_()
    assert "<td>2</td>" in run["visit"]._repr_html_()
    assert "<td>score</td><td>int</td>" in run["visit"].task._repr_html_()
    assert run._ipython_key_completions_() == ["end", "unpack", "home", "visit", "start"]
    assert "score" in run["visit"].task._ipython_key_completions_()


def test_markup_in_a_tag_stays_text(place):
    place.run("tour", "run", "--tag", "<b>bold</b>")
    assert "<b>" not in Flow("Tour")._repr_html_()


def test_without_a_store_nothing_is_listed_and_the_way_to_one_is_told(place):
    message = said(MetaflowNotFound, lambda: Flow("Tour"))
    assert str(place.store) in message and "PAVE_STORE" in message
    assert Metaflow().flows == []
    assert not place.store.exists()


def test_the_store_is_the_nearest_above_unless_one_is_named(tour, monkeypatch, tmp_path):
    below = tour.folder / "notes" / "deep"
    below.mkdir(parents=True)
    monkeypatch.delenv("PAVE_STORE")
    monkeypatch.chdir(below)
    assert client.get_metadata() == f"local@{tour.store}"
    assert Flow("Tour").latest_run.id == "2"
    monkeypatch.setenv("PAVE_STORE", "elsewhere")
    assert client.get_metadata() == f"local@{below / 'elsewhere'}"


def test_another_store_can_be_selected_and_left_again(tour, tmp_path, monkeypatch):
    monkeypatch.setenv("PAVE_STORE", str(tmp_path / "empty"))
    for name in (tour.folder, tour.store, f"local@{tour.store}"):
        assert client.metadata(name) == f"local@{tour.store}"
        assert Flow("Tour").latest_run.id == "2"
        assert client.default_metadata() == f"local@{tmp_path / 'empty'}"
    for wrong in (tmp_path, "service@http://host", "https://host"):
        with pytest.raises(ValueError):
            client.metadata(wrong)
    assert client.get_metadata() == f"local@{tmp_path / 'empty'}"


def test_a_store_that_was_replaced_is_opened_anew(place):
    place.run("hurdle", "run", status=1)
    assert Flow("Hurdle").latest_run.id == "1"
    place.store.rename(place.folder / "old")
    place.run("tour", "run")
    assert ids(Metaflow()) == ["Tour"]


def test_the_default_namespace_is_the_user_by_the_first_variable_set(monkeypatch):
    names = ["USER", "USERNAME", "SUDO_USER", "METAFLOW_USER", "PAVE_USER"]
    for name in [*names, "METAFLOW_PRODUCTION_TOKEN"]:
        monkeypatch.delenv(name, raising=False)
    account = pwd.getpwuid(os.geteuid()).pw_name
    assert client.default_namespace() == f"user:{account}"
    for name in names:
        monkeypatch.setenv(name, name.lower())
        assert client.default_namespace() == client.get_namespace() == f"user:{name.lower()}"
    monkeypatch.setenv("USER", "root")
    monkeypatch.setenv("METAFLOW_PRODUCTION_TOKEN", "flow-x")
    assert client.default_namespace() == "production:flow-x"


def test_a_namespace_is_a_tag_or_nothing(tour):
    assert namespace("user:bob") == client.get_namespace() == "user:bob"
    assert namespace(None) is client.get_namespace() is None
    for wrong in ("", 3):
        with pytest.raises(TypeError):
            namespace(wrong)
