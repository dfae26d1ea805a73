"""How an attempt can end: caught, timed out, exited, killed, with the user's own traceback."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest
from fake_runtime import Runtime, flow_of

from pave.exceptions import MetaflowExceptionWrapper

Make = Callable[..., Runtime]


def test_a_failure_tells_the_users_frames_and_only_those(one_step: Make) -> None:
    flow = one_step(
        "def inner():\n    raise ValueError('no good')\ninner()",
    )
    result = flow.run("start")
    failure = result.failure
    assert failure["kind"] == "raised"
    assert failure["exception"] == "builtins.ValueError"
    assert failure["message"] == "no good"
    lines = failure["traceback"].splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert [line.split(", ")[-1] for line in lines if line.startswith("  File")] == [
        "in start",
        "in inner",
    ]
    assert f'File "{flow.file}"' in failure["traceback"]
    assert "pave" + os.sep not in failure["traceback"].replace(str(flow.folder), "")
    assert result.stderr == failure["traceback"]
    assert result.status == 0


def test_causes_are_told_too(one_step: Make) -> None:
    failure = (
        one_step(
            "try:\n    {}['a']\n"
            "except KeyError as error:\n    raise RuntimeError('outer') from error"
        )
        .run("start")
        .failure
    )
    text = failure["traceback"]
    assert (
        text.index("KeyError: 'a'") < text.index("direct cause") < text.index("RuntimeError: outer")
    )


def test_frames_between_the_users_are_left_out(one_step: Make) -> None:
    failure = one_step("self.next(self.end, foreach='missing')\nreturn").run("start").failure
    assert failure["traceback"].count("File ") == 1


def test_endless_recursion_is_told_in_short(one_step: Make) -> None:
    failure = one_step("def f():\n    f()\nf()").run("start").failure
    assert failure["exception"] == "builtins.RecursionError"
    assert "Previous line repeated" in failure["traceback"]
    assert len(failure["traceback"].splitlines()) < 30


def test_a_syntax_error_in_a_step_is_told(one_step: Make) -> None:
    failure = one_step("compile('x = = 1', 'inner.py', 'exec')").run("start").failure
    assert failure["exception"] == "builtins.SyntaxError"
    assert "x = = 1" in failure["traceback"]


def test_an_exception_that_can_not_be_shown_is_told_all_the_same(one_step: Make) -> None:
    flow = one_step(
        "raise Odd()",
        above="class Odd(Exception):\n    def __str__(self):\n        raise RuntimeError('twice')",
    )
    failure = flow.run("start").failure
    assert failure["exception"] == "__main__.Odd"
    assert "Odd" in failure["message"]


def test_lone_surrogates_in_a_message_do_not_break_the_answer(one_step: Make) -> None:
    failure = one_step("raise ValueError('a\\ud800b')").run("start").failure
    assert failure["message"] == "a\\ud800b"


@pytest.mark.parametrize("call", ["sys.exit(0)", "sys.exit(3)", "exit()"])
def test_exiting_is_a_failure_of_its_own(one_step: Make, call: str) -> None:
    flow = one_step(f"self.before = 1\n{call}", above="import sys")
    result = flow.run("start")
    assert result.failure["kind"] == "exited"
    assert "sys.exit(" in result.failure["message"]
    assert set(result.own) == {"before"}


def test_leaving_without_a_word_is_the_exit_status(one_step: Make) -> None:
    result = one_step("os._exit(7)", above="import os").run("start")
    assert result.finished is None
    assert os.waitstatus_to_exitcode(result.status) == 7


def test_a_crash_is_the_signal(one_step: Make) -> None:
    result = one_step("import ctypes\nctypes.string_at(0)").run("start")
    assert result.finished is None
    assert os.waitstatus_to_exitcode(result.status) == -signal.SIGSEGV


def test_a_killed_task_keeps_what_it_has_printed(one_step: Make) -> None:
    body = "print('line')\nimport os, signal\nos.kill(os.getpid(), signal.SIGKILL)"
    result = one_step(body).run("start")
    assert os.waitstatus_to_exitcode(result.status) == -signal.SIGKILL
    assert result.stdout == "line\n"


def test_sigterm_ends_a_task(one_step: Make) -> None:
    result = one_step("import os, signal\nos.kill(os.getpid(), signal.SIGTERM)").run("start")
    assert os.waitstatus_to_exitcode(result.status) == -signal.SIGTERM


def test_ctrl_c_is_a_keyboard_interrupt_in_a_task(one_step: Make) -> None:
    body = "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(60)"
    assert one_step(body).run("start").failure["exception"] == "builtins.KeyboardInterrupt"


def test_a_process_that_the_step_forks_does_not_answer_for_it(one_step: Make) -> None:
    flow = one_step("import os\npid = os.fork()\nif pid:\n    os.waitpid(pid, 0)\nself.pid = pid")
    result = flow.run("start")
    assert result["pid"] > 0


# What is printed


def test_everything_printed_arrives(one_step: Make) -> None:
    body = (
        "import ctypes, sys\nsys.stdout.write('no newline')\n"
        "ctypes.CDLL(None).puts(b'from C')\n"
        "print('warning', file=sys.stderr)\nprint('\\ud800 \\u00e9')"
    )
    result = one_step(body).run("start")
    assert "no newline" in result.stdout
    assert "from C" in result.stdout
    assert "\\ud800 é" in result.stdout
    assert result.stderr == "warning\n"


def test_what_the_file_prints_is_not_printed_again_by_tasks(one_step: Make) -> None:
    flow = one_step("pass", above="import sys\nsys.stdout.write('imported')")
    assert flow.run("start").stdout == ""


def test_exit_handlers_of_the_step_run_and_those_of_the_file_do_not(one_step: Make) -> None:
    flow = one_step(
        "import threading\natexit.register(print, 'of the step')\n"
        "threading.Thread(target=lambda: print('thread')).start()",
        above="import atexit\natexit.register(print, 'of the file')",
    )
    assert flow.run("start").stdout == "thread\nof the step\n"


# @catch

CATCH = "@catch(var='problem', print_exception=False)\n"


@pytest.fixture
def catching(runtime: Make) -> Callable[..., Runtime]:
    def make(body: str, decorator: str = CATCH, more: str = "") -> Runtime:
        source = flow_of(body, above=more).replace(
            "    @step\n    def start", f"    {decorator}    @step\n    def start"
        )
        made = runtime(source)
        made.ready()
        return made

    return make


def test_catch_holds_the_exception_and_goes_on(catching: Callable[..., Runtime]) -> None:
    result = catching("self.before = 1\nraise ValueError('no good')").run("start")
    assert result.taken["steps"] == ["end"]
    assert result.caught["exception"] == "builtins.ValueError"
    problem = result["problem"]
    assert isinstance(problem, MetaflowExceptionWrapper)
    assert (problem.type, problem.exception, str(problem)) == (
        "builtins.ValueError",
        "no good",
        "no good",
    )
    assert "in start" in problem.stacktrace
    assert result["_catch_exception"].exception == "no good"
    assert result["before"] == 1
    assert result.stderr == ""


def test_catch_prints_unless_told_otherwise(catching: Callable[..., Runtime]) -> None:
    result = catching("1 / 0", "@catch(var='problem')\n").run("start")
    assert "ZeroDivisionError" in result.stderr
    assert "start" in result.stderr


def test_catch_waits_for_the_last_attempt(catching: Callable[..., Runtime]) -> None:
    flow = catching("1 / 0")
    result = flow.run("start", is_last_attempt=False)
    assert result.failure["exception"] == "builtins.ZeroDivisionError"
    assert "problem" not in result.own


def test_catch_without_failure_leaves_none(catching: Callable[..., Runtime]) -> None:
    result = catching("pass").run("start")
    assert result["problem"] is None
    assert result.caught is None
    assert "_catch_exception" not in result.own


def test_catch_without_a_variable(catching: Callable[..., Runtime]) -> None:
    result = catching("1 / 0", "@catch(print_exception=False)\n").run("start")
    assert set(result.own) == {"_catch_exception"}


def test_catch_stands_in_for_a_dead_attempt(catching: Callable[..., Runtime]) -> None:
    flow = catching("self.never = 1")
    fallback = {"kind": "killed", "exception": "", "message": "killed by SIGSEGV", "traceback": ""}
    result = flow.run("start", fallback=fallback, attempt=1)
    assert result.taken["steps"] == ["end"]
    assert result.caught == fallback
    assert result["problem"].type == "pave.exceptions.FailureHandledByCatch"
    assert result["problem"].exception == "killed by SIGSEGV"
    assert "never" not in result.own


@pytest.mark.parametrize("body", ["import sys\nsys.exit(1)", "self.bad = open(__file__)"])
def test_catch_covers_exits_and_what_can_not_be_stored(
    catching: Callable[..., Runtime], body: str
) -> None:
    result = catching(f"self.before = 1\n{body}").run("start")
    assert set(result.own) == {"before", "problem", "_catch_exception"}
    assert result.caught["kind"] in ("exited", "unstorable")


def test_what_was_caught_is_readable_without_the_class(catching: Callable[..., Runtime]) -> None:
    flow = catching("raise Mine('x')", more="class Mine(Exception): pass")
    assert flow.run("start")["problem"].type == "__main__.Mine"


# @timeout and retries


def test_a_timeout_interrupts_the_body(one_step: Make) -> None:
    flow = one_step("self.before = 1\nimport time\ntime.sleep(60)")
    result = flow.run("start", timeout_seconds=1)
    assert result.failure["kind"] == "timed_out"
    assert result.failure["exception"] == "pave.exceptions.TimeoutException"
    assert "1 second" in result.failure["message"]
    assert "time.sleep(60)" in result.failure["traceback"]
    assert set(result.own) == {"before"}
    assert 900 <= result.finished["body_ms"] < 30_000


def test_a_timeout_that_is_not_reached_leaves_nothing_behind(one_step: Make) -> None:
    body = "import signal\nself.before = signal.getitimer(signal.ITIMER_REAL)[0]"
    flow = one_step(body)
    assert 0 < flow.run("start", timeout_seconds=600)["before"] <= 600


def test_a_timeout_can_be_caught(catching: Callable[..., Runtime]) -> None:
    result = catching("import time\ntime.sleep(60)").run("start", timeout_seconds=1)
    assert result.caught["kind"] == "timed_out"


def test_every_attempt_starts_clean(one_step: Make) -> None:
    body = (
        "self.seen = (current.retry_count, hasattr(self, 'left'))\nself.left = 1\n"
        "if current.retry_count == 0:\n    raise ValueError"
    )
    flow = one_step(body)
    assert flow.run("start", is_last_attempt=False).failure["exception"] == "builtins.ValueError"
    assert flow.run("start", attempt=1)["seen"] == (1, False)
