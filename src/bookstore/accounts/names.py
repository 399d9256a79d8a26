"""People's names: which are accepted, and how they are found whatever their accents."""

import unicodedata

from bookstore.shared.errors import N_, ShopError

MAX_NAME = 100
# Control characters, halves of surrogate pairs, separators of lines and paragraphs.
UNWRITABLE = {"Cc", "Cs", "Zl", "Zp"}
# These turn the text around them: a name could show as another one.
TURNS_TEXT = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class InvalidName(ShopError):
    """The text is empty, too long, or holds characters that no name has."""

    status = 422
    code = "invalid_name"
    title = N_("A name has 1 to 100 characters, and no control characters.")


def parse_name(text: str) -> str:
    """The name with its spaces put in order. Raises InvalidName."""
    text = text.strip()
    if any(unicodedata.category(char) in UNWRITABLE or char in TURNS_TEXT for char in text):
        raise InvalidName
    name = " ".join(unicodedata.normalize("NFC", text).split())
    if not 1 <= len(name) <= MAX_NAME:
        raise InvalidName
    return name


def fold(text: str) -> str:
    """The text without case and accents, for searching."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in decomposed if not unicodedata.combining(char))
