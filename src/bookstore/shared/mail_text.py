"""Turns a queued mail into text, from the template of its kind, in its reader's language."""

from flask import Flask
from flask_babel import force_locale

from bookstore.shared.mail import MailMixin, Render, RenderedMail

SUBJECT = "Subject: "


def renderer(app: Flask, service: str, public_url: str) -> Render:
    """A renderer of the service's mails. Templates know `shop_url` and the parameters of the mail."""

    def render(mail: MailMixin) -> RenderedMail:
        with app.app_context(), force_locale(mail.locale):
            template = app.jinja_env.get_template(f"{service}/mail/{mail.kind}.txt")
            text = template.render(shop_url=public_url, **mail.params)
        first, _, rest = text.strip().partition("\n")
        if not first.startswith(SUBJECT):
            raise ValueError(f"the template of {mail.kind} does not start with its subject")
        return RenderedMail(first.removeprefix(SUBJECT).strip(), rest.strip() + "\n")

    return render
