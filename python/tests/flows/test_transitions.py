"""Every form of `self.next`, run and refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fake_runtime import Runtime, flow_of

Make = Callable[..., Runtime]

NESTED = """
from pave import FlowSpec, step

class Nested(FlowSpec):
    @step
    def start(self):
        self.outer = ["a", "b"]
        self.next(self.middle, foreach="outer")

    @step
    def middle(self):
        self.inner = range(3)
        self.outer_index = self.index
        self.next(self.leaf, foreach="inner")

    @step
    def leaf(self):
        self.seen = (self.foreach_stack(), self.input, self.index, str(self))
        self.next(self.inner_join)

    @step
    def inner_join(self, inputs):
        self.at_join = (self.input, self.index)
        self.seen = [one.seen for one in inputs]
        self.next(self.after)

    @step
    def after(self):
        self.next(self.outer_join)

    @step
    def outer_join(self, inputs):
        self.seen = [one.seen for one in inputs]
        self.at_joins = [one.at_join for one in inputs]
        self.at_end = (self.input, self.index, self.foreach_stack())
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == "__main__":
    Nested()
"""


def test_nested_foreach_sees_its_items_and_joins_see_the_outer_one(runtime: Make) -> None:
    end = runtime(NESTED).run_flow()["end"][0]
    stack, item, index, text = end["seen"][1][2]
    assert stack == [(1, 2, "b"), (2, 3, 2)]
    assert (item, index) == (2, 2)
    assert text == "<flow Nested step leaf[1,2] (input: 2...)>"
    assert end["at_joins"] == [("a", 0), ("b", 1)]
    assert end["at_end"] == (None, None, [])


BRANCHES = """
from pave import FlowSpec, step

class Branches(FlowSpec):
    @step
    def start(self):
        self.common = 1
        self.next(self.b, self.a)

    @step
    def a(self):
        self.x = "a"
        self.next(self.join)

    @step
    def b(self):
        self.x = "b"
        self.next(self.c)

    @step
    def c(self):
        self.next(self.join)

    @step
    def join(self, inputs):
        self.order = [one.x for one in inputs]
        self.named = (inputs.a.x, inputs.c.x, inputs[-1].x, [i.x for i in inputs[:1]], len(inputs))
        self.has_common = hasattr(self, "common")
        self.next(self.end)

    @step
    def end(self):
        pass
"""


def test_branches_join_in_the_order_of_the_split(runtime: Make) -> None:
    results = runtime(BRANCHES).run_flow()
    end = results["end"][0]
    assert results["start"][0].taken["steps"] == ["b", "a"]
    assert end["order"] == ["b", "a"]
    assert end["named"] == ("a", "b", "a", ["b"], 2)
    assert end["has_common"] is False


SWITCH = """
from pave import FlowSpec, step

class Switch(FlowSpec):
    @step
    def start(self):
        self.kind = {value}
        self.next({{1: self.one, "two": self.two}}, condition="kind")

    @step
    def one(self):
        self.next(self.end)

    @step
    def two(self):
        self.next(self.end)

    @step
    def end(self):
        pass
"""


@pytest.mark.parametrize(("value", "taken"), [("1", "one"), ("True", "one"), ("'two'", "two")])
def test_a_switch_takes_the_case_of_its_value(runtime: Make, value: str, taken: str) -> None:
    switch = runtime(SWITCH.format(value=value))
    switch.ready()
    assert switch.run("start").taken["steps"] == [taken]


@pytest.mark.parametrize(
    ("value", "exception"),
    [("'three'", "builtins.RuntimeError"), ("[]", "builtins.TypeError")],
)
def test_a_switch_without_a_case_fails(runtime: Make, value: str, exception: str) -> None:
    switch = runtime(SWITCH.format(value=value))
    switch.ready()
    failure = switch.run("start").failure
    assert failure["exception"] == exception
    assert "self.next({1: self.one" in failure["traceback"]


def test_a_gang_takes_its_number(one_step: Make) -> None:
    gang = one_step("self.next(self.end, num_parallel=4)\nreturn")
    assert gang.run("start").taken == {"steps": ["end"], "splits": 4, "labels": []}


ITEMS = [
    ("[1, 2]", ["1", "2"], [1, 2]),
    ("(1.5, None)", ["1.5", "None"], [1.5, None]),
    ("'ab'", ["a", "b"], ["a", "b"]),
    ("range(3)", ["0", "1", "2"], [0, 1, 2]),
    ("{7}", ["7"], [7]),
    ("{0: 'x', 1: 'y'}", ["x", "y"], ["x", "y"]),
    ("['x' * 99]", ["x" * 30], ["x" * 99]),
    ("[[1] * 9]", ["[1, 1, 1, 1, 1, 1, ...]"], [[1] * 9]),
    ("__import__('numpy').array([3, 4])", ["3", "4"], [3, 4]),
]


def foreach_of(value: str) -> str:
    return f"""
from pave import FlowSpec, step
class F(FlowSpec):
    @step
    def start(self):
        self.xs = {value}
        self.next(self.work, foreach="xs")
    @step
    def work(self):
        self.got = self.input
        self.next(self.join)
    @step
    def join(self, inputs):
        self.all = [one.got for one in inputs]
        self.next(self.end)
    @step
    def end(self):
        pass
"""


@pytest.mark.parametrize(("value", "labels", "items"), ITEMS)
def test_a_foreach_goes_over(runtime: Make, value: str, labels: list[str], items: list) -> None:
    results = runtime(foreach_of(value)).run_flow()
    taken = results["start"][0].taken
    assert (taken["splits"], taken["labels"]) == (len(items), labels)
    assert results["end"][0]["all"] == items


@pytest.mark.parametrize(
    ("value", "kind", "word"),
    [
        ("[]", "no_items", "empty"),
        ("None", "not_iterable", "NoneType"),
        ("17", "not_iterable", "int"),
        ("{'a': 1}", "not_iterable", "a dict"),
        ("list(range(101))", "too_many_splits", "101 tasks"),
        ("(n for n in range(101))", "too_many_splits", "--max-num-splits"),
        ("(n for n in range(3))", "unstorable", "xs"),
    ],
)
def test_a_foreach_refuses(runtime: Make, value: str, kind: str, word: str) -> None:
    flow = runtime(foreach_of(value))
    flow.ready()
    failure = flow.run("start").failure
    assert failure["kind"] == kind
    assert word in failure["message"]


def test_a_foreach_over_a_class_constant(runtime: Make) -> None:
    source = foreach_of("1").replace(
        "    @step\n    def start", "    ys = [4, 5]\n    @step\n    def start"
    )
    flow = runtime(source.replace('foreach="xs"', 'foreach="ys"'))
    assert flow.run_flow()["end"][0]["all"] == [4, 5]


def test_more_than_a_thousand_items_have_no_labels(runtime: Make) -> None:
    flow = runtime(foreach_of("list(range(1001))"))
    flow.ready()
    taken = flow.run("start", max_num_splits=5000).taken
    assert (taken["splits"], taken["labels"]) == (1001, [])


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        ("self.next(self.end, wrong=1)", "wrong_transition", "`wrong`"),
        ("self.next()", "wrong_transition", "no step"),
        ("self.next('end')", "wrong_transition", "'end'"),
        ("self.next(self.helper)", "wrong_transition", "`helper`"),
        ("self.next({'a': self.end})", "wrong_transition", "`condition`"),
        ("self.next(self.end, condition='x')", "wrong_transition", "one dict"),
        ("self.next(self.end, foreach=3)", "wrong_transition", "not the name"),
        ("self.next(self.end, foreach='nothing')", "wrong_transition", "`nothing`"),
        ("self.next(self.end, self.end, foreach='x')", "wrong_transition", "exactly one"),
        ("self.next(self.end, num_parallel=0)", "no_items", "at least 1"),
        ("self.next(self.end, num_parallel='4')", "wrong_transition", "whole number"),
        ("self.next(self.end)", "wrong_transition", "twice"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(one_step: Make, call: str, kind: str, words: str) -> None:
    flow = one_step(call, members="def helper(self):\n    pass")
    failure = flow.run("start").failure
    assert failure["kind"] == kind
    assert failure["exception"] == "pave.exceptions.InvalidNextException"
    assert words in failure["message"]
    assert call in failure["traceback"] or "self.next(self.end)" in failure["traceback"]


def test_a_step_that_ends_early_has_not_taken_its_transition(one_step: Make) -> None:
    failure = one_step("return").run("start").failure
    assert failure["kind"] == "wrong_transition"
    assert failure["exception"] == "pave.exceptions.MetaflowInternalError"
    assert "self.next(self.end)" in failure["message"]


def test_a_transition_that_the_source_does_not_declare_fails(runtime: Make) -> None:
    source = flow_of("pass").replace(
        "        self.next(self.end)", "        self.end = self.other\n        self.next(self.end)"
    )
    source = source.replace(
        "    @step\n    def end",
        "    @step\n    def other(self):\n        pass\n    @step\n    def end",
    )
    flow = runtime(source)
    flow.ready()
    failure = flow.run("start").failure
    assert failure["kind"] == "wrong_transition"
    assert "went on to other" in failure["message"]


def test_the_end_leads_nowhere(one_step: Make) -> None:
    assert one_step("pass").run("end").taken == {"steps": [], "splits": None, "labels": []}
