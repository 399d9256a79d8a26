"""The same question has the same answer on each database, with the index and without it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import text

from bookstore.accounts import users
from bookstore.accounts.models import User
from bookstore.catalog.search import Search
from bookstore.catalog.search_query import SearchQuery
from bookstore.shared import migrations
from bookstore.shared.database import Database
from tests.service.catalog.shelf import OnShelf, put_on_shelf

SHELF = [
    OnShelf("Cien años de soledad", "Gabriel García Márquez", isbn13="9788437604947"),
    OnShelf("El amor en los tiempos del cólera", "Gabriel García Márquez"),
    OnShelf("It", "Stephen King"),
    OnShelf("The Who: a history", "Ann Ó Dálaigh"),
    OnShelf("Catch-22", "Joseph Heller"),
    OnShelf("Ñandú", "Ángeles Mastretta"),
    OnShelf("Nandu", "ANGELES MASTRETTA"),
    OnShelf('The "quoted" title', "O'Brien"),
    OnShelf("紅樓夢", "曹雪芹"),
    OnShelf("Война и мир", "Лев Толстой"),
    OnShelf("📚 Books", "Emoji 📖"),
    OnShelf("📖 Books", "Emoji 📚"),
    OnShelf("C++ in a day", "Ana AND Bruno"),
    OnShelf("100% yours_truly", "Per Cent"),
    OnShelf("Straße", "Günter Grass"),
    OnShelf("mar", "a "),
]

# What somebody types: with the index, and what the beginning of a title alone gives.
QUESTIONS: dict[str, tuple[set[str], set[str]]] = {
    "sol": ({"Cien años de soledad"}, set()),
    "mar": ({"mar", "Cien años de soledad", "El amor en los tiempos del cólera"}, {"mar"}),
    "it": ({"It"}, {"It"}),
    "the who": ({"The Who: a history"}, {"The Who: a history"}),
    "cien anos": ({"Cien años de soledad"}, {"Cien años de soledad"}),
    "CIEN AÑOS": ({"Cien años de soledad"}, {"Cien años de soledad"}),
    "el amor en": ({"El amor en los tiempos del cólera"}, {"El amor en los tiempos del cólera"}),
    "nandu": ({"Ñandú", "Nandu"}, {"Ñandú", "Nandu"}),
    "catch-22": ({"Catch-22"}, {"Catch-22"}),
    "catch 22": ({"Catch-22"}, {"Catch-22"}),
    'the "quoted"': ({'The "quoted" title'}, {'The "quoted" title'}),
    "紅樓": ({"紅樓夢"}, {"紅樓夢"}),
    "война": ({"Война и мир"}, {"Война и мир"}),
    "ВОЙНА": ({"Война и мир"}, {"Война и мир"}),
    "strasse": ({"Straße"}, {"Straße"}),
    "100%": ({"100% yours_truly"}, {"100% yours_truly"}),
    "%": (set(), set()),
    "_": (set(), set()),
    "c++": ({"C++ in a day"}, {"C++ in a day", "Catch-22", "Cien años de soledad"}),
    "9788437604947": ({"Cien años de soledad"}, {"Cien años de soledad"}),
    "+soledad -anos": ({"Cien años de soledad"}, set()),
    "no such book": (set(), set()),
}

AUTHORS: dict[str, set[str]] = {
    "garcía márquez": {"Cien años de soledad", "El amor en los tiempos del cólera"},
    "GARCIA MARQUEZ": {"Cien años de soledad", "El amor en los tiempos del cólera"},
    "ángeles": {"Ñandú", "Nandu"},
    "ÁNGELES": {"Ñandú", "Nandu"},
    "gunter": {"Straße"},
    "лев толстой": {"Война и мир"},
    "曹雪芹": {"紅樓夢"},
}


@dataclass
class Shop:
    """A stocked catalog with its search, once with an index and once without."""

    database: Database
    indexed: Search
    bare: Search

    def found(self, search: Search, **query: object) -> set[str]:
        return {book.title for book in search.find(SearchQuery(**query)).books}


@pytest.fixture(scope="module", params=["sqlite", "mariadb", "mysql"])
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("search")
    database = Database("catalog", _url(request, "search", folder))
    migrations.upgrade(database)
    put_on_shelf(database, SHELF)
    indexed = Search(database, folder / "index", "USD")
    indexed.follow()
    bare = Search(database, folder / "none", "USD")
    yield Shop(database, indexed, bare)
    indexed.close()
    bare.close()
    database.close()


def _url(request: pytest.FixtureRequest, name: str, folder: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{folder / name}.sqlite3"
    url: str = request.getfixturevalue(request.param).create_schema(name)
    return url


@pytest.mark.parametrize("text", QUESTIONS)
def test_a_question_has_one_answer(shop: Shop, text: str) -> None:
    with_index, without = QUESTIONS[text]
    assert shop.found(shop.indexed, text=text) == with_index
    assert shop.found(shop.bare, text=text) == without


@pytest.mark.parametrize("author", AUTHORS)
def test_an_author_has_the_same_books(shop: Shop, author: str) -> None:
    assert shop.found(shop.indexed, author=author) == AUTHORS[author]
    assert shop.found(shop.bare, author=author) == AUTHORS[author]


@pytest.mark.parametrize("author", ["%", "_", "100%", "'", '"', "\\", "O'Brien%"])
def test_signs_are_no_wildcards_and_no_syntax(shop: Shop, author: str) -> None:
    expected = {'The "quoted" title'} if author == "'" else set()
    assert shop.found(shop.bare, author=author) == expected


def test_pages_of_the_same_beginning_come_in_the_same_order(shop: Shop) -> None:
    cursor, seen = None, []
    while True:
        page = shop.bare.find(SearchQuery(text="the", limit=1), cursor)
        seen += [book.title for book in page.books]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == ['The "quoted" title', "The Who: a history"]


@pytest.fixture(scope="module", params=["sqlite", "mariadb", "mysql"])
def people(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    database = Database("accounts", _url(request, "people", tmp_path_factory.mktemp("people")))
    migrations.upgrade(database)
    names = {"Ana Núñez": "ana", "ANA NUNEZ": "other", "Łukasz 📚": "lukasz", "100% Real": "real"}
    with database.writing() as session, session.begin():
        for name, account in names.items():
            session.add(User.new(name=name, email=f"{account}@example.com", password_hash=None, locale="en"))
    yield database
    database.close()


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("nuñez", {"Ana Núñez", "ANA NUNEZ"}),
        ("NUNEZ ana", {"Ana Núñez", "ANA NUNEZ"}),
        ("OTHER@example", {"ANA NUNEZ"}),
        ("📚", {"Łukasz 📚"}),
        ("📖", set()),
        ("%", {"100% Real"}),
        ("_", set()),
    ],
)
def test_an_admin_finds_the_same_people(people: Database, words: str, found: set[str]) -> None:
    with people.reading() as session:
        assert {user.name for user in users.search_users(session, words, None, 50).items} == found


@pytest.mark.parametrize("product", ["sqlite", "mariadb", "mysql"])
def test_books_from_before_are_found_by_author(
    request: pytest.FixtureRequest, product: str, tmp_path: Path
) -> None:
    request.param = product
    database = Database("catalog", _url(request, "before", tmp_path))
    with database.migrating() as connection:
        config = migrations._config(database)
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for number, author in enumerate(["Ángeles Mastretta", "曹雪芹", "ﷺ" * 500]):
            values = {"identity": str(number), "authors": author, "now": "2026-01-01 00:00:00"}
            connection.execute(
                text(
                    "INSERT INTO books (identity, title, title_key, authors, source, created_at, listed_at)"
                    " VALUES (:identity, :identity, :identity, :authors, '', :now, :now)"
                ),
                values,
            )
        connection.commit()

    migrations.upgrade(database)

    with database.reading() as session:
        keys = session.scalars(text("SELECT authors_key FROM books ORDER BY id")).all()
    assert keys[:2] == ["angeles mastretta", "曹雪芹"]
    assert len(keys[2]) == 500
    bare = Search(database, tmp_path / "none", "USD")
    assert [book.authors for book in bare.find(SearchQuery(author="ANGELES")).books] == ["Ángeles Mastretta"]
    bare.close()
    database.close()
