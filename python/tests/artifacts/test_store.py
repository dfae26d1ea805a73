"""The store around the conversions: damage, durability, manifests, labels, lazy imports."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from pave._artifact_labels import LIMIT, label_of
from pave._artifacts import (
    ArtifactStore,
    UnreadableArtifact,
    UnstorableArtifact,
    entry_info,
    manifest_pack,
    manifest_unpack,
)

NOISE = np.random.default_rng(1).random(100_000)


def blob_of(folder: Path) -> Path:
    files = [path for path in (folder / "blobs").rglob("*") if path.is_file()]
    assert len(files) == 1
    return files[0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / ".pave"


@pytest.mark.parametrize("damage", ["missing", "short", "changed"])
def test_damaged_blobs_are_told(store: ArtifactStore, folder: Path, damage: str) -> None:
    entry = store.put("noise", NOISE)
    store.sync()
    blob = blob_of(folder)
    os.chmod(blob, 0o600)
    if damage == "missing":
        blob.unlink()
    elif damage == "short":
        os.truncate(blob, 1000)
    else:
        data = bytearray(blob.read_bytes())
        data[5000] ^= 1
        blob.write_bytes(data)
    with pytest.raises(UnreadableArtifact, match=r"`noise` of type numpy\.ndarray") as raised:
        store.get(entry)
    assert raised.value.code == ("A002" if damage == "missing" else "A001")


@pytest.mark.parametrize("value", [{"a": [1, "x"]}, np.arange(3), pd.DataFrame({"a": [1]}), object])
def test_damaged_entries_never_crash(store: ArtifactStore, value: Any) -> None:
    entry = store.put("x", value)
    for at in range(0, len(entry), 7):
        broken = bytearray(entry)
        broken[at] ^= 0x55
        try:
            store.get(bytes(broken))
        except UnreadableArtifact as error:
            assert error.code.startswith("A")
    with pytest.raises(UnreadableArtifact):
        entry_info(b"\xc1")


def test_unwritable_store_is_told_with_its_own_code(tmp_path: Path) -> None:
    (tmp_path / "blobs").write_text("a file where the folder should be")
    store = ArtifactStore(str(tmp_path))
    with pytest.raises(UnstorableArtifact, match="`noise` could not be stored") as raised:
        store.put("noise", NOISE)
    assert raised.value.code == "A003"
    assert raised.value.name == "noise"


def test_small_values_need_no_folder_at_all(store: ArtifactStore, folder: Path) -> None:
    entry = store.put("x", {"a": 1})
    store.sync()
    assert not folder.exists()
    assert store.get(entry) == {"a": 1}


def test_another_store_object_reads_what_was_synced(store: ArtifactStore, folder: Path) -> None:
    entry = store.put("noise", NOISE)
    store.sync()
    np.testing.assert_array_equal(ArtifactStore(str(folder)).get(entry), NOISE)


def test_same_content_is_kept_once(store: ArtifactStore, folder: Path) -> None:
    store.put("one", NOISE)
    store.put("two", NOISE.copy())
    store.sync()
    assert blob_of(folder).stat().st_size < NOISE.nbytes + 1000


def test_manifests_keep_entries_in_order_under_their_names(store: ArtifactStore) -> None:
    entries = {name: store.put("some name", value) for name, value in [("b", 1), ("a", [2])]}
    back = manifest_unpack(manifest_pack(entries))
    assert list(back) == ["b", "a"]
    assert [entry_info(entry).name for entry in back.values()] == ["b", "a"]
    assert [store.get(entry) for entry in back.values()] == [1, [2]]
    assert manifest_unpack(b"") == {}


@pytest.mark.parametrize(
    ("value", "label"),
    [
        (None, "None"),
        (True, "True"),
        (5, "5"),
        (2**300, "int of 301 bits"),
        (0.1, "0.1"),
        ("text", 'str "text"'),
        ("two\nlines", 'str "two\\nlines"'),
        (b"abc", "3 bytes"),
        ([1, 2], "list of 2"),
        ({"a": 1}, "dict of 1"),
        (frozenset(), "frozenset of 0"),
        (range(3), "range(0, 3)"),
        (np.float32(0.5), "0.5"),
        (np.zeros((100, 3)), "float64 array 100×3"),
        (np.array(1), "int64 array 0-d"),
        (np.zeros(2, dtype=[("a", "i4")]), "structured array 2"),
        (pd.DataFrame({"a": [1, 2]}), "DataFrame 2×1"),
        (pd.Series([1.5]), "Series 1 float64"),
        (pl.DataFrame({"a": [1, 2]}), "DataFrame 2×1"),
        (pa.table({"a": [1, 2]}), "Table 2×1"),
        (len, "builtin_function_or_method"),
    ],
    ids=str,
)
def test_labels(store: ArtifactStore, value: Any, label: str) -> None:
    assert entry_info(store.put("x", value)).label == label


@pytest.mark.parametrize("text", ["a" * 200, "\n" * 200, "\x00" * 80, "日本" * 60, "\ud800" * 100])
def test_labels_stay_short(text: str) -> None:
    label = label_of(text)
    assert len(label) <= LIMIT
    assert label.endswith('…"')
    assert label.isprintable()
    label.encode()


def run(code: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_nothing_heavy_is_imported_for_plain_values(tmp_path: Path) -> None:
    code = """
import sys
from pave._artifacts import ArtifactStore
store = ArtifactStore(sys.argv[1])
store.get(store.put("x", {"a": [1, "b"]}))
store.put("y", object())
heavy = ("numpy", "pandas", "pyarrow", "polars", "zoneinfo", "decimal", "uuid")
print([name for name in heavy if name in sys.modules])
"""
    assert run(code, str(tmp_path)) == "[]"


WITHOUT_PYARROW = """
import sys
sys.modules["pyarrow"] = None
import numpy as np, pandas as pd
from pave._artifacts import ArtifactStore, entry_info
store = ArtifactStore(sys.argv[1])
frame = pd.DataFrame(
    {
        "n": [1.5, None], "s": ["a", None], "o": pd.Series(["a", None], dtype=object),
        "c": pd.Categorical(["u", "v"]), "i": pd.array([1, None], dtype="Int8"),
        "t": pd.date_range("2020", periods=2, tz="Europe/Paris"), "b": [True, False],
    },
    index=["p", "q"],
)
assert frame["s"].dtype.storage == "python"
entry = store.put("x", frame)
assert entry_info(entry).encoding == "frame"
back = store.get(entry)
pd.testing.assert_frame_equal(back, frame, check_exact=True)
assert back["s"].dtype.storage == "python"
"""


def test_pandas_needs_no_pyarrow(tmp_path: Path) -> None:
    run(WITHOUT_PYARROW, str(tmp_path))


def test_column_of_pyarrow_is_told_where_pyarrow_is_missing(
    store: ArtifactStore, folder: Path
) -> None:
    entry = store.put("words", pd.Series(["a"], dtype=pd.ArrowDtype(pa.string())))
    code = """
import sys
sys.modules["pyarrow"] = None
from pave._artifacts import ArtifactStore, UnreadableArtifact
try:
    ArtifactStore(sys.argv[1]).get(bytes.fromhex(sys.argv[2]))
except UnreadableArtifact as error:
    print(error)
"""
    assert "artifact `words` of type pandas.Series cannot be read" in run(
        code, str(folder), entry.hex()
    )
