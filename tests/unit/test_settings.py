import re
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path

import pytest

from bookstore.config import Settings, SettingsError, variable

README = Path(__file__).parents[2] / "README.md"
STRONG = "4f9Zk2Qw8rT1yU6iO3pA7sD5fG0hJ2kL9xC4vB1nM6"
PRODUCTION = {
    "BOOKSTORE_ENVIRONMENT": "production",
    "BOOKSTORE_SECRET_KEY": STRONG,
    "BOOKSTORE_HTTPS": "true",
    "BOOKSTORE_PUBLIC_URL": "https://shop.example",
}


def read(monkeypatch, **environ):
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    return Settings.from_environ()


def test_an_empty_environment_gives_the_laptop_shop(monkeypatch):
    settings = read(monkeypatch)
    assert settings == Settings()
    assert settings.services == ("accounts", "catalog", "orders")
    assert settings.effective_public_url() == "http://127.0.0.1:8000"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BOOKSTORE_PORT", "99999"),
        ("BOOKSTORE_PORT", "http"),
        ("BOOKSTORE_SERVICES", "accounts,billing"),
        ("BOOKSTORE_SERVICES", ""),
        ("BOOKSTORE_CURRENCY", "DOUBLOON"),
        ("BOOKSTORE_TIMEZONE", "Atlantis/Capital"),
        ("BOOKSTORE_ENVIRONMENT", "staging"),
        ("BOOKSTORE_HTTPS", "perhaps"),
        ("BOOKSTORE_HOME_COUNTRY", "Ecuador"),
        ("BOOKSTORE_NEIGHBOR_TIMEOUT_SECONDS", "0"),
    ],
)
def test_a_wrong_setting_is_named(monkeypatch, name, value):
    with pytest.raises(SettingsError, match=name):
        read(monkeypatch, **{name: value})


def test_all_wrong_settings_are_named_at_once(monkeypatch):
    with pytest.raises(SettingsError) as caught:
        read(monkeypatch, BOOKSTORE_PORT="x", BOOKSTORE_WORKERS="0")
    assert "BOOKSTORE_PORT" in str(caught.value)
    assert "BOOKSTORE_WORKERS" in str(caught.value)


def test_a_secret_may_come_from_a_file(monkeypatch, tmp_path):
    (tmp_path / "key").write_text(STRONG + "\n")
    assert read(monkeypatch, BOOKSTORE_SECRET_KEY_FILE=str(tmp_path / "key")).secret_key == STRONG


def test_a_secret_file_that_is_not_there_is_named(monkeypatch):
    with pytest.raises(SettingsError, match="BOOKSTORE_SECRET_KEY"):
        read(monkeypatch, BOOKSTORE_SECRET_KEY_FILE="/nowhere/key")


def test_production_starts_with_good_settings(monkeypatch):
    assert read(monkeypatch, **PRODUCTION).environment == "production"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BOOKSTORE_SECRET_KEY", ""),
        ("BOOKSTORE_SECRET_KEY", "secret"),
        ("BOOKSTORE_SECRET_KEY", "your_secret_key"),
        ("BOOKSTORE_SECRET_KEY", "a" * 64),
        ("BOOKSTORE_HTTPS", "false"),
        ("BOOKSTORE_PUBLIC_URL", "http://shop.example"),
    ],
)
def test_production_refuses_what_is_unsafe(monkeypatch, name, value):
    with pytest.raises(SettingsError, match=name):
        read(monkeypatch, **{**PRODUCTION, name: value})


def test_a_part_of_the_shop_needs_a_service_token(monkeypatch):
    with pytest.raises(SettingsError, match="BOOKSTORE_SERVICE_TOKEN"):
        read(monkeypatch, BOOKSTORE_SERVICES="orders")


def test_the_development_secret_is_made_once_and_kept_private(tmp_path):
    first = Settings(data_dir=tmp_path).effective_secret_key()
    assert len(first) >= 32
    assert Settings(data_dir=tmp_path).effective_secret_key() == first
    assert (tmp_path / "secret_key").stat().st_mode & 0o077 == 0


def test_processes_that_start_together_share_the_development_secret(monkeypatch, tmp_path):
    def dawdle(size):
        time.sleep(0.2)
        return make_token(size)

    make_token = secrets.token_urlsafe
    monkeypatch.setattr(secrets, "token_urlsafe", dawdle)
    settings = Settings(data_dir=tmp_path / "data")
    with ThreadPoolExecutor(8) as starting:
        made = [starting.submit(settings.effective_secret_key) for _ in range(8)]
        keys = {key.result() for key in made}

    assert len(keys) == 1
    assert len(keys.pop()) >= 32
    assert [path.name for path in settings.data_dir.iterdir()] == ["secret_key"]


def test_a_development_secret_that_was_cut_off_is_not_used(tmp_path):
    (tmp_path / "secret_key").write_text("")
    with pytest.raises(SettingsError, match="secret_key does not hold a whole secret key"):
        Settings(data_dir=tmp_path).effective_secret_key()
    assert (tmp_path / "secret_key").read_text() == ""


def test_each_service_has_its_own_database_unless_told_otherwise(tmp_path):
    settings = Settings(data_dir=tmp_path, orders_database_url="sqlite:///elsewhere.db")
    assert settings.database_url_of("accounts") == f"sqlite:///{tmp_path}/accounts.sqlite3"
    assert settings.database_url_of("orders") == "sqlite:///elsewhere.db"
    assert Settings(database_url="sqlite:///one.db").database_url_of("catalog") == "sqlite:///one.db"


def test_the_readme_lists_every_setting():
    listed = set(re.findall(r"^\| `(BOOKSTORE_[A-Z_]+)`", README.read_text(), flags=re.MULTILINE))
    assert listed == {variable(item.name) for item in fields(Settings)}
