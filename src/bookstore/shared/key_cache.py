"""The public keys of accounts, as every process keeps them: fetched seldom, by one thread, and never awaited
by a request whose key is known."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from bookstore.shared.errors import AccountsUnavailable
from bookstore.shared.telemetry import log

# While a key is unknown, so many fetches may follow one another at once, and one more each second: tokens
# with invented key ids must not become a flood of questions to accounts.
MOST_FETCHES = 10


class KeyCache:
    """Keeps the keys that `fetch` gives, renews them in the background, and asks for those it lacks."""

    def __init__(self, fetch: Callable[[], Mapping[str, Any]], renew_after_seconds: float) -> None:
        self._fetch = fetch
        self._renew_after = renew_after_seconds
        self._keys: KeySet = KeySet([])
        self._ids: frozenset[str] = frozenset()
        self._fetched_at = float("-inf")
        self._one_fetches = threading.Lock()
        self._fetches_begun = 0
        self._failed_at = float("-inf")
        self._allowance = float(MOST_FETCHES)
        self._allowance_at = time.monotonic()
        self._renewing = threading.Lock()

    def keys_for(self, key_id: str) -> KeySet:
        """The keys, with the one of this id if accounts publishes it. Raises AccountsUnavailable."""
        if key_id in self._ids:
            self._renew_when_old()
        else:
            self._fetch_missing()
        return self._keys

    def _renew_when_old(self) -> None:
        """One thread beside the requests renews; they go on with what there is."""
        if time.monotonic() - self._fetched_at < self._renew_after:
            return
        if self._renewing.acquire(blocking=False):
            threading.Thread(target=self._renew, name="accounts keys", daemon=True).start()

    def _renew(self) -> None:
        try:
            with self._one_fetches:
                self._load()
        except Exception as error:  # whatever it is, the keys that we have are still good
            log.warning("keys not renewed", error=type(error).__name__)
            # Not before a while, so that an absent accounts is not asked at each request.
            self._fetched_at = time.monotonic() - self._renew_after + 10
        finally:
            self._renewing.release()

    def _fetch_missing(self) -> None:
        """Fetch, unless somebody does so for us: what began after we came is new enough for us."""
        came_at, begun = time.monotonic(), self._fetches_begun
        with self._one_fetches:
            if self._failed_at >= came_at:
                raise AccountsUnavailable
            if self._fetches_begun == begun:
                self._take_allowance()
                self._load()

    def _load(self) -> None:
        self._fetches_begun += 1
        try:
            keys = KeySet.import_key_set(self._fetch())  # type: ignore[arg-type]
        except (AccountsUnavailable, JoseError, ValueError, KeyError) as error:
            self._failed_at = time.monotonic()
            raise AccountsUnavailable from error
        self._keys = keys
        self._ids = frozenset(key.kid for key in keys.keys if key.kid)
        self._fetched_at = time.monotonic()

    def _take_allowance(self) -> None:
        now = time.monotonic()
        self._allowance = min(MOST_FETCHES, self._allowance + max(0.0, now - self._allowance_at))
        self._allowance_at = now
        if self._allowance < 1:
            raise AccountsUnavailable
        self._allowance -= 1
