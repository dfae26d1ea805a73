"""What has no neutral form, and what can't be stored at all."""

from __future__ import annotations

import pickle
import subprocess
import sys
import textwrap
import threading
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pave._artifacts import (
    ArtifactStore,
    UnreadableArtifact,
    UnstorableArtifact,
    entry_info,
)

from .conftest import RoundTrip


class Model:
    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)

    def __eq__(self, other: object) -> bool:
        return type(other) is Model and self.__dict__.keys() == other.__dict__.keys()


class Hostile:
    """Code of a user that must not run for a label or a type's name."""

    def __repr__(self) -> str:
        raise AssertionError("repr was called")

    def __len__(self) -> int:
        raise AssertionError("len was called")

    def __eq__(self, other: object) -> bool:
        raise AssertionError("eq was called")

    __hash__ = None  # type: ignore[assignment]


def test_objects_keep_their_class_name(round_trip: RoundTrip) -> None:
    back, info = round_trip(Model(a=1))
    assert (info.encoding, info.label) == ("pickle", "Model")
    assert info.type_name == f"{__name__}.Model"
    assert back.a == 1


def test_hostile_objects_are_stored_without_a_word(round_trip: RoundTrip) -> None:
    back, info = round_trip(Hostile())
    assert info.label == "Hostile"
    assert type(back) is Hostile


def test_large_buffers_stay_out_of_the_stream(store: ArtifactStore) -> None:
    weights = np.random.default_rng(1).random(300_000)
    entry = store.put("model", Model(weights=weights, name="m"))
    back = store.get(entry)
    np.testing.assert_array_equal(back.weights, weights)
    assert back.weights.flags.aligned
    back.weights[:] = 0
    np.testing.assert_array_equal(store.get(entry).weights, weights)


def test_bytes_and_non_contiguous_buffers_travel_inside(round_trip: RoundTrip) -> None:
    plain = bytes(range(256)) * 1000
    strided = np.arange(100_000.0)[::2]
    back, _ = round_trip(Model(plain=plain, strided=strided, data=bytearray(plain)))
    assert back.plain == plain
    assert back.data == plain
    np.testing.assert_array_equal(back.strided, strided)


def test_old_protocols_inside_are_read(round_trip: RoundTrip) -> None:
    # An object that pickles itself by hand, with text opcodes, inside of a stream of ours.
    value = Model(blob=pickle.dumps({"a": [1.5, "x"]}, protocol=0))
    back, _ = round_trip(value)
    assert pickle.loads(back.blob) == {"a": [1.5, "x"]}


UNSTORABLE: dict[str, tuple[Any, str, str]] = {
    "generator": ((n for n in range(3)), "", "generator"),
    "module": (types, "", "module"),
    "open file": (open(__file__), "", "_io.TextIOWrapper"),  # noqa: SIM115
    "lock in attribute": (Model(a=1, lock=threading.Lock()), ".lock", "_thread.lock"),
    "lock deeper": (
        Model(hooks=[1, {"on": (0, threading.Lock())}]),
        ".hooks[1]['on'][1]",
        "_thread.lock",
    ),
    "lambda in a dict": ({"f": lambda: 0, "g": 1}, "['f']", "function"),
    "key": ({threading.Lock(): 1}, " key <lock>", "_thread.lock"),
    "local class": ([type("Local", (), {})()], "[0]", ""),
}


@pytest.mark.parametrize("case", UNSTORABLE.values(), ids=UNSTORABLE)
def test_failure_names_artifact_part_type_and_reason(
    store: ArtifactStore, case: tuple[Any, str, str]
) -> None:
    value, path, kind = case
    with pytest.raises(UnstorableArtifact) as raised:
        store.put("model", value)
    error = raised.value
    assert error.code == "T005"
    assert error.name == "model"
    assert error.reason
    assert str(error).startswith("artifact `model` ")
    assert "cannot be stored" in str(error)
    assert error.path == path
    if kind:
        assert error.type_name == kind
        assert kind in str(error)


def test_failure_of_the_users_own_code_is_the_reason(store: ArtifactStore) -> None:
    class Refuses:
        def __reduce__(self) -> Any:
            raise RuntimeError("not today")

    with pytest.raises(UnstorableArtifact, match=r"`\[1\]`.*RuntimeError: not today") as raised:
        store.put("model", [1, Refuses()])
    assert isinstance(raised.value.__cause__, RuntimeError)


def test_errors_can_be_pickled(store: ArtifactStore) -> None:
    for error in (
        UnstorableArtifact("a", "T", "why", ".x", "A003"),
        UnreadableArtifact("a", "T", "why", "A001"),
    ):
        back = pickle.loads(pickle.dumps(error))
        assert str(back) == str(error)
        assert back.__dict__ == error.__dict__


def test_nesting_too_deep_even_for_pickle_is_told(store: ArtifactStore) -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(
        UnstorableArtifact, match=r"artifact `deep` of type list cannot be stored: .*recursion"
    ):
        store.put("deep", deep)


def script(path: Path, text: str, *arguments: str) -> str:
    path.write_text(textwrap.dedent(text))
    done = subprocess.run(
        [sys.executable, str(path), *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def entry_of_main(tmp_path: Path) -> bytes:
    """An object whose class was defined in the file that was run."""
    out = script(
        tmp_path / "flow.py",
        """
        import sys
        from pave._artifacts import ArtifactStore

        class Model:
            class Part:
                size = 7
            def __init__(self):
                self.part = Model.Part()

        if __name__ == "__main__":
            store = ArtifactStore(sys.argv[1])
            print(store.put("model", Model()).hex())
            store.sync()
        """,
        str(tmp_path / ".pave"),
    )
    return bytes.fromhex(out)


def test_class_of_the_flow_file_is_found_where_that_was_loaded(
    store: ArtifactStore, entry_of_main: bytes, tmp_path: Path
) -> None:
    assert entry_info(entry_of_main).type_name == "__main__.Model"
    loaded: list[str] = []

    def load() -> types.ModuleType:
        loaded.append("flow.py")
        module = types.ModuleType("flow")
        exec((tmp_path / "flow.py").read_text(), module.__dict__)
        return module

    store.main_module = load
    assert store.get(store.put("other", Model(a=1))).a == 1
    assert not loaded
    back: Any = store.get(entry_of_main)
    assert back.part.size == 7
    assert loaded == ["flow.py"]


def test_class_of_the_flow_file_elsewhere_is_told(
    store: ArtifactStore, entry_of_main: bytes
) -> None:
    with pytest.raises(UnreadableArtifact, match="flow's file") as raised:
        store.get(entry_of_main)
    assert raised.value.code == "A004"
    assert raised.value.name == "model"


def test_missing_module_is_told(store: ArtifactStore, monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("vanishing")
    module.Thing = type("Thing", (), {"__module__": "vanishing"})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "vanishing", module)
    entry = store.put("thing", module.Thing())
    monkeypatch.delitem(sys.modules, "vanishing")
    with pytest.raises(UnreadableArtifact, match=r"`thing` of type vanishing.Thing.*No module"):
        store.get(entry)


class Proxy:
    """Pretends to be another class, and fails when asked."""

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        raise AssertionError("__class__ was asked for")

    def __reduce__(self) -> Any:
        return (Proxy, ())


def test_what_an_object_pretends_to_be_is_not_asked(round_trip: RoundTrip) -> None:
    back, info = round_trip(Proxy())
    assert type(back) is Proxy
    assert info.label == "Proxy"
