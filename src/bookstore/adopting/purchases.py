"""The purchases of the original, each with its payments and its delivery, as orders."""

from dataclasses import dataclass

from bookstore.adopting.adoption import Adoption
from bookstore.adopting.original import Row, as_count, as_money, as_text
from bookstore.catalog import adoption as catalog
from bookstore.orders import adoption as orders
from bookstore.orders.cart_models import MAX_QUANTITY
from bookstore.orders.payment_models import Method
from bookstore.orders.ports import Quote
from bookstore.shared.money import Money

METHODS = {
    "credit card": Method.CARD,
    "paypal": Method.PAYPAL,
    "bank transfer": Method.BANK_TRANSFER,
}
PAID, PENDING = "paid", "pending payment"


@dataclass(frozen=True)
class Related:
    """What the original says of a purchase in other tables, the oldest first."""

    book: Row | None
    payments: list[Row]
    assignments: list[Row]


def adopt_purchases(adoption: Adoption) -> None:
    """Every purchase whose buyer, book, quantity and total are known becomes an order."""
    for rows in adoption.original.batches("purchase"):
        numbers = [row["id"] for row in rows]
        books = adoption.original.related("book", "id", {row["book_id"] for row in rows})
        payments = adoption.original.related("payment", "purchase_id", numbers)
        assignments = adoption.original.related("delivery_assignment", "purchase_id", numbers)
        for row in rows:
            book = books.get(row["book_id"], [None])[0]
            number = row["id"]
            _adopt(adoption, row, Related(book, payments.get(number, []), assignments.get(number, [])))
        adoption.progress(len(rows))


def name_orphans(adoption: Adoption) -> None:
    """Payments and deliveries of purchases that are not there."""
    for table in ("payment", "delivery_assignment"):
        for rows in adoption.original.batches(table):
            there = adoption.original.related("purchase", "id", {row["purchase_id"] for row in rows})
            for row in rows:
                if row["purchase_id"] not in there:
                    adoption.report.skip(table, row["id"], "purchase_missing", row["purchase_id"])
            adoption.progress(len(rows))


def _adopt(adoption: Adoption, row: Row, related: Related) -> None:
    report, number = adoption.report, row["id"]
    buyer, listing_id = adoption.people.get(row["user_id"]), adoption.listings.get(row["book_id"])
    quantity, status = as_count(row["quantity"]), as_text(row["status"]).strip().lower()
    if buyer is None:
        return report.skip("purchase", number, "buyer_missing", row["user_id"])
    if listing_id is None:
        reason = "book_missing" if related.book is None else "book_skipped"
        return report.skip("purchase", number, reason, row["book_id"])
    if quantity is None or not 1 <= quantity <= MAX_QUANTITY:
        return report.skip("purchase", number, "invalid_quantity", row["quantity"])
    if status not in {PAID, PENDING}:
        return report.skip("purchase", number, "unknown_status", row["status"])
    price = _price(adoption, row, related.book, quantity)
    if price is None:
        return report.skip("purchase", number, "no_total", row["total_price"])
    payment = _payment(adoption, row, related.payments, price * quantity, status)
    carrier, parcel = _delivery(adoption, row, related.assignments)
    reference = adoption.reference_of(number)
    # Copies first, as everywhere: cut off in between, the next run finds them and records the order.
    with adoption.databases["catalog"].writing() as session:
        offer = catalog.adopt_sale(
            session, reference=reference, listing_id=listing_id, quantity=quantity, sold=payment is not None
        )
    purchase = orders.Purchase(
        reference=reference,
        buyer=buyer.identity,
        offer=Quote(**vars(offer)),
        quantity=quantity,
        price=price,
        payment=payment,
        carrier=carrier,
        parcel=parcel,
    )
    with adoption.databases["orders"].writing() as session:
        report.taken("purchase", is_new=orders.adopt_order(session, purchase, adoption.terms.country))
    return None


def _price(adoption: Adoption, row: Row, book: Row | None, quantity: int) -> Money | None:
    """What a copy cost, by the total of the purchase; without one, by the price of the book now."""
    currency = adoption.terms.currency
    total, rounded = as_money(row["total_price"], currency)
    if total is None or total.minor < 0:
        price, _ = as_money(book["price"] if book else None, currency)
        if price is None or price.minor <= 0:
            return None
        adoption.report.mend("purchase", row["id"], "no_total", row["total_price"])
        return price
    price = Money((2 * total.minor + quantity) // (2 * quantity), currency)
    if rounded or price * quantity != total:
        # The total of an order is what its copies cost, to the cent.
        adoption.report.mend("purchase", row["id"], "rounded", row["total_price"])
    return price


def _payment(
    adoption: Adoption, row: Row, payments: list[Row], total: Money, status: str
) -> orders.PaidElsewhere | None:
    """The payment that the original recorded first. Either table may say that the money was taken."""
    report = adoption.report
    paid = [payment for payment in payments if as_text(payment["payment_status"]).strip().lower() == PAID]
    for payment in payments:
        if payment not in paid:
            report.skip("payment", payment["id"], "unknown_status", payment["payment_status"])
    for payment in paid[1:]:
        report.skip("payment", payment["id"], "second_payment", payment["amount"])
    claim = adoption.id_of("purchase", row["id"])
    if not paid:
        if status == PENDING:
            return None
        report.mend("purchase", row["id"], "paid_without_payment")
        return orders.PaidElsewhere(claim, Method.BANK_TRANSFER, "adopted; the original kept no payment")
    first = paid[0]
    if status == PENDING:
        report.mend("purchase", row["id"], "paid_but_pending", row["status"])
    amount, _ = as_money(first["amount"], adoption.terms.currency)
    if amount != total:
        report.mend("payment", first["id"], "amount_differs", f"{first['amount']}, total {total.decimal}")
    method = METHODS.get(as_text(first["payment_method"]).strip().lower())
    if method is None:
        report.mend("payment", first["id"], "unknown_method", first["payment_method"])
    said = f"{as_text(first['payment_method'])[:50]}, amount {as_text(first['amount'])[:30]}"
    note = f"adopted; payment {first['id']} of the original: {said}"
    return orders.PaidElsewhere(claim, method or Method.BANK_TRANSFER, note)


def _delivery(adoption: Adoption, row: Row, assignments: list[Row]) -> tuple[orders.Carrier, str | None]:
    """Who has the parcel, and what the original called it; the first assignment counts."""
    report = adoption.report
    known = [each for each in assignments if each["provider_id"] in adoption.carriers]
    for each in assignments:
        if each not in known:
            report.skip("delivery_assignment", each["id"], "provider_missing", each["provider_id"])
    for each in known[1:]:
        report.skip("delivery_assignment", each["id"], "second_assignment", each["provider_id"])
    if not known:
        return orders.NO_CARRIER, None
    return adoption.carriers[known[0]["provider_id"]], f"assignment {known[0]['id']}"
