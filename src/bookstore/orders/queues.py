"""What waits in orders, for the status page and the metrics."""

from sqlalchemy.orm import Session

from bookstore.orders.models import Mail, Order
from bookstore.orders.order_status import CopiesStatus, OrderStatus
from bookstore.orders.payment_models import MOVING, Payment
from bookstore.shared import mail
from bookstore.shared.clock import utcnow
from bookstore.shared.queues import Queue, queue_of


def queues(session: Session) -> list[Queue]:
    """The mails of orders, and the orders that are between two steps: all of these should be short."""
    overdue = (Order.status == OrderStatus.AWAITING_PAYMENT, Order.pay_by <= utcnow())
    return [
        *mail.queues(session, Mail),
        queue_of(session, "payments_moving", Payment.updated_at, Payment.status.in_(MOVING)),
        queue_of(session, "copies_returning", Order.updated_at, Order.copies == CopiesStatus.RETURNING),
        queue_of(session, "orders_overdue", Order.pay_by, *overdue),
    ]
