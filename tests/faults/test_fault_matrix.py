"""Each dependency, broken in each way, against each thing that people do.

Every page answers in time, with what was asked for or with an error page that says so; and when the fault is
gone and the worker has run, the books are right.
"""

import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from bookstore.auditing import audit_shop
from bookstore.shared.worker import run_once
from tests.faults import trading
from tests.faults.fault_proxy import DOWN, LATENCY, RESET, SILENT, SLOW, Fault
from tests.faults.fault_world import FaultWorld, one_process_on_mariadb, services_on_files
from tests.faults.healing import let_time_pass, something_is_left

# Generous: the time-outs are about a second, and the machine that runs the tests may be busy.
IN_TIME = 15

FAULTS = [Fault(DOWN), Fault(LATENCY, 5), Fault(RESET), Fault(SILENT), Fault(SLOW, 2000)]
# A database's driver bounds each silence, not a whole statement: a page is as late as its answers drip.
SLOW_DATABASE = Fault(SLOW, 10_000)
DEPENDENCIES = ["database", "mail", "gateway", "neighbor"]


@dataclass
class Cell:
    """One deed while one dependency is broken: what is prepared before, done meanwhile, and true after."""

    world: FaultWorld
    listing: int
    reference: str
    answers: list[Any]


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultWorld]:
    with services_on_files(tmp_path_factory.mktemp("services")) as world:
        yield world


@pytest.fixture(scope="module")
def on_mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultWorld]:
    with one_process_on_mariadb(tmp_path_factory.mktemp("mariadb")) as world:
        yield world


@pytest.fixture
def world(dependency: str, request: pytest.FixtureRequest) -> Iterator[FaultWorld]:
    world: FaultWorld = request.getfixturevalue("on_mariadb" if dependency == "database" else "services")
    yield world
    world.heal()


def browse(cell: Cell) -> None:
    visitor = cell.world.app.test_client()
    _ask(cell, lambda: visitor.get("/books"))
    _ask(cell, lambda: visitor.get(f"/api/v1/catalog/listings/{cell.listing}"))
    _ask(cell, lambda: cell.world.bruno.get("/"))


def cart(cell: Cell) -> None:
    bruno = cell.world.bruno
    _ask(cell, lambda: trading.add_to_cart(bruno, cell.listing))
    _ask(cell, lambda: bruno.get("/orders/cart"))
    _ask(cell, lambda: bruno.get("/orders/checkout"))


def pay(cell: Cell) -> None:
    key = str(uuid.uuid4())
    # The second click of a buyer who has lost patience.
    for _ in range(2):
        _ask(cell, lambda: trading.pay_by_form(cell.world.bruno, cell.reference, key))
    _ask(cell, lambda: cell.world.bruno.api("GET", f"/orders/{cell.reference}"))


def sell(cell: Cell) -> None:
    ana = cell.world.ana
    offered = trading.listing_of(f"Rayuela {uuid.uuid4().hex[:8]}")
    _ask(cell, lambda: ana.api("POST", "/catalog/listings", json=offered))
    _ask(cell, lambda: ana.get("/sell"))


DEEDS = [browse, cart, pay, sell]
# What must work in spite of the fault, and with which answers.
UNHURT = {
    ("mail", browse): [200, 200, 200],
    ("mail", cart): [303, 200, 200],
    ("mail", pay): [303, 303, 200],
    ("mail", sell): [201, 200],
    ("gateway", browse): [200, 200, 200],
    ("gateway", cart): [303, 200, 200],
    # The buyer is sent to the order, whose page says how far the payment is.
    ("gateway", pay): [303, 303, 200],
    ("gateway", sell): [201, 200],
    ("neighbor", browse): [200, 200, 200],
    # The cart's page keeps its lines and says that the catalog is away; the checkout leads back to it.
    ("neighbor", cart): [503, 200, 303],
    ("neighbor", pay): [303, 303, 200],
    ("neighbor", sell): [201, 200],
}


@pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: deed.__name__)
@pytest.mark.parametrize("fault", FAULTS, ids=str)
@pytest.mark.parametrize("dependency", DEPENDENCIES)
def test_the_shop_answers_in_time_and_its_books_are_right_afterwards(
    world: FaultWorld, dependency: str, fault: Fault, deed: Callable[[Cell], None]
) -> None:
    cell = _prepare(world)
    world.break_with(dependency, SLOW_DATABASE if (dependency, fault.kind) == ("database", SLOW) else fault)
    deed(cell)
    started = time.monotonic()
    run_once([job for job in world.jobs if job.name.endswith(("-recovery", "-mails"))])
    assert time.monotonic() - started < 60
    world.heal()

    statuses = [answer.status_code for answer in cell.answers]
    if (dependency, deed) in UNHURT and fault.kind != SLOW:
        assert statuses == UNHURT[dependency, deed]
    if dependency == "database" and fault.kind in {DOWN, RESET, SILENT}:
        assert set(statuses) == {503}
    _settle(world)
    _check_order(cell, deed)


def _prepare(world: FaultWorld) -> Cell:
    """In good times: Ana offers three copies, Bruno orders one of them and has an empty cart."""
    listing = trading.offer(world.ana, f"Pedro Páramo {uuid.uuid4().hex[:8]}")
    cell = Cell(world, listing, trading.place(world.bruno, listing), [])
    assert trading.send_form(world.bruno, "/orders/cart/clear", {}).status_code == 303
    assert trading.add_to_cart(world.bruno, listing).status_code == 303
    return cell


def _ask(cell: Cell, ask: Callable[[], Any]) -> None:
    """The answer comes in time, and is what was asked for or a proper error with the request's id."""
    started = time.monotonic()
    answer = ask()
    assert time.monotonic() - started < IN_TIME
    assert answer.status_code < 400 or answer.status_code in {409, 503}, answer.text
    assert "Traceback" not in answer.text
    assert answer.headers["X-Request-ID"]
    if answer.status_code == 503:
        assert answer.headers["Retry-After"] == "5"
        assert answer.headers["X-Request-ID"] in answer.text
    cell.answers.append(answer)


def _settle(world: FaultWorld) -> None:
    """What was left behind is carried on by the worker, as soon as it may.

    On a busy machine a healthy neighbor too may be late once, and is then left alone for a while again.
    """
    for _ in range(20):
        time.sleep(0.4)  # circuits that opened try again
        let_time_pass(world.databases)
        run_once(world.jobs)
        if not something_is_left(world.databases):
            break
    assert audit_shop(world.settings, world.databases) == []


def _check_order(cell: Cell, deed: Callable[[Cell], None]) -> None:
    """The order is paid once or not at all, and whoever was told that it is paid was told the truth."""
    world, reference = cell.world, cell.reference
    status = trading.status_of(world.bruno, reference)
    captured = [
        line for line in world.gateway.statement() if (line.reference, line.kind) == (reference, "captured")
    ]
    assert status in {"paid", "awaiting_payment"}
    assert len(captured) == (status == "paid")
    if deed is not pay:
        assert status == "awaiting_payment"
        return
    accepted = any(answer.status_code == 303 for answer in cell.answers[:2])
    assert status == "paid" or not accepted
    told = cell.answers[2].json if cell.answers[2].status_code == 200 else {}
    assert told.get("status") != "paid" or status == "paid"
    mails = [
        mail for mail in world.mailbox.messages if reference in str(mail["Subject"]) + mail.get_content()
    ]
    # Placed, and paid when it is; a mail may come twice, but never as two different ones.
    assert len({mail["Message-ID"] for mail in mails}) == (2 if status == "paid" else 1)
