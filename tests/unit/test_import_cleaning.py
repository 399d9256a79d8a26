import string
from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from bookstore.catalog import import_cleaning
from bookstore.catalog.import_cleaning import ImportedBook, Note, RowRejected, clean_book, identity
from bookstore.catalog.languages import language_code
from bookstore.catalog.text_cleaning import (
    bare_words,
    clean_line,
    clean_text,
    has_visible,
    repair_mojibake,
    shorten,
)


def book_of(**values: str) -> ImportedBook:
    return clean_book({"title": "Title", **values})


def misread(text: str) -> str:
    """The text as a program shows it that takes UTF-8 for Windows-1252."""
    return "".join(
        bytes([byte]).decode("cp1252", errors="replace").replace("\ufffd", chr(byte))
        for byte in text.encode()
    )


# A whole row


def test_a_row_becomes_a_book():
    book = clean_book(
        {
            "source": "buscalibre",
            "source_id": "9788437604947",
            "title": "  Cien años\r\nde soledad ",
            "authors": "Gabriel García Márquez",
            "isbn13": "978-84-376-0494-7",
            "year": "1967.0",
            "publisher": "Cátedra",
            "language": "Español",
            "category": "literatura",
            "description": "<p>Muchos años después&hellip;</p>",
            "pages": "496.0",
        }
    )
    assert book == ImportedBook(
        source="buscalibre",
        source_id="9788437604947",
        title="Cien años de soledad",
        authors="Gabriel García Márquez",
        isbn13="9788437604947",
        year=1967,
        publisher="Cátedra",
        language="es",
        category="literatura",
        description="Muchos años después…",
        pages=496,
    )
    assert book.notes == ()


def test_a_title_is_all_that_a_row_needs():
    assert clean_book({"title": "Ulysses"}, source="gutenberg") == ImportedBook("gutenberg", "", "Ulysses")


def test_the_source_of_the_row_comes_before_that_of_the_file():
    assert clean_book({"title": "A", "source": "wikidata"}, source="file").source == "wikidata"


def test_a_book_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        book_of().title = "Other"  # type: ignore[misc]


@pytest.mark.parametrize(
    "title",
    ["", "   ", "\r\n\t", "\0\x01\x7f", "\u200b\ufeff", "\u00a0\u2003", "-", "– —", "&nbsp;", "\u0301"],
)
def test_a_row_without_a_readable_title_is_rejected(title):
    with pytest.raises(RowRejected) as refused:
        clean_book({"title": title, "isbn13": "9780439023481"})
    assert (refused.value.reason, refused.value.column, refused.value.value) == ("no_title", "title", title)


@pytest.mark.parametrize("title", ["***", "/", "?", "1984", "源氏物語", "कामसूत्र", "💥"])
def test_unusual_titles_are_titles(title):
    assert book_of(title=title).title == title


def test_values_that_cannot_be_read_are_noted_and_the_book_is_kept():
    book = book_of(isbn13="9780439023482", year="soon", pages="many", language="Klingon-ish")
    assert (book.isbn13, book.year, book.pages, book.language) == (None, None, None, None)
    assert book.notes == (
        Note("isbn_check_digit", "isbn13", "9780439023482"),
        Note("year_unknown", "year", "soon"),
        Note("language_unknown", "language", "Klingon-ish"),
        Note("pages_unknown", "pages", "many"),
    )


def test_notes_do_not_make_two_books_of_one():
    assert book_of(year="soon") == book_of()


# Texts


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        ("The  Tempest", "The Tempest"),
        ("\tThe\u00a0Tempest\u2028or\x0bStorm\r", "The Tempest or Storm"),
        ("Bill of Rights\rThe Ten\r\nAmendments", "Bill of Rights The Ten Amendments"),
        ("Te\0mp\x1best\x7f", "Tempest"),
        ("Tem\u00adpest\u200b\ufeff", "Tempest"),
        ("safe\u202egpj.exe", "safegpj.exe"),
        ("Cafe\u0301", "Café"),
        ("\x93Un cuento\x94 \x97 dos\x85", "“Un cuento” — dos…"),
        ("W. W. Norton &amp; Company", "W. W. Norton & Company"),
        ("Courtesan&#39;s Life", "Courtesan's Life"),
        ("&amp;amp;amp;lt;b&amp;gt;", "<b>"),
        ("&am\0p;", "&"),
        ("AT&T, Q&A;, R&D, &notit; &unknown; &;", "AT&T, Q&A;, R&D, &notit; &unknown; &;"),
        ("&#0;&#xD800;&#x110000;", "\ufffd\ufffd\ufffd"),
        ("<b>Bold</b> title", "<b>Bold</b> title"),
        ("=SUM(A1:A9)", "=SUM(A1:A9)"),
        ("lone \ud800 surrogate", "lone surrogate"),
        ("نیم\u200cفاصله", "نیم\u200cفاصله"),
    ],
)
def test_a_line_is_cleaned(dirty, clean):
    assert clean_line(dirty) == clean
    assert clean_line(clean) == clean


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        ("<p>One</p><p>Two</p>", "One\n\nTwo"),
        ("One<br>Two<BR/>Three", "One\nTwo\nThree"),
        ("<b>B</b>old and <a href='http://x'>linked</a>", "Bold and linked"),
        ("before<script>alert(1)</script>after", "beforeafter"),
        ("a<style type='x'>p{}</style>b<!-- hidden -->c", "abc"),
        ("&lt;i&gt;Hamlet&lt;/i&gt;", "Hamlet"),
        ("if a < b and c > d", "if a < b and c > d"),
        ("if a<b and c>d", "if a<b and c>d"),
        ("I <3 books <not a tag>", "I <3 books <not a tag>"),
        ("<<b>b>text", "text"),
        ("one\r\rtwo\n \n\n\nthree  four", "one\n\ntwo\n\nthree four"),
        ("<" * 50 + "b>" * 50, "b" * 47),
    ],
)
def test_a_description_loses_its_markup_and_keeps_its_paragraphs(dirty, clean):
    assert clean_text(dirty) == clean
    assert clean_text(clean) == clean


def test_markup_within_markup_within_markup_is_broken():
    deep = "<" + "<b" * 20 + ">" * 21
    assert "<" not in clean_text(deep)


dirty_texts = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from(list("&;#<>/ \r\n\0\u200b\u00adÃÂâ€™Â©¤amplgtbx039")),
    ),
    max_size=60,
)


@given(dirty_texts)
@example("&&amp;amp;#38;amp;")
@example("Ã\u0083Â©")
def test_cleaning_a_clean_line_changes_nothing(text):
    once = clean_line(text)
    assert clean_line(once) == once
    assert once == once.strip()
    assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 for c in once)
    once.encode("utf-8")


@given(dirty_texts)
def test_cleaning_a_clean_description_changes_nothing(text):
    once = clean_text(text)
    assert clean_text(once) == once
    assert not any(c != "\n" and (ord(c) < 32 or 0x7F <= ord(c) < 0xA0) for c in once)


@given(st.lists(st.text(string.ascii_letters + string.digits + ".,:;'!?()-", min_size=1), min_size=1))
def test_plain_words_are_left_alone(words):
    assert clean_line(" ".join(words)) == " ".join(words)
    assert clean_text("\n".join(words)) == "\n".join(words)


# Mojibake


@pytest.mark.parametrize(
    "text",
    [
        "Cien años de soledad",
        "¿Quién se ha llevado mi queso?",
        "Así habló Zaratustra: más allá",
        "CAPÍTULO ÚLTIMO: ESPAÑA",
        "José",
        "à la recherche",
        "Die Säulen der Erde",
        "Čapek & Dvořák",
        "Preußen – ein “Märchen”…",
        "It’s",
        "€ 5",
        "Windows™",
        "Война и мир",
        "源氏物語",
    ],
)
def test_misread_utf_8_is_repaired(text):
    assert misread(text) != text
    assert repair_mojibake(misread(text)) == text
    assert clean_line(misread(text)) == text
    assert repair_mojibake(text) == text


def test_what_was_misread_twice_is_repaired_twice():
    assert repair_mojibake(misread(misread("El señor de las moscas"))) == "El señor de las moscas"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain",
        "São Paulo, CORAÇÃO E RAZÃO",
        "«LE CAFÉ»",
        "LE CAFÉ»",
        "voilà\u00a0»",
        "“IRMÃ”",
        "IRMÃ…",
        "Été à Zürich: Ærø, Þórr, Ðe",
        "Ã",
        "cien años y un malentendido: aÃ±os",
        "Der FÃ?Â¼rst der Finsternis",
        "WeÂre Outnumbered",
        "Война и мир",
        "naïve café",
        "Â\x85",
    ],
)
def test_what_may_be_right_or_cannot_be_repaired_exactly_is_left_alone(text):
    assert repair_mojibake(text) == text


@given(st.text(max_size=40))
def test_a_repair_can_be_undone(text):
    repaired = repair_mojibake(text)
    steps = [repaired]
    for _ in range(3):
        steps.append(as_bytes_in_latin_1(steps[-1]))
    assert in_latin_1(text) in map(in_latin_1, steps)


def in_latin_1(text: str) -> str:
    """Windows-1252 punctuation and the control characters of Latin-1 are the same bytes: write them alike."""
    return "".join(character_of_byte(c) for c in text)


def character_of_byte(character: str) -> str:
    try:
        return character.encode("cp1252").decode("latin-1")
    except UnicodeEncodeError:
        return character


def as_bytes_in_latin_1(text: str) -> str:
    return text.encode("utf-8", errors="surrogatepass").decode("latin-1")


@given(st.text("abcdefgh áéíóúñüÁÉÍÓÚÑÜ¿¡ç", min_size=1, max_size=40))
def test_misread_spanish_is_always_repaired(text):
    assume(not text.isascii())
    assert repair_mojibake(misread(text)) == text


@given(st.text("abcdefghÁÉÍÓÚÑáéíóúñüç ,.¿?¡!«»“”’…—", max_size=40))
@example("¡OLÉ¡ ¡OLÉ¡")
def test_right_spanish_is_never_repaired(text):
    assert repair_mojibake(text) == text


# Too long


def test_a_long_title_is_shortened_at_a_word_and_noted():
    title = "The history of " + "everything " * 40
    book = book_of(title=title)
    assert len(book.title) <= 255
    assert book.title.startswith("The history of everything")
    assert book.title.endswith("everything…")
    assert [note.code for note in book.notes] == ["title_shortened"]
    assert book.notes[0].value == title.strip()


def test_long_authors_and_categories_are_shortened():
    book = book_of(authors="Plato, " * 100, category="History -- " * 10, publisher="x" * 200)
    assert (len(book.authors), len(book.category or ""), len(book.publisher or "")) == (496, 74, 160)
    assert book.authors.endswith("Plato…")
    assert {note.code for note in book.notes} == {
        "authors_shortened",
        "category_shortened",
        "publisher_shortened",
    }


@pytest.mark.parametrize(
    ("text", "limit", "short"),
    [
        ("exactly ten", 11, "exactly ten"),
        ("one two three", 12, "one two…"),
        ("one two three", 8, "one two…"),
        ("one, two three", 9, "one, two…"),
        ("one two, three", 10, "one two…"),
        ("unbreakable", 5, "unbr…"),
        ("e\u0301e\u0301e\u0301e\u0301", 4, "e\u0301…"),
    ],
)
def test_shortening(text, limit, short):
    assert shorten(text, limit) == short
    assert len(short) <= limit


@given(st.text(max_size=300), st.integers(2, 200))
def test_a_shortened_text_fits_and_is_a_beginning_of_the_whole(text, limit):
    short = shorten(text, limit)
    assert len(short) <= limit
    assert shorten(short, limit) == short
    assert short == text or text.startswith(short.removesuffix("…"))


# ISBN


@pytest.mark.parametrize(
    ("isbn13", "isbn10", "expected"),
    [
        ("9780439023481", "", "9780439023481"),
        ("", "0-439-02348-3", "9780439023481"),
        ("0439023483", "", "9780439023481"),
        ("9.78043902348e+12", "0439023483", "9780439023481"),
        ("9780439023481.0", "", "9780439023481"),
        ("9780439023482", "0439023483", "9780439023481"),
        ("978-2-87929-485-8,978-972-23-4916-1", "", "9782879294858"),
        ("bad; 978-972-23-4916-1", "", "9789722349161"),
        ("9.78043902348e+12", "439023483", "9780439023481"),
        ("", "439023483", "9780439023481"),
        ("439023483.0", "", "9780439023481"),
        ("6.30809681058e+11", "439023483", "9780439023481"),
        ("9.78006112008e+12", "61120081", "9780061120084"),
    ],
)
def test_an_isbn_is_taken_from_where_it_is_valid(isbn13, isbn10, expected):
    book = book_of(isbn13=isbn13, isbn10=isbn10)
    assert book.isbn13 == expected
    assert book.notes == ()


@pytest.mark.parametrize(
    ("isbn13", "isbn10", "note"),
    [
        ("9.78043902348e+12", "", "isbn_rounded"),
        ("9,78043902348E+12", "", "isbn_rounded"),
        ("9780439023480", "", "isbn_check_digit"),
        ("", "439023484", "isbn_length"),
        ("", "61120081", "isbn_length"),  # two zeros lost, and nothing that confirms them
        ("9.78055381395e+12", "446612707", "isbn_rounded"),  # the one belongs to another book
        ("B00007FYKO", "", "isbn_characters"),
        ("7804634880273", "", "isbn_prefix"),
        ("n/a", "-", "isbn_characters"),
        ("-", "", "isbn_empty"),
    ],
)
def test_an_isbn_is_never_guessed(isbn13, isbn10, note):
    book = book_of(isbn13=isbn13, isbn10=isbn10)
    assert book.isbn13 is None
    assert [found.code for found in book.notes] == [note]


@given(st.text(max_size=40), st.text(max_size=40))
@example("1e99", "0")
@example("9,79E12", "999999999")
def test_any_isbn_columns_give_an_isbn_or_none(isbn13, isbn10):
    found = book_of(isbn13=isbn13, isbn10=isbn10).isbn13
    assert found is None or (len(found) == 13 and found.startswith(("978", "979")))


# Year, pages, language


@pytest.mark.parametrize(
    ("text", "year"),
    [
        ("1999", 1999),
        (" 1999 ", 1999),
        ("1999.0", 1999),
        ("+1923-00-00T00:00:00Z", 1923),
        ("1939-05-04", 1939),
        ("c1990", 1990),
        ("©2001", 2001),
        ("[1887]", 1887),
        ("12 May 1998", 1998),
        ("31-12-1998", 1998),
        ("1998-2001", 1998),
        ("0800", 800),
        ("8.0", 8),
        ("1", 1),
        ("2027", 2027),
        ("2028", None),
        ("0", None),
        ("-720", None),
        ("-0044-00-00T00:00:00Z", None),
        ("-1700", None),
        ("20021.0", None),
        ("+20088-01-01T00:00:00Z", None),
        ("1999.5", 1999),
        ("98", 98),
        ("soon", None),
        ("1e3", None),
        ("NaN", None),
        ("", None),
    ],
)
def test_years(monkeypatch, text, year):
    monkeypatch.setattr(import_cleaning, "utcnow", lambda: datetime(2026, 11, 23, tzinfo=UTC))
    assert book_of(year=text).year == year


@pytest.mark.parametrize(
    ("text", "pages"),
    [
        ("224", 224),
        ("104.0", 104),
        ("350 p.", 350),
        ("350 páginas", 350),
        ("1", 1),
        ("20000", 20000),
        ("20001", None),
        ("0", None),
        ("-5", None),
        ("3.5", None),
        ("xii, 350", None),
        ("999999999999", None),
        ("", None),
    ],
)
def test_pages(text, pages):
    assert book_of(pages=text).pages == pages


@pytest.mark.parametrize(
    ("label", "code"),
    [
        *[
            (label, "en")
            for label in ("en", "eng", "en-US", "en_GB", "EN", "English", "Inglés", "inglés", "anglais")
        ],
        *[
            (label, "es")
            for label in ("es", "spa", "Español", "ESPAÑOL", "espanol", "Spanish", "castellano", "es-419")
        ],
        *[(label, "fr") for label in ("fre", "fra", "Français", "Francés")],
        *[(label, "de") for label in ("ger", "deu", "Alemán", "Deutsch", "German")],
        ("jpn", "ja"),
        ("日本語", "ja"),
        ("per", "fa"),
        ("rum", "ro"),
        ("zh-Hant-TW", "zh"),
        ("iw", "he"),
        ("in", "id"),
        ("sh", "sr"),
        ("fil", "tl"),
        ("tl", "tl"),
        ("nor", "no"),
        ("nb", "nb"),
        ("Catalan", "ca"),
        ("English; Spanish", "en"),
        ("Spanish (Latin America)", "es"),
        ("mul, spa", "es"),
        ("Información no disponible", None),
        ("mul", None),
        ("grc", None),
        ("xx", None),
        ("Q1860", None),
        ("?", None),
        ("", None),
    ],
)
def test_languages(label, code):
    assert language_code(label) == code


@given(st.text(max_size=30))
def test_any_label_gives_two_letters_or_none(label):
    code = language_code(label)
    assert code is None or (len(code) == 2 and code.isascii() and code.islower())


# Identity


def test_the_isbn_is_the_identity_of_a_book_that_has_one():
    book = book_of(isbn13="0439023483", source="goodbooks", source_id="1")
    assert identity(book) == "isbn:9780439023481"


def test_the_number_at_the_source_is_the_identity_of_a_book_without_isbn():
    assert identity(book_of(source="Gutenberg", source_id="84")) == "source:gutenberg:84"
    assert identity(book_of(source="wikidata", source_id="Q8269")) == "source:wikidata:Q8269"


def test_the_identity_does_not_depend_on_what_the_source_says_about_the_book():
    first = book_of(source="gutenberg", source_id="84", title="Frankenstein")
    later = book_of(source="gutenberg", source_id="84", title="Frankenstein; or, the modern Prometheus")
    assert identity(first) == identity(later)


def test_what_a_colon_separates_is_not_confused():
    assert identity(book_of(source="a:b", source_id="c")) != identity(book_of(source="a", source_id="b:c"))


def test_source_numbers_that_differ_only_in_case_stay_apart_where_a_database_ignores_case():
    one = identity(book_of(source="google", source_id="zyTCAlFPjgYC"))
    other = identity(book_of(source="google", source_id="zyTCAlFPjgYc"))
    assert one.lower() != other.lower()


def test_without_isbn_and_number_the_identity_is_made_of_title_authors_and_year():
    book = book_of(title="Cien años de soledad", authors="García Márquez", year="1967")
    same = book_of(
        title="CIEN ANOS DE SOLEDAD!", authors="Garcia  Marquez", year="1967.0", source="elsewhere"
    )
    assert identity(book) == identity(same)
    assert identity(book).startswith("text:")
    assert (
        len(
            {
                identity(replace(book, **change))
                for change in ({}, {"title": "x"}, {"authors": "x"}, {"year": 1968})
            }
        )
        == 4
    )


def test_titles_of_signs_alone_stay_apart():
    assert identity(book_of(title="***")) != identity(book_of(title="///"))


def test_vowel_signs_of_other_scripts_are_not_taken_for_accents():
    assert bare_words("काम") != bare_words("कम")


@given(
    st.builds(
        ImportedBook,
        source=st.text(max_size=60),
        source_id=st.text(max_size=120),
        title=st.text(min_size=1, max_size=60).filter(has_visible),
        authors=st.text(max_size=60),
        year=st.none() | st.integers(1, 2027),
    )
)
@example(ImportedBook("x" * 40, "y" * 40, "t"))
@example(ImportedBook("ñ", "\ud800", "t"))
def test_an_identity_is_short_ascii_and_stable(book):
    cleaned = clean_book({"title": book.title, "source": book.source, "source_id": book.source_id})
    key = identity(cleaned)
    assert key == identity(cleaned)
    assert len(key) <= 80
    assert key.isascii()
    assert key.isprintable()
    assert " " not in key


@given(
    st.dictionaries(
        st.sampled_from(
            ["title", "authors", "year", "pages", "language", "category", "description", "publisher"]
        ),
        dirty_texts,
    )
)
def test_any_row_gives_a_book_that_fits_its_columns_or_is_rejected(values):
    book = clean_book({**values, "title": "T" + values.get("title", "")})
    assert 1 <= len(book.title) <= 255
    assert len(book.authors) <= 500
    assert book.year is None or book.year >= 1
    assert book.pages is None or 1 <= book.pages <= 20_000
    assert "" not in (book.publisher, book.category, book.description, book.language)
