"""The cart, and what carriers offer at first start."""

import sqlalchemy as sa
from alembic import op

from bookstore.shared.database import UtcDateTime

revision = "0002"
down_revision = "0001"
kind = "expand"

# Carrier, coverage, price in minor units of the shop's currency, days.
FIRST_OPTIONS = (
    ("DHL", "international", 5000, 5),
    ("FedEx", "international", 4500, 7),
    ("Envia", "national", 2000, 3),
    ("Servientrega", "national", 1500, 4),
)


def upgrade() -> None:
    op.create_table(
        "carts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.String(36), nullable=True),
        sa.Column("visitor_key", sa.String(64), nullable=True),
        sa.Column("delivery", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("(user_id IS NULL) <> (visitor_key IS NULL)", name=op.f("ck_carts_one_owner")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_carts")),
        sa.UniqueConstraint("user_id", name=op.f("uq_carts_user_id")),
        sa.UniqueConstraint("visitor_key", name=op.f("uq_carts_visitor_key")),
    )
    op.create_index(op.f("ix_carts_updated_at"), "carts", ["updated_at"])
    op.create_table(
        "cart_lines",
        sa.Column("cart_id", sa.Integer(), nullable=False),
        sa.Column("listing_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(1000), nullable=False),
        sa.Column("authors", sa.String(1000), nullable=False),
        sa.Column("condition", sa.String(20), nullable=False),
        sa.Column("seller_id", sa.String(36), nullable=False),
        sa.Column("seller_name", sa.String(200), nullable=False),
        sa.Column("book_path", sa.String(500), nullable=False),
        sa.Column("cover_url", sa.String(500), nullable=False),
        sa.Column("price_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("added_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("quantity BETWEEN 1 AND 100", name=op.f("ck_cart_lines_quantity_in_range")),
        sa.ForeignKeyConstraint(
            ["cart_id"], ["carts.id"], name=op.f("fk_cart_lines_cart_id_carts"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("cart_id", "listing_id", name=op.f("pk_cart_lines")),
    )
    delivery_options = op.create_table(
        "delivery_options",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("carrier", sa.String(60), nullable=False),
        sa.Column("coverage", sa.String(20), nullable=False),
        sa.Column("price_minor", sa.BigInteger(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.CheckConstraint("price_minor >= 0", name=op.f("ck_delivery_options_price_not_negative")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery_options")),
        sa.UniqueConstraint("carrier", name=op.f("uq_delivery_options_carrier")),
    )
    columns = ("carrier", "coverage", "price_minor", "days")
    op.bulk_insert(delivery_options, [dict(zip(columns, values, strict=True)) for values in FIRST_OPTIONS])


def downgrade() -> None:
    op.drop_table("delivery_options")
    op.drop_table("cart_lines")
    op.drop_table("carts")
