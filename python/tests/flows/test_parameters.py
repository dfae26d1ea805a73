"""The values a run starts with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fake_runtime import Runtime, flow_of

Make = Callable[..., Runtime]


def parameters(runtime: Make, members: str, above: str = "", **given: Any) -> dict[str, Any]:
    made = runtime(flow_of("pass", members=members, above=above))
    made.ready()
    return made.parameters(**given)


def refused(runtime: Make, members: str, above: str = "", **given: Any) -> dict[str, Any]:
    made = runtime(flow_of("pass", members=members, above=above))
    made.ready()
    return made.parameters_answer(**given)["Err"]


@pytest.mark.parametrize(
    ("arguments", "kind", "value"),
    [
        ("", "str", None),
        ("default='a'", "str", "a"),
        ("default=3", "int", 3),
        ("default=0.5", "float", 0.5),
        ("default=True", "bool", True),
        ("type=int", "int", None),
        ("type=float, default=1", "float", 1.0),
        ("type=bool, default=False", "bool", False),
        ("type=JSONType, default='{\"a\": [1]}'", "json", {"a": [1]}),
        ("type=JSONType, default={'a': 1}", "json", {"a": 1}),
        ("default=[1, 2]", "json", [1, 2]),
        ("default='a,b', separator=','", "str", ["a", "b"]),
        ("default=lambda context: 'x'", "str", "x"),
        ("type=int, default=lambda context: 4", "int", 4),
        ("type=JSONType, default=lambda context: '[1]'", "json", [1]),
        ("default=lambda context: None", "str", None),
    ],
)
def test_defaults(runtime: Make, arguments: str, kind: str, value: Any) -> None:
    made = runtime(flow_of("self.got = self.p", members=f"p = Parameter('p', {arguments})"))
    assert made.ready()["flow"]["parameters"][0]["type"] == kind
    got = made.parameters()["p"]
    assert got == value
    assert type(got) is type(value)
    assert made.run("start")["got"] == value


@pytest.mark.parametrize(
    ("arguments", "given", "value"),
    [
        ("", "x", "x"),
        ("default=3", 9, 9),
        ("type=float", 2, 2.0),
        ("default=True", False, False),
        ("type=JSONType", {"a": 1}, {"a": 1}),
        ("type=JSONType", "text", "text"),
        ("separator='|'", "a|b", ["a", "b"]),
        ("default=lambda context: 1 / 0", "x", "x"),
    ],
)
def test_given_values(runtime: Make, arguments: str, given: Any, value: Any) -> None:
    got = parameters(runtime, f"p = Parameter('p', {arguments})", p=given)["p"]
    assert got == value
    assert type(got) is type(value)


def test_the_attribute_is_the_artifact_and_the_name_the_option(runtime: Make) -> None:
    assert parameters(runtime, "rate = Parameter('learning-rate')", **{"learning-rate": "x"}) == {
        "rate": "x"
    }


def test_constants_are_stored_beside_parameters(runtime: Make) -> None:
    members = (
        "p = Parameter('p', default=1)\nxs = [1]\n_no = 2\ndef no(self):\n    pass\nkind = int"
    )
    assert parameters(runtime, members) == {"p": 1, "xs": [1]}


def test_no_parameters_at_all(runtime: Make) -> None:
    assert parameters(runtime, "") == {}


def test_a_computed_default_knows_its_context(runtime: Make) -> None:
    members = (
        "p = Parameter('p', default=lambda c: '/'.join("
        "[c.flow_name, c.user_name, c.parameter_name, c.ds_type]))"
    )
    assert parameters(runtime, members)["p"] == "F/ada/p/local"


def test_a_computed_default_that_raises_is_named_with_its_traceback(runtime: Make) -> None:
    failure = refused(
        runtime,
        "p = Parameter('p', default=compute)",
        above="def compute(context):\n    raise KeyError('nothing')",
    )
    assert failure["kind"] == "parameter"
    assert "`p`" in failure["message"]
    assert "in compute" in failure["traceback"]


def test_a_computed_default_of_the_wrong_type_is_refused(runtime: Make) -> None:
    failure = refused(runtime, "p = Parameter('p', type=int, default=lambda c: 'x')")
    assert failure["exception"].endswith("ParameterFieldTypeMismatch")
    assert "int" in failure["message"]


def test_a_computed_default_that_kills_its_process_is_told(runtime: Make) -> None:
    failure = refused(
        runtime, "p = Parameter('p', default=lambda c: os._exit(3))", above="import os"
    )
    assert failure["kind"] == "parameter"
    assert "died" in failure["message"]


def test_a_constant_that_can_not_be_stored_is_named(runtime: Make) -> None:
    failure = refused(runtime, "handle = threading.Lock()", above="import threading")
    assert failure["kind"] == "definition"
    assert "class attribute `handle`" in failure["message"] and not failure["traceback"]


def test_computing_does_not_change_the_worker(runtime: Make) -> None:
    made = runtime(
        flow_of(
            "self.got = list(seen)",
            above="seen = []",
            members="p = Parameter('p', default=lambda c: seen.append(1))",
        )
    )
    made.ready()
    made.parameters()
    made.parameters()
    assert made.run("start")["got"] == []


def test_parameters_where_forking_is_off(runtime: Make) -> None:
    made = runtime(
        flow_of("pass", members="p = Parameter('p', type=int, default=lambda c: 5)"),
        environment={"PAVE_FORK": "never"},
    )
    assert made.ready()["unsafe_to_fork"] == "PAVE_FORK=never"
    assert made.parameters() == {"p": 5}


def test_a_parameter_that_the_run_did_not_know_is_none(runtime: Make) -> None:
    made = runtime(flow_of("self.got = self.p", members="p = Parameter('p')"))
    made.ready()
    made.parameters_manifest = b""
    assert made.run("start")["got"] is None


# Files


def test_a_file_is_read_when_the_run_starts(runtime: Make) -> None:
    made = runtime(
        flow_of(
            "self.got = (self.text, self.raw, self.parsed, self.absent)",
            members="text = IncludeFile('text', default='data.txt')\n"
            "raw = IncludeFile('raw', is_text=False)\n"
            "parsed = IncludeFile('parsed', default='data.txt', parser=str.split)\n"
            "absent = IncludeFile('absent')",
        )
    )
    (made.folder / "data.txt").write_text("héllo world\n", encoding="utf-8")
    (made.folder / "raw.bin").write_bytes(b"\x00\xff")
    assert [p["type"] for p in made.ready()["flow"]["parameters"]] == ["file"] * 4
    stored = made.parameters(raw="raw.bin")
    assert stored["parsed"] == "héllo world\n"
    assert made.run("start")["got"] == (
        "héllo world\n",
        b"\x00\xff",
        ["héllo", "world"],
        None,
    )


def test_a_file_that_is_missing_is_named(runtime: Make) -> None:
    failure = refused(runtime, "text = IncludeFile('text', default='nowhere.txt')")
    assert failure["kind"] == "parameter"
    assert "nowhere.txt" in failure["message"]


# Definitions


def test_an_unknown_type_is_a_definition_error_with_file_and_line(runtime: Make) -> None:
    made = runtime(flow_of("pass", members="p = Parameter('p', type=set)"))
    failure = made.unusable()
    assert failure["kind"] == "definition"
    assert "`p`" in failure["message"]
    assert f"({made.file}, line 3)" in failure["message"]


def test_json_in_a_default_is_described_as_it_is_written(runtime: Make) -> None:
    made = runtime(flow_of("pass", members="p = Parameter('p', type=JSONType, default='{')"))
    assert made.ready()["flow"]["parameters"][0]["default"] == "{"


def test_facts_of_a_parameter(runtime: Make) -> None:
    made = runtime(
        flow_of(
            "pass",
            members="p = Parameter('a-b', default=lambda c: 1, type=int, help='Help.', "
            "required=True, show_default=False)\nq = Parameter('q', default=False, is_flag=True)",
        )
    )
    first, second = made.ready()["flow"]["parameters"]
    assert first == {
        "name": "a-b",
        "attribute": "p",
        "type": "int",
        "required": True,
        "computed": True,
        "default": None,
        "help": "Help.",
        "show_default": False,
        "separator": None,
        "is_flag": False,
        "line": 3,
    }
    assert (second["is_flag"], second["default"], second["line"]) == (True, False, 4)
