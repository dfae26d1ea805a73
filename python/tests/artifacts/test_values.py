"""Plain values: exact types, identity, hashes."""

from __future__ import annotations

import datetime
import decimal
import enum
import math
import struct
import uuid
import zoneinfo
from collections import OrderedDict, namedtuple
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pave._artifacts import ArtifactStore, entry_info

from .conftest import RoundTrip

PARIS = zoneinfo.ZoneInfo("Europe/Paris")


def is_equal(a: Any, b: Any) -> bool:
    """Equal in type at every depth, floats bit by bit."""
    if type(a) is not type(b):
        return False
    if type(a) is float:
        return struct.pack("d", a) == struct.pack("d", b)
    if type(a) is complex:
        return is_equal(a.real, b.real) and is_equal(a.imag, b.imag)
    if type(a) in (list, tuple):
        return len(a) == len(b) and all(map(is_equal, a, b))
    if type(a) is dict:
        pairs = zip(a.items(), b.items(), strict=False)
        return len(a) == len(b) and all(is_equal(x, y) for x, y in pairs)
    if type(a) in (set, frozenset):
        kinds = sorted(type(x).__name__ for x in a) == sorted(type(x).__name__ for x in b)
        return a == b and kinds
    if type(a) is decimal.Decimal:
        return a.as_tuple() == b.as_tuple()
    if type(a) in (datetime.datetime, datetime.time):
        return a == b and a.fold == b.fold and repr(a.tzinfo) == repr(b.tzinfo)
    return bool(a == b)


zones = st.one_of(
    st.none(),
    st.just(datetime.UTC),
    st.just(PARIS),
    st.builds(
        datetime.timezone,
        st.timedeltas(datetime.timedelta(hours=-23), datetime.timedelta(hours=23)),
    ),
)
hashable = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**200), 2**200),
    st.text(max_size=20),
    st.binary(max_size=20),
    st.complex_numbers(allow_nan=False),
    st.floats(allow_nan=False),
    st.dates(),
    st.datetimes(timezones=zones, allow_imaginary=True),
    st.times(timezones=zones),
    st.timedeltas(),
    st.decimals(allow_nan=False),
    st.uuids(),
    st.builds(range, st.integers(), st.integers(), st.integers(1, 99)),
)
leaves = hashable | st.floats() | st.decimals() | st.binary(max_size=9).map(bytearray)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.lists(inner, max_size=5).map(tuple),
        st.dictionaries(hashable, inner, max_size=5),
        st.sets(hashable, max_size=5),
        st.frozensets(hashable, max_size=5),
    ),
    max_leaves=20,
)


@given(values)
@settings(max_examples=400)
def test_plain_values_round_trip_exactly(shared_store: ArtifactStore, value: Any) -> None:
    entry = shared_store.put("x", value)
    assert is_equal(shared_store.get(entry), value)
    assert entry_info(entry).encoding == "value" or holds_surrogates(value)


def holds_surrogates(value: Any) -> bool:
    return "\\ud" in repr(value)


@pytest.mark.parametrize("bits", [0x7FF8000000000000, 0x7FF0000000000001, 0xFFFFDEADBEEF0001])
def test_nan_keeps_its_payload(round_trip: RoundTrip, bits: int) -> None:
    (nan,) = struct.unpack("<d", bits.to_bytes(8, "little"))
    back, info = round_trip({"x": nan})
    assert info.encoding == "value"
    assert struct.pack("<d", back["x"]) == bits.to_bytes(8, "little")


def test_dates_keep_fold_and_zone(round_trip: RoundTrip) -> None:
    early = datetime.datetime(2020, 10, 25, 2, 30, tzinfo=PARIS)
    late = early.replace(fold=1)
    back, info = round_trip([early, late])
    assert info.encoding == "value"
    assert [moment.fold for moment in back] == [0, 1]
    assert back[1].tzinfo is PARIS
    assert back[0].utcoffset() != back[1].utcoffset()


class Colour(enum.IntEnum):
    RED = 1


class Text(str):
    pass


Point = namedtuple("Point", "x y")


@pytest.mark.parametrize(
    "value",
    [
        Colour.RED,
        Text("a"),
        Point(1, 2),
        OrderedDict(a=1),
        np.str_("a"),
        [Colour.RED],
        {"a": np.float64(1)},
        {np.int64(1): 0},
        "lone \ud800 surrogate",
        {"\udfff": 1},
        datetime.datetime(2020, 1, 1, tzinfo=zoneinfo.ZoneInfo.no_cache("Europe/Paris")),
        uuid.UUID(int=5, is_safe=uuid.SafeUUID.safe),
    ],
    ids=repr,
)
def test_what_is_not_exactly_plain_is_pickled(round_trip: RoundTrip, value: Any) -> None:
    back, info = round_trip(value)
    assert info.encoding == "pickle"
    assert type(back) is type(value)
    assert back == value or isinstance(value, datetime.datetime)


def test_one_list_in_two_places_stays_one(round_trip: RoundTrip) -> None:
    inner: list[int] = [1]
    back, info = round_trip({"a": inner, "b": inner})
    assert info.encoding == "pickle"
    back["a"].append(2)
    assert back["b"] == [1, 2]


def test_equal_lists_are_not_taken_for_one(round_trip: RoundTrip) -> None:
    kept = [1]
    back, info = round_trip([kept, [1], kept[:]])
    assert info.encoding == "value"
    back[0].append(2)
    assert back == [[1, 2], [1], [1]]


def test_cycles_stay_cycles(round_trip: RoundTrip) -> None:
    cycle: list[Any] = [1]
    cycle.append({"self": cycle})
    back, info = round_trip(cycle)
    assert info.encoding == "pickle"
    assert back[1]["self"] is back


def test_shared_mutable_inside_of_shared_tuples_stays_one(round_trip: RoundTrip) -> None:
    pair = ([],)
    back, info = round_trip([pair, pair])
    assert info.encoding == "pickle"
    assert back[0][0] is back[1][0]


def test_tuples_of_tuples_that_double_do_not_swell(round_trip: RoundTrip) -> None:
    pair: Any = ("leaf", 0)
    for _ in range(60):
        pair = (pair, pair)
    back, info = round_trip(pair)
    assert info.encoding == "pickle"
    assert info.size < 10_000
    for _ in range(60):
        pair, back = pair[0], back[1]
    assert back == ("leaf", 0)


def test_one_large_text_in_many_places_does_not_swell(round_trip: RoundTrip) -> None:
    text = "x" * 100_000
    back, info = round_trip([text] * 1000)
    assert info.size < 1_000_000
    assert back == [text] * 1000


def test_small_texts_in_many_places_stay_plain(round_trip: RoundTrip) -> None:
    row = ("AA", "JFK")
    back, info = round_trip([row] * 100)
    assert info.encoding == "value"
    assert back == [row] * 100


def test_deep_nesting_is_pickled(round_trip: RoundTrip) -> None:
    deep: list[Any] = []
    for _ in range(400):
        deep = [deep]
    back, info = round_trip(deep)
    assert info.encoding == "pickle"
    depth = 0
    while back:
        back, depth = back[0], depth + 1
    assert depth == 400


def hash_of(store: ArtifactStore, value: Any) -> str:
    return entry_info(store.put("x", value)).hash


def test_hashes_tell_content_apart(store: ArtifactStore) -> None:
    distinct: list[Any] = [
        1,
        True,
        1.0,
        "1",
        b"1",
        bytearray(b"1"),
        None,
        0.0,
        -0.0,
        math.nan,
        [1],
        (1,),
        {1},
        frozenset({1}),
        {1: 1},
        {True: 1},
        {"a": 1, "b": 2},
        {"b": 2, "a": 1},
        decimal.Decimal("1.0"),
        decimal.Decimal("1.00"),
        datetime.date(2020, 1, 1),
        datetime.datetime(2020, 1, 1),
        datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC),
        range(1),
    ]
    assert len({hash_of(store, value) for value in distinct}) == len(distinct)


def test_equal_content_has_equal_hashes(store: ArtifactStore) -> None:
    words = [f"word {n}" for n in range(100)]
    assert hash_of(store, set(words)) == hash_of(store, set(reversed(words)))
    assert hash_of(store, {"a": [1, 2]}) == hash_of(store, {"a": [1, 2]})
    assert hash_of(store, 2**63) == hash_of(store, int(str(2**63)))


def test_keys_of_many_dicts_are_one_object(round_trip: RoundTrip) -> None:
    back, _ = round_trip([{"a key": n} for n in range(10)])
    assert len({id(key) for row in back for key in row}) == 1
