"""How a game day goes and what its verdict is, with a shop and a load that are not there."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from bookstore.chaos.errors import Interrupted, ShopNotWhole, TroubleFailed
from bookstore.chaos.game_day import Scene, hold
from bookstore.chaos.load import Buyer, Purchase
from bookstore.chaos.verdict import Limits, Verdict, told_to_come_back
from tests.unit.chaos_fakes import AT_ONCE, FakeLoad, FakeShop, Trouble, day, failure


def held(
    load: FakeLoad | None = None,
    shop: FakeShop | None = None,
    trouble: Trouble | None = None,
    limits: Limits | None = None,
    lasts: float = 0,
) -> Verdict:
    chosen: Any = load or FakeLoad()
    return hold(
        day(trouble or Trouble(), limits, lasts), shop or FakeShop(), chosen, lambda news: None, AT_ONCE
    )


def test_a_hypothesis_holds_when_nothing_was_lost_and_all_is_well_again() -> None:
    trouble = Trouble()
    verdict = held(trouble=trouble)
    assert verdict.breaches() == []
    assert verdict.holds
    assert (trouble.broken, trouble.put_right) == (True, True)
    assert "VERDICT break-it: the hypothesis holds" in verdict.report()


@pytest.mark.parametrize(
    ("load", "breach"),
    [
        (FakeLoad(failures=[failure()]), "1 requests failed that should not"),
        (FakeLoad(failures=[failure(None)]), "1 requests failed that should not"),
        (FakeLoad(there={}), "acknowledged, and not there once or not paid: BS-1"),
        (FakeLoad(there={"BS-1": "expired"}), "acknowledged, and not there once or not paid: BS-1"),
        (FakeLoad(there={"BS-1": "paid", "BS-2": "paid"}), "ordered by nobody: BS-2"),
        (
            FakeLoad(ordered={"key 1": "BS-1", "key 2": "BS-1"}),
            "acknowledged, and not there once or not paid: BS-1",
        ),
    ],
    ids=["defect", "no answer", "order gone", "not paid", "order of nobody", "one order for two"],
)
def test_what_people_lose_refutes_it(load: FakeLoad, breach: str) -> None:
    verdict = held(load)
    assert verdict.breaches() == [breach]
    assert f"VERDICT break-it: refuted: {breach}" in verdict.report()


def test_what_the_audit_finds_refutes_it() -> None:
    [breach] = held(shop=FakeShop(finding="copies: listing 7: 1 too many")).breaches()
    assert "copies: listing 7: 1 too many" in breach


def test_a_trouble_that_did_not_trouble_refutes_it() -> None:
    assert held(trouble=Trouble(sees=False)).breaches() == ["it is broken"]


def test_only_the_failures_that_are_part_of_the_hypothesis_are_borne() -> None:
    limits = Limits(seconds=100, tolerates=told_to_come_back)
    assert held(FakeLoad(failures=[failure(503)]), limits=limits).holds
    for status in (500, 502, 504, None):
        assert not held(FakeLoad(failures=[failure(503), failure(status)]), limits=limits).holds


def test_a_shop_that_does_not_become_whole_refutes_it_and_the_rest_is_judged_all_the_same() -> None:
    verdict = held(shop=FakeShop(["", "app: 7 up"]))
    assert verdict.seconds is None
    assert verdict.breaches() == ["the shop did not become whole again"]


def test_a_shop_that_takes_too_long_refutes_it() -> None:
    assert held(limits=Limits(seconds=0.5)).breaches() == ["1 s to recover instead of 0"]


def test_it_has_not_recovered_while_people_are_still_refused() -> None:
    load = FakeLoad(failures=[failure(503, ended=90)])
    assert held(load, limits=Limits(seconds=100, tolerates=told_to_come_back)).seconds == 89


def test_what_passes_is_recovered_from_after_it_has_passed() -> None:
    """The failures of before count as failures, not as seconds to recover."""
    load = FakeLoad(failures=[failure(503, ended=1.5)])
    limits = Limits(seconds=100, tolerates=told_to_come_back)
    assert held(load, limits=limits, lasts=0.001).seconds == 1


@pytest.mark.parametrize(("finishes", "unfinished"), [(True, 0), (False, 1)])
def test_who_got_no_answer_repeats_the_purchase(finishes: bool, unfinished: int) -> None:
    waiting = {"key 2": Purchase("key 2", Buyer("bruno@example.com", "token"), 1)}
    verdict = held(FakeLoad(unfinished=waiting, finishes=finishes))
    assert (verdict.repeated, verdict.unfinished) == (1 - unfinished, unfinished)
    assert verdict.holds is finishes


def test_a_shop_that_is_not_whole_is_left_alone() -> None:
    trouble = Trouble()
    with pytest.raises(ShopNotWhole, match="app: 7 up"):
        held(shop=FakeShop(["app: 7 up"]), trouble=trouble)
    assert not trouble.broken


def test_a_trouble_that_fails_is_put_right_and_the_load_ends() -> None:
    trouble, load = Trouble(fails=RuntimeError), FakeLoad()
    with pytest.raises(RuntimeError):
        held(load, trouble=trouble)
    assert trouble.put_right
    assert not load.is_open


def test_what_does_not_come_about_in_time_is_named() -> None:
    scene = Scene(FakeShop(), FakeLoad(), AT_ONCE, lambda news: None)  # type: ignore[arg-type]
    with pytest.raises(TroubleFailed, match="another manager leads"):
        scene.wait_until(lambda: False, "another manager leads")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_is_interrupted_puts_right_what_was_broken(number: signal.Signals) -> None:
    class Interrupting(FakeShop):
        """Somebody types Ctrl-C while one waits for the shop to be whole again."""

        def missing(self) -> str:
            if trouble.broken:
                os.kill(os.getpid(), number)
            return ""

    before, trouble, load = signal.getsignal(number), Trouble(), FakeLoad()
    with pytest.raises(Interrupted):
        held(load, Interrupting(), trouble)
    assert trouble.put_right
    assert not load.is_open
    assert signal.getsignal(number) == before


def test_impatience_does_not_cut_the_end_of_a_trouble_short() -> None:
    ended: list[str] = []

    @contextmanager
    def slow_to_end(scene: Scene) -> Iterator[None]:
        try:
            yield
        finally:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGTERM)
            ended.append("put right")

    news: list[str] = []
    load: Any = FakeLoad()
    with pytest.raises(Interrupted):
        hold(day(slow_to_end), FakeShop(), load, news.append, AT_ONCE)  # type: ignore[arg-type]
    assert ended == ["put right"]
    assert news.count("putting right what was broken first, which takes a moment") == 2
