"""`self.next`: every form of it, what a foreach goes over, and what is refused while a step runs."""

from __future__ import annotations

import pytest

from .place import Place

EVERY_SHAPE = """
from pave import FlowSpec, Parameter, step

class Shapes(FlowSpec):
    letters = Parameter("letters", default="ab")
    SIZES = [3, 1]

    @step
    def start(self):
        assert (self.input, self.index, self.foreach_stack()) == (None, None, [])
        self.next(self.size, foreach="SIZES")

    @step
    def size(self):
        assert self.index == self.SIZES.index(self.input)
        self.rows = {index: f"row {index}" for index in range(self.input)}
        self.rows = list(self.rows.values())
        self.next(self.row, foreach="rows")

    @step
    def row(self):
        assert [frame[:2] for frame in self.foreach_stack()] == [
            (self.SIZES.index(len(self.rows)), 2),
            (self.index, len(self.rows)),
        ]
        assert self.foreach_stack()[-1][2] == self.input == f"row {self.index}"
        self.label = f"{len(self.rows)}.{self.index}"
        self.next(self.left, self.right)

    @step
    def left(self):
        self.side = self.label + "l"
        self.next(self.letter, foreach="letters")

    @step
    def letter(self):
        assert self.input in self.letters and len(self.foreach_stack()) == 3
        self.word = self.side + self.input
        self.next(self.spell)

    @step
    def spell(self, inputs):
        self.words = [each.word for each in inputs]
        assert self.input.startswith("row"), "the innermost foreach is the row's again"
        self.next(self.meet)

    @step
    def right(self):
        self.other = self.label + "r"
        self.next(self.meet)

    @step
    def meet(self, inputs):
        assert inputs.spell.words == inputs[0].words and inputs.right.other == inputs[1].other
        self.merge_artifacts(inputs)
        self.next(self.rows_joined)

    @step
    def rows_joined(self, inputs):
        self.found = [(each.words, each.other) for each in inputs]
        self.next(self.sizes_joined)

    @step
    def sizes_joined(self, inputs):
        assert (self.input, self.index, self.foreach_stack()) == (None, None, [])
        self.found = [each.found for each in inputs]
        self.next(self.end)

    @step
    def end(self):
        print(self.found)

if __name__ == "__main__":
    Shapes()
"""


def test_foreachs_within_branches_within_foreachs_join_in_order(place: Place) -> None:
    place.write("shapes.py", EVERY_SHAPE)

    def of(size: int, row: int, letters: str) -> tuple[list[str], str]:
        return [f"{size}.{row}l{letter}" for letter in letters], f"{size}.{row}r"

    for words, letters in ([], "ab"), (["--letters", "xyz"], "xyz"):
        done = place.run("shapes.py", *words)
        wanted = [[of(size, row, letters) for row in range(size)] for size in (3, 1)]
        assert done.printed("end") == [str(wanted)]
    run = place.latest("Shapes")
    # Newest first; which of the two fan-outs came first is a matter of chance.
    assert [task.index for task in run["row"]] in ([0, 2, 1, 0], [2, 1, 0, 0])
    assert len(list(run["letter"])) == 12


def test_a_switch_takes_one_case_and_may_repeat_a_step(place: Place) -> None:
    place.write(
        "switch.py",
        """
        class Switch(FlowSpec):
            @step
            def start(self):
                self.numbers = [1, 2, 3]
                self.next(self.look, foreach="numbers")

            @step
            def look(self):
                self.rounds = 0
                self.kind = "odd" if self.input % 2 else "even"
                self.next({"odd": self.again, "even": self.even}, condition="kind")

            @step
            def again(self):
                self.rounds += 1
                self.more = self.rounds < self.input
                self.next({True: self.again, False: self.meet}, condition="more")

            @step
            def even(self):
                self.rounds = -1
                self.next(self.meet)

            @step
            def meet(self):
                self.next(self.join)

            @step
            def join(self, inputs):
                self.rounds = [each.rounds for each in inputs]
                self.next(self.end)

            @step
            def end(self):
                pass
        """,
    )
    place.run("switch.py")
    run = place.latest("Switch")
    assert run.data.rounds == [1, -1, 3]
    assert len(list(run["again"])) == 4


def test_a_gang_runs_side_by_side_and_knows_its_places(place: Place) -> None:
    place.write(
        "gang.py",
        """
        class Gang(FlowSpec):
            @step
            def start(self):
                self.next(self.work, num_parallel=3)

            @parallel
            @step
            def work(self):
                place = current.parallel
                assert current.is_parallel and place.num_nodes == 3 and place.main_ip
                self.node = place.node_index
                self.next(self.join)

            @step
            def join(self, inputs):
                self.nodes = [each.node for each in inputs]
                self.next(self.end)

            @step
            def end(self):
                print(self.nodes, "parallel" in current)
        """,
    )
    assert place.run("gang.py").printed("end") == ["[0, 1, 2] False"]


FOREACH = """
import collections, itertools
import numpy as np, pandas as pd
from pave import FlowSpec, step

class Plain:
    def __init__(self, n): self.n = n

MAKE = {
    "a list": lambda: [1, 2],
    "a tuple": lambda: ("x", None),
    "text": lambda: "ab",
    "a range": lambda: range(5, 7),
    "a set": lambda: {1, 2},
    "pairs": lambda: list({"a": 1, "b": 2}.items()),
    "a map": lambda: map(str, [1, 2]),
    "an array": lambda: np.array([1.5, 2.5]),
    "rows of an array": lambda: np.arange(4).reshape(2, 2),
    "a series": lambda: pd.Series(["p", "q"], index=[7, 8]),
    "frames": lambda: [pd.DataFrame({"a": [n]}) for n in range(2)],
    "groups": lambda: list(pd.DataFrame({"k": ["u", "v"], "n": [1, 2]}).groupby("k")),
    "objects": lambda: [Plain(1), Plain(2)],
    "a deque": lambda: collections.deque([1, 2]),
    "dates": lambda: pd.date_range("2020-01-01", periods=2),
}

class Over(FlowSpec):
    @step
    def start(self):
        self.kinds = list(MAKE)
        self.next(self.make, foreach="kinds")

    @step
    def make(self):
        self.items = MAKE[self.input]()
        self.next(self.each, foreach="items")

    @step
    def each(self):
        self.seen = f"{type(self.input).__name__} {getattr(self.input, 'n', self.input)}"
        self.next(self.join)

    @step
    def join(self, inputs):
        self.seen = (self.input, [each.seen for each in inputs])
        self.next(self.together)

    @step
    def together(self, inputs):
        self.seen = dict(each.seen for each in inputs)
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == "__main__":
    Over()
"""


def test_a_foreach_goes_over_whatever_has_items(place: Place) -> None:
    place.write("over.py", FOREACH)
    place.run("over.py")
    seen = place.latest("Over").data.seen
    assert seen["a map"] == ["str 1", "str 2"]
    assert seen["a list"] == ["int 1", "int 2"]
    assert seen["a tuple"] == ["str x", "NoneType None"]
    assert seen["text"] == ["str a", "str b"]
    assert seen["a range"] == ["int 5", "int 6"]
    assert sorted(seen["a set"]) == ["int 1", "int 2"]
    assert seen["pairs"] == ["tuple ('a', 1)", "tuple ('b', 2)"]
    assert seen["an array"] == ["float64 1.5", "float64 2.5"]
    assert seen["rows of an array"] == ["ndarray [0 1]", "ndarray [2 3]"]
    assert seen["a series"] == ["str p", "str q"]
    assert [text.split()[0] for text in seen["frames"]] == ["DataFrame", "DataFrame"]
    assert [text.split()[0] for text in seen["groups"]] == ["tuple", "tuple"]
    assert seen["objects"] == ["Plain 1", "Plain 2"]
    assert seen["a deque"] == ["int 1", "int 2"]
    assert [text.split()[0] for text in seen["dates"]] == ["Timestamp", "Timestamp"]


def over(items: str) -> str:
    return f"""
from pave import FlowSpec, step

class Over(FlowSpec):
    @step
    def start(self):
        self.kept = 1
        self.xs = {items}
        self.next(self.each, foreach="xs")

    @step
    def each(self):
        self.next(self.join)

    @step
    def join(self, inputs):
        self.count = len(inputs)
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == "__main__":
    Over()
"""


@pytest.mark.parametrize(
    ("items", "code", "words"),
    [
        ("[]", "T006", "which is empty"),
        ("''", "T006", "which is empty"),
        ("None", "T007", "a value of type `NoneType`"),
        ("7", "T007", "a value of type `int`"),
        ("{'a': 1}", "T007", "list(self.xs)"),
        ("(n for n in [1])", "T005", "generator"),
        ("iter([])", "T006", "which is empty"),
        ("list(range(101))", "T008", "--max-num-splits"),
        ("range(10**12)", "T008", "--max-num-splits"),
        ("__import__('itertools').count()", "T008", "more than 100"),
        ("[1, lambda: 2]", "T005", "[1]"),
    ],
)
def test_a_foreach_over_what_it_cannot_go_over_says_what_instead(
    place: Place, items: str, code: str, words: str
) -> None:
    place.write("over.py", over(items))
    told = place.fail("over.py").refused(code)
    assert "`xs`" in told and words in told
    assert "Over/1/start/1" in told
    run = place.latest("Over")
    assert [step.id for step in run] == ["start"]
    assert run["start"].task.data.kept == 1, "what was set before the failure is kept to look at"


def test_a_hundred_items_are_fine_and_more_with_a_word(place: Place) -> None:
    place.write("over.py", over("range(100)"))
    place.run("over.py", "--quiet")
    place.write("over.py", over("range(101)"))
    place.run("over.py", "--quiet", "--max-num-splits", "101")
    assert place.latest("Over").data.count == 101
    place.fail("over.py", "--max-num-splits", "99").refused("T008")


WRONG = {
    "self.next(self.end); self.next(self.end)": ("T009", "twice"),
    "return": ("T009", "without calling self.next"),
    "self.helper(); self.next(self.end)": ("T009", "twice"),
    "self.next = None; self.next(self.end)": ("T001", "NoneType"),
}


@pytest.mark.parametrize("statement", WRONG)
def test_a_transition_that_is_not_the_declared_one_fails_the_step(
    place: Place, statement: str
) -> None:
    place.write(
        "wrong.py",
        f"""
        class Wrong(FlowSpec):
            def helper(self):
                self.next(self.end)

            @step
            def start(self):
                if True:
                    {statement}
                self.next(self.end)

            @step
            def end(self):
                pass
        """,
    )
    code, words = WRONG[statement]
    assert words in place.fail("wrong.py").refused(code)


@pytest.mark.parametrize(
    ("value", "code", "words"),
    [
        ("'c'", "T001", "none of the cases: 'a', 'b'"),
        ("None", "T001", "none of the cases"),
        ("[1]", "T001", "unhashable"),
    ],
)
def test_a_switch_without_a_case_for_its_value_names_the_cases(
    place: Place, value: str, code: str, words: str
) -> None:
    place.write(
        "switch.py",
        f"""
        class Switch(FlowSpec):
            @step
            def start(self):
                self.kind = {value}
                self.next({{"a": self.a, "b": self.b}}, condition="kind")

            @step
            def a(self):
                self.next(self.end)

            @step
            def b(self):
                self.next(self.end)

            @step
            def end(self):
                pass
        """,
    )
    assert words in place.fail("switch.py").refused(code)
