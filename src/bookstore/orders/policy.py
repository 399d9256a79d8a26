"""What the shop decides about orders, as plain values."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class Policy:
    """Times and limits of the orders service.

    `hold` is how long copies are held for an unpaid order, `bank_transfer_hold` for one that is paid by
    transfer; an order must be paid `pay_margin` before the hold ends, so that no payment meets its end.
    `claim` is how long a step has, with the calls that it makes, until others take it for abandoned.
    After `max_tries` without an answer a promise of money is given up. `stuck_after` is when the audit
    calls an unfinished step a finding.
    """

    currency: str = "USD"
    hold: timedelta = timedelta(minutes=30)
    bank_transfer_hold: timedelta = timedelta(days=3)
    home_country: str = "EC"
    pay_margin: timedelta = timedelta(minutes=1)
    claim: timedelta = timedelta(seconds=20)
    first_retry: timedelta = timedelta(seconds=2)
    last_retry: timedelta = timedelta(minutes=5)
    max_tries: int = 8
    request_claim: timedelta = timedelta(seconds=15)
    request_wait: timedelta = timedelta(seconds=3)
    request_lifetime: timedelta = timedelta(hours=48)
    stuck_after: timedelta = timedelta(minutes=30)

    def retry_after(self, tries: int) -> timedelta:
        """How long to wait after so many tries in vain."""
        doublings: int = 2 ** min(tries, 20)
        return min(self.first_retry * doublings, self.last_retry)
