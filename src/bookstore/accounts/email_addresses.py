"""E-mail addresses: which are accepted, and when two spellings are the same."""

from email_validator import EmailNotValidError, validate_email

from bookstore.shared.errors import N_, ShopError


class InvalidEmail(ShopError):
    """The text is not an address that we can write to."""

    status = 422
    code = "invalid_email"
    title = N_("This is not a valid e-mail address.")


def parse_email(text: str) -> str:
    """The address in ASCII, as mail servers take it (an international domain in Punycode).

    Whether the domain exists is not asked: the answer would depend on the network of the moment. Raises
    InvalidEmail.
    """
    try:
        found = validate_email(
            text.strip(), check_deliverability=False, allow_smtputf8=False, test_environment=True
        )
    except EmailNotValidError as error:
        raise InvalidEmail from error
    if found.ascii_email is None:
        raise InvalidEmail
    return found.ascii_email


def email_key(text: str) -> str:
    """The form in which two spellings of one address are equal. Raises InvalidEmail."""
    return parse_email(text).lower()
