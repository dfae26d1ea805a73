"""MessagePack to and from Python objects."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pave._native import pack, unpack

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8"))
    | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=40,
)


@given(plain)
def test_plain_values_come_back_as_they_were(value: Any) -> None:
    back = unpack(pack(value))
    assert back == value
    assert type(back) is type(value)


@given(st.binary())
def test_garbage_is_a_value_error_or_a_value(data: bytes) -> None:
    try:
        unpack(data)
    except ValueError:
        pass


@pytest.mark.parametrize("length", [0, 31, 32, 255, 256, 65535, 65536])
def test_lengths_at_every_border(length: int) -> None:
    for value in ("x" * length, b"x" * length, [1] * length):
        assert unpack(pack(value)) == value
    keys = {str(number): number for number in range(length)}
    assert list(unpack(pack(keys))) == list(keys)


def test_tuples_become_lists_and_buffers_become_bytes() -> None:
    assert unpack(pack((1, (2,)))) == [1, [2]]
    assert unpack(pack([bytearray(b"a"), memoryview(b"b")])) == [b"a", b"b"]


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (2**64, OverflowError),
        (-(2**63) - 1, OverflowError),
        (object(), TypeError),
        ({1, 2}, TypeError),
        ("\ud800", UnicodeEncodeError),
    ],
)
def test_what_has_no_form_is_refused(value: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        pack(value)


def test_nesting_has_a_limit_on_both_sides() -> None:
    value: Any = None
    for _ in range(300):
        value = [value]
    with pytest.raises(ValueError, match="nested"):
        pack(value)
    with pytest.raises(ValueError, match="nested"):
        unpack(b"\x91" * 300 + b"\xc0")


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x92\x01", b"\xdb\xff\xff\xff\xffx", b"\x01\x02"])
def test_broken_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        unpack(data)
