"""A database of the original BookStore with a few hundred rows, some of them damaged as real ones are."""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Column, Float, Integer, MetaData, String, Table, Text, create_engine, insert
from werkzeug.security import generate_password_hash

metadata = MetaData()
# As Flask-SQLAlchemy made them, but for the foreign keys, which SQLite never checked there.
USER = Table(
    "user",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(150)),
    Column("email", String(150)),
    Column("password", String(200)),
)
BOOK = Table(
    "book",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("title", String(150)),
    Column("author", String(100)),
    Column("description", Text),
    Column("price", Float(53)),
    Column("stock", Integer),
    Column("seller_id", Integer),
)
PURCHASE = Table(
    "purchase",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("user_id", Integer),
    Column("book_id", Integer),
    Column("quantity", Integer),
    Column("total_price", Float(53)),
    Column("status", String(50)),
)
PAYMENT = Table(
    "payment",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("purchase_id", Integer),
    Column("amount", Float(53)),
    Column("payment_method", String(50)),
    Column("payment_status", String(50)),
)
PROVIDER = Table(
    "delivery_provider",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(100)),
    Column("coverage_area", String(150)),
    Column("cost", Float(53)),
)
ASSIGNMENT = Table(
    "delivery_assignment",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("purchase_id", Integer),
    Column("provider_id", Integer),
)
PROVIDERS = [("DHL", "Internacional", 50.0), ("FedEx", "Internacional", 45.0), ("Envia", "Nacional", 20.0)]
METHODS = ["Credit Card", "Paypal", "Bank Transfer"]
USERS, BOOKS, PURCHASES = 40, 90, 120
# Users, books and purchases of a shop that says as much in less time.
SMALL = (6, 10, 16)


def email_of(number: int) -> str:
    return f"student{number}@example.com"


def password_of(number: int) -> str:
    return f"pw{number}"


@dataclass
class StudentsShop:
    """Rows by table, to which a test may add damaged ones."""

    rows: dict[Table, list[dict[str, Any]]] = field(default_factory=dict)

    def add(self, table: Table, **values: Any) -> int:
        """Add a row, with the next id; columns that are not given are null."""
        rows = self.rows.setdefault(table, [])
        number = values.pop("id", len(rows) + 1)
        rows.append({column.name: values.get(column.name) for column in table.columns} | {"id": number})
        return number

    def fill(self, users: int = USERS, books: int = BOOKS, purchases: int = PURCHASES) -> "StudentsShop":
        """So many users who offer books, and buy one another's."""
        for n in range(1, users + 1):
            # The method of the year in which they registered: the cost is what differs.
            method = {0: "pbkdf2:sha256:260000", 1: "scrypt:16384:8:1"}.get(n % 20, "pbkdf2:sha256:1000")
            self.add(
                USER,
                name=f"Student {n}",
                email=email_of(n),
                password=generate_password_hash(password_of(n), method),
            )
        for n in range(1, books + 1):
            self.add(
                BOOK,
                title=f"Libro número {n}",
                author=f"Autora {n % 7}",
                description=f"Descripción {n} 📖" if n % 3 else None,
                price=5 + n * 0.1,
                stock=n % 6,
                seller_id=1 + n % users,
            )
        for name, coverage, cost in [
            *PROVIDERS,
            ("Servientrega", "Nacional", 15.0),
            ("Tramaco", "Nacional", 12.5),
        ]:
            self.add(PROVIDER, name=name, coverage_area=coverage, cost=cost)
        for n in range(1, purchases + 1):
            self._buy(n, users, books)
        return self

    def _buy(self, n: int, users: int, books: int) -> None:
        book, quantity = 1 + n % books, 1 + n % 3
        total = (5 + book * 0.1) * quantity
        paid = n % 4 != 0
        self.add(
            PURCHASE,
            user_id=1 + (n + 7) % users,
            book_id=book,
            quantity=quantity,
            total_price=total,
            status="Paid" if paid else "Pending Payment",
        )
        if paid:
            self.add(
                PAYMENT, purchase_id=n, amount=100.0, payment_method=METHODS[n % 3], payment_status="Paid"
            )
        if paid and n % 3:
            self.add(ASSIGNMENT, purchase_id=n, provider_id=1 + n % 5)

    def write(self, url: str) -> None:
        engine = create_engine(url)
        with engine.begin() as connection:
            metadata.create_all(connection)
            for table, rows in self.rows.items():
                connection.execute(insert(table), rows)
        engine.dispose()
