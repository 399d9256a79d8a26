"""What time does to work that was left behind, without waiting for it."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import update

from bookstore.accounts.models import Mail as AccountsMail
from bookstore.orders.models import Mail as OrdersMail
from bookstore.orders.models import Order
from bookstore.orders.payment_models import Payment
from bookstore.shared.clock import utcnow


def let_time_pass(databases: Mapping[str, Any]) -> None:
    """Claims of those who gave up run out, and what was put off is due now."""
    with databases["orders"].writing() as session, session.begin():
        now = utcnow()
        session.execute(update(Payment).values(claimed_until=now))
        session.execute(update(Order).values(claimed_until=now))
        session.execute(update(OrdersMail).where(OrdersMail.sent_at.is_(None)).values(due_at=now))
    with databases["accounts"].writing() as session, session.begin():
        unsent = AccountsMail.sent_at.is_(None)
        session.execute(update(AccountsMail).where(unsent).values(due_at=utcnow()))
