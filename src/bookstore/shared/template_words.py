"""What templates say in the reader's language.

Jinja and Flask-Babel find out the language and its catalog anew for each word of a page, which was a third of
what a page cost. Here it is looked up once for a page.
"""

import threading
from typing import Any

from babel import Locale
from babel.support import NullTranslations
from flask import Flask
from flask_babel import get_locale, get_translations
from jinja2 import pass_eval_context
from jinja2.nodes import EvalContext
from markupsafe import Markup


class _Latest(threading.local):
    """What this thread asked for last; a request has one object for its locale."""

    locale: Locale | None = None
    catalog: NullTranslations


def install(app: Flask) -> None:
    """Give the templates of this app `_` and `ngettext`; values in a message are escaped as always."""
    latest = _Latest()

    def catalog() -> NullTranslations:
        locale = get_locale()
        if locale is None or latest.locale is not locale:
            latest.locale, latest.catalog = locale, get_translations()
        return latest.catalog

    @pass_eval_context
    def gettext(context: EvalContext, message: str, /, **values: Any) -> str:
        return _filled(context, catalog().ugettext(message), values)

    @pass_eval_context
    def ngettext(context: EvalContext, one: str, many: str, number: int, /, **values: Any) -> str:
        return _filled(context, catalog().ungettext(one, many, number), {"num": number, **values})

    app.jinja_env.globals.update({"_": gettext, "ngettext": ngettext})


def _filled(context: EvalContext, text: str, values: dict[str, Any]) -> str:
    # The text is of our own translators; the values are escaped as they are filled in.
    return (Markup(text) if context.autoescape else text) % values  # noqa: S704
