"""Books, listings, reservations, and the changes that search follows."""

import sqlalchemy as sa
from alembic import op

from bookstore.shared.database import UtcDateTime

revision = "0001"
down_revision = None
kind = "expand"


def upgrade() -> None:
    op.create_table(
        "book_changes",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_book_changes")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "books",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("identity", sa.String(length=80), nullable=False),
        sa.Column("title", sa.String(length=255), nullable=False),
        sa.Column("title_key", sa.String(length=255), nullable=False),
        sa.Column("authors", sa.String(length=500), nullable=False),
        sa.Column("isbn13", sa.String(length=13), nullable=True),
        sa.Column("year", sa.Integer(), nullable=True),
        sa.Column("publisher", sa.String(length=160), nullable=True),
        sa.Column("language", sa.String(length=8), nullable=True),
        sa.Column("category", sa.String(length=80), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("pages", sa.Integer(), nullable=True),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("listed_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_books")),
        sa.UniqueConstraint("identity", name=op.f("uq_books_identity")),
        sa.UniqueConstraint("isbn13", name=op.f("uq_books_isbn13")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_books_listed_at_id", "books", ["listed_at", "id"], unique=False)
    op.create_index(op.f("ix_books_title_key"), "books", ["title_key"], unique=False)
    op.create_table(
        "reservations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("reference", sa.String(length=64), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "held",
                "committed",
                "released",
                "expired",
                name="reservationstatus",
                native_enum=False,
                create_constraint=True,
                length=16,
            ),
            nullable=False,
        ),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reservations")),
        sa.UniqueConstraint("reference", name=op.f("uq_reservations_reference")),
    )
    op.create_index(
        "ix_reservations_status_expires_at", "reservations", ["status", "expires_at"], unique=False
    )
    op.create_table(
        "listings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("book_id", sa.Integer(), nullable=False),
        sa.Column("seller_id", sa.String(length=36), nullable=False),
        sa.Column("seller_name", sa.String(length=100), nullable=False),
        sa.Column(
            "condition",
            sa.Enum(
                "new",
                "like_new",
                "very_good",
                "good",
                "acceptable",
                name="condition",
                native_enum=False,
                create_constraint=True,
                length=16,
            ),
            nullable=False,
        ),
        sa.Column("price_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("offered", sa.Integer(), nullable=False),
        sa.Column("available", sa.Integer(), nullable=False),
        sa.Column("held", sa.Integer(), nullable=False),
        sa.Column("sold", sa.Integer(), nullable=False),
        sa.Column("notes", sa.String(length=1000), nullable=False),
        sa.Column("photo", sa.String(length=64), nullable=True),
        sa.Column("offer_key", sa.String(length=64), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("withdrawn_at", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("available >= 0", name=op.f("ck_listings_available")),
        sa.CheckConstraint("held >= 0", name=op.f("ck_listings_held")),
        sa.CheckConstraint("offered = available + held + sold", name=op.f("ck_listings_copies")),
        sa.CheckConstraint("price_minor > 0", name=op.f("ck_listings_price")),
        sa.CheckConstraint("sold >= 0", name=op.f("ck_listings_sold")),
        sa.ForeignKeyConstraint(["book_id"], ["books.id"], name=op.f("fk_listings_book_id_books")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listings")),
        sa.UniqueConstraint("seller_id", "offer_key", name=op.f("uq_listings_seller_id_offer_key")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_listings_book_id_price_minor", "listings", ["book_id", "price_minor"], unique=False)
    op.create_index("ix_listings_seller_id_id", "listings", ["seller_id", "id"], unique=False)
    op.create_table(
        "reservation_lines",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("reservation_id", sa.Integer(), nullable=False),
        sa.Column("listing_id", sa.Integer(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("price_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.CheckConstraint("price_minor > 0", name=op.f("ck_reservation_lines_price")),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_reservation_lines_quantity")),
        sa.ForeignKeyConstraint(
            ["listing_id"], ["listings.id"], name=op.f("fk_reservation_lines_listing_id_listings")
        ),
        sa.ForeignKeyConstraint(
            ["reservation_id"],
            ["reservations.id"],
            name=op.f("fk_reservation_lines_reservation_id_reservations"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reservation_lines")),
        sa.UniqueConstraint(
            "reservation_id", "listing_id", name=op.f("uq_reservation_lines_reservation_id_listing_id")
        ),
    )
    op.create_index(
        op.f("ix_reservation_lines_listing_id"), "reservation_lines", ["listing_id"], unique=False
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_reservation_lines_listing_id"), table_name="reservation_lines")
    op.drop_table("reservation_lines")
    op.drop_index("ix_listings_seller_id_id", table_name="listings")
    op.drop_index("ix_listings_book_id_price_minor", table_name="listings")
    op.drop_table("listings")
    op.drop_index("ix_reservations_status_expires_at", table_name="reservations")
    op.drop_table("reservations")
    op.drop_index(op.f("ix_books_title_key"), table_name="books")
    op.drop_index("ix_books_listed_at_id", table_name="books")
    op.drop_table("books")
    op.drop_table("book_changes")
