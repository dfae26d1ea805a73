"""What becomes an artifact, what it is when read again, and who may change it."""

from __future__ import annotations

import pytest

from pave import Task

from .place import Place

KINDS = """
from __future__ import annotations

import array, collections, dataclasses, datetime as dt, decimal, enum, fractions, functools
import pathlib, re, types, typing, uuid

import numpy as np, pandas as pd, polars as pl, pyarrow as pa
from sklearn.linear_model import LinearRegression

from pave import FlowSpec, step

@dataclasses.dataclass
class Point:
    x: int
    y: float = 0.5

class Colour(enum.Enum):
    RED = 1

class Model:
    def __init__(self):
        self.weights, self.points = np.arange(3.0), [Point(1)]

    def __eq__(self, other):
        return self.points == other.points and (self.weights == other.weights).all()

Pair = collections.namedtuple("Pair", "a b")

class Row(typing.NamedTuple):
    q: int

def kinds():
    fit = LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0])
    return dict(
        none=None, yes=True, one=1, huge=10**40, small=-(2**63), real=1.5, inf=float("inf"),
        zero=-0.0, complex=1 + 2j, text="é☃\\U0001f600\\0", lone="\\ud800", data=b"\\0\\xff",
        array_=bytearray(b"x"), list_=[1, [2, (3,)]], pair=(1, "a", None), nothing=(), set_={1, 2},
        frozen=frozenset([1]), dict_={1: "a", "b": [1], (1, 2): 3, None: 4, True: "yes"},
        ordered=collections.OrderedDict(b=1, a=2), default=collections.defaultdict(list, a=[1]),
        counter=collections.Counter("aab"), deque=collections.deque([1, 2], maxlen=3),
        date=dt.date(2020, 1, 1), moment=dt.datetime(2020, 1, 1, 12, 0, 0, 5), fold=dt.time(1, fold=1),
        zoned=dt.datetime(2020, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=2))),
        span=dt.timedelta(days=1, microseconds=3), exact=decimal.Decimal("1.10"), id=uuid.UUID(int=5),
        third=fractions.Fraction(1, 3), path=pathlib.Path("a/b"), range_=range(3, 9, 2), dots=...,
        pattern=re.compile("a+"), packed=array.array("d", [1.5]), names=types.SimpleNamespace(a=1),
        part=functools.partial(int, base=2), builtin=len, cls=Point,
        point=Point(3), colour=Colour.RED, model=Model(), tuple_=Pair(1, 2), row=Row(4),
        numbers=np.arange(5), fortran=np.ones((2, 3), order="F"), scalar=np.float64(2.5),
        tiny=np.int8(3), day=np.datetime64("2020-01-01"), objects=np.array([1, "a", None], object),
        words=np.array(["a", "bb"]), records=np.array([(1, 2.0)], [("a", "i4"), ("b", "f8")]),
        strided=np.arange(10)[::3], frame=pd.DataFrame(
            {"a": [1, 2], "b": ["x", None], "c": pd.Categorical(["u", "v"], ordered=True),
             "d": pd.to_datetime(["2020-01-01", None]), "o": [[1], {"k": 2}],
             "n": pd.array([1, None], "Int64"), "z": pd.to_datetime(["2020", "2021"], utc=True)},
            index=pd.Index([10, 20], name="id")),
        series=pd.Series([1.5, None], name="s"), index=pd.Index([1, 2], name="i"),
        levels=pd.DataFrame({"v": [1, 2]}, pd.MultiIndex.from_tuples([("a", 1), ("b", 2)])),
        stamp=pd.Timestamp("2020-01-01", tz="Europe/Paris"), empty=pd.DataFrame(),
        twice=pd.DataFrame([[1, 2]], columns=["a", "a"]), polars=pl.DataFrame({"a": [1, None]}),
        lazy=pl.Series("s", ["a", "b"]), arrow=pa.table({"a": [1, 2]}), fitted=fit,
    )

def same(name, got, want):
    assert type(got) is type(want), (name, type(got), type(want))
    if isinstance(want, pd.DataFrame):
        pd.testing.assert_frame_equal(got, want)
    elif isinstance(want, pd.Series):
        pd.testing.assert_series_equal(got, want)
    elif isinstance(want, pd.Index):
        pd.testing.assert_index_equal(got, want)
    elif isinstance(want, np.ndarray):
        np.testing.assert_array_equal(got, want)
        assert (got.dtype, np.isfortran(got)) == (want.dtype, np.isfortran(want)), name
        assert got.flags.writeable, name
    elif isinstance(want, (pl.DataFrame, pl.Series, pa.Table)):
        assert got.equals(want), name
    elif name == "fitted":
        assert got.predict([[3.0]])[0] == want.predict([[3.0]])[0]
    elif name == "part":
        assert (got.func, got.keywords) == (want.func, want.keywords)
    else:
        assert got == want and repr(got) == repr(want) or name == "model" and got == want, name

class Kinds(FlowSpec):
    @step
    def start(self):
        for name, value in kinds().items():
            setattr(self, "v_" + name, value)
        shared = [1]
        self.aliases, self.loop = [shared, shared], []
        self.loop.append(self.loop)
        self.many = {f"key {n}": {"n": n, "squares": [n, n * n]} for n in range(20_000)}
        self.next(self.change)

    @step
    def change(self):
        self.v_list_.append(9)
        self.v_model.weights[0] = 77
        self.v_frame.loc[10, "a"] = 5
        self.v_numbers[2] = 42
        self.v_point.x = 8
        self.v_counter["z"] += 1
        self.v_set_.add(3)
        self.v_names.a = 2
        self.many["key 7"]["squares"].append(1)
        self.next(self.end)

    @step
    def end(self):
        wanted = kinds()
        wanted["list_"].append(9)
        wanted["model"].weights[0] = 77
        wanted["frame"].loc[10, "a"] = 5
        wanted["numbers"][2] = 42
        wanted["point"].x = 8
        wanted["counter"]["z"] += 1
        wanted["set_"].add(3)
        wanted["names"].a = 2
        for name, want in wanted.items():
            same(name, getattr(self, "v_" + name), want)
        assert list(self.v_dict_) == list(wanted["dict_"])
        assert self.v_deque.maxlen == 3 and self.v_default.default_factory is list
        assert self.aliases[0] is self.aliases[1] and self.loop[0] is self.loop
        assert len(self.many) == 20_000 and self.many["key 7"]["squares"] == [7, 49, 1]
        print("all", len(wanted), "are as they were")

if __name__ == "__main__":
    Kinds()
"""

READER = """
import sys
from pave import Flow, namespace

namespace(None)
run = Flow("Kinds").latest_run
data = run["start"].task.data
import pandas, numpy
unread = [artifact.id for artifact in run["start"].task if artifact.data is Ellipsis]
print(unread, data.v_point, data.v_colour, data.v_model.points, data.v_tuple_, data.v_row)
print(data.v_point == type(data.v_point)(3), data.v_cls(1), type(data.v_model).__name__)
print(data.v_numbers.tolist(), run["change"].task.data.v_numbers.tolist(), data.v_frame.shape)
print(data.v_point is data.v_point, "flow imported:", "kinds" in sys.modules)
"""


def test_values_of_every_kind_survive_steps_and_are_read_by_other_scripts(place: Place) -> None:
    place.write("flows/kinds.py", KINDS)
    done = place.run("flows/kinds.py")
    assert done.printed("end")[-1].endswith("are as they were")
    place.write("elsewhere/reader.py", READER)
    lines = place.succeed("../elsewhere/reader.py", cwd="elsewhere").out.splitlines()
    assert lines == [
        "['v_dots'] Point(x=3, y=0.5) Colour.RED [Point(x=1, y=0.5)] Pair(a=1, b=2) Row(q=4)",
        "True Point(x=1, y=0.5) Model",
        "[0, 1, 2, 3, 4] [0, 1, 42, 3, 4] (2, 7)",
        "False flow imported: False",
    ]


def test_what_is_kept_and_what_is_not(place: Place) -> None:
    place.write(
        "kept.py",
        """
        class Kept(FlowSpec):
            LIST = [1]
            TABLE = {"a": 1}
            _hidden = "class"

            def method(self):
                return 1

            @property
            def computed(self):
                return 2

            @step
            def start(self):
                self.public, self._private, self.__mangled = 1, 2, 3
                self.__dunder__ = 4
                self.function = lambda: 1
                self.method_of_mine = self.method
                self._hidden = "task"
                assert self._hidden == "task"
                self.LIST.append(2)
                self.start = "hidden by the step of that name"
                self.gone = 1
                del self.gone
                self.unset = self.unread = 1
                self.next(self.middle)

            @step
            def middle(self):
                assert (self.public, self._private, self._Kept__mangled) == (1, 2, 3)
                assert self.LIST == [1], "a change of a constant stays where it was made"
                assert self._hidden == "class"
                for name in ("__dunder__", "function", "method_of_mine", "gone", "nothing"):
                    assert not hasattr(self, name), name
                for name, value in (("LIST", [3]), ("computed", 1)):
                    try:
                        setattr(self, name, value)
                        raise SystemExit(name)
                    except AttributeError as error:
                        print(error)
                try:
                    del self.unread
                except AttributeError:
                    print("not read, not deleted")
                self.unset
                del self.unset
                self.next(self.end)

            @step
            def end(self):
                print(self.public, self.unset, self.computed, self.method())
                try:
                    self.publik
                except AttributeError as error:
                    print(error, error.name)
        """,
    )
    done = place.run("kept.py")
    assert done.printed("end") == ["1 1 2 1", "flow `Kept` has no attribute `publik` publik"]
    first, *_, last = done.printed("middle")
    assert first.startswith("`LIST` is a class attribute: class attributes and parameters can't be")
    assert last == "not read, not deleted"
    assert "`self.function` is a function and is not kept" in done.err
    assert "later steps see the method `start`" in done.err
    task = place.latest("Kept")["start"].task
    assert {it.id for it in task} == {"public", "LIST", "TABLE", "unset", "unread", "start"}
    assert task["_private"].data == 2 and task["_Kept__mangled"].data == 3
    assert "_private" not in dir(task.data) and not hasattr(task.data, "computed")
    assert task["_hidden"].data == "task"
    assert task["name"].data == task.data.name == "Kept"


def test_unchanged_artifacts_are_handed_on_without_being_stored_again(place: Place) -> None:
    place.write(
        "handed.py",
        """
        import numpy as np, pandas as pd
        from pave import FlowSpec, step

        class Handed(FlowSpec):
            @step
            def start(self):
                self.array = np.random.rand(250_000)
                self.frame = pd.DataFrame({"a": self.array})
                self.same_again = self.array
                self.next(self.use)

            @step
            def use(self):
                assert self.array.mean() < 1 and len(self.frame.describe()) == 8
                self.array = self.array
                self.next(self.end)

            @step
            def end(self):
                self.array[0] += 1

        if __name__ == "__main__":
            Handed()
        """,
    )
    place.run("handed.py")
    run = place.latest("Handed")
    first, second, last = (run[step].task for step in ("start", "use", "end"))
    for name in ("array", "frame"):
        assert first[name].sha == second[name].sha, name
    assert first["array"].sha == first["same_again"].sha != last["array"].sha
    assert first["frame"].sha == last["frame"].sha
    assert last.data.array[0] == first.data.array[0] + 1
    blobs = sum(
        it.stat().st_size for it in (place.folder / ".pave/blobs").rglob("*") if it.is_file()
    )
    assert blobs < 3.5 * 2_000_000, "one array, one frame, and one changed array"


STEP = """
import threading
from pave import FlowSpec, step

class Evil:
    def __reduce__(self):
        raise RuntimeError("won't be pickled")

class Odd(FlowSpec):
    @step
    def start(self):
        self.fine = [1, 2]
        {body}
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == "__main__":
    Odd()
"""


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("self.bad = threading.Lock()", ["`bad`", "_thread.lock"]),
        ("self.bad = open(__file__)", ["`bad`", "TextIOWrapper"]),
        ("self.bad = (n for n in [1])", ["`bad`", "generator"]),
        ("self.bad = threading", ["`bad`", "module"]),
        ("self.bad = {'a': [1, {'b': lambda: 1}]}", ["`bad`", "['a'][1]['b']"]),
        ("self.bad = Evil()", ["`bad`", "won't be pickled"]),
        ("class Local: pass\n        self.bad = Local()", ["`bad`", "local object"]),
    ],
)
def test_a_value_that_cannot_be_stored_fails_its_step_by_name(
    place: Place, body: str, words: list[str]
) -> None:
    place.write("odd.py", STEP.format(body=body))
    told = place.fail("odd.py").refused("T005")
    assert all(word in told for word in words), told
    task = place.latest("Odd")["start"].task
    assert task.state == "failed" and not task.successful
    assert task.data.fine == [1, 2] and "bad" not in task.data


def test_a_class_attribute_that_cannot_be_stored_is_named_before_there_is_a_run(
    place: Place,
) -> None:
    source = """
import threading
from pave import FlowSpec, step

class Odd(FlowSpec):
    {name} = {{"of": threading.Lock()}}

    @step
    def start(self):
        with self.{name}["of"]:
            self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == "__main__":
    Odd()
""".replace("            self.next", "            pass\n        self.next")
    place.write("odd.py", source.format(name="lock"))
    told = place.python("odd.py", "run").refused("G016")
    assert "class attribute `lock`" in told and "`_lock`" in told and "Traceback" not in told
    assert not place.has_runs()
    place.write("odd.py", source.format(name="_lock"))
    place.run("odd.py")


def test_a_value_that_cannot_be_read_again_names_itself_and_the_user_s_own_reason(
    place: Place,
) -> None:
    place.write(
        "lost.py",
        """
        import os, shutil

        class Shy:
            def __getstate__(self):
                return {"a": 1}

            def __setstate__(self, state):
                raise RuntimeError("won't come back")

        class Lost(FlowSpec):
            @step
            def start(self):
                self.big, self.shy = os.urandom(200_000), Shy()
                self.next(self.end)

            @step
            def end(self):
                if os.path.exists("shy"):
                    self.shy
                shutil.rmtree(".pave/blobs")
                self.big
        """,
    )
    told = place.fail("lost.py").refused("T011")
    assert "A002: artifact `big`" in told and "is missing from the store" in told
    assert "ArtifactFault" not in told and told.count("The above exception") == 0
    place.write("shy", "")
    told = place.fail("lost.py").refused("T011")
    assert "A004: artifact `shy`" in told and "RuntimeError: won't come back" in told and "in __setstate__" in told


def test_what_a_failed_step_had_set_can_be_looked_at_but_never_goes_on(place: Place) -> None:
    place.write(
        "again.py",
        """
        class Again(FlowSpec):
            @retry(times=1)
            @step
            def start(self):
                assert not hasattr(self, "left")
                self.left = current.retry_count
                if current.retry_count == 0:
                    self.only_first = 1
                    raise ValueError("again")
                self.next(self.end)

            @step
            def end(self):
                assert not hasattr(self, "only_first")
        """,
    )
    place.run("again.py")
    run = place.latest("Again")
    first = Task(f"{run.pathspec}/start/1", attempt=0)
    assert (first.data.left, first.data.only_first) == (0, 1)
    assert run["start"].task.data.left == 1 and "only_first" not in run["start"].task.data


def test_large_values_cross_steps(place: Place) -> None:
    place.write(
        "large.py",
        """
        import os
        import numpy as np
        from pave import FlowSpec, step

        class Large(FlowSpec):
            @step
            def start(self):
                self.blob = os.urandom(1 << 20) * 40
                self.matrix = np.arange(6_000_000, dtype="f8").reshape(2000, 3000)
                self.text = "naïve " * 2_000_000
                self.deep = None
                for _ in range(200):
                    self.deep = [self.deep]
                self.small = {f"n{n}": n for n in range(50)}
                for name, value in self.small.items():
                    setattr(self, name, value)
                self.next(self.end)

            @step
            def end(self):
                assert len(self.blob) == 40 << 20 and self.matrix[1999, 2999] == 5_999_999
                assert len(self.text) == 12_000_000 and self.n49 == 49
                depth, inner = 0, self.deep
                while inner is not None:
                    depth, inner = depth + 1, inner[0]
                print(depth)

        if __name__ == "__main__":
            Large()
        """,
    )
    assert place.run("large.py").printed("end") == ["200"]
