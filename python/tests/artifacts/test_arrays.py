"""Numpy arrays and scalars."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pave._artifacts import ArtifactStore, entry_info

from .conftest import RoundTrip


def is_equal(a: Any, b: Any) -> bool:
    """Equal in all that can be seen, elements bit by bit."""
    return (
        type(a) is type(b)
        and a.dtype == b.dtype
        and a.dtype.str == b.dtype.str
        and a.shape == b.shape
        and a.flags.c_contiguous == b.flags.c_contiguous
        and a.flags.f_contiguous == b.flags.f_contiguous
        and a.tobytes("A") == b.tobytes("A")
    )


dtypes = (
    hnp.boolean_dtypes()
    | hnp.integer_dtypes(endianness="?")
    | hnp.unsigned_integer_dtypes(endianness="?")
    | hnp.floating_dtypes(endianness="?", sizes=(16, 32, 64))
    | hnp.complex_number_dtypes(endianness="?", sizes=(64, 128))
    | hnp.datetime64_dtypes(endianness="?")
    | hnp.timedelta64_dtypes(endianness="?")
    | hnp.byte_string_dtypes(endianness="?", max_len=5)
    | hnp.unicode_string_dtypes(endianness="?", max_len=5)
)
arrays = hnp.arrays(
    dtypes | hnp.array_dtypes(subtype_strategy=dtypes, max_size=3, allow_subarrays=True),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
)


@given(arrays, st.sampled_from("CF"))
@settings(max_examples=300)
def test_arrays_round_trip_exactly(shared_store: ArtifactStore, array: Any, order: str) -> None:
    array = np.asarray(array, order=order)
    entry = shared_store.put("x", array)
    back = shared_store.get(entry)
    assert entry_info(entry).encoding == "array"
    assert is_equal(array, back)
    assert back.flags.writeable
    assert back.flags.aligned


@pytest.mark.parametrize("order", ["C", "F"])
def test_contiguous_arrays_keep_their_order(round_trip: RoundTrip, order: str) -> None:
    array = np.array(np.arange(24.0).reshape(2, 3, 4), order=order)
    back, info = round_trip(array)
    assert info.encoding == "array"
    assert back.strides == array.strides


def test_other_layouts_become_c_contiguous(round_trip: RoundTrip) -> None:
    whole = np.arange(24).reshape(2, 3, 4)
    for view in (whole[:, ::2], whole.transpose(1, 0, 2), whole[::-1], np.broadcast_to(1, (2, 3))):
        back, info = round_trip(view)
        assert info.encoding == "array"
        assert back.flags.c_contiguous
        np.testing.assert_array_equal(back, view)


@pytest.mark.parametrize(
    "dtype",
    [
        np.dtype([("a", "<i4"), ("b", ">f8", (2, 3))]),
        np.dtype([("a", "i1"), ("b", "f8")], align=True),
        np.dtype({"names": ["a", "b"], "formats": ["i4", "i4"], "offsets": [8, 2], "itemsize": 16}),
        np.dtype([(("a title", "a"), "i4")]),
        np.dtype([("outer", [("inner", "M8[ms]"), ("text", "U3")])]),
        np.dtype("V7"),
        np.dtype("M8[25us]"),
        np.dtype("S0"),
        np.dtype([]),
    ],
    ids=str,
)
def test_structured_and_odd_dtypes_are_kept(round_trip: RoundTrip, dtype: Any) -> None:
    array = np.ndarray(3, dtype=dtype, buffer=bytes(1000))
    back, info = round_trip(array)
    assert info.encoding == "array"
    assert back.dtype == dtype
    assert back.dtype.isalignedstruct == dtype.isalignedstruct
    assert (back.dtype.fields or {}).keys() == (dtype.fields or {}).keys()
    assert is_equal(array, back)


class Labelled(np.ndarray):
    pass


@pytest.mark.parametrize(
    "array",
    [
        np.array([1, "a", None], dtype=object),
        np.zeros(2, dtype=[("a", object)]),
        np.arange(3).view(Labelled),
        np.ma.masked_array([1, 2], [True, False]),
        np.zeros(2, dtype=np.dtype("f8", metadata={"unit": "m"})),
        np.zeros(2, dtype=np.longdouble),
        np.array(["a", "b"], dtype=np.dtypes.StringDType()),
    ],
    ids=lambda array: f"{type(array).__name__} of {array.dtype}",
)
def test_what_an_array_cannot_say_is_pickled(round_trip: RoundTrip, array: Any) -> None:
    back, info = round_trip(array)
    assert info.encoding == "pickle"
    assert type(back) is type(array)
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)


@pytest.mark.parametrize(
    "scalar",
    [
        np.float64("nan"),
        np.float32(0.1),
        np.int8(-3),
        np.uint64(2**64 - 1),
        np.bool_(True),
        np.complex64(1 + 2j),
        np.datetime64("2020-01-01T00:00:00.123456789"),
        np.timedelta64(5, "D"),
    ],
    ids=repr,
)
def test_scalars_keep_their_class(round_trip: RoundTrip, scalar: Any) -> None:
    back, info = round_trip(scalar)
    assert type(back) is type(scalar)
    assert back.dtype == scalar.dtype
    assert back.tobytes() == scalar.tobytes()
    assert info.encoding in ("array", "pickle")


def test_arrays_inside_of_other_values_keep_their_memory_apart(round_trip: RoundTrip) -> None:
    array = np.arange(100_000.0)
    back, info = round_trip({"x": array, "same": array, "small": np.arange(3)})
    assert info.encoding == "pickle"
    assert back["x"] is back["same"]
    np.testing.assert_array_equal(back["x"], array)
    back["x"][0] = 7
    assert back["same"][0] == 7


def test_changing_an_array_that_was_read_leaves_the_store_alone(store: ArtifactStore) -> None:
    random = np.random.default_rng(1).random(1_000_000)
    entry = store.put("x", random)
    first = store.get(entry)
    first += 1
    np.testing.assert_array_equal(store.get(entry), random)


def test_equal_arrays_have_equal_hashes_and_others_do_not(store: ArtifactStore) -> None:
    square = np.arange(4.0).reshape(2, 2)

    def hash_of(array: Any) -> str:
        return entry_info(store.put("x", array)).hash

    assert hash_of(square) == hash_of(square.copy())
    different = [square, square.ravel(), square.astype("f4"), square.T, square.astype(">f8")]
    assert len({hash_of(array) for array in different}) == len(different)
