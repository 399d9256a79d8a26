"""Alembic's entry into the accounts service."""

from bookstore.accounts.models import Base
from bookstore.shared import migrations

migrations.run(Base.metadata)
