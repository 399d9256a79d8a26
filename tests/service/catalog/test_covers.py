"""Every book has a cover: always the same, always valid, never a way for a script."""

import re
from xml.dom import minidom

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from bookstore.catalog.cover_art import PALETTES, PATTERNS, Area, Dice, Palette
from bookstore.catalog.cover_text import SIZES, fit, width_of
from bookstore.catalog.covers import HEIGHT, WIDTH, cover_svg
from bookstore.shared.database import Database
from tests.service.catalog.stock import offer

LONG_TITLE = "The Life and Strange Surprizing Adventures of Robinson Crusoe, of York, Mariner: " * 3
HARMLESS = {"svg", "title", "rect", "circle", "path", "text", "tspan", "clipPath", "g"}


def elements(svg: str) -> list[minidom.Element]:
    return list(minidom.parseString(svg.encode()).getElementsByTagName("*"))


def texts(svg: str) -> str:
    return " ".join(
        element.firstChild.data
        for element in elements(svg)
        if element.tagName == "tspan" and element.firstChild
    )


@pytest.mark.parametrize(
    "title", ["V", "紅樓夢", "Cien años de soledad", LONG_TITLE, "ألف ليلة وليلة", "?", "", "\x00\x0b"]
)
def test_a_cover_is_the_same_every_time_and_valid(title: str) -> None:
    svg = cover_svg(7, title, "Somebody")
    assert svg == cover_svg(7, title, "Somebody")
    assert elements(svg)[0].getAttribute("viewBox") == f"0 0 {WIDTH} {HEIGHT}"


def test_books_look_different() -> None:
    assert len({cover_svg(number, "Ficciones", "Jorge Luis Borges") for number in range(60)}) == 60


@given(st.text(max_size=300), st.text(max_size=200), st.integers(1, 2**31))
def test_any_title_gives_plain_harmless_shapes(title: str, authors: str, book_id: int) -> None:
    svg = cover_svg(book_id, title, authors)
    for element in elements(svg):
        assert element.tagName in HARMLESS
        for name in element.attributes.keys():  # noqa: SIM118 - a NamedNodeMap does not iterate
            assert not name.startswith("on")
            assert name not in {"href", "xlink:href", "style"}
    assert "<!DOCTYPE" not in svg


def test_a_title_cannot_break_out() -> None:
    title = "</text><script>alert(1)</script><image href='//evil.example/x.png'/>"
    svg = cover_svg(1, title, '"><script>alert(2)</script>')
    assert "<script" not in svg
    assert "<image" not in svg
    assert "<" in texts(svg)


@pytest.mark.parametrize("book_id", range(12))
@pytest.mark.parametrize(
    "title", ["Q", "Pedro Páramo", "世界の終りとハードボイルド・ワンダーランド", LONG_TITLE, "W" * 90]
)
def test_the_lettering_stays_on_the_cover(book_id: int, title: str) -> None:
    for element in elements(cover_svg(book_id, title, "A. Name; B. Name; C. Name; D. Name; E. Name")):
        if element.tagName == "text":
            size = int(element.getAttribute("font-size"))
            centered = element.getAttribute("text-anchor") == "middle"
            for line in element.getElementsByTagName("tspan"):
                x, y = int(line.getAttribute("x")), int(line.getAttribute("y"))
                width = width_of(line.firstChild.data) * size
                assert size < y < HEIGHT
                assert (x - width / 2 if centered else x) >= 30
                assert (x + width / 2 if centered else x + width) <= WIDTH - 30


def test_short_titles_are_large_and_long_ones_still_readable() -> None:
    assert fit("V", 330, 260).size == SIZES[0]
    assert fit("Pedro Páramo", 330, 260).lines == ["Pedro", "Páramo"]
    long = fit(LONG_TITLE, 330, 120, smallest=18)
    assert long.size == 18
    assert long.lines[-1].endswith("…")


def test_words_are_not_cut_while_smaller_type_helps() -> None:
    assert "Psycholinguistics" in fit("The Handbook of Psycholinguistics", 228, 180).lines


def test_scripts_without_spaces_break_anywhere() -> None:
    lines = fit("世界の終りとハードボイルド・ワンダーランド", 228, 180).lines
    assert "".join(lines) == "世界の終りとハードボイルド・ワンダーランド"
    assert len(lines) > 1


def contrast(first: str, second: str) -> float:
    def luminance(color: str) -> float:
        channels = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted([luminance(first), luminance(second)], reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("palette", PALETTES)
def test_ink_is_readable_on_its_paper(palette: Palette) -> None:
    assert contrast(palette.ink, palette.paper) >= 4.5


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("seed", range(8))
def test_every_pattern_is_valid_and_small(pattern, seed: int) -> None:  # type: ignore[no-untyped-def]
    svg = f"<g>{pattern(Dice(str(seed)), Area(0, 0, 400, 600), PALETTES[seed])}</g>"
    assert elements(svg)
    assert len(svg) < 40_000
    assert not re.search(r"nan|None|inf", svg)


def test_a_cover_is_served_to_everyone_and_kept_by_browsers(app: Flask, database: Database) -> None:
    offer(database, title="Pedro Páramo")
    visitor = app.test_client()

    first = visitor.get("/covers/1.svg")

    assert first.status_code == 200
    assert first.mimetype == "image/svg+xml"
    assert first.headers["Cache-Control"] == "max-age=86400, public"
    assert first.headers["X-Content-Type-Options"] == "nosniff"
    assert "script-src 'self'" in first.headers["Content-Security-Policy"]
    assert texts(first.text).startswith(("Pedro Páramo", "Pedro", "JUAN RULFO"))
    again = visitor.get("/covers/1.svg", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize(
    "path", ["/covers/2.svg", "/covers/0.svg", "/covers/99999999999999999999.svg", "/covers/x.svg"]
)
def test_a_book_that_is_not_there_has_no_cover(app: Flask, database: Database, path: str) -> None:
    offer(database)
    assert app.test_client().get(path).status_code == 404
