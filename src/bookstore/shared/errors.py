"""Errors are events with a name; `shared.web` turns each into a page or problem+json.

A service derives its own errors from ShopError, with the status and code that the API promises.
Use cases raise them without knowing about HTTP pages or languages.
"""

from typing import Any, ClassVar


def N_(message: str) -> str:
    """Mark a text for the translation catalog; it is translated where it is shown."""
    return message


class ShopError(Exception):
    """Something that a person or a client of the API must be told.

    `title` is an English message with optional %(name)s placeholders, filled from the keyword
    arguments. `details` are the arguments themselves; they go into problem+json as members.
    """

    status: ClassVar[int] = 400
    code: ClassVar[str] = "bad_request"
    title: ClassVar[str] = N_("The request cannot be carried out.")
    headers: ClassVar[dict[str, str]] = {}

    def __init__(self, **details: Any) -> None:
        super().__init__(self.code, details)
        self.details = details

    def __str__(self) -> str:
        return self.title % self.details if self.details else self.title


class NotFound(ShopError):
    """There is no such thing, or it is none of the asker's business."""

    status = 404
    code = "not_found"
    title = N_("We could not find what you are looking for.")


class Forbidden(ShopError):
    """The asker is known, and may not do this."""

    status = 403
    code = "forbidden"
    title = N_("You are not allowed to do this.")


class SignInRequired(ShopError):
    """Only people who are signed in may do this."""

    status = 401
    code = "sign_in_required"
    title = N_("Please log in to continue.")


class CrossSiteRequest(ShopError):
    """The form was sent from another site, or its token is missing or too old."""

    status = 400
    code = "cross_site_request"
    title = N_("This form has expired or was sent from another site. Please go back, reload and try again.")


class InvalidCursor(ShopError):
    """The cursor did not come from a previous page."""

    status = 400
    code = "invalid_cursor"
    title = N_("This page address is not valid. Please start from the first page.")


class TooManyRequests(ShopError):
    """The asker must wait before trying again; `retry_after` says how many seconds."""

    status = 429
    code = "too_many_requests"
    title = N_("Too many attempts. Please wait a little and try again.")

    def __init__(self, retry_after: int, **details: Any) -> None:
        super().__init__(retry_after=retry_after, **details)
        self.headers = {"Retry-After": str(retry_after)}  # type: ignore[misc]  # one instance's own


class ServiceUnavailable(ShopError):
    """A neighbor that is needed for this does not answer."""

    status = 503
    code = "service_unavailable"
    title = N_("A part of the shop is away right now. Nothing was changed; please try again in a moment.")
    headers = {"Retry-After": "5"}


class DatabaseUnavailable(ServiceUnavailable):
    """A service's own database does not answer; whether it did what was asked last is unknown."""

    code = "database_unavailable"
    title = N_("The shop cannot reach its records right now. Please try again in a moment.")


class AccountsUnavailable(ServiceUnavailable):
    """The accounts service does not answer."""

    code = "accounts_unavailable"
    title = N_("We cannot tell who you are right now. You stay logged in; please try again in a moment.")
