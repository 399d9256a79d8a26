"""Generated offers are the same in every run, and go over the books in rounds."""

import itertools

from bench.books import offers


def test_a_smaller_set_of_offers_is_the_beginning_of_a_larger_one() -> None:
    assert list(offers(50, 20)) == list(itertools.islice(offers(5_000, 20), 50))


def test_each_book_has_as_many_offers_as_any_other_or_one_more() -> None:
    assert [one.book_id for one in offers(7, 3)] == [1, 2, 3, 1, 2, 3, 1]
    assert [one.id for one in offers(3, 3)] == [1, 2, 3]


def test_whatever_is_offered_can_be_sold() -> None:
    assert all(one.copies >= 1 and one.price_minor >= 100 for one in offers(1_000, 10))
