"""What tasks print: live lines with their task, and the log as it was, to the last byte."""

from __future__ import annotations

import os
import pty
import select
import sys
import time

import pytest

from .place import Place

TALK = r"""
import atexit, logging, multiprocessing, os, subprocess, sys, threading, time, warnings
from pave import FlowSpec, step

logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")

def child():
    print("from multiprocessing")

class Talk(FlowSpec):
    @step
    def start(self):
        print("héllo ☃ 日本", "two\nlines")
        sys.stdout.buffer.write(b"bytes \xff\x00 end\n")
        print("lone \ud800 surrogate")
        print("\n\nblank lines around\n")
        print("carriage\rreturn\r\n", end="")
        os.write(1, b"raw descriptor\n")
        print("half", end="")
        print(" a line", end="", file=sys.stderr)
        self.next(self.others)

    @step
    def others(self):
        os.system("echo from the shell; echo its error >&2")
        subprocess.run([sys.executable, "-c", "print('from a child')"], check=True)
        print(subprocess.check_output(["echo", "captured"], text=True), end="")
        process = multiprocessing.get_context("fork").Process(target=child)
        process.start(); process.join()
        thread = threading.Thread(target=lambda: print("from a thread"))
        thread.start(); thread.join()
        logging.info("logged")
        warnings.warn("take care")
        print(repr(sys.stdin.read()), sys.stdout.isatty(), sys.stdout.encoding)
        self.next(self.late)

    @step
    def late(self):
        atexit.register(lambda: print("at exit"))
        def work():
            time.sleep(0.1)
            print("late thread")
        threading.Thread(target=work).start()
        print("step over", end="")
        self.next(self.end)

    @step
    def end(self):
        print("x" * 200_000)
        print("the end", end="")

if __name__ == "__main__":
    Talk()
"""


@pytest.mark.parametrize("fork", ["auto", "never"])
def test_everything_that_a_task_prints_is_kept_and_shown(place: Place, fork: str) -> None:
    place.write("talk.py", TALK)
    done = place.run("talk.py", "--fork", fork)
    assert done.printed("start") == [
        "héllo ☃ 日本 two", "lines", "bytes \ufffd\0 end", "lone \\ud800 surrogate", "", "",
        "blank lines around", "", "carriage", "raw descriptor", "half",
    ]  # fmt: skip
    tasks = {step.id: step.task for step in place.latest("Talk")}
    start = tasks["start"]
    assert b"".join(
        line + b"\n" for _, line in start.loglines("stdout", as_unicode=False)
    ).startswith("héllo ☃ 日本 two\nlines\nbytes ".encode() + b"\xff\0 end\n")
    assert start.stdout.endswith("raw descriptor\nhalf\n") and start.stderr == " a line\n"
    others = tasks["others"].stdout.splitlines()
    assert sorted(others) == sorted(
        ["from the shell", "from a child", "captured", "from multiprocessing", "from a thread",
         "'' False utf-8"]
    )  # fmt: skip
    told = tasks["others"].stderr
    assert "its error" in told and "INFO logged" in told and "UserWarning: take care" in told
    assert tasks["late"].stdout == "step overlate thread\nat exit\n"
    assert tasks["end"].stdout == "x" * 200_000 + "\nthe end\n"
    assert done.printed("end")[-1] == "the end"


def test_lines_of_tasks_side_by_side_keep_apart(place: Place) -> None:
    place.write(
        "side.py",
        """
        import sys
        from pave import FlowSpec, step

        class Side(FlowSpec):
            @step
            def start(self):
                self.xs = ["a", "b", "c"]
                self.next(self.talk, foreach="xs")

            @step
            def talk(self):
                for n in range(300):
                    print(self.input, n, self.input * 50, end="\\n")
                    sys.stderr.write(self.input)
                    sys.stderr.write(f" {n}\\n")
                self.next(self.join)

            @step
            def join(self, inputs):
                self.next(self.end)

            @step
            def end(self):
                pass

        if __name__ == "__main__":
            Side()
        """,
    )
    done = place.run("side.py", "--max-workers", "3")
    for letter, task in zip("abc", list(place.latest("Side")["talk"])[::-1], strict=True):
        assert task.stdout == "".join(f"{letter} {n} {letter * 50}\n" for n in range(300))
        assert task.stderr == "".join(f"{letter} {n}\n" for n in range(300))
        lines = [line for line in done.printed("talk") if line.startswith(letter)]
        assert lines == task.stdout.splitlines()


def on_terminal(place: Place, *words: str) -> tuple[str, int]:
    """Runs a command on a terminal of its own; what was drawn, and the status."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(place.folder)
        env = {**place.env, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "40"}
        os.execve(sys.executable, [sys.executable, *words], env)
    drawn = b""
    until = time.monotonic() + 60
    while time.monotonic() < until and select.select([terminal], [], [], 60)[0]:
        try:
            part = os.read(terminal, 65536)
        except OSError:
            break
        if not part:
            break
        drawn += part
    os.close(terminal)
    return drawn.decode(errors="replace"), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_a_terminal_shows_progress_and_is_left_as_it_was(place: Place) -> None:
    place.write(
        "live.py",
        """
        import time
        class Live(FlowSpec):
            fail = Parameter("fail", default=False)

            @step
            def start(self):
                self.xs = list(range(5))
                self.next(self.work, foreach="xs")

            @step
            def work(self):
                print("working on", self.input)
                time.sleep(0.3)
                if self.fail:
                    raise ValueError("no good")
                self.next(self.join)

            @step
            def join(self, inputs):
                self.next(self.end)

            @step
            def end(self):
                pass
        """,
    )
    drawn, code = on_terminal(place, "live.py", "run")
    assert code == 0, drawn
    assert "working on 3" in drawn and "5/5" in drawn.replace(" ", "") and "succeeded" in drawn
    assert drawn.rfind("\x1b[?25h") >= drawn.rfind("\x1b[?25l"), "the cursor is shown again"
    drawn, code = on_terminal(place, "live.py", "run", "--fail", "yes")
    assert code == 1 and "ValueError: no good" in drawn and "resume" in drawn
    assert drawn.rfind("\x1b[?25h") >= drawn.rfind("\x1b[?25l")
