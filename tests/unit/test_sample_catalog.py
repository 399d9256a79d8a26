"""The sample catalog keeps what the shop's first page promises: real classics, cleanly described."""

import csv
import re
from collections import Counter
from pathlib import Path

import pytest

CLASSICS = Path(__file__).parents[2] / "src" / "bookstore" / "catalog" / "sample" / "classics.csv"

COLUMNS = [
    "source",
    "source_id",
    "title",
    "authors",
    "isbn13",
    "year",
    "publisher",
    "language",
    "category",
    "description",
    "pages",
    "price",
    "currency",
    "rating",
    "ratings_count",
    "cover_url",
]

CATEGORIES = {
    "novel",
    "short-stories",
    "poetry",
    "drama",
    "essay",
    "philosophy",
    "history",
    "science",
    "science-fiction",
    "fantasy",
    "mystery",
    "horror",
    "adventure",
    "children",
    "biography",
    "classics-antiquity",
    "politics",
}

Row = dict[str, str]


def read_classics() -> tuple[list[str], list[Row]]:
    with CLASSICS.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        return list(reader.fieldnames or []), list(reader)


@pytest.fixture(scope="module")
def classics() -> list[Row]:
    return read_classics()[1]


def slugs(rows: list[Row]) -> list[str]:
    return [row["source_id"] for row in rows]


def repeated(values: list[str]) -> list[str]:
    return [value for value, times in Counter(values).items() if times > 1]


def check_digit(isbn13: str) -> str:
    weighted = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(isbn13[:12]))
    return str(-weighted % 10)


def test_the_columns_are_those_of_every_catalog() -> None:
    assert read_classics()[0] == COLUMNS


def test_each_row_fills_exactly_the_columns(classics: list[Row]) -> None:
    # DictReader puts surplus values under the key None and gives None for missing ones.
    assert [row for row in classics if None in row or None in row.values()] == []


def test_the_shop_opens_with_at_least_150_books(classics: list[Row]) -> None:
    assert len(classics) >= 150


@pytest.mark.parametrize("language", ["es", "en"])
def test_both_languages_fill_a_shelf(classics: list[Row], language: str) -> None:
    assert sum(row["language"] == language for row in classics) >= 60


def test_no_book_is_in_a_third_language(classics: list[Row]) -> None:
    assert {row["language"] for row in classics} == {"es", "en"}


def test_each_book_has_its_own_slug_in_the_source_classics(classics: list[Row]) -> None:
    assert {row["source"] for row in classics} == {"classics"}
    assert repeated(slugs(classics)) == []
    assert [slug for slug in slugs(classics) if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug)] == []


def test_no_work_is_listed_twice(classics: list[Row]) -> None:
    assert repeated([f"{row['title']} / {row['authors']}".casefold() for row in classics]) == []


def test_each_book_has_a_title_and_its_authors(classics: list[Row]) -> None:
    nameless = [row for row in classics if not row["title"] or not all(row["authors"].split("; "))]
    assert slugs(nameless) == []


def test_each_category_is_one_of_the_known_ones(classics: list[Row]) -> None:
    assert {row["category"] for row in classics} <= CATEGORIES


def test_each_description_is_a_sentence_or_two(classics: list[Row]) -> None:
    outside = [row for row in classics if not 60 <= len(row["description"]) <= 400]
    assert slugs(outside) == []


def test_no_description_serves_two_books(classics: list[Row]) -> None:
    assert repeated([row["description"] for row in classics]) == []


def test_each_isbn_has_thirteen_digits_and_the_right_check_digit(classics: list[Row]) -> None:
    numbered = [row for row in classics if row["isbn13"]]
    wrong = [
        row
        for row in numbered
        if not re.fullmatch(r"97[89][0-9]{10}", row["isbn13"])
        or row["isbn13"][-1] != check_digit(row["isbn13"])
    ]
    assert slugs(wrong) == []
    assert len(numbered) >= 90


def test_the_check_digit_of_this_file_is_the_one_of_the_standard() -> None:
    assert check_digit("9780306406157") == "7"


def test_no_isbn_is_given_to_two_books(classics: list[Row]) -> None:
    assert repeated([row["isbn13"] for row in classics if row["isbn13"]]) == []


def test_years_are_whole_numbers_within_reason(classics: list[Row]) -> None:
    years = {int(row["year"]) for row in classics if row["year"]}
    assert min(years) >= 1450
    assert max(years) <= 2000


def test_the_catalog_leaves_prices_ratings_and_covers_to_the_shop(classics: list[Row]) -> None:
    left_empty = ["price", "currency", "rating", "ratings_count", "cover_url"]
    assert {row[column] for row in classics for column in left_empty} == {""}


def test_no_value_carries_stray_spaces_or_control_characters(classics: list[Row]) -> None:
    untidy = [row for row in classics if any(value != " ".join(value.split()) for value in row.values())]
    assert slugs(untidy) == []


@pytest.mark.parametrize(
    ("title", "author"),
    [
        ("Cien años de soledad", "Gabriel García Márquez"),
        ("Don Quijote de la Mancha", "Miguel de Cervantes"),
        ("La casa de los espíritus", "Isabel Allende"),
        ("Rayuela", "Julio Cortázar"),
        ("Pedro Páramo", "Juan Rulfo"),
        ("Ficciones", "Jorge Luis Borges"),
        ("Pride and Prejudice", "Jane Austen"),
        ("Moby-Dick", "Herman Melville"),
        ("Catch-22", "Joseph Heller"),
        ("1984", "George Orwell"),
        ("It", "Stephen King"),
        ("V.", "Thomas Pynchon"),
        ("She", "H. Rider Haggard"),
        ("Kim", "Rudyard Kipling"),
        ("Emma", "Jane Austen"),
        ("Ulysses", "James Joyce"),
        ("Frankenstein", "Mary Shelley"),
        ("Dracula", "Bram Stoker"),
    ],
)
def test_the_classics_that_everybody_looks_for_are_there(
    classics: list[Row], title: str, author: str
) -> None:
    assert (title, author) in {(row["title"], row["authors"]) for row in classics}
