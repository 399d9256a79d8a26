"""An authority that issues certificates to whoever proves a name: Pebble, the test server of ACME."""

import json
import os
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.cluster.live_shop import free_port
from tests.compose.engine import PLACES, run

NAME = "authority"
KEY_ID = "the-shop"
HMAC_KEY = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"


@dataclass(frozen=True)
class Authority:
    """Its addresses, and what whoever asks it must trust."""

    port: int
    management_port: int
    ca: Path

    @property
    def directory(self) -> str:
        """Where containers reach it."""
        return f"https://{NAME}:{self.port}/dir"

    def trusted(self) -> ssl.SSLContext:
        """Trusts what it issues."""
        own = ssl.create_default_context(cafile=str(self.ca))
        own.check_hostname = False
        url = f"https://127.0.0.1:{self.management_port}"
        pem = "".join(httpx.get(f"{url}/{kind}/0", verify=own).text for kind in ("roots", "intermediates"))
        return ssl.create_default_context(cadata=pem)


@contextmanager
def running_authority(folder: Path, http_port: int) -> Iterator[Authority]:
    """Start it. It looks for its proofs on this port of this machine, whatever the name is."""
    folder.mkdir()
    certificate, key = folder / "ca.pem", folder / "key.pem"
    make = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-noenc", "-days", "2", "-subj", f"/CN={NAME}")
    names = ("-addext", f"subjectAltName=DNS:{NAME},IP:127.0.0.1")
    run([*make, *names, "-keyout", str(key), "-out", str(certificate)], dict(os.environ))
    certificate.chmod(0o444)
    authority = Authority(free_port(), free_port(), certificate)
    settings = {
        "listenAddress": f"0.0.0.0:{authority.port}",
        "managementListenAddress": f"127.0.0.1:{authority.management_port}",
        "certificate": str(certificate),
        "privateKey": str(key),
        "httpPort": http_port,
        "tlsPort": free_port(),
        "externalAccountBindingRequired": True,
        "externalAccountMACKeys": {KEY_ID: HMAC_KEY},
    }
    (folder / "pebble.json").write_text(json.dumps({"pebble": settings}))
    names_port = free_port()
    with ExitStack() as ends:
        addresses = [f"-dns01=127.0.0.1:{names_port}", "-defaultIPv4=127.0.0.1", "-defaultIPv6="]
        nothing_else = [f"-management=127.0.0.1:{free_port()}", "-http01=", "-https01=", "-tlsalpn01="]
        program = ["pebble-challtestsrv", *addresses, *nothing_else]
        ends.enter_context(_running(program, folder / "names.log"))
        ends.enter_context(
            _running(
                ["pebble", f"-config={folder / 'pebble.json'}", f"-dnsserver=127.0.0.1:{names_port}"],
                folder / "pebble.log",
            )
        )
        _wait(authority, folder / "pebble.log")
        yield authority


@contextmanager
def _running(command: list[str], log: Path) -> Iterator[None]:
    program = shutil.which(command[0], path=PLACES)
    assert program, f"{command[0]} is missing: scripts/ensure-docker"
    with log.open("wb") as out:
        environ = {**os.environ, "PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0"}
        process = subprocess.Popen([program, *command[1:]], env=environ, stdout=out, stderr=subprocess.STDOUT)
    try:
        yield
    finally:
        process.kill()
        process.wait(timeout=30)


def _wait(authority: Authority, log: Path) -> None:
    ends_at = time.monotonic() + 30
    while time.monotonic() < ends_at:
        try:
            authority.trusted()
        except (httpx.HTTPError, ssl.SSLError):
            time.sleep(0.2)
        else:
            return
    raise AssertionError(f"the authority was not ready:\n{log.read_text()[-2000:]}")


def certificate_with_ocsp(folder: Path, url: str) -> tuple[str, str]:
    """A chain and its key; the certificate says that this address knows whether it still holds."""
    commands = (
        "req -x509 -newkey rsa:2048 -noenc -days 9 -subj /CN=given-authority -keyout ca.key -out ca.pem",
        "req -newkey rsa:2048 -noenc -subj /CN=given -keyout leaf.key -out leaf.csr",
        "x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -set_serial 4711 -days 9 -extfile aia -out leaf.pem",
    )
    (folder / "aia").write_text(f"authorityInfoAccess=OCSP;URI:{url}\n")
    for command in commands:
        run(["openssl", *command.split()], dict(os.environ), folder=folder)
    (folder / "index").write_text("V\t350101000000Z\t\t1267\tunknown\t/CN=given\n")
    return (folder / "leaf.pem").read_text() + (folder / "ca.pem").read_text(), (
        folder / "leaf.key"
    ).read_text()


@contextmanager
def running_ocsp(folder: Path, port: int) -> Iterator[None]:
    """Answers whoever asks about that certificate."""
    files = ["-index", "index", "-CA", "ca.pem", "-rsigner", "ca.pem", "-rkey", "ca.key"]
    with (folder / "ocsp.log").open("wb") as log:
        process = subprocess.Popen(
            ["openssl", "ocsp", "-port", str(port), *files], cwd=folder, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        yield
    finally:
        process.kill()
        process.wait(timeout=30)
