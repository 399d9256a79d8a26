"""A browser without JavaScript, which sends forms as the page shows them."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse


class _Forms(HTMLParser):
    """The fields of each form of a page, by the address that the form is sent to."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, dict[str, str]] = {}
        self._fields: dict[str, str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._fields = self.found.setdefault(known.get("action", ""), {})
        elif tag == "input" and self._fields is not None and _is_sent(known):
            self._fields[known["name"]] = known.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._fields = None


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.parts.append(data)


def _is_sent(attributes: dict[str, str]) -> bool:
    unchosen = attributes.get("type") in {"radio", "checkbox"} and "checked" not in attributes
    return "name" in attributes and not unchosen


@dataclass
class Browser:
    """Somebody's browser; `page` is what it shows."""

    app: Flask
    client: FlaskClient = field(init=False)
    page: str = ""
    token: str = ""
    path: str = ""

    def __post_init__(self) -> None:
        self.client = self.app.test_client()

    def log_in(self, token: str) -> None:
        self.client.set_cookie("bookstore_token", token)

    def open(self, path: str, **headers: str) -> TestResponse:
        """Open a page and follow where it leads."""
        answer = self.client.get(path, headers=headers, follow_redirects=True)
        return self._shown(answer)

    def fill(self, action: str, **values: object) -> TestResponse:
        """Send the form of the shown page that goes to this address, and follow where it leads."""
        return self._shown(self._send(action, values, follow=True))

    def send(self, action: str, **values: object) -> TestResponse:
        """The same, without following."""
        return self._send(action, values, follow=False)

    def post(self, path: str, **values: object) -> TestResponse:
        """Send whatever one likes, with a valid form token, as an attacker with an account can."""
        self.token = self.token or _forms(self.client.get("/api/docs").text)["/language"]["csrf_token"]
        return self.client.post(path, data={"csrf_token": self.token, **values})

    def text(self) -> str:
        """What the page says, without its tags, blanks joined."""
        said = _Text()
        said.feed(self.page)
        return " ".join(" ".join(said.parts).split())

    def fields(self, action: str) -> dict[str, str]:
        """The fields that the page's form would send."""
        forms = _forms(self.page)
        return forms[action] if action in forms else forms[""]

    def cookie(self, name: str) -> str | None:
        found = self.client.get_cookie(name)
        return found.value if found else None

    def _send(self, action: str, values: dict[str, object], follow: bool) -> TestResponse:
        data = {**self.fields(action), **values}
        return self.client.post(action, data=data, follow_redirects=follow)

    def _shown(self, answer: TestResponse) -> TestResponse:
        self.page, self.path = answer.text, answer.request.path
        return answer


def _forms(page: str) -> dict[str, dict[str, str]]:
    parser = _Forms()
    parser.feed(page)
    return parser.found
