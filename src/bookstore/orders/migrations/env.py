"""Alembic's entry into the orders service."""

from bookstore.orders import cart_models
from bookstore.shared import migrations

migrations.run(cart_models.Cart.metadata)
