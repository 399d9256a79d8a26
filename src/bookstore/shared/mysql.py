"""What MySQL and MariaDB need in order to answer as SQLite does: sessions, collations, lost connections.

Text compares byte by byte in every column, so that two emoji, "Ana" and "Ána", or a word and the same word
with a blank behind it never meet in a unique key. Whatever people search by is kept folded in a column of
its own instead of trusting a server's collation: so each database finds the same. See ADR 10.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, NullPool, create_engine, event, make_url
from sqlalchemy.engine import URL, Connection, ExceptionContext
from sqlalchemy.exc import NoSuchModuleError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateTable

from bookstore.shared import round_trips

# Servers close connections that are idle for long; ours are younger than any usual limit.
RECYCLE_SECONDS = 1800
SQL_MODE = (
    "STRICT_TRANS_TABLES,STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ZERO_DATE,NO_ZERO_IN_DATE,"
    "NO_ENGINE_SUBSTITUTION,ONLY_FULL_GROUP_BY"
)
# Byte by byte, blanks at the end included; each product has its own name for it.
EXACT_ON_MYSQL, EXACT_ON_MARIADB = "utf8mb4_0900_bin", "utf8mb4_nopad_bin"

# The server takes no changes: after a failover, our connections lead to what is now a replica.
READ_ONLY = frozenset({1290, 1792, 1836})


@dataclass(frozen=True)
class ServerOptions:
    """How a process reaches its database server. An SQLite file needs none of it.

    `pool_size` is the number of connections that are kept, as many again may be opened for a while. The
    connection, and each wait for an answer, is given up after its seconds. With `tls_ca`, the file of a
    certificate authority, connections are encrypted and the server proves its name.
    """

    pool_size: int = 8
    connect_seconds: int = 3
    answer_seconds: int = 10
    tls_ca: str = ""


class MissingDriver(Exception):
    """The URL names a database whose driver is not installed."""


def is_mysql(url: str) -> bool:
    """Whether this is the URL of a MySQL or MariaDB server."""
    return make_url(url).get_backend_name() in {"mysql", "mariadb"}


def create_pooled_engine(url: str, options: ServerOptions) -> Engine:
    """Connections for requests and jobs: kept, checked before use, none of them waiting for ever."""
    arguments = _connect_arguments(options)
    arguments["init_command"] += _let_go(options.answer_seconds)
    arguments["read_timeout"] = arguments["write_timeout"] = options.answer_seconds
    engine = _create_engine(
        url,
        connect_args=arguments,
        pool_reset_on_return=None,
        pool_recycle=RECYCLE_SECONDS,
        pool_size=options.pool_size,
        max_overflow=options.pool_size,
        pool_timeout=options.answer_seconds,
    )
    round_trips.save(engine)
    return engine


def create_patient_engine(url: str, options: ServerOptions) -> Engine:
    """Connections for migrations, whose statements may take long; none is kept."""
    return _create_engine(url, connect_args=_connect_arguments(options), poolclass=NullPool)


def _create_engine(url: str, **options: Any) -> Engine:
    try:
        engine = create_engine(_with_our_driver(url), isolation_level="READ COMMITTED", **options)
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise MissingDriver("MySQL and MariaDB need the extra: pip install 'bookstore[mysql]'") from error
    event.listen(engine, "handle_error", _drop_connections_to_a_replica)
    return engine


def _with_our_driver(url: str) -> URL:
    """SQLAlchemy's MySQL dialect knows by itself when it talks to MariaDB."""
    return make_url(url).set(drivername="mysql+mysqldb")


def _connect_arguments(options: ServerOptions) -> dict[str, Any]:
    # A wait for a row ends before the wait for the answer does: then the server tells what happened.
    lock_seconds = max(1, options.answer_seconds // 2)
    session = (
        f"SET SESSION sql_mode = '{SQL_MODE}', SESSION time_zone = '+00:00',"
        f" SESSION innodb_lock_wait_timeout = {lock_seconds}"
    )
    arguments: dict[str, Any] = {
        "connect_timeout": options.connect_seconds,
        "charset": "utf8mb4",
        "init_command": session,
    }
    if options.tls_ca:
        arguments |= {"ssl": {"ca": options.tls_ca}, "ssl_mode": "VERIFY_IDENTITY"}
    return arguments


def _let_go(seconds: int) -> str:
    """After this time without a word the server gives up a transaction that has changed rows.

    A machine that vanishes says goodbye to nobody, and what it has locked would stay so for hours. MySQL
    knows no such limit but that of a whole connection, which is longer, so that few are opened anew.
    """
    on_mariadb = f", SESSION idle_write_transaction_timeout = {seconds}"
    on_mariadb += f", SESSION idle_transaction_timeout = {3 * seconds}"
    return f" /*M!100300{on_mariadb} */ /*!80000, SESSION wait_timeout = {3 * seconds} */"


def never_let_go(connection: Connection, idle_seconds: int) -> None:
    """Keep this connection and its transaction, however long it has nothing to say within that time."""
    on_mariadb = ", SESSION idle_transaction_timeout = 0"
    connection.exec_driver_sql(f"SET SESSION wait_timeout = {idle_seconds} /*M!100300{on_mariadb} */")


def _drop_connections_to_a_replica(failure: ExceptionContext) -> None:
    if error_number(failure.original_exception) in READ_ONLY:
        failure.is_disconnect = True
        failure.invalidate_pool_on_disconnect = True


def error_number(error: BaseException | None) -> int | None:
    """The server's or the client library's number of a driver's error."""
    number = error.args[0] if error is not None and error.args else None
    return number if isinstance(number, int) else None


@compiles(CreateTable, "mysql")
def _create_exact_table(element: CreateTable, compiler: Any, **options: Any) -> str:
    """Every table of ours, whatever the defaults of the server and of its database are."""
    exact = EXACT_ON_MARIADB if compiler.dialect.is_mariadb else EXACT_ON_MYSQL
    statement = str(compiler.visit_create_table(element, **options)).rstrip()
    return f"{statement} ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE={exact}\n\n"
