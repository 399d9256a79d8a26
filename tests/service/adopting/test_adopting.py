"""The original's users find their account, what they sell and what they bought; copies and money agree."""

import sqlite3
import sys
from collections import Counter

import pytest
from sqlalchemy import func, select

from bookstore.accounts.models import User
from bookstore.auditing import audit_shop
from bookstore.catalog.models import Book, Listing
from bookstore.orders.models import Mail, Order
from bookstore.orders.payment_models import Payment
from tests.people import log_in
from tests.service.adopting.students_shop import BOOKS, PURCHASES, SMALL, USERS, email_of, password_of
from tests.service.moving.busy_shop import dump


def user_of(shop, number: int) -> User | None:
    with shop.databases["accounts"].reading() as session:
        return session.scalar(select(User).where(User.email_key == email_of(number)))


def enter(shop, number: int):
    user = user_of(shop, number)
    assert user is not None
    return log_in(shop.app, user.name, user.email, user.id, password_of(number))


def count(shop, service: str, model: type) -> int:
    with shop.databases[service].reading() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


@pytest.fixture(params=["sqlite", "mariadb"])
def url(request) -> str | None:
    return (
        request.getfixturevalue("mariadb").create_schema("original") if request.param == "mariadb" else None
    )


def test_a_students_shop_is_adopted(shop, students, adopt, url):
    students.fill()
    adopted = adopt(url=url)
    assert adopted.exit_code == 0, adopted.output
    assert "user: 40 adopted, 0 known already, 0 skipped" in adopted.output
    assert "book: 90 adopted, 0 known already, 0 skipped" in adopted.output
    assert "purchase: 120 adopted, 0 known already, 0 skipped" in adopted.output
    # The four carriers that we have keep our price; the fifth is new.
    assert "delivery_provider: 1 adopted, 4 known already, 0 skipped" in adopted.output
    assert audit_shop(shop.settings, shop.databases) == []
    assert (count(shop, "accounts", User), count(shop, "catalog", Listing)) == (USERS, BOOKS)
    assert (count(shop, "catalog", Book), count(shop, "orders", Order)) == (BOOKS, PURCHASES)
    assert count(shop, "orders", Mail) == 0


def test_the_server_of_the_original_is_reached_as_the_settings_say(
    students, adopt, mariadb, tmp_path, monkeypatch
):
    """This one offers no encryption, and with an authority in the settings it is not talked to without."""
    authority = tmp_path / "ca.pem"
    authority.write_text("the file of an authority")
    monkeypatch.setenv("BOOKSTORE_DATABASE_TLS_CA", str(authority))
    refused = adopt(url=mariadb.create_schema("in_the_clear"))
    assert refused.exit_code == 1
    assert "a database does not answer as it should" in refused.output
    assert "TLS" in refused.output or "SSL" in refused.output


def test_a_missing_driver_is_named(command, monkeypatch):
    monkeypatch.setitem(sys.modules, "MySQLdb", None)
    refused = command("adopt", "mysql://u:secret@127.0.0.1:9/x")
    assert refused.exit_code != 0
    assert "MySQL and MariaDB need the extra: pip install 'bookstore[mysql]'" in refused.output
    assert "secret" not in refused.output


@pytest.mark.parametrize("number", [2, 20, 21])
def test_its_users_log_in_with_their_password_and_get_a_better_hash(shop, students, adopt, number):
    students.fill()
    adopt()
    before = user_of(shop, number).password_hash
    assert before.startswith("scrypt:" if number == 21 else "pbkdf2:sha256:")
    wrong = shop.app.test_client().post(
        "/api/v1/accounts/sessions", json={"email": email_of(number), "password": "not this one"}
    )
    assert (wrong.status_code, wrong.json["code"]) == (401, "bad_credentials")
    assert user_of(shop, number).password_hash == before

    assert enter(shop, number).api("GET", "/accounts/users/me").json["email"] == email_of(number)
    after = user_of(shop, number).password_hash
    assert after.startswith("$argon2id$")
    enter(shop, number)
    assert user_of(shop, number).password_hash == after


def test_they_see_what_they_sell_and_what_they_bought(shop, students, adopt):
    students.fill()
    adopt()
    # Student 3 offered books 2, 42 and 82, and bought in purchases 35, 75 and 115.
    third = enter(shop, 3)
    selling = {item["title"]: item for item in third.api("GET", "/catalog/listings?seller=me").json["items"]}
    assert set(selling) == {"Libro número 2", "Libro número 42", "Libro número 82"}
    assert selling["Libro número 2"]["price"] == {"amount": "5.20", "currency": "USD"}
    # Two copies are left; two were sold in purchase 1, two more in purchase 91.
    copies = {key: selling["Libro número 2"][key] for key in ("copies", "copies_available", "copies_sold")}
    assert copies == {"copies": 6, "copies_available": 2, "copies_sold": 4}
    orders = third.api("GET", "/orders").json["items"]
    assert Counter(order["status"] for order in orders) == {"shipped": 2, "paid": 1}
    details = [third.api("GET", f"/orders/{order['reference']}").json for order in orders]
    titles = {order["lines"][0]["title"]: order for order in details}
    assert set(titles) == {"Libro número 36", "Libro número 76", "Libro número 26"}
    bought = titles["Libro número 36"]
    assert bought["total"] == {"amount": "25.80", "currency": "USD"}
    assert bought["shipments"][0]["tracking_number"] == "assignment 18"
    assert enter(shop, 4).api("GET", f"/orders/{bought['reference']}").status_code == 404


def test_an_adopted_order_goes_on_here_but_its_money_cannot_come_back(shop, students, adopt):
    students.fill()
    adopt()
    third = enter(shop, 3)
    orders = {order["status"]: order["reference"] for order in third.api("GET", "/orders").json["items"]}
    paid = third.api("GET", f"/orders/{orders['paid']}").json
    assert paid["can_be_canceled"] is False
    refused = third.api("POST", f"/orders/{orders['paid']}/cancel")
    assert (refused.status_code, refused.json["code"]) == (409, "cannot_cancel")
    for status in ("paid", "shipped"):
        assert "Libro número" in third.get(f"/orders/{orders[status]}").get_data(as_text=True)
    (shipment,) = third.api("GET", f"/orders/{orders['shipped']}").json["shipments"]
    received = third.api("POST", f"/orders/{orders['shipped']}/shipments/{shipment['id']}/received")
    assert received.status_code == 200
    assert third.api("GET", f"/orders/{orders['shipped']}").json["status"] == "delivered"
    assert audit_shop(shop.settings, shop.databases) == []


def test_adopting_twice_changes_nothing(shop, students, adopt):
    students.fill()
    adopt()
    enter(shop, 3)
    before = dump(shop.databases)
    again = adopt()
    assert again.exit_code == 0, again.output
    assert "user: 0 adopted, 40 known already, 0 skipped" in again.output
    assert "book: 0 adopted, 90 known already, 0 skipped" in again.output
    assert "purchase: 0 adopted, 120 known already, 0 skipped" in again.output
    assert dump(shop.databases) == before


def test_what_is_new_is_added_later(shop, students, adopt):
    from tests.service.adopting.students_shop import BOOK

    students.fill(*SMALL)
    adopt()
    students.add(BOOK, title="Nuevo", author="Autora", price=9.99, stock=1, seller_id=1)
    assert "book: 1 adopted, 10 known already, 0 skipped" in adopt().output
    assert audit_shop(shop.settings, shop.databases) == []


def test_another_original_does_not_meet_the_first(shop, students, adopt):
    students.fill(*SMALL)
    adopt()
    other = adopt("--origin", "second-shop")
    assert "book: 10 adopted, 0 known already" in other.output
    # Their users have the same addresses: they are the same people.
    assert "user: 0 adopted, 6 known already" in other.output
    assert "6 x user mended: email known" in other.output
    assert count(shop, "orders", Order) == 2 * 16
    assert audit_shop(shop.settings, shop.databases) == []


def test_an_adopted_payment_must_pay_its_order(shop, students, adopt):
    students.fill(*SMALL)
    adopt()
    with shop.databases["orders"].writing() as session, session.begin():
        payment = session.scalars(select(Payment).limit(1)).one()
        payment.amount_minor += 1
    assert {finding.rule for finding in audit_shop(shop.settings, shop.databases)} == {
        "adopted payments cover the order"
    }


def test_the_gateway_must_not_claim_an_adopted_payment(shop, students, adopt):
    from bookstore.shared.money import Money
    from bookstore.wiring import choose_gateway

    students.fill(*SMALL)
    adopt()
    gateway = choose_gateway(shop.settings)
    taken = gateway.authorize("key", "reference", Money(100, "USD"), "card", "tok_approved").authorization_id
    gateway.close()
    with shop.databases["orders"].writing() as session, session.begin():
        payment = session.scalars(select(Payment).limit(1)).one()
        payment.authorization_id = taken
    rules = {finding.rule for finding in audit_shop(shop.settings, shop.databases)}
    assert "captured once, in full" in rules
    assert "a payment belongs to one order" in rules


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("DROP TABLE payment", "it has no table payment"),
        ("ALTER TABLE book DROP COLUMN stock", "table book has no column stock"),
    ],
)
def test_another_database_is_refused_and_nothing_adopted(shop, students, command, tmp_path, statement, said):
    path = tmp_path / "bookstore.db"
    students.fill(*SMALL).write(f"sqlite:///{path}")
    with sqlite3.connect(path) as connection:
        connection.execute(statement)
    refused = command("adopt", str(path))
    assert refused.exit_code == 1
    assert said in refused.output
    assert count(shop, "accounts", User) == 0


def test_a_file_that_is_not_there_is_not_made(command, tmp_path):
    refused = command("adopt", str(tmp_path / "nowhere.db"))
    assert (refused.exit_code, "there is no file" in refused.output) == (1, True)
    assert not (tmp_path / "nowhere.db").exists()
