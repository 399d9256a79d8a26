"""ISBNs as people type and paste them, brought to the one form that the shop keeps: thirteen digits."""

import re
import unicodedata

from bookstore.shared.errors import N_, ShopError

REASONS = {
    "empty": N_("The ISBN is empty."),
    "characters": N_("An ISBN has only digits, hyphens and spaces, and an ISBN-10 may end in X."),
    "length": N_("An ISBN has 10 or 13 digits, this one has %(digits)s."),
    "prefix": N_("An ISBN of 13 digits begins with 978 or 979."),
    "check_digit": N_("The check digit of this ISBN is wrong; please compare it with the book."),
}

_LABEL = re.compile(r"isbn(?:[- ]?1[03](?=[:\s]))?[:\s]*", re.IGNORECASE)
_PLAUSIBLE = re.compile(r"[0-9]+|[0-9]{9}X")
_SEPARATOR_CATEGORIES = {"Pd", "Zs", "Cf", "Cc"}
_MINUS_SIGN = "\u2212"


class InvalidIsbn(ShopError):
    """The text is not an ISBN. `reason` is a key of REASONS."""

    status = 422
    code = "invalid_isbn"

    def __init__(self, reason: str, text: str, **details: object) -> None:
        super().__init__(reason=reason, text=text[:40], **details)
        self.reason = reason
        self.title = REASONS[reason]  # type: ignore[misc]  # each reason has its own sentence


def normalize(text: str) -> str:
    """The 13 digits of an ISBN-10 or ISBN-13 written with hyphens, spaces or the word ISBN before it.

    Raises InvalidIsbn with one of REASONS; the first one that applies, in their order.
    """
    digits = _significant(text)
    if not digits:
        raise InvalidIsbn("empty", text)
    if not _PLAUSIBLE.fullmatch(digits):
        raise InvalidIsbn("characters", text)
    if len(digits) not in (10, 13):
        raise InvalidIsbn("length", text, digits=len(digits))
    if len(digits) == 13 and not digits.startswith(("978", "979")):
        raise InvalidIsbn("prefix", text)
    expected = _check_digit_10(digits[:9]) if len(digits) == 10 else _check_digit_13(digits[:12])
    if digits[-1] != expected:
        raise InvalidIsbn("check_digit", text)
    return digits if len(digits) == 13 else _to_isbn13(digits)


def is_valid(text: str) -> bool:
    """Whether `normalize` would accept the text."""
    try:
        normalize(text)
    except InvalidIsbn:
        return False
    return True


def to_isbn10(text: str) -> str | None:
    """The ten-character form printed on older books; None for 979, which has none. Raises InvalidIsbn."""
    isbn13 = normalize(text)
    if not isbn13.startswith("978"):
        return None
    return isbn13[3:12] + _check_digit_10(isbn13[3:12])


def _significant(text: str) -> str:
    """The text without label, separators and invisible characters, its digits in ASCII."""
    if len(text) == 13 and text.isascii() and text.isdigit():
        return text
    kept = _LABEL.sub("", text.strip()[:200], count=1) if "isbn" in text[:20].lower() else text.strip()[:200]
    return "".join(_ascii(c) for c in kept if not _is_separator(c))


def _is_separator(character: str) -> bool:
    return character == _MINUS_SIGN or unicodedata.category(character) in _SEPARATOR_CATEGORIES


def _ascii(character: str) -> str:
    """Digits of any script and the full-width X become their ASCII fellows, the rest stays as it is."""
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    return "X" if character in "xXｘＸ" else character


def _to_isbn13(isbn10: str) -> str:
    body = "978" + isbn10[:9]
    return body + _check_digit_13(body)


def _check_digit_10(nine: str) -> str:
    value = -sum(int(digit) * (10 - i) for i, digit in enumerate(nine)) % 11
    return "X" if value == 10 else str(value)


def _check_digit_13(twelve: str) -> str:
    return str(-sum(int(digit) * (3 if i % 2 else 1) for i, digit in enumerate(twelve)) % 10)
