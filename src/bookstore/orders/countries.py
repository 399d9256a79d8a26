"""Where a parcel can go: the countries of ISO 3166, named in the reader's language."""

import unicodedata
from functools import cache

from babel import Locale

# Two-letter codes of the locale data that name no country: unions, tests, parts of countries.
_NOT_COUNTRIES = {"AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ"}


@cache
def countries(locale: str) -> tuple[tuple[str, str], ...]:
    """Code and name of each country, in the order of the names."""
    named = [
        (code, name)
        for code, name in Locale.parse(locale).territories.items()
        if len(code) == 2 and code.isalpha() and code not in _NOT_COUNTRIES
    ]
    return tuple(sorted(named, key=lambda country: _fold(country[1])))


def is_country(code: str) -> bool:
    """Whether this is the two-letter code of a country."""
    return code in dict(countries("en"))


def country_name(code: str, locale: str) -> str:
    """The country as a reader of this locale calls it; an unknown code as it is."""
    return dict(countries(locale)).get(code, code)


def _fold(name: str) -> str:
    """Without accents, so that Åland and Ecuador stand where a reader looks for them."""
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))
