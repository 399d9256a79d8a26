from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bookstore.app import Shop
from bookstore.cli import main
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
def adopt(
    shop: Shop, students: StudentsShop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Result]:
    """Runs `bookstore adopt` on the original as it is now."""
    monkeypatch.setenv("BOOKSTORE_DATA_DIR", str(shop.settings.data_dir))

    def adopt(*options: str, url: str | None = None) -> Result:
        path = tmp_path / "bookstore.db"
        path.unlink(missing_ok=True)
        url = url or f"sqlite:///{path}"
        students.write(url)
        return CliRunner().invoke(main, ["adopt", url, *options])

    return adopt
