"""A flow class as data: steps, tails, lines, inheritance."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest

from pave.graph import clean_doc
from pave.source import Source, count_inputs, read_tail


def function(text: str) -> tuple[Any, Source]:
    source = Source(textwrap.dedent(text), "flow.py")
    return next(iter(source.functions.values())), source


def tail(text: str) -> dict[str, Any]:
    node, source = function(text)
    return read_tail(node, source)


def next_(call: str) -> dict[str, Any]:
    found = tail(f"def a(self):\n    {call}\n")
    assert found.pop("kind") == "next"
    assert (found.pop("line"), found.pop("source")) == (2, call.split("\n")[0])
    return found


CASES = "{'k': self.b, 2: self.c, -1: x.y, self.cfg.key: self.d, k: self.e}"


@pytest.mark.parametrize(
    ("call", "facts"),
    [
        ("self.next(self.b)", {"targets": [{"step": "b"}]}),
        ("self.next(self.b, self.c)", {"targets": [{"step": "b"}, {"step": "c"}]}),
        ("self.next()", {"targets": []}),
        ("self.next('b', other.c)", {"targets": [{"other": "'b'"}, {"other": "other.c"}]}),
        ("self.next(*[self.b])", {"targets": [{"other": "*[self.b]"}]}),
        ("self.next(self.b, foreach='xs')", {"targets": [{"step": "b"}], "foreach": "xs"}),
        ("self.next(self.b, foreach=name())", {"targets": [{"step": "b"}], "foreach": None}),
        ("self.next(self.b, foreach=None)", {"targets": [{"step": "b"}]}),
        ("self.next(self.b, num_parallel=n)", {"targets": [{"step": "b"}], "num_parallel": True}),
        (
            "self.next(self.b, wrong=1, **more)",
            {"targets": [{"step": "b"}], "unknown_keywords": ["wrong", "**more"]},
        ),
        (
            f"self.next({CASES}, condition='v')",
            {
                "targets": [{"other": CASES}],
                "condition": "v",
                "cases": [
                    {"key": "'k'", "target": {"step": "b"}},
                    {"key": "2", "target": {"step": "c"}},
                    {"key": "-1", "target": {"other": "x.y"}},
                    {"key": "self.cfg.key", "target": {"step": "d"}},
                    {"key": None, "target": {"step": "e"}},
                ],
            },
        ),
        (
            "self.next({**more, True: self.b}, condition=v)",
            {
                "targets": [{"other": "{**more, True: self.b}"}],
                "condition": None,
                "cases": [
                    {"key": None, "target": {"other": "more"}},
                    {"key": "True", "target": {"step": "b"}},
                ],
            },
        ),
        ("self.next(\n        self.b,\n    )", {"targets": [{"step": "b"}]}),
        ("self.next('é', self.b)", {"targets": [{"other": "'é'"}, {"step": "b"}]}),
    ],
)
def test_forms_of_next(call: str, facts: dict[str, Any]) -> None:
    assert next_(call) == facts


@pytest.mark.parametrize(
    ("body", "facts"),
    [
        ("pass", {"kind": "none"}),
        ("'doc'", {"kind": "none"}),
        ("other.next(self.b)", {"kind": "none"}),
        ("self.nxt(self.b)", {"kind": "none"}),
        ("return self.next(self.b)", {"line": 2, "source": "return self.next(self.b)"}),
        ("x = self.next(self.b)", {"line": 2, "source": "x = self.next(self.b)"}),
        ("if x:\n        self.next(self.b)", {"line": 3, "source": "self.next(self.b)"}),
        ("with x:\n        self.next(self.b)", {"line": 3, "source": "self.next(self.b)"}),
        ("self.next(self.b)\n    pass", {"line": 2, "source": "self.next(self.b)"}),
        ("f(lambda: self.next(self.b))", {"line": 2, "source": "f(lambda: self.next(self.b))"}),
    ],
)
def test_bodies_that_do_not_end_in_next(body: str, facts: dict[str, Any]) -> None:
    assert tail(f"def a(self):\n    {body}\n") == {"kind": "misplaced", **facts}


def test_the_flow_may_have_another_name_than_self() -> None:
    assert tail("def a(me):\n    me.next(me.b)\n")["targets"] == [{"step": "b"}]


@pytest.mark.parametrize(
    ("signature", "count"),
    [("", -1), ("self", 0), ("self, inputs", 1), ("self, a, b=1", 2), ("self, /, a, *, k=1", 1)],
)
def test_arguments_are_counted(signature: str, count: int) -> None:
    assert count_inputs(function(f"def a({signature}): pass")[0]) == count


def test_line_ends_of_every_kind_count_as_one() -> None:
    node, source = function("class F:\r\n    def a(self):\r\n        self.next(self.b)\r\n")
    assert read_tail(node, source)["source"] == "self.next(self.b)"
    assert source.line(2) == "def a(self):"


@pytest.mark.parametrize(
    ("doc", "clean"),
    [
        (None, ""),
        ("One.", "One."),
        ("One.\n\n        Two.\n          Three.\n    ", "One.\n\nTwo.\n  Three."),
    ],
)
def test_docstrings_lose_their_indentation(doc: str | None, clean: str) -> None:
    assert clean_doc(doc) == clean


INHERITED = {
    "base.py": '''
        from functools import wraps
        from pave import FlowSpec, Parameter, retry, step

        def loud(function):
            @wraps(function)
            def inner(*args):
                print("loud")
                return function(*args)
            return inner

        class Base(FlowSpec):
            """The base."""
            size = Parameter("size", default=1)
            limit = 5
            changed = 1

            @step
            def start(self):
                """Begins."""
                self.next(self.middle)

            @retry
            @step
            def middle(self):
                self.next(self.end)

            @loud
            @step
            def end(self):
                pass
    ''',
    "flow.py": '''
        from base import Base
        from pave import Parameter, step

        class Derived(Base):
            """
            The derived one.

                Indented.
            """
            rate = Parameter("rate", default=0.5)
            changed = 2

            @step(start=True)
            def middle(self):
                self.next(self.extra)

            @step(end=True, node_info={"a": 1})
            def extra(self):
                self.got = (self.size, self.limit, self.changed)

        if __name__ == "__main__":
            Derived()
    ''',
}


def test_steps_parameters_and_constants_are_inherited(runtime: Any) -> None:
    made = runtime(INHERITED["flow.py"])
    base = made.folder / "base.py"
    base.write_text(textwrap.dedent(INHERITED["base.py"]))
    flow = made.ready()["flow"]
    assert (flow["name"], flow["file"], flow["line"]) == ("Derived", str(made.file), 5)
    assert flow["doc"] == "The derived one.\n\n    Indented."
    steps = {
        step["name"]: (Path(step["file"]).name, step["line"], step["source"])
        for step in flow["steps"]
    }
    assert steps == {
        "start": ("base.py", 19, "def start(self):"),
        "middle": ("flow.py", 15, "def middle(self):"),
        "end": ("base.py", 30, "def end(self):"),
        "extra": ("flow.py", 19, "def extra(self):"),
    }
    assert flow["steps"][0]["doc"] == "Begins."
    assert [(step["start"], step["end"]) for step in flow["steps"]] == [
        (False, False),
        (True, False),
        (False, False),
        (False, True),
    ]
    assert flow["steps"][1]["decorators"] == []
    assert [p["name"] for p in flow["parameters"]] == ["size", "rate"]
    assert flow["constants"] == ["limit", "changed"]
    made.parameters()
    assert made.run("extra")["got"] == (1, 5, 2)
    assert made.run("end").stdout == "loud\n"


def test_a_step_whose_source_is_gone_is_named(runtime: Any) -> None:
    made = runtime(
        "from pave import FlowSpec, step\n"
        "made = {}\nexec('def start(self): pass', made)\n"
        "class F(FlowSpec):\n    start = step(made['start'])\n"
    )
    failure = made.unusable()
    assert failure["kind"] == "definition"
    assert "`start`" in failure["message"]
