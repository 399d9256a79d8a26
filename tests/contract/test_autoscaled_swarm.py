"""What every adapter of the autoscaler's cluster promises (`autoscaling/ports.py`)."""

from collections.abc import Iterator
from copy import deepcopy

import pytest

from bookstore.autoscaling.ports import (
    IMAGE_BEFORE,
    MAXIMUM,
    ChangedMeanwhile,
    Replica,
    ScaledService,
    SwarmUnavailable,
)
from tests.fakes.docker_engine import DockerEngine
from tests.fakes.swarm import FakeSwarm

LABELS = {MAXIMUM: "8", "bookstore.autoscale.target": "4"}
World = FakeSwarm | DockerEngine


@pytest.fixture(params=["fake", "docker"])
def swarm(request: pytest.FixtureRequest) -> Iterator[World]:
    if request.param == "fake":
        yield FakeSwarm()
        return
    engine = DockerEngine()
    yield engine
    engine.close()


@pytest.fixture
def docker_engine() -> Iterator[DockerEngine]:
    engine = DockerEngine()
    yield engine
    engine.close()


def the_service(swarm: World) -> ScaledService:
    [service] = swarm.services()
    return service


def test_services_with_the_label_are_told_by_name(swarm: World) -> None:
    swarm.add("shop_orders", 3, LABELS)
    swarm.add("shop_catalog", 4, LABELS)
    swarm.add("shop_worker", 1, {})
    assert [(one.name, one.replicas) for one in swarm.services()] == [("shop_catalog", 4), ("shop_orders", 3)]
    assert LABELS.items() <= swarm.services()[0].labels.items()


def test_replicas_that_run_are_told_with_their_addresses_and_nodes(swarm: World) -> None:
    swarm.add("shop_app", 3, LABELS)
    swarm.place("shop_app", "node1", "a", "10.0.1.5")
    swarm.place("shop_app", "node1", "b", "10.0.1.6")
    swarm.place("shop_app", "node2", "c", "10.0.1.7", runs=False)
    service = the_service(swarm)
    assert service.running == (Replica("a", "10.0.1.5"), Replica("b", "10.0.1.6"))
    assert service.spread == {"node1": 2, "node2": 0}


def test_scaling_changes_the_number_and_nothing_else(swarm: World) -> None:
    swarm.add("shop_app", 3, LABELS)
    swarm.scale(the_service(swarm), 5)
    assert swarm.replicas_of("shop_app") == 5
    assert swarm.rebalanced("shop_app") == 0
    swarm.scale(the_service(swarm), 4)
    assert swarm.replicas_of("shop_app") == 4


def test_rebalancing_keeps_the_number(swarm: World) -> None:
    swarm.add("shop_app", 3, LABELS)
    swarm.rebalance(the_service(swarm))
    swarm.rebalance(the_service(swarm))
    assert swarm.rebalanced("shop_app") == 2
    assert swarm.replicas_of("shop_app") == 3


def test_what_somebody_else_has_changed_stays(swarm: World) -> None:
    swarm.add("shop_app", 3, LABELS)
    seen = the_service(swarm)
    swarm.touch("shop_app")
    with pytest.raises(ChangedMeanwhile):
        swarm.scale(seen, 5)
    with pytest.raises(ChangedMeanwhile):
        swarm.rebalance(seen)
    assert (swarm.replicas_of("shop_app"), swarm.rebalanced("shop_app")) == (3, 0)


@pytest.mark.parametrize(
    "state", ["updating", "rollback_started", "paused", "rollback_paused", "just completed"]
)
def test_an_update_of_any_service_of_the_stack_is_told(swarm: World, state: str) -> None:
    swarm.add("shop_app", 3, LABELS)
    swarm.add("shop_edge", 1, {})
    swarm.change("shop_edge", state)
    assert "an update of shop_edge" in the_service(swarm).changing


def test_updates_of_the_past_and_of_other_stacks_are_none(swarm: World) -> None:
    swarm.add("shop_app", 3, LABELS)
    swarm.change("shop_app", "completed")
    swarm.add("other_app", 3, {}, stack="other")
    swarm.change("other_app", "updating")
    assert the_service(swarm).changing == ""


def test_managers_that_do_not_answer_are_named_so(swarm: World) -> None:
    swarm.add("shop_app", 3, LABELS)
    seen = the_service(swarm)
    swarm.is_away = True
    with pytest.raises(SwarmUnavailable, match="leader"):
        swarm.services()
    with pytest.raises(SwarmUnavailable, match="leader"):
        swarm.scale(seen, 5)
    swarm.is_away = False
    assert the_service(swarm).replicas == 3


def test_an_engine_that_is_not_there_is_named_so() -> None:
    engine = DockerEngine()
    engine.close()
    with pytest.raises(SwarmUnavailable):
        engine.services()


def test_a_specification_comes_back_as_it_was(docker_engine: DockerEngine) -> None:
    """A default that is filled in would be a change of every replica, and replace them all."""
    docker_engine.add("shop_app", 3, LABELS)
    before = deepcopy(docker_engine.told["shop_app"]["Spec"])
    docker_engine.scale(the_service(docker_engine), 5)
    before["Mode"]["Replicated"]["Replicas"] = 5
    assert docker_engine.told["shop_app"]["Spec"] == before


def test_the_version_before_is_remembered_over_any_number_of_changes(docker_engine: DockerEngine) -> None:
    docker_engine.add("shop_app", 3, LABELS)
    told = docker_engine.told["shop_app"]
    docker_engine.scale(the_service(docker_engine), 4)
    assert IMAGE_BEFORE not in told["Spec"]["Labels"]
    old = told["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"]
    told["PreviousSpec"] = deepcopy(told["Spec"])
    told["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"] = "registry:5000/bookstore:two"
    for replicas in (5, 6, 5):
        docker_engine.scale(the_service(docker_engine), replicas)
        assert told["Spec"]["Labels"][IMAGE_BEFORE] == old


def test_nodes_that_may_not_run_replicas_have_no_share(docker_engine: DockerEngine) -> None:
    docker_engine.nodes = ["node1", "down!", "un-labeled"]
    docker_engine.add("shop_app", 3, LABELS)
    assert the_service(docker_engine).spread == {"node1": 0}


@pytest.mark.parametrize(
    ("constraint", "nodes"),
    [
        ("node.role == worker", {"node1", "node2"}),
        ("node.role==manager", set()),
        ("node.hostname != node1", {"node2"}),
        ("node.labels.bookstore.zone == a", set()),
        ("node.labels.bookstore.zone != a", {"node1", "node2"}),
        ("engine.labels.disk == ssd", set()),
    ],
)
def test_constraints_say_where_replicas_may_run(
    docker_engine: DockerEngine, constraint: str, nodes: set[str]
) -> None:
    docker_engine.add("shop_app", 3, LABELS)
    docker_engine.told["shop_app"]["Spec"]["TaskTemplate"]["Placement"]["Constraints"].append(constraint)
    assert set(the_service(docker_engine).spread) == nodes
