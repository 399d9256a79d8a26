"""Placing an order: hold the copies first, then record the order at the prices of the hold."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bookstore.orders import mails
from bookstore.orders.addresses import check_address
from bookstore.orders.carriers import DeliveryOption, chosen_option
from bookstore.orders.cart_models import MAX_QUANTITY
from bookstore.orders.lookup import order_by_reference
from bookstore.orders.models import Address, Order, OrderLine, Shipment
from bookstore.orders.order_status import CopiesStatus, CopiesStep, OrderStatus
from bookstore.orders.policy import Policy
from bookstore.orders.ports import Catalog, CatalogUnavailable, Line, Reservation, ReservedLine
from bookstore.orders.saga import pay_by
from bookstore.shared.clock import utcnow
from bookstore.shared.errors import N_, NotFound, ShopError
from bookstore.shared.identity import Identity
from bookstore.shared.money import Money
from bookstore.shared.retries import retried
from bookstore.shared.telemetry import log
from bookstore.shared.tracing import step

MAX_LINES = 50
# Crockford's alphabet: no letter looks like a digit, and no word comes about.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class InvalidQuantity(ShopError):
    """Copies are counted in whole numbers from 1 to 100."""

    status = 422
    code = "invalid_quantity"
    title = N_("The quantity must be a whole number from 1 to %(maximum)s.")

    def __init__(self, listing_id: object) -> None:
        super().__init__(listing_id=listing_id, maximum=MAX_QUANTITY)


class InvalidLines(ShopError):
    """An order has 1 to 50 different listings."""

    status = 422
    code = "invalid_lines"
    title = N_("An order must have from 1 to %(maximum)s different books.")

    def __init__(self) -> None:
        super().__init__(maximum=MAX_LINES)


class OwnListing(ShopError):
    """Nobody buys from themselves."""

    status = 409
    code = "own_listing"
    title = N_("You cannot buy your own listing.")


class TotalChanged(ShopError):
    """The catalog's prices are no longer those that the buyer agreed to. Nothing was ordered."""

    status = 409
    code = "total_changed"
    title = N_("The price has changed since you saw it. Nothing was ordered; please look at the new total.")


def new_reference() -> str:
    """A random public number for an order, such as BS-7Q4K-2M9X-TT."""
    signs = "".join(secrets.choice(ALPHABET) for _ in range(10))
    return f"BS-{signs[:4]}-{signs[4:8]}-{signs[8:]}"


def place_order(
    session: Session,
    catalog: Catalog,
    policy: Policy,
    *,
    reference: str,
    buyer: Identity,
    lines: Sequence[Line],
    option_id: int,
    address: Address,
    agreed_total: Money | None = None,
) -> Order:
    """Hold the copies and record the order; what it costs is computed here, from the catalog's prices.

    Repeating it with the same reference gives the same order. `agreed_total` is what the buyer was shown.
    Raises InvalidLines, InvalidQuantity, InvalidAddress, DeliveryNotOffered, OutOfStock, OwnListing,
    TotalChanged, ReservationExpired, CatalogUnavailable.
    """
    wanted = merge_lines(lines)
    check_address(address)
    with session.begin():
        placed = order_by_reference(session, reference)
        if placed is not None:
            return _own(placed, buyer)
        option = chosen_option(
            session,
            option_id,
            address.country,
            currency=policy.currency,
            home_country=policy.home_country,
        )
    asked_at = utcnow()
    with step(CopiesStep.RESERVE):
        held = catalog.reserve(reference, wanted, policy.hold)
    asked = (asked_at, utcnow())
    try:
        return _record(session, policy, held, buyer, option, address, agreed_total, asked)
    except Exception as failure:
        # Whoever repeated this request at the same time may have recorded the order.
        with session.begin():
            placed = order_by_reference(session, reference)
        if placed is not None:
            return _own(placed, buyer)
        if _is_refusal(failure):
            _release(catalog, reference)
        raise


def merge_lines(lines: Sequence[Line]) -> list[Line]:
    """One line for each listing, in the order of first mention. Raises InvalidLines, InvalidQuantity."""
    quantities: dict[int, int] = {}
    for line in lines:
        # True is an int to Python; here only a number is.
        if type(line.quantity) is not int or not 1 <= line.quantity <= MAX_QUANTITY:
            raise InvalidQuantity(line.listing_id)
        quantities[line.listing_id] = quantities.get(line.listing_id, 0) + line.quantity
        if quantities[line.listing_id] > MAX_QUANTITY:
            raise InvalidQuantity(line.listing_id)
    if not 1 <= len(quantities) <= MAX_LINES:
        raise InvalidLines
    return [Line(listing_id, quantity) for listing_id, quantity in quantities.items()]


def _own(order: Order, buyer: Identity) -> Order:
    if order.buyer_id != buyer.user_id:
        raise NotFound
    return order


def _is_refusal(failure: Exception) -> bool:
    """Whether the order cannot be recorded, however often it is repeated.

    After any other failure the buyer repeats the request, perhaps elsewhere at this very moment: to release
    the copies now would take them from that repetition. A hold that nobody comes back for expires by itself.
    """
    return isinstance(failure, ShopError | IntegrityError)


def _release(catalog: Catalog, reference: str) -> None:
    try:
        catalog.release(reference)
    except CatalogUnavailable:
        log.warning("copies not released; their hold will expire", reference=reference)


@retried
def _record(
    session: Session,
    policy: Policy,
    held: Reservation,
    buyer: Identity,
    option: DeliveryOption,
    address: Address,
    agreed_total: Money | None,
    asked: tuple[datetime, datetime],
) -> Order:
    if any(line.quote.seller_id == buyer.user_id for line in held.lines):
        raise OwnListing
    now = utcnow()
    order = _new_order(held, buyer, option, address, pay_by(held, now, policy), now)
    if agreed_total is not None and order.total != agreed_total:
        raise TotalChanged(total=order.total)
    by_seller = sorted(held.lines, key=lambda line: line.quote.seller_id)
    for seller_id, reserved in groupby(by_seller, key=lambda line: line.quote.seller_id):
        _add_shipment(order, seller_id, list(reserved), option)
    with session.begin():
        session.add(order)
        order.record(CopiesStep.RESERVE, *asked)
        mails.queue_placed(session, order)
    return order


def _new_order(
    held: Reservation,
    buyer: Identity,
    option: DeliveryOption,
    address: Address,
    until: datetime,
    now: datetime,
) -> Order:
    currency = option.price.currency
    items = Money.total((line.quote.price * line.quantity for line in held.lines), currency)
    return Order(
        reference=held.reference,
        buyer_id=buyer.user_id,
        buyer_name=buyer.name[:200],
        buyer_email=buyer.email,
        locale=buyer.locale,
        _status=OrderStatus.AWAITING_PAYMENT,
        copies=CopiesStatus.HELD,
        claimed_until=now,
        placed_at=now,
        updated_at=now,
        pay_by=until,
        currency=currency,
        items_minor=items.minor,
        delivery_minor=option.price.minor,
        total_minor=(items + option.price).minor,
        delivery_option_id=option.id,
        delivery_carrier=option.carrier,
        delivery_days=option.days,
        address=address,
        # Known to be none: nobody has to ask the database for them.
        payments=[],
    )


def _add_shipment(
    order: Order, seller_id: str, reserved: Sequence[ReservedLine], option: DeliveryOption
) -> None:
    seller_name = reserved[0].quote.seller_name[:200]
    shipment = Shipment(order=order, seller_id=seller_id, seller_name=seller_name, carrier=option.carrier)
    for line in reserved:
        quote = line.quote
        OrderLine(
            order=order,
            shipment=shipment,
            listing_id=quote.listing_id,
            book_id=quote.book_id,
            title=quote.title[:1000],
            authors=quote.authors[:1000],
            condition=quote.condition,
            book_path=quote.book_path[:500],
            cover_url=quote.cover_url[:500],
            quantity=line.quantity,
            price_minor=quote.price.minor,
            currency=quote.price.currency,
        )
