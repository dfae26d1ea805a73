"""The commands of a flow file: what they print, where, and with what status they end."""

from __future__ import annotations

import json

import pytest

from .place import Place

TWO = """
from pave import FlowSpec, Parameter, step

class Two(FlowSpec):
    '''Counts rows.'''
    rows = Parameter("rows", default=2, help="how many")

    @step
    def start(self):
        '''Makes them.'''
        import os, sys
        print("rows", self.rows, os.path.exists("id.txt") and open("id.txt").read())
        print("warning", file=sys.stderr)
        self.items = list(range(self.rows))
        self.model, self.text, self._private = {"a": 1}, "x" * 5000, "p"
        self.next(self.each, foreach="items")

    @step
    def each(self):
        print("each", self.input)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.count = len(inputs)
        self.next(self.end)

    @step
    def end(self):
        if self.count > 50:
            raise ValueError("too many")

if __name__ == "__main__":
    Two()
"""


@pytest.fixture
def two(place: Place) -> Place:
    place.write("two.py", TWO)
    return place


def test_a_run_prints_lines_with_their_task_and_ends_with_what_is_next(two: Place) -> None:
    done = two.run("two.py", "--run-id-file", "id.txt", "--max-workers", "1")
    assert (two.folder / "id.txt").read_text() == "1"
    assert done.printed() == ["rows 2 1", "each 0", "each 1"]
    assert done.events[0] == "Run Two/1 started."
    assert "[1/start/1] Foreach yields 2 child steps." in done.events
    assert "Two/1 succeeded" in done.out and "pave dump Two/1/end" in done.out
    assert done.err.rstrip().endswith("warning") and "[1/start/1 (pid" in done.err
    quiet = two.run("two.py", "--quiet")
    assert len(quiet.out.splitlines()) == len(quiet.printed()) == 3 and "\x1b" not in quiet.out


def test_a_failure_ends_with_the_traceback_the_task_and_the_way_on(two: Place) -> None:
    done = two.fail("two.py", "--rows", "60")
    tail = done.err[done.err.index("Traceback", done.err.index("failed [T001]")) :].splitlines()
    assert tail[0] == "Traceback (most recent call last):"
    assert tail[1].endswith('two.py", line 31, in end') and "ValueError: too many" in tail
    assert "error[T001]: Two/1/end/63 failed: ValueError: too many" in tail
    assert any("pave logs Two/1/end/63" in line for line in tail)
    assert any("python two.py resume --origin-run-id 1" in line for line in tail)
    assert "/pave/" not in done.err.replace(str(two.folder), "")


def test_events_for_programs_are_json(two: Place) -> None:
    done = two.run("two.py", "--json")
    events = [json.loads(line) for line in done.out.splitlines()]
    assert events[0]["event"] == "run_started" and events[-1]["event"] == "run_finished"
    lines = [event for event in events if event["event"] == "line"]
    assert {(line["task"], line["stream"]) for line in lines} >= {
        ("Two/1/start/1", "stdout"),
        ("Two/1/start/1", "stderr"),
        ("Two/1/each/3", "stdout"),
    }
    failed = two.python("two.py", "run", "--json", "--rows", "x")
    assert failed.code == 2 and json.loads(failed.out)["error"]["code"] == "P002"


def test_no_command_is_check(two: Place) -> None:
    for words in ([], ["check"], ["check", "--no-pylint", "--no-warnings"], ["--quiet", "check"]):
        done = two.succeed("two.py", *words)
        assert "Two is well-formed: 4 steps." in done.out
    assert not two.has_runs()


def test_show_prints_documentation_and_where_steps_lead(two: Place) -> None:
    lines = [line.strip() for line in two.succeed("two.py", "show").out.splitlines()]
    wanted = ["Counts rows.", "start", "Makes them.", "each", "join", "end"]
    assert [line for line in lines if line in wanted][:6] == wanted
    assert any(line.startswith("=>") and "each" in line for line in lines)
    assert two.succeed("two.py", "output-dot").out.startswith("digraph Two {")
    assert json.loads(two.succeed("two.py", "output-raw").out)["flow"]["name"] == "Two"


@pytest.mark.parametrize("words", ["--help", "-h", "help", "run --help", "resume --help",
                                   "help run", "show --help", "logs --help", "tag add --help"])  # fmt: skip
def test_help_is_printed_plainly_and_runs_nothing(two: Place, words: str) -> None:
    done = two.succeed("two.py", *words.split())
    assert "Usage: " in done.out and "\x1b" not in done.out and done.out.endswith("\n")
    assert not two.has_runs()


def test_the_binary_explains_every_command_without_a_file(place: Place) -> None:
    for verb in ("run", "resume", "show", "check", "runs", "logs", "dump", "tag"):
        for words in ([verb, "--help"], ["help", verb]):
            done = place.pave(*words)
            assert done.code == 0 and f"Usage: pave {verb}" in done.out, done.out
    assert not place.has_runs()


def test_dump_prints_what_a_task_left(two: Place) -> None:
    two.run("two.py")
    text = two.succeed("two.py", "dump", "1/start/1").out
    assert "items [size:" in text and "type: list] = [0, 1]" in text
    assert "text [size:" in text and "<too large" in text and "xxx" not in text
    assert "_private" not in text
    text = two.succeed("two.py", "dump", "1/start", "--private", "--max-value-size", "0").out
    assert "_private [size:" in text and text.count("<too large") == text.count("[size:")
    text = two.succeed("two.py", "dump", "1/start", "--include", "items,_private").out
    assert "_private" in text and "model" not in text
    assert two.pave("dump", "Two/1/each").out.count("Two/1/each/") == 2
    two.python("two.py", "dump", "1/nowhere").refused("M004")


def test_logs_print_either_stream_as_it_was(two: Place) -> None:
    two.run("two.py")
    assert two.succeed("two.py", "logs", "1/start/1", "--stdout").out == "rows 2 False\n"
    assert two.succeed("two.py", "logs", "show", "1/start", "--stderr").out == "warning\n"
    both = two.succeed("two.py", "logs", "1/start", "--both").out
    assert sorted(both.splitlines()) == ["rows 2 False", "warning"]
    stamped = two.succeed("two.py", "logs", "1/start", "--stdout", "--timestamps").out
    assert stamped.endswith("rows 2 False\n") and stamped[:2] == "20"
    assert two.pave("logs", "Two/1/each", "--stdout").out.splitlines() == [
        "[1/each/2] each 0",
        "[1/each/3] each 1",
    ]
    two.python("two.py", "logs", "7/start").refused("M004")


def test_tags_are_added_removed_and_replaced(two: Place) -> None:
    two.run("two.py", "--tag", "first", "--tag", "of two words", "--tag", "first")

    def tags() -> set[str]:
        return set(two.latest("Two").user_tags)

    assert tags() == {"first", "of two words"}
    for _ in range(2):
        done = two.succeed("two.py", "tag", "add", "--run-id", "1", "a", "b")
        assert "a, b" in done.out
    two.succeed("two.py", "tag", "remove", "--run-id", "1", "b", "absent")
    words = ["--remove", "a", "--remove", "first", "--add", "ü"]
    two.succeed("two.py", "tag", "replace", "--run-id", "1", *words)
    assert tags() == {"of two words", "ü"}
    assert "ü" in two.succeed("two.py", "tag", "list", "--run-id", "1").out
    two.python("two.py", "tag", "remove", "--run-id", "1", "user:ada").refused("C002")
    two.python("two.py", "tag", "add", "--run-id", "9", "a").refused("M004")
    two.python("two.py", "tag", "add", "a").refused("C001", status=2)
    told = two.python("two.py", "tag", "replace", "--run-id", "1", "--add", "q")
    assert "--remove" in told.refused("C001", status=2)
    for words in (["--tag", ""], ["--tag", "x" * 501], [f"--tag={n}" for n in range(51)]):
        two.python("two.py", "run", *words).refused("C002", status=2)
    assert tags() == {"of two words", "ü"} and two.latest("Two").id == "1"


def test_runs_are_listed(two: Place) -> None:
    two.run("two.py", "--tag", "good")
    two.fail("two.py", "--rows", "60")
    assert two.pave("runs").out.index("Two/2") < two.pave("runs").out.index("Two/1")
    listed = two.succeed("two.py", "runs", "--tag", "good", "--json").out
    assert [json.loads(line)["run"] for line in listed.splitlines()] == ["Two/1"]
    listed = two.pave("runs", "Two", "--state", "failed", "--json").out
    assert [json.loads(line)["run"] for line in listed.splitlines()] == ["Two/2"]


def test_the_options_of_other_systems_scripts_do_no_harm(two: Place) -> None:
    common = [
        "--no-pylint",
        "--metadata",
        "local",
        "--datastore",
        "local",
        "--environment",
        "local",
    ]
    two.succeed("two.py", *common, "--quiet", "run", "--rows", "1")
    two.succeed("two.py", *common, "logs", "1/start")
    two.succeed("two.py", *common, "dump", "1/start")
    two.succeed("two.py", *common, "show")


@pytest.mark.parametrize(
    "words",
    ["fly", "run --fly", "show --fly", "check --fly", "run --max-workers none", "resume --fly",
     "logs", "dump", "run --max-workers 0", "tag", "run --fork sometimes", "run extra words"],
)  # fmt: skip
def test_a_wrong_command_line_has_status_two(two: Place, words: str) -> None:
    done = two.python("two.py", *words.split())
    assert done.code == 2 and "error[" in done.err and "next" in done.err, done.err
    assert not two.has_runs()


def test_a_run_id_file_that_cannot_be_written_is_told_before_there_is_a_run(two: Place) -> None:
    done = two.python("two.py", "run", "--run-id-file", "nowhere/id.txt")
    assert "nowhere/id.txt" in done.refused("C003") and "No such file" in done.err
    assert not two.has_runs()


def test_what_a_task_prints_beyond_the_limit_is_cut_with_a_word(place: Place) -> None:
    place.write(
        "talk.py",
        """
        class Talk(FlowSpec):
            @step
            def start(self):
                for _ in range(2_200):
                    print("x" * 999)
                self.next(self.end)

            @step
            def end(self):
                pass
        """,
    )
    done = place.run("talk.py", "--max-log-size", "1")
    log = place.latest("Talk")["start"].task.stdout
    assert 1_000_000 < len(log) < 1_100_000 and "--max-log-size" in log
    assert "--max-log-size" in "\n".join(done.printed("start")[-2:])


def test_several_runs_at_once_in_one_folder_keep_apart(two: Place) -> None:
    started = [two.start("two.py", "run", "--tag", f"n{n}", "--rows", str(n)) for n in range(1, 5)]
    for process in started:
        done = two.end(process)
        assert done.code == 0, done.err
    runs = list(two.latest("Two").parent)
    assert sorted(run.id for run in runs) == ["1", "2", "3", "4"]
    for run in runs:
        assert run.user_tags == {f"n{run.data.count}"} and run.data.rows == run.data.count


def test_max_workers_limits_what_goes_on_at_once(place: Place) -> None:
    place.write(
        "crowd.py",
        """
        import time
        from pave import FlowSpec, step

        class Crowd(FlowSpec):
            @step
            def start(self):
                self.xs = list(range(6))
                self.next(self.work, foreach="xs")

            @step
            def work(self):
                began = time.time()
                time.sleep(0.05)
                self.span = [(began, 1), (time.time(), -1)]
                self.next(self.join)

            @step
            def join(self, inputs):
                now = self.most = 0
                for _, change in sorted(point for each in inputs for point in each.span):
                    now += change
                    self.most = max(self.most, now)
                self.next(self.end)

            @step
            def end(self):
                print("most", self.most)

        if __name__ == "__main__":
            Crowd()
        """,
    )
    assert place.run("crowd.py", "--max-workers", "1").printed("end") == ["most 1"]
    assert place.run("crowd.py", "--max-workers", "3").printed("end") == ["most 3"]


def test_the_first_failure_stops_the_run_and_siblings_may_finish(place: Place) -> None:
    place.write(
        "first.py",
        """
        import os, time
        from pave import FlowSpec, step

        class First(FlowSpec):
            @step
            def start(self):
                self.xs = ["fails", "finishes", "never begins"]
                self.next(self.work, foreach="xs")

            @step
            def work(self):
                print(self.input)
                if self.input == "fails":
                    while not os.path.exists("sibling"):
                        time.sleep(0.01)
                    raise ValueError("first")
                open("sibling", "w").close()
                time.sleep(0.3)
                self.next(self.join)

            @step
            def join(self, inputs):
                self.next(self.end)

            @step
            def end(self):
                pass

        if __name__ == "__main__":
            First()
        """,
    )
    done = place.fail("first.py", "--max-workers", "2")
    assert sorted(done.printed("work")) == ["fails", "finishes"]
    states = {task.index: task.state for task in place.latest("First")["work"]}
    assert (states[0], states[1]) == ("failed", "succeeded")
