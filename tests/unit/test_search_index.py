"""Filters, order, pages and facets of the search index, and how it is written, rebuilt and lost."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bookstore.catalog import search_index
from bookstore.catalog.search_generations import current_generation
from bookstore.catalog.search_index import (
    IndexReplaced,
    IndexUnusable,
    PagePosition,
    PriceBucket,
    RebuildRunning,
    SearchIndex,
    SearchQuery,
)
from bookstore.catalog.search_page import find_page
from bookstore.shared.errors import InvalidCursor
from tests.unit.indexed_books import book

SHELF = [
    book(
        1,
        "Red One",
        "Ana Gómez",
        language="es",
        category="Fiction",
        conditions={"new", "good"},
        from_price=300,
    ),
    book(2, "Red Two", "Ana Gómez", language="es", category="Poetry", conditions={"good"}, from_price=500),
    book(
        3, "Red Three", "Bruno Díaz", language="en", category="Fiction", conditions={"new"}, from_price=1200
    ),
    book(
        4,
        "Red Four",
        "Bruno Díaz",
        language="fr",
        category="Fiction",
        conditions={"acceptable"},
        from_price=9000,
    ),
    book(5, "Red Five", language="en", conditions=set(), from_price=None, copies_available=0),
    book(6, "Blue", language=None, conditions={"new"}, from_price=0),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "index"


@pytest.fixture
def index(path):
    SearchIndex.rebuild(path, SHELF, position=7)
    return SearchIndex.open(path)


def ids(index: SearchIndex, **asked) -> list[int]:
    return index.search(SearchQuery(**asked)).ids


def all_pages(index: SearchIndex, query: SearchQuery) -> list[list[int]]:
    pages = []
    while True:
        page = index.search(query)
        pages.append(page.ids)
        if page.next is None:
            return pages
        query = replace(query, after=PagePosition.from_values(*page.next.to_values()))


class TestFilters:
    @pytest.mark.parametrize(
        ("asked", "found"),
        [
            ({"language": ("es",)}, [2, 1]),
            ({"language": ("es", "fr")}, [4, 2, 1]),
            ({"language": ("es",), "category": ("Fiction",)}, [1]),
            ({"condition": ("new",)}, [6, 3, 1]),
            ({"condition": ("good", "acceptable")}, [4, 2, 1]),
            ({"language": ("de",)}, []),
            ({"min_price": 500}, [4, 3, 2]),
            ({"max_price": 500}, [6, 2, 1]),
            ({"min_price": 300, "max_price": 1199}, [2, 1]),
            ({"min_price": 2, "max_price": 1}, []),
            ({"max_price": -1}, []),
            ({"available_only": True}, [6, 4, 3, 2, 1]),
            ({"author": "gomez"}, [2, 1]),
            ({"author": "DÍAZ bruno"}, [4, 3]),
            ({"author": "red"}, []),
            ({"author": "?"}, []),
            ({"author": "  "}, [6, 5, 4, 3, 2, 1]),
            ({"text": "red", "author": "ana", "category": ("Poetry",)}, [2]),
        ],
    )
    def test_values_of_one_facet_are_alternatives_and_facets_all_hold(self, index, asked, found):
        page = index.search(SearchQuery(sort="newest", **asked))
        assert (page.ids, page.total) == (found, len(found))


class TestOrderAndPages:
    @pytest.mark.parametrize(
        ("sort", "order"),
        [
            ("newest", [6, 5, 4, 3, 2, 1]),
            ("price_asc", [6, 1, 2, 3, 4, 5]),
            ("price_desc", [4, 3, 2, 1, 6, 5]),
        ],
    )
    def test_books_without_a_price_come_last_whichever_way_prices_go(self, index, sort, order):
        assert ids(index, sort=sort) == order

    @pytest.mark.parametrize("sort", ["newest", "price_asc", "price_desc", "relevance"])
    @pytest.mark.parametrize("text", ["", "same"])
    def test_pages_show_each_book_once_even_when_all_are_equal(self, path, sort, text):
        SearchIndex.rebuild(path, [book(id, "Same", listed_at=5) for id in range(1, 11)], position=1)
        pages = all_pages(SearchIndex.open(path), SearchQuery(text=text, sort=sort, limit=4))
        assert [len(page) for page in pages] == [4, 4, 2]
        assert sorted(id for page in pages for id in page) == list(range(1, 11))

    def test_equal_books_are_ordered_by_their_id(self, path):
        SearchIndex.rebuild(path, [book(id, "Same", listed_at=5) for id in (3, 1, 2)], position=1)
        index = SearchIndex.open(path)
        assert ids(index, sort="newest") == [3, 2, 1]
        assert ids(index, sort="price_asc") == [1, 2, 3]

    def test_every_page_knows_the_whole_total(self, index):
        first = index.search(SearchQuery(text="red", sort="price_asc", limit=2))
        second = index.search(SearchQuery(text="red", sort="price_asc", limit=2, after=first.next))
        assert (first.total, second.total) == (5, 5)

    def test_a_page_that_ends_with_the_last_book_has_no_next(self, index):
        for sort in ("newest", "relevance"):
            assert index.search(SearchQuery(text="red", sort=sort, limit=5)).next is None

    def test_a_book_added_meanwhile_moves_nothing_on_later_pages(self, index):
        first = index.search(SearchQuery(limit=2))
        with index.try_writer() as writer:
            writer.put([book(7, "Newest")])
            writer.commit(8)
        index.reload()
        assert ids(index, limit=2, after=first.next) == [4, 3]

    @pytest.mark.parametrize("at", [6, 10**6, (1 << 63) - 1])
    def test_a_position_beyond_the_end_is_an_empty_page(self, index, at):
        page = index.search(SearchQuery(text="red", after=PagePosition.from_values("relevance", at)))
        assert (page.ids, page.total, page.next) == ([], 5, None)

    def test_a_position_of_another_order_is_refused(self, index):
        with pytest.raises(InvalidCursor):
            ids(index, sort="price_asc", after=PagePosition("newest", 1))

    @pytest.mark.parametrize(("sort", "at"), [("oldest", 1), ("newest", -1), ("newest", 1 << 63)])
    def test_a_position_that_no_page_can_have_is_refused(self, sort, at):
        with pytest.raises(InvalidCursor):
            PagePosition.from_values(sort, at)

    def test_a_page_has_at_least_one_book(self):
        with pytest.raises(ValueError, match="limit must be at least 1, not 0"):
            SearchQuery(limit=0)


class TestFacets:
    def test_they_count_the_hits(self, index):
        page = index.search(SearchQuery(text="red"), facets=True, price_bounds=(500, 1000))
        assert page.facets == {
            "language": {"en": 2, "es": 2, "fr": 1},
            "category": {"Fiction": 3, "Poetry": 1},
            "condition": {"good": 2, "new": 2, "acceptable": 1},
        }
        assert page.prices == [PriceBucket(0, 500, 1), PriceBucket(500, 1000, 1), PriceBucket(1000, None, 2)]

    def test_a_facet_ignores_its_own_choice_and_respects_the_others(self, index):
        query = SearchQuery(text="red", language=("es",), category=("Fiction",), min_price=1)
        page = index.search(query, facets=True, price_bounds=(500, 1000))
        assert page.ids == [1]
        assert page.facets["language"] == {"en": 1, "es": 1, "fr": 1}
        assert page.facets["category"] == {"Fiction": 1, "Poetry": 1}
        assert page.facets["condition"] == {"good": 1, "new": 1}
        assert page.prices == [PriceBucket(0, 500, 1), PriceBucket(500, 1000, 0), PriceBucket(1000, None, 0)]

    def test_what_is_chosen_is_counted_even_when_it_finds_nothing(self, index):
        page = index.search(SearchQuery(text="red", language=("de", "es")), facets=True)
        assert page.facets["language"] == {"en": 2, "es": 2, "fr": 1, "de": 0}

    def test_what_is_chosen_is_counted_even_among_too_many_values(self, path):
        shelf = [book(id, "Red", category=f"kind {id % 60:02}") for id in range(1, 180)]
        SearchIndex.rebuild(path, [*shelf, book(200, "Red", category="rare")], position=1)
        page = SearchIndex.open(path).search(SearchQuery(text="red", category=("rare",)), facets=True)
        assert page.facets["category"]["rare"] == 1
        assert len(page.facets["category"]) == 51

    def test_those_of_a_large_result_may_be_a_moment_old_and_its_books_never(self, index, path, monkeypatch):
        monkeypatch.setattr("bookstore.catalog.search_counts.LARGE", 5)
        before = index.search(SearchQuery(text="red"), facets=True)
        with index.try_writer() as writer:
            writer.remove([1])
            writer.put([book(7, "Red Seven", language="de"), book(8, "Red Eight", language="de")])
            writer.commit(8)
        assert index.reload()
        page = index.search(SearchQuery(text="red", sort="newest", limit=2), facets=True)
        assert (page.ids, page.total, page.facets) == ([8, 7], 6, before.facets)
        assert index.search(SearchQuery(text="red", language=("de",)), facets=True).facets["language"] == {
            "de": 2,
            "en": 2,
            "es": 1,
            "fr": 1,
        }

        SearchIndex.rebuild(path, [*SHELF, book(7, "Red Seven", language="de")], position=9)
        assert index.reload()
        assert index.search(SearchQuery(text="red"), facets=True).facets["language"]["de"] == 1

    @pytest.mark.parametrize(
        "query",
        [
            SearchQuery(text="red"),
            SearchQuery(text="red f"),
            SearchQuery(text="rad"),
            SearchQuery(text="nothing of ours"),
            SearchQuery(text="red", language=("es",)),
            SearchQuery(),
        ],
        ids=lambda query: f"{query.text} {query.language}".strip(),
    )
    def test_they_are_the_same_whether_one_page_shows_all_books_or_many_do(self, index, query):
        whole = index.search(replace(query, limit=50), facets=True, price_bounds=(500, 1000))
        part = index.search(replace(query, limit=1), facets=True, price_bounds=(500, 1000))
        assert whole.total == part.total == len(whole.ids)
        assert (whole.facets, whole.prices) == (part.facets, part.prices)
        assert sum(bucket.count for bucket in whole.prices) <= whole.total

    def test_they_cost_nothing_when_nobody_asks(self, index):
        page = index.search(SearchQuery(text="red"))
        assert (page.facets, page.prices) == ({}, [])


class TestWriting:
    def test_a_new_index_is_empty_and_was_never_built(self, path):
        index = SearchIndex.open(path)
        assert (index.doc_count, index.position, ids(index)) == (0, None, [])

    def test_putting_a_book_again_replaces_it(self, index):
        with index.try_writer() as writer:
            writer.put([book(1, "Green"), book(8, "Green")])
            writer.put([book(8, "Green Again")])
            writer.remove([2, 999])
            writer.commit(8)
        assert index.reload()
        assert ids(index, text="green") == [1, 8]
        assert ids(index, text="red", sort="newest") == [5, 4, 3]
        assert (index.doc_count, index.position) == (6, 8)

    def test_what_was_found_is_kept_until_there_is_something_new(self, index, monkeypatch):
        asked = []
        monkeypatch.setattr(
            search_index, "find_page", lambda *told, **more: asked.append(told[1]) or find_page(*told, **more)
        )
        pages = [index.search(SearchQuery(text="red"), facets=True) for _ in range(2)]
        assert pages[0] == pages[1]
        assert len(asked) == 1
        index.search(SearchQuery(text="red"), facets=False)
        index.search(SearchQuery(text="red", sort="newest"), facets=True)
        assert len(asked) == 3

        with index.try_writer() as writer:
            writer.remove([pages[0].ids[0]])
            writer.commit(8)
        assert index.reload()
        assert index.search(SearchQuery(text="red"), facets=True).total == pages[0].total - 1

    def test_the_position_is_that_of_the_last_commit(self, index):
        with index.try_writer() as writer:
            for position in (8, 9, 10):
                writer.commit(position)
        index.reload()
        assert (index.position, index.doc_count) == (10, 6)

    def test_what_was_not_committed_never_happened(self, index):
        with index.try_writer() as writer:
            writer.put([book(1, "Green")])
        assert index.reload() is False
        with index.try_writer() as writer:
            writer.commit(8)
        index.reload()
        assert ids(index, text="green") == []

    def test_readers_see_a_commit_when_they_reload(self, index, path):
        other = SearchIndex.open(path)
        with index.try_writer() as writer:
            writer.put([book(9, "Green")])
            writer.commit(8)
        assert ids(other, text="green") == []
        assert other.reload() is True
        assert ids(other, text="green") == [9]
        assert other.reload() is False

    def test_there_is_one_writer_at_a_time(self, index, path):
        with index.try_writer():
            assert SearchIndex.open(path).try_writer() is None
        writer = SearchIndex.open(path).try_writer()
        assert writer is not None
        writer.close()

    def test_the_lock_holds_between_processes_and_dies_with_its_holder(self, index, path):
        holder = subprocess.Popen(
            [
                sys.executable,
                "-c",
                "import sys, time\n"
                "from bookstore.catalog.search_index import SearchIndex\n"
                "writer = SearchIndex.open(sys.argv[1]).try_writer()\n"
                "writer.remove([1])\n"
                "print('locked', flush=True)\n"
                "time.sleep(60)\n",
                str(path),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert holder.stdout.readline() == "locked\n"
            assert index.try_writer() is None
        finally:
            holder.kill()
            holder.communicate()
        with index.try_writer() as writer:
            writer.commit(8)
        index.reload()
        assert (index.doc_count, index.position) == (6, 8)

    def test_an_id_too_large_for_the_index_is_named(self, index):
        with index.try_writer() as writer, pytest.raises(ValueError, match="book id 2147483648 does not fit"):
            writer.put([book(1 << 31, "Far")])


class TestRebuilding:
    def test_search_goes_on_and_then_switches(self, index, path):
        seen = []

        def books():
            for one in (book(11, "Green"), book(12, "Green")):
                seen.append(ids(index, text="blue"))
                assert index.reload() is False
                yield one

        assert SearchIndex.rebuild(path, books(), position=20) == 2
        assert seen == [[6], [6]]
        assert ids(index, text="blue") == [6]
        assert index.reload() is True
        assert (ids(index, text="blue"), ids(index, text="green")) == ([], [11, 12])
        assert (index.doc_count, index.position) == (2, 20)
        assert [found.name for found in path.glob("gen-*")] == [current_generation(path)]

    def test_progress_is_told(self, path):
        told = []
        SearchIndex.rebuild(path, (book(id, "Red") for id in range(1, 2502)), 1, told.append)
        assert told == [1000, 2000, 2501]

    def test_a_rebuild_that_fails_changes_nothing(self, index, path):
        def books():
            yield book(11, "Green")
            raise ConnectionError

        with pytest.raises(ConnectionError):
            SearchIndex.rebuild(path, books(), position=20)
        assert index.reload() is False
        assert SearchIndex.open(path).position == 7
        assert len(list(path.glob("gen-*"))) == 1

    def test_one_rebuild_at_a_time(self, index, path):
        def books():
            with pytest.raises(RebuildRunning):
                SearchIndex.rebuild(path, [], position=30)
            yield book(11, "Green")

        SearchIndex.rebuild(path, books(), position=20)
        assert SearchIndex.open(path).position == 20

    def test_a_writer_learns_that_its_generation_was_replaced(self, index, path):
        writer = index.try_writer()
        writer.put([book(9, "Green")])
        SearchIndex.rebuild(path, SHELF, position=20)
        with pytest.raises(IndexReplaced):
            writer.commit(8)
        writer.close()
        with index.try_writer() as writer:
            writer.put([book(9, "Green")])
            writer.commit(21)
        index.reload()
        assert (ids(index, text="green"), index.position) == ([9], 21)


class TestLosingTheIndex:
    @pytest.mark.parametrize("damaged", ["CURRENT", "*/meta.json", "*/*.fast", "*/*.idx", "*/*.term"])
    @pytest.mark.parametrize("harm", ["emptied", "cut", "overwritten"])
    def test_a_damaged_index_says_so_and_can_be_rebuilt(self, index, path, damaged, harm):
        for file in path.glob(damaged):
            hurt(file, harm)
        with pytest.raises(IndexUnusable):
            SearchIndex.open(path).search(SearchQuery(text="red on"), facets=True)
        SearchIndex.rebuild(path, SHELF, position=20)
        assert ids(SearchIndex.open(path), text="red one") == [1]

    def test_an_index_that_was_deleted_is_a_new_one(self, index, path):
        (path / "CURRENT").unlink()
        assert SearchIndex.open(path).position is None

    def test_an_index_of_another_version_is_unusable(self, index, path):
        (path / "CURRENT").write_text('{"generation": "gen-000001", "schema": 0}')
        with pytest.raises(IndexUnusable, match="schema 0"):
            SearchIndex.open(path)
        with pytest.raises(IndexUnusable):
            index.reload()
        assert ids(index, text="blue") == [6]


def hurt(file: Path, harm: str) -> None:
    content = file.read_bytes()
    # A new file: to shorten one that somebody has mapped into memory kills that process.
    file.unlink()
    if harm == "overwritten":
        file.write_bytes(b"\xff" * len(content))
    else:
        file.write_bytes(b"" if harm == "emptied" else content[: len(content) // 2])
