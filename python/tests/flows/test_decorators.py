"""Decorators and `--with` texts as data, and what is refused when a flow is defined."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fake_runtime import Runtime, flow_of

import pave
from pave.decorators import FLOW_DECORATORS, STEP_DECORATORS
from pave.exceptions import InvalidDecoratorAttribute, UnknownStepDecoratorException
from pave.with_specs import attach, parse

Make = Callable[..., Runtime]


def decorators(runtime: Make, text: str, **options: Any) -> list[dict[str, Any]]:
    source = flow_of("pass").replace(
        "    @step\n    def start", f"{text}\n    def start" if "@step" in text else text
    )
    return runtime(source, **options).ready()["flow"]["steps"][0]["decorators"]


def test_attributes_come_with_their_defaults(runtime: Make) -> None:
    found = decorators(
        runtime,
        "    @retry(times=2)\n    @catch\n    @resources(memory=100)\n"
        "    @timeout(minutes=1)\n    @step",
    )
    assert found == [
        {
            "name": "retry",
            "attributes": {"times": 2, "minutes_between_retries": 2, "pause_is_explicit": False},
            "is_static": True,
        },
        {"name": "catch", "attributes": {"var": None, "print_exception": True}, "is_static": True},
        {
            "name": "resources",
            "attributes": {
                "cpu": 1,
                "gpu": None,
                "disk": None,
                "memory": 100,
                "shared_memory": None,
            },
            "is_static": True,
        },
        {
            "name": "timeout",
            "attributes": {"seconds": 0, "minutes": 1, "hours": 0},
            "is_static": True,
        },
    ]


def test_a_pause_that_is_written_is_marked(runtime: Make) -> None:
    found = decorators(runtime, "    @retry(minutes_between_retries=2)\n    @step")
    assert found[0]["attributes"]["pause_is_explicit"] is True


def test_decorators_may_sit_below_step(runtime: Make) -> None:
    found = decorators(runtime, "    @catch\n    @step\n    @retry()")
    assert [each["name"] for each in found] == ["catch", "retry"]


def test_environment_values_are_texts(runtime: Make) -> None:
    found = decorators(
        runtime, "    @environment(vars={'A': 1, 'B': None, 'C': True, 'D': 'd'})\n    @step"
    )
    expected = {"A": "1", "B": "None", "C": "True", "D": "d"}
    assert found[0]["attributes"] == {"vars": expected}


def test_values_that_json_can_not_hold_are_told_as_text(runtime: Make) -> None:
    found = decorators(
        runtime,
        "    @card(options={'f': print, 's': {2, 1}, 't': (1,)}, id='x')\n    @card\n    @step",
    )
    assert [each["name"] for each in found] == ["card", "card"]
    assert found[0]["attributes"]["options"] == {"f": "print", "s": [1, 2], "t": [1]}


@pytest.mark.parametrize("name", sorted(STEP_DECORATORS))
def test_every_step_decorator_is_accepted(runtime: Make, name: str) -> None:
    found = decorators(runtime, f"    @{name}\n    @step")
    assert found[0]["name"] == name
    assert set(found[0]["attributes"]) >= set(STEP_DECORATORS[name].defaults)


def test_flow_decorators_are_accepted_with_their_arguments(runtime: Make) -> None:
    assert set(FLOW_DECORATORS) == set(pave._FLOW_DECORATORS.split())
    above = (
        "@project(name='churn')\n@schedule(hourly=True)\n@trigger(event='e')\n"
        "@trigger_on_finish(flow='Other')\n@exit_hook(on_success=[print])\n@exit_hook\n"
        "@conda_base(packages={'a': '1'})\n@pypi_base(python='3.11')"
    )
    flow = runtime(flow_of("pass", above=above)).ready()["flow"]
    found = {each["name"]: each["attributes"] for each in flow["decorators"]}
    assert set(found) == set(FLOW_DECORATORS)
    assert found["project"] == {"name": "churn", "branch": None, "production": False}
    assert found["schedule"]["hourly"] is True
    assert [each["name"] for each in flow["decorators"]].count("exit_hook") == 2


def test_flow_decorators_are_inherited_once(runtime: Make) -> None:
    source = flow_of("pass", above="@project(name='p')").replace(
        "if __name__", "class G(F):\n    pass\nif __name__"
    )
    flow = runtime(source.replace("    F()", "    G()")).ready()["flow"]
    assert (flow["name"], [each["name"] for each in flow["decorators"]]) == ("G", ["project"])
    again = source.replace("class G", "@project(name='q')\nclass G")
    failure = runtime(again).unusable()
    assert failure["exception"] == "pave.exceptions.DuplicateFlowDecoratorException"


@pytest.mark.parametrize(
    ("text", "exception", "words"),
    [
        ("    @retry(tries=3)\n    @step", "InvalidDecoratorAttribute", ["`tries`", "`times`"]),
        ("    @retry(3)\n    @step", "InvalidDecoratorAttribute", ["@retry(times=3)"]),
        ("    @step(first=True)", "InvalidDecoratorAttribute", ["`first`"]),
        (
            "    @retry\n    @step\n    @retry(times=1)",
            "DuplicateStepDecoratorException",
            ["`start`"],
        ),
        ("    @project(name='x')\n    @step", "BadFlowDecoratorException", ["FlowSpec"]),
        ("    @retry\n    def start", "BadStepDecoratorException", ["`start`", "@step"]),
    ],
)
def test_wrong_definitions_name_file_and_line(
    runtime: Make, text: str, exception: str, words: list[str]
) -> None:
    source = flow_of("pass").replace(
        "    @step\n    def start", f"{text}\n    def start" if "def start" not in text else text
    )
    made = runtime(source)
    failure = made.unusable()
    assert failure["kind"] == "definition"
    assert failure["exception"] == f"pave.exceptions.{exception}"
    assert f"({made.file}, line 3)" in failure["message"] or "line" in failure["message"]
    assert str(made.file) in failure["message"]
    assert all(word in failure["message"] for word in words)


def test_a_step_decorator_on_a_flow_is_refused(runtime: Make) -> None:
    failure = runtime(flow_of("pass", above="@retry")).unusable()
    assert failure["exception"] == "pave.exceptions.BadStepDecoratorException"


# --with


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("retry", {}),
        ("retry:times=4", {"times": 4}),
        ("retry:times=4,minutes_between_retries=0.5", {"times": 4, "minutes_between_retries": 0.5}),
        ('environment:vars={"A": 1, "B": 2}', {"vars": {"A": 1, "B": 2}}),
        ("catch:var=problem,print_exception=false", {"var": "problem", "print_exception": False}),
        ("kubernetes:image=a,b,cpu=2", {"image": "a,b", "cpu": 2}),
        ("resources:memory=1e3,cpu=1_000", {"memory": 1000.0, "cpu": 1000}),
        ("card:id=", {"id": ""}),
    ],
)
def test_with_texts(text: str, given: dict[str, Any]) -> None:
    applied = parse(text)
    assert {name: applied.attributes[name] for name in applied.given} == given
    assert applied.is_static is False


def test_with_texts_that_are_refused() -> None:
    with pytest.raises(UnknownStepDecoratorException, match="`retyr`"):
        parse("retyr:times=3")
    with pytest.raises(InvalidDecoratorAttribute, match="`tries`"):
        parse("retry:tries=3")


def test_the_source_wins_over_with_and_the_later_with_over_the_earlier() -> None:
    static = STEP_DECORATORS["retry"].applied({"times": 1})
    assert attach([static], [parse("retry:times=9")]) == [static]
    added = attach([], [parse("retry:times=1"), parse("catch"), parse("retry:times=2")])
    assert [(each.name, each.attributes.get("times")) for each in added] == [
        ("catch", None),
        ("retry", 2),
    ]
    cards = attach([], [parse("card:id=a"), parse("card:id=b")])
    assert len(cards) == 2


def test_with_reaches_every_step(runtime: Make) -> None:
    made = runtime(flow_of("pass"), with_specs=["retry:times=4", "catch:var=e"])
    for step in made.ready()["flow"]["steps"]:
        names = [(each["name"], each["is_static"]) for each in step["decorators"]]
        assert names == [("retry", False), ("catch", False)]


def test_with_has_its_effect_in_tasks(runtime: Make) -> None:
    made = runtime(flow_of("1 / 0"), with_specs=["catch:var=e,print_exception=false"])
    made.ready()
    assert made.run("start")["e"].type == "builtins.ZeroDivisionError"


def test_an_unknown_with_is_a_definition_error(runtime: Make) -> None:
    failure = runtime(flow_of("pass"), with_specs=["nothing"]).unusable()
    assert failure["kind"] == "definition"
    assert "--with nothing" in failure["message"]
