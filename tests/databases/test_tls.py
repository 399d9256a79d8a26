"""Connections to the database: encrypted, and only to the server whose name its authority vouches for."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from bookstore.config import Settings, SettingsError
from bookstore.shared.database import Database
from bookstore.shared.mysql import ServerOptions
from bookstore.wiring import open_database
from tests.database_servers import DatabaseServer, running
from tests.databases.conftest import PRODUCTS


@dataclass
class Authority:
    """A certificate authority with its files in a folder."""

    folder: Path

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self.key = rsa.generate_private_key(65537, 2048)
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"The {self.folder.name} authority")])
        basic = x509.BasicConstraints(ca=True, path_length=None)
        self._write("ca", self._sign(self.name, self.key, basic, critical=True))

    @property
    def ca_file(self) -> Path:
        return self.folder / "ca.pem"

    def issue(self, name: str, address: str) -> list[str]:
        """A server's certificate for this name and address, as the server's options."""
        key = rsa.generate_private_key(65537, 2048)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        names = x509.SubjectAlternativeName([x509.DNSName(name), x509.IPAddress(ip_address(address))])
        self._write(name, self._sign(subject, key, names, critical=False))
        private = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        (self.folder / f"{name}.key").write_bytes(key.private_bytes(*private))
        files = (self.ca_file, self.folder / f"{name}.pem", self.folder / f"{name}.key")
        return [f"--ssl-{option}={file}" for option, file in zip(("ca", "cert", "key"), files, strict=True)]

    def _sign(
        self, subject: x509.Name, key: rsa.RSAPrivateKey, extension: x509.ExtensionType, critical: bool
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(extension, critical=critical)
            .sign(self.key, hashes.SHA256())
        )

    def _write(self, name: str, certificate: x509.Certificate) -> None:
        pem = certificate.public_bytes(serialization.Encoding.PEM)
        (self.folder / f"{name}.pem").write_bytes(pem)


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls") / "right")


@pytest.fixture(scope="module", params=PRODUCTS)
def tls_server(request: pytest.FixtureRequest, ours: Authority) -> Iterator[DatabaseServer]:
    with running(request.param, *ours.issue("localhost", "127.0.0.1")) as server:
        server.create_schema("sealed")
        yield server


def ping(url: str, ca_file: Path) -> str:
    """The cipher of a connection that trusts this authority."""
    database = Database("catalog", url, ServerOptions(tls_ca=str(ca_file)))
    try:
        with database.reading() as session:
            return str(session.execute(text("SHOW STATUS LIKE 'Ssl_cipher'")).one()[1])
    finally:
        database.close()


def test_the_connection_is_encrypted(tls_server: DatabaseServer, ours: Authority) -> None:
    assert "AES" in ping(tls_server.url("sealed"), ours.ca_file) or "CHACHA" in ping(
        tls_server.url("sealed"), ours.ca_file
    )


def test_a_server_of_another_authority_is_refused(tls_server: DatabaseServer, tmp_path: Path) -> None:
    stranger = Authority(tmp_path / "stranger")
    with pytest.raises(OperationalError, match=r"(?i)ssl|tls|certificate"):
        ping(tls_server.url("sealed"), stranger.ca_file)


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_server_with_another_name_is_refused(product: str, ours: Authority) -> None:
    with running(product, *ours.issue("elsewhere.example", "192.0.2.1")) as server:
        url = server.create_schema("sealed")
        with pytest.raises(OperationalError, match=r"(?i)ssl|tls|certificate"):
            ping(url, ours.ca_file)


@pytest.mark.parametrize(("product", "option"), [("mariadb", "--skip-ssl"), ("mysql", "--tls-version=")])
def test_a_server_that_cannot_encrypt_is_refused(product: str, option: str, ours: Authority) -> None:
    with running(product, option) as server:
        url = server.create_schema("open")
        with pytest.raises(OperationalError, match=r"(?i)ssl|tls"):
            ping(url, ours.ca_file)


def test_the_setting_names_the_authority(tls_server: DatabaseServer, ours: Authority, tmp_path: Path) -> None:
    settings = Settings(
        data_dir=tmp_path,
        catalog_database_url=tls_server.url("sealed"),
        database_tls_ca=str(ours.ca_file),
    )
    database = open_database(settings, "catalog")
    with database.reading() as session:
        assert session.execute(text("SHOW STATUS LIKE 'Ssl_cipher'")).one()[1]
    database.close()


def test_a_missing_file_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="BOOKSTORE_DATABASE_TLS_CA"):
        Settings(database_tls_ca=str(tmp_path / "nothing.pem")).check()
