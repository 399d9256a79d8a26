"""Cursors: opaque, URL-safe positions in an ordered list.

A cursor says where the previous page ended, so page 1,000 costs what page 1 costs.
"""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from bookstore.shared.errors import InvalidCursor

Position = Sequence[int | float | str | None]
Item = TypeVar("Item")

MAX_LIMIT = 100


@dataclass(frozen=True)
class Page(Generic[Item]):
    """Some items in order, and the cursor of the page that follows (None at the end)."""

    items: list[Item]
    next_cursor: str | None


def encode_cursor(position: Position) -> str:
    text = json.dumps(list(position), separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(cursor: str, *kinds: type | tuple[type, ...]) -> list[int | float | str | None]:
    """Read a cursor whose values must be of these kinds, in this order. Raises InvalidCursor."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        values = json.loads(base64.b64decode(padded.encode(), altchars=b"-_", validate=True))
    except (binascii.Error, UnicodeError, ValueError, RecursionError) as error:
        raise InvalidCursor from error
    if not isinstance(values, list) or len(values) != len(kinds):
        raise InvalidCursor
    for value, kind in zip(values, kinds, strict=True):
        # bool is an int to Python, and an int over 64 bits is an error to every database.
        if isinstance(value, bool) or not isinstance(value, kind):
            raise InvalidCursor
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise InvalidCursor
    return values
