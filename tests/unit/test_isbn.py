import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bookstore.catalog.isbn import REASONS, InvalidIsbn, is_valid, normalize, to_isbn10


@pytest.mark.parametrize(
    "text",
    [
        "9780439023481",
        "978-0-439-02348-1",
        "  978 0 439 02348 1\n",
        "978\u00a00\u00a0439\u00a002348\u00a01",
        "978–0—439‑02348−1",
        "978\u00ad0439\u200b023481\ufeff",
        "9７８0439023481",
        "٩٧٨٠٤٣٩٠٢٣٤٨١",
        "ISBN 978-0-439-02348-1",
        "ISBN-13: 9780439023481",
        "0439023483",
        "0-439-02348-3",
        "isbn-10: 0 439 02348 3",
        "ISBN:0439023483",
    ],
)
def test_however_it_is_written_it_is_the_same_book(text):
    assert normalize(text) == "9780439023481"


@pytest.mark.parametrize("text", ["080442957X", "0-8044-2957-x", "080442957Ｘ"])
def test_an_isbn_10_may_end_in_x(text):
    assert normalize(text) == "9780804429573"


def test_a_label_without_number_does_not_eat_an_isbn_that_begins_with_13():
    assert normalize("ISBN 1338878921") == "9781338878929"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        (" \t-\u00a0", "empty"),
        ("ISBN", "empty"),
        ("978043902348", "length"),
        ("97804390234811", "length"),
        ("439023483", "length"),
        ("9.78043902348e+12", "characters"),
        ("97804390234X1", "characters"),
        ("978043902348X", "characters"),
        ("X80442957X", "characters"),
        ("080442957Х", "characters"),  # a Cyrillic letter
        ("978043902348²", "characters"),
        ("<script>", "characters"),
        ("=1+1", "characters"),
        ("9770439023484", "prefix"),
        ("0000000000000", "prefix"),
        ("9780439023482", "check_digit"),
        ("9780439032481", "check_digit"),
        ("0439023484", "check_digit"),
        ("043902348X", "check_digit"),
    ],
)
def test_what_is_wrong_is_named(text, reason):
    with pytest.raises(InvalidIsbn) as refused:
        normalize(text)
    assert refused.value.reason == reason
    assert not is_valid(text)


def test_the_message_says_how_many_digits_were_seen():
    with pytest.raises(InvalidIsbn, match="10 or 13 digits, this one has 12"):
        normalize("978-0439-02348")


def test_the_error_carries_what_an_api_answer_needs():
    with pytest.raises(InvalidIsbn) as refused:
        normalize("9" * 500)
    assert refused.value.status == 422
    assert refused.value.code == "invalid_isbn"
    assert refused.value.details == {"reason": "length", "text": "9" * 40, "digits": 200}


def test_the_short_form_of_an_isbn():
    assert to_isbn10("978-0-439-02348-1") == "0439023483"
    assert to_isbn10("9780804429573") == "080442957X"
    assert to_isbn10("0-8044-2957-x") == "080442957X"


def test_an_isbn_of_the_979_range_has_no_short_form():
    assert normalize("979-10-90636-07-1") == "9791090636071"
    assert to_isbn10("979-10-90636-07-1") is None


isbn_bodies = st.text("0123456789", min_size=9, max_size=9)


def isbn13_of(body: str) -> str:
    weighted = sum(int(d) * w for d, w in zip("978" + body, [1, 3] * 6, strict=True))
    return f"978{body}{(10 - weighted % 10) % 10}"


@given(isbn_bodies)
def test_both_forms_of_a_book_lead_to_one_another(body):
    isbn13 = isbn13_of(body)
    isbn10 = to_isbn10(isbn13)
    assert isbn10 is not None
    assert normalize(isbn10) == isbn13
    assert normalize(isbn13) == isbn13


@given(isbn_bodies, st.integers(0, 12), st.integers(1, 9))
def test_one_wrong_digit_is_always_noticed(body, position, shift):
    isbn13 = isbn13_of(body)
    wrong = str((int(isbn13[position]) + shift) % 10)
    assert not is_valid(isbn13[:position] + wrong + isbn13[position + 1 :])


@given(isbn_bodies, st.integers(0, 8))
def test_two_swapped_digits_of_an_isbn_10_are_always_noticed(body, position):
    isbn10 = to_isbn10(isbn13_of(body))
    assert isbn10 is not None
    swapped = isbn10[:position] + isbn10[position + 1] + isbn10[position] + isbn10[position + 2 :]
    assert is_valid(swapped) == (swapped == isbn10)


@given(st.text())
@example("\ud800")
@example("isbn" * 100)
def test_any_text_is_either_an_isbn_or_refused_with_a_reason(text):
    outcome = outcome_of(text)
    assert outcome in REASONS or (len(outcome) == 13 and outcome.isascii() and outcome.isdigit())


def outcome_of(text: str) -> str:
    try:
        return normalize(text)
    except InvalidIsbn as refused:
        return refused.reason if str(refused) else "the message is empty"
