"""Books that nobody wrote, as many as wanted and always the same ones.

Words are as uneven as in true titles: the word of rank r comes about 1/r times as often as the first one
(Zipf's law), so a million books have words in a fifth of them and words in hardly one.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from bookstore.catalog.models import Condition
from bookstore.catalog.search_index import IndexedBook

VOCABULARY = 200_000
SEED = 1605
LANGUAGES = ("es", "en", "fr", "de", "it", "pt", "ca")
CATEGORIES = (
    "novel",
    "poetry",
    "drama",
    "history",
    "science",
    "children",
    "comics",
    "cooking",
    "travel",
    "art",
)
CONDITIONS = tuple(condition.value for condition in Condition)
MOST_WORDS_OF_A_TITLE = 6

_SYLLABLES = [consonant + vowel for consonant in "bcdfghjlmnprstv" for vowel in "aeiou"]
_FIRST_DAY = 1_700_000_000_000_000


@dataclass(frozen=True, slots=True)
class Offer:
    """Copies of a book at a price in minor units, by the seller of this place in a list of some."""

    id: int
    book_id: int
    seller: int
    condition: str
    price_minor: int
    copies: int


def word(rank: int) -> str:
    """The word of a rank, from 0; no two are alike, and none has a letter x."""
    syllables = [_SYLLABLES[rank % len(_SYLLABLES)]]
    while rank := rank // len(_SYLLABLES):
        syllables.append(_SYLLABLES[rank % len(_SYLLABLES)])
    return "qu" + "".join(syllables)


def generated(count: int) -> Iterator[IndexedBook]:
    """`count` books, numbered from 1. A larger catalog begins with the books of a smaller one."""
    chance = random.Random(SEED)  # noqa: S311  # chance, not a secret
    return (_book(number, chance) for number in range(1, count + 1))


def offers(count: int, books: int) -> Iterator[Offer]:
    """`count` offers, numbered from 1, in rounds over the books of a catalog of this size."""
    chance = random.Random(SEED)  # noqa: S311  # chance, not a secret
    for number in range(1, count + 1):
        yield Offer(
            id=number,
            book_id=(number - 1) % books + 1,
            seller=chance.randrange(1_000),
            condition=chance.choice(CONDITIONS),
            price_minor=chance.randint(100, 6_000),
            copies=chance.randint(1, 5),
        )


def _book(number: int, chance: random.Random) -> IndexedBook:
    is_offered = chance.random() < 0.8
    return IndexedBook(
        id=number,
        title=" ".join(
            _any_word(chance) for _ in range(chance.randint(2, MOST_WORDS_OF_A_TITLE))
        ).capitalize(),
        authors=f"{_any_word(chance)} {_any_word(chance)}".title(),
        isbn13=None,
        language=_uneven(chance, LANGUAGES),
        category=_uneven(chance, CATEGORIES),
        conditions=frozenset(chance.sample(CONDITIONS, chance.randint(1, 3))) if is_offered else frozenset(),
        from_price=chance.randint(100, 6_000) if is_offered else None,
        copies_available=chance.randint(1, 5) if is_offered else 0,
        listed_at=_FIRST_DAY + number * 1_000_000,
    )


def _any_word(chance: random.Random) -> str:
    return word(int(VOCABULARY ** chance.random()) - 1)


def _uneven(chance: random.Random, values: tuple[str, ...]) -> str:
    """Half of all books have the first value, half of the others the next one."""
    place = 0
    while chance.random() < 0.5 and place < len(values) - 1:
        place += 1
    return values[place]
