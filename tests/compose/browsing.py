"""People with a browser, at a shop that Docker Compose runs."""

import tempfile
from pathlib import Path

from tests.compose.stack import Stack
from tests.journeys import elsewhere
from tests.journeys.conftest import ADMIN_EMAIL
from tests.people import PASSWORD


def browse(stack: Stack) -> int:
    """How many of their journeys passed, unchanged, but for those that look into the databases.

    The shop has to be new.
    """
    stack.compose("run", "--rm", "backup", "stock")
    admin = ("create-admin", "--name", "Ada Admin", "--email", ADMIN_EMAIL)
    stack.compose("run", "--rm", "-e", f"BOOKSTORE_ADMIN_PASSWORD={PASSWORD}", "backup", *admin)
    with tempfile.TemporaryDirectory() as folder:
        authority = Path(folder) / "authority.pem"
        authority.write_text(stack.certificate())
        return elsewhere.browse(stack.url, authority)
