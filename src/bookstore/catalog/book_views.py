"""A book's page with all offers of it, its cover, and the photos of copies."""

from flask import (
    Response,
    abort,
    make_response,
    redirect,
    render_template,
    request,
    send_from_directory,
)
from flask.typing import ResponseReturnValue

from bookstore.catalog import books
from bookstore.catalog.book_pages import book_page
from bookstore.catalog.covers import cover_svg, etag_of
from bookstore.catalog.models import MAX_ID
from bookstore.catalog.pages import pages
from bookstore.catalog.photos import FILE_NAME
from bookstore.catalog.runtime import current
from bookstore.shared.access import Audience, audience, current_user
from bookstore.shared.edge import YEAR
from bookstore.shared.sharing import Sharing, shared

OFFERS_PER_PAGE = 50
DAY = 24 * 3600


@pages.get(f"/books/<int(max={MAX_ID}):book_id>", defaults={"slug": ""})
@pages.get(f"/books/<int(max={MAX_ID}):book_id>-<slug>")
@shared(Sharing.VISITOR, Sharing.MEMBER)
@audience(Audience.EVERYONE)
def show_book(book_id: int, slug: str) -> ResponseReturnValue:
    """A book and what is offered of it, cheapest first."""
    with current().database.reading() as session:
        page = book_page(session, book_id, request.args.get("cursor"), OFFERS_PER_PAGE)
    if slug != page.book.slug:
        return redirect(page.book.path, 301)
    return render_template("catalog/book.html", page=page)


@pages.get(f"/covers/<int(max={MAX_ID}):book_id>.svg")
@audience(Audience.EVERYONE)
def show_cover(book_id: int) -> ResponseReturnValue:
    """The generated cover of a book."""
    with current().database.reading() as session:
        book = books.find(session, book_id)
    svg = cover_svg(book.id, book.title, book.authors)
    response = make_response(svg)
    response.mimetype = "image/svg+xml"
    response.set_etag(etag_of(svg))
    _let_browsers_keep(response, DAY)
    return response.make_conditional(request)


@pages.get("/media/<file_name>")
@audience(Audience.EVERYONE)
def show_photo(file_name: str) -> ResponseReturnValue:
    """A photo of a copy; its content never changes under the same name."""
    if not FILE_NAME.fullmatch(file_name):
        abort(404)
    response = send_from_directory(current().photos.folder, file_name, mimetype="image/jpeg")
    _let_browsers_keep(response, YEAR)
    response.cache_control.immutable = True
    return response


def _let_browsers_keep(response: Response, seconds: int) -> None:
    """Proxies may keep it too, unless this answer could carry somebody's fresh token."""
    response.cache_control.no_cache = None
    response.cache_control.max_age = seconds
    if current_user().is_authenticated:
        response.cache_control.private = True
    else:
        response.cache_control.public = True
