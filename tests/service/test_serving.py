"""What `bookstore serve` and `migrate` refuse, and that a process touches no database but its own."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bookstore.cli import main
from bookstore.serving import nginx

TOKEN = "what services show one another, 0123456789"


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BOOKSTORE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("BOOKSTORE_SERVICE_TOKEN", TOKEN)
    return tmp_path / "data"


def bookstore(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


@pytest.mark.parametrize(
    ("services", "known", "missing"),
    [
        ("catalog", [], "BOOKSTORE_ACCOUNTS_URL"),
        ("orders", ["BOOKSTORE_CATALOG_URL"], "BOOKSTORE_ACCOUNTS_URL"),
        ("orders", ["BOOKSTORE_ACCOUNTS_URL"], "BOOKSTORE_CATALOG_URL"),
        ("accounts,orders", [], "BOOKSTORE_CATALOG_URL"),
        ("catalog,orders", [], "BOOKSTORE_ACCOUNTS_URL"),
    ],
)
@pytest.mark.parametrize("command", ["serve", "worker"])
def test_a_missing_neighbor_is_named(
    data: Path, monkeypatch: pytest.MonkeyPatch, command: str, services: str, known: list[str], missing: str
) -> None:
    monkeypatch.setenv("BOOKSTORE_SERVICES", services)
    for name in known:
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    refused = bookstore(command)
    assert refused.exit_code == 2
    assert f"{missing} is missing" in refused.output


def test_between_services_there_is_a_credential(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOKSTORE_SERVICES", "accounts")
    monkeypatch.setenv("BOOKSTORE_SERVICE_TOKEN", "short")
    refused = bookstore("serve")
    assert refused.exit_code == 2
    assert "BOOKSTORE_SERVICE_TOKEN" in refused.output


@pytest.mark.parametrize("service", ["accounts", "catalog", "orders"])
def test_a_service_migrates_its_own_database(
    data: Path, monkeypatch: pytest.MonkeyPatch, service: str
) -> None:
    monkeypatch.setenv("BOOKSTORE_SERVICES", service)
    done = bookstore("migrate")
    assert done.exit_code == 0, done.output
    assert done.output.startswith(f"{service}: empty -> ")
    assert len(done.output.splitlines()) == 1
    assert [path.name for path in data.glob("*.sqlite3")] == [f"{service}.sqlite3"]


def test_the_split_shop_wants_migrated_databases(data: Path) -> None:
    refused = bookstore("serve", "--split")
    assert refused.exit_code == 1
    assert "the accounts database is not ready for this version: run `bookstore migrate`" in refused.output


def test_the_split_shop_names_a_missing_nginx(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bookstore("migrate").exit_code == 0
    monkeypatch.setenv("PATH", str(data))
    monkeypatch.setattr(nginx, "PLACES", str(data))
    refused = bookstore("serve", "--split")
    assert refused.exit_code == 1
    assert "nginx is missing" in refused.output
    assert not list((data / "split").glob("*.pid"))


def test_the_split_shop_needs_all_services(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOKSTORE_SERVICES", "accounts,catalog")
    refused = bookstore("serve", "--split")
    assert refused.exit_code == 2
    assert "this command needs orders in BOOKSTORE_SERVICES" in refused.output


def test_replicas_are_of_the_split_shop(data: Path) -> None:
    refused = bookstore("serve", "--replicas", "2")
    assert refused.exit_code == 2
    assert "--replicas needs --split" in refused.output
