"""Every text of the pages is there in Spanish, with the same placeholders."""

import re
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import bookstore

PACKAGE = Path(bookstore.__file__).parent
PARTS = ["shared", "accounts", "catalog", "orders"]
METHODS = [("**.py", "python"), ("**/templates/**", "jinja2")]
KEYWORDS = {"_": None, "gettext": None, "lazy_gettext": None, "ngettext": (1, 2), "N_": None}
PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]")


def texts_of(part):
    found = extract_from_dir(PACKAGE / part, METHODS, {}, KEYWORDS)
    return {message if isinstance(message, str) else message[0] for _, _, message, _, _ in found}


def spanish_of(part):
    path = PACKAGE / part / "translations" / "es" / "LC_MESSAGES" / "messages.po"
    return read_po(BytesIO(path.read_bytes()), locale="es")


@pytest.mark.parametrize("part", PARTS)
def test_every_text_is_translated(part):
    catalog = spanish_of(part)
    missing = []
    for text in texts_of(part):
        message = catalog.get(text)
        strings = [] if message is None else message.string
        strings = [strings] if isinstance(strings, str) else list(strings)
        if not strings or not all(strings) or message.fuzzy:
            missing.append(text)
    assert sorted(missing) == []


@pytest.mark.parametrize("part", PARTS)
def test_translations_keep_their_placeholders(part):
    for message in spanish_of(part):
        originals = [message.id] if isinstance(message.id, str) else list(message.id)
        translated = [message.string] if isinstance(message.string, str) else list(message.string)
        wanted = set(PLACEHOLDER.findall(originals[-1]))
        for text in translated:
            assert set(PLACEHOLDER.findall(text)) == wanted, message.id
