"""Many values under one entry."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pave._artifacts import ArtifactStore, UnreadableArtifact, UnstorableArtifact, entry_info

MIXED: list[Any] = [1, "text", None, [1, 2], {"a": 1}, np.arange(3), pd.Series([1.5]), {1}, object]


def is_equal(a: Any, b: Any) -> bool:
    same = np.array_equal(a, b) if isinstance(a, (np.ndarray, pd.Series)) else a == b
    return type(a) is type(b) and bool(same)


def test_each_item_is_read_on_its_own(store: ArtifactStore) -> None:
    entry = store.put_items("items", MIXED)
    assert entry_info(entry).encoding == "items"
    assert entry_info(entry).label == "9 items"
    for index, value in enumerate(MIXED):
        assert is_equal(store.get_item(entry, index), value)


def test_all_items_are_read_together(store: ArtifactStore) -> None:
    back = store.get(store.put_items("items", MIXED))
    assert type(back) is list
    assert all(map(is_equal, back, MIXED))


@pytest.mark.parametrize("values", [[], (), (1, 2), range(3), "abc", np.arange(3)], ids=repr)
def test_sequences_become_lists_but_tuples_stay(store: ArtifactStore, values: Any) -> None:
    back = store.get(store.put_items("items", values))
    assert type(back) is (tuple if isinstance(values, tuple) else list)
    assert list(back) == list(values)


def test_missing_item_is_told_with_its_artifact(store: ArtifactStore) -> None:
    entry = store.put_items("things", [1, 2])
    for index in (2, 3, 10_000):
        with pytest.raises(UnreadableArtifact, match="things") as raised:
            store.get_item(entry, index)
        assert raised.value.code == "A004"


def test_unstorable_item_is_told_with_its_index(store: ArtifactStore) -> None:
    with pytest.raises(UnstorableArtifact) as raised:
        store.put_items("things", [1, {"a": (n for n in range(3))}])
    assert raised.value.name == "things"
    assert raised.value.path == "[1]['a']"


def test_items_are_aligned_and_can_be_changed(store: ArtifactStore) -> None:
    arrays = [np.random.default_rng(n).random(1000 * (n + 1)) for n in range(4)]
    entry = store.put_items("arrays", arrays)
    for index, array in enumerate(arrays):
        for back in (store.get_item(entry, index), store.get(entry)[index]):
            np.testing.assert_array_equal(back, array)
            assert back.flags.aligned
            back[0] = -1
            np.testing.assert_array_equal(store.get_item(entry, index), array)


def test_one_item_does_not_need_the_chunks_of_others(store: ArtifactStore, tmp_path: Path) -> None:
    arrays = [np.random.default_rng(n).random(2_200_000) for n in range(4)]
    entry = store.put_items("arrays", arrays)
    store.sync()
    chunks = [path for path in (tmp_path / ".pave" / "blobs").rglob("*") if path.is_file()]
    assert len(chunks) == 5
    readable_without = {chunk: 0 for chunk in chunks}
    for chunk in chunks:
        hidden = chunk.rename(chunk.with_suffix(".hidden"))
        for index, array in enumerate(arrays):
            try:
                np.testing.assert_array_equal(store.get_item(entry, index), array)
            except UnreadableArtifact as error:
                assert error.code == "A002"
            else:
                readable_without[chunk] += 1
        hidden.rename(chunk)
    # The first chunk has the table, the last one the kinds; an item lies in two of the others.
    assert sorted(readable_without.values()) == [0, 0, 2, 2, 2]


def test_a_hundred_thousand_items(store: ArtifactStore) -> None:
    entry = store.put_items("numbers", range(100_000))
    assert store.get_item(entry, 77_777) == 77_777
    assert store.get(entry) == list(range(100_000))
