"""The statements of an order as the shop sends them, to be replayed by a C client at full speed.

Two orders are placed by the app in this process, for two listings, while everything that goes to the
database is written down. What differs between them is what belongs to one order alone: numbers that the
database gave to new rows, keys and references, the listing. A replay says the same with its own ones.
"""

import re
import secrets
import string
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.pool import ConnectionPoolEntry, Pool

from bookstore.shared.round_trips import is_resting

LONGEST_TOKEN = 64
_TOKEN = re.compile(r"[\w-]{8,}")
Literal = Callable[[object], str]


@dataclass(frozen=True)
class Step:
    """A statement with its values, or the end of a transaction. `row` is the number of the row it made."""

    statement: str
    values: tuple[Any, ...] = ()
    row: int = 0


@dataclass
class Recorder:
    """Writes down what all engines of this process say to their databases while it is open."""

    steps: list[Step] = field(default_factory=list)

    @contextmanager
    def recording(self) -> Iterator[None]:
        listeners: list[tuple[Any, str, Callable[..., None]]] = [
            (Engine, "after_cursor_execute", self._note_statement),
            (Engine, "commit", lambda _: self.steps.append(Step("COMMIT"))),
            (Engine, "rollback", lambda _: self.steps.append(Step("ROLLBACK"))),
            (Pool, "reset", self._note_reset),
        ]
        for listener in listeners:
            event.listen(*listener)
        try:
            yield
        finally:
            for listener in listeners:
                event.remove(*listener)

    def _note_reset(self, _connection: object, record: ConnectionPoolEntry, _state: object) -> None:
        if not is_resting(record):
            self.steps.append(Step("ROLLBACK"))

    def _note_statement(
        self, _connection: object, cursor: Any, statement: str, parameters: Any, _context: object, many: bool
    ) -> None:
        row = _row_made_by(statement, cursor)
        for values in parameters if many else [parameters]:
            self.steps.append(Step(statement, tuple(values or ()), row))


@dataclass(frozen=True)
class Recording:
    """Two orders by the same steps, and the listings that they were for."""

    steps: Sequence[Step]
    others: Sequence[Step]
    listing: int
    other_listing: int

    def __post_init__(self) -> None:
        shapes = [[step.statement for step in steps] for steps in (self.steps, self.others)]
        if shapes[0] != shapes[1]:
            raise AssertionError("the two orders did not take the same steps")

    @property
    def commits(self) -> int:
        return sum(step.statement == "COMMIT" for step in self.steps)

    def sql(self, listing: int, literal: Literal) -> str:
        """The statements of one more order, for this listing; `literal` writes a value for the database."""
        tokens = {token: _like(token) for token in self._tokens}
        lines = []
        for place, (step, other) in enumerate(zip(self.steps, self.others, strict=True)):
            pairs = zip(step.values, other.values, strict=True)
            values = tuple(self._value(pair, listing, tokens, literal) for pair in pairs)
            lines.append(f"{' '.join((step.statement % values).split(chr(10)))};")
            if place in self._named:
                lines.append(f"SET @row{place} = LAST_INSERT_ID();")
        return "\n".join(lines) + "\n"

    def _value(self, pair: tuple[Any, Any], listing: int, tokens: dict[str, str], literal: Literal) -> str:
        here, there = pair
        if here == there:
            return literal(here)
        if pair == (self.listing, self.other_listing):
            return literal(listing)
        if isinstance(here, int) and pair in self._rows:
            return f"@row{self._rows[pair]}"
        if isinstance(here, str):
            for token, other in tokens.items():
                here = here.replace(token, other)
        return literal(here)

    @cached_property
    def _rows(self) -> dict[tuple[int, int], int]:
        """The step by which a row was made, by the numbers that it got in both orders."""
        both = enumerate(zip(self.steps, self.others, strict=True))
        return {(one.row, other.row): place for place, (one, other) in both if one.row and other.row}

    @cached_property
    def _named(self) -> set[int]:
        """The steps whose rows a later step names."""
        rows = self._rows
        pairs = (
            pair
            for one, other in zip(self.steps, self.others, strict=True)
            for pair in zip(one.values, other.values, strict=True)
        )
        return {rows[pair] for pair in pairs if isinstance(pair[0], int) and pair in rows}

    @cached_property
    def _tokens(self) -> list[str]:
        """The words that the first order has and the other one has not, none of which contains another."""
        words = _words(self.steps) - _words(self.others)
        return [word for word in sorted(words) if not any(part in word for part in words - {word})]


def _row_made_by(statement: str, cursor: Any) -> int:
    """The number of a new row; 0 if there is none, or the database did not choose it."""
    if not statement.startswith("INSERT"):
        return 0
    if " RETURNING " not in statement:
        return int(cursor.lastrowid or 0)
    (number, *_) = cursor.fetchone()
    # The app is still to read it.
    cursor.scroll(0, mode="absolute")
    return int(number)


def _words(steps: Sequence[Step]) -> set[str]:
    texts = (value for step in steps for value in step.values if isinstance(value, str))
    return {word for text in texts for word in _TOKEN.findall(text) if len(word) <= LONGEST_TOKEN}


def _like(token: str) -> str:
    """Another word of the same kind: each letter and digit by chance, everything else as it was."""
    if token.isdigit():
        return str(secrets.randbelow(9 * 10 ** (len(token) - 1)) + 10 ** (len(token) - 1))
    kinds = ("0123456789abcdef", string.ascii_lowercase, string.ascii_uppercase)
    if all(letter in kinds[0] or not letter.isalnum() for letter in token):
        return "".join(secrets.choice(kinds[0]) if letter.isalnum() else letter for letter in token)
    return "".join(_like_letter(letter) for letter in token)


def _like_letter(letter: str) -> str:
    if letter.isdigit():
        return secrets.choice(string.digits)
    if letter in string.ascii_lowercase:
        return secrets.choice(string.ascii_lowercase)
    return secrets.choice(string.ascii_uppercase) if letter in string.ascii_uppercase else letter
