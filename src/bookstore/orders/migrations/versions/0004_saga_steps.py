"""When each step of the saga began, ended, failed, and in which trace."""

import sqlalchemy as sa
from alembic import op

from bookstore.shared.database import UtcDateTime

revision = "0004"
down_revision = "0003"
kind = "expand"


def upgrade() -> None:
    op.add_column("payment_events", sa.Column("trace_id", sa.String(32), nullable=True))
    op.create_table(
        "order_events",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("step", sa.String(20), nullable=False),
        sa.Column("began_at", UtcDateTime(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("failure", sa.String(100), nullable=False),
        sa.Column("trace_id", sa.String(32), nullable=True),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_order_events_order_id_orders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_events")),
    )
    op.create_index(op.f("ix_order_events_order_id"), "order_events", ["order_id"])
