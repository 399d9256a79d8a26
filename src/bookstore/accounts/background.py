"""What accounts does in the background."""

from bookstore.accounts.cleanup import forget_expired
from bookstore.accounts.keys import rotate_when_due
from bookstore.accounts.models import Mail
from bookstore.accounts.policy import Policy
from bookstore.shared import mail
from bookstore.shared.database import Database
from bookstore.shared.mail import Render, Transport
from bookstore.shared.worker import Job


def jobs(database: Database, policy: Policy, render: Render, transport: Transport, sender: str) -> list[Job]:
    """The jobs of accounts; any number of workers may run them."""

    def send_mails() -> int:
        return mail.send_due(database, Mail, render, transport, sender)

    def rotate_keys() -> int:
        with database.writing() as session:
            return rotate_when_due(session, policy)

    def forget() -> int:
        with database.writing() as session:
            return forget_expired(session)

    return [
        Job("accounts-mails", 5, send_mails),
        Job("accounts-signing-keys", 600, rotate_keys),
        Job("accounts-cleanup", 3600, forget),
    ]
