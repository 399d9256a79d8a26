"""What templates say: in the reader's language, whoever read last, and with every value escaped."""

import pytest
from flask import Flask
from flask_babel import force_locale

from bookstore.app import Shop

PAGE = '{{ _("Home") }}|{{ _("Author: %(author)s", author=author) }}|{{ ngettext("%(num)s copy", "%(num)s copies", n) }}'


@pytest.fixture
def app(shop: Shop) -> Flask:
    return shop.app


def rendered(app: Flask, locale: str, name: str = "page.html", **values: object) -> str:
    with app.test_request_context("/"), force_locale(locale):
        template = app.jinja_env.overlay(autoescape=name.endswith(".html")).from_string(PAGE)
        return template.render(**values)


def test_each_reader_gets_their_own_language_in_any_order(app: Flask) -> None:
    english, spanish = "Home|Author: Juan Rulfo|1 copy", "Inicio|Autor: Juan Rulfo|1 ejemplar"
    for locale, expected in [("en", english), ("es", spanish), ("en", english), ("es", spanish)]:
        assert rendered(app, locale, author="Juan Rulfo", n=1) == expected
    assert rendered(app, "es", author="Juan Rulfo", n=2).endswith("|2 ejemplares")


def test_values_are_escaped_on_pages_and_left_as_they_are_in_mails(app: Flask) -> None:
    assert "Author: &lt;b&gt; &amp; Co" in rendered(app, "en", author="<b> & Co", n=0)
    assert "Author: <b> & Co" in rendered(app, "en", "mail.txt", author="<b> & Co", n=0)
