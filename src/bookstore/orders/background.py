"""What orders does in the background."""

from bookstore.orders import cart, idempotency, recovery
from bookstore.orders.models import Mail
from bookstore.orders.policy import Policy
from bookstore.orders.ports import Catalog, PaymentGateway
from bookstore.shared import mail
from bookstore.shared.database import Database
from bookstore.shared.mail import Render, Transport
from bookstore.shared.worker import Job


def jobs(
    database: Database,
    policy: Policy,
    catalog: Catalog,
    gateway: PaymentGateway,
    render: Render,
    transport: Transport,
    sender: str,
) -> list[Job]:
    """The jobs of orders; any number of workers may run them."""

    def recover() -> int:
        return recovery.recover(database, catalog, gateway, policy)

    def expire() -> int:
        return recovery.expire_unpaid(database, catalog, gateway, policy)

    def send_mails() -> int:
        return mail.send_due(database, Mail, render, transport, sender)

    def forget_requests() -> int:
        with database.writing() as session:
            return idempotency.purge(session, policy)

    def forget_carts() -> int:
        with database.writing() as session:
            return cart.purge(session)

    return [
        Job("orders-recovery", 2, recover),
        Job("orders-expiry", 5, expire),
        Job("orders-mails", 2, send_mails),
        Job("orders-requests", 600, forget_requests),
        Job("orders-carts", 3600, forget_carts),
    ]
