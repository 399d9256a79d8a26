"""What an operator reads before, while and after the stacks are brought up, and what is refused."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

import operate
from deployer import Synthesized, TakenBack, apply
from operate import Operator
from tests.aws.account import client, left, running, stacks
from tests.aws.synthesis import environment

pytestmark = pytest.mark.usefixtures("aws")
FLEET = environment(PROFILE="academy")
Tell = pytest.CaptureFixture[str]


@pytest.fixture
def fleet() -> list[Synthesized]:
    return stacks("fleet")


def operator(fleet: list[Synthesized], *, confirmed: str = "", asked: Any = client) -> Operator:
    return Operator(FLEET, fleet, asked, confirmed)


def changed(stack: Synthesized, change: Callable[[dict[str, Any]], None]) -> Synthesized:
    """The same stack after an operator has changed something in its resources."""
    resources = {name: {**one} for name, one in stack.template["Resources"].items()}
    change(resources)
    return replace(stack, template={**stack.template, "Resources": resources})


def another_version(stack: Synthesized) -> Synthesized:
    def change(resources: dict[str, Any]) -> None:
        (name,) = (name for name, one in resources.items() if one["Type"] == "AWS::EC2::LaunchTemplate")
        data = resources[name]["Properties"]["LaunchTemplateData"] | {"InstanceType": "t3.medium"}
        resources[name] |= {"Properties": resources[name]["Properties"] | {"LaunchTemplateData": data}}

    return changed(stack, change)


def without_files(stack: Synthesized) -> Synthesized:
    def change(resources: dict[str, Any]) -> None:
        for name in [name for name, one in resources.items() if one["Type"].startswith("AWS::EFS::")]:
            del resources[name]

    return changed(stack, change)


def test_a_plan_of_what_is_not_there_names_what_would_be_made_and_its_price(
    fleet: list[Synthesized], capsys: Tell
) -> None:
    assert operator(fleet).plan() == 0

    told = capsys.readouterr().out
    for stack in fleet:
        assert f"{stack.name}: would be created, {len(stack.template['Resources'])} resources" in told
    assert "2 x instance t3.small" in told
    assert "1 x database db.t3.micro" in told
    assert "US dollars in a month" in told
    assert left()["stacks"] == []


def test_a_plan_of_what_is_there_names_what_differs(fleet: list[Synthesized], capsys: Tell) -> None:
    apply(fleet, client, lambda line: None)
    assert operator(fleet).plan() == 0
    assert capsys.readouterr().out.count("is as it should be") == len(fleet)

    newer = [another_version(one) if one.name == "bookstore-fleet" else one for one in fleet]
    assert operator(newer).plan() == 0

    told = capsys.readouterr().out
    assert "bookstore-fleet: would change" in told
    assert "(AWS::EC2::LaunchTemplate)" in told
    assert "the instances of Fleet would be replaced" in told
    assert told.count("is as it should be") == len(fleet) - 1


def test_an_operator_reads_how_everything_does(fleet: list[Synthesized], capsys: Tell) -> None:
    assert operator(fleet).status() == 1
    assert capsys.readouterr().out.count("is not there") == len(fleet)

    assert operator(fleet).apply() == 0
    told = capsys.readouterr().out
    assert "2 of 2 instances (2 to 3)" in told
    assert told.count("InService, healthy, version 1") == 2
    assert "2 of 2 targets are ready" in told
    assert "database bookstore-fleet-foundation: available, MySQL 8.4.8" in told
    assert "shop.example leads to" in told
    assert "    ! " not in told


def test_what_is_not_well_is_marked_and_makes_the_command_fail(
    fleet: list[Synthesized], capsys: Tell
) -> None:
    apply(fleet, client, lambda line: None)
    name = "bookstore-fleet-monitoring-Errors"
    client("cloudwatch").set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="a test")
    client("autoscaling").set_instance_health(InstanceId=running()[0], HealthStatus="Unhealthy")

    assert operator(fleet).status() == 1
    told = capsys.readouterr().out
    assert f"! {name}: The shop answered more than five requests of a minute with 5xx" in told
    assert "    ! 1 of " in told
    assert "InService, unhealthy" in told


@pytest.mark.parametrize("said", ["", "swarm", "yes"])
def test_nothing_is_destroyed_until_the_operator_names_it(
    said: str, fleet: list[Synthesized], capsys: Tell
) -> None:
    apply(fleet, client, lambda line: None)
    before = left()

    with pytest.raises(operate.NotConfirmed, match="--confirm fleet"):
        operator(fleet, confirmed=said).destroy()
    told = capsys.readouterr().out
    assert "a database (DatabaseInstance" in told
    assert "the shared files (FilesFileSystem" in told
    assert left() == before

    assert operator(fleet, confirmed="fleet").destroy() == 0
    assert {kind: names for kind, names in left().items() if names} == {}


def test_an_update_that_would_delete_data_asks_first(fleet: list[Synthesized], capsys: Tell) -> None:
    apply(fleet, client, lambda line: None)
    newer = [without_files(one) if one.name.endswith("foundation") else one for one in fleet]

    with pytest.raises(operate.NotConfirmed):
        operator(newer).apply()
    assert "- FilesFileSystem" in capsys.readouterr().out
    assert len(left()["files"]) == 1


@pytest.mark.parametrize(
    ("settings", "reason"),
    [({}, "DOMAIN: is missing"), ({"BOOKSTORE_AWS_DOMAIN": "shop"}, "'shop' is not the name of a domain")],
)
def test_unsafe_settings_are_refused_with_the_reason(
    settings: dict[str, str], reason: str, monkeypatch: pytest.MonkeyPatch, capsys: Tell
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)

    assert operate.main(["apply"]) == operate.REFUSED
    assert reason in capsys.readouterr().err
    assert left()["stacks"] == []


@dataclass
class Refreshing:
    """An Auto Scaling that replaces instances as it is told beforehand; moto knows no instance refresh."""

    ends: str
    began: list[dict[str, Any]] = field(default_factory=list)
    percent: Iterator[int] = field(default_factory=lambda: iter((0, 50, 50)))

    def start_instance_refresh(self, **request: Any) -> dict[str, str]:
        self.began.append(request)
        return {"InstanceRefreshId": "1"}

    def describe_instance_refreshes(self, **_: Any) -> dict[str, Any]:
        percent = next(self.percent, None)
        if percent is None:
            found = {"Status": self.ends, "PercentageComplete": 100, "StatusReason": "an alarm went off"}
        else:
            found = {"Status": "InProgress", "PercentageComplete": percent}
        return {"InstanceRefreshes": [found]}

    def __getattr__(self, name: str) -> Any:
        return getattr(client("autoscaling"), name)

    def client(self, service: str, region: str) -> Any:
        return self if service == "autoscaling" else client(service, region)


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deployer.LOOK_SECONDS", 0)


@pytest.mark.usefixtures("no_pause")
def test_another_version_replaces_the_instances_and_waits_for_the_end(fleet: list[Synthesized]) -> None:
    apply(fleet, client, lambda line: None)
    scaling, told = Refreshing(ends="Successful"), []

    apply([another_version(fleet[1])], scaling.client, told.append)

    (began,) = scaling.began
    assert began["DesiredConfiguration"]["LaunchTemplate"]["Version"] == "2"
    assert told == [
        "bookstore-fleet: updating",
        "bookstore-fleet: replacing the instances of Fleet",
        "bookstore-fleet: Fleet 0% replaced",
        "bookstore-fleet: Fleet 50% replaced",
        "bookstore-fleet: Fleet 100% replaced",
    ]


@pytest.mark.usefixtures("no_pause")
def test_a_version_that_aws_took_back_fails_the_command_with_the_reason(fleet: list[Synthesized]) -> None:
    apply(fleet, client, lambda line: None)
    scaling = Refreshing(ends="RollbackSuccessful")

    with pytest.raises(TakenBack, match="RollbackSuccessful: an alarm went off"):
        apply([another_version(fleet[1])], scaling.client, lambda line: None)
