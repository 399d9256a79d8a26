"""The original's database: read only, in batches, however dirty its values are."""

from collections.abc import Iterable, Iterator
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from urllib.parse import quote

from babel.numbers import get_currency_precision
from sqlalchemy import (
    URL,
    Engine,
    RowMapping,
    column,
    create_engine,
    event,
    func,
    inspect,
    make_url,
    select,
    table,
)
from sqlalchemy.exc import ArgumentError

from bookstore.shared.errors import ShopError
from bookstore.shared.money import Money
from bookstore.shared.mysql import MissingDriver, ServerOptions, create_pooled_engine, is_mysql

BATCH = 500
COLUMNS = {
    "user": ("id", "name", "email", "password"),
    "book": ("id", "title", "author", "description", "price", "stock", "seller_id"),
    "purchase": ("id", "user_id", "book_id", "quantity", "total_price", "status"),
    "payment": ("id", "purchase_id", "amount", "payment_method", "payment_status"),
    "delivery_provider": ("id", "name", "coverage_area", "cost"),
    "delivery_assignment": ("id", "purchase_id", "provider_id"),
}
MOST_MINOR = 10**15
# A float that was computed is off by less than this; what is off by more was never a price.
NOISE = Decimal("0.000001")

Row = RowMapping


class NotTheOriginal(ShopError):
    """The database is not that of the original BookStore. Nothing was adopted."""

    code = "not_the_original"
    title = "this is not the database of an original BookStore: %(reason)s"


class Original:
    """The six tables of the original. Raises NotTheOriginal when one of them, or a column, is missing."""

    def __init__(self, place: str, server: ServerOptions | None = None) -> None:
        self._engine = _open(place, server or ServerOptions())
        self._tables = {
            name: table(name, *(column(each) for each in columns)) for name, columns in COLUMNS.items()
        }
        self._check()

    def close(self) -> None:
        self._engine.dispose()

    def count(self, name: str) -> int:
        with self._engine.connect() as connection:
            return connection.scalar(select(func.count()).select_from(self._tables[name])) or 0

    def batches(self, name: str) -> Iterator[list[Row]]:
        """The rows of a table in the order of their ids."""
        source, last = self._tables[name], 0
        while True:
            query = select(source).where(source.c.id > last).order_by(source.c.id).limit(BATCH)
            rows = self._read(query)
            if not rows:
                return
            yield rows
            last = rows[-1]["id"]

    def related(self, name: str, key: str, values: Iterable[Any]) -> dict[Any, list[Row]]:
        """The rows whose `key` is one of the values, by it, in the order of their ids."""
        source = self._tables[name]
        wanted = {value for value in values if value is not None}
        found: dict[Any, list[Row]] = {}
        for row in self._read(select(source).where(source.c[key].in_(wanted)).order_by(source.c.id)):
            found.setdefault(row[key], []).append(row)
        return found

    def _read(self, query: Any) -> list[Row]:
        with self._engine.connect() as connection:
            return [row._mapping for row in connection.execute(query)]

    def _check(self) -> None:
        inspector = inspect(self._engine)
        present = set(inspector.get_table_names())
        for name, columns in COLUMNS.items():
            if name not in present:
                raise NotTheOriginal(reason=f"it has no table {name}")
            missing = set(columns) - {found["name"] for found in inspector.get_columns(name)}
            if missing:
                raise NotTheOriginal(reason=f"table {name} has no column {', '.join(sorted(missing))}")


def _open(place: str, server: ServerOptions) -> Engine:
    """Raises NotTheOriginal when there is no such file, no driver for it, or the text is no URL."""
    try:
        url = make_url(place if "://" in place else f"sqlite:///{place}")
        if url.get_backend_name() != "sqlite":
            return _open_server(url, server)
        path = Path(url.database or "").resolve()
        if not path.is_file():
            raise NotTheOriginal(reason=f"there is no file {path}")
        return _open_file(path)
    except MissingDriver as error:
        raise NotTheOriginal(reason=str(error)) from error
    except (ArgumentError, ImportError) as error:
        raise NotTheOriginal(reason="the given text is no URL of a database that can be read") from error


def _open_server(url: URL, server: ServerOptions) -> Engine:
    text = url.render_as_string(hide_password=False)
    return create_pooled_engine(text, server) if is_mysql(text) else create_engine(url, pool_pre_ping=True)


def _open_file(path: Path) -> Engine:
    engine = create_engine(f"sqlite:///file:{quote(str(path))}?mode=ro&uri=true")

    @event.listens_for(engine, "connect")
    def configure(connection: Any, record: Any) -> None:
        # A text that is no UTF-8 must not end the adoption of all the others.
        connection.text_factory = lambda data: data.decode("utf-8", "replace")

    return engine


def as_text(value: Any) -> str:
    return "" if value is None else str(value)


def as_count(value: Any) -> int | None:
    """A whole number; None for anything else, such as half a book."""
    try:
        number = Decimal(str(value))
        return int(number) if number == number.to_integral_value() and abs(number) < MOST_MINOR else None
    except (InvalidOperation, ValueError):
        return None


def as_money(value: Any, currency: str) -> tuple[Money | None, bool]:
    """A float as whole minor units, and whether that changed what it said. None for what is no amount."""
    try:
        minor = Decimal(str(value)).scaleb(get_currency_precision(currency))
        if not minor.is_finite() or abs(minor) > MOST_MINOR:
            return None, False
    except InvalidOperation:
        return None, False
    whole = minor.quantize(Decimal(1), ROUND_HALF_UP)
    return Money(int(whole), currency), abs(whole - minor) > NOISE
