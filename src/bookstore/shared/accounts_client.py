"""The accounts port over HTTP, for processes in which accounts does not run."""

from collections.abc import Mapping
from typing import Any

import httpx

from bookstore.shared.errors import AccountsUnavailable
from bookstore.shared.identity import SessionEnded
from bookstore.shared.neighbor import Neighbor, NeighborUnavailable
from bookstore.shared.telemetry import log


class HttpAccounts:
    """Asks the accounts service; both calls may be repeated safely."""

    def __init__(self, neighbor: Neighbor) -> None:
        self._neighbor = neighbor

    def public_keys(self) -> Mapping[str, Any]:
        answer = self._ask("GET", "/.well-known/jwks.json")
        return _member(answer, "keys", list)

    def renew(self, token: str) -> str:
        # Exchanging changes nothing but the time of the last use.
        answer = self._ask("POST", "/internal/accounts/renewals", {"token": token})
        return str(_member(answer, "access_token", str)["access_token"])

    def _ask(self, method: str, path: str, json: Any = None) -> httpx.Response:
        try:
            answer = self._neighbor.call(method, path, repeatable=True, json=json)
        except NeighborUnavailable as error:
            raise AccountsUnavailable from error
        if answer.status_code == 401 and method == "POST":
            raise SessionEnded
        if not answer.is_success:
            log.warning("accounts refused", path=path, status=answer.status_code)
            raise AccountsUnavailable
        return answer


def _member(answer: httpx.Response, name: str, kind: type) -> Mapping[str, Any]:
    """The body, if it has what was agreed on; an answer that is not understood is as good as none."""
    try:
        body = answer.json()
    except ValueError as error:
        raise AccountsUnavailable from error
    if not isinstance(body, dict) or not isinstance(body.get(name), kind):
        log.warning("the answer of accounts is not understood", missing=name)
        raise AccountsUnavailable
    return body
