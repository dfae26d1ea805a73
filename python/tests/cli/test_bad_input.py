"""Bad input gets a clear error: a code, the right exit status, nothing half-written."""

from __future__ import annotations

import sqlite3
import subprocess
from pathlib import Path

import pytest
from conftest import Project

HEAD = "import os, signal, sys\nfrom pave import FlowSpec, Parameter, step\n"
TAIL = '\nif __name__ == "__main__":\n    F()\n'


def flow(*steps: str, params: str = "") -> str:
    body = "\n".join(f"    @step\n{step}\n" for step in steps)
    return f"{HEAD}\nclass F(FlowSpec):\n{params}\n{body}{TAIL}"


def simple(body: str, params: str = "") -> str:
    return flow(
        f"    def start(self):\n        {body}\n        self.next(self.end)",
        "    def end(self):\n        pass",
        params=params,
    )


GRAPHS = {
    "no start": (flow("    def begin(self):\n        self.next(self.end)", "    def end(self): pass"), "G001"),
    "no end": (flow("    def start(self):\n        self.next(self.a)", "    def a(self):\n        self.next(self.start2)"), "G002"),
    "unreachable": (
        flow(
            "    def start(self):\n        self.next(self.end)",
            "    def lost(self):\n        self.next(self.end)",
            "    def end(self): pass",
        ),
        "G003",
    ),
    "missing join": (
        flow(
            "    def start(self):\n        self.next(self.a, self.b)",
            "    def a(self):\n        self.next(self.end)",
            "    def b(self):\n        self.next(self.end)",
            "    def end(self): pass",
        ),
        "G004",
    ),
    "wrong arity": (
        flow("    def start(self, a, b, c):\n        self.next(self.end)", "    def end(self): pass"),
        "G005",
    ),
    "cycle": (
        flow(
            "    def start(self):\n        self.next(self.a)",
            "    def a(self):\n        self.next(self.b)",
            "    def b(self):\n        self.next(self.a)",
            "    def end(self): pass",
        ),
        "G006",
    ),
    "no next": (flow("    def start(self):\n        x = 1", "    def end(self): pass"), "G007"),
    "unknown step": (
        flow("    def start(self):\n        self.next(self.nowhere)", "    def end(self): pass"),
        "G009",
    ),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_a_flow_that_does_not_hold_together_is_not_run(project: Project, name: str) -> None:
    source, code = GRAPHS[name]
    project.write("f.py", "")
    (project.folder / "f.py").write_text(source)
    for command in ("run", "check"):
        done = project.python("f.py", command)
        assert done.returncode == 1, done.stdout
        assert f"error[{code}]" in done.stderr, done.stderr
        assert "f.py:" in done.stderr and "next" in done.stderr
    assert project.runs() == []


def test_all_mistakes_are_told_at_once(project: Project) -> None:
    source = flow(
        "    def start(self, x, y):\n        self.next(self.nowhere)",
        "    def lost(self):\n        pass",
        "    def end(self): pass",
    )
    (project.folder / "f.py").write_text(source)
    done = project.python("f.py", "check")
    found = {code for code in ("G003", "G005", "G007", "G009") if f"error[{code}]" in done.stderr}
    assert len(found) >= 3, done.stderr


FAILURES = {
    "raises": ("raise ValueError('no data')", "T001", "no data"),
    "exits": ("sys.exit(3)", "T002", ""),
    "exits at once": ("os._exit(3)", "T002", "code 3"),
    "exits in peace": ("os._exit(0)", "T002", "code 0"),
    "segfaults": ("os.kill(os.getpid(), signal.SIGSEGV)", "T003", "SIGSEGV"),
    "is killed": ("os.kill(os.getpid(), signal.SIGKILL)", "T003", "SIGKILL"),
    "leaves what cannot be stored": ("self.handle = open(__file__)", "T005", "handle"),
}


@pytest.mark.parametrize("name", FAILURES)
@pytest.mark.parametrize("fork", ["auto", "never"])
def test_a_step_that_fails_fails_the_run_with_its_code(project: Project, name: str, fork: str) -> None:
    body, code, word = FAILURES[name]
    (project.folder / "f.py").write_text(simple(body))
    done = project.python("f.py", "run", "--fork", fork)
    assert done.returncode == 1
    assert f"error[{code}]: F/1/start/1 failed" in done.stderr, done.stderr
    assert word in done.stderr
    assert "resume --origin-run-id 1" in done.stderr
    assert project.runs()[0]["state"] == "failed"
    assert project.states("F/1/start") == {"F/1/start/1": "failed"}


def test_the_traceback_is_the_user_s_own(project: Project) -> None:
    (project.folder / "f.py").write_text(simple("raise ValueError('no data')"))
    done = project.python("f.py", "run")
    assert 'raise ValueError(\'no data\')' in done.stderr
    assert "ValueError: no data" in done.stderr
    assert "/pave/" not in done.stderr.replace(str(project.folder), ""), done.stderr


@pytest.mark.parametrize(
    ("items", "code"), [("[]", "T006"), ("None", "T007"), ("3", "T007"), ("range(101)", "T008")]
)
def test_a_foreach_over_nothing_or_too_much_is_refused(project: Project, items: str, code: str) -> None:
    source = flow(
        f"    def start(self):\n        self.xs = {items}\n        self.next(self.a, foreach='xs')",
        "    def a(self):\n        self.next(self.j)",
        "    def j(self, inputs):\n        self.next(self.end)",
        "    def end(self): pass",
    )
    (project.folder / "f.py").write_text(source)
    done = project.python("f.py", "run")
    assert done.returncode == 1
    assert f"error[{code}]" in done.stderr, done.stderr
    assert "xs" in done.stderr


PARAMS = "    n = Parameter('n', type=int, required=True)\n    a = Parameter('a', default=0.5)\n"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--n", "x"], "P002"),
        ([], "P003"),
        (["--n", "1", "--b", "2"], "P001"),
        (["--n", "1", "--max-workers", "none"], "C001"),
        (["--n", "1", "--tag", ""], "C002"),
        (["--n", "1", "--fork", "sometimes"], "C001"),
    ],
)
def test_a_wrong_command_line_is_a_usage_error(project: Project, words: list[str], code: str) -> None:
    (project.folder / "f.py").write_text(simple("pass", PARAMS))
    done = project.python("f.py", "run", *words)
    assert done.returncode == 2, done.stderr
    assert f"error[{code}]" in done.stderr, done.stderr
    assert not project.runs()


@pytest.mark.parametrize(
    ("source", "code", "word"),
    [
        ("import nowhere_to_be_found\n", "W001", "nowhere_to_be_found"),
        ("def broken(:\n", "W001", "SyntaxError"),
        ("x = 1\n", "W002", "FlowSpec"),
        (simple("pass").replace("class F", "raise RuntimeError('at import')\nclass F"), "W001", "at import"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(project: Project, source: str, code: str, word: str) -> None:
    (project.folder / "f.py").write_text(source)
    done = project.pave("run", "f.py")
    assert done.returncode == 1
    assert f"error[{code}]" in done.stderr, done.stderr
    assert word in done.stderr
    assert not project.runs()


def test_several_flows_in_a_file_are_told_apart_by_name(project: Project) -> None:
    source = simple("print('one')").replace(TAIL, "")
    source += simple("print('two')").replace(HEAD, "").replace("class F", "class G").replace(TAIL, "")
    (project.folder / "f.py").write_text(source)
    done = project.pave("run", "f.py")
    assert done.returncode == 1 and "error[W006]" in done.stderr, done.stderr
    assert "F" in done.stderr and "G" in done.stderr
    done = project.pave("run", "f.py:G")
    assert done.returncode == 0 and "two" in done.stdout, done.stderr


def test_a_missing_file_and_an_unknown_command_are_usage_errors(project: Project) -> None:
    done = project.pave("run", "nowhere.py")
    assert (done.returncode, "error[C003]" in done.stderr) == (2, True)
    done = project.pave("fly")
    assert (done.returncode, "error[C001]" in done.stderr) == (2, True)


def test_more_than_the_machine_has_is_refused_with_a_word(project: Project) -> None:
    source = simple("pass").replace("    @step\n    def start", "    @resources(memory=10**9)\n    @step\n    def start")
    (project.folder / "f.py").write_text(source.replace("Parameter, step", "Parameter, resources, step"))
    done = project.python("f.py", "run")
    assert done.returncode == 1
    assert "error[R003]" in done.stderr and "start" in done.stderr, done.stderr
    assert not project.runs()


def run_once(project: Project) -> None:
    (project.folder / "f.py").write_text(simple("self.big = 'x' * 100_000; self.small = 1"))
    assert project.python("f.py", "run").returncode == 0


def test_a_store_of_a_newer_version_is_left_alone(project: Project) -> None:
    run_once(project)
    database = project.folder / ".pave" / "metadata.db"
    with sqlite3.connect(database) as connection:
        connection.execute("PRAGMA user_version = 9999")
    before = database.read_bytes()
    done = project.python("f.py", "run")
    assert done.returncode == 1
    assert "error[M001]" in done.stderr and "9999" in done.stderr, done.stderr
    assert database.read_bytes() == before


def test_a_corrupt_blob_is_named_and_stops_the_step_that_reads_it(project: Project) -> None:
    source = flow(
        "    def start(self):\n        self.big = os.urandom(100_000).hex()\n        self.next(self.end)",
        "    def end(self):\n        assert os.path.exists('go')\n        print(len(self.big))",
    )
    (project.folder / "f.py").write_text(source)
    assert project.python("f.py", "run").returncode == 1
    blobs = [path for path in (project.folder / ".pave" / "blobs").rglob("*") if path.is_file()]
    biggest = max(blobs, key=lambda path: path.stat().st_size)
    data = bytearray(biggest.read_bytes())
    data[len(data) // 2] ^= 0xFF
    biggest.chmod(0o644)
    biggest.write_bytes(data)
    (project.folder / "go").touch()
    done = project.python("f.py", "resume")
    assert done.returncode == 1
    assert "A001" in done.stderr and "big" in done.stderr, done.stderr


def test_a_full_disk_keeps_what_was_committed(project: Project) -> None:
    small = project.folder / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(small)])
    if mounted.returncode != 0:
        pytest.fail("this test needs the right to mount a tmpfs")
    try:
        source = flow(
            "    def start(self):\n        self.a = os.urandom(1_000_000)\n        self.next(self.fill)",
            "    def fill(self):\n        if not os.path.exists('mended'):\n            self.b = os.urandom(20_000_000)\n        self.next(self.end)",
            "    def end(self):\n        print('a is', len(self.a))",
        )
        (project.folder / "f.py").write_text(source)
        store = {"PAVE_STORE": str(small / ".pave")}
        done = project.python("f.py", "run", **store)
        assert done.returncode == 1
        assert "No space left" in done.stderr or "full" in done.stderr, done.stderr
        left = [p for p in (small / ".pave").rglob("*") if p.is_file() and p.stat().st_size > 2_000_000]
        assert not left, "a half-written blob was left behind"
        (project.folder / "mended").touch()
        done = project.python("f.py", "resume", **store)
        assert done.returncode == 0, done.stderr
        assert "a is 1000000" in done.stdout
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_folder_that_cannot_be_written_is_named(project: Project) -> None:
    (project.folder / "f.py").write_text(simple("pass"))
    sealed = project.folder / "sealed"
    sealed.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(sealed)], check=True)
    try:
        done = project.python("f.py", "run", PAVE_STORE=str(sealed / ".pave"))
        assert done.returncode == 1
        assert "error[M00" in done.stderr and str(sealed) in done.stderr, done.stderr
    finally:
        subprocess.run(["umount", str(sealed)], check=True)


def test_a_store_on_a_read_only_disk_can_still_be_read(project: Project) -> None:
    run_once(project)
    store = project.folder / ".pave"
    subprocess.run(["mount", "--bind", str(store), str(store)], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(store)], check=True)
        assert project.artifacts("F/1/end")["F/1/end/2"]["small"] == "1"
        assert "F/1" in project.pave("runs").stdout
        done = project.python("f.py", "run")
        assert done.returncode == 1 and "error[M003]" in done.stderr, done.stderr
    finally:
        subprocess.run(["umount", str(store)], check=True)


def test_nothing_to_resume_is_said(project: Project) -> None:
    run_once(project)
    done = project.python("f.py", "resume")
    assert done.returncode == 1 and "error[R004]" in done.stderr, done.stderr
    done = project.python("f.py", "resume", "--origin-run-id", "77")
    assert done.returncode == 1 and "error[M004]" in done.stderr, done.stderr
    done = project.python("f.py", "resume", "nowhere")
    assert done.returncode == 1 and "error[R005]" in done.stderr, done.stderr


@pytest.mark.parametrize("path", ["F/9", "G/1", "F/1/nowhere", "F/1/end/77"])
def test_what_is_not_there_is_said_with_what_is(project: Project, path: str) -> None:
    run_once(project)
    for command in ("logs", "dump"):
        done = project.pave(command, path)
        assert done.returncode == 1 and "error[M004]" in done.stderr, done.stderr
        assert "next" in done.stderr


def test_a_damaged_database_is_not_touched(project: Project, tmp_path: Path) -> None:
    run_once(project)
    database = project.folder / ".pave" / "metadata.db"
    for extra in ("-wal", "-shm"):
        Path(f"{database}{extra}").unlink(missing_ok=True)
    database.write_bytes(b"this is no database" * 100)
    done = project.python("f.py", "run")
    assert done.returncode == 1 and "error[M00" in done.stderr, done.stderr
    assert database.read_bytes() == b"this is no database" * 100
