"""The people of the tests: Ana sells, Bruno buys, Carla is a stranger to both, Ada is the admin."""

from dataclasses import dataclass, field
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

PASSWORD = "correct horse battery"


@dataclass
class Person:
    """Somebody with an account, a browser and an API token."""

    name: str
    email: str
    user_id: str
    browser: FlaskClient
    api_token: str
    app: Flask = field(repr=False)

    def get(self, path: str, **options: Any) -> TestResponse:
        """Open a page."""
        return self.browser.get(path, **options)

    def post(self, path: str, data: dict[str, Any] | None = None, **options: Any) -> TestResponse:
        """Send a form as a browser does, with the token that its page carried."""
        return submit(self.browser, path, data, **options)

    def api(self, method: str, path: str, json: Any = None, **headers: str) -> TestResponse:
        """Call the API under /api/v1."""
        extra = {name.replace("_", "-"): value for name, value in headers.items()}
        extra["Authorization"] = f"Bearer {self.api_token}"
        return self.app.test_client().open(f"/api/v1{path}", method=method, json=json, headers=extra)


def submit(
    browser: FlaskClient, path: str, data: dict[str, Any] | None = None, **options: Any
) -> TestResponse:
    """Send a form with the form token of this browser's session."""
    fields = {"csrf_token": form_token(browser), **(data or {})}
    return browser.post(path, data=fields, **options)


def form_token(browser: FlaskClient) -> str:
    """The token that every form of this browser carries; any page with a form gives it."""
    page = browser.get("/accounts/login?again=1", follow_redirects=True).get_data(as_text=True)
    _, _, rest = page.partition('name="csrf_token"')
    _, _, rest = rest.partition('value="')
    token, _, _ = rest.partition('"')
    assert token, "no page gave a form token"
    return token


def join(app: Flask, name: str, email: str, password: str = PASSWORD) -> Person:
    """Register somebody through the shop's own API and pages."""
    client = app.test_client()
    created = client.post("/api/v1/accounts/users", json={"name": name, "email": email, "password": password})
    assert created.status_code == 201, created.get_json()
    assert created.json is not None
    return log_in(app, name, email, created.json["id"], password)


def log_in(app: Flask, name: str, email: str, user_id: str, password: str = PASSWORD) -> Person:
    """Log somebody in, in a browser of his own and in the API."""
    browser = app.test_client()
    entered = submit(browser, "/accounts/login", {"email": email, "password": password})
    assert entered.status_code == 302, entered.get_data(as_text=True)
    session = app.test_client().post("/api/v1/accounts/sessions", json={"email": email, "password": password})
    assert session.json is not None
    return Person(name, email, user_id, browser, session.json["access_token"], app)
