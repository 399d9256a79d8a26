"""What waits in accounts, for the status page and the metrics."""

from sqlalchemy.orm import Session

from bookstore.accounts.models import Mail
from bookstore.shared import mail
from bookstore.shared.queues import Queue


def queues(session: Session) -> list[Queue]:
    """The mails of accounts."""
    return mail.queues(session, Mail)
