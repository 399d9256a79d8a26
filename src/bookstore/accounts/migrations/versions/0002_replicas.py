"""The replicas that were seen lately."""

import sqlalchemy as sa
from alembic import op

from bookstore.shared.database import UtcDateTime

revision = "0002"
down_revision = "0001"
kind = "expand"


def upgrade() -> None:
    op.create_table(
        "accounts_replicas",
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("services", sa.String(60), nullable=False),
        sa.Column("version", sa.String(40), nullable=False),
        sa.Column("built_from", sa.String(64), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_accounts_replicas")),
    )
    op.create_index(op.f("ix_accounts_replicas_seen_at"), "accounts_replicas", ["seen_at"])
