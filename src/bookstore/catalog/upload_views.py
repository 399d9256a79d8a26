"""The page on which a seller uploads many listings at once."""

import csv
from io import StringIO

from flask import Response, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from bookstore.catalog import bulk_upload
from bookstore.catalog.bulk_upload import Report
from bookstore.catalog.csv_records import CatalogFileError
from bookstore.catalog.forms import UploadForm
from bookstore.catalog.listing_rows import COLUMNS, MAX_BYTES, MAX_ROWS, REQUIRED
from bookstore.catalog.pages import pages, seller
from bookstore.catalog.runtime import current
from bookstore.shared.access import Audience, audience

EXAMPLE = (
    {
        "isbn13": "978-84-376-0494-7",
        "condition": "good",
        "price": "12.50",
        "copies": "1",
        "notes": "Spine worn",
    },
    {
        "title": "Pedro Páramo",
        "authors": "Juan Rulfo",
        "year": "1955",
        "language": "es",
        "condition": "like_new",
        "price": "9.90",
        "copies": "2",
    },
)


@pages.get("/sell/upload")
@audience(Audience.SIGNED_IN)
def show_upload() -> ResponseReturnValue:
    """What the file must look like, and where to send it."""
    return _upload_page(UploadForm())


@pages.post("/sell/upload")
@audience(Audience.SIGNED_IN)
def upload_listings() -> ResponseReturnValue:
    """Publish the sound rows and report on each of the others."""
    form = UploadForm()
    if not form.validate():
        return _upload_page(form, status=422)
    runtime = current()
    try:
        with runtime.database.writing() as session:
            report = bulk_upload.publish_file(
                session, runtime.policy.currency, seller(), form.file.data.read(), form.encoding.data
            )
    except CatalogFileError as error:
        form.file.errors = [gettext(error.title) % error.details]
        return _upload_page(form, status=422)
    return _upload_page(UploadForm(formdata=None), report)


@pages.get("/sell/upload/example.csv")
@audience(Audience.SIGNED_IN)
def example_file() -> ResponseReturnValue:
    """A file to start from. Spreadsheets need its byte order mark to see that it is UTF-8."""
    text = StringIO()
    writer = csv.DictWriter(text, list(COLUMNS))
    writer.writeheader()
    writer.writerows(EXAMPLE)
    response = Response("\ufeff" + text.getvalue(), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = 'attachment; filename="bookstore-listings.csv"'
    return response


def _upload_page(form: UploadForm, report: Report | None = None, status: int = 200) -> ResponseReturnValue:
    page = render_template(
        "catalog/upload.html",
        form=form,
        report=report,
        columns=list(COLUMNS),
        required=REQUIRED,
        max_rows=MAX_ROWS,
        max_megabytes=MAX_BYTES // 1024**2,
    )
    return page, status
