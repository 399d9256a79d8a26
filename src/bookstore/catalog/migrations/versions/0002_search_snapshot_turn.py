"""Whose turn it is to copy the search index for new replicas, and which database the copies are of."""

import secrets

import sqlalchemy as sa
from alembic import op

from bookstore.shared.database import UtcDateTime

revision = "0002"
down_revision = "0001"
kind = "expand"


def upgrade() -> None:
    turn = op.create_table(
        "search_snapshot_turn",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("database_id", sa.String(length=32), nullable=False),
        sa.Column("claimed_until", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_search_snapshot_turn")),
    )
    op.bulk_insert(turn, [{"id": 1, "database_id": secrets.token_hex(16), "claimed_until": None}])


def downgrade() -> None:
    op.drop_table("search_snapshot_turn")
