"""A replayed order says what the shop said, with numbers, keys and a listing of its own."""

import re

import pytest
from bench.replay import Recording, Step

HERE, THERE = 6001, 6002


def order(listing: int, key: str, order_id: int, at: str) -> list[Step]:
    return [
        Step("SELECT price FROM listings WHERE id = %s", (listing,)),
        Step("INSERT INTO orders (reference, buyer, at) VALUES (%s, %s, %s)", (key, "Ana", at), order_id),
        Step("INSERT INTO mails (text) VALUES (%s)", (f'{{"order": "{key}"}}',), order_id + 1_000_000),
        Step("UPDATE orders SET version = %s WHERE id = %s", (2, order_id)),
        Step("COMMIT"),
    ]


@pytest.fixture
def recording() -> Recording:
    return Recording(
        order(HERE, "ref-11aa22bb", 70_000_001, "10:00"),
        order(THERE, "ref-33cc44dd", 70_000_002, "10:01"),
        HERE,
        THERE,
    )


def literal(value: object) -> str:
    return repr(value)


def test_the_statements_are_those_of_the_first_order_with_a_new_key(recording: Recording) -> None:
    lines = recording.sql(7777, literal).splitlines()
    key = re.search(r"VALUES \('([^']+)'", lines[1])
    assert key is not None
    assert re.fullmatch(r"[a-z]{3}-[0-9a-z]{8}", key[1])
    assert key[1] != "ref-11aa22bb"
    assert lines == [
        "SELECT price FROM listings WHERE id = 7777;",
        f"INSERT INTO orders (reference, buyer, at) VALUES ('{key[1]}', 'Ana', '10:00');",
        "SET @row1 = LAST_INSERT_ID();",
        f"""INSERT INTO mails (text) VALUES ('{{"order": "{key[1]}"}}');""",
        "UPDATE orders SET version = 2 WHERE id = @row1;",
        "COMMIT;",
    ]


def test_no_two_replayed_orders_have_a_key_in_common(recording: Recording) -> None:
    assert len({recording.sql(7777, literal) for _ in range(100)}) == 100


def test_commits_are_counted(recording: Recording) -> None:
    assert recording.commits == 1


def test_orders_that_took_other_steps_cannot_be_replayed(recording: Recording) -> None:
    with pytest.raises(AssertionError, match="did not take the same steps"):
        Recording(recording.steps, recording.others[:-1], HERE, THERE)
