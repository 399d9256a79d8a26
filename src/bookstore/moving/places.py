"""Where the data of a shop lies: for each service, the URL of its database."""

from collections.abc import Iterable
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from bookstore.moving.errors import BadPlace
from bookstore.shared.database import Database
from bookstore.shared.mysql import MissingDriver, ServerOptions

Place = dict[str, str]


def place_of(text: str, services: Iterable[str]) -> Place:
    """One database for all services (a URL or an SQLite file), or a folder with an SQLite file for each.

    A path that does not exist yet is a file when its name has an ending, else a folder. Raises BadPlace.
    """
    if "://" in text:
        return dict.fromkeys(services, str(_url(text).render_as_string(hide_password=False)))
    path = Path(text).resolve()
    if path.is_file() or (not path.exists() and path.suffix):
        return dict.fromkeys(services, f"sqlite:///{path}")
    return {service: f"sqlite:///{path / f'{service}.sqlite3'}" for service in services}


def shown(url: str) -> str:
    """The URL as it may be printed and kept: without its password, and the same however it is written."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        parsed = parsed.set(database=str(Path(parsed.database).resolve()))
    return parsed.render_as_string(hide_password=True)


def open_place(place: Place, server: ServerOptions | None = None) -> dict[str, Database]:
    """The database of each service. Raises BadPlace when its driver is not installed."""
    databases = {}
    for service, url in place.items():
        try:
            databases[service] = Database(service, url, server)
        except (ArgumentError, ImportError, MissingDriver) as error:
            raise BadPlace(place=shown(url), reason=str(error)) from error
    return databases


def is_missing_file(url: str) -> bool:
    """Whether this is an SQLite file that does not exist: opening it would make an empty one."""
    parsed = make_url(url)
    return parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").is_file()


def make_folder(database: Database) -> None:
    """Make the folder that an SQLite file is to lie in."""
    url = database.engine.url
    if url.get_backend_name() == "sqlite" and url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)


def _url(text: str) -> URL:
    try:
        return make_url(text)
    except ArgumentError as error:
        # The text may hold a password, so it is not repeated.
        raise BadPlace(place="the given text", reason="it is not a SQLAlchemy URL") from error
