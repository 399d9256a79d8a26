from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bookstore.app import Shop
from bookstore.cli import main
from bookstore.config import SERVICES, variable
from tests.database_servers import DatabaseServer, running
from tests.service.adopting.students_shop import StudentsShop


@pytest.fixture(scope="session")
def mariadb() -> Iterator[DatabaseServer]:
    with running("mariadb") as server:
        yield server


@pytest.fixture
def students() -> StudentsShop:
    """An original that a test fills."""
    return StudentsShop()


@pytest.fixture
def command(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs a `bookstore` command on the shop."""
    monkeypatch.setenv("BOOKSTORE_DATA_DIR", str(shop.settings.data_dir))
    for service in SERVICES:
        url = getattr(shop.settings, f"{service}_database_url")
        monkeypatch.setenv(variable(f"{service}_database_url"), url)
    return lambda *arguments: CliRunner().invoke(main, list(arguments))


@pytest.fixture
def adopt(command: Callable[..., Result], students: StudentsShop, tmp_path: Path) -> Callable[..., Result]:
    """Runs `bookstore adopt` on the original as it is now."""

    def adopt(*options: str, url: str | None = None) -> Result:
        path = tmp_path / "bookstore.db"
        path.unlink(missing_ok=True)
        url = url or f"sqlite:///{path}"
        students.write(url)
        return command("adopt", url, *options)

    return adopt
