"""Flows run from end to end, in both spellings, and everything about them can be read back."""

from __future__ import annotations

import json
import os
import time

import pytest
from conftest import Project

FLOW = """
    from pave import FlowSpec, Parameter, JSONType, current, step

    class Nested(FlowSpec):
        '''Multiplies.'''
        n = Parameter("n", default=2, help="rows")
        names = Parameter("names", type=JSONType, default='["a", "b", "c"]')
        scale = 10

        @step
        def start(self):
            '''Makes rows.'''
            print("params", self.n, self.names, self.scale)
            self.rows = list(range(self.n))
            self.next(self.row, foreach="rows")

        @step
        def row(self):
            self.row_value = self.input
            self.columns = self.names
            self.next(self.cell, foreach="columns")

        @step
        def cell(self):
            self.out = f"{self.row_value}{self.input}"
            assert [it[2] for it in self.foreach_stack()] == [self.row_value, self.input]
            self.next(self.join_row)

        @step
        def join_row(self, inputs):
            self.outs = [it.out for it in inputs]
            self.merge_artifacts(inputs, include=["row_value"])
            self.next(self.both)

        @step
        def both(self):
            self.next(self.left, self.right)

        @step
        def left(self):
            self.side = "left"
            self.next(self.meet)

        @step
        def right(self):
            self.other = "right"
            self.next(self.meet)

        @step
        def meet(self, inputs):
            self.merge_artifacts(inputs)
            assert (self.side, self.other) == ("left", "right")
            assert inputs.left.side == "left"
            self.next(self.join_all)

        @step
        def join_all(self, inputs):
            self.everything = [it.outs for it in inputs]
            self.next(self.end)

        @step
        def end(self):
            print("RESULT", self.everything, current.run_id, current.pathspec)

    if __name__ == "__main__":
        Nested()
"""
EXPECTED = "RESULT [['0a', '0b', '0c'], ['1a', '1b', '1c']]"


@pytest.mark.parametrize("fork", ["auto", "never"])
def test_nested_foreachs_and_branches_run_in_both_modes(project: Project, fork: str) -> None:
    project.write("nested.py", FLOW)
    done = project.python("nested.py", "run", "--fork", fork)
    assert done.returncode == 0, done.stderr
    assert EXPECTED in done.stdout
    assert "params 2 ['a', 'b', 'c'] 10" in done.stdout
    states = project.states("Nested/1")
    assert len(states) == 1 + 1 + 2 + 6 + 2 + 2 + 4 + 2 + 1 + 1
    assert set(states.values()) == {"succeeded"}


def test_both_spellings_and_parameters_of_every_kind(project: Project) -> None:
    project.write("nested.py", FLOW)
    done = project.pave("run", "nested.py", "--n", "1", "--names", '["x"]', "--tag", "t", "--tag", "u")
    assert done.returncode == 0, done.stderr
    assert "RESULT [['0x']]" in done.stdout
    run = project.runs()[0]
    assert (run["run"], run["tags"], run["user"]) == ("Nested/1", ["t", "u"], "ada")
    assert "user:ada" in run["system_tags"]
    done = project.python("nested.py", "run", PAVE_RUN_N="1", METAFLOW_RUN_NAMES='["y"]')
    assert "RESULT [['0y']]" in done.stdout, done.stderr
    assert project.runs()[0]["run"] == "Nested/2"


def test_help_lists_the_flow_s_parameters(project: Project) -> None:
    project.write("nested.py", FLOW)
    done = project.python("nested.py", "run", "--help")
    assert done.returncode == 0
    assert "--names" in done.stdout and "rows" in done.stdout and "--max-workers" in done.stdout


def test_the_run_id_file_and_quiet_and_json(project: Project) -> None:
    project.write("nested.py", FLOW)
    done = project.python("nested.py", "run", "--run-id-file", "id.txt", "--quiet")
    assert done.returncode == 0 and (project.folder / "id.txt").read_text() == "1"
    assert "RESULT" in done.stdout and "Task is starting" not in done.stdout
    done = project.python("nested.py", "run", "--json")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events[0]["event"] == "run_started" and events[-1]["event"] == "run_finished"
    assert events[-1]["state"] == "succeeded"
    assert any(it["event"] == "line" and "RESULT" in it["text"] for it in events)


def test_show_and_check_do_not_run_anything(project: Project) -> None:
    project.write("nested.py", FLOW)
    done = project.python("nested.py", "show")
    assert done.returncode == 0 and "Makes rows." in done.stdout and "=>" in done.stdout
    done = project.python("nested.py")
    assert done.returncode == 0 and "well-formed" in done.stdout
    assert project.runs() == []


def test_logs_dump_and_tags_speak_of_what_ran(project: Project) -> None:
    project.write("nested.py", FLOW)
    assert project.python("nested.py", "run").returncode == 0
    assert project.pave("logs", "Nested/1/start/1", "--stdout").stdout == "params 2 ['a', 'b', 'c'] 10\n"
    assert project.python("nested.py", "logs", "1/start/1").stdout.startswith("params")
    stamped = project.pave("logs", "Nested/1/start/1", "--timestamps").stdout
    assert stamped.split(" ", 2)[2].startswith("params")
    assert project.artifacts("Nested/1/row/2")["Nested/1/row/2"]["row_value"] == "0"
    assert "row_value [size:" in project.python("nested.py", "dump", "1/row").stdout
    done = project.python("nested.py", "tag", "add", "--run-id", "1", "good", "best")
    assert done.returncode == 0, done.stderr
    assert project.pave("runs", "--tag", "good", "--json").stdout.count("\n") == 1
    assert project.pave("tag", "remove", "Nested/1", "best").returncode == 0
    assert project.runs()[0]["tags"] == ["good"]


def test_a_failed_step_is_retried_and_its_attempts_are_kept(project: Project) -> None:
    project.write("flaky.py", """
        from pave import FlowSpec, catch, current, retry, step

        class Flaky(FlowSpec):
            @retry(times=2)
            @step
            def start(self):
                print("attempt", current.retry_count)
                if current.retry_count < 2:
                    raise ValueError("not yet")
                self.next(self.caught)

            @catch(var="problem")
            @retry(times=1)
            @step
            def caught(self):
                self.before = 1
                raise KeyError("always")
                self.next(self.end)

            @step
            def end(self):
                print("CAUGHT", type(self.problem).__name__, self.problem.type, self.before)

        if __name__ == "__main__":
            Flaky()
    """)
    done = project.python("flaky.py", "run")
    assert done.returncode == 0, done.stderr
    assert "builtins.KeyError 1" in done.stdout
    for attempt in (0, 1, 2):
        logs = project.pave("logs", "Flaky/1/start/1", "--attempt", str(attempt), "--stdout")
        assert logs.stdout == f"attempt {attempt}\n"


def test_timeouts_stop_a_step_also_one_that_does_not_listen(project: Project) -> None:
    project.write("late.py", """
        import time
        from pave import FlowSpec, step, timeout

        class Late(FlowSpec):
            @timeout(seconds=1)
            @step
            def start(self):
                time.sleep(60)
                self.next(self.end)

            @step
            def end(self):
                pass

        if __name__ == "__main__":
            Late()
    """)
    began = time.monotonic()
    done = project.python("late.py", "run")
    assert done.returncode == 1 and "error[T004]" in done.stderr, done.stderr
    assert time.monotonic() - began < 30


def test_environment_variables_are_there_before_python_starts(project: Project) -> None:
    project.write("env.py", """
        import os
        from pave import FlowSpec, environment, step

        SEEN = os.environ.get("COLOUR")

        class Env(FlowSpec):
            @environment(vars={"COLOUR": "blue", "PYTHONHASHSEED": "0"})
            @step
            def start(self):
                print("SEEN", SEEN, os.environ["COLOUR"], hash("pave"))
                self.next(self.end)

            @step
            def end(self):
                print("END", SEEN)

        if __name__ == "__main__":
            Env()
    """)
    first = project.python("env.py", "run")
    assert first.returncode == 0, first.stderr
    assert "SEEN blue blue" in first.stdout and "END None" in first.stdout
    second = project.python("env.py", "run")
    of = [line for out in (first.stdout, second.stdout) for line in out.splitlines() if "SEEN" in line]
    assert of[0].split("] ")[1] == of[1].split("] ")[1], "the hash seed came too late"


def test_resources_are_an_admission_limit(project: Project) -> None:
    cpus = len(os.sched_getaffinity(0))
    project.write("big.py", f"""
        import time
        from pave import FlowSpec, resources, step

        class Big(FlowSpec):
            @step
            def start(self):
                self.xs = [1, 2, 3]
                self.next(self.work, foreach="xs")

            @resources(cpu={cpus})
            @step
            def work(self):
                self.began = time.time()
                time.sleep(0.2)
                self.ended = time.time()
                self.next(self.join)

            @step
            def join(self, inputs):
                spans = sorted((i.began, i.ended) for i in inputs)
                assert all(a[1] <= b[0] for a, b in zip(spans, spans[1:])), spans
                self.next(self.end)

            @step
            def end(self):
                pass

        if __name__ == "__main__":
            Big()
    """)
    done = project.python("big.py", "run")
    assert done.returncode == 0, done.stderr


def test_with_adds_a_decorator_to_every_step(project: Project) -> None:
    project.write("with.py", """
        from pave import FlowSpec, current, step

        class With(FlowSpec):
            @step
            def start(self):
                assert current.retry_count == 1
                self.next(self.end)

            @step
            def end(self):
                pass

        if __name__ == "__main__":
            With()
    """)
    assert project.python("with.py", "run").returncode == 1
    for words in (["run", "--with", "retry:times=1"], ["--with", "retry:times=1", "run"]):
        done = project.python("with.py", *words)
        assert done.returncode == 0, done.stderr
    done = project.python("with.py", "run", "--with", "nonsense")
    assert done.returncode == 1 and "nonsense" in done.stderr, done.stderr


def test_resume_takes_parameters_from_its_origin_and_reruns_from_a_step(project: Project) -> None:
    project.write("nested.py", FLOW)
    assert project.python("nested.py", "run", "--names", '["q"]').returncode == 0
    done = project.python("nested.py", "resume", "join_all")
    assert done.returncode == 0, done.stderr
    assert "RESULT [['0q'], ['1q']]" in done.stdout
    assert done.stdout.count("Task is starting") == 2
    run = project.runs()[0]
    assert (run["run"], run["origin"]) == ("Nested/2", 1)
    # Cloned tasks show what their origin printed.
    assert "params" in project.pave("logs", "Nested/2/start").stdout
    done = project.python("nested.py", "resume", "--n", "3")
    assert done.returncode == 2


def test_a_thousand_tasks_run_and_their_order_is_kept(project: Project) -> None:
    project.write("wide.py", """
        from pave import FlowSpec, step

        class Wide(FlowSpec):
            @step
            def start(self):
                self.xs = list(range(1000))
                self.next(self.work, foreach="xs")

            @step
            def work(self):
                self.y = self.input
                self.next(self.join)

            @step
            def join(self, inputs):
                assert [i.y for i in inputs] == list(range(1000))
                self.next(self.end)

            @step
            def end(self):
                pass

        if __name__ == "__main__":
            Wide()
    """)
    done = project.python("wide.py", "run", "--max-num-splits", "1000", "--quiet")
    assert done.returncode == 0, done.stderr


IMPORTS = """
    import os, random
    from pave import FlowSpec, step

    with open("imports.txt", "a") as out:
        out.write(f"{os.getpid()}\\n")
    print("at import")
    SEEDING

    class Once(FlowSpec):
        @step
        def start(self):
            self.drawn = random.random()
            self.next(self.end)

        @step
        def end(self):
            print("DRAWN", self.drawn == random.random())

    if __name__ == "__main__":
        Once()
"""


def test_a_script_is_imported_once_and_its_process_becomes_the_run(project: Project) -> None:
    project.write("once.py", IMPORTS.replace("SEEDING", ""))
    process = project.start("once.py", "run")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert (project.folder / "imports.txt").read_text().split() == [str(process.pid)]
    assert (out + err).count("at import") == 1
    assert "DRAWN False" in out


@pytest.mark.parametrize("words", [("once.py", "run"), ("-m", "once", "run")])
def test_a_seed_in_the_file_counts_in_every_task(project: Project, words: tuple[str, ...]) -> None:
    project.write("once.py", IMPORTS.replace("SEEDING", "random.seed(7)"))
    done = project.python(*words)
    assert done.returncode == 0, done.stderr
    assert "DRAWN True" in done.stdout


def test_a_file_that_starts_threads_has_its_tasks_in_fresh_processes(project: Project) -> None:
    seeding = "import threading, time; threading.Thread(target=time.sleep, args=(60,), daemon=True).start()"
    project.write("once.py", IMPORTS.replace("SEEDING", seeding))
    done = project.python("once.py", "run")
    assert done.returncode == 0, done.stderr
    # The script, the worker that describes it, and two tasks.
    assert len((project.folder / "imports.txt").read_text().split()) == 4
