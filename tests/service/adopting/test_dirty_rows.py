"""Damage in the original: each row is mended or skipped, named with its reason, and the audit is clean."""

import csv

import pytest
from sqlalchemy import select
from werkzeug.security import generate_password_hash

from bookstore.accounts import passwords
from bookstore.accounts.models import User
from bookstore.auditing import audit_shop
from bookstore.catalog.models import Listing
from bookstore.orders.models import Order
from bookstore.orders.payment_models import Method, PaymentEvent
from tests.people import log_in
from tests.service.adopting.students_shop import ASSIGNMENT, BOOK, PAYMENT, PROVIDER, PURCHASE, USER

HASH = generate_password_hash("old secret", "pbkdf2:sha256:1000")


@pytest.fixture
def remarks(shop, adopt):
    """Adopts, and returns what the report says of which row: reason and result."""

    def remarks() -> set[tuple[str, int, str, str]]:
        adopted = adopt()
        assert adopted.exit_code == 0, adopted.output
        assert audit_shop(shop.settings, shop.databases) == []
        with (shop.settings.data_dir / "imports" / "adopted-original.csv").open(newline="") as file:
            found = [
                (row["table"], int(row["id"]), row["reason"], row["result"]) for row in csv.DictReader(file)
            ]
        assert len(found) == len(set(found))
        return set(found)

    return remarks


@pytest.fixture
def seller(students) -> int:
    students.add(PROVIDER, name="DHL", coverage_area="Internacional", cost=50.0)
    students.add(PAYMENT, purchase_id=None)  # the table must have a row to be written
    students.add(ASSIGNMENT, purchase_id=None)
    return students.add(USER, name="Ana Sells", email="ana@example.com", password=HASH)


ORPHANS = {
    ("payment", 1, "purchase_missing", "skipped"),
    ("delivery_assignment", 1, "purchase_missing", "skipped"),
}


@pytest.fixture
def buyer(students, seller) -> int:
    return students.add(USER, name="Bruno Buys", email="bruno@example.com", password=HASH)


@pytest.fixture
def book(students, seller) -> int:
    return students.add(BOOK, title="El túnel", author="Sabato", price=10.0, stock=5, seller_id=seller)


def users(shop) -> dict[str, User]:
    with shop.databases["accounts"].reading() as session:
        return {user.email: user for user in session.scalars(select(User))}


def listing(shop, key: int) -> Listing:
    with shop.databases["catalog"].reading() as session:
        return session.scalars(select(Listing).where(Listing.offer_key == f"adopted-original-{key}")).one()


def orders(shop) -> list[Order]:
    with shop.databases["orders"].reading() as session:
        return list(session.scalars(select(Order).order_by(Order.id)))


def test_addresses_that_differ_in_case_are_one_account_that_only_its_mail_opens(
    shop, students, buyer, book, remarks
):
    other = students.add(USER, name="Ana Again", email="ANA@Example.com", password=HASH)
    students.add(BOOK, title="Sab", author="Avellaneda", price=3.0, stock=1, seller_id=other)
    assert remarks() == {("user", other, "duplicate_email", "mended"), *ORPHANS}
    ana = users(shop)["ana@example.com"]
    assert {listing(shop, key).seller_id for key in (1, 2)} == {ana.id}
    assert set(users(shop)) == {"ana@example.com", "bruno@example.com"}
    refused = shop.app.test_client().post(
        "/api/v1/accounts/sessions", json={"email": "ana@example.com", "password": "old secret"}
    )
    assert refused.status_code == 401
    assert ana.password_hash == passwords.DUMMY_HASH
    assert ana.may_reset_password


def test_who_has_chosen_a_new_password_keeps_it_when_adopted_again(shop, students, seller, book, adopt):
    students.add(USER, name="Ana Again", email="ANA@Example.com", password=HASH)
    students.add(PURCHASE, status="Paid")
    adopt()
    with shop.databases["accounts"].writing() as session, session.begin():
        ana = session.scalars(select(User).where(User.email == "ana@example.com")).one()
        ana.password_hash = passwords.hash_password("a new one, by mail")
    assert adopt().exit_code == 0
    assert log_in(shop.app, "Ana", "ana@example.com", ana.id, "a new one, by mail").user_id == ana.id


@pytest.mark.parametrize("email", [None, "", "nobody", "a@b@c", "ana@nowhere"])
def test_who_has_no_valid_address_cannot_log_in_and_sells_nothing(
    shop, students, buyer, book, remarks, email
):
    nobody = students.add(USER, name="Nobody", email=email, password=HASH)
    students.add(BOOK, title="Sab", author="Avellaneda", price=3.0, stock=4, seller_id=nobody)
    students.add(
        PURCHASE, user_id=nobody, book_id=book, quantity=1, total_price=10.0, status="Pending Payment"
    )
    assert remarks() == {
        ("user", nobody, "invalid_email", "mended"),
        ("book", 2, "seller_cannot_log_in", "mended"),
        *ORPHANS,
    }
    user = users(shop)[f"user-{nobody}@adopted.invalid"]
    assert user.password_hash is None
    assert listing(shop, 2).is_withdrawn
    assert [order.buyer_id for order in orders(shop)] == [user.id]


@pytest.mark.parametrize(
    "kept",
    [
        None,
        "",
        "plain text",
        "sha256$salt$abcdef",
        "pbkdf2:sha256:999999999$salt$" + "0" * 64,
        "pbkdf2:md5:1000$salt$" + "0" * 32,
        "scrypt:1048576:8:1$salt$" + "0" * 128,
    ],
)
def test_who_has_no_usable_password_asks_for_a_new_one(shop, students, book, buyer, remarks, kept):
    carla = students.add(USER, name="Carla", email="carla@example.com", password=kept)
    students.add(PURCHASE, user_id=buyer, book_id=book, quantity=1, total_price=10.0, status="Paid")
    students.add(PAYMENT, purchase_id=1, amount=10.0, payment_method="Paypal", payment_status="Paid")
    assert remarks() == {("user", carla, "password_unusable", "mended"), *ORPHANS}
    user = users(shop)["carla@example.com"]
    assert (user.password_hash, user.may_reset_password) == (passwords.DUMMY_HASH, True)
    report = (shop.settings.data_dir / "imports" / "adopted-original.csv").read_text()
    assert "plain text" not in report
    assert "salt" not in report


@pytest.mark.parametrize("name", [None, "  ", "x" * 130, "a\u202eb"])
def test_a_name_that_nobody_has_is_replaced(shop, students, book, buyer, remarks, name):
    carla = students.add(USER, name=name, email="carla@example.com", password=HASH)
    students.add(
        PURCHASE, user_id=carla, book_id=book, quantity=1, total_price=10.0, status="Pending Payment"
    )
    assert remarks() == {("user", carla, "invalid_name", "mended"), *ORPHANS}
    assert users(shop)["carla@example.com"].name == f"User {carla}"


@pytest.mark.parametrize(
    ("damage", "reason", "copies", "cents", "on_sale"),
    [
        ({"stock": -3}, "negative_stock", 0, 1000, True),
        ({"stock": None}, "no_stock", 0, 1000, True),
        ({"stock": 10**9}, "stock_too_large", 1000, 1000, True),
        ({"price": 10.005}, "rounded", 5, 1001, True),
        ({"seller_id": None}, "seller_missing", 5, 1000, False),
        ({"seller_id": 4711}, "seller_missing", 5, 1000, False),
    ],
)
def test_a_damaged_book_is_mended(
    shop, students, seller, buyer, remarks, damage, reason, copies, cents, on_sale
):
    whole = {"title": "El túnel", "author": "Sabato", "price": 10.0, "stock": 5, "seller_id": seller}
    students.add(BOOK, **(whole | damage))
    students.add(PURCHASE, user_id=buyer, book_id=1, quantity=2, total_price=20.0, status="Pending Payment")
    assert remarks() == {("book", 1, reason, "mended"), *ORPHANS}
    found = listing(shop, 1)
    assert (found.available, found.price_minor, not found.is_withdrawn) == (copies, cents, on_sale)
    assert (found.offered, found.sold, found.condition) == (copies, 0, "good")


@pytest.mark.parametrize("price", [None, 0.0, -1.0, 1e9])
def test_a_book_without_a_price_is_off_sale_if_it_was_ever_sold_else_left_out(
    shop, students, seller, buyer, remarks, price
):
    for title in ("El túnel", "Sab"):
        students.add(BOOK, title=title, author="Autora", price=price, stock=5, seller_id=seller)
    students.add(PURCHASE, user_id=buyer, book_id=1, quantity=2, total_price=25.0, status="Paid")
    students.add(PAYMENT, purchase_id=1, amount=25.0, payment_method="Paypal", payment_status="Paid")
    assert remarks() == {("book", 1, "no_price", "mended"), ("book", 2, "no_price", "skipped"), *ORPHANS}
    assert listing(shop, 1).is_withdrawn
    assert [(order.total_minor, order.status) for order in orders(shop)] == [(2500, "paid")]


def test_a_book_without_a_title_is_left_out_with_its_purchases(shop, students, seller, buyer, remarks):
    students.add(BOOK, title=None, author="Sabato", price=10.0, stock=5, seller_id=seller)
    students.add(PURCHASE, user_id=buyer, book_id=1, quantity=1, total_price=10.0, status="Paid")
    assert remarks() == {
        ("book", 1, "no_title", "skipped"),
        ("purchase", 1, "book_skipped", "skipped"),
        *ORPHANS,
    }
    assert orders(shop) == []


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ({"user_id": None}, "buyer_missing"),
        ({"user_id": 4711}, "buyer_missing"),
        ({"book_id": None}, "book_missing"),
        ({"book_id": 4711}, "book_missing"),
        ({"quantity": None}, "invalid_quantity"),
        ({"quantity": 0}, "invalid_quantity"),
        ({"quantity": -2}, "invalid_quantity"),
        ({"quantity": 101}, "invalid_quantity"),
        ({"status": None}, "unknown_status"),
        ({"status": "Lost"}, "unknown_status"),
    ],
)
def test_a_purchase_that_says_too_little_is_left_out(shop, students, buyer, book, remarks, damage, reason):
    whole = {"user_id": buyer, "book_id": book, "quantity": 1, "total_price": 10.0, "status": "Paid"}
    students.add(PURCHASE, **(whole | damage))
    assert remarks() == {("purchase", 1, reason, "skipped"), *ORPHANS}
    assert orders(shop) == []
    assert (listing(shop, 1).offered, listing(shop, 1).sold) == (5, 0)


@pytest.mark.parametrize(
    ("total", "quantity", "mended", "cents"),
    [(None, 2, "no_total", 2000), (-5.0, 1, "no_total", 1000), (10.0, 3, "rounded", 999), (0.0, 1, None, 0)],
)
def test_an_odd_total_is_made_that_of_its_copies(
    shop, students, buyer, book, remarks, total, quantity, mended, cents
):
    students.add(PURCHASE, user_id=buyer, book_id=book, quantity=quantity, total_price=total, status="Paid")
    students.add(
        PAYMENT, purchase_id=1, amount=cents / 100, payment_method="Credit Card", payment_status="Paid"
    )
    expected = {("purchase", 1, mended, "mended")} if mended else set()
    assert remarks() == {*expected, *ORPHANS}
    (order,) = orders(shop)
    assert (order.total_minor, order.payments[0].amount_minor, order.status) == (cents, cents, "paid")
    assert (listing(shop, 1).offered, listing(shop, 1).available) == (5 + quantity, 5)


def test_payments_are_taken_as_they_were_said_to_be(shop, students, buyer, book, remarks):
    for status in ("Paid", "Pending Payment", "Paid"):
        students.add(PURCHASE, user_id=buyer, book_id=book, quantity=1, total_price=10.0, status=status)
    students.add(PAYMENT, purchase_id=1, amount=100.0, payment_method="Bank Transfer", payment_status="Paid")
    students.add(PAYMENT, purchase_id=1, amount=10.0, payment_method="Paypal", payment_status="Paid")
    students.add(PAYMENT, purchase_id=2, amount=10.0, payment_method="Cash", payment_status="Paid")
    students.add(PAYMENT, purchase_id=3, amount=10.0, payment_method="Paypal", payment_status="Failed")
    assert remarks() == {
        ("payment", 2, "amount_differs", "mended"),
        ("payment", 3, "second_payment", "skipped"),
        ("purchase", 2, "paid_but_pending", "mended"),
        ("payment", 4, "unknown_method", "mended"),
        ("payment", 5, "unknown_status", "skipped"),
        ("purchase", 3, "paid_without_payment", "mended"),
        *ORPHANS,
    }
    assert {order.status.value for order in orders(shop)} == {"paid"}
    payments = [order.payments[0] for order in orders(shop)]
    assert [payment.method for payment in payments] == [Method.BANK_TRANSFER] * 3
    assert [payment.amount_minor for payment in payments] == [1000] * 3
    with shop.databases["orders"].reading() as session:
        notes = list(session.scalars(select(PaymentEvent.note).order_by(PaymentEvent.id)))
    assert notes == [
        "adopted; payment 2 of the original: Bank Transfer, amount 100.0",
        "adopted; payment 4 of the original: Cash, amount 10.0",
        "adopted; the original kept no payment",
    ]


def test_the_first_delivery_counts(shop, students, buyer, book, remarks):
    students.add(PROVIDER, name="Burro", coverage_area="Local", cost=1.0)
    for number in (1, 2):
        students.add(PURCHASE, user_id=buyer, book_id=book, quantity=1, total_price=10.0, status="Paid")
        students.add(PAYMENT, purchase_id=number, amount=10.0, payment_method="Paypal", payment_status="Paid")
    for purchase, provider in [(1, 4711), (1, 1), (1, 2), (2, 2)]:
        students.add(ASSIGNMENT, purchase_id=purchase, provider_id=provider)
    assert remarks() == {
        ("delivery_provider", 2, "unknown_coverage", "skipped"),
        ("delivery_assignment", 2, "provider_missing", "skipped"),
        ("delivery_assignment", 4, "second_assignment", "skipped"),
        *ORPHANS,
    }
    found = [
        (order.status.value, order.delivery_carrier, order.shipments[0].tracking_number)
        for order in orders(shop)
    ]
    assert found == [("shipped", "DHL", "assignment 3"), ("shipped", "Burro", "assignment 5")]
