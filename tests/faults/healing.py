"""What time does to work that was left behind, without waiting for it."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import update

from bookstore.accounts.models import Mail as AccountsMail
from bookstore.accounts.queues import queues as accounts_queues
from bookstore.orders.models import Mail as OrdersMail
from bookstore.orders.models import Order
from bookstore.orders.payment_models import Payment
from bookstore.orders.queues import queues as orders_queues
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


def something_is_left(databases: Mapping[str, Any]) -> bool:
    """Whether a payment, copies or a mail still wait for the worker."""
    for service, queues in (("orders", orders_queues), ("accounts", accounts_queues)):
        with databases[service].reading() as session:
            if any(queue.length for queue in queues(session)):
                return True
    return False
