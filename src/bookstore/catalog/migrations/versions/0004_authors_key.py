"""The authors as search sees them, so that every database finds the same without an index."""

import sqlalchemy as sa
from alembic import op

from bookstore.catalog.text_folding import fold

revision = "0004"
down_revision = "0003"
kind = "expand"

BATCH = 1_000

books = sa.table(
    "books", sa.column("id", sa.Integer), sa.column("authors", sa.String), sa.column("authors_key", sa.String)
)


def upgrade() -> None:
    # The release before does not fill it in, so it has a default.
    op.add_column("books", sa.Column("authors_key", sa.String(length=500), nullable=False, server_default=""))
    connection, last = op.get_bind(), 0
    page = sa.select(books.c.id, books.c.authors).order_by(books.c.id).limit(BATCH)
    fill = (
        sa.update(books).where(books.c.id == sa.bindparam("book_id")).values(authors_key=sa.bindparam("key"))
    )
    while rows := connection.execute(page.where(books.c.id > last)).all():
        connection.execute(fill, [{"book_id": row.id, "key": fold(row.authors)[:500]} for row in rows])
        last = rows[-1].id


def downgrade() -> None:
    op.drop_column("books", "authors_key")
