"""The client: flows, runs, steps, tasks and artifacts as scripts and notebooks see them."""

from __future__ import annotations

import pickle
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from pave import (
    DataArtifact,
    Flow,
    Metaflow,
    Run,
    Step,
    Task,
    default_namespace,
    get_metadata,
    get_namespace,
    metadata,
    namespace,
)
from pave.exceptions import (
    MetaflowInvalidPathspec,
    MetaflowNamespaceMismatch,
    MetaflowNotFound,
    MetaflowTaggingError,
)

from .place import Place

TRIP = """
from pave import *

class Trip(FlowSpec):
    places = Parameter("places", default=3)
    fail = Parameter("fail", default=False)

    @step
    def start(self):
        self.stops, self._secret = list(range(self.places)), "s"
        self.next(self.visit, foreach="stops")

    @step
    def visit(self):
        print("visiting", self.input)
        self.score = self.input * 10
        self.next(self.home)

    @step
    def home(self, inputs):
        self.scores = [each.score for each in inputs]
        if self.fail:
            raise RuntimeError("no way home")
        self.next(self.end)

    @step
    def end(self):
        self.best = max(self.scores)

if __name__ == "__main__":
    Trip()
"""


@pytest.fixture(scope="module")
def travelled(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A store that tests only read: three runs of ada's, one of bob's, one of another flow."""
    place = Place(tmp_path_factory.mktemp("trips"))
    place.write("trip.py", TRIP)
    place.write("other.py", TRIP.replace("Trip", "Other"))
    place.run("trip.py", "--tag", "first", "--tag", "both")
    place.run("trip.py", "--places", "2", "--tag", "both")
    place.fail("trip.py", "--fail", "yes")
    place.run("other.py")
    place.run("trip.py", METAFLOW_USER="bob", PAVE_USER="")
    return place


@pytest.fixture(autouse=True)
def view(place: Place, travelled: Place) -> None:
    metadata(travelled.folder)


def test_runs_are_found_newest_first_within_the_namespace() -> None:
    flow = Flow("Trip")
    assert [run.id for run in flow] == [run.id for run in flow.runs()] == ["3", "2", "1"]
    assert [run.id for run in flow.runs("both")] == ["2", "1"]
    assert [run.id for run in flow.runs("both", "first")] == ["1"]
    assert list(flow.runs("both", "nothing")) == []
    assert flow.latest_run.id == "3" and flow.latest_successful_run.id == "2"
    assert flow["1"].user_tags == {"first", "both"} and "4" not in flow and "9" not in flow
    assert [it.id for it in Metaflow().flows] == ["Other", "Trip"]
    assert Metaflow()["Trip"].id == "Trip" and flow.tags == frozenset() and flow.parent is None


def test_namespaces_hide_and_show() -> None:
    ada = Run("Trip/3")
    assert get_namespace() == "user:ada"
    with pytest.raises(MetaflowNamespaceMismatch, match="user:bob"):
        Run("Trip/4")
    with pytest.raises(MetaflowNamespaceMismatch):
        Task("Trip/4/start/1")
    assert namespace("user:bob") == "user:bob"
    assert Flow("Trip").latest_run.id == "4" and [it.id for it in Metaflow()] == ["Trip"]
    with pytest.raises(MetaflowNamespaceMismatch):
        Flow("Other")
    assert [run.id for run in ada.parent] == ["3", "2", "1"], "an object keeps its namespace"
    assert ada.is_in_namespace()
    assert namespace(None) is None
    assert [run.id for run in Flow("Trip")] == ["4", "3", "2", "1"]
    namespace("first")
    assert [run.id for run in Flow("Trip")] == ["1"]
    namespace("user:nobody")
    with pytest.raises(MetaflowNamespaceMismatch):
        Flow("Trip")
    with pytest.raises(MetaflowNotFound):
        Flow("Nowhere")
    assert Metaflow().flows == []


def test_the_default_namespace_is_the_user_s(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PAVE_USER", "METAFLOW_USER", "SUDO_USER", "USERNAME", "USER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("USER", "carol")
    assert default_namespace() == get_namespace() == "user:carol"
    monkeypatch.setenv("SUDO_USER", "dan")
    monkeypatch.setenv("METAFLOW_USER", "eve")
    assert default_namespace() == "user:eve"
    monkeypatch.setenv("METAFLOW_PRODUCTION_TOKEN", "t-1")
    assert default_namespace() == "production:t-1"


def test_a_run_that_succeeded(travelled: Place) -> None:
    run = Run("Trip/1")
    assert (run.successful, run.finished, run.id, run.pathspec) == (True, True, "1", "Trip/1")
    assert (run.data.best, run.data.places, run.data.fail) == (20, 3, False)
    assert run.end_task.pathspec == "Trip/1/end/6"
    assert [step.id for step in run] == [step.id for step in run.steps()]
    assert [step.id for step in run] == ["end", "home", "visit", "start"]
    assert run.path_components == ["Trip", "1"] and run.parent.id == "Trip"
    assert "visit" in run and "_parameters" in run and "nowhere" not in run
    with pytest.raises(KeyError):
        run["nowhere"]
    assert run["_parameters"].task["places"].data == 3
    assert {
        "user:ada",
        "runtime:dev",
    } < run.system_tags and run.tags == run.user_tags | run.system_tags
    assert any(tag.startswith("python_version:3.") for tag in run.system_tags)
    assert (run.origin_pathspec, run.origin_run_id, run.code, run.trigger) == (None,) * 4
    now = datetime.now()
    assert now - timedelta(minutes=10) < run.created_at <= run.finished_at <= now
    assert repr(run).startswith("Run('Trip/1'")
    assert Run("Trip/1") == run and hash(Run("Trip/1")) == hash(run) and Run("Trip/2") != run


def test_a_run_that_failed() -> None:
    run = Run("Trip/3")
    assert (run.successful, run.finished, run.data, run.end_task) == (False, True, None, None)
    assert run.finished_at is not None
    with pytest.raises(AttributeError):
        run.data.best  # noqa: B018
    task = run["home"].task
    assert (task.successful, task.exception.type) == (False, "builtins.RuntimeError")
    assert task.exception.exception == str(task.exception) == "no way home"
    assert 'raise RuntimeError("no way home")' in task.exception.stacktrace
    assert task.data.scores == [0, 10, 20], "what was set before it failed is there"
    assert "RuntimeError: no way home" in task.stderr
    assert run["visit"].task.successful


def test_steps_and_their_tasks() -> None:
    step = Run("Trip/1")["visit"]
    assert [task.id for task in step] == [task.id for task in step.tasks()] == ["4", "3", "2"]
    assert step.task.id == "4" and [task.index for task in step] == [2, 1, 0]
    assert [task.data.score for task in step] == [20, 10, 0]
    assert step.values("score") == [0, 10, 20]
    assert step["3"].data.score == 10 and "3" in step and "5" not in step
    assert [it.id for it in step.parent_steps] == ["start"]
    assert [it.id for it in step.child_steps] == ["home"]
    assert step.parent.id == "1" and step.created_at <= step.finished_at
    assert [task.id for task in step.tasks("first")] == ["4", "3", "2"]
    assert list(step.tasks("nothing")) == [] and step.tags == step.parent.tags
    assert Step("Trip/1/visit") == step
    for wrong in ("5", "99", "x"):
        with pytest.raises(KeyError):
            step[wrong]


def test_a_task_and_its_artifacts() -> None:
    task = Task("Trip/1/start/1")
    assert (task.successful, task.finished, task.exception) == (True, True, None)
    assert {it.id for it in task} == {"stops", "places", "fail"} == set(dir(task.data))
    assert task["_secret"].data == "s" and "_secret" in task and "stops" in task.data
    assert task.artifacts.stops.data == task.data.stops == [0, 1, 2]
    assert task.artifacts._fields and "_secret" not in task.artifacts._fields
    for wrong in ("nothing", "_nothing"):
        assert not hasattr(task.data, wrong) and wrong not in task
        with pytest.raises(KeyError):
            task[wrong]
    with pytest.raises(AttributeError):
        task.data.stops = 1
    assert (task.index, Run("Trip/1")["visit"].task.index) == (None, 2)
    assert (task.current_attempt, task.runtime_name) == (0, "dev")
    assert [it.pathspec for it in task.child_tasks] == [f"Trip/1/visit/{n}" for n in (2, 3, 4)]
    assert list(Task("Trip/1/home/5").parent_task_pathspecs) == [
        f"Trip/1/visit/{n}" for n in (2, 3, 4)
    ]
    artifact = task["stops"]
    assert (artifact.id, artifact.pathspec) == ("stops", "Trip/1/start/1/stops")
    assert artifact.parent == task and artifact.size > 0 and len(artifact.sha) >= 40
    assert artifact.finished_at is not None
    assert DataArtifact("Trip/1/start/1/stops").data == [0, 1, 2]
    facts = task.metadata_dict
    for name, value in {"attempt": "0", "attempt_ok": "True", "origin-run-id": "None", "user": "ada",
                        "ds-type": "local", "script-name": "trip.py", "runtime": "dev"}.items():  # fmt: skip
        assert facts[name] == value
    fact = task.metadata[0]
    assert fact.name and fact.value and fact.created_at and fact.task == task


def test_what_a_task_printed() -> None:
    task = Task("Trip/1/visit/3")
    assert (task.stdout, task.stderr) == ("visiting 1\n", "")
    assert (task.stdout_size, task.stderr_size) == (11, 0)
    ((at, line),) = task.loglines("stdout")
    assert line == "visiting 1" and isinstance(at, datetime)
    assert next(iter(task.loglines("stdout", as_unicode=False)))[1] == b"visiting 1"


@pytest.mark.parametrize(
    "make",
    [
        lambda: Flow("Trip/1"), lambda: Run("Trip"), lambda: Run("Trip/1/start"), lambda: Run("Trip/x"),
        lambda: Step("Trip/1"), lambda: Task("Trip/1/start"), lambda: DataArtifact("Trip/1/start/1"),
        lambda: Run(""), lambda: Task("Trip//start/1"), lambda: Run(7),
    ],
)  # fmt: skip
def test_a_pathspec_of_the_wrong_form_is_refused(make) -> None:
    with pytest.raises(MetaflowInvalidPathspec):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: Flow("Nope"), lambda: Run("Trip/99"), lambda: Run("Nope/1"), lambda: Step("Trip/1/nope"),
        lambda: Task("Trip/1/start/9"), lambda: Task("Trip/1/visit/1"), lambda: Metaflow()["Nope"],
        lambda: DataArtifact("Trip/1/start/1/nope"), lambda: Task("Trip/1/start/1", attempt=-1),
        lambda: Task("Trip/1/start/1", attempt=7).data.stops,
    ],
)  # fmt: skip
def test_what_is_not_there_is_not_found_with_a_word_of_what_is(make) -> None:
    with pytest.raises(MetaflowNotFound) as caught:
        make()
    assert len(str(caught.value)) > 20


def test_objects_can_be_pickled_with_their_view(travelled: Place) -> None:
    namespace(None)
    everything = [Flow("Trip"), Run("Trip/4"), Step("Trip/4/visit"), Task("Trip/4/start/1"),
                  Task("Trip/4/start/1", attempt=0), DataArtifact("Trip/4/start/1/stops")]  # fmt: skip
    stored = pickle.dumps(everything)
    namespace("user:ada")
    again = pickle.loads(stored)
    assert again == everything and again[-1].data == [0, 1, 2]
    assert [run.id for run in again[0]] == ["4", "3", "2", "1"]


def test_tags_of_a_run_are_changed_from_python(place: Place) -> None:
    place.write("trip.py", TRIP)
    place.run("trip.py", "--tag", "t")
    run = place.latest("Trip")
    task = run["start"].task
    before = task.tags
    run.add_tag("a")
    run.add_tags(["b", "c", "user:ada"])
    assert run.user_tags == {"t", "a", "b", "c"} and "user:ada" in run.system_tags
    run.remove_tag("b")
    run.remove_tags(["c", "absent"])
    run.replace_tag("a", "d")
    run.replace_tags(["t"], ["e", "f"])
    assert run.user_tags == Run("Trip/1").user_tags == {"d", "e", "f"}
    assert task.tags in (before, run.tags)
    wrong = [lambda: run.remove_tag("user:ada"), lambda: run.add_tag(""), lambda: run.add_tags([]),
             lambda: run.add_tag("x" * 501), lambda: run.add_tags([str(n) for n in range(60)])]  # fmt: skip
    for change in wrong:
        with pytest.raises(MetaflowTaggingError):
            change()
    assert Run("Trip/1").user_tags == {"d", "e", "f"}


def test_a_store_is_chosen_by_folder(travelled: Place, tmp_path: Path) -> None:
    assert get_metadata() == f"local@{travelled.folder}/.pave"
    assert metadata(get_metadata()) == metadata(str(travelled.folder)) == get_metadata()
    with pytest.raises(ValueError, match="no store"):
        metadata(tmp_path)
    reader = "from pave import Flow; print(Flow('Trip')['1'].data.best)"
    (travelled.folder / "sub").mkdir(exist_ok=True)
    assert travelled.succeed("-c", reader, cwd="sub").out == "20\n"
    place = Place(tmp_path)
    assert place.succeed("-c", reader, PAVE_STORE=f"{travelled.folder}/.pave").out == "20\n"
    lost = place.python("-c", reader)
    assert lost.code == 1 and "MetaflowNotFound" in lost.err and "no store" in lost.err
    assert not (tmp_path / ".pave").exists(), "reading makes no store"
