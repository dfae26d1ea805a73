"""What a step may know of where it runs, and what the client shows of a run that goes on."""

from __future__ import annotations

from pave import current

from .place import Place

FLOW = """
from pave import *

OUTSIDE = (current.is_running_flow, current.flow_name, current.run_id, current.step_name,
           current.task_id, current.pathspec, current.retry_count, current.origin_run_id,
           current.task, current.run)

class Facts(FlowSpec):
    size = Parameter("size", default=1)

    @step
    def start(self):
        assert OUTSIDE == (False, None, None, None, None, None, 0, None, None, None)
        self.check("start", "1")
        current.run.add_tag("from within")
        self.items = ["x", "y"]
        self.next(self.each, foreach="items")

    @retry(times=1)
    @step
    def each(self):
        assert current.retry_count < 2
        if current.retry_count == 0 and self.index == 1:
            raise ValueError("again")
        self.check("each", str(self.index + 2))
        self.seen = [task.pathspec for task in current.task.parent_tasks]
        self.next(self.join)

    @step
    def join(self, inputs):
        self.check("join", "4")
        assert {path for each in inputs for path in each.seen} == {f"Facts/{current.run_id}/start/1"}
        self.next(self.end)

    @step
    def end(self):
        self.check("end", "5")
        run = Flow("Facts").latest_run
        assert run.id == current.run_id and not run.finished and not run.successful
        assert run["start"].task.data.items == ["x", "y"]
        assert [task.successful for task in run["each"]] == [True, True]
        assert "from within" in Run(run.pathspec).user_tags
        print("in sight", [step.id for step in run])

    def check(self, step, task):
        assert current.is_running_flow and current.flow_name == "Facts"
        assert (current.step_name, current.task_id) == (step, task)
        assert current.pathspec == f"Facts/{current.run_id}/{step}/{task}"
        assert isinstance(current.run_id, str) and isinstance(current.retry_count, int)
        assert (current.origin_run_id, current.username, current.namespace) == (None, "ada", "user:ada")
        assert {"a tag", "user:ada"} <= set(current.tags)
        assert current.parameter_names == ["size"] and current.tempdir
        assert current.task.pathspec == current.pathspec and current.run.id == current.run_id
        assert not current.task.finished and not current.task.successful
        assert ("run_id" in current, "card" in current, "trigger" in current) == (True, False, False)
        assert current.get("run_id") == current.run_id and current.get("whatever", 7) == 7
        for name in ("card", "trigger", "parallel", "project_name", "whatever"):
            try:
                getattr(current, name)
                raise SystemExit(name)
            except AttributeError:
                pass

if __name__ == "__main__":
    assert not current.is_running_flow
    Facts()
"""


def test_current_knows_its_task_everywhere(place: Place) -> None:
    place.write("facts.py", FLOW)
    done = place.run("facts.py", "--tag", "a tag", "--max-workers", "1")
    assert done.printed("end") == ["in sight ['end', 'join', 'each', 'start']"]
    assert not current.is_running_flow and current.get("run_id") is None
    place.run("facts.py", "--tag", "a tag", "--max-workers", "1", "--fork", "never")


def test_the_namespace_of_tasks_can_be_chosen(place: Place) -> None:
    place.write(
        "spaces.py",
        """
        class Spaces(FlowSpec):
            @step
            def start(self):
                print(current.namespace, get_namespace())
                try:
                    Flow("Spaces")
                    print("seen")
                except Exception as error:
                    print(type(error).__name__)
                namespace(None)
                print(Flow("Spaces").latest_run.id == current.run_id, default_namespace())
                self.next(self.end)

            @step
            def end(self):
                pass
        """,
    )
    assert place.run("spaces.py").printed() == ["user:ada user:ada", "seen", "True user:ada"]
    other = place.run("spaces.py", "--namespace", "user:bob").printed()
    assert other == ["user:bob user:bob", "MetaflowNamespaceMismatch", "True user:bob"]
    assert place.run("spaces.py", "--namespace", "").printed() == ["None None", "seen", "True None"]
    labelled = place.run("spaces.py", "--namespace", "label", "--tag", "label").printed()
    assert labelled == ["label label", "seen", "True label"]


def test_another_process_sees_a_run_while_it_goes_on(place: Place) -> None:
    place.write(
        "slow.py",
        """
        import os, time
        from pave import FlowSpec, step

        class Slow(FlowSpec):
            @step
            def start(self):
                self.x = 1
                print("ready")
                self.next(self.wait)

            @step
            def wait(self):
                print("half a line", end="")
                open("waiting", "w").close()
                while not os.path.exists("go"):
                    time.sleep(0.01)
                self.next(self.end)

            @step
            def end(self):
                pass

        if __name__ == "__main__":
            Slow()
        """,
    )
    process = place.start("slow.py", "run", "--tag", "slow")
    place.wait_for("waiting", process)
    run = place.latest("Slow")
    try:
        assert (run.finished, run.successful, run.finished_at) == (False, False, None)
        assert (run.data, run.end_task) == (None, None)
        assert [step.id for step in run] == ["wait", "start"]
        task = run["wait"].task
        assert (task.finished, task.successful, task.exception) == (False, False, None)
        assert run["start"].task.data.x == 1 and run["start"].task.finished
        assert run["start"].task.stdout == "ready\n"
        told = place.python("slow.py", "resume", "--origin-run-id", "1").refused("R004")
        assert "still running" in told
        assert "half a line" in place.pave("logs", "Slow/1/wait").out
        run.add_tag("seen")
    finally:
        (place.folder / "go").touch()
    assert place.end(process).code == 0
    assert run.finished and run.successful and run.data.x == 1
    assert {"slow", "seen"} <= place.latest("Slow").user_tags
