"""The database's own rate of orders: what the shop says to it, said by a C client, with the same durability.

Some `mariadb` clients, each with a connection of its own, read the statements of many orders from files and
send them one after the other; everything between the statements that the shop does in Python falls away.
"""

import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import MySQLdb
import psutil
from tests.database_servers import DatabaseServer

from bench.members import Members
from bench.pages import Visitor, purchase
from bench.production import SCHEMA, Production
from bench.replay import Recorder, Recording, Step
from bench.shop import written_nowhere
from bench.usage import cpu_seconds
from bookstore.app import create_shop

CLIENTS = (8, 16, 32)
FIRST_ORDERS = 160
# Numbers of new rows begin far from one another, so that a number tells of which table it is.
APART = 20_000_000
# What the shop tells the server at the beginning of a connection, as far as it matters here.
PROLOGUE = "SET autocommit = 0; SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED;\n"


@dataclass(frozen=True)
class OwnRate:
    """Orders per second with so many clients; statements and commits are of one order, `cpu` is the server's
    processor time in seconds for 1,000 of them.
    """

    clients: int
    orders: int
    rate: float
    statements: int
    commits: int
    cpu: float


def database_rate(running: Production, members: Members, stacks: Sequence[int], seconds: float) -> OwnRate:
    """The best of some numbers of clients, each of which is measured for about so long."""
    recording = record(running, members, stacks)
    first = replay(running.database, recording, stacks, clients=CLIENTS[0], orders=FIRST_ORDERS)
    orders = max(FIRST_ORDERS, int(first.rate * seconds))
    rates = [
        replay(running.database, recording, stacks, clients=clients, orders=orders) for clients in CLIENTS
    ]
    return max(rates, key=lambda one: one.rate)


def record(running: Production, members: Members, stacks: Sequence[int]) -> Recording:
    """Let the app of this process order twice in the databases of the running shop."""
    members.stay_logged_in()
    _set_numbers_apart(running.database)
    with tempfile.TemporaryDirectory(prefix="bookstore-bench-") as folder, written_nowhere():
        shop = create_shop(replace(running.settings, data_dir=Path(folder)))
        try:
            visitor = Visitor(shop)
            # The first order looks up once what later ones remember.
            orders = [_recorded(visitor, members, listing) for listing in stacks[:3]]
        finally:
            shop.close()
    return Recording(orders[1], orders[2], stacks[1], stacks[2])


def replay(
    server: DatabaseServer, recording: Recording, stacks: Sequence[int], *, clients: int, orders: int
) -> OwnRate:
    """So many orders by so many clients. Raises AssertionError when an order is not there in the end."""
    each = orders // clients
    with tempfile.TemporaryDirectory(prefix="bookstore-bench-") as folder:
        files = _write(server, recording, stacks, Path(folder), clients=clients, each=each)
        paid, used, began = _orders(server), _cpu(server), time.perf_counter()
        _run(server, files)
        seconds, used = time.perf_counter() - began, _cpu(server) - used
    made = _orders(server) - paid
    if made != each * clients:
        raise AssertionError(f"{made} orders were paid for by the replay instead of {each * clients}")
    return OwnRate(clients, made, made / seconds, len(recording.steps), recording.commits, 1000 * used / made)


def _recorded(visitor: Visitor, members: Members, listing: int) -> list[Step]:
    recorder = Recorder()
    with recorder.recording():
        visitor.ask(purchase(visitor, members.tokens[0], listing, members.option))
    return recorder.steps


def _set_numbers_apart(server: DatabaseServer) -> None:
    """Of the tables that an order adds rows to; those of the data set are left as they are."""
    wanted = f"table_schema = '{SCHEMA}' AND table_name NOT IN ('books', 'listings')"
    tables = server.administer(
        "SELECT table_name FROM information_schema.tables"  # noqa: S608  # a name of ours
        f" WHERE auto_increment IS NOT NULL AND {wanted} ORDER BY table_name"
    )
    for place, (table,) in enumerate(tables, start=1):
        server.administer(f"ALTER TABLE {SCHEMA}.`{table}` AUTO_INCREMENT = {place * APART}")


def _write(
    server: DatabaseServer,
    recording: Recording,
    stacks: Sequence[int],
    folder: Path,
    *,
    clients: int,
    each: int,
) -> list[Path]:
    connection = MySQLdb.connect(unix_socket=str(server.socket), user="root", charset="utf8mb4")
    files = [folder / f"{number}.sql" for number in range(clients)]
    try:
        for number, path in enumerate(files):
            wanted = (stacks[(number * each + place) % len(stacks)] for place in range(each))
            orders = (
                recording.sql(listing, lambda value: connection.literal(value).decode()) for listing in wanted
            )
            path.write_text(PROLOGUE + "".join(orders))
    finally:
        connection.close()
    return files


def _run(server: DatabaseServer, files: Sequence[Path]) -> None:
    """All at once. Raises AssertionError when a statement fails."""
    command = ["mariadb", "--no-defaults", f"--socket={server.socket}", "--user=root", "--batch", SCHEMA]
    with ExitStack() as stack:
        processes = [
            subprocess.Popen(  # noqa: S603  # a client of the database, and no shell
                command,
                stdin=stack.enter_context(path.open("rb")),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env={**os.environ, "LC_ALL": "C.UTF-8"},
            )
            for path in files
        ]
        said = [process.communicate()[1] for process in processes]
    if failed := [text for process, text in zip(processes, said, strict=True) if process.returncode]:
        raise AssertionError(f"a replayed order failed: {failed[0].decode()[-600:]}")


def _cpu(server: DatabaseServer) -> float:
    assert server.process is not None
    return cpu_seconds(psutil.Process(server.process.pid))


def _orders(server: DatabaseServer) -> int:
    [(number,)] = server.administer(f"SELECT COUNT(*) FROM {SCHEMA}.orders WHERE status = 'paid'")  # noqa: S608
    return int(str(number))
