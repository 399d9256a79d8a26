"""Any shop can be read once a file says which pages it has; a file that does not is refused by name."""

from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from bench.page_map import NotAPageMap, Page, own_pages, read_page_map
from bench.pages import Asked, Visitor
from bench.shop import stocked_shop

YAML = """
browse: {path: /catalogue/, word: results}
search:
  - {path: "/search?q=dune", word: Dune}
  - {path: "/search?q=emma", word: Emma}
book: {path: /catalogue/dune_1/, word: Add to basket}
"""
JSON = '{"browse": {"path": "/", "word": "a"}, "search": {"path": "/s", "word": "b"}, "book": {"path": "/b", "word": "c"}}'


def written(folder: Path, text: str) -> Path:
    path = folder / "paths.yml"
    path.write_text(text)
    return path


def test_each_kind_has_one_page_or_several(tmp_path: Path) -> None:
    assert read_page_map(written(tmp_path, YAML)) == {
        "browse": [Page("/catalogue/", "results")],
        "search": [Page("/search?q=dune", "Dune"), Page("/search?q=emma", "Emma")],
        "book": [Page("/catalogue/dune_1/", "Add to basket")],
    }


def test_json_is_read_as_well(tmp_path: Path) -> None:
    assert read_page_map(written(tmp_path, JSON))["search"] == [Page("/s", "b")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("browse: {path: /, word: a}", "browse, search, book"),
        ("[]", "browse, search, book"),
        (YAML + "login: {path: /, word: a}", "browse, search, book"),
        (YAML.replace("word: results", "wrd: results"), "browse: a page has a path and a word"),
        (YAML.replace("/catalogue/,", "catalogue/,"), "'catalogue/' is no path"),
        (YAML.replace("/catalogue/,", "/a b,"), "'/a b' is no path"),
        (YAML.replace("results", "''"), "/catalogue/ needs a word"),
    ],
)
def test_what_a_file_lacks_is_named(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(NotAPageMap, match=said):
        read_page_map(written(tmp_path, text))


def test_each_list_and_each_book_of_the_sample_has_the_word_that_is_looked_for() -> None:
    with stocked_shop() as shop:
        visitor, pages = Visitor(shop), own_pages(shop.databases["catalog"])
        wanted = [*pages["browse"], *pages["book"]]
        bodies = [visitor.ask(_asked(page.path)) for page in wanted]
    wrong = [page for page, body in zip(wanted, bodies, strict=True) if page.word.encode() not in body]
    assert wrong == []
    assert any("&#39;" in page.word for page in wanted)


def _asked(path: str) -> Asked:
    parts = urlsplit(path)
    return Asked(method="GET", path=parts.path, query=dict(parse_qsl(parts.query)))
