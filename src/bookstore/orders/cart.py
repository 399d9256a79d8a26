"""The cart: what a visitor or a member has chosen, before it becomes an order.

Whoever changes a cart first locks its row, so that two tabs of one person cannot lose each other's work.
The catalog is asked before the transaction begins.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import cast

from sqlalchemy import CursorResult, delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, selectinload
from sqlalchemy.sql.elements import ColumnElement

from bookstore.orders.cart_models import MAX_QUANTITY, Cart, CartLine
from bookstore.orders.checkout import MAX_LINES, InvalidQuantity, OwnListing, new_reference
from bookstore.orders.models import Address
from bookstore.orders.ports import Catalog, Line, Quote
from bookstore.shared.clock import utcnow
from bookstore.shared.errors import N_, NotFound, ShopError
from bookstore.shared.retries import repeatable, retried

VISITOR_CART_LIFETIME = timedelta(days=30)


@dataclass(frozen=True)
class CartOwner:
    """Whose cart: a member's by user id, else a visitor's by the key that follows from the cookie."""

    user_id: str | None = None
    visitor_key: str | None = None


@dataclass(frozen=True)
class Delivery:
    """Where a cart's books shall go, with which delivery option, as the order of which reference."""

    reference: str
    address: Address
    option_id: int


NOBODY = CartOwner()


class NotForSale(ShopError):
    """The listing is unknown, was withdrawn, or its last copy is gone."""

    status = 409
    code = "not_for_sale"
    title = N_("This copy is no longer for sale.")


class TooFewCopies(ShopError):
    """The cart would hold more copies than the seller has."""

    status = 409
    code = "too_few_copies"
    title = N_("The seller does not have that many copies: only %(available)s can be bought.")


class CartFull(ShopError):
    """The cart holds as many different listings as one order may."""

    status = 409
    code = "cart_full"
    title = N_("The cart is full: it holds %(maximum)s different listings. Please order these first.")

    def __init__(self) -> None:
        super().__init__(maximum=MAX_LINES)


class NotInCart(NotFound):
    """The listing is not in this cart, perhaps because another tab has removed it."""

    title = N_("This listing is not in your cart.")


def visitor_key(secret: str) -> str:
    """What the database knows of the random value in a visitor's cookie."""
    return hashlib.sha256(secret.encode()).hexdigest()


@retried
def add(session: Session, catalog: Catalog, owner: CartOwner, listing_id: int, quantity: int) -> int:
    """Put copies into the cart, at the price of now, and return how many copies it holds.

    Raises InvalidQuantity, NotForSale, TooFewCopies, OwnListing, CartFull or CatalogUnavailable.
    """
    _check_quantity(listing_id, quantity)
    quote = catalog.quote([listing_id]).get(listing_id)
    if quote is None or quote.available < 1:
        raise NotForSale
    if quote.seller_id == owner.user_id:
        raise OwnListing
    with session.begin():
        cart = _locked_or_new(session, owner)
        line = cart.line(listing_id)
        wanted = quantity + (line.quantity if line else 0)
        if wanted > quote.available:
            raise TooFewCopies(available=quote.available)
        _check_quantity(listing_id, wanted)
        if line is None:
            line = _new_line(cart, listing_id)
        line.quantity = wanted
        line.remember(quote)
        return cart.copies


@repeatable
def set_quantity(session: Session, owner: CartOwner, listing_id: int, quantity: int) -> int:
    """Change how many copies of a listing are in the cart; return how many copies it holds in all.

    The catalog is not asked: the cart's page says when there are fewer. Raises InvalidQuantity, NotInCart.
    """
    _check_quantity(listing_id, quantity)
    with session.begin():
        cart = _locked(session, owner)
        line = cart.line(listing_id) if cart else None
        if cart is None or line is None:
            raise NotInCart
        line.quantity = quantity
        cart.updated_at = utcnow()
        return cart.copies


@repeatable
def remove(session: Session, owner: CartOwner, listing_id: int) -> int:
    """Take a listing out of the cart; return how many copies are left. Repeating it changes nothing."""
    with session.begin():
        cart = _locked(session, owner)
        if cart is None:
            return 0
        cart.lines = [line for line in cart.lines if line.listing_id != listing_id]
        cart.updated_at = utcnow()
        return cart.copies


@repeatable
def clear(session: Session, owner: CartOwner) -> None:
    """Empty the cart."""
    with session.begin():
        cart = _locked(session, owner)
        if cart is not None:
            cart.lines = []
            cart.updated_at = utcnow()


@retried
def keep_delivery(session: Session, owner: CartOwner, address: Address, option_id: int) -> None:
    """Remember where the cart's books shall go and with whom, under the reference of the order to come.

    The reference makes placing the order repeatable: two clicks place one order.
    """
    delivery = {"reference": new_reference(), "option_id": option_id, "address": asdict(address)}
    with session.begin():
        cart = _locked_or_new(session, owner)
        cart.delivery = delivery


def delivery(session: Session, owner: CartOwner) -> Delivery | None:
    """What was entered at the checkout so far."""
    kept = session.scalar(select(Cart.delivery).where(_of(owner)))
    if kept is None:
        return None
    return Delivery(kept["reference"], Address(**kept["address"]), kept["option_id"])


@repeatable
def renew_reference(session: Session, owner: CartOwner, reference: str) -> None:
    """The order of this reference could not be placed; the next attempt is another order."""
    with session.begin():
        cart = _locked(session, owner)
        if cart is not None and _reference(cart) == reference:
            _renew(cart)


@repeatable
def remove_ordered(session: Session, owner: CartOwner, reference: str, ordered: Sequence[Line]) -> int:
    """Take out what has become the order of this reference; return how many copies are left.

    Repeating it changes nothing. What another tab has put in meanwhile stays: other listings, and copies
    beyond those that were ordered.
    """
    quantities = {line.listing_id: line.quantity for line in ordered}
    with session.begin():
        cart = _locked(session, owner)
        if cart is None or _reference(cart) != reference:
            return cart.copies if cart else 0
        for line in list(cart.lines):
            left = line.quantity - quantities.get(line.listing_id, 0)
            if left > 0:
                line.quantity = left
            else:
                cart.lines.remove(line)
        _renew(cart)
        return cart.copies


@retried
def accept_changes(session: Session, catalog: Catalog, owner: CartOwner) -> int:
    """Take the prices and copies of now as seen: lower quantities to what there is, remove what is gone.

    Returns how many copies are left in the cart. Raises CatalogUnavailable.
    """
    with session.begin():
        listing_ids = [line.listing_id for line in lines(session, owner)]
    quotes = catalog.quote(listing_ids) if listing_ids else {}
    with session.begin():
        cart = _locked(session, owner)
        if cart is None:
            return 0
        for line in [line for line in cart.lines if line.listing_id in listing_ids]:
            _accept(cart, line, quotes.get(line.listing_id), owner)
        cart.updated_at = utcnow()
        return cart.copies


@retried
def merge(session: Session, user_id: str, key: str) -> int:
    """Give the cart that a visitor filled to the member that the visitor turned out to be.

    Quantities of the same listing add up: each copy was put in once, in one cart or the other, and
    nothing that was chosen gets lost. The sum is capped by what one line may hold; whether the seller
    has that many, the cart's page says. Returns how many copies the member's cart holds now.
    """
    member = CartOwner(user_id=user_id)
    with session.begin():
        # The lock makes a second request wait; it then finds no visitor's cart and changes nothing.
        source = _locked(session, CartOwner(visitor_key=key))
        if source is None:
            return sum(line.quantity for line in lines(session, member))
        target = _locked_or_new(session, member)
        for line in source.lines:
            _merge_line(target, line)
        session.delete(source)
        return target.copies


def lines(session: Session, owner: CartOwner) -> list[CartLine]:
    """What is in the cart, in the order in which it was put there."""
    query = select(CartLine).join(Cart).where(_of(owner))
    return list(session.scalars(query.order_by(CartLine.added_at, CartLine.listing_id)))


@retried
def purge(session: Session) -> int:
    """Delete the carts of visitors that nobody has touched for 30 days, and return how many they were."""
    untouched = Cart.updated_at < utcnow() - VISITOR_CART_LIFETIME
    with session.begin():
        result = session.execute(delete(Cart).where(Cart.visitor_key.is_not(None), untouched))
    return cast("CursorResult[None]", result).rowcount


def _check_quantity(listing_id: int, quantity: int) -> None:
    if not 1 <= quantity <= MAX_QUANTITY:
        raise InvalidQuantity(listing_id)


def _of(owner: CartOwner) -> ColumnElement[bool]:
    """The condition that finds the owner's cart; nobody's finds none."""
    if owner.user_id is not None:
        return Cart.user_id == owner.user_id
    return Cart.visitor_key == (owner.visitor_key or "")


def _locked(session: Session, owner: CartOwner) -> Cart | None:
    query = select(Cart).where(_of(owner)).options(selectinload(Cart.lines))
    return session.scalar(query.with_for_update().execution_options(populate_existing=True))


def _locked_or_new(session: Session, owner: CartOwner) -> Cart:
    cart = _locked(session, owner)
    if cart is None:
        try:
            with session.begin_nested():
                session.add(_new_cart(owner))
        except IntegrityError:
            pass  # another request of the same person made it first
        cart = _locked(session, owner)
    assert cart is not None
    cart.updated_at = utcnow()
    return cart


def _new_cart(owner: CartOwner) -> Cart:
    key = None if owner.user_id is not None else owner.visitor_key
    return Cart(user_id=owner.user_id, visitor_key=key, updated_at=utcnow())


def _reference(cart: Cart) -> str | None:
    return cart.delivery["reference"] if cart.delivery else None


def _renew(cart: Cart) -> None:
    """Replace the reference. JSON columns notice a new value, not a change inside of one."""
    if cart.delivery is not None:
        cart.delivery = {**cart.delivery, "reference": new_reference()}


def _new_line(cart: Cart, listing_id: int) -> CartLine:
    if len(cart.lines) >= MAX_LINES:
        raise CartFull
    line = CartLine(listing_id=listing_id, quantity=1, added_at=utcnow())
    cart.lines.append(line)
    return line


def _accept(cart: Cart, line: CartLine, quote: Quote | None, owner: CartOwner) -> None:
    if quote is None or quote.available < 1 or quote.seller_id == owner.user_id:
        cart.lines.remove(line)
        return
    line.quantity = min(line.quantity, quote.available)
    line.remember(quote)


def _merge_line(target: Cart, line: CartLine) -> None:
    own = target.line(line.listing_id)
    if own is None:
        if len(target.lines) >= MAX_LINES:
            return  # a merge happens by itself, so it must not fail; the member's own choices come first
        own = CartLine(listing_id=line.listing_id, quantity=0, added_at=line.added_at)
        target.lines.append(own)
    own.quantity = min(own.quantity + line.quantity, MAX_QUANTITY)
    for name in ("title", "authors", "condition", "seller_id", "seller_name", "book_path", "cover_url"):
        setattr(own, name, getattr(line, name))
    own.price_minor, own.currency = line.price_minor, line.currency
