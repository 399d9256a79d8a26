"""Text as search sees it: without case and accents, cut into words.

The index and the query both go through this module, so a word is the same word on both sides whatever
keyboard it was typed on. Nothing here is an operator: every sign that is not part of a word separates.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

# Longer "words" are addresses and scanning accidents; their beginning is enough to find them.
MAX_WORD_LENGTH = 60
MAX_KEY_LENGTH = 200

_LETTERS = str.maketrans(
    {"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ħ": "h", "ŧ": "t", "ı": "i"}
)
# Accents of Latin, Greek and Cyrillic, vowel points of Hebrew and Arabic, and signs without width.
# The marks of other scripts are letters of their own and stay.
_DROPPED = re.compile(
    "[\u0300-\u036f\u0591-\u05c7\u0640\u064b-\u065f\u0670\u00ad\u200b-\u200f\u202a-\u202e\u2060\ufe00-\ufe0f\ufeff]"
)
# Thai, Lao, Burmese, Khmer, Japanese, Chinese, Korean: written without spaces, or with few.
_UNSPACED = (
    "\u0e00-\u0e4e\u0e80-\u0ecd\u1000-\u109f\u1780-\u17d3\u3005-\u3007\u3041-\u3096\u309d-\u309f"
    "\u30a1-\u30fa\u30fc-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff"
)
# In the scripts of India vowels are marks, which are no letters to Python.
_INDIC = "\u0900-\u0963\u0971-\u0dff"
# What may stand inside a word: O'Brien, Catch-22, J.R.R., AT&T, 20,000.
_JOINER = r"['’‘ʼ`´\-‐‑‒–.·&_]|(?<=\d),(?=\d)"


@dataclass(frozen=True)
class _Pattern:
    """How text is cut: chunks are what a reader takes for one word, parts are its letters or its digits."""

    chunk: re.Pattern[str]
    part: re.Pattern[str]


def _pattern(letter: str, unspaced: str) -> _Pattern:
    part = rf"(?:{letter}+|\d+)"
    word = rf"{part}(?:(?:{_JOINER})?{part})*"
    symbol = r"(?<!\w)[a-z](?:\+\+|\#)(?!\w)"
    return _Pattern(
        re.compile(rf"(?P<unspaced>[{unspaced}]+)|(?P<symbol>{symbol})|(?P<word>{word})"), re.compile(part)
    )


_ANY_SCRIPT = _pattern(rf"(?:(?![{_UNSPACED}])[^\W\d_]|[{_INDIC}])", _UNSPACED)
# Most folded text is plain ASCII, for which a simpler pattern does the same in a third of the time.
_ASCII = _pattern("[a-z]", "\u3041")


class Word(NamedTuple):
    """One word of a text, `written` without the signs inside it.

    It is found by all of its `parts`, or by `joined`, the parts as one: "catch-22" is "catch" and "22", or
    "catch22". A book is also listed under the `looser` terms, which ask for less. `completable` tells that
    more letters could follow when this is the last word being typed.
    """

    written: str
    parts: tuple[str, ...]
    looser: tuple[str, ...] = ()
    completable: bool = True

    @property
    def joined(self) -> str:
        """Empty when there is but one part, or when the parts overlap."""
        return self.written[:MAX_WORD_LENGTH] if self.completable and len(self.parts) > 1 else ""

    @property
    def terms(self) -> tuple[str, ...]:
        """All that a book with this word is listed under."""
        if len(self.parts) == 1 and not self.looser:
            return self.parts
        return (*self.parts, *self.looser, self.joined) if self.joined else (*self.parts, *self.looser)


def fold(text: str) -> str:
    """The text without case, accents and typographic variants: "Cien AÑOS" is "cien anos"."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", encodable(text)).casefold()
    return unicodedata.normalize("NFC", _DROPPED.sub("", decomposed).translate(_LETTERS))


def encodable(text: str) -> str:
    """The text without the halves of characters that broken JSON can smuggle in; no engine takes them."""
    return text.encode("utf-8", "replace").decode("utf-8")


def words(text: str) -> list[Word]:
    """The words of a text in order. Single letters in a row are one word: "J. R. R." is also "jrr"."""
    found: list[Word] = []
    initials: list[str] = []
    for word in _words_as_written(fold(text)):
        if len(word.written) == 1 and word.completable:
            initials.append(word.written)
            continue
        if initials:
            found.append(_word(initials))
            initials = []
        found.append(word)
    return [*found, _word(initials)] if initials else found


def terms(words_of_text: Iterable[Word]) -> list[str]:
    """What a book with these words is listed under."""
    return [term for word in words_of_text for term in word.terms]


def title_key(words_of_title: Iterable[Word], title: str) -> str:
    """What two texts share when they are the same title, whatever the spaces and signs between the words."""
    key = "".join(word.written for word in words_of_title)
    # A title made of signs alone ("?", "!!!") is still a title.
    return (key or "".join(fold(title).split()))[:MAX_KEY_LENGTH]


def _words_as_written(folded: str) -> Iterator[Word]:
    pattern = _ASCII if folded.isascii() else _ANY_SCRIPT
    for match in pattern.chunk.finditer(folded):
        chunk = match.group()
        if chunk.isalpha() and match.lastgroup == "word":
            yield Word(chunk, (chunk[:MAX_WORD_LENGTH],))
        elif match.lastgroup == "word":
            yield _word(pattern.part.findall(chunk))
        elif match.lastgroup == "symbol":
            yield Word(chunk, (chunk,), looser=(chunk[0],), completable=False)
        else:
            yield _unspaced_word(chunk)


def _word(parts: list[str]) -> Word:
    return Word("".join(parts), tuple(part[:MAX_WORD_LENGTH] for part in parts))


def _unspaced_word(run: str) -> Word:
    """Any piece of such a run is found by its pairs of neighbors, a single character by itself."""
    if len(run) == 1:
        return Word(run, (run,), completable=False)
    pairs = tuple(first + second for first, second in pairwise(run))
    return Word(run, pairs, looser=tuple(run), completable=False)
