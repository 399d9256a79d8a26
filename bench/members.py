"""People with an account who are logged in: in the API by a token, in a browser by a cookie."""

import itertools
import re
import time
from collections.abc import Iterator

import httpx

from bench.open_load import Shop
from bookstore.chaos.load import PASSWORD, TOKEN_SECONDS
from bookstore.shared.sharing import CHANGED_COOKIE

MEMBERS = 16
_FORM_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


class Members:
    """Some people of a shop. A token lives for minutes, so they log in again from time to time."""

    def __init__(self, shop: Shop, number: int = MEMBERS) -> None:
        self._shop = shop
        self.emails = [f"member{place}@example.com" for place in range(number)]
        self.tokens: list[str] = []
        self.cookie = ""
        self._since = -TOKEN_SECONDS
        with self._client() as client:
            for email in self.emails:
                person = {"name": "Somebody", "email": email, "password": PASSWORD}
                client.post("/api/v1/accounts/users", json=person).raise_for_status()
            options = client.get("/api/v1/orders/delivery-options", params={"country": "EC"})
            self.option: int = options.raise_for_status().json()["items"][0]["id"]
        self.stay_logged_in()

    def stay_logged_in(self) -> None:
        """Log in again if the last time is so long ago that a token could expire while it is used."""
        if time.monotonic() - self._since < TOKEN_SECONDS / 2:
            return
        self._since = time.monotonic()
        with self._client() as client:
            self.tokens = [_log_in(client, email) for email in self.emails]
            self.cookie = _log_in_by_form(client, self.emails[0])

    def turns(self) -> Iterator[int]:
        """The places of those whose turn it is, for ever."""
        return itertools.cycle(range(len(self.emails)))

    def _client(self) -> httpx.Client:
        verify = self._shop.tls or True
        return httpx.Client(base_url=self._shop.url, verify=verify, trust_env=False, timeout=60)


def _log_in(client: httpx.Client, email: str) -> str:
    session = client.post("/api/v1/accounts/sessions", json={"email": email, "password": PASSWORD})
    return str(session.raise_for_status().json()["access_token"])


def _log_in_by_form(client: httpx.Client, email: str) -> str:
    """The cookies of a browser that has logged in. They are for HTTPS alone, which ends before the nginx
    where a balancer stands; so they are handed on by hand.
    """
    form = client.get("/accounts/login").raise_for_status()
    found = _FORM_TOKEN.search(form.text)
    assert found is not None
    fields = {"csrf_token": found[1], "email": email, "password": PASSWORD}
    # A form over HTTPS is taken only from a page of the shop itself.
    headers = {
        "Cookie": _cookies(form),
        "Referer": f"https://{client.base_url.netloc.decode()}/accounts/login",
    }
    entered = client.post("/accounts/login", data=fields, headers=headers)
    assert entered.status_code == 302, entered.text
    return _cookies(entered)


def _cookies(answer: httpx.Response) -> str:
    """What a browser would send back a little later: by then nobody remembers that something was changed."""
    told = [cookie.partition(";")[0] for cookie in answer.headers.get_list("set-cookie")]
    return "; ".join(
        cookie for cookie in told if not cookie.endswith("=") and not cookie.startswith(CHANGED_COOKIE)
    )
