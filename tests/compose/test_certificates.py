"""The certificate: self-made until an authority has issued one, renewed under load, or given as files."""

import json
import os
import socket
import ssl
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from cryptography import x509

from tests.cluster.live_shop import free_port
from tests.compose.authority import (
    HMAC_KEY,
    KEY_ID,
    NAME,
    Authority,
    certificate_with_ocsp,
    running_authority,
    running_ocsp,
)
from tests.compose.conftest import make_secrets
from tests.compose.engine import Engine, run
from tests.compose.stack import Stack

WEAK = {"LOW", "MEDIUM", "HIGH", "CRITICAL"}
NAMES = ("monolith.test", "www.monolith.test", "books.test")
OVERRIDE = """
services:
  acme:
    extra_hosts: ["{name}:host-gateway"]
    environment: {{LEGO_CA_CERTIFICATES: /authority.pem}}
    volumes: ["{ca}:/authority.pem:ro"]
"""


@pytest.fixture(autouse=True)
def _names_of_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of our names lead to this machine."""
    real = socket.getaddrinfo

    def resolve(host, *arguments, **options):
        return real("127.0.0.1" if str(host).endswith(".test") else host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


@pytest.fixture(scope="module")
def certified(images: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, Authority]]:
    """The monolith under three names, and an authority that knows its clients beforehand."""
    folder = tmp_path_factory.mktemp("certified")
    secrets = make_secrets(folder / "secrets")
    (secrets / "acme_eab_hmac").chmod(0o644)
    (secrets / "acme_eab_hmac").write_text(HMAC_KEY)
    (folder / "given").mkdir()
    stack = Stack(images, "monolith", secrets, domain=NAMES[0])
    with running_authority(folder / "authority", stack.http_port) as authority:
        override = folder / "authority.yaml"
        override.write_text(OVERRIDE.format(name=NAME, ca=authority.ca))
        stack.more_files = [override]
        stack.settings = {
            "SHOP_NAMES": ",".join(NAMES),
            "CERTIFICATE": str(folder / "given"),
            "ACME_EMAIL": "ada@books.test",
            "ACME_SERVER": authority.directory,
            "ACME_EAB_KEY_ID": KEY_ID,
        }
        try:
            stack.compose("up", "--detach")
            _wait_for(lambda: certificate_of(stack) is not None)
            yield stack, authority
        finally:
            stack.down()


def certificate_of(stack: Stack, name: str = NAMES[0]) -> x509.Certificate | None:
    """What nginx shows to whoever asks for this name."""
    try:
        with (
            socket.create_connection(("127.0.0.1", stack.https_port), timeout=10) as plain,
            ssl._create_unverified_context().wrap_socket(plain, server_hostname=name) as wrapped,
        ):
            return x509.load_der_x509_certificate(wrapped.getpeercert(binary_form=True))
    except OSError:
        return None


def _wait_for(is_so, seconds: int = 90) -> None:
    ends_at = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < ends_at, f"not so within {seconds} s"
        time.sleep(0.3)


def _issuer(stack: Stack) -> str:
    certificate = certificate_of(stack)
    return certificate.issuer.rfc4514_string() if certificate else ""


class Visitors:
    """People who ask for pages all the time, each over new connections, and count the answers."""

    def __init__(self, stack: Stack, trusted: ssl.SSLContext) -> None:
        self.stack, self.trusted, self.answers = stack, trusted, Counter()
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(NAMES[n % 3],)) for n in range(4)]

    def __enter__(self) -> "Visitors":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, name: str) -> None:
        while not self._over.is_set():
            try:
                url = f"https://{name}:{self.stack.https_port}/books"
                self.answers[str(httpx.get(url, verify=self.trusted, timeout=20).status_code)] += 1
            except httpx.HTTPError as error:
                self.answers[repr(error)] += 1


def test_one_certificate_for_three_names_renewed_under_load(certified: tuple[Stack, Authority]) -> None:
    stack, authority = certified
    self_made = certificate_of(stack)
    assert _issuer(stack) == f"CN={NAMES[0]}"

    stack.compose("run", "--rm", "acme", "once")
    _wait_for(lambda: "Pebble" in _issuer(stack))

    issued = certificate_of(stack)
    names = issued.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert sorted(names.get_values_for_type(x509.DNSName)) == sorted(NAMES)
    trusted = authority.trusted()
    for name in NAMES:
        assert httpx.get(f"https://{name}:{stack.https_port}/books", verify=trusted).status_code == 200

    with Visitors(stack, trusted) as visitors:
        stack.compose("run", "--rm", "acme", "once", ACME_RENEW_DAYS="99999")
        # For a moment after a reload an old process may still answer, with what it had.
        known = {self_made.serial_number, issued.serial_number}
        _wait_for(lambda: certificate_of(stack).serial_number not in known)
        time.sleep(3)

    assert set(visitors.answers) == {"200"}, visitors.answers
    assert visitors.answers["200"] > 20
    assert len({self_made.serial_number, issued.serial_number, certificate_of(stack).serial_number}) == 3


def test_a_certificate_that_is_good_for_long_is_not_asked_for_again(
    certified: tuple[Stack, Authority],
) -> None:
    stack, _ = certified
    before = certificate_of(stack)
    stack.compose("run", "--rm", "acme", "once")
    time.sleep(5)
    assert certificate_of(stack).serial_number == before.serial_number


def test_who_cannot_prove_a_name_gets_nothing_and_keeps_what_there_is(
    certified: tuple[Stack, Authority],
) -> None:
    stack, _ = certified
    before = certificate_of(stack)
    with pytest.raises(AssertionError, match=r"acme: error: 4\d\d"):
        stack.compose(
            "run", "--rm", "acme", "once", ACME_EAB_KEY_ID="somebody-else", ACME_EMAIL="x@books.test"
        )
    assert certificate_of(stack).serial_number == before.serial_number
    assert httpx.get(f"{stack.url}/books", verify=False).status_code == 200


def test_a_certificate_given_as_files_goes_before_all_others(certified: tuple[Stack, Authority]) -> None:
    stack, _ = certified
    given = Path(stack.settings["CERTIFICATE"])
    make = "openssl req -x509 -newkey rsa:2048 -noenc -days 9 -subj /CN=given -keyout /tmp/key.pem -out /tmp/fullchain.pem"
    for command in (make,):
        stack.engine.docker("exec", stack.container("edge"), "bash", "-c", f"{command} 2>/dev/null")
    for name in ("key.pem", "fullchain.pem"):
        text = stack.engine.docker("exec", stack.container("edge"), "cat", f"/tmp/{name}")
        (given / name).write_text(text)

    _wait_for(lambda: _issuer(stack) == "CN=given")

    for name in ("key.pem", "fullchain.pem"):
        (given / name).unlink()
    _wait_for(lambda: "Pebble" in _issuer(stack))


def test_what_the_authority_says_of_a_certificate_comes_with_it(
    certified: tuple[Stack, Authority], tmp_path: Path
) -> None:
    """OCSP stapling: a browser need not ask the authority, who would learn what somebody reads."""
    stack, _ = certified
    port = free_port()
    front = f"test-{stack.topology}_front"
    [network] = json.loads(stack.engine.docker("network", "inspect", front))
    host = network["IPAM"]["Config"][0]["Gateway"]
    chain, key = certificate_with_ocsp(tmp_path, f"http://{host}:{port}")
    given = Path(stack.settings["CERTIFICATE"])

    with running_ocsp(tmp_path, port):
        (given / "key.pem").write_text(key)
        (given / "fullchain.pem").write_text(chain)
        _wait_for(lambda: _issuer(stack) == "CN=given-authority")
        _wait_for(lambda: "Cert Status: good" in stapled(stack), seconds=30)

    for name in ("key.pem", "fullchain.pem"):
        (given / name).unlink()
    _wait_for(lambda: "Pebble" in _issuer(stack))


def stapled(stack: Stack) -> str:
    """What comes with the certificate; nginx asks when somebody has come, so the first one gets nothing."""
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{stack.https_port}", "-status"]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False
    )
    return done.stdout


def test_a_scan_of_tls_finds_nothing_weak(certified: tuple[Stack, Authority], tmp_path: Path) -> None:
    """Protocols, ciphers and known attacks; what is in the certificate is the authority's affair."""
    stack, _ = certified
    found = tmp_path / "found.json"
    looks = ["--protocols", "--std", "--fs", "--server-preference", "--vulnerable"]
    quiet = ["--quiet", "--color", "0", "--warnings", "batch", "--jsonfile", str(found)]
    command = ["testssl", *quiet, *looks, f"127.0.0.1:{stack.https_port}"]
    print(run(command, dict(os.environ), check=False, seconds=600))

    findings = json.loads(found.read_text())
    assert {item["finding"] for item in findings if item["id"] in {"TLS1_2", "TLS1_3"}} <= {
        "offered",
        "offered with final",
    }
    assert len([item for item in findings if item["severity"] == "OK"]) > 25
    weak = {item["id"]: item["finding"] for item in findings if item["severity"] in WEAK}
    assert weak == {}
