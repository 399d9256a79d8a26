"""Alembic's entry into the orders service."""

from bookstore.orders.models import Base

from bookstore.shared import migrations

migrations.run(Base.metadata)
