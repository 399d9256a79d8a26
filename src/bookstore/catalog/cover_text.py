"""Setting a title in type without knowing the reader's fonts: widths are estimated, on the safe side."""

import re
import unicodedata
from typing import NamedTuple

SIZES = (150, 124, 102, 84, 70, 60, 52, 46, 41, 37, 33, 30, 27, 24, 22, 20, 18, 16, 14)
LEADING = 1.16
# From this size down a word that is too long for a line may be cut; above it, smaller type comes first.
CUT_WORDS_AT = 20
ELLIPSIS = "…"

_NARROW = set("iIjlrtf.,;:!'’‘|()[]{}·-¡ìíîï")
_WIDE = set("mwMWQO@%&—ŒÆ…")
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Block(NamedTuple):
    """Lines of text in one size."""

    size: int
    lines: list[str]

    @property
    def height(self) -> int:
        return round(len(self.lines) * self.size * LEADING)


def printable(text: str) -> str:
    """The text on one line, without the characters that XML cannot hold."""
    return " ".join(_FORBIDDEN.sub("", text).split())


def fit(
    text: str,
    width: int,
    height: int,
    largest: int = SIZES[0],
    smallest: int = SIZES[-1],
    most_lines: int = 9,
) -> Block:
    """The text in the largest type in which it fits; in the smallest, what fits of it and an ellipsis."""
    for size in (size for size in SIZES if smallest <= size <= largest):
        lines = _wrap(text, width / size, cut=size <= CUT_WORDS_AT)
        if lines and len(lines) <= most_lines and len(lines) * size * LEADING <= height:
            return Block(size, _balanced(text, width / size, lines))
    lines = _wrap(text, width / smallest, cut=True)
    room = max(1, min(most_lines, int(height / (smallest * LEADING))))
    if len(lines) > room:
        lines = [*lines[: room - 1], _ended(lines[room - 1], width / smallest)]
    return Block(smallest, lines)


def _balanced(text: str, ems: float, lines: list[str]) -> list[str]:
    """As many lines, but of more equal length, without a lonely short word on one of them."""
    for percent in range(98, 50, -4):
        narrower = _wrap(text, ems * percent / 100, cut=False)
        if len(narrower) != len(lines):
            break
        lines = narrower
    return lines


def width_of(text: str) -> float:
    """The width of a text in a serif font, in ems; rather too much than too little."""
    return sum(map(_width, text))


def _width(character: str) -> float:
    if character in _NARROW:
        return 0.42
    if character == " ":
        return 0.34
    if character in _WIDE or unicodedata.east_asian_width(character) in "WF":
        return 1.03
    if unicodedata.combining(character) or unicodedata.category(character) == "Cf":
        return 0.0
    return 0.79 if character.isupper() else 0.64


def _wrap(text: str, ems: float, cut: bool) -> list[str]:
    """Lines of at most so many ems; no lines when a word is too long for one and must not be cut."""
    lines = [""]
    for space, piece in _pieces(text):
        joined = lines[-1] + space + piece if lines[-1] else piece
        if width_of(joined) <= ems:
            lines[-1] = joined
            continue
        if width_of(piece) > ems and not cut:
            return []
        if lines[-1]:
            lines.append("")
        for character in piece:
            if lines[-1] and width_of(lines[-1] + character) > ems:
                lines.append("")
            lines[-1] += character
    return [line for line in lines if line]


def _pieces(text: str) -> list[tuple[str, str]]:
    """What must stay together: words, and each character of scripts that break anywhere."""
    found = []
    for word in text.split(" "):
        parts = re.findall(
            r"[\u3000-\u9fff\uac00-\ud7a3\uff00-\uffef]|[^\u3000-\u9fff\uac00-\ud7a3\uff00-\uffef]+", word
        )
        found += [(" " if place == 0 else "", part) for place, part in enumerate(parts)]
    return found


def _ended(line: str, ems: float) -> str:
    while line and width_of(line + ELLIPSIS) > ems:
        line = line[:-1]
    return line.rstrip(" ,;:") + ELLIPSIS
