"""`kill -9` at any point: what had committed stays, what had not leaves nothing, resume goes on."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from pathlib import Path

import pytest
from conftest import Project

FLOW = """
    import os
    from pave import FlowSpec, step

    def note(word):
        # One write, so that lines of tasks that run at once don't mix.
        with open("bodies.txt", "a") as out:
            out.write(f"{word} {os.getpid()}\\n")

    class Walk(FlowSpec):
        @step
        def start(self):
            note("start")
            self.xs = [10, 20, 30]
            self.big = "x" * 20_000
            print("fanning out")
            self.next(self.work, foreach="xs")

        @step
        def work(self):
            note(f"work{self.index}")
            self.y = self.input + len(self.big)
            print("worked")
            self.next(self.join)

        @step
        def join(self, inputs):
            note("join")
            self.ys = [i.y for i in inputs]
            self.next(self.end)

        @step
        def end(self):
            note("end")
            self.total = sum(self.ys)

    if __name__ == "__main__":
        Walk()
"""
TOTAL = 10 + 20 + 30 + 3 * 20_000


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A zombie is dead; whoever inherited it will collect it.
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def wait_until(condition: object, seconds: float = 10) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():  # type: ignore[operator]
            return True
        time.sleep(0.01)
    return False


def bodies(project: Project) -> list[tuple[str, int]]:
    path = project.folder / "bodies.txt"
    if not path.exists():
        return []
    return [(line.split()[0], int(line.split()[1])) for line in path.read_text().splitlines()]


def committed(project: Project) -> set[str]:
    """Names of the bodies whose tasks the store has as succeeded."""
    runs = project.runs()
    if not runs:
        return set()
    done = set()
    for task, state in project.states(runs[0]["run"]).items():
        step = task.split("/")[2]
        if state == "succeeded" and not step.startswith("_"):
            index = int(task.split("/")[3]) - 2 if step == "work" else ""
            done.add(f"{step}{index}")
    return done


def check_store(project: Project) -> None:
    """The database is whole, and no half-written file is left in the store."""
    database = project.folder / ".pave" / "metadata.db"
    if database.exists():
        with sqlite3.connect(database) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def go_on(project: Project) -> None:
    """Resumes; starts anew where the run had not got far enough to be resumed."""
    check_store(project)
    runs = project.runs()
    before = committed(project)
    earlier = len(bodies(project))
    if runs and runs[0]["state"] == "succeeded":
        return
    assert not runs or runs[0]["state"] == "interrupted", runs[0]
    done = project.python("walk.py", "resume")
    if done.returncode != 0:
        # Killed before it had a run, or before the run had stored its parameters.
        assert "error[R004]" in done.stderr or "error[M002]" in done.stderr, done.stderr
        assert not before
        done = project.python("walk.py", "run")
    assert done.returncode == 0, done.stderr
    repeated = before & {name for name, _ in bodies(project)[earlier:]}
    assert not repeated, f"committed, and executed again: {repeated}"


def result(project: Project) -> str:
    (end,) = project.artifacts(f"{project.runs()[0]['run']}/end").values()
    return end["total"]


def test_every_durable_point_of_the_runtime(project: Project) -> None:
    project.write("walk.py", FLOW)
    points = 0
    for point in range(1, 400):
        for left in project.folder.glob(".pave"):
            left.rename(project.folder / f"store-{point}")
        (project.folder / "bodies.txt").unlink(missing_ok=True)
        done = project.python("walk.py", "run", PAVE_CRASH_AT=str(point))
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
        points += 1
        pids = [pid for _, pid in bodies(project)]
        assert wait_until(lambda: not any(map(alive, pids))), "tasks outlived their runtime"
        go_on(project)
        assert result(project) == str(TOTAL), f"crash point {point}: {done.stderr}"
    assert points > 20, "the scenario has too few crash points to mean anything"


@pytest.mark.parametrize("victim", ["start", "work1", "join", "end"])
def test_a_killed_task_fails_the_run_and_resume_goes_on(project: Project, victim: str) -> None:
    marker = f"""
    import signal, os
    if not os.path.exists("mended"):
        _note = note
        def note(word):
            _note(word)
            if word == "{victim}":
                print("cut in mid-li", end="")
                os.kill(os.getpid(), signal.SIGKILL)
    """
    project.write("walk.py", FLOW.replace("    class Walk", marker + "\n    class Walk"))
    done = project.python("walk.py", "run")
    assert done.returncode == 1
    assert "error[T003]" in done.stderr and "SIGKILL" in done.stderr, done.stderr
    assert "cut in mid-li" in done.stdout
    assert "resume" in done.stderr
    (project.folder / "mended").touch()
    earlier = len(bodies(project))
    assert project.python("walk.py", "resume").returncode == 0
    again = [name for name, _ in bodies(project)[earlier:]]
    assert victim in again
    assert "start" not in again or victim == "start"
    assert result(project) == str(TOTAL)


SLOW = """
    import os, subprocess, time
    from pave import FlowSpec, step

    class Slow(FlowSpec):
        @step
        def start(self):
            self.xs = [0, 1]
            self.next(self.work, foreach="xs")

        @step
        def work(self):
            child = subprocess.Popen(["sleep", "600"])
            with open("pids.txt", "a") as out:
                out.write(f"{os.getpid()} {child.pid} {os.getppid()}\\n")
            print("sleeping", flush=True)
            time.sleep(600)
            self.next(self.join)

        @step
        def join(self, inputs):
            self.next(self.end)

        @step
        def end(self):
            pass

    if __name__ == "__main__":
        Slow()
"""


def pids(project: Project) -> list[list[int]]:
    path = project.folder / "pids.txt"
    lines = path.read_text().splitlines() if path.exists() else []
    return [[int(word) for word in line.split()] for line in lines]


def test_when_the_runtime_dies_everything_it_started_dies(project: Project) -> None:
    project.write("slow.py", SLOW)
    process = project.start("slow.py", "run")
    assert wait_until(lambda: len(pids(project)) == 2)
    process.kill()
    process.communicate()
    every = [pid for row in pids(project) for pid in row]
    assert wait_until(lambda: not any(map(alive, every))), [p for p in every if alive(p)]
    assert project.runs()[0]["state"] == "interrupted"


def test_when_the_warm_worker_dies_its_tasks_are_tried_again(project: Project) -> None:
    project.write("slow.py", SLOW.replace("time.sleep(600)", "time.sleep(600 if len(open('pids.txt').readlines()) <= 2 else 0)"))
    process = project.start("slow.py", "run")
    assert wait_until(lambda: len(pids(project)) == 2)
    os.kill(pids(project)[0][2], signal.SIGKILL)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "worker died" in out + err
    assert len(pids(project)) == 4


def test_ctrl_c_once_gives_tasks_a_moment_and_twice_does_not(project: Project) -> None:
    project.write("slow.py", SLOW)
    process = project.start("slow.py", "run")
    assert wait_until(lambda: len(pids(project)) == 2)
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert process.poll() is None, "the grace was cut short"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)
    assert process.returncode == 1
    assert "interrupted" in err and "resume" in err, err
    every = [pid for row in pids(project) for pid in row[:2]]
    assert wait_until(lambda: not any(map(alive, every)))
    assert project.runs()[0]["state"] == "interrupted"


def test_a_task_that_finishes_within_the_grace_of_ctrl_c_counts(project: Project) -> None:
    project.write("slow.py", SLOW.replace("time.sleep(600)", "time.sleep(1.5)"))
    process = project.start("slow.py", "run")
    assert wait_until(lambda: len(pids(project)) == 2)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 1, err
    states = project.states(project.runs()[0]["run"])
    assert [state for task, state in states.items() if "/work/" in task] == ["succeeded"] * 2
    done = project.python("slow.py", "resume")
    assert done.returncode == 0, done.stderr
    assert len(pids(project)) == 2, "a finished task was executed again"
