"""Resume: what is taken over, what is executed, whose parameters and whose code count."""

from __future__ import annotations

import pytest

from pave import Run, namespace

from .place import Place

JOURNEY = """
import os
from pave import *

def computed(context):
    open("computed", "a").write("x")
    return 7

class Journey(FlowSpec):
    size = Parameter("size", default=4)
    notes = IncludeFile("notes", default="notes.txt")
    late = Parameter("late", type=int, default=computed)
    CODE = os.environ.get("CODE", "old")

    def here(self):
        open("bodies", "a").write(f"{current.run_id}:{current.step_name}.{self.index} ")

    @step
    def start(self):
        self.here()
        self.items = os.environ.get("ITEMS", "a,b,c,d").split(",")[: self.size]
        print("items", self.items)
        self.next(self.work, foreach="items")

    @catch(var="problem")
    @step
    def work(self):
        self.here()
        if self.input == "b":
            raise ValueError("caught")
        self.done = self.input.upper()
        self.next(self.check)

    @step
    def check(self):
        self.here()
        mode = open("mode").read()
        if mode == "check" and self.index == 2:
            raise RuntimeError("at check")
        self.mode = mode
        self.next(self.join)

    @step
    def join(self, inputs):
        self.here()
        self.modes = [each.mode for each in inputs]
        self.problems = [str(each.problem) for each in inputs]
        self.next(self.last)

    @step
    def last(self):
        self.here()
        if open("mode").read() == "last":
            raise RuntimeError("at last")
        self.next(self.end)

    @step
    def end(self):
        self.here()
        self.facts = (self.size, self.notes, self.late, self.CODE, current.origin_run_id)

if __name__ == "__main__":
    Journey()
"""


@pytest.fixture
def journey(place: Place) -> Place:
    place.write("journey.py", JOURNEY)
    place.write("notes.txt", "noted")
    place.write("mode", "check")
    return place


def bodies(place: Place, run: int) -> set[str]:
    """The bodies that a run has executed, as `step` or `step.index`."""
    words = (place.folder / "bodies").read_text().split()
    found = [word.partition(":")[2] for word in words if word.startswith(f"{run}:")]
    assert len(found) == len(set(found)), "a body ran twice"
    return {word.removesuffix(".None") for word in found}


def test_a_failed_run_goes_on_and_so_does_the_run_that_went_on(journey: Place) -> None:
    journey.fail("journey.py", "--tag", "one", "--size", "4")
    (journey.folder / "notes.txt").unlink()
    journey.write("mode", "last")
    failed = journey.fail("journey.py", "--tag", "two", command="resume", CODE="new")
    assert "Cloned 4 tasks of work." in failed.events and "resumed from 1" in failed.events[0]
    journey.write("mode", "fine")
    done = journey.resume("journey.py", "--run-id-file", "id.txt", CODE="newest")
    assert (journey.folder / "id.txt").read_text() == "3" and "resumed from 2" in done.events[0]

    assert bodies(journey, 2) >= {"check.2", "join", "last"}
    assert not bodies(journey, 2) & {"start", "work.0", "work.1", "work.2", "work.3", "check.0"}
    assert bodies(journey, 3) == {"last", "end"}
    run = journey.latest("Journey")
    assert run.data.facts == (4, "noted", 7, "newest", "2")
    assert run.data.modes[0] == "check" and run.data.modes[2] == "last"
    assert run.data.problems == ["None", "caught", "None", "None"]
    assert (journey.folder / "computed").read_text() == "x", "defaults are computed once"
    assert (run.id, run.origin_run_id, run.origin_pathspec) == ("3", "2", "Journey/2")
    assert run.user_tags == frozenset() and Run("Journey/2").user_tags == {"two"}
    assert run.parameters == Run("Journey/1").parameters
    assert not Run("Journey/1").successful, "the origin stays as it was"

    cloned = run["start"].task
    assert cloned.successful and cloned.finished and cloned.origin_pathspec == "Journey/2/start/1"
    assert cloned.stdout == "items ['a', 'b', 'c', 'd']\n", "a clone shows what its origin printed"
    assert cloned.metadata_dict["origin-run-id"] == "2"
    assert cloned.metadata_dict["origin-task-id"] == "1"
    assert run["last"].task.origin_pathspec is None and len(list(run["check"])) == 4
    caught = {task.index: task for task in run["work"]}[1]
    assert caught.finished and not caught.successful and str(caught.data.problem) == "caught"


def test_from_a_step_everything_behind_it_is_executed_anew(journey: Place) -> None:
    journey.write("mode", "fine")
    journey.run("journey.py")
    journey.resume("journey.py", "check", "--origin-run-id", "1")
    everything = {"join", "last", "end", *(f"check.{n}" for n in range(4))}
    assert bodies(journey, 2) == everything
    journey.resume("journey.py", "last")
    assert bodies(journey, 3) == {"last", "end"}
    assert journey.latest("Journey").data.facts[-1] == "2", "without a run, from the newest"
    done = journey.resume("journey.py", "--origin-run-id", "Journey/1")
    assert bodies(journey, 4) == set() and "Cloned 1 task of end." in done.events
    assert journey.latest("Journey").data.facts == Run("Journey/1").data.facts
    journey.resume("journey.py", "start", "--origin-run-id", "1", ITEMS="x,y")
    assert bodies(journey, 5) == {
        "start", "work.0", "work.1", "check.0", "check.1", "join", "last", "end",
    }  # fmt: skip
    assert journey.latest("Journey").data.problems == ["None", "None"]


def test_what_cannot_be_resumed_says_so(journey: Place) -> None:
    journey.fail("journey.py")
    for words, code, status, said in (
        (["nowhere"], "R005", 1, "check, join"),
        (["--origin-run-id", "77"], "M004", 1, "77"),
        (["--origin-run-id", "Other/1"], "M004", 1, "Other/1"),
        (["--origin-run-id", "latest"], "M004", 1, "latest"),
        (["--size", "3"], "P001", 2, "origin"),
        (["work", "check"], "P001", 2, "check"),
    ):
        told = journey.python("journey.py", "resume", *words).refused(code, status=status)
        assert said in told, told
    assert journey.latest("Journey").id == "1"


def test_somebody_else_s_run_can_be_resumed(journey: Place) -> None:
    journey.fail("journey.py", PAVE_USER="bob")
    journey.write("mode", "fine")
    journey.resume("journey.py")
    namespace(None)
    run = journey.latest("Journey")
    assert run.successful and run.origin_run_id == "1" and "user:ada" in run.system_tags


BEFORE = """
from pave import FlowSpec, Parameter, step

class Net:
    def __init__(self, depth):
        self.depth = depth

class Grows(FlowSpec):
    rate = Parameter("rate", default=1)

    @step
    def start(self):
        self.net = Net(3)
        self.next(self.left, self.right)

    @step
    def left(self):
        self.x = "left of before"
        self.next(self.join)

    @step
    def right(self):
        self.y = "right of before"
        self.next(self.join)

    @step
    def join(self, inputs):
        self.merge_artifacts(inputs)
        raise ValueError("a bug")
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == "__main__":
    Grows()
"""


def test_the_code_of_today_runs_where_the_graph_still_matches(place: Place) -> None:
    place.write("grows.py", BEFORE)
    place.fail("grows.py", "--rate", "5")
    after = BEFORE.replace('        raise ValueError("a bug")\n', "")
    after = after.replace(
        "self.depth = depth\n",
        "self.depth = depth\n\n    def double(self):\n        return self.depth * 2\n",
    )
    after = after.replace(
        "default=1)", 'default=9)\n    more = Parameter("more", default="new")\n    LIMIT = 8'
    )
    after = after.replace(
        "        self.next(self.end)\n",
        "        self.next(self.extra)\n\n    @step\n    def extra(self):\n        self.z = self.x\n        self.next(self.end)\n",
    )
    after = after.replace(
        "        pass\n",
        "        print(self.y, self.z, self.net.double(), self.rate, self.more, self.LIMIT)\n",
    )
    place.write("grows.py", after)
    done = place.resume("grows.py")
    assert done.printed("end") == ["right of before left of before 6 5 new 8"]
    assert "Cloned 1 task of left." in done.events
    # A step that leads elsewhere now is executed anew, as everything behind it.
    between = (
        "    @step\n    def between(self):\n        self.w = 1\n        self.next(self.join)\n\n"
    )
    moved = after.replace(
        '"left of before"\n        self.next(self.join)',
        '"left anew"\n        self.next(self.between)',
    )
    place.write(
        "grows.py", moved.replace("    @step\n    def right", between + "    @step\n    def right")
    )
    done = place.resume("grows.py", "--origin-run-id", "1")
    assert done.printed("end") == ["right of before left anew 6 5 new 8"]
    assert "Cloned 1 task of right." in done.events and "Cloned 1 task of start." in done.events


def test_repeated_steps_and_nested_foreachs_are_taken_over(place: Place) -> None:
    place.write(
        "deep.py",
        """
        import os
        from pave import *

        class Deep(FlowSpec):
            @step
            def start(self):
                self.rounds = 0
                self.next(self.again)

            @step
            def again(self):
                open("bodies", "a").write(f"{current.run_id}:again{self.rounds} ")
                self.rounds += 1
                self.more = self.rounds < 3
                self.next({True: self.again, False: self.outer}, condition="more")

            @step
            def outer(self):
                self.xs = [1, 2]
                self.next(self.inner, foreach="xs")

            @step
            def inner(self):
                self.ys = list(range(self.input))
                self.next(self.leaf, foreach="ys")

            @step
            def leaf(self):
                path = ".".join(str(frame[0]) for frame in self.foreach_stack())
                open("bodies", "a").write(f"{current.run_id}:leaf{path} ")
                if not os.path.exists("go") and path == "1.1":
                    raise ValueError(path)
                self.found = (path, self.input)
                self.next(self.join_inner)

            @step
            def join_inner(self, inputs):
                self.leaves = [each.found for each in inputs]
                self.next(self.join_outer)

            @step
            def join_outer(self, inputs):
                self.leaves = [each.leaves for each in inputs]
                self.next(self.end)

            @step
            def end(self):
                print(self.leaves)

        if __name__ == "__main__":
            Deep()
        """,
    )
    place.fail("deep.py", "--max-workers", "1")
    place.write("go", "")
    done = place.resume("deep.py")
    assert done.printed("end") == ["[[('0.0', 0)], [('1.0', 0), ('1.1', 1)]]"]
    assert bodies(place, 2) == {"leaf1.1"}
