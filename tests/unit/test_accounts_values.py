"""E-mail addresses, names, devices and secrets, as accounts takes and keeps them."""

import pytest

from bookstore.accounts.devices import Device, device_name
from bookstore.accounts.email_addresses import InvalidEmail, email_key, parse_email
from bookstore.accounts.names import InvalidName, fold, parse_name
from bookstore.accounts.secrets_at_rest import BrokenSeal, fingerprint, new_secret, seal, unseal


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ana@example.com", "ana@example.com"),
        ("  Ana.Sells+books@Example.COM ", "Ana.Sells+books@example.com"),
        ("ana@shop.example.test", "ana@shop.example.test"),
        ("ana@españa.es", "ana@xn--espaa-rta.es"),
    ],
)
def test_an_address_is_taken_as_mail_servers_take_it(text, address):
    assert parse_email(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ana",
        "ana@",
        "@example.com",
        "ana@localhost",
        "ana@[127.0.0.1]",
        '"ana sells"@example.com',
        "josé@example.com",
        "a@b@example.com",
        "ana@example.com, x@example.com",
        "ana@example.com\nBcc: x@example.com",
        "ana@exam ple.com",
        "\ud800@example.com",
        "x" * 250 + "@example.com",
    ],
)
def test_what_is_no_address_is_refused(text):
    with pytest.raises(InvalidEmail):
        parse_email(text)


def test_two_spellings_of_an_address_have_one_key():
    assert email_key("Ana@ESPAÑA.es") == email_key("ana@españa.es") == "ana@xn--espaa-rta.es"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Ana", "Ana"),
        ("  Ana   Sells ", "Ana Sells"),
        ("Nu\u0301n\u0303ez", "Núñez"),
        ("O'Neill-Ortíz, J.", "O'Neill-Ortíz, J."),
        ("王小明", "王小明"),
        ("x" * 100, "x" * 100),
    ],
)
def test_a_name_is_kept_in_order(text, name):
    assert parse_name(text) == name


@pytest.mark.parametrize(
    "text", ["", "   ", "x" * 101, "a\x00b", "a\nb", "a\tb", "a\u2028b", "a\u202eb", "a\u200fb", "\ud800"]
)
def test_what_is_no_name_is_refused(text):
    with pytest.raises(InvalidName):
        parse_name(text)


def test_a_name_is_found_without_its_accents():
    assert fold("NÚÑEZ Straße") == "nunez strasse"


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox · Linux"),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
            "Chrome/140.0 Safari/537.36 Edg/140.0",
            "Edge · Windows",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Version/19.0 Safari/604.1",
            "Safari · iPhone",
        ),
        (
            "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36",
            "Chrome · Android",
        ),
        ("curl/8.5.0", "curl"),
        ("something else", "something else"),
        ("", ""),
    ],
)
def test_a_device_has_a_short_name(user_agent, name):
    assert device_name(user_agent) == name


def test_a_device_fits_into_its_columns():
    device = Device("1" * 100, "x" * 1000)
    assert (len(device.address), len(device.user_agent)) == (45, 300)


def test_what_is_sealed_opens_with_the_same_secret_key_only():
    sealed = seal("the secret key of the settings", "a value")
    assert "a value" not in sealed
    assert unseal("the secret key of the settings", sealed) == "a value"
    with pytest.raises(BrokenSeal):
        unseal("another secret key", sealed)
    with pytest.raises(BrokenSeal):
        unseal("the secret key of the settings", sealed[:-4])


def test_secrets_are_256_random_bits_and_their_fingerprints_differ():
    secrets = {new_secret() for _ in range(100)}
    assert len(secrets) == 100
    assert {len(secret) for secret in secrets} == {43}
    assert len({fingerprint(secret) for secret in secrets}) == 100
