"""What a server gives up is made again, once; what may have happened is not."""

import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from bookstore.shared import retries
from bookstore.shared.database import Database
from bookstore.shared.mysql import error_number
from tests.database_servers import DatabaseServer


@pytest.fixture
def numbers(database: Database) -> Database:
    """Two rows, of number 0 each."""
    with database.engine.begin() as connection:
        connection.execute(text("CREATE TABLE numbers (id INTEGER PRIMARY KEY, value INTEGER NOT NULL)"))
        connection.execute(text("INSERT INTO numbers VALUES (1, 0), (2, 0)"))
    return database


def values(database: Database) -> list[int]:
    with database.reading() as session:
        return list(session.scalars(text("SELECT value FROM numbers ORDER BY id")))


def add(session: Session, row: int) -> None:
    session.execute(text("UPDATE numbers SET value = value + 1 WHERE id = :row"), {"row": row})


def connection_id(session: Session) -> int:
    return int(session.scalar(text("SELECT CONNECTION_ID()")))


class Work:
    """Adds to both rows in one transaction; the first time, `trouble` comes between the two."""

    def __init__(self, database: Database, trouble) -> None:
        self.database, self.trouble, self.tries = database, trouble, 0

    def run(self) -> None:
        self.tries += 1
        with self.database.writing() as session, session.begin():
            add(session, 1)
            if self.tries == 1:
                self.trouble(session)
            add(session, 2)


def test_of_two_in_a_deadlock_both_get_through(numbers: Database) -> None:
    both_hold_one = threading.Barrier(2, timeout=10)
    tries: list[int] = []

    def add_to(first: int, second: int) -> None:
        def work() -> None:
            tries.append(first)
            with numbers.writing() as session, session.begin():
                add(session, first)
                if tries.count(first) == 1:
                    both_hold_one.wait()
                add(session, second)

        retries.retried(work)()

    threads = [threading.Thread(target=add_to, args=pair) for pair in ((1, 2), (2, 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    assert values(numbers) == [2, 2]
    assert len(tries) > 2


def test_a_row_that_was_locked_for_too_long_is_waited_for_again(numbers: Database) -> None:
    holder = numbers.engine.connect()
    holder.execute(text("UPDATE numbers SET value = 10 WHERE id = 2"))
    refusals: list[int | None] = []

    @event.listens_for(numbers.engine, "handle_error")
    def let_go(context) -> None:
        refusals.append(error_number(context.original_exception))
        holder.commit()

    work = Work(numbers, lambda session: None)
    retries.retried(work.run)()
    holder.close()

    assert refusals == [retries.LOCK_WAIT]
    assert (work.tries, values(numbers)) == (2, [1, 11])


def test_a_connection_lost_before_the_commit_has_changed_nothing(
    numbers: Database, server: DatabaseServer
) -> None:
    work = Work(numbers, lambda session: server.administer(f"KILL {connection_id(session)}"))
    retries.retried(work.run)()
    assert (work.tries, values(numbers)) == (2, [1, 1])


@pytest.fixture
def cut_at_commit(numbers: Database, server: DatabaseServer) -> Iterator[None]:
    """The first COMMIT finds its connection gone."""
    cuts: list[int] = []

    @event.listens_for(numbers.engine, "commit")
    def cut(connection) -> None:
        if not cuts:
            cuts.append(connection.connection.thread_id())
            server.administer(f"KILL {cuts[0]}")

    yield
    event.remove(numbers.engine, "commit", cut)


@pytest.mark.usefixtures("cut_at_commit")
def test_a_commit_without_an_answer_is_not_repeated_where_twice_is_too_often(numbers: Database) -> None:
    work = Work(numbers, lambda session: None)
    with pytest.raises(DBAPIError) as lost:
        retries.retried(work.run)()
    assert error_number(lost.value.orig) in retries.LOST
    assert work.tries == 1


@pytest.mark.usefixtures("cut_at_commit")
def test_a_commit_without_an_answer_is_repeated_where_twice_is_as_good_as_once(numbers: Database) -> None:
    work = Work(numbers, lambda session: None)
    retries.repeatable(work.run)()
    assert (work.tries, values(numbers)) == (2, [1, 1])


def test_connections_to_what_became_a_replica_are_dropped(numbers: Database, server: DatabaseServer) -> None:
    with numbers.reading() as session:
        before = connection_id(session)
    server.administer("SET GLOBAL read_only = ON")

    @event.listens_for(numbers.engine, "handle_error")
    def fail_over(context) -> None:
        if error_number(context.original_exception) in retries.READ_ONLY:
            server.administer("SET GLOBAL read_only = OFF")

    try:
        work = Work(numbers, lambda session: None)
        retries.retried(work.run)()
    finally:
        server.administer("SET GLOBAL read_only = OFF")

    assert (work.tries, values(numbers)) == (2, [1, 1])
    with numbers.reading() as session:
        assert connection_id(session) != before


def test_what_is_wrong_with_the_work_itself_is_not_repeated(numbers: Database) -> None:
    work = Work(numbers, lambda session: session.execute(text("INSERT INTO numbers VALUES (1, 1)")))
    with pytest.raises(DBAPIError):
        retries.retried(work.run)()
    assert (work.tries, values(numbers)) == (1, [0, 0])


def test_a_server_that_stays_read_only_is_given_up(numbers: Database, server: DatabaseServer) -> None:
    server.administer("SET GLOBAL read_only = ON")
    work = Work(numbers, lambda session: None)
    try:
        with pytest.raises(DBAPIError, match="read-only"):
            retries.retried(work.run)()
    finally:
        server.administer("SET GLOBAL read_only = OFF")
    assert (work.tries, values(numbers)) == (retries.TRIES, [0, 0])
