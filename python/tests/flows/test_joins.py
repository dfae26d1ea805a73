"""What joins see, and what `merge_artifacts` takes over."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fake_runtime import Result, Runtime

Make = Callable[..., Runtime]

FLOW = """
from pave import FlowSpec, Parameter, step

class F(FlowSpec):
    alpha = Parameter("alpha", default=7)
    constant = "c"
    _shadow = "class"

    @step
    def start(self):
        self.common = [1, 2]
        self.next(self.a, self.b)

    @step
    def a(self):
{a}
        self.next(self.join)

    @step
    def b(self):
{b}
        self.next(self.join)

    @step
    def join(self, inputs):
{join}
        self.next(self.after)

    @step
    def after(self):
{after}
        self.next(self.end)

    @step
    def end(self):
        pass
"""


def join(runtime: Make, join: str, a: str = "pass", b: str = "pass", after: str = "pass") -> Result:
    def indent(body: str) -> str:
        return "\n".join(f"        {line}" for line in body.splitlines())

    made = runtime(FLOW.format(a=indent(a), b=indent(b), join=indent(join), after=indent(after)))
    made.ready()
    made.parameters()
    start = made.run("start")
    return made.run("join", made.run("a", start), made.run("b", start))


def after(result: Result) -> Result:
    return result.runtime.run("after", result)


def test_a_join_has_nothing_but_parameters_and_constants(runtime: Make) -> None:
    result = join(
        runtime,
        "self.got = (hasattr(self, 'common'), hasattr(self, 'x'), self.alpha, self.constant)",
        a="self.x = 1",
    )
    assert result["got"] == (False, False, 7, "c")
    assert set(result.own) == {"got"}


def test_inputs_are_read_only_views(runtime: Make) -> None:
    result = join(
        runtime,
        "inputs.a.x = 5\ninputs.a.common.append(9)\nself.seen = (inputs.b.x, inputs[0].alpha)\n"
        "self.merge_artifacts(inputs, exclude=['x'])",
        a="self.x = 1",
        b="self.x = 2",
    )
    assert result["seen"] == (2, 7)
    assert result["common"] == [1, 2]


def test_a_branch_that_was_not_taken_is_an_attribute_error(runtime: Make) -> None:
    failure = join(runtime, "inputs.c").failure
    assert failure["exception"] == "builtins.AttributeError"
    assert "`c`" in failure["message"]
    assert "`a`, `b`" in failure["message"]


@pytest.mark.parametrize("value", ["inputs", "inputs.a", "[i for i in inputs]"])
def test_inputs_can_not_be_stored(runtime: Make, value: str) -> None:
    failure = join(runtime, f"self.bad = {value}").failure
    assert failure["kind"] == "unstorable"
    assert "serialised" in failure["message"]


def test_merging_takes_what_is_equal_or_in_one_branch(runtime: Make) -> None:
    result = join(
        runtime,
        "self.merge_artifacts(inputs)",
        a="self.x = {'k': [1]}\nself.only_a = 1\nself._private = 'p'",
        b="self.x = {'k': [1]}\nself.only_b = 2\nself._private = 'p'",
    )
    assert set(result.own) == {"common", "x", "only_a", "only_b", "_private"}
    assert (result["x"], result["only_a"], result["common"]) == ({"k": [1]}, 1, [1, 2])


def test_own_values_win_over_those_of_the_inputs(runtime: Make) -> None:
    result = join(
        runtime,
        "self.x = 'mine'\nself.merge_artifacts(inputs)",
        a="self.x = 1",
        b="self.x = 2",
    )
    assert result["x"] == "mine"


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("self.x = 1", "self.x = 2"),
        ("self.x = 1", "self.x = True"),
        ("self.x = {'a': 1, 'b': 2}", "self.x = {'b': 2, 'a': 1}"),
        ("self._x = 1", "self._x = 2"),
    ],
)
def test_different_content_is_a_conflict_and_nothing_is_merged(
    runtime: Make, a: str, b: str
) -> None:
    result = join(
        runtime,
        "from pave.exceptions import UnhandledInMergeArtifactsException as E\n"
        "try:\n    self.merge_artifacts(inputs)\n"
        "except E as error:\n    self.names = error.artifact_names\n"
        "self.merged = hasattr(self, 'common')",
        a=a,
        b=b,
    )
    assert result["names"] == [a.split(".")[1].split(" ")[0]]
    assert result["merged"] is False
    assert set(result.own) == {"names", "merged"}


def test_a_conflict_fails_the_step_with_its_names(runtime: Make) -> None:
    failure = join(
        runtime,
        "self.merge_artifacts(inputs)",
        a="self.x = 1\nself.y = 1\nself.z = 3",
        b="self.x = 2\nself.y = 2\nself.z = 3",
    ).failure
    assert failure["kind"] == "merge"
    assert "`x`, `y`" in failure["message"]
    assert "`z`" not in failure["message"]
    assert "self.merge_artifacts(inputs)" in failure["traceback"]


def test_exclude_leaves_out_and_unknown_names_are_ignored(runtime: Make) -> None:
    result = join(
        runtime,
        "self.merge_artifacts(inputs, exclude=['x', 'unknown'])",
        a="self.x = 1\nself.y = 1",
        b="self.x = 2",
    )
    assert set(result.own) == {"common", "y"}


def test_include_takes_only_what_it_names(runtime: Make) -> None:
    result = join(
        runtime,
        "self.merge_artifacts(inputs, include=['y', 'common'], exclude=[])",
        a="self.x = 1\nself.y = 1",
        b="self.x = 2",
    )
    assert set(result.own) == {"common", "y"}


def test_include_of_a_missing_name_fails_and_of_an_own_one_does_not(runtime: Make) -> None:
    result = join(
        runtime,
        "from pave.exceptions import MissingInMergeArtifactsException as E\n"
        "self.own = 1\nself.merge_artifacts(inputs, include=['own'])\n"
        "try:\n    self.merge_artifacts(inputs, include=['gone', 'common'])\n"
        "except E as error:\n    self.names = error.artifact_names",
    )
    assert result["names"] == ["gone"]
    assert "common" not in result


def test_conflicts_are_told_before_missing_names(runtime: Make) -> None:
    failure = join(
        runtime,
        "self.merge_artifacts(inputs, include=['x', 'gone'])",
        a="self.x = 1",
        b="self.x = 2",
    ).failure
    assert failure["exception"] == "pave.exceptions.UnhandledInMergeArtifactsException"


def test_include_and_exclude_together_are_refused(runtime: Make) -> None:
    failure = join(runtime, "self.merge_artifacts(inputs, include=['a'], exclude=['b'])").failure
    assert failure["kind"] == "merge"
    assert "not both" in failure["message"]


def test_merging_outside_of_a_join_is_refused(runtime: Make) -> None:
    made = runtime(
        FLOW.format(
            a="        self.merge_artifacts([])",
            b="        pass",
            join="        pass",
            after="        pass",
        )
    )
    made.ready()
    failure = made.run("a", made.run("start")).failure
    assert failure["kind"] == "merge"
    assert "join" in failure["message"]


def test_merging_twice_sees_the_first_as_set(runtime: Make) -> None:
    result = join(
        runtime,
        "self.merge_artifacts(inputs, include=['common'])\nself.merge_artifacts(inputs)",
        a="self.y = 1",
    )
    assert set(result.own) == {"common", "y"}


def test_a_merged_artifact_is_by_reference_until_it_is_changed(runtime: Make) -> None:
    result = join(
        runtime, "self.merge_artifacts(inputs)\nself.common", after="self.common.append(3)"
    )
    start_entry = result.order["inputs"][0]["manifest"]
    assert result.own["common"] in start_entry
    assert after(result)["common"] == [1, 2, 3]
    changed = join(runtime, "self.merge_artifacts(inputs)\nself.common.append(9)")
    assert changed["common"] == [1, 2, 9]


def test_class_attributes_count_as_set(runtime: Make) -> None:
    result = join(
        runtime,
        "self.merge_artifacts(inputs)\nself.seen = self._shadow",
        a="self._shadow = 1",
        b="self._shadow = 2",
    )
    assert set(result.own) == {"common", "seen"}
    assert result["seen"] == "class"


def test_merging_a_part_of_the_inputs(runtime: Make) -> None:
    result = join(
        runtime,
        "self.merge_artifacts([inputs.a])",
        a="self.x = 1",
        b="self.x = 2",
    )
    assert result["x"] == 1
