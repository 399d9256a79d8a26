"""The settings: each one's variable, default, meaning and check.

Every setting is read from `BOOKSTORE_<NAME>`, or from the file that `BOOKSTORE_<NAME>_FILE` names, which is
how container secrets arrive. A wrong value stops the start and names its variable.
"""

import os
import secrets
from contextlib import suppress
from dataclasses import Field, dataclass, field, fields
from importlib.util import find_spec
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, Self
from zoneinfo import available_timezones

from babel.numbers import list_currencies
from environs import FileAwareEnv, validate
from environs.exceptions import EnvError

from bookstore.shared.process import SERVICES as SERVICES

PREFIX = "BOOKSTORE_"
WEAK_SECRETS = {
    "secret",
    "changeme",
    "change-me",
    "password",
    "dev",
    "development",
    "test",
    "bookstore",
    "supersecretkey",
}
MIN_SECRET_LENGTH = 32
# The name that every program with OpenTelemetry knows; it stands where ours is not set.
STANDARD_COLLECTOR = "OTEL_EXPORTER_OTLP_ENDPOINT"


class SettingsError(Exception):
    """A setting is missing or wrong; the message names its variable."""


def setting(default: Any, meaning: str, *checks: Any) -> Any:
    return field(default=default, metadata={"meaning": meaning, "checks": checks})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings of a process, checked."""

    environment: str = setting(
        "development",
        "`development` or `production`; production refuses weak or generated secrets and plain HTTP cookies",
        validate.OneOf(["development", "production"]),
    )
    services: tuple[str, ...] = setting(
        SERVICES,
        "Comma-separated services that this process runs",
        validate.ContainsOnly(SERVICES),
        validate.Length(1),
    )
    host: str = setting("127.0.0.1", "Address to listen on")
    port: int = setting(8000, "Port to listen on", validate.Range(1, 65535))
    metrics_port: int = setting(
        0,
        "Port at which `worker`, `autoscale` and `backup --daily-at`, which serve no pages, tell Prometheus; "
        "0 for none",
        validate.Range(0, 65535),
    )
    workers: int = setting(2, "Server processes", validate.Range(1, 64))
    threads: int = setting(8, "Threads of each server process", validate.Range(1, 256))
    wait_seconds: float = setting(
        2.0,
        "Seconds that a request for a page may have waited for a thread; one that changes something may "
        "have waited twice as long. Later ones are refused (503) and told to come again; a tenth of it holds "
        "while a line has stood for five times that",
        validate.Range(0.1, 60),
    )
    graceful_seconds: int = setting(
        30, "Seconds that running requests get to finish at a stop", validate.Range(1, 600)
    )
    drain_seconds: int = setting(
        0,
        "Seconds after SIGTERM in which /readyz is red and requests are still answered, so that load "
        "balancers turn to others before the server stops",
        validate.Range(0, 300),
    )
    embedded_worker: bool = setting(
        True, "Run the background jobs beside the server, without `bookstore worker`"
    )
    data_dir: Path = setting(
        Path("data"), "Folder of everything that is kept: databases, search index, photos, mails"
    )
    media_dir: str = setting(
        "",
        "Folder that all replicas of the catalog share: photos, copies of the search index; "
        "default: `media` in the data folder",
    )
    backup_dir: str = setting("", "Folder of the backups; default: `backups` in the data folder")
    backup_key: str = setting("", "Encrypts and opens backups; without one they are not encrypted")
    backups_kept: int = setting(
        7, "Backups of this shop that `bookstore backup` leaves in the folder", validate.Range(1, 10_000)
    )
    database_url: str = setting(
        "", "SQLAlchemy URL for services without one of their own; default: SQLite files in the data folder"
    )
    accounts_database_url: str = setting("", "SQLAlchemy URL of the accounts database")
    catalog_database_url: str = setting("", "SQLAlchemy URL of the catalog database")
    orders_database_url: str = setting("", "SQLAlchemy URL of the orders database")
    sandbox_database_url: str = setting(
        "",
        "SQLAlchemy URL of the books of the payment sandbox, which all processes of orders share; "
        "default: a SQLite file in the data folder",
    )
    database_tls_ca: str = setting(
        "", "CA file of a database server: its connections are encrypted and its certificate is checked"
    )
    database_connect_timeout_seconds: int = setting(
        3, "Time-out of connecting to a database server", validate.Range(1, 60)
    )
    database_timeout_seconds: int = setting(
        10,
        "Time-out of each answer of a database server; half of it for a locked row",
        validate.Range(2, 600),
    )
    accounts_url: str = setting(
        "", "Address of the accounts service, needed where it does not run in this process"
    )
    catalog_url: str = setting(
        "", "Address of the catalog service, needed by orders where it does not run in this process"
    )
    orders_url: str = setting(
        "", "Address of the orders service, for the status page where it does not run in this process"
    )
    replica: str = setting(
        "",
        "Name of this group of server processes on the status page; default: the host's and a random end",
        validate.Regexp(r"[A-Za-z0-9._-]{0,80}\Z"),
    )
    commit: str = setting(
        "",
        "Commit that the program was built from, for the status page",
        validate.Regexp(r"[0-9a-f]{0,64}\Z"),
    )
    service_token: str = setting("", "Credential that services show one another on /internal/")
    secret_key: str = setting(
        "", "Signs the form cookie and seals the token keys; generated in the data folder in development"
    )
    public_url: str = setting("", "Address of the shop in mails; default: http://HOST:PORT")
    https: bool = setting(False, "The shop is reached by HTTPS: Secure cookies and HSTS")
    trusted_proxies: int = setting(
        0, "Number of reverse proxies in front whose X-Forwarded headers are true", validate.Range(0, 10)
    )
    max_body_kib: int = setting(
        1024, "Largest request body in KiB, photos and uploads apart", validate.Range(16, 102400)
    )
    max_upload_kib: int = setting(8192, "Largest photo or CSV file in KiB", validate.Range(64, 102400))
    currency: str = setting(
        "USD", "ISO 4217 currency of all prices", validate.OneOf(sorted(list_currencies()))
    )
    home_country: str = setting(
        "EC", "ISO 3166 country of the shop: where national carriers deliver", validate.Regexp(r"[A-Z]{2}\Z")
    )
    default_locale: str = setting(
        "en", "Language for those who state none: `en` or `es`", validate.OneOf(["en", "es"])
    )
    timezone: str = setting(
        "UTC", "Time zone in which pages show times", validate.OneOf(sorted(available_timezones()))
    )
    access_token_seconds: int = setting(300, "Life of an access token", validate.Range(1, 3600))
    session_days: int = setting(14, "Days after which an unused session ends", validate.Range(1, 365))
    password_reset_minutes: int = setting(60, "Life of a password reset link", validate.Range(1, 1440))
    login_window_minutes: int = setting(
        15, "Window over which failed logins are counted", validate.Range(1, 1440)
    )
    login_failures_per_account: int = setting(
        10, "Failed logins per account and window before 429", validate.Range(1)
    )
    login_failures_per_address: int = setting(
        50, "Failed logins per client address and window before 429", validate.Range(1)
    )
    registrations_per_address: int = setting(
        30, "Registrations per client address and hour before 429", validate.Range(1)
    )
    resets_per_address: int = setting(
        10, "Password reset requests per client address and hour before 429", validate.Range(1)
    )
    key_rotation_days: int = setting(
        30, "Days after which a new token signing key is made", validate.Range(1, 365)
    )
    hold_minutes: int = setting(
        30, "Minutes that copies are held for an unpaid order", validate.Range(1, 1440)
    )
    bank_transfer_days: int = setting(
        3, "Days that copies are held for an order paid by bank transfer", validate.Range(1, 30)
    )
    books_per_page: int = setting(24, "Books on a page of the catalog", validate.Range(1, 100))
    neighbor_connect_timeout_seconds: float = setting(
        1.0, "Time-out of connecting to another service", validate.Range(0.05, 60)
    )
    neighbor_timeout_seconds: float = setting(
        3.0, "Silence of another service after which a call is given up", validate.Range(0.05, 60)
    )
    neighbor_call_seconds: float = setting(
        5.0,
        "Longest time that a call to another service takes in all, repeated or not",
        validate.Range(0.05, 15),
    )
    neighbor_failures: int = setting(
        5, "Failed calls in a row after which another service is left alone", validate.Range(1, 1000)
    )
    neighbor_rest_seconds: float = setting(
        5.0,
        "Seconds for which a failing service is left alone before it is tried again",
        validate.Range(0.05, 300),
    )
    autoscale_every_seconds: float = setting(
        5.0, "Seconds between two looks of `bookstore autoscale`", validate.Range(1, 300)
    )
    autoscale_up_seconds: float = setting(
        15.0,
        "Seconds for which the load must have asked for more replicas, and that pass after a change at least",
        validate.Range(1, 3600),
    )
    autoscale_down_seconds: float = setting(180.0, "The same for fewer replicas", validate.Range(1, 86400))
    autoscale_step_up: int = setting(2, "Replicas that are added at a time at most", validate.Range(1, 100))
    autoscale_step_down: int = setting(
        1, "Replicas that are taken away at a time at most", validate.Range(1, 100)
    )
    autoscale_tolerance: float = setting(
        0.1,
        "Part of the target by which the load may differ from it before the autoscaler acts",
        validate.Range(0.01, 0.5),
    )
    autoscale_rebalance_seconds: float = setting(
        60.0,
        "Seconds after which a node that came back gets its share of the replicas",
        validate.Range(1, 86400),
    )
    smtp_host: str = setting(
        "", "Mail server; without one, mails are files in the data folder and on the mailbox page"
    )
    smtp_port: int = setting(587, "Port of the mail server", validate.Range(1, 65535))
    smtp_username: str = setting("", "User name at the mail server")
    smtp_password: str = setting("", "Password at the mail server")
    smtp_timeout_seconds: float = setting(
        10.0, "Silence of the mail server after which sending is put off", validate.Range(0.05, 60)
    )
    smtp_security: str = setting(
        "starttls", "`starttls`, `tls` or `none`", validate.OneOf(["starttls", "tls", "none"])
    )
    mail_from: str = setting("BookStore <no-reply@bookstore.example>", "Sender of mails")
    log_format: str = setting("text", "`json` or `text`", validate.OneOf(["json", "text"]))
    log_level: str = setting(
        "INFO", "Least level that is logged", validate.OneOf(["DEBUG", "INFO", "WARNING", "ERROR"])
    )
    otlp_endpoint: str = setting(
        "",
        "Address of an OpenTelemetry collector (OTLP over HTTP) for traces; "
        "default: `OTEL_EXPORTER_OTLP_ENDPOINT`, without either there are none",
        validate.Regexp(r"(https?://.+)?\Z"),
    )

    @classmethod
    def from_environ(cls) -> Self:
        """Read and check the environment. Raises SettingsError naming each variable that is wrong."""
        env = FileAwareEnv(eager=False, prefix=PREFIX, strip_whitespace=True)
        try:
            values = {item.name: _read(env, item) for item in fields(cls)}
            env.seal()
        except (EnvError, ValueError) as error:
            raise SettingsError(str(error)) from error
        values["otlp_endpoint"] = values["otlp_endpoint"] or os.environ.get(STANDARD_COLLECTOR, "")
        settings = cls(**values)
        settings.check()
        return settings

    def check(self) -> None:
        """Refuse combinations that would be unsafe or could not work."""
        if self.environment == "production":
            self._check_production()
        if absent := [name for name in self.services if find_spec(f"bookstore.{name}") is None]:
            raise SettingsError(
                f"BOOKSTORE_SERVICES names {' and '.join(absent)}, which this installation does not contain"
            )
        if set(self.services) != set(SERVICES) and len(self.service_token) < MIN_SECRET_LENGTH:
            raise SettingsError(
                f"BOOKSTORE_SERVICE_TOKEN needs {MIN_SECRET_LENGTH} characters or more between services"
            )
        if self.backup_key and (len(self.backup_key) < MIN_SECRET_LENGTH or is_weak(self.backup_key)):
            raise SettingsError(f"BOOKSTORE_BACKUP_KEY must be {MIN_SECRET_LENGTH} random characters or more")
        if self.autoscale_every_seconds > min(self.autoscale_up_seconds, self.autoscale_down_seconds):
            raise SettingsError(
                "BOOKSTORE_AUTOSCALE_EVERY_SECONDS must not be more than BOOKSTORE_AUTOSCALE_UP_SECONDS "
                "or BOOKSTORE_AUTOSCALE_DOWN_SECONDS"
            )
        if self.database_tls_ca and not Path(self.database_tls_ca).is_file():
            raise SettingsError(f"BOOKSTORE_DATABASE_TLS_CA names no file: {self.database_tls_ca}")

    def _check_production(self) -> None:
        if len(self.secret_key) < MIN_SECRET_LENGTH or is_weak(self.secret_key):
            raise SettingsError(
                f"BOOKSTORE_SECRET_KEY must be {MIN_SECRET_LENGTH} random characters or more in production"
            )
        if not self.https:
            raise SettingsError(
                "BOOKSTORE_HTTPS must be true in production: cookies would travel in the clear"
            )
        if not self.public_url.startswith("https://"):
            raise SettingsError("BOOKSTORE_PUBLIC_URL must be the https:// address of the shop in production")

    def runs(self, service: str) -> bool:
        return service in self.services

    def database_url_of(self, service: str) -> str:
        own = getattr(self, f"{service}_database_url") or self.database_url
        return own or f"sqlite:///{(self.data_dir / f'{service}.sqlite3').resolve()}"

    def effective_media_dir(self) -> Path:
        return Path(self.media_dir).resolve() if self.media_dir else self.data_dir.resolve() / "media"

    def effective_backup_dir(self) -> Path:
        return Path(self.backup_dir).resolve() if self.backup_dir else self.data_dir.resolve() / "backups"

    def effective_secret_key(self) -> str:
        """The secret key; in development one is made and kept in the data folder."""
        return self.secret_key or _kept_secret(self.kept_secret_key())

    def kept_secret_key(self) -> Path:
        """The file of the secret key that was made because the settings have none."""
        return self.data_dir / "secret_key"

    def effective_public_url(self) -> str:
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return f"{PREFIX}{name.upper()}"


def _read(env: FileAwareEnv, item: Field[Any]) -> Any:
    kind, upper = item.type, item.name.upper()
    options: dict[str, Any] = {"default": item.default, "validate": list(item.metadata["checks"])}
    if kind is bool:
        return env.bool(upper, **options)
    if kind is int:
        return env.int(upper, **options)
    if kind is float:
        return env.float(upper, **options)
    if kind is Path:
        return env.path(upper, **options)
    if kind is str:
        return env.str(upper, **options)
    return tuple(env.list(upper, **options) or ())


def is_weak(secret: str) -> bool:
    """Whether others guess it, however long it is."""
    return secret.lower() in WEAK_SECRETS or len(set(secret)) < 10


def _kept_secret(path: Path) -> str:
    """The secret in this file, made when there is none. All processes that start together get the same one."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        # The file appears under its name only once it is whole: another process may read it at that moment.
        with NamedTemporaryFile("w", dir=path.parent, prefix=f"{path.name}.") as aside:
            aside.write(secrets.token_urlsafe(48))
            aside.flush()
            os.fsync(aside.fileno())
            with suppress(FileExistsError):
                os.link(aside.name, path)
    secret = path.read_text().strip()
    if len(secret) < MIN_SECRET_LENGTH:
        raise SettingsError(
            f"{path} does not hold a whole secret key: restore it, or delete it for a new one"
        )
    return secret
