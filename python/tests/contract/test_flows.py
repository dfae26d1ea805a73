"""How flows and steps are defined, where their file may lie, and how it is started."""

from __future__ import annotations

from pave import Metaflow

from .place import Place


def test_a_flow_inherits_steps_parameters_constants_and_helpers(place: Place) -> None:
    place.write("lib/__init__.py", "")
    place.write(
        "lib/base.py",
        """
        from pave import FlowSpec, Parameter, retry, step

        class Training(FlowSpec):
            rows = Parameter("rows", default=3, help="how many")
            FACTOR = 2

            def scaled(self, value):
                return value * self.FACTOR

            @property
            def doubled(self):
                return self.rows * 2

            @staticmethod
            def shout(text):
                return text.upper()

            @classmethod
            def kind(cls):
                return cls.__name__

            @step
            def start(self):
                self.data = list(range(self.rows))
                self.next(self.fit)

            @retry(times=1)
            @step
            def fit(self):
                self.model = "base"
                self.next(self.end)

            @step
            def end(self):
                print(self.model, self.scaled(10), self.doubled, self.shout("a"), self.kind())
        """,
    )
    place.write(
        "train.py",
        '''
        """A flow whose base class lies in a module beside it."""
        from lib.base import Training
        from pave import Parameter, current, step

        class Trees(Training):
            """Fits trees."""
            depth = Parameter("depth", default=1.5)
            FACTOR = 7

            @step
            def fit(self):
                self.model = f"trees of {self.depth}, {len(self.data)} rows"
                self.next(self.end)

        if __name__ == "__main__":
            Trees()
        ''',
    )
    done = place.run("train.py", "--rows", "4")
    assert done.printed("end") == ["trees of 1.5, 4 rows 70 8 A Trees"]
    run = place.latest("Trees")
    assert [step.id for step in run] == ["end", "fit", "start"]
    assert run.data.FACTOR == 7
    assert "doubled" not in run.data and "shout" not in run.data
    shown = place.succeed("train.py", "show").out
    assert "Fits trees." in shown and shown.index("start") < shown.index("fit")


def test_the_script_is_itself_in_every_way(place: Place) -> None:
    place.write("settings.py", "COLOUR = 'blue'")
    place.write(
        "flows/words.py",
        """
        import os, sys
        import settings
        from pave import FlowSpec, step

        LOADED = __name__

        class Words(FlowSpec):
            @step
            def start(self):
                print(LOADED, __name__, os.path.basename(__file__), self.script_name)
                print(os.path.basename(os.getcwd()), open("note.txt").read(), settings.COLOUR)
                print([os.path.basename(word) for word in sys.argv], sys.modules["__main__"] is not None)
                os.chdir("/")
                os.environ["LEFT"] = "behind"
                self.next(self.end)

            @step
            def end(self):
                print(os.path.basename(os.getcwd()), os.environ.get("LEFT"))
                print(self, [step.__name__ for step in self], self.name)

        def main():
            Words()
            raise SystemExit("nothing after the flow's construction runs")

        if __name__ == "__main__":
            main()
        """,
    )
    (place.folder / "flows/settings.py").write_text("COLOUR = 'green'")
    place.write("work/note.txt", "noted")
    done = place.run("../flows/words.py", cwd="work")
    assert done.printed() == [
        "__main__ __main__ words.py words.py",
        "work noted green",
        "['words.py'] True",
        "work None",
        "<flow Words step end> ['start', 'end'] Words",
    ]
    assert (place.folder / "work/.pave").is_dir() and not (place.folder / "flows/.pave").exists()


def test_the_nearest_store_above_is_used(place: Place) -> None:
    place.write("f.py", "class F(FlowSpec):\n    @step\n    def start(self):\n        self.x = 1\n")
    place.run("f.py")
    (place.folder / "deep/down").mkdir(parents=True)
    place.run("../../f.py", cwd="deep/down")
    assert place.latest("F").id == "2"


def test_a_flow_starts_however_its_script_is_started(place: Place) -> None:
    body = """
        class {name}(FlowSpec):
            @step
            def start(self):
                from {module} import VALUE
                print("{name}", VALUE, __package__)
                self.next(self.end)

            @step
            def end(self):
                pass
    """
    place.write("pack/__init__.py", "")
    place.write("pack/values.py", "VALUE = 7")
    place.write("pack/relative.py", body.format(name="Relative", module=".values"))
    done = place.succeed("-m", "pack.relative", "run")
    assert done.printed("start") == ["Relative 7 pack"]

    place.write("pack/other.py", body.format(name="Other", module="pack.values"))
    place.write(
        "launcher.py", "from pack.other import Other\nif __name__ == '__main__':\n    Other()\n"
    )
    assert place.run("launcher.py").printed("start") == ["Other 7 pack"]

    place.write("unguarded.py", body.format(name="Unguarded", module="pack.values"))
    unguarded = (place.folder / "unguarded.py").read_text()
    name = "a flow - ünguarded.py"
    (place.folder / name).write_text(unguarded.replace("if __name__ == '__main__':\n    ", ""))
    assert place.run(name).printed("start") == ["Unguarded 7 None"]
    assert place.pave("run", name).printed("start") == ["Unguarded 7 None"]
    (place.folder / "link.py").symlink_to(place.folder / name)
    assert place.run("link.py").printed("start") == ["Unguarded 7 None"]


def test_endpoints_may_have_other_names_and_one_step_is_enough(place: Place) -> None:
    place.write(
        "custom.py",
        """
        class Custom(FlowSpec):
            @step(start=True, node_info={"owner": "ada"})
            def extract(self):
                self.x = 1
                self.next(self.load)

            @step(end=True)
            def load(self):
                self.y = self.x + 1
        """,
    )
    place.run("custom.py")
    run = place.latest("Custom")
    assert run.successful and run.data.y == 2
    assert run.end_task.parent.id == "load"

    place.write(
        "one.py", "class One(FlowSpec):\n    @step\n    def only(self):\n        self.x = 5\n"
    )
    place.run("one.py")
    assert place.latest("One").data.x == 5


def test_ordinary_decorators_may_wrap_steps(place: Place) -> None:
    place.write(
        "wrapped.py",
        """
        import functools
        from pave import FlowSpec, retry, step

        def timed(function):
            @functools.wraps(function)
            def inner(self, *inputs):
                print("before", function.__name__)
                function(self, *inputs)
                print("after", function.__name__)
            return inner

        class Wrapped(FlowSpec):
            @step
            @timed
            def start(self):
                self.next(self.a, self.b)

            @retry
            @step
            @timed
            def a(self):
                self.next(self.join)

            @timed
            @step
            @retry(times=1)
            def b(self):
                self.next(self.join)

            @step
            @timed
            def join(self, inputs):
                print(len(inputs))
                self.next(self.end)

            @step
            def end(self):
                pass

        if __name__ == "__main__":
            Wrapped()
        """,
    )
    done = place.run("wrapped.py")
    assert done.printed("join") == ["before join", "2", "after join"]
    assert done.printed("b") == ["before b", "after b"]


def test_a_flow_object_without_its_command_line_is_an_ordinary_object(place: Place) -> None:
    place.write(
        "f.py", "class F(FlowSpec):\n    K = 3\n    @step\n    def start(self):\n        pass\n"
    )
    words = "from f import F; f = F(use_cli=False); print(f.K, [s.__name__ for s in f], f.input)"
    assert place.succeed("-c", words).out == "3 ['start'] None\n"


def test_tasks_share_nothing_but_artifacts(place: Place) -> None:
    place.write(
        "apart.py",
        """
        import random, os
        import numpy as np
        from pave import FlowSpec, step

        SEEN = []
        RNG = np.random.default_rng()
        FIXED = np.random.default_rng(7)

        class Apart(FlowSpec):
            @step
            def start(self):
                SEEN.append("start")
                self.xs = [1, 2, 3]
                self.next(self.draw, foreach="xs")

            @step
            def draw(self):
                assert SEEN == []
                SEEN.append(self.input)
                self.drawn = [random.random(), np.random.rand(), RNG.random()]
                self.fixed = FIXED.random()
                self.pid = os.getpid()
                self.next(self.join)

            @step
            def join(self, inputs):
                for draws in zip(*[each.drawn for each in inputs]):
                    assert len(set(draws)) == 3, draws
                assert len({each.fixed for each in inputs}) == 1
                assert len({each.pid for each in inputs}) == 3
                self.next(self.end)

            @step
            def end(self):
                pass

        if __name__ == "__main__":
            Apart()
        """,
    )
    place.run("apart.py")
    place.run("apart.py", "--fork", "never")


def test_steps_may_use_processes_of_every_kind(place: Place) -> None:
    place.write(
        "pools.py",
        """
        import concurrent.futures as futures, multiprocessing
        import numpy as np
        from joblib import Parallel, delayed
        from sklearn.ensemble import HistGradientBoostingClassifier
        from pave import FlowSpec, step

        def square(x):
            return x * x

        class Pools(FlowSpec):
            @step
            def start(self):
                for method in ("fork", "spawn"):
                    context = multiprocessing.get_context(method)
                    with futures.ProcessPoolExecutor(2, mp_context=context) as pool:
                        assert list(pool.map(square, [1, 2])) == [1, 4], method
                assert Parallel(n_jobs=2)(delayed(square)(n) for n in range(3)) == [0, 1, 4]
                x = np.arange(80.0).reshape(40, 2)
                self.model = HistGradientBoostingClassifier(max_iter=2).fit(x, x[:, 0] > 40)
                self.next(self.end)

            @step
            def end(self):
                print(self.model.predict([[79.0, 80.0]]))

        if __name__ == "__main__":
            Pools()
        """,
    )
    assert place.run("pools.py").printed("end") == ["[ True]"]


def test_flows_may_run_other_flows_and_read_what_they_left(place: Place) -> None:
    place.write(
        "inner.py",
        """
        class Inner(FlowSpec):
            size = Parameter("size", default=1)

            @step
            def start(self):
                self.answer = self.size * 2
                self.next(self.end)

            @step
            def end(self):
                print("attempt", current.retry_count, current.run_id)
        """,
    )
    place.write(
        "outer.py",
        """
        import subprocess, sys
        from pave import FlowSpec, Run, step

        class Outer(FlowSpec):
            @step
            def start(self):
                words = [sys.executable, "inner.py", "run", "--size", "21", "--run-id-file", "id.txt"]
                subprocess.run(words, check=True)
                self.answer = Run("Inner/" + open("id.txt").read()).data.answer
                self.next(self.end)

            @step
            def end(self):
                print("answer", self.answer)

        if __name__ == "__main__":
            Outer()
        """,
    )
    assert place.run("outer.py").printed("end") == ["answer 42"]
    assert place.latest("Outer").successful
    assert [flow.id for flow in Metaflow()] == ["Inner", "Outer"]
