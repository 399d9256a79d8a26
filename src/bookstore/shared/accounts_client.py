"""The accounts port over HTTP, for processes in which accounts does not run."""

from collections.abc import Mapping
from typing import Any

import httpx

from bookstore.shared.identity import AccountsUnavailable, SessionEnded


class HttpAccounts:
    """Asks the accounts service; both calls may be repeated safely."""

    def __init__(
        self,
        base_url: str,
        service_token: str,
        timeout_seconds: float,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._client = httpx.Client(
            base_url=base_url,
            timeout=timeout_seconds,
            headers={"Authorization": f"Bearer {service_token}"},
            transport=transport,
        )

    def public_keys(self) -> Mapping[str, Any]:
        answer = self._ask("GET", "/.well-known/jwks.json")
        keys: Mapping[str, Any] = answer.json()
        return keys

    def renew(self, token: str) -> str:
        answer = self._ask("POST", "/internal/accounts/renewals", json={"token": token})
        return str(answer.json()["access_token"])

    def _ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            answer = self._client.request(method, path, **options)
        except httpx.HTTPError as error:
            raise AccountsUnavailable from error
        if answer.status_code == 401:
            raise SessionEnded
        if answer.is_error:
            raise AccountsUnavailable
        return answer
