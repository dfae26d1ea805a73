"""Joins: what `inputs` shows, what `self` has, what `merge_artifacts` takes over."""

from __future__ import annotations

import pytest

from .place import Place

#: A split whose branches have bodies of the test's own, joined by one too.
BRANCHES = """
from pave import *
from pave.exceptions import *
import numpy as np, pandas as pd

class Net:
    def __init__(self): self.weights = np.arange(4.0)
    def predict(self): return float(self.weights.sum())

class Branches(FlowSpec):
    rate = Parameter("rate", default=0.1)
    LIMIT = [1, 2]
    _secret = "class"

    @step
    def start(self):
        self.old, self.untouched, self._hidden = 1, {{"k": [1]}}, "h"
        self.net, self.frame = Net(), pd.DataFrame({{"a": range(3), "b": list("xyz")}})
        self.bag = {{"p", "q", "r"}}
        self.next(self.left, self.right)

    @step
    def left(self):
        {left}
        self.next(self.join)

    @step
    def right(self):
        {right}
        self.next(self.join)

    @step
    def join(self, inputs):
        {join}
        self.next(self.end)

    @step
    def end(self):
        {end}

if __name__ == "__main__":
    Branches()
"""


def branches(
    place: Place, join: str, left: str = "pass", right: str = "pass", end: str = "pass"
) -> str:
    def indented(body: str) -> str:
        return "\n        ".join(line.strip("\n") for line in body.strip().splitlines())

    parts = {"left": left, "right": right, "join": join, "end": end}
    place.write("b.py", BRANCHES.format(**{name: indented(body) for name, body in parts.items()}))
    return "b.py"


def test_inputs_are_views_of_their_tasks(place: Place) -> None:
    branches(
        place,
        left="self.x = [1]; self.only = True",
        right="self.x = [2]",
        join="""
assert [each.x for each in inputs] == [[1], [2]]
assert inputs[0].x == [1] and inputs[-1].x == [2]
assert [each.x for each in inputs[::-1]] == [[2], [1]] and len(inputs) == 2
assert inputs.left.only and not hasattr(inputs.right, "only")
assert (inputs.left.rate, inputs.left.LIMIT, inputs.left._hidden) == (0.1, [1, 2], "h")
inputs.left.x = "changed"
inputs.right.x.append(3)
inputs.left.new = 1
for gone in ("x", "old", "_hidden", "only"):
    assert not hasattr(self, gone), gone
assert (self.rate, self.LIMIT, self.name) == (0.1, [1, 2], "Branches")
assert (inputs.left.input, inputs.left.index) == (None, None)
for wrong in (lambda: inputs.middle, lambda: inputs[2], lambda: inputs.left.nothing):
    try:
        wrong()
    except (AttributeError, IndexError) as error:
        print(error)
self.both = [inputs.left.only, inputs.right.old]
""",
        end="assert not hasattr(self, 'x') and not hasattr(self, 'new')\nprint(self.both)",
    )
    done = place.run("b.py")
    assert done.printed("join") == [
        "no input came by the step `middle`; they came by `left`, `right`",
        "there are 2 inputs, none at 2",
        "flow `Branches` has no attribute `nothing`",
    ]
    assert done.printed("end") == ["[True, 1]"]
    assert place.latest("Branches")["left"].task.data.x == [1], "a join changes no other task"


def test_merging_takes_what_agrees_or_was_set_and_leaves_the_rest_alone(place: Place) -> None:
    branches(
        place,
        left="""
self.same, self.only_left, self.old = [1, 2], 1, "left"
self.set, self.nan, self._agreed = {3, 1, 2}, float("nan"), "a"
assert self.net.predict() == 6.0 and self.frame.shape == (3, 2) and self.bag and self.untouched
self.fresh = pd.Series([1, 2])
""",
        right="""
self.same, self.only_right, self.old = [1, 2], 2, "right"
self.set, self.nan, self._agreed = {2, 3, 1}, float("nan"), "a"
assert self.net.predict() == 6.0 and self.frame["a"].sum() == 3 and self.bag and self.untouched
self.fresh = pd.Series([1, 2])
""",
        join="""
self.old = "mine"
self.merge_artifacts(inputs)
assert (self.same, self.only_left, self.only_right, self.old) == ([1, 2], 1, 2, "mine")
assert self._agreed == "a" and self._hidden == "h" and self.set == {1, 2, 3}
self.merge_artifacts(inputs)
self.same.append(3)
self.untouched["k"].append(2)
""",
        end="print(self.same, self.untouched, self.net.predict(), self.frame.shape, self.rate)",
    )
    for mode in ("auto", "never"):
        done = place.run("b.py", "--fork", mode)
        assert done.printed("end") == ["[1, 2, 3] {'k': [1, 2]} 6.0 (3, 2) 0.1"]
    assert place.latest("Branches")["left"].task.data.same == [1, 2]


def test_values_agree_by_content_alone(place: Place) -> None:
    branches(
        place,
        left="self.a, self.b, self.c, self.d, self._e = 1, {'x': 1, 'y': 2}, (1,), 1, 'left'",
        right="self.a, self.b, self.c, self.d, self._e = True, {'y': 2, 'x': 1}, [1], 1.0, 'right'",
        join="""
try:
    self.merge_artifacts(inputs)
except UnhandledInMergeArtifactsException as error:
    assert set(error.artifact_names) == {"a", "b", "c", "d", "_e"}, error.artifact_names
    assert not hasattr(self, "untouched"), "nothing is merged then"
    print(type(error).__mro__[1].__name__)
self.merge_artifacts(inputs, exclude=["a", "b", "c", "d", "_e", "unknown names don't matter"])
assert self.untouched == {"k": [1]} and not hasattr(self, "a")
""",
    )
    assert place.run("b.py").printed("join") == ["MetaflowException"]


def test_include_and_exclude(place: Place) -> None:
    branches(
        place,
        left="self.x, self.y, self.clash = 1, 2, 'l'",
        right="self.x, self.z, self.clash = 1, 3, 'r'",
        join="""
def told(**given):
    try:
        self.merge_artifacts(inputs, **given)
    except MetaflowException as error:
        return type(error).__name__, getattr(error, "artifact_names", None)
    return "merged"
assert told(include=["x"], exclude=["y"])[1] is None
assert told(include=["x", "absent"]) == ("MissingInMergeArtifactsException", ["absent"])
assert not hasattr(self, "x")
conflict = ("UnhandledInMergeArtifactsException", ["clash"])
assert told(include=["absent", "clash"]) == conflict
assert told(include=["x", "rate", "LIMIT"]) == "merged" and self.x == 1
assert not hasattr(self, "y")
assert told(include=[], exclude=["clash"]) == "merged" and (self.y, self.z) == (2, 3)
assert told(include=None, exclude=None) == conflict
""",
        end="""
try:
    self.merge_artifacts([])
except MetaflowException as error:
    print(error)
""",
    )
    told = "merge_artifacts works in a join only: a step that takes `inputs`"
    assert place.run("b.py").printed("end") == [told]


def test_an_unhandled_conflict_fails_the_join_and_says_what_to_do(place: Place) -> None:
    branches(
        place, left="self.clash = 1", right="self.clash = 2", join="self.merge_artifacts(inputs)"
    )
    told = place.fail("b.py").refused("T010")
    assert "UnhandledInMergeArtifactsException" in told
    assert "`clash`" in told and "exclude" in told


def test_inputs_keep_the_order_of_the_split_whoever_finishes_first(place: Place) -> None:
    place.write(
        "order.py",
        """
        import time
        from pave import FlowSpec, step

        class Order(FlowSpec):
            @step
            def start(self):
                self.delays = [0.3, 0.0, 0.15]
                self.next(self.slow, self.quick)

            @step
            def slow(self):
                self.next(self.wait, foreach="delays")

            @step
            def wait(self):
                time.sleep(self.input)
                self.seen = self.input
                self.next(self.gather)

            @step
            def gather(self, inputs):
                self.seen = [each.seen for each in inputs]
                assert inputs.wait.seen == self.seen[-1]
                self.next(self.both)

            @step
            def quick(self):
                self.seen = "quick"
                self.next(self.both)

            @step
            def both(self, inputs):
                self.seen = [each.seen for each in inputs]
                self.next(self.end)

            @step
            def end(self):
                print(self.seen)
        if __name__ == "__main__":
            Order()
        """,
    )
    assert place.run("order.py").printed("end") == ["[[0.3, 0.0, 0.15], 'quick']"]


def test_the_step_really_taken_by_a_switch_is_the_input(place: Place) -> None:
    place.write(
        "taken.py",
        """
        class Taken(FlowSpec):
            which = Parameter("which", default="a")

            @step
            def start(self):
                self.next(self.choose, self.plain)

            @step
            def choose(self):
                self.next({"a": self.a, "b": self.b}, condition="which")

            @step
            def a(self):
                self.got = "a"
                self.next(self.again)

            @step
            def b(self):
                self.got = "b"
                self.next(self.again)

            @step
            def again(self):
                self.next(self.join)

            @step
            def plain(self):
                self.next(self.join)

            @step
            def join(self, inputs):
                print(inputs.again.got, hasattr(inputs, "b"), len(inputs))
                self.next(self.end)

            @step
            def end(self):
                pass
        """,
    )
    assert place.run("taken.py").printed("join") == ["a False 2"]
    assert place.run("taken.py", "--which", "b").printed("join") == ["b False 2"]


@pytest.mark.parametrize("stored", ["self", "inputs", "[inputs]", "{'flow': self}"])
def test_flows_and_inputs_are_no_artifacts(place: Place, stored: str) -> None:
    branches(place, join=f"self.wrong = {stored}")
    told = place.fail("b.py").refused("T005")
    assert "`wrong`" in told and "can't be serialised" in told
    assert "_pave" not in told
