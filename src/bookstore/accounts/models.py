"""Tables of the accounts service and the rules about each aggregate."""

from sqlalchemy.orm import DeclarativeBase

from bookstore.shared.database import service_metadata


class Base(DeclarativeBase):
    """The tables that accounts owns; no other service reads them."""

    metadata = service_metadata()
