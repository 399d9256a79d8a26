"""Where orders and parcels can stand, which moves are allowed, and the names of refusals."""

from collections.abc import Mapping
from enum import StrEnum

from bookstore.shared.errors import N_, ShopError


class OrderStatus(StrEnum):
    """Where an order stands."""

    AWAITING_PAYMENT = "awaiting_payment"
    PAID = "paid"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REFUNDED = "refunded"


ORDER_MOVES: Mapping[OrderStatus, frozenset[OrderStatus]] = {
    OrderStatus.AWAITING_PAYMENT: frozenset({OrderStatus.PAID, OrderStatus.CANCELED, OrderStatus.EXPIRED}),
    OrderStatus.PAID: frozenset({OrderStatus.SHIPPED, OrderStatus.CANCELED}),
    OrderStatus.SHIPPED: frozenset({OrderStatus.DELIVERED}),
    OrderStatus.DELIVERED: frozenset(),
    # A paid order that is canceled is `canceled` until its money is back.
    OrderStatus.CANCELED: frozenset({OrderStatus.REFUNDED}),
    OrderStatus.EXPIRED: frozenset(),
    OrderStatus.REFUNDED: frozenset(),
}


class CopiesStatus(StrEnum):
    """What the catalog has been told, or has yet to be told, about the copies of an order."""

    HELD = "held"
    SOLD = "sold"
    RETURNING = "returning"
    RETURNED = "returned"


class CopiesStep(StrEnum):
    """What the catalog is asked for an order as a whole."""

    RESERVE = "reserve"
    RELEASE = "release"


class ShipmentStatus(StrEnum):
    """Where a parcel is."""

    WAITING = "waiting"
    SHIPPED = "shipped"
    RECEIVED = "received"


class OrderChanged(ShopError):
    """Somebody else has moved this order meanwhile, or it is past the step that was asked for."""

    status = 409
    code = "order_changed"
    title = N_("This order has changed meanwhile. Please look at it again.")


class CannotCancel(ShopError):
    """The order has been shipped, at least in part, or has ended."""

    status = 409
    code = "cannot_cancel"
    title = N_("This order can no longer be canceled.")


class CannotShip(ShopError):
    """The order is not paid, or no longer."""

    status = 409
    code = "cannot_ship"
    title = N_("Only what has been paid can be shipped. Please look at the order again.")


class AlreadyShipped(ShopError):
    """The shipment has left with another tracking number."""

    status = 409
    code = "already_shipped"
    title = N_("This shipment has already been sent with tracking number %(tracking_number)s.")


class NotShipped(ShopError):
    """What has not been sent cannot have been received."""

    status = 409
    code = "not_shipped"
    title = N_("This shipment has not been sent yet.")
