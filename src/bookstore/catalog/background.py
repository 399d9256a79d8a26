"""What the catalog does in the background."""

from bookstore.catalog import reservations
from bookstore.catalog.policy import Policy
from bookstore.catalog.search import Search
from bookstore.shared.database import Database
from bookstore.shared.worker import Job


def jobs(database: Database, policy: Policy, search: Search) -> list[Job]:
    """The jobs of the catalog; any number of workers may run them."""

    def expire_reservations() -> int:
        with database.writing() as session:
            return reservations.expire_due(session)

    return [
        Job("catalog-reservations", 5, expire_reservations),
        Job("catalog-search-index", 1, search.follow, of_each_replica=True),
        Job("catalog-search-copies", 60, search.copy_for_replicas),
        Job("catalog-search-changes", 3600, search.forget_old_changes),
    ]
