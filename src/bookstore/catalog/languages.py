"""Language labels as catalogs write them, brought to ISO 639-1."""

import re
import unicodedata
from functools import cache, lru_cache

from babel import Locale
from babel.core import get_global

_LABELS_IN = ("en", "es", "fr", "de", "pt", "it", "ca")
_EXTRA_NAMES = {
    "castellano": "es",
    "castilian": "es",
    "mandarin": "zh",
    "farsi": "fa",
    "gaelic": "gd",
    "euskara": "eu",
    "galego": "gl",
    "nederlands": "nl",
    "svenska": "sv",
    "dansk": "da",
    "norsk": "no",
    "suomi": "fi",
    "polski": "pl",
    "čeština": "cs",
    "magyar": "hu",
    "română": "ro",
    "türkçe": "tr",
    "ελληνικά": "el",
    "русский": "ru",
    "українська": "uk",
    "العربية": "ar",
    "עברית": "he",
    "日本語": "ja",
    "中文": "zh",
    "한국어": "ko",
}
_EXTRA_CODES = {"fil": "tl", "tgl": "tl", "twi": "tw", "cmn": "zh", "hbs": "sr", "scc": "sr"}


@lru_cache(maxsize=4096)
def language_code(label: str) -> str | None:
    """The two-letter code meant by `en-US`, `spa`, `Español`, `English`...; None when there is none.

    Of several languages ("English; Spanish") the first one that is known counts. Languages that have
    no two-letter code, such as Ancient Greek, give None.
    """
    for part in re.split(r"[;,/|()]+", label[:200]):
        name = _folded(part)
        code = _by_code(name) or _names().get(name)
        if code:
            return code
    return None


def _by_code(name: str) -> str | None:
    """`en`, `eng`, `en-us`, `en_us`, `zh-hant-tw`."""
    match = re.fullmatch(r"([a-z]{2,3})(?:[-_][a-z0-9]{2,8})*", name)
    if not match:
        return None
    code = match[1]
    if code in _EXTRA_CODES:
        return _EXTRA_CODES[code]
    if len(code) == 2 and code in _two_letter_codes():
        return code
    current = get_global("language_aliases").get(code, "").split("_")[0]
    return current if current in _two_letter_codes() else None


@cache
def _two_letter_codes() -> frozenset[str]:
    """Those in use; withdrawn ones (`iw`, `in`, `sh`) are left to the aliases."""
    withdrawn = {"in", "iw", "ji", "jw", "mo", "sh"}
    codes = map(str, Locale("en").languages)
    return frozenset(code for code in codes if len(code) == 2) - withdrawn


@cache
def _names() -> dict[str, str]:
    """Names of the languages, folded: in the languages that our labels come in, and some in their own."""
    names = {_folded(name): code for name, code in _EXTRA_NAMES.items()}
    for locale in (Locale(language) for language in _LABELS_IN):
        for code in sorted(_two_letter_codes()):
            if code in locale.languages:
                names.setdefault(_folded(str(locale.languages[code])), code)
    return names


def _folded(label: str) -> str:
    decomposed = unicodedata.normalize("NFKD", label.strip().casefold())
    return "".join(c for c in decomposed if not unicodedata.combining(c))
