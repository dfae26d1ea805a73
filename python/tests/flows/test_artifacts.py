"""What becomes an artifact, what does not, and what travels on untouched."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fake_runtime import Runtime

Make = Callable[..., Runtime]

FLOW = """
import functools, threading
from pave import FlowSpec, Parameter, step

def helper():
    return 1

class Point:
    def __init__(self, x):
        self.x = x

class F(FlowSpec):
    \"\"\"Two steps with bodies of the test's own.\"\"\"
    alpha = Parameter("alpha", default=7)
    constant = [1, 2]
    _hidden = "class"

    @property
    def doubled(self):
        return 2 * self.alpha

    @step
    def start(self):
{start}
        self.next(self.middle)

    @step
    def middle(self):
{middle}
        self.next(self.end)

    @step
    def end(self):
        pass
"""


def make(runtime: Make, start: str, middle: str = "pass") -> Runtime:
    def indent(body: str) -> str:
        return "\n".join(f"        {line}" for line in body.splitlines())

    made = runtime(FLOW.format(start=indent(start), middle=indent(middle)))
    made.ready()
    made.parameters()
    return made


def test_what_a_step_sets_is_there_in_the_next(runtime: Make) -> None:
    flow = make(
        runtime,
        "self.x = {'a': [1, (2, 3)]}\nself._y = b'bytes'\nself.__z = 1.5\nself.point = Point(4)",
        "self.got = (self.x, self._y, self._F__z, self.__z, self.point.x)",
    )
    start = flow.run("start")
    assert set(start.own) == {"x", "_y", "_F__z", "point"}
    middle = flow.run("middle", start)
    assert middle["got"] == ({"a": [1, (2, 3)]}, b"bytes", 1.5, 1.5, 4)
    assert middle["x"] == {"a": [1, (2, 3)]}


def test_unread_and_unchanged_artifacts_are_not_stored_again(runtime: Make) -> None:
    flow = make(runtime, "self.a = [1]\nself.b = [2]\nself.c = 3", "self.a\nself.c = self.c")
    middle = flow.run("middle", flow.run("start"))
    assert middle.own == {}


def test_a_change_in_place_is_stored(runtime: Make) -> None:
    flow = make(runtime, "self.a = [1]\nself.b = {}", "self.a.append(2)\nself.b['k'] = self.a")
    start = flow.run("start")
    middle = flow.run("middle", start)
    assert set(middle.own) == {"a", "b"}
    assert (middle["a"], middle["b"], start["a"]) == ([1, 2], {"k": [1, 2]}, [1])


def test_a_new_value_replaces_the_old_one(runtime: Make) -> None:
    flow = make(runtime, "self.a = 1", "self.a = 'new'")
    middle = flow.run("middle", flow.run("start"))
    assert middle["a"] == "new"


def test_functions_are_dropped_with_a_word(runtime: Make) -> None:
    flow = make(
        runtime,
        "self.f = lambda: 1\nself.g = helper\nself.m = self.end\n"
        "self.kept = [len, Point, functools.partial(int, '7')]",
        "self.has = [hasattr(self, n) for n in 'fgm']\nself.called = self.kept[2]()",
    )
    start = flow.run("start")
    assert set(start.own) == {"kept"}
    assert start.stderr.count("is a function and is not kept") == 3
    middle = flow.run("middle", start)
    assert middle["has"] == [False, False, False]
    assert middle["called"] == 7


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ("threading", "module"),
        ("open(__file__)", "bad"),
        ("threading.Lock()", "lock"),
        ("(n for n in [])", "generator"),
        ("self", "serialised"),
        ("[self]", "serialised"),
    ],
)
def test_what_can_not_be_stored_fails_the_step_by_name(
    runtime: Make, value: str, word: str
) -> None:
    flow = make(runtime, f"self.fine = 1\nself.bad = {value}\nself.fine_too = 2")
    result = flow.run("start")
    assert result.failure["kind"] == "unstorable"
    assert "bad" in result.failure["message"]
    assert word in result.failure["message"].lower()
    assert set(result.own) == {"fine", "fine_too"}
    assert "bad" in result.stderr


@pytest.mark.parametrize("name", ["alpha", "constant"])
def test_parameters_and_constants_are_read_only(runtime: Make, name: str) -> None:
    flow = make(runtime, f"self.before = 1\nself.{name} = 3")
    result = flow.run("start")
    assert result.failure["exception"] == "builtins.AttributeError"
    assert f"`{name}`" in result.failure["message"]
    assert set(result.own) == {"before"}


def test_a_constant_changed_in_place_does_not_travel(runtime: Make) -> None:
    flow = make(
        runtime, "self.constant.append(3)\nself.a = self.constant", "self.b = self.constant"
    )
    middle = flow.run("middle", flow.run("start"))
    assert (middle["a"], middle["b"]) == ([1, 2, 3], [1, 2])


def test_parameters_and_properties_are_read(runtime: Make) -> None:
    flow = make(runtime, "self.got = (self.alpha, self.doubled, self.constant)")
    result = flow.run("start")
    assert result["got"] == (7, 14, [1, 2])
    assert set(result.own) == {"got"}


def test_a_private_class_attribute_shadows_what_was_stored(runtime: Make) -> None:
    flow = make(
        runtime,
        "self._hidden = 'task'\nself.in_task = self._hidden",
        "self.later = self._hidden",
    )
    middle = flow.run("middle", flow.run("start"))
    assert (middle["in_task"], middle["_hidden"], middle["later"]) == ("task", "task", "class")


def test_deleting_does_not_reach_the_next_step(runtime: Make) -> None:
    flow = make(
        runtime,
        "self.a = 1",
        "try:\n    del self.a\nexcept AttributeError:\n    self.first = True\n"
        "self.a\ndel self.a\nself.again = self.a",
    )
    middle = flow.run("middle", flow.run("start"))
    assert (middle["first"], middle["again"], middle["a"]) == (True, 1, 1)


def test_a_missing_attribute_names_flow_and_attribute(runtime: Make) -> None:
    failure = make(runtime, "self.nothing").run("start").failure
    assert failure["exception"] == "builtins.AttributeError"
    assert "`F`" in failure["message"]
    assert "`nothing`" in failure["message"]


def test_what_was_set_before_a_failure_is_stored(runtime: Make) -> None:
    flow = make(runtime, "self.before = 1\nraise ValueError('no')\nself.after = 2")
    result = flow.run("start")
    assert result.failure["kind"] == "raised"
    assert set(result.own) == {"before"}


def test_the_name_is_the_flows(runtime: Make) -> None:
    flow = make(runtime, "self.got = self.name\nself.name = 'mine'", "self.got = self.name")
    start = flow.run("start")
    assert start["got"] == "F"
    assert "name" not in start.own
    assert "`self.name`" in start.stderr
    assert flow.run("middle", start)["got"] == "F"


def test_input_and_index_are_not_artifacts(runtime: Make) -> None:
    flow = make(runtime, "self.got = (self.input, self.index, self.foreach_stack())")
    result = flow.run("start")
    assert result["got"] == (None, None, [])
    assert set(result.own) == {"got"}
    failure = make(runtime, "self.index = 3").run("start").failure
    assert failure["exception"] == "builtins.AttributeError"


def test_one_value_under_two_names_is_two_artifacts(runtime: Make) -> None:
    flow = make(runtime, "self.a = self.b = [1]", "self.a.append(2)")
    middle = flow.run("middle", flow.run("start"))
    assert (middle["a"], middle["b"]) == ([1, 2], [1])


def test_an_artifact_that_can_not_be_read_is_named(runtime: Make) -> None:
    flow = make(
        runtime,
        "self.point = Point(1)",
        "import sys\ndel sys.modules['__main__'].Point\nself.point",
    )
    failure = flow.run("middle", flow.run("start")).failure
    assert failure["kind"] == "missing_input"
    assert "`point`" in failure["message"]


def test_numpy_and_pandas_values_travel(runtime: Make) -> None:
    pytest.importorskip("pandas")
    flow = make(
        runtime,
        "import numpy, pandas\nself.a = numpy.arange(5)\nself.f = pandas.DataFrame({'x': [1, 2]})",
        "self.total = int(self.a.sum() + self.f.x.sum())\nself.a[0] = 100",
    )
    start = flow.run("start")
    middle = flow.run("middle", start)
    assert middle["total"] == 13
    assert set(middle.own) == {"total", "a"}
    assert (start["a"][0], middle["a"][0]) == (0, 100)
