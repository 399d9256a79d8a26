"""`bookstore chaos` as it is typed: its list, its refusals, its exit code."""

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bookstore.chaos import commands, on_the_lab
from bookstore.chaos.calendar import GAME_DAYS
from bookstore.chaos.errors import HypothesisRefuted, NeedsTheLab, NotTheLab
from bookstore.chaos.foreign_shop import ForeignShop
from bookstore.chaos.game_day import hold
from bookstore.lab.open_shop import OpenShop
from bookstore.lab.plan import NODES, Plan
from tests.unit.chaos_fakes import AT_ONCE, FakeLoad, FakeShop, failure

NAMES = [
    "kill-replica",
    "kill-worker-node",
    "kill-leader",
    "partition",
    "slow-database",
    "database-failover",
    "fill-disk",
    "slow-payments",
    "clock-skew",
]


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """Which game days were held on which shop; none of them breaks anything."""
    days: list[tuple[str, Any]] = []

    def note(day: Any, shop: Any, load: Any, tell: Any) -> Any:
        days.append((day.name, shop))
        quiet = day.__class__(day.name, day.hypothesis, _nothing, day.limits, day.lasts and 0.001)
        return hold(quiet, FakeShop(), load, tell, AT_ONCE)

    monkeypatch.setattr(commands, "hold", note)
    monkeypatch.setattr(commands, "Load", lambda url, authority, rate: FakeLoad(rate))
    return days


def _nothing(scene: Any) -> Any:
    return nullcontext()


def typed(*words: str) -> Result:
    return CliRunner().invoke(commands.chaos, words)


def lab_of(path: Path) -> OpenShop:
    return OpenShop(Plan(path))


def test_every_game_day_has_a_command_and_states_its_hypothesis() -> None:
    listed = typed("list").output
    assert [day.name for day in GAME_DAYS] == NAMES
    for day in GAME_DAYS:
        assert f"{day.name}\n    {day.hypothesis}" in listed
        assert typed(day.name, "--help").exit_code == 0


@pytest.mark.parametrize("name", NAMES)
def test_without_a_lab_nothing_is_touched(
    name: str, tmp_path: Path, held: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    refused = typed(name, "--checkout", str(tmp_path))
    assert isinstance(refused.exception, NotTheLab)
    assert "no node of a lab" in str(refused.exception)
    assert held == []


def test_where_docker_leads_elsewhere_nothing_is_touched(
    tmp_path: Path, held: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when there is a lab on this machine: who means the shop of a town must not hit the lab, nor the other way."""
    monkeypatch.setenv("DOCKER_HOST", "ssh://operator@manager-1")
    monkeypatch.setattr(on_the_lab.engines, "pid_of", lambda plan, name: 1)
    refused = typed("kill-replica", "--checkout", str(tmp_path))
    assert isinstance(refused.exception, NotTheLab)
    assert "ssh://operator@manager-1" in str(refused.exception)
    assert held == []


@pytest.mark.parametrize("name", NAMES)
def test_force_holds_elsewhere_what_needs_no_lab(
    name: str, tmp_path: Path, held: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "ssh://operator@manager-1")
    forced = typed(name, "--checkout", str(tmp_path), "--force", "--url", "https://shop.example")
    if name == "kill-replica":
        assert held == [(name, ForeignShop("bookstore"))]
        assert forced.exit_code == 0
    else:
        assert isinstance(forced.exception, NeedsTheLab)
        assert held == []


def test_force_wants_to_know_where_the_shop_is(
    tmp_path: Path, held: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "ssh://operator@manager-1")
    refused = typed("kill-replica", "--checkout", str(tmp_path), "--force")
    assert (refused.exit_code, held) == (2, [])
    assert "--url" in refused.output


@pytest.mark.parametrize("host", ["", NODES[1].engine])
def test_on_the_lab_it_is_held_and_the_verdict_printed(
    host: str, tmp_path: Path, held: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "find_lab", lab_of)
    monkeypatch.setenv("DOCKER_HOST", host)
    done = typed("kill-leader", "--checkout", str(tmp_path), "--rate", "7")
    assert [name for name, _ in held] == ["kill-leader"]
    assert done.exit_code == 0
    assert "hypothesis: When the manager that decides" in done.output
    assert "VERDICT kill-leader: the hypothesis holds" in done.output


def test_a_refuted_hypothesis_is_an_exit_code(
    tmp_path: Path, held: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "find_lab", lab_of)
    monkeypatch.setattr(commands, "Load", lambda url, authority, rate: FakeLoad(rate, failures=[failure()]))
    done = typed("kill-replica", "--checkout", str(tmp_path))
    assert done.exit_code == 1
    assert isinstance(done.exception, HypothesisRefuted)
    assert "VERDICT kill-replica: refuted: 1 requests failed" in done.output
