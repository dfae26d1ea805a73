"""Importing the flow file, and choosing its flow."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from fake_runtime import Runtime, flow_of

Make = Callable[..., Runtime]

TWO = """
from pave import FlowSpec, step

class A(FlowSpec):
    @step
    def start(self):
        pass

class B(FlowSpec):
    @step
    def start(self):
        pass
"""


def test_the_worker_says_what_it_is(runtime: Make) -> None:
    ready = runtime(flow_of("pass")).ready()
    assert ready["protocol"] == 1
    assert ready["unsafe_to_fork"] is None
    assert ready["language_version"].startswith("3.")
    assert ready["sdk_version"]
    assert ready["flow"]["name"] == "F"


def test_the_file_runs_as_a_script(runtime: Make) -> None:
    made = runtime(
        flow_of(
            "self.got = at_import",
            above="import sys, neighbour\n"
            "at_import = (__name__, __file__, sys.argv, sys.path[0], neighbour.x, __spec__,\n"
            "    sys.modules['__main__'].__dict__ is globals())",
        )
    )
    (made.folder / "neighbour.py").write_text("x = 1")
    made.ready()
    file = str(made.file)
    expected = ("__main__", file, [file], str(made.folder), 1, None, True)
    assert made.run("start")["got"] == expected


def test_the_workers_own_variables_are_not_handed_on(one_step: Make) -> None:
    flow = one_step("import os\nself.got = sorted(n for n in os.environ if n.startswith('PAVE_'))")
    # Whoever runs the tests may have some set for all of them.
    assert set(flow.run("start")["got"]) - set(os.environ) == {"PAVE_STORE"}


@pytest.mark.parametrize(
    ("end", "flow", "chosen"),
    [
        ("if __name__ == '__main__':\n    B()", None, "B"),
        ("if __name__ == '__main__':\n    A()", None, "A"),
        ("if __name__ == '__main__':\n    A()", "B", "B"),
        ("", "A", "A"),
        ("del B", None, "A"),
        ("class C(A): pass\ndel B", None, "C"),
        ("try:\n    A()\nexcept BaseException:\n    pass", None, "A"),
        ("import sys\nsys.exit(B())", None, "B"),
    ],
)
def test_the_flow_is_the_one_that_runs_or_is_named(
    runtime: Make, end: str, flow: str | None, chosen: str
) -> None:
    assert runtime(f"{TWO}\n{end}\n", flow=flow).ready()["flow"]["name"] == chosen


def test_several_flows_are_told_apart_by_a_name(runtime: Make) -> None:
    failure = runtime(TWO).unusable()
    assert failure["kind"] == "several_flows"
    assert "A, B" in failure["message"]


def test_a_name_that_is_no_flow(runtime: Make) -> None:
    failure = runtime(TWO, flow="C").unusable()
    assert failure["kind"] == "no_flow"
    assert "`C`" in failure["message"]


def test_a_file_without_a_flow(runtime: Make) -> None:
    failure = runtime("from pave import FlowSpec\nx = 1\n").unusable()
    assert failure["kind"] == "no_flow"
    assert "FlowSpec" in failure["message"]


def test_an_imported_flow(runtime: Make) -> None:
    made = runtime("from library import F\nif __name__ == '__main__':\n    F()\n")
    (made.folder / "library.py").write_text(flow_of("self.x = 1"))
    flow = made.ready()["flow"]
    assert (flow["name"], flow["line"]) == ("F", 2)
    assert flow["file"] == str(made.folder / "library.py")
    assert made.run("start")["x"] == 1


@pytest.mark.parametrize(
    ("source", "exception", "shown"),
    [
        ("import nothing_like_it", "builtins.ModuleNotFoundError", "import nothing_like_it"),
        ("def f(:\n    pass", "builtins.SyntaxError", "def f(:"),
        ("x = 1\nx / 0", "builtins.ZeroDivisionError", "line 2, in <module>"),
        ("import broken", "builtins.NameError", "undefined_name"),
        ("raise KeyboardInterrupt", "builtins.KeyboardInterrupt", "raise KeyboardInterrupt"),
        ("import sys\nsys.exit('bye')", "builtins.SystemExit", "sys.exit('bye')"),
    ],
)
def test_a_file_that_can_not_be_imported(
    runtime: Make, source: str, exception: str, shown: str
) -> None:
    made = runtime(source)
    (made.folder / "broken.py").write_text("undefined_name")
    failure = made.unusable()
    assert failure["kind"] == "import"
    assert failure["exception"] == exception
    assert shown in failure["traceback"]
    assert "_worker" not in failure["traceback"]
    assert "importlib" not in failure["traceback"]
    assert made.process is not None
    assert made.process.wait(30) == 0


def test_a_missing_file(runtime: Make) -> None:
    made = runtime("")
    made.file.unlink()
    failure = made.unusable()
    assert failure["exception"] == "builtins.FileNotFoundError"


def test_a_spawned_task_of_a_broken_file_answers(runtime: Make) -> None:
    result = runtime("1 / 0").run("start", spawn=True)
    assert result.failure["kind"] == "import"
    assert result.failure["exception"] == "builtins.ZeroDivisionError"


def test_a_spawned_task_runs_like_a_forked_one(runtime: Make) -> None:
    made = runtime(flow_of("self.x = current.pathspec\nprint('hello')"))
    result = made.run("start", spawn=True)
    assert result.taken["steps"] == ["end"]
    assert result["x"] == "F/7/start/1"
    assert (result.stdout, result.status) == ("hello\n", 0)


def test_an_odd_encoding_is_read_as_python_reads_it(runtime: Make) -> None:
    made = runtime("")
    text = "# -*- coding: latin-1 -*-\n" + flow_of(
        "self.x = 'é'; self.y = 'ü'; self.next(self.end)\nreturn"
    )
    made.file.write_bytes(text.encode("latin-1"))
    made.ready()
    assert made.run("start")["x"] == "é"


def test_a_module_of_a_package_keeps_its_relative_imports(runtime: Make) -> None:
    made = runtime("", environment={"PAVE_MODULE": "package.main"})
    package = made.folder / "package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "part.py").write_text("value = 6")
    (package / "main.py").write_text(flow_of("self.x = value", above="from .part import value"))
    made.file = package / "main.py"
    made.ready()
    assert made.run("start")["x"] == 6


def test_constructors_of_the_flow_run_in_tasks(runtime: Make) -> None:
    members = "def __init__(self):\n    self.own = 5\n    super().__init__()"
    made = runtime(flow_of("self.x = self.own", members=members))
    made.ready()
    assert made.run("start")["x"] == 5


def test_a_constructor_that_raises_fails_the_task(runtime: Make) -> None:
    members = "def __init__(self):\n    if current.flow_name is None: 1 / 0\n    super().__init__()"
    made = runtime(flow_of("pass", members=members), flow="F")
    made.file.write_text(made.file.read_text().split("if __name__")[0])
    made.ready()
    failure = made.run("start").failure
    assert (failure["kind"], failure["exception"]) == ("raised", "builtins.ZeroDivisionError")
