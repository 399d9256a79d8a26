"""People with a browser, at the load balancer of the lab."""

from bookstore.lab import shop
from tests.journeys.conftest import ADMIN_EMAIL
from tests.journeys.elsewhere import browse
from tests.people import PASSWORD
from tests.swarm.running_lab import RunningLab


def browse_through(lab: RunningLab) -> int:
    """How many of their journeys passed; the shop has to be new."""
    # The one that makes the backups knows all databases.
    shop.inside("backup", "bookstore", "stock")
    admin = ["create-admin", "--name", "Ada Admin", "--email", ADMIN_EMAIL]
    shop.inside("backup", "env", f"BOOKSTORE_ADMIN_PASSWORD={PASSWORD}", "bookstore", *admin)
    return browse(lab.url, lab.authority)
