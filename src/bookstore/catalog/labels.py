"""What languages, categories and conditions are called in the language of the reader."""

from collections.abc import Mapping
from functools import cache

from babel import Locale
from flask_babel import get_locale, gettext, lazy_gettext

from bookstore.catalog.models import Condition
from bookstore.shared.errors import N_

# The categories of the sample catalog. Others come from sellers and other catalogs, in their own words.
CATEGORIES = {
    "adventure": N_("Adventure"),
    "biography": N_("Biography"),
    "children": N_("Children's books"),
    "classics-antiquity": N_("Classics of antiquity"),
    "drama": N_("Drama"),
    "essay": N_("Essays"),
    "fantasy": N_("Fantasy"),
    "history": N_("History"),
    "horror": N_("Horror"),
    "mystery": N_("Mystery"),
    "novel": N_("Novels"),
    "philosophy": N_("Philosophy"),
    "poetry": N_("Poetry"),
    "politics": N_("Politics"),
    "science": N_("Science"),
    "science-fiction": N_("Science fiction"),
    "short-stories": N_("Short stories"),
}
CONDITION_NAMES = {
    Condition.NEW: lazy_gettext("New"),
    Condition.LIKE_NEW: lazy_gettext("Like new"),
    Condition.VERY_GOOD: lazy_gettext("Very good"),
    Condition.GOOD: lazy_gettext("Good"),
    Condition.ACCEPTABLE: lazy_gettext("Acceptable"),
}
CONDITION_MEANINGS = {
    Condition.NEW: lazy_gettext("Never read, as it comes from the bookshop."),
    Condition.LIKE_NEW: lazy_gettext("Read with care; nobody would see it."),
    Condition.VERY_GOOD: lazy_gettext("Small signs of use, no marks in the text."),
    Condition.GOOD: lazy_gettext("Plainly read: worn edges, perhaps a name or a few marks."),
    Condition.ACCEPTABLE: lazy_gettext("Much used, but complete and readable."),
}


def language_name(code: str) -> str:
    """`es` is "español" to one reader and "Spanish" to another; an unknown code stays as it is."""
    return str(_languages().get(code, code))


def language_choices() -> list[tuple[str, str]]:
    """Code and name of each language that a book may be in, by name."""
    names = [(code, str(name)) for code, name in _languages().items() if len(code) == 2]
    return sorted(names, key=lambda choice: choice[1].casefold())


def category_name(category: str) -> str:
    return str(gettext(CATEGORIES[category])) if category in CATEGORIES else category


def condition_name(condition: str) -> str:
    try:
        return str(CONDITION_NAMES[Condition(condition)])
    except ValueError:
        return condition


def _languages() -> Mapping[str, str]:
    return _languages_in(get_locale() or Locale("en"))


@cache
def _languages_in(locale: Locale) -> Mapping[str, str]:
    """Hundreds of names, which Babel would look up anew for each book."""
    return dict(locale.languages)
