"""Handing a script over to the binary, and what importing the package costs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from fake_runtime import ROOT, flow_of

import pave
from pave import FlowSpec, step
from pave.exceptions import MetaflowException, MetaflowExceptionWrapper


@pytest.fixture
def binary(tmp_path: Path) -> Path:
    """A program in the binary's place that tells what it was started with."""
    program = tmp_path / "pave-binary"
    program.write_text(
        f"#!{sys.executable}\n"
        "import json, os, sys\n"
        "print(json.dumps([sys.argv[1:], os.getpid(), os.environ.get('PAVE_MODULE')]))\n"
        "sys.exit(3)\n"
    )
    program.chmod(0o755)
    return program


def start(
    *arguments: str, cwd: Path, binary: Path | None = None, path: Path | None = None
) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("PAVE_BINARY", None)
    if binary is not None:
        environment["PAVE_BINARY"] = str(binary)
    if path is not None:
        environment |= {"PATH": str(path), "PYTHONPATH": str(cwd)}
    return subprocess.Popen(
        [sys.executable, *arguments],
        env=environment,
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_script_becomes_the_binary(tmp_path: Path, binary: Path) -> None:
    (tmp_path / "flow.py").write_text(flow_of("pass", above="print('first')"))
    process = start("flow.py", "run", "--alpha", "x y", binary=binary, cwd=tmp_path)
    out, _ = process.communicate(timeout=60)
    first, told = out.splitlines()
    assert first == "first"
    expected = ["flow", "--python", sys.executable, "--class", "F", str(tmp_path / "flow.py")]
    assert json.loads(told) == [[*expected, "run", "--alpha", "x y"], process.pid, None]
    assert process.returncode == 3


def test_a_module_of_a_package_keeps_its_name(tmp_path: Path, binary: Path) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").touch()
    (tmp_path / "package" / "flow.py").write_text(flow_of("pass"))
    out, _ = start("-m", "package.flow", "run", binary=binary, cwd=tmp_path).communicate(timeout=60)
    assert json.loads(out)[2] == "package.flow"


def test_the_console_command_becomes_the_binary(tmp_path: Path, binary: Path) -> None:
    process = start("-m", "pave", "runs", "--json", binary=binary, cwd=tmp_path)
    out, _ = process.communicate(timeout=60)
    assert json.loads(out)[0] == ["runs", "--json"]


def test_without_the_binary_there_is_a_word_and_no_traceback(tmp_path: Path) -> None:
    # A copy of the package without the binary, and a console script that must not be followed.
    package = tmp_path / "pave"
    shutil.copytree(ROOT / "pave", package, ignore=shutil.ignore_patterns("bin", "*.so", "*_test*"))
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "pave").write_text("#!/bin/sh\nexec false\n")
    (programs / "pave").chmod(0o755)
    (tmp_path / "flow.py").write_text(flow_of("pass"))
    process = start("flow.py", "run", path=programs, cwd=tmp_path)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "PAVE_BINARY" in err
    assert "Traceback" not in err


def test_a_binary_that_can_not_be_started_is_named(tmp_path: Path) -> None:
    (tmp_path / "flow.py").write_text(flow_of("pass"))
    process = start("flow.py", "run", binary=tmp_path / "nowhere", cwd=tmp_path)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert str(tmp_path / "nowhere") in err


def test_a_wrong_definition_is_told_without_our_frames(tmp_path: Path, binary: Path) -> None:
    source = flow_of("pass").replace("    @step", "    @retry(tries=3)\n    @step", 1)
    (tmp_path / "flow.py").write_text(source)
    process = start("flow.py", "run", binary=binary, cwd=tmp_path)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err.splitlines() == [
        "error[G016]: @retry has no argument `tries`; it has `times`, `minutes_between_retries`",
        f"  --> {tmp_path}/flow.py:3",
        "    3 | @retry(tries=3)",
    ]


def test_other_errors_are_told_as_python_tells_them(tmp_path: Path, binary: Path) -> None:
    (tmp_path / "flow.py").write_text(
        "from pave.exceptions import InvalidDefinition\nInvalidDefinition('unused')\n1 / 0\n"
    )
    _, err = start("flow.py", binary=binary, cwd=tmp_path).communicate(timeout=60)
    assert err.startswith("Traceback (most recent call last):")
    assert err.endswith("ZeroDivisionError: division by zero\n")


class Plain(FlowSpec):
    """A flow that is only built."""

    constant = 3

    @step
    def start(self) -> None:
        self.x = self.constant
        self.next(self.end)

    @step
    def end(self) -> None:
        pass


def test_an_object_without_a_command_line() -> None:
    flow = Plain(use_cli=False)
    assert [each.__name__ for each in flow] == ["start", "end"]
    assert (str(flow), flow.input, flow.index, flow.foreach_stack()) == (
        "<flow Plain>",
        None,
        None,
        [],
    )
    flow.start()
    assert flow.x == 3
    with pytest.raises(AttributeError, match="flow `Plain` has no attribute `y`"):
        _ = flow.y
    with pytest.raises(MetaflowException, match="serialised"):
        __import__("pickle").dumps(flow)


def test_what_was_caught_survives_pickling() -> None:
    from pickle import dumps, loads

    wrapper = MetaflowExceptionWrapper(ValueError("no"))
    back = loads(dumps(wrapper))
    assert (back.type, back.exception, str(back)) == ("builtins.ValueError", "no", "no")


def test_public_names_are_found_and_others_are_not() -> None:
    names = [name for name, home in pave._HOMES.items() if home != "client"]
    assert all(getattr(pave, name) is not None for name in names)
    assert set(names) <= set(dir(pave))
    with pytest.raises(AttributeError, match="`nothing`"):
        _ = pave.nothing


#: Modules that cost more than all of ours; nothing of what every flow imports may need them.
HEAVY = "ast asyncio ctypes dataclasses enum inspect json logging pickle re socket threading typing"


def test_importing_what_every_flow_needs_loads_nothing_heavy(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = (
        "import sys, time\nbefore = set(sys.modules)\nbegan = time.perf_counter()\n"
        "from pave import FlowSpec, step, Parameter, JSONType, IncludeFile, current, retry, catch\n"
        "took = time.perf_counter() - began\n"
        f"heavy = [m for m in {HEAVY.split()} if m in sys.modules and m not in before]\n"
        "import json\nprint(json.dumps([took, heavy]))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    out = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    ).stdout
    took, heavy = json.loads(out)
    assert heavy == []
    with capsys.disabled():
        print(f"\nimport of a flow's names: {took * 1000:.1f} ms", end=" ")
