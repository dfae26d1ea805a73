"""Decorators that decide how a step is tried: retry, catch, timeout, environment, resources."""

from __future__ import annotations

import os

import pytest

from pave import Task

from .place import Place

FATES = """
import os, signal, sys, time
from pave import *

class Boom(Exception):
    def __init__(self, a, b):
        super().__init__(a)
        self.b = b

    def __str__(self):
        return f"boom {self.b}"

class Fates(FlowSpec):
    @retry(times=1, minutes_between_retries=0)
    @catch(var="late", print_exception=False)
    @timeout(seconds=1)
    @step
    def start(self):
        self.before = current.retry_count
        print("attempt", current.retry_count)
        time.sleep(60)
        self.next(self.raises, self.dies)

    @catch(var="problem")
    @step
    def raises(self):
        assert self.late.type == "pave.exceptions.TimeoutException" and self.before == 1
        assert "took longer than 1 second" in str(self.late)
        self.before = "set before"
        raise Boom(1, 2) from KeyError("cause")
        self.next(self.join)

    @retry(times=2)
    @catch(var="problem")
    @step
    def dies(self):
        if current.retry_count == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        if current.retry_count == 1:
            os._exit(7)
        sys.exit("bye")
        self.next(self.join)

    @catch(var="none")
    @step
    def join(self, inputs):
        raised, died = inputs.raises.problem, inputs.dies.problem
        assert (raised.type, raised.exception, str(raised)) == ("__main__.Boom", "boom 2", "boom 2")
        assert "raise Boom(1, 2) from KeyError" in raised.stacktrace and "KeyError: 'cause'" in raised.stacktrace
        assert "/pave/" not in raised.stacktrace and inputs.raises.before == "set before"
        assert died.type.endswith("FailureHandledByCatch") and "bye" in str(died)
        self.next(self.unstorable)

    @catch(var="odd")
    @step
    def unstorable(self):
        assert self.none is None
        self.handle, self.fine = open(os.devnull), 1
        self.next(self.crashes)

    @catch(var="crash")
    @step
    def crashes(self):
        assert "`handle`" in str(self.odd) and self.fine == 1 and not hasattr(self, "handle")
        self.lost = 1
        os.kill(os.getpid(), signal.SIGSEGV)
        self.next(self.end)

    @catch(var="last")
    @step
    def end(self):
        assert "SIGSEGV" in str(self.crash) and not hasattr(self, "lost")
        raise ValueError("in the end")

if __name__ == "__main__":
    Fates()
"""


@pytest.mark.parametrize("fork", ["auto", "never"])
def test_whatever_befalls_a_step_can_be_caught(place: Place, fork: str) -> None:
    place.write("fates.py", FATES)
    done = place.run("fates.py", "--fork", fork)
    assert done.printed("start") == ["attempt 0", "attempt 1"]
    run = place.latest("Fates")
    assert run.successful and run.finished and str(run.data.last) == "in the end"
    fates = {step.id: step.task for step in run}
    for name in ("start", "raises", "dies", "unstorable", "crashes", "end"):
        task = fates[name]
        assert (task.finished, task.successful, task.exception) == (True, False, None), name
        assert task.metadata_dict["attempt_ok"] == "True"
        assert isinstance(task["_catch_exception"].data, Exception)
    assert fates["join"].successful and "_catch_exception" not in fates["join"]
    attempts = {name: task.metadata_dict["attempt"] for name, task in fates.items()}
    assert (attempts["start"], attempts["dies"], attempts["raises"]) == ("1", "2", "0")
    first = Task("Fates/1/start/1", attempt=0)
    assert first.data.before == 0 and first.stdout == "attempt 0\n" and not first.successful
    assert first.exception.type == "pave.exceptions.TimeoutException"
    assert "caught in step `raises`" in fates["raises"].stderr
    assert "Boom" not in fates["start"].stderr and "Traceback" not in fates["start"].stderr


def test_retries_stop_after_the_last_attempt(place: Place) -> None:
    place.write(
        "tries.py",
        """
        class Tries(FlowSpec):
            @retry(times=2)
            @step
            def start(self):
                print("attempt", current.retry_count, current.task_id)
                raise ValueError(current.retry_count)
                self.next(self.end)

            @step
            def end(self):
                pass
        """,
    )
    done = place.fail("tries.py")
    told = done.refused("T001")
    assert "ValueError: 2" in told and "it was tried 3 times" in told
    assert done.printed() == ["attempt 0 1", "attempt 1 1", "attempt 2 1"]
    run = place.latest("Tries")
    task = run["start"].task
    assert task.metadata_dict["attempt"] == "2" and task.exception.exception == "2"
    assert [fact.value for fact in task.metadata if fact.name == "attempt"] == ["0", "1", "2"]
    assert (run.finished, run.successful, run.data) == (True, False, None)
    assert place.pave("logs", "Tries/1/start", "--attempt", "1", "--stdout").out == "attempt 1 1\n"


WITH = """
import os
from pave import FlowSpec, current, retry, step

class With(FlowSpec):
    @retry(times=0)
    @step
    def start(self):
        assert "FAIL" not in os.environ
        print(os.environ.get("A"), os.environ.get("B"))
        self.next(self.shaky)

    @step
    def shaky(self):
        assert current.retry_count >= int(os.environ.get("NEED", "0"))
        self.next(self.end)

    @step
    def end(self):
        print("problem", getattr(self, "e", None).__class__.__name__)

if __name__ == "__main__":
    With()
"""


def test_with_adds_decorators_where_the_source_has_none(place: Place) -> None:
    place.write("with.py", WITH)
    assert place.fail("with.py", NEED="1").refused("T001")
    place.run("with.py", "--with", "retry:times=2,minutes_between_retries=0", NEED="2")
    place.succeed("with.py", "--with", "retry:times=1", "run", NEED="1")
    caught = ["--with", "retry:times=1", "--with", "catch:var=e,print_exception=false"]
    done = place.run("with.py", *caught, NEED="9")
    assert done.printed("end") == ["problem MetaflowExceptionWrapper"]
    assert "Traceback" in done.err and "@catch" not in done.err
    variables = 'environment:vars={"A": "1,2", "B": "x=y"}'
    assert place.run("with.py", "--with", variables).printed("start") == ["1,2 x=y"]
    place.run("with.py", METAFLOW_DEFAULT_DECOSPECS="retry:times=1 timeout:minutes=1", NEED="1")
    # The step's own decorator wins.
    failed = place.fail("with.py", "--with", "retry:times=3", FAIL="1")
    assert "Task is starting (attempt" not in failed.out


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("nonsense", ["--with nonsense", "`retry`"]),
        ("retry:count=1", ["--with retry:count=1", "`count`", "`times`"]),
        ("retry:times=many", ["`times`", "many"]),
        ("catch:var=e,print=1", ["`print`"]),
    ],
)
def test_a_wrong_with_is_refused_before_anything_runs(
    place: Place, spec: str, words: list[str]
) -> None:
    place.write("with.py", WITH)
    told = place.python("with.py", "run", "--with", spec).refused("G016")
    assert all(word in told for word in words), told
    assert "<frozen" not in told and not place.has_runs()


def test_variables_are_set_before_python_starts_and_for_that_step_alone(place: Place) -> None:
    place.write(
        "vars.py",
        """
        import os, subprocess, sys, time
        from pave import FlowSpec, environment, step

        AT_IMPORT = os.environ.get("COLOUR")

        class Vars(FlowSpec):
            @environment(vars={"COLOUR": "blue", "NUMBER": 3, "NONE": None, "TZ": "Asia/Tokyo",
                               "PYTHONHASHSEED": "0"})
            @step
            def start(self):
                print(AT_IMPORT, os.environ["COLOUR"], os.environ["NUMBER"], os.environ["NONE"])
                print(time.strftime("%z"), hash("pave"), sys.flags.hash_randomization)
                subprocess.run([sys.executable, "-c", "import os; print(os.environ['COLOUR'])"])
                self.next(self.end)

            @step
            def end(self):
                print(AT_IMPORT, os.environ.get("COLOUR"))

        if __name__ == "__main__":
            Vars()
        """,
    )
    first, again = place.run("vars.py", TZ="UTC"), place.run("vars.py", TZ="UTC")
    assert first.printed("start") == again.printed("start")
    assert first.printed("start")[0] == "blue blue 3 None"
    assert first.printed("start")[1].startswith("+0900") and first.printed("start")[2] == "blue"
    assert first.printed("end") == ["None None"]


def test_a_step_waits_for_the_cpus_it_asks_for(place: Place) -> None:
    cpus = len(os.sched_getaffinity(0))
    place.write(
        "wide.py",
        f"""
        import time
        from pave import FlowSpec, resources, step

        class Wide(FlowSpec):
            @step
            def start(self):
                self.xs = [1, 2, 3]
                self.next(self.work, foreach="xs")

            @resources(cpu={cpus}, memory=100)
            @step
            def work(self):
                began = time.time()
                time.sleep(0.05)
                self.span = (began, time.time())
                self.next(self.join)

            @step
            def join(self, inputs):
                spans = sorted(each.span for each in inputs)
                assert all(a[1] <= b[0] for a, b in zip(spans, spans[1:])), spans
                self.next(self.end)

            @resources
            @step
            def end(self):
                pass

        if __name__ == "__main__":
            Wide()
        """,
    )
    place.run("wide.py")
    for asked in (f"cpu={cpus + 1}", "memory=1000000000", "gpu=99"):
        step = f"    @resources({asked})\n    @step\n    def fit(self):\n        pass\n"
        place.write("big.py", f"class Big(FlowSpec):\n{step}")
        told = place.python("big.py", "run").refused("R003")
        assert "fit" in told and asked.split("=")[1] in told, told
