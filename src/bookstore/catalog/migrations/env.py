"""Alembic's entry into the catalog service."""

from bookstore.catalog.models import Base
from bookstore.shared import migrations

migrations.run(Base.metadata)
