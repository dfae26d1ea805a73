"""Flows that do not hold together: every finding at once, with its place and what to do."""

from __future__ import annotations

import textwrap

import pytest

from .place import Place

END = "\n@step\ndef end(self): pass\n"


def flow(place: Place, body: str, above: str = "") -> None:
    members = textwrap.indent(textwrap.dedent(body), "    ")
    place.write("f.py", "")
    (place.folder / "f.py").write_text(
        f"from pave import *\n{above}\nclass F(FlowSpec):\n{members}\n"
        'if __name__ == "__main__":\n    F()\n'
    )


def findings(place: Place) -> set[str]:
    """The codes that `check` tells; `run` must refuse with the same."""
    told = {}
    for command in ("check", "run"):
        done = place.python("f.py", command)
        assert done.code == 1, done.out + done.err
        assert "Traceback" not in done.err and "f.py:" in done.err and "next" in done.err, done.err
        lines = done.err.splitlines()
        told[command] = {line[6:10] for line in lines if line.startswith("error[")}
    assert told["check"] == told["run"]
    assert not place.has_runs()
    return told["run"]


GRAPHS = {
    "a step named like something of every flow": (
        "G010", "@step\ndef start(self): self.next(self.input)\n@step\ndef input(self): self.next(self.end)" + END),
    "no start": ("G001", "@step\ndef begin(self): self.next(self.end)" + END),
    "two starts": (
        "G011", "@step(start=True)\ndef a(self): self.next(self.end)\n@step(start=True)\ndef b(self): self.next(self.end)" + END),
    "no end": ("G002", "@step\ndef start(self): self.next(self.a)\n@step\ndef a(self): self.next(self.b)\n@step\ndef b(self): pass"),
    "a start beside the marked one": (
        "G011", "@step(start=True)\ndef a(self): self.next(self.start)\n@step\ndef start(self): self.next(self.end)" + END),
    "a way back to the start": (
        "G011", "@step\ndef start(self): self.next(self.a)\n@step\ndef a(self): self.next(self.start)" + END),
    "an end that goes on": (
        "G011", "@step\ndef start(self): self.next(self.end)\n@step\ndef end(self): self.next(self.start)"),
    "an end that joins": (
        "G011", "@step\ndef start(self): self.next(self.a, self.b)\n@step\ndef a(self): self.next(self.end)\n"
        "@step\ndef b(self): self.next(self.end)\n@step\ndef end(self, inputs): pass"),
    "an upper-case name": (
        "G010", "@step\ndef start(self): self.next(self.Fit)\n@step\ndef Fit(self): self.next(self.end)" + END),
    "a private name": (
        "G010", "@step\ndef start(self): self.next(self._fit)\n@step\ndef _fit(self): self.next(self.end)" + END),
    "no self": ("G005", "@step\ndef start(): pass" + END),
    "too many arguments": ("G005", "@step\ndef start(self, a, b): self.next(self.end)" + END),
    "a join that splits": (
        "G008", "@step\ndef start(self): self.next(self.a, self.b)\n@step\ndef a(self): self.next(self.j)\n@step\n"
        "def b(self): self.next(self.j)\n@step\ndef j(self, inputs): self.next(self.c, self.d)\n@step\ndef c(self): "
        "self.next(self.k)\n@step\ndef d(self): self.next(self.k)\n@step\ndef k(self, inputs): self.next(self.end)" + END),
    "no next": ("G007", "@step\ndef start(self): x = 1" + END),
    "next within if": ("G007", "@step\ndef start(self):\n    if self:\n        self.next(self.end)" + END),
    "next within with": ("G007", "@step\ndef start(self):\n    with open('x'):\n        self.next(self.end)" + END),
    "next returned": ("G007", "@step\ndef start(self): return self.next(self.end)" + END),
    "next assigned": ("G007", "@step\ndef start(self): x = self.next(self.end)" + END),
    "something after next": ("G007", "@step\ndef start(self):\n    self.next(self.end)\n    print(1)" + END),
    "next to nothing": ("G008", "@step\ndef start(self): self.next()" + END),
    "next with an unknown word": ("G008", "@step\ndef start(self): self.next(self.end, each='x')" + END),
    "a foreach of two steps": (
        "G008", "@step\ndef start(self): self.next(self.a, self.b, foreach='x')\n@step\ndef a(self): self.next(self.j)\n"
        "@step\ndef b(self): self.next(self.j)\n@step\ndef j(self, inputs): self.next(self.end)" + END),
    "next to what is no step": ("G009", "def helper(self): pass\n@step\ndef start(self): self.next(self.helper)" + END),
    "next to what is not there": ("G009", "@step\ndef start(self): self.next(self.nowhere)" + END),
    "a cycle": (
        "G006", "@step\ndef start(self): self.next(self.a)\n@step\ndef a(self): self.next(self.b)\n@step\n"
        "def b(self): self.next(self.a)" + END),
    "a lost step": ("G003", "@step\ndef start(self): self.next(self.end)\n@step\ndef lost(self): self.next(self.end)" + END),
    "a split open at the end": (
        "G004", "@step\ndef start(self): self.next(self.a, self.b)\n@step\ndef a(self): self.next(self.end)\n@step\n"
        "def b(self): self.next(self.end)" + END),
    "a foreach open at the end": (
        "G004", "@step\ndef start(self): self.next(self.a, foreach='x')\n@step\ndef a(self): self.next(self.end)" + END),
    "a join of too few": (
        "G013", "@step\ndef start(self): self.next(self.a, self.b, self.c)\n@step\ndef a(self): self.next(self.j)\n@step\n"
        "def b(self): self.next(self.j)\n@step\ndef c(self): self.next(self.end)\n@step\ndef j(self, inputs): "
        "self.next(self.end)" + END),
    "a join of nothing": (
        "G012", "@step\ndef start(self): self.next(self.j)\n@step\ndef j(self, inputs): self.next(self.end)" + END),
    "a join across splits": (
        "G013", "@step\ndef start(self): self.next(self.a, self.b)\n@step\ndef a(self): self.next(self.c, self.d)\n@step\n"
        "def b(self): self.next(self.e, self.f)\n@step\ndef c(self): self.next(self.j)\n@step\ndef d(self): self.next(self.k)\n"
        "@step\ndef e(self): self.next(self.j)\n@step\ndef f(self): self.next(self.k)\n@step\ndef j(self, inputs): "
        "self.next(self.l)\n@step\ndef k(self, inputs): self.next(self.l)\n@step\ndef l(self, inputs): self.next(self.end)" + END),
    "a foreach straight into its join": (
        "G014", "@step\ndef start(self): self.next(self.j, foreach='x')\n@step\ndef j(self, inputs): self.next(self.end)" + END),
    "a gang that is not marked": (
        "G018", "@step\ndef start(self): self.next(self.a, num_parallel=2)\n@step\ndef a(self): self.next(self.j)\n@step\n"
        "def j(self, inputs): self.next(self.end)" + END),
    "a gang without a join": (
        "G018", "@step\ndef start(self): self.next(self.a, num_parallel=2)\n@parallel\n@step\ndef a(self): self.next(self.b)\n"
        "@step\ndef b(self): self.next(self.j)\n@step\ndef j(self, inputs): self.next(self.end)" + END),
    "a gang of nobody": ("G018", "@step\ndef start(self): self.next(self.a)\n@parallel\n@step\ndef a(self): self.next(self.end)" + END),
    "a switch of one case": (
        "G015", "@step\ndef start(self): self.next({'a': self.end}, condition='x')" + END),
    "a switch without a condition": (
        "G015", "@step\ndef start(self): self.next({'a': self.a, 'b': self.end})\n@step\ndef a(self): self.next(self.end)" + END),
    "a switch straight into a join": (
        "G012", "@step\ndef start(self): self.next({'a': self.a, 'b': self.j}, condition='x')\n@step\ndef a(self): "
        "self.next(self.j)\n@step\ndef j(self, inputs): self.next(self.end)" + END),
    "catch where nothing can say how many follow": (
        "G016", "@catch(var='e')\n@step\ndef start(self): self.next(self.a, foreach='x')\n@step\ndef a(self): "
        "self.next(self.j)\n@step\ndef j(self, inputs): self.next(self.end)" + END),
    "a timeout of no time": ("G016", "@timeout(seconds=0)\n@step\ndef start(self): self.next(self.end)" + END),
    "a negative number of retries": ("G016", "@retry(times=-1)\n@step\ndef start(self): self.next(self.end)" + END),
    "resources that are no number": ("G016", "@resources(cpu='many')\n@step\ndef start(self): self.next(self.end)" + END),
}  # fmt: skip


@pytest.mark.parametrize("name", GRAPHS)
def test_a_graph_that_does_not_hold_together_is_refused(place: Place, name: str) -> None:
    code, body = GRAPHS[name]
    flow(place, body)
    assert code in findings(place)


DEFINITIONS = {
    "a decorator twice": ("@retry\n@retry(times=2)\n@step\ndef start(self): self.next(self.end)", "twice"),
    "an unknown argument": ("@retry(count=2)\n@step\ndef start(self): self.next(self.end)", "`times`"),
    "a positional argument": ("@retry(2)\n@step\ndef start(self): self.next(self.end)", "by keyword"),
    "a decorator of what is no step": ("@retry\ndef start(self): pass", "mark it with @step"),
    "a decorator without parentheses": ("@environment\n@step\ndef start(self): self.next(self.end)", None),
    "an unknown mark": ("@step(begin=True)\ndef start(self): self.next(self.end)", "`start`"),
    "an async step": ("@step\nasync def start(self): self.next(self.end)", "async function"),
    "a generator": ("@step\ndef start(self):\n    yield 1\n    self.next(self.end)", "generator"),
    "a parameter of a strange type": ("p = Parameter('p', type=set)\n@step\ndef start(self): self.next(self.end)", "JSONType"),
}  # fmt: skip


@pytest.mark.parametrize("name", DEFINITIONS)
def test_a_wrong_definition_is_told_without_a_traceback(place: Place, name: str) -> None:
    body, word = DEFINITIONS[name]
    flow(place, body + END)
    done = place.python("f.py", "check")
    if word is None:
        assert done.code == 0, done.err
        return
    assert done.code == 1 and "error[" in done.err and word in done.err, done.err
    assert "Traceback" not in done.err and "f.py:" in done.err


def test_flow_decorators_belong_on_flows_once(place: Place) -> None:
    start = "@step\ndef start(self): self.next(self.end)"
    flow(place, start + END, above="@project(name='a')\n@project(name='b')")
    assert "twice" in place.python("f.py", "check").refused("G016")
    flow(place, "@schedule(daily=True)\n" + start + END)
    assert "decorates flows" in place.python("f.py", "check").refused("G016")
    flow(place, start + END, above="@schedule(daily=True)\n@project(name='a')")
    place.run("f.py")


def test_all_mistakes_are_told_at_once_with_line_and_source(place: Place) -> None:
    flow(
        place,
        "p = Parameter('tag')\n@timeout(seconds=0)\n@step\ndef start(self, x, y): self.next(self.nowhere)\n"
        "@step\ndef lost(self):\n    if self:\n        self.next(self.end)" + END,
    )
    assert findings(place) >= {"G005", "G007", "G009", "G016", "P004"}
    told = place.python("f.py", "check").err
    assert "7 | def start(self, x, y): self.next(self.nowhere)" in told
    assert f"--> {place.folder}/f.py:7" in told


FILES = {
    "does not parse": ("def broken(:\n", "W001", "SyntaxError"),
    "imports what is not there": ("import nowhere_at_all\n", "W001", "nowhere_at_all"),
    "raises": ("1 / 0\n", "W001", "ZeroDivisionError"),
    "exits": ("import sys; sys.exit(3)\n", "W001", "sys.exit(3)"),
    "holds no flow": ("x = 1\n", "W002", "FlowSpec"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_cannot_be_used_says_why(place: Place, name: str) -> None:
    source, code, word = FILES[name]
    place.write("f.py", source)
    assert word in place.pave("run", "f.py").refused(code)
    assert not place.has_runs()


def test_of_several_flows_one_must_be_named(place: Place) -> None:
    source = "".join(
        f"class {name}(FlowSpec):\n    @step\n    def only(self):\n        print('{name}')\n\n"
        for name in "FG"
    )
    place.write("two.py", f"from pave import FlowSpec, step\n{source}")
    told = place.pave("run", "two.py").refused("W006")
    assert "F" in told and "G" in told
    assert place.pave("run", "two.py:G").printed() == ["G"]
    assert place.python("two.py", "run").out == "", "a script without a call runs nothing"


FAILURES = {
    "raise ValueError('no data') from KeyError('cause')": ("T001", "ValueError: no data"),
    "raise BaseException('deep')": ("T001", "BaseException: deep"),
    "raise KeyboardInterrupt": ("T001", "KeyboardInterrupt"),
    "raise ExceptionGroup('many', [ValueError(1), TypeError(2)])": ("T001", "TypeError: 2"),
    "raise Unprintable()": ("T001", "Unprintable"),
    "assert 1 == 2, {'a': 3}": ("T001", "AssertionError: {'a': 3}"),
    "(lambda f: f(f))(lambda f: f(f))": ("T001", "RecursionError"),
    "sys.exit('bye')": ("T002", "sys.exit('bye')"),
    "sys.exit(0)": ("T002", "sys.exit(0)"),
    "os._exit(0)": ("T002", "code 0"),
    "os._exit(9)": ("T002", "code 9"),
    "os.execvp('true', ['true'])": ("T002", "code 0"),
    "os.abort()": ("T003", "SIGABRT"),
    "ctypes.string_at(0)": ("T003", "SIGSEGV"),
    "os.kill(os.getpid(), signal.SIGKILL)": ("T003", "SIGKILL"),
    "os.killpg(0, signal.SIGTERM)": ("T003", "SIGTERM"),
    "self.x = open(__file__)": ("T005", "`x`"),
}


@pytest.mark.parametrize("body", FAILURES)
def test_however_a_step_ends_the_run_fails_with_a_code_and_a_word(place: Place, body: str) -> None:
    code, word = FAILURES[body]
    flow(
        place,
        f"@step\ndef start(self):\n    self.kept = 1\n    print('half a line', end='')\n    {body}\n    self.next(self.end)"
        + END,
        above="import ctypes, os, signal, sys\nclass Unprintable(Exception):\n    def __str__(self): raise ValueError",
    )
    done = place.fail("f.py")
    told = done.refused(code)
    assert "F/1/start/1 failed" in told and word in told
    assert "half a line" in done.printed("start")
    run = place.latest("F")
    assert (run.finished, run.successful, run.state) == (True, False, "failed")
    task = run["start"].task
    assert (
        not task.successful and task.exception is not None and task.stdout.strip() == "half a line"
    )


def test_odd_things_that_steps_do_are_no_failures(place: Place) -> None:
    place.write(
        "odd.py",
        """
        import asyncio, concurrent.futures, os, signal, subprocess, sys
        from pave import FlowSpec, step

        class Odd(FlowSpec):
            @step
            def start(self):
                self.x = asyncio.run(asyncio.sleep(0, 1))
                with concurrent.futures.ProcessPoolExecutor(2) as pool:
                    self.y = list(pool.map(abs, [-1, 2]))
                if (pid := os.fork()) == 0:
                    os._exit(0)
                os.waitpid(pid, 0)
                self.next(self.closes)

            @step
            def closes(self):
                sys.stdout.close()
                self.next(self.clears)

            @step
            def clears(self):
                os.close(1), os.close(2)
                os.environ.clear()
                os.chdir("/")
                signal.signal(signal.SIGCHLD, signal.SIG_IGN)
                self.next(self.leaves)

            @step
            def leaves(self):
                subprocess.Popen(["sleep", "1000"])
                self.next(self.end)

            @step
            def end(self):
                print(self.x, self.y)

        if __name__ == "__main__":
            Odd()
        """,
    )
    for mode in ("auto", "never"):
        assert place.run("odd.py", "--fork", mode).printed("end") == ["1 [1, 2]"]
