"""Parameters and files that a run is started with."""

from __future__ import annotations

import pytest

from .place import Place

EVERY = """
import json
from pave import FlowSpec, IncludeFile, JSONType, Parameter, current, step

ROUNDS = []

def computed(context):
    ROUNDS.append(1)
    assert len(ROUNDS) == 1
    return f"{context.flow_name}/{context.parameter_name} of {context.user_name}"

class Every(FlowSpec):
    text = Parameter("text", default="naïve ☃", help="some text")
    none = Parameter("none")
    whole = Parameter("whole", type=int)
    rounds = Parameter("rounds", default=10)
    alpha = Parameter("alpha", default=0.1)
    flag = Parameter("flag", default=False)
    switch = Parameter("switch", type=bool, is_flag=True, default=False)
    options = Parameter("options", type=JSONType, default='{"a": [1]}')
    layers = Parameter("layers", default=[8, 4])
    names = Parameter("names", separator=",", default="a,b")
    learning_rate = Parameter("learning-rate", default=1.0)
    my_param = Parameter("my_param", default="x")
    UPPER = Parameter("UPPER", default="u")
    later = Parameter("later", default=computed)
    big = Parameter("big", default=10**25)
    notes = IncludeFile("notes", default="notes.txt")
    raw = IncludeFile("raw", is_text=False)
    parsed = IncludeFile("parsed", parser=json.loads)

    @step
    def start(self):
        self.seen = {name: getattr(self, name) for name in current.parameter_names}
        self.next(self.end)

    @step
    def end(self):
        assert self.seen == {name: getattr(self, name) for name in current.parameter_names}

if __name__ == "__main__":
    Every()
"""
DEFAULTS = {
    "text": "naïve ☃", "none": None, "whole": None, "rounds": 10, "alpha": 0.1, "flag": False,
    "switch": False, "options": {"a": [1]}, "layers": [8, 4], "names": ["a", "b"],
    "learning_rate": 1.0, "my_param": "x", "UPPER": "u", "later": "Every/later of ada",
    "big": 10**25, "notes": "some\r\nnotes\n", "raw": None, "parsed": None,
}  # fmt: skip


@pytest.fixture
def every(place: Place) -> Place:
    place.write("every.py", EVERY)
    (place.folder / "notes.txt").write_bytes(b"some\r\nnotes\n")
    (place.folder / "raw.bin").write_bytes(b"\xff\x00")
    place.write("parsed.json", '{"k": 1}')
    return place


def seen(place: Place, *words: str, **env: str) -> dict[str, object]:
    place.run("every.py", *words, **env)
    run = place.latest("Every")
    found = run.data.seen
    changed = {
        name: value
        for name, value in found.items()
        if (type(value), repr(value)) != (type(DEFAULTS[name]), repr(DEFAULTS[name]))
    }
    # What steps see, the client reads; but a parser is applied in steps alone.
    read = {name: run["_parameters"].task[name].data for name in found}
    assert repr({**read, "parsed": found["parsed"]}) == repr(found)
    assert repr(run.data.text) == repr(found["text"])
    return changed


def test_defaults_are_as_declared(every: Place) -> None:
    assert seen(every) == {}
    parameters = every.latest("Every").parameters
    assert {**parameters, "learning_rate": 1.0}.items() >= {
        "rounds": 10,
        "options": {"a": [1]},
    }.items()


def test_given_values_have_the_type_of_the_parameter(every: Place) -> None:
    words = (
        "--text= --none --x --whole -3 --rounds 99999999999999999999 --alpha inf --flag yes "
        "--switch --learning-rate 1e-3 --UPPER ü --later now --big -1 --raw raw.bin "
        "--parsed parsed.json --names a --notes parsed.json"
    ).split()
    odd = ["--my_param", "two\nlines 'and' \"quotes\"", "--layers", "[]"]
    assert seen(every, *words, *odd) == {
        "text": "", "none": "--x", "whole": -3, "rounds": 99999999999999999999,
        "alpha": float("inf"), "flag": True, "switch": True, "learning_rate": 0.001,
        "UPPER": "ü", "later": "now", "big": -1, "raw": b"\xff\x00", "parsed": {"k": 1},
        "names": ["a"], "notes": '{"k": 1}', "my_param": "two\nlines 'and' \"quotes\"",
        "layers": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"$x": 1}', {"$x": 1}),
        ('{"$int": "7"}', {"$int": "7"}),
        ('{"$$float": {"$y": null}}', {"$$float": {"$y": None}}),
        ("12345678901234567890123", 12345678901234567890123),
        ("[18446744073709551615, -9223372036854775809]", [18446744073709551615, -(2**63) - 1]),
        ("[0.1, 1e22, 5e-324, 0.30000000000000004, -0.0]", [0.1, 1e22, 5e-324, 0.1 + 0.2, -0.0]),
        ('"text"', "text"),
        ("null", None),
        ("false", False),
        ('{"a": 1, "b": [{"c": "\\u2603"}]}', {"a": 1, "b": [{"c": "☃"}]}),
    ],
)
def test_json_is_read_exactly(every: Place, text: str, value: object) -> None:
    assert repr(seen(every, "--options", text)) == repr({"options": value})


def test_values_come_from_the_command_line_then_the_environment_then_the_default(
    every: Place,
) -> None:
    given = {"METAFLOW_RUN_ROUNDS": "9", "PAVE_RUN_ALPHA": "2", "METAFLOW_RUN_UPPER": "z"}
    assert seen(every, **given) == {"rounds": 9, "alpha": 2.0, "UPPER": "z"}
    assert seen(every, "--rounds", "7", "--rounds", "8", **given)["rounds"] == 8
    every.python("every.py", "run", METAFLOW_RUN_ROUNDS="x").refused("P002", status=2)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("--rounds x", "P002", ["`rounds`", "whole number", "`x`"]),
        ("--rounds 1.5", "P002", ["`rounds`"]),
        ("--alpha much", "P002", ["`alpha`", "a number"]),
        ("--flag maybe", "P002", ["`flag`", "true or false"]),
        ("--options {", "P002", ["`options`", "JSON"]),
        ("--notes absent.txt", "P002", ["--notes", "absent.txt"]),
        ("--notes https://example.com/x", "P002", ["--notes"]),
        ("--my-param 1", "P001", ["--my-param", "--my_param"]),
        ("--round 1", "P001", ["--round", "--rounds"]),
        ("--rounds", "C001", ["--rounds"]),
        ("extra", "P001", ["extra"]),
    ],
)
def test_a_wrong_value_is_a_usage_error_that_names_it(
    every: Place, words: str, code: str, said: list[str]
) -> None:
    told = every.python("every.py", "run", *words.split()).refused(code, status=2)
    assert all(word in told for word in said), told
    assert not every.has_runs()


def test_help_tells_of_each_parameter(every: Place) -> None:
    told = every.succeed("every.py", "run", "--help").out
    assert "python every.py run" in told and "\x1b" not in told
    for word in ("--text", "some text", "--learning-rate", "[default: 10]", "naïve ☃", "computed"):
        assert word in told, told


def declared(place: Place, parameters: str, body: str = "pass") -> None:
    place.write(
        "p.py",
        f"""
from pave import *

def wrong(context):
    raise KeyError("no such table")

class P(FlowSpec):
    {parameters}

    @step
    def start(self):
        {body}
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == "__main__":
    P()
""",
    )


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ('tag = Parameter("tag")', "`tag`"),
        ('x = Parameter("run-id")', "`run-id`"),
        ('x = Parameter("max_workers")', "`max_workers`"),
        ('a = Parameter("a"); b = Parameter("A")', "two parameters"),
        ('n = Parameter("n", type=int, default="x")', "`n`"),
        ('n = Parameter("n", type=JSONType, default="{")', "`n`"),
        ('n = Parameter("n", type=dict, default=3); m = Parameter("m", type=set)', "`m`"),
    ],
)
def test_a_parameter_declared_wrongly_is_a_mistake_of_the_flow(
    place: Place, parameters: str, said: str
) -> None:
    declared(place, parameters)
    for command in ("check", "run"):
        assert said in place.python("p.py", command).refused("P004")


def test_a_required_parameter_must_be_given(place: Place) -> None:
    declared(place, 'n = Parameter("n", type=int, required=True)', "assert self.n == 3")
    assert "`n`" in place.python("p.py", "run").refused("P003", status=2)
    place.run("p.py", "--n", "3")
    place.run("p.py", PAVE_RUN_N="3")


@pytest.mark.parametrize(
    ("default", "said"),
    [
        ("wrong", ["KeyError", "no such table", "p.py"]),
        ("lambda context: 'x'", ["int"]),
        ("lambda context: [1]", ["int"]),
        ("lambda context: __import__('os')._exit(3)", ["died"]),
    ],
)
def test_a_default_that_cannot_be_computed_stops_before_there_is_a_run(
    place: Place, default: str, said: list[str]
) -> None:
    declared(place, f'n = Parameter("n", type=int, default={default})')
    told = place.python("p.py", "run").refused("P005")
    assert all(word in told for word in said), told
    assert not place.has_runs()
    place.run("p.py", "--n", "3")


@pytest.mark.parametrize("change", ["self.n = 1", "del self.n", "self.K = 1"])
def test_parameters_and_constants_are_read_only(place: Place, change: str) -> None:
    declared(place, 'n = Parameter("n", default=7); K = 1', change)
    told = place.fail("p.py").refused("T001")
    assert "AttributeError" in told


def test_changing_a_value_in_place_stays_in_its_step(place: Place) -> None:
    declared(
        place,
        'n = Parameter("n", default={"a": [1]}); K = [1]',
        "self.n['a'].append(2); self.K.append(2); print(self.n, self.K)",
    )
    done = place.run("p.py")
    assert done.printed() == ["{'a': [1, 2]} [1, 2]"]
    data = place.latest("P").data
    assert (data.n, data.K) == ({"a": [1]}, [1])


def test_a_parameter_may_have_the_name_of_a_fact(place: Place) -> None:
    declared(place, 'name = Parameter("name", default="World")', "print('Hello', self.name)")
    assert place.run("p.py", "--name", "Ada").printed() == ["Hello Ada"]
    assert place.latest("P").data.name == "Ada"
