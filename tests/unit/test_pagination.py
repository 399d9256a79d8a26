import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookstore.shared.errors import InvalidCursor
from bookstore.shared.pagination import decode_cursor, encode_cursor


@given(st.integers(-(2**63), 2**63 - 1), st.text())
def test_a_cursor_brings_back_its_position(number, text):
    assert decode_cursor(encode_cursor([number, text]), int, str) == [number, text]


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "?",
        "bm90IGpzb24",
        encode_cursor([1]),
        encode_cursor(["1", "a"]),
        encode_cursor([1, "a", 2]),
        encode_cursor([2**70, "a"]),
        encode_cursor([True, "a"]),
        "W1tbW1tbW1tb" * 500,
        "ñ",
    ],
)
def test_a_forged_cursor_is_refused(cursor):
    with pytest.raises(InvalidCursor):
        decode_cursor(cursor, int, str)
