"""The production set-up comes up, every scenario gets right answers from it, and a C client orders there too."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from bench.__main__ import main
from bench.database_rate import record, replay
from bench.filling import COPIES_OF_A_STACK, DataSet
from bench.imports import import_into
from bench.measuring import Bench, StaticLimits
from bench.plain import plain_beside
from bench.production import SCHEMA
from bench.results import Run
from bench.run import Opened, opened
from bench.rush import Rush
from bench.sustained import Trial
from click.testing import CliRunner

from bench import soak as soaking

BOOKS, LISTINGS = 300, 900
RATE, SECONDS = 4.0, 1.0
SCENARIOS = {
    "browse": 4,
    "search": 4,
    "book": 4,
    "browse, member": 4,
    "login": 4,
    "checkout": 8,
    "mix": 24,
}
# Of visits with time to think, those under way at the end break off; and on a busy machine the payment of an
# order that was placed before the counting began may come after it.
AT_THE_EDGES = {"mix": 6, "checkout": 2}


@pytest.fixture(scope="module")
def shop() -> Iterator[Opened]:
    with opened(DataSet(BOOKS, LISTINGS), tls=False, say=lambda _: None) as shop:
        yield shop


def number(shop: Opened, question: str) -> int:
    [(answer,)] = shop.running.database.administer(question)
    return int(str(answer))


def trial(shop: Opened, name: str) -> Trial:
    [scenario] = [one for one in shop.scenarios if one.name == name]
    bench = Bench(shop.running.shop, SECONDS, lambda _: None, shop.usage)
    return bench.trial(scenario, RATE, SECONDS)


def test_the_database_is_as_durable_as_in_production(shop: Opened) -> None:
    variables = dict(
        shop.running.database.administer(
            "SHOW GLOBAL VARIABLES WHERE Variable_name IN"
            " ('innodb_flush_log_at_trx_commit', 'sync_binlog', 'log_bin', 'innodb_doublewrite')"
        )
    )
    assert variables == {
        "innodb_flush_log_at_trx_commit": "1",
        "sync_binlog": "1",
        "log_bin": "ON",
        "innodb_doublewrite": "ON",
    }


def test_the_data_set_is_in_the_shop(shop: Opened) -> None:
    assert number(shop, f"SELECT COUNT(*) FROM {SCHEMA}.books") == BOOKS
    assert number(shop, f"SELECT COUNT(*) FROM {SCHEMA}.listings") == LISTINGS + BOOKS
    assert len(shop.stacks) == BOOKS


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_request_of_a_scenario_gets_the_right_answer(name: str, shop: Opened) -> None:
    done = trial(shop, name)
    assert done.errors == {}
    assert done.requests == pytest.approx(SCENARIOS[name], abs=AT_THE_EDGES.get(name, 0))
    assert done.cost["statements"] >= 0
    assert set(done.cost["cpu"]) == {"app", "worker", "nginx", "database"}
    assert min(done.cost["memory"].values()) > 1


def test_members_who_browse_get_what_nginx_keeps(shop: Opened) -> None:
    [scenario] = [one for one in shop.scenarios if one.name == "browse, member"]
    browsing = Bench(shop.running.shop, 2.0, lambda _: None, shop.usage).trial(scenario, 30.0, 2.0)
    assert not browsing.errors
    # A page that the app makes asks for more than this each time.
    assert browsing.cost["statements"] < 1.5


def test_orders_are_paid_and_their_copies_sold(shop: Opened) -> None:
    question = f"SELECT COUNT(*) FROM {SCHEMA}.orders WHERE status = 'paid'"
    before = number(shop, question)
    trial(shop, "checkout")
    # Those of the half second before it is counted as well.
    assert number(shop, question) - before == 6


def test_a_c_client_orders_as_the_shop_does(shop: Opened) -> None:
    sold = f"SELECT SUM(sold) FROM {SCHEMA}.listings WHERE offered = {COPIES_OF_A_STACK}"
    recording = record(shop.running, shop.members, shop.stacks)
    before = number(shop, sold)
    own = replay(shop.running.database, recording, shop.stacks, clients=2, orders=8)
    assert own.orders == number(shop, sold) - before == 8
    assert own.commits == recording.commits >= 10
    assert own.rate > 0


def test_a_file_of_a_size_is_served_by_the_same_nginx(shop: Opened) -> None:
    bench = Bench(shop.running.shop, 0.5, lambda _: None, shop.usage, bisections=0)
    static = StaticLimits(bench, shop.running.edge.static)
    limit = static.of_size(5_000)
    assert limit.name == "nginx, a file of 5,000 bytes"
    assert limit.trials[0].body_bytes == 5_000
    assert static.of_size(5_200) is limit


def test_whoever_orders_in_a_rush_pays(shop: Opened) -> None:
    rush = Rush(shop.running.shop, shop.pages, shop.members, shop.stacks)
    done = Bench(shop.running.shop, SECONDS, lambda _: None).trial(rush.scenario, 20.0, 1.5)
    assert done.errors == {}
    assert (rush.tills.placed, rush.tills.paid) == (2, 2)


def test_a_soak_follows_each_worker(shop: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soaking, "LOOK_EVERY", 0.5)
    done = soaking.soak(shop, 1.0 / soaking.PART, minutes=0.04, settling_minutes=0.01)
    assert done.errors == Counter()
    assert len(done.slopes) == len(done.files) == shop.running.settings.workers
    assert all(last > 5 for _, last in done.files.values())


def test_books_are_imported_while_people_search(shop: Opened) -> None:
    done = import_into(shop, 300, lambda _: None)
    assert done.rows == number(shop, f"SELECT COUNT(*) FROM {SCHEMA}.books WHERE source = 'import'")
    assert number(shop, f"SELECT COUNT(*) FROM {SCHEMA}.books_in_bulk") == BOOKS + 300
    assert done.failures == []
    assert len(done.asked) >= 1
    assert done.seconds > done.bulk_seconds > 0


def test_a_shop_that_runs_anyway_is_measured_by_its_address(shop: Opened, tmp_path: Path) -> None:
    paths = tmp_path / "paths.yml"
    paths.write_text(
        "browse: {path: /books, word: book-card}\n"
        "search: {path: '/books?q=quba', word: book-card}\n"
        f"book: {{path: '{shop.pages['book'][0].path}', word: book-detail}}\n"
    )
    arguments = ["--url", shop.running.shop.url, "--paths", str(paths), "--only", "book", "--seconds", "1"]
    said = CliRunner().invoke(main, ["run", *arguments, "--out", str(tmp_path)])
    assert said.exit_code == 0, said.output
    [stored] = tmp_path.glob("*.json")
    run = Run.load(stored)
    assert [(one.name, one.limit) for one in run.results] == [("book", None)]
    assert run.results[0].trials[0].errors == {}
    assert run.about["url"] == shop.running.shop.url
    assert "<svg" in stored.with_suffix(".html").read_text()


def test_the_plain_pages_show_the_same_books(shop: Opened) -> None:
    """Else the difference that is told would be that of other pages."""
    own = f"http://127.0.0.1:{shop.running.settings.port}"
    with plain_beside(shop.running) as plain:
        for page in (*shop.pages["browse"], *shop.pages["book"][:5]):
            ours, theirs = (httpx.get(f"{url}{page.path}") for url in (own, plain.shop.url))
            assert (ours.status_code, theirs.status_code) == (200, 200), page
            assert books_on(ours.text) == books_on(theirs.text), page
        for page in shop.pages["search"][:10]:
            found = books_on(httpx.get(f"{plain.shop.url}{page.path}").text)
            assert found, page


def books_on(text: str) -> list[tuple[str, str]]:
    """Each link to a book with the price that follows it."""
    return re.findall(r'href="(/books/\d+-[^"]*)".*?class="price">\s*([^<]*)', text, re.DOTALL)


def test_three_services_sell_as_one_shop_does() -> None:
    with opened(DataSet(100, 100), tls=False, say=lambda _: None, split=True) as split:
        checkout = trial(split, "checkout")
        assert checkout.requests == pytest.approx(SCENARIOS["checkout"], abs=AT_THE_EDGES["checkout"])
        assert not checkout.errors
        # Those of the half second before it is counted as well.
        assert number(split, f"SELECT COUNT(*) FROM {SCHEMA}_orders.orders WHERE status = 'paid'") == 6
        assert number(split, f"SELECT SUM(sold) FROM {SCHEMA}_catalog.listings") == 6
        assert {"accounts", "catalog", "orders", "orders-worker"} <= split.usage().cpu.keys()
