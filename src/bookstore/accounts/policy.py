"""The numbers that accounts is run with."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class Policy:
    """How long things live, how often they may be tried, and the secret that seals what is kept.

    `session_lifetime` counts from the last use. `registrations_per_address` and `resets_per_address` are
    per hour; the latter also limits how often one e-mail address is written to.
    """

    secret_key: str
    public_url: str = "http://127.0.0.1:8000"
    access_token: timedelta = timedelta(minutes=5)
    session_lifetime: timedelta = timedelta(days=14)
    password_reset: timedelta = timedelta(hours=1)
    login_window: timedelta = timedelta(minutes=15)
    failures_per_account: int = 10
    failures_per_address: int = 50
    registrations_per_address: int = 30
    resets_per_address: int = 10
    key_rotation: timedelta = timedelta(days=30)
