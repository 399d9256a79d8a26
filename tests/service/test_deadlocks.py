"""A deadlock is the database's affair: people notice nothing, and nothing happens twice."""

import uuid
from typing import Any

from tests.deadlocks import deadlocks
from tests.faults.trading import add_to_cart, offer, place, send_form, status_of
from tests.people import PASSWORD, Person, join, log_in

NEW_PASSWORD = "a wholly new password"


def test_a_sale_in_which_each_change_meets_a_deadlock(app, shop) -> None:
    with deadlocks() as server:
        ana = join(app, "Ana Sells", "ana@example.com")
        bruno = join(app, "Bruno Buys", "bruno@example.com")
        listing_id = offer(ana, copies=3)
        assert add_to_cart(bruno, listing_id).status_code == 303
        reference = place(bruno, listing_id)
        paid = _call(bruno, "POST", f"/orders/{reference}/payments", method="card", token="tok_approved")
        again = place(bruno, listing_id)
        canceled = _call(bruno, "POST", f"/orders/{again}/cancel")

    assert len(server.met) > 15
    assert (paid["status"], status_of(bruno, reference)) == ("captured", "paid")
    assert (canceled["status"], status_of(bruno, again)) == ("canceled", "canceled")
    assert ana.api("GET", f"/catalog/listings/{listing_id}").json["copies_available"] == 2
    orders = bruno.api("GET", "/orders").json["items"]
    assert sorted(order["reference"] for order in orders) == sorted([reference, again])


def test_a_member_whose_every_change_meets_a_deadlock(app, shop, ana: Person, ada: Person) -> None:
    with deadlocks() as server:
        renamed = send_form(ana, "/accounts/profile", {"name": "Ana Vende", "locale": "es"})
        ended = send_form(ana, "/accounts/sessions/end-others", {})
        changed = send_form(ana, "/accounts/password", {"current": PASSWORD, "new": NEW_PASSWORD})
        again = log_in(app, ana.name, ana.email, ana.user_id, NEW_PASSWORD)
        banned = send_form(ada, f"/accounts/admin/users/{ana.user_id}/ban", {"reason": "spam"})

    assert len(server.met) > 5
    assert [answer.status_code for answer in (renamed, ended, changed, banned)] == [302, 302, 302, 302]
    assert again.get("/accounts/profile").status_code == 302


def _call(person: Person, verb: str, path: str, **body: Any) -> Any:
    answer = person.api(verb, path, json=body, Idempotency_Key=str(uuid.uuid4()))
    assert answer.status_code < 300, answer.text
    return answer.json
