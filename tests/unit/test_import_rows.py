import csv
import gzip
import io
import itertools
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bookstore.catalog.csv_records import MAX_FIELD, MAX_RECORD
from bookstore.catalog.import_rows import CatalogFile, CatalogFileError, Progress, RawRow, RejectedRow
from bookstore.catalog.rejects_file import RejectsFile, neutralized


@pytest.fixture
def read(tmp_path):
    """Write the bytes to a file and read all its rows."""

    def read_bytes(content: bytes, **options):
        path = tmp_path / "books.csv"
        path.write_bytes(content)
        with CatalogFile(path, **options) as file:
            return list(file)

    return read_bytes


@pytest.fixture
def refusal(read):
    """Write the bytes to a file and return why it is refused as a whole."""

    def refuse(content: bytes, **options) -> CatalogFileError:
        with pytest.raises(CatalogFileError) as refused:
            read(content, **options)
        return refused.value

    return refuse


def titles(rows) -> list[str]:
    return [row.values["title"] for row in rows if isinstance(row, RawRow)]


def reasons(rows) -> list[tuple[int, int, str]]:
    return [(row.number, row.line, row.reason) for row in rows if isinstance(row, RejectedRow)]


# What is read


def test_rows_carry_their_number_and_their_line(read):
    rows = read(b"title,authors\r\nDon Quixote,Cervantes\r\nPedro,Rulfo\r\n")
    assert rows == [
        RawRow(1, 2, {"title": "Don Quixote", "authors": "Cervantes"}),
        RawRow(2, 3, {"title": "Pedro", "authors": "Rulfo"}),
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\r\r\n"])
def test_every_kind_of_line_end_is_understood(read, end):
    rows = read(end.join(["title,year", "A,1999", "B,2000"]).encode())
    assert titles(rows) == ["A", "B"]
    assert rows[1].values["year"] == "2000"


def test_line_breaks_inside_quotes_belong_to_the_field(read):
    rows = read(b'title,year\n"one\rtwo\nthree\r\nfour",1999\nnext,2000\n')
    assert titles(rows) == ["one\rtwo\nthree\r\nfour", "next"]
    assert [(row.number, row.line) for row in rows] == [(1, 2), (2, 5)]


def test_quotes_delimiters_and_apostrophes_inside_quotes(read):
    assert titles(read(b'title,year\n"He said ""no"", twice; it\'s true",1\n')) == [
        'He said "no", twice; it\'s true'
    ]


def test_a_byte_order_mark_is_not_part_of_the_first_column(read):
    assert titles(read("title\nÑandú\n".encode("utf-8-sig"))) == ["Ñandú"]


def test_a_quoted_header_behind_a_byte_order_mark_is_understood(read):
    assert titles(read('\ufeff"title","year"\n"Ñandú",1\n'.encode())) == ["Ñandú"]


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-8", "mac-roman"])
def test_other_encodings_are_read_when_they_are_named(read, encoding):
    assert titles(read("title\nCien años\n".encode(encoding), encoding=encoding)) == ["Cien años"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_from_the_header(read, delimiter):
    content = delimiter.join(["authors", "title", "year"]) + "\n" + delimiter.join(["A, B", "T; U", "1999"])
    if delimiter in ",;":
        content = content.replace("A, B", '"A, B"').replace("T; U", '"T; U"')
    assert titles(read(content.encode())) == ["T; U"]


def test_the_delimiter_that_finds_the_wanted_columns_wins(read):
    rows = read(b"Book title; long, full, and complete;Who\nA;B\n", mapping={"authors": "Who"}, required=())
    assert rows[0].reason == "too_few_columns"
    rows = read(b"x,y,z,q;title\n1;A\n")
    assert titles(rows) == ["A"]


@pytest.mark.parametrize("word", ["tab", "\\t", "\t"])
def test_a_tab_can_be_named(read, word):
    assert titles(read(b"title\tyear\nA\t1\n", delimiter=word)) == ["A"]


def test_their_columns_are_mapped_to_ours(read):
    rows = read(
        b"ISBN;Book-Title;Book-Author;year\n0439023483;Games;Collins;2008\n",
        mapping={"title": "Book-Title", "authors": "book-author", "isbn10": "ISBN"},
    )
    assert rows == [
        RawRow(1, 2, {"isbn10": "0439023483", "title": "Games", "authors": "Collins", "year": "2008"})
    ]


def test_columns_that_the_shop_does_not_know_are_left_out(read):
    assert read(b"price,title,rating\n12,A,5\n") == [RawRow(1, 2, {"title": "A"})]


def test_blank_rows_are_passed_over(read):
    rows = read(b"\n\ntitle,year\n\nA,1\n\n , \n,,\nB,2\n\n")
    assert titles(rows) == ["A", "B"]
    assert reasons(rows) == []
    assert rows[1].line == 9


def test_null_bytes_do_no_harm(read):
    assert titles(read(b"title,year\nA\0B,1\nC,2\n")) == ["A\0B", "C"]


def test_a_header_alone_is_an_empty_catalog(read):
    assert read(b"title,authors") == []


def test_a_surplus_of_blank_columns_at_the_end_is_forgiven(read):
    assert titles(read(b"title\tyear\t\nA\t1\t\nB\t2\t\t\nC\t3\n", delimiter="tab")) == ["A", "B", "C"]


# Gzip


def test_gzip_is_recognized_by_its_bytes_and_not_by_its_name(read):
    assert titles(read(gzip.compress(b"title\nA\n", mtime=0))) == ["A"]


def test_a_plain_file_named_gz_is_read(tmp_path):
    path = tmp_path / "books.csv.gz"
    path.write_bytes(b"title\nA\n")
    with CatalogFile(path) as file:
        assert titles(file) == ["A"]


def test_a_gzip_of_several_members_is_one_file(read):
    assert titles(read(gzip.compress(b"title\nA\n", mtime=0) + gzip.compress(b"B\n"))) == ["A", "B"]


def many_rows(count: int) -> bytes:
    return b"title,year\n" + b"".join(b"Book number %d,%d\n" % (n, n) for n in range(1, count + 1))


def test_a_truncated_gzip_gives_its_whole_rows_and_then_a_clear_error(tmp_path):
    packed = gzip.compress(many_rows(20_000))
    path = tmp_path / "books.csv.gz"
    path.write_bytes(packed[: len(packed) // 2])
    seen: list[str] = []
    with CatalogFile(path) as file, pytest.raises(CatalogFileError) as refused:
        seen.extend(row.values["title"] for row in file)
    assert refused.value.reason == "damaged"
    assert 5_000 < len(seen) < 20_000
    assert seen == [f"Book number {n}" for n in range(1, len(seen) + 1)]
    assert refused.value.details["line"] == len(seen) + 1


def test_a_gzip_with_a_broken_middle_is_reported_as_damaged(refusal):
    packed = bytearray(gzip.compress(many_rows(20_000)))
    packed[len(packed) // 2] ^= 0xFF
    assert refusal(bytes(packed)).reason == "damaged"


@pytest.mark.parametrize("length", [2, 5, 10, 15])
def test_a_gzip_cut_within_its_first_bytes_is_reported_as_damaged(refusal, length):
    assert refusal(gzip.compress(b"title\nA\n", mtime=0)[:length]).reason == "damaged"


# Rows that are rejected while the others go on


@pytest.mark.parametrize(
    ("row", "reason", "detail"),
    [
        (b"only one", "too_few_columns", "1 instead of 2"),
        (b"one,two,three", "too_many_columns", "3 instead of 2"),
        (b'"un"quoted",1', "stray_quote", ""),
        (b"bare\rreturn,1", "stray_carriage_return", ""),
        ("Cien años,1".encode("latin-1"), "undecodable_bytes", "byte 0xF1 at character 7"),
        (b"x" * (MAX_FIELD + 1) + b",1", "field_too_large", "100001 characters, the limit is 100000"),
        (b'"' + b"x" * (MAX_FIELD + 1) + b'",1', "field_too_large", "100001 characters, the limit is 100000"),
        (b"x" * (MAX_RECORD - 20_000) + b",1", "field_too_large", ""),
        (b"x" * (MAX_RECORD * 3) + b",1", "record_too_large", ""),
    ],
)
def test_a_broken_row_is_named_and_the_next_one_is_read(read, row, reason, detail):
    rows = read(b"title,year\nA,1\n" + row + b"\nB,2\n")
    assert titles(rows) == ["A", "B"]
    assert reasons(rows) == [(2, 3, reason)]
    assert rows[1].detail == detail
    assert (rows[2].number, rows[2].line) == (3, 4)


def test_an_undecodable_byte_is_shown_with_its_column(read):
    rows = read(b"title,authors\nA,Garc\xeda \xffM\xc3\xa1rquez\n")
    assert rows[0].column == "authors"
    assert rows[0].value == "Garc\\xEDa \\xFFMárquez"
    assert rows[0].fields == ("A", "Garc\\xEDa \\xFFMárquez")


def test_undecodable_bytes_in_a_column_of_no_interest_still_reject_the_row(read):
    assert reasons(read(b"title,price\nA,\xff\n")) == [(1, 2, "undecodable_bytes")]


def test_half_a_character_at_the_very_end_rejects_only_the_last_row(read):
    rows = read("title\nA\nñ".encode()[:-1])
    assert titles(rows) == ["A"]
    assert reasons(rows) == [(2, 3, "undecodable_bytes")]


def test_a_quote_that_is_never_closed_costs_one_row(read):
    rows = read(b'title,year\n"A,1\nB,2\nC,3\n')
    assert reasons(rows) == [(1, 2, "unclosed_quote")]
    assert titles(rows) == ["B", "C"]
    assert [row.line for row in rows] == [2, 3, 4]


def test_a_quote_that_is_closed_by_the_next_quoted_row_costs_one_row(read):
    rows = read(b'title,year\n"A,1\n"B, or C",2\nD,3\n')
    assert reasons(rows) == [(1, 2, "stray_quote")]
    assert titles(rows) == ["B, or C", "D"]


def test_a_record_of_several_lines_with_too_many_columns_is_read_again_from_its_second_line(read):
    rows = read(b'title,year\n"A,1\nB",2,3\nC,3\n')
    assert reasons(rows) == [(1, 2, "too_many_columns"), (2, 3, "too_many_columns")]
    assert titles(rows) == ["C"]
    assert rows[0].value == '"A,1\nB",2,3'


def test_an_unclosed_quote_in_a_long_file_does_not_hold_the_whole_file(read):
    rows = read(b'title,year\n"A,1\n' + b"B,2\n" * 5_000)
    assert reasons(rows) == [(1, 2, "unclosed_quote")]
    assert len(titles(rows)) == 5_000
    assert len(rows[0].value) <= 1_000


def test_every_row_opening_a_quote_ends_all_the_same(read):
    rows = read(b"title,year\n" + b'x","z\n' * 300)
    assert rows
    assert all(isinstance(row, RejectedRow) or row.values for row in rows)


def test_a_monstrous_line_inside_an_unclosed_quote_is_passed_over(read):
    rows = read(b'title,year\n"A,1\n' + b"x" * (MAX_RECORD * 2) + b"\nB,2\n")
    assert reasons(rows) == [(1, 2, "unclosed_quote"), (2, 3, "record_too_large")]
    assert titles(rows) == ["B"]


# Files that are refused as a whole


@pytest.mark.parametrize(
    "content", [b"", b"\n\n", "\ufeff".encode(), b"\r\n  \r\n", gzip.compress(b"", mtime=0)]
)
def test_an_empty_file_is_refused(refusal, content):
    assert refusal(content).reason == "empty"


def test_a_missing_column_is_named_together_with_those_present(refusal):
    refused = refusal(b"name;author;year\nA;B;1\n", delimiter=";")
    assert refused.reason == "column_missing"
    assert str(refused) == "The file has no column title. Its columns are: name, author, year."


def test_a_missing_mapped_column_is_named_as_it_was_asked_for(refusal):
    refused = refusal(b"title,authors\nA,B\n", mapping={"year": "Published"})
    assert refused.details == {"reason": "column_missing", "column": "Published", "present": "title, authors"}


def test_a_file_without_header_shows_what_stands_in_its_place(refusal):
    assert "Don Quixote" in str(refusal(b"Don Quixote,Cervantes\nPedro,Rulfo\n"))


def test_the_list_of_columns_present_is_not_endless(refusal):
    message = str(refusal(",".join("x" * 100 for _ in range(1_000)).encode()))
    assert len(message) < 1_500
    assert message.endswith("….")


def test_a_column_that_exists_twice_is_refused(refusal):
    assert refusal(b"title,year,title\nA,1,B\n").reason == "column_twice"


def test_names_that_differ_in_case_alone_can_be_told_apart(read):
    assert titles(read(b"Title,title\nA,B\n")) == ["B"]


def test_a_field_that_the_shop_does_not_have_is_refused(refusal):
    refused = refusal(b"title\nA\n", mapping={"colour": "title"})
    assert refused.reason == "column_unknown"
    assert refused.details["column"] == "colour"
    assert "isbn13" in str(refused)


@pytest.mark.parametrize("encoding", ["klingon", "base64", "", "a\0b"])
def test_an_encoding_that_does_not_exist_is_refused(refusal, encoding):
    assert refusal(b"title\nA\n", encoding=encoding).reason == "encoding_unknown"


def test_a_file_in_utf_16_is_recognized(refusal):
    refused = refusal("title\nA\n".encode("utf-16"))
    assert str(refused) == "The file is not utf-8; it looks like utf-16."


@pytest.mark.parametrize("delimiter", ["", ",,", '"', "\n", "x", "5"])
def test_an_impossible_delimiter_is_refused(refusal, delimiter):
    assert refusal(b"title\nA\n", delimiter=delimiter).reason == "delimiter"


@pytest.mark.parametrize(
    ("magic", "kind"),
    [
        (b"PK\x03\x04....", "ZIP or XLSX"),
        (b"\xd0\xcf\x11\xe0", "XLS"),
        (b"BZh91AY", "bzip2"),
        (b"%PDF-1.7", "PDF"),
    ],
)
def test_an_archive_or_workbook_is_recognized(refusal, magic, kind):
    refused = refusal(magic)
    assert refused.reason == "archive"
    assert refused.details["kind"] == kind


def test_a_gzip_within_a_gzip_is_recognized(refusal):
    assert refusal(gzip.compress(gzip.compress(b"title\nA\n", mtime=0))).details["kind"] == "gzip"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b'"title,year\nA,1\n', "A quotation mark is opened and never closed"),
        (b"title\ryear\nA,1\n", "There is a carriage return outside quotation marks"),
        (b"title\xff,year\nA,1\n", "The row has bytes that are not text in the encoding of the file"),
        (b"x" * 150_000 + b"\nA,1\n", "A field of the row is too large"),
        (b"x" * (MAX_RECORD * 2) + b"\nA,1\n", "The row is too large"),
    ],
)
def test_a_header_that_cannot_be_read_is_refused_with_the_reason(refusal, content, why):
    refused = refusal(content)
    assert refused.reason == "header"
    assert str(refused) == f"The header line cannot be read: {why}."


def test_a_file_that_does_not_exist_and_a_folder_are_refused(tmp_path):
    for path in (tmp_path / "nothing.csv", tmp_path):
        with pytest.raises(CatalogFileError) as refused:
            CatalogFile(path)
        assert refused.value.reason == "not_found"


# Progress


def test_progress_follows_the_bytes_on_disk(tmp_path):
    path = tmp_path / "books.csv.gz"
    path.write_bytes(gzip.compress(many_rows(50_000)))
    seen = []
    with CatalogFile(path) as file:
        for row in file:
            if row.number % 5_000 == 0:
                seen.append(file.progress())
    assert [progress.rows for progress in seen] == list(range(5_000, 50_001, 5_000))
    assert all(earlier.percent <= later.percent for earlier, later in itertools.pairwise(seen))
    assert 0 < seen[0].percent < 50
    assert seen[-1].percent == 100
    assert seen[-1].bytes_total == path.stat().st_size
    assert file.progress().seconds_left == 0


def test_speed_and_time_left_follow_from_rows_bytes_and_seconds():
    half = Progress(rows=1_000, bytes_read=50, bytes_total=200, seconds=2.0)
    assert (half.percent, half.rows_per_second, half.seconds_left) == (25.0, 500.0, 6.0)
    begin = Progress(rows=0, bytes_read=0, bytes_total=200, seconds=0.0)
    assert (begin.percent, begin.rows_per_second, begin.seconds_left) == (0.0, 0.0, None)


def test_reading_a_large_file_needs_little_memory(tmp_path):
    path = tmp_path / "books.csv.gz"
    path.write_bytes(gzip.compress(many_rows(60_000)))
    tracemalloc.start()
    with CatalogFile(path) as file:
        count = sum(1 for _ in file)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 60_000
    assert peak < 3_000_000


# The rejects file


def test_the_rejects_file_names_each_row(tmp_path, read):
    path = tmp_path / "rejects.csv"
    with RejectsFile(path) as rejects:
        for row in read(b"title,year\nA,1,2\nB\xff,1\n"):
            rejects.write_rejected(row)
        rejects.write(7, 9, "no_title", "title", " \0 ")
        assert rejects.count == 3
    with path.open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [
            ["row", "line", "reason", "column", "value"],
            ["1", "2", "too_many_columns: 3 instead of 2", "", "A,1,2"],
            ["2", "3", "undecodable_bytes: byte 0xFF at character 2", "title", "B\\xFF"],
            ["7", "9", "no_title", "title", "  "],
        ]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_a_spreadsheet_finds_no_formula_in_the_rejects_file(tmp_path, start):
    path = tmp_path / "rejects.csv"
    with RejectsFile(path) as rejects:
        rejects.write(1, 2, "no_title", f"{start}column", f"{start}cmd|' /C calc'!A0")
    with path.open(encoding="utf-8", newline="") as file:
        row = list(csv.reader(file))[1]
    assert row[3:] == [f"'{start}column", f"'{start}cmd|' /C calc'!A0"]


def test_a_long_value_is_cut(tmp_path):
    path = tmp_path / "rejects.csv"
    with RejectsFile(path) as rejects:
        rejects.write(1, 2, "no_title", "title", "x" * 5_000)
    assert "x" * 200 + "\n" in path.read_text().replace("\r\n", "\n")
    assert "x" * 201 not in path.read_text()


@given(st.text())
def test_no_cell_of_the_rejects_file_begins_like_a_formula(text):
    assert not neutralized(text).startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert neutralized(text).removeprefix("'") == text.removeprefix("'")


# Whatever the bytes are


fields = st.text(st.characters(codec="utf-8", exclude_characters="\ufeff"), max_size=20)
files = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@files
@given(table=st.lists(st.tuples(fields, fields), max_size=8), delimiter=st.sampled_from(",;\t|"))
def test_what_a_csv_writer_wrote_is_read_back_exactly(read, table, delimiter):
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerows([("title", "authors"), *table])
    rows = read(text.getvalue().encode())
    kept = [pair for pair in table if any(field and not field.isspace() for field in pair)]
    assert [tuple(row.values.values()) for row in rows] == kept


@files
@given(content=st.binary(max_size=300))
@example(content=b'title,a\n"\xff\r\n\0"",\n"')
@example(content=b"\x1f\x8b\x08")
@example(content=b'a"b\r"')
@example(content=b"a\rb\n")
def test_no_bytes_make_the_reader_fail_in_another_way(tmp_path, content):
    for data in (content, b"title,year\n" + content, gzip.compress(b"title,year\n" + content, mtime=0)):
        outcome = outcome_of(tmp_path / "fuzz.csv", data)
        assert outcome == sorted(outcome)


@files
@given(junk=st.lists(st.sampled_from([b'"', b",", b"\n", b"\r", b"x", b'""', b"\xff", b"\0"]), max_size=40))
def test_after_any_junk_the_last_sound_row_is_still_found(tmp_path, junk):
    path = tmp_path / "junk.csv"
    path.write_bytes(b"title,year\n" + b"".join(junk) + b'\nLast title,"2001"\nLast,2002\n')
    with CatalogFile(path) as file:
        assert titles(file)[-1] == "Last"


def outcome_of(path: Path, content: bytes) -> list[int]:
    """The numbers of the rows, or none when the file is refused with its proper error."""
    path.write_bytes(content)
    try:
        with CatalogFile(path) as file:
            return [row.number for row in file]
    except CatalogFileError:
        return []
