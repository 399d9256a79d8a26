"""What the doctor of a Swarm finds, and where it finds nothing."""

import json
import secrets
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bookstore.autoscaling.engine_words import moment
from bookstore.deploying.errors import CommandFailed, ImageUnavailable, NotFit
from bookstore.deploying.findings import Finding, require_fit
from bookstore.deploying.swarm import doctor, fetching, reaching
from bookstore.deploying.swarm.fetching import MOST_SKEW_SECONDS, Reading, clocks
from bookstore.deploying.swarm.nodes import Node
from bookstore.deploying.swarm.stack import COMMON_SECRETS, SwarmStack
from tests.unit.listening_ports import free_port, listening

FOLDER = Path(__file__).parents[2] / "deploy" / "swarm"
LABELS = {"bookstore.app": "true", "bookstore.edge": "true"}
MANAGER = Node("1", "node1", "127.0.0.1", "ready", "active", "20.10.24", LABELS, True, False, True)
WORKER = replace(MANAGER, id="4", name="node4", is_manager=False, is_reachable=False)
PLACES = {"MEDIA": "/mnt/media", "BACKUPS": "/mnt/backups"}


@pytest.fixture
def stack(tmp_path: Path) -> SwarmStack:
    for name in COMMON_SECRETS:
        (tmp_path / name).write_text(secrets.token_hex(32))
    (tmp_path / "database_url").write_text(f"mysql://shop:{secrets.token_hex(16)}@db.example/bookstore")
    return SwarmStack(FOLDER, "monolith", "shop", tmp_path, PLACES)


def cluster(managers: int = 3, workers: int = 2) -> list[Node]:
    return [replace(MANAGER, name=f"node{number}") for number in range(1, managers + 1)] + [
        replace(WORKER, name=f"node{number}") for number in range(managers + 1, managers + workers + 1)
    ]


def found(findings: Iterator[Finding]) -> dict[str, str]:
    """What is not as it should be."""
    return {finding.what: finding.detail for finding in findings if not finding.holds}


@pytest.mark.parametrize("managers", [3, 5])
def test_an_odd_number_of_managers_that_are_there_is_right(managers: int) -> None:
    assert found(doctor._managers(cluster(managers))) == {}


@pytest.mark.parametrize("managers", [1, 2, 4])
def test_a_number_of_managers_that_survives_no_more_than_one_less_is_told(managers: int) -> None:
    survives = (managers - 1) // 2
    expected = {"number of managers": f"{managers} managers survive the loss of {survives}"}
    assert found(doctor._managers(cluster(managers))) == expected


def test_a_quorum_that_is_lost_stops_a_deployment() -> None:
    nodes = [replace(node, is_reachable=node.name == "node1") for node in cluster()]
    [quorum] = [finding for finding in doctor._managers(nodes) if finding.what == "quorum"]
    assert quorum == Finding("quorum", holds=False, detail="1 of 3 managers reachable")


def test_a_node_that_is_down_is_named() -> None:
    nodes = [replace(node, state="down" if node.name == "node5" else "ready") for node in cluster()]
    assert found(doctor._managers(nodes)) == {"nodes": "node5 is down"}


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        (["20.10.24+dfsg1"], {}),
        (["28.2.2", "28.2.2"], {}),
        (["20.10.24", "28.2.2"], {"one version of engines": "20.10.24, 28.2.2"}),
        (["19.03.5"], {"Docker engines": "19.03.5"}),
    ],
)
def test_engines_are_new_enough_and_alike(versions: list[str], expected: dict[str, str]) -> None:
    nodes = [replace(WORKER, engine=version) for version in versions]
    assert found(doctor._engines(nodes)) == expected


def test_labels_say_where_what_runs() -> None:
    assert found(doctor._labels(cluster())) == {}
    bare = [replace(node, labels={"bookstore.app": "true"}) for node in cluster()]
    [(what, advice)] = found(doctor._labels(bare)).items()
    assert what == "label bookstore.edge"
    assert "docker node update --label-add bookstore.edge=true NODE" in advice


def test_ports_that_are_open_and_ports_that_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening(socket.SOCK_STREAM) as management, listening(socket.SOCK_STREAM) as gossip:
        monkeypatch.setattr(reaching, "MANAGEMENT_PORT", management)
        monkeypatch.setattr(reaching, "GOSSIP_PORT", gossip)
        assert "ports" not in found(reaching.ports([MANAGER, WORKER], has_network=False))
        monkeypatch.setattr(reaching, "MANAGEMENT_PORT", closed := free_port(socket.SOCK_STREAM))
        told = found(reaching.ports([MANAGER, WORKER], has_network=False))
        assert told["ports"] == f"from here closed: node1:{closed}"


@pytest.mark.parametrize("name", ["GOSSIP_PORT", "VXLAN_PORT"])
def test_a_udp_port_where_nobody_listens_is_told(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with listening(socket.SOCK_DGRAM) as port:
        monkeypatch.setattr(reaching, "GOSSIP_PORT", port)
        monkeypatch.setattr(reaching, "VXLAN_PORT", port)
        heard = {f.what: f for f in reaching.ports([WORKER], has_network=True)}[f"port {port}/udp"]
        assert heard.holds
        # A firewall may swallow what it does not let through: the doctor does not say that the port is open.
        assert "nobody sees from here" in heard.detail
        monkeypatch.setattr(reaching, name, closed := free_port(socket.SOCK_DGRAM))
        assert found(reaching.ports([WORKER], has_network=True))[f"port {closed}/udp"].startswith(
            "refused by node4"
        )


def test_before_there_is_a_network_nobody_listens_for_vxlan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reaching, "VXLAN_PORT", closed := free_port(socket.SOCK_DGRAM))
    assert f"port {closed}/udp" not in found(reaching.ports([WORKER], has_network=False))


def test_packets_must_be_small_enough_for_the_ways_to_the_nodes() -> None:
    carried = reaching._mtu_to("127.0.0.1")
    assert reaching.largest_packets([WORKER], carried - 50, encrypted=False).holds
    assert not reaching.largest_packets([WORKER], carried - 50, encrypted=True).holds
    tight = reaching.largest_packets([WORKER], carried - 49, encrypted=False)
    assert not tight.holds
    assert tight.detail.endswith(f"the ways from here carry {carried}")


@pytest.mark.parametrize(
    ("options", "is_right"),
    [
        ({doctor.MTU: "1450"}, True),
        ({doctor.MTU: "1400"}, False),
        ({}, False),
        ({doctor.MTU: "1450", "encrypted": ""}, False),
    ],
)
def test_a_network_that_is_there_is_as_the_stack_file_wants_it(
    stack: SwarmStack, options: dict[str, str], is_right: bool
) -> None:
    told = found(doctor._network(stack, options))
    assert (told == {}) == is_right
    assert all("only `docker stack rm` changes that" in detail for detail in told.values())


def test_random_secrets_and_a_server_with_a_password_of_its_own_are_right(stack: SwarmStack) -> None:
    assert found(doctor._secrets(stack)) == {}


@pytest.mark.parametrize(
    ("name", "content", "detail"),
    [
        ("secret_key", "short", "shorter than 32"),
        ("backup_key", "change-me" * 4, "not random: the shop refuses it"),
        ("service_token", "", "missing or empty"),
        ("database_url", "mysql://shop:password@db/bookstore", "'password' is one that others guess"),
        ("database_url", "mysql://shop:Shop@db/bookstore", "'Shop' is one that others guess"),
        ("database_url", "mysql://shop@db/bookstore", "'' is one that others guess"),
        ("database_url", "mysql://shop:kd93jd0@db/bookstore", "shorter than 12"),
        ("database_url", "sqlite:////media/bookstore.sqlite3", "an SQLite file lies on one node"),
        ("database_url", "db.example", "no URL of a database"),
    ],
)
def test_a_weak_secret_is_named_and_so_is_what_is_wrong_with_it(
    stack: SwarmStack, name: str, content: str, detail: str
) -> None:
    (stack.secrets / name).write_text(content)
    findings = list(doctor._secrets(stack))
    assert {finding.what for finding in findings if not finding.holds} == {f"secret {name}"}
    assert any(detail in finding.detail for finding in findings), findings
    with pytest.raises(NotFit, match=f"secret {name}"):
        require_fit(findings)


def test_the_folders_of_all_nodes_are_absolute(stack: SwarmStack) -> None:
    assert found(doctor._folders(stack)) == {}
    here = replace(stack, settings={**PLACES, "BACKUPS": "backups"})
    assert list(found(doctor._folders(here))) == ["folder of backups"]


def reading(node: str, seconds: float) -> Reading:
    """Of a clock that is ahead by so much, of a container that ran for two seconds."""
    asked_at = datetime(2026, 1, 1, 12, tzinfo=UTC)
    said = asked_at + timedelta(seconds=1 + seconds)
    return Reading(node, said, asked_at, asked_at + timedelta(seconds=2))


@pytest.mark.parametrize("seconds", [0, 0.9, -0.9, MOST_SKEW_SECONDS, -MOST_SKEW_SECONDS])
def test_a_clock_that_agrees_with_ours_is_right(seconds: float) -> None:
    findings = list(clocks([reading("node1", seconds), reading("node2", 0)]))
    assert [finding.holds for finding in findings] == [True]
    assert findings[0].detail.startswith("node1, node2: within 5 s")


@pytest.mark.parametrize(
    ("seconds", "detail"),
    [(61, "60 s or more ahead of ours, 5 may be"), (-31, "30 s or more behind ours, 5 may be")],
)
def test_a_clock_that_does_not_is_named_and_stops_a_deployment(seconds: float, detail: str) -> None:
    # Another image took long to fetch, which showed less of it: what shows most counts.
    slow = replace(reading("node1", 0), seen_at=datetime(2026, 1, 1, 13, tzinfo=UTC))
    findings = list(clocks([reading("node1", seconds), slow, reading("node2", 0)]))
    assert found(iter(findings)) == {"clock of node1": detail}
    with pytest.raises(NotFit, match="clock of node1"):
        require_fit(findings)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("2026-01-01T12:00:00.123456789Z", datetime(2026, 1, 1, 12, 0, 0, 123456, UTC)),
        ("2026-01-01T12:00:00.5Z", datetime(2026, 1, 1, 12, 0, 0, 500000, UTC)),
        ("2026-01-01T12:00:00Z", datetime(2026, 1, 1, 12, tzinfo=UTC)),
    ],
)
def test_moments_are_read_as_engines_tell_them(told: str, expected: datetime) -> None:
    assert moment(told) == expected


class Jobs:
    """A docker whose two nodes each start what they are told to once, or fail to."""

    def __init__(self, ahead: float = 0, error: str = "") -> None:
        self.ahead, self.error, self.asked = ahead, error, []

    def __call__(self, command: list[str]) -> str:
        self.asked.append(" ".join(command))
        match command[1:3]:
            case ["service", "ps"]:
                state = "Rejected 1 second ago" if self.error else "Complete 1 second ago"
                return "\n".join(json.dumps(_task(number, state, self.error)) for number in (1, 2))
            case ["inspect", "--type"]:
                said = (datetime.now(UTC) + timedelta(seconds=self.ahead)).replace(tzinfo=None).isoformat()
                return json.dumps(
                    [
                        {"ID": "t1", "NodeID": "1", "Status": {"Timestamp": f"{said}Z"}},
                        {"ID": "t2", "NodeID": "2", "Status": {"Timestamp": f"{said}Z"}},
                    ]
                )
            case ["node", "inspect"]:
                names = (("1", "node1"), ("2", "node2"))
                return json.dumps([{"ID": key, "Description": {"Hostname": name}} for key, name in names])
        return ""


def _task(number: int, state: str, error: str) -> dict[str, str]:
    return {
        "ID": f"t{number}",
        "Name": f"shop_fetch.{number}",
        "Node": f"node{number}",
        "Image": "bookstore:v1",
        "DesiredState": "Complete",
        "CurrentState": state,
        "Error": error,
    }


def jobs(monkeypatch: pytest.MonkeyPatch, docker: Jobs) -> Jobs:
    monkeypatch.setattr(fetching, "run", docker)
    monkeypatch.setattr("bookstore.deploying.swarm.services.run", docker)
    return docker


def test_an_image_that_starts_on_each_node_shows_their_clocks_as_well(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    docker = jobs(monkeypatch, Jobs())
    findings = list(fetching.fetched("shop", ["bookstore:v1"]))
    assert [(finding.what, finding.holds) for finding in findings] == [
        ("image bookstore:v1", True),
        ("clocks", True),
    ]
    [created] = [asked for asked in docker.asked if asked.startswith("docker service create")]
    assert "--with-registry-auth" in created


def test_a_node_whose_clock_is_wrong_is_found_by_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    jobs(monkeypatch, Jobs(ahead=90))
    assert list(found(fetching.fetched("shop", ["bookstore:v1"]))) == ["clock of node1", "clock of node2"]


def test_an_image_that_a_node_does_not_get_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    jobs(monkeypatch, Jobs(error="No such image: bookstore:v1"))
    with pytest.raises(ImageUnavailable, match="node1: No such image"):
        fetching.fetch("shop", "bookstore:v1")
    assert list(found(fetching.fetched("shop", ["bookstore:v1"]))) == ["image bookstore:v1"]


def test_an_engine_that_is_no_manager_is_told_and_nothing_else_is_asked(
    stack: SwarmStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> list[Node]:
        raise CommandFailed(command="docker node ls", said="This node is not a swarm manager.")

    monkeypatch.setattr(doctor, "all_nodes", refuse)
    [finding] = doctor.examine(stack)
    assert "not a swarm manager" in finding.detail


def test_a_healthy_cluster_has_no_finding_at_all(stack: SwarmStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "all_nodes", cluster)
    monkeypatch.setattr(doctor, "run", lambda command: "")
    with (
        listening(socket.SOCK_STREAM) as management,
        listening(socket.SOCK_STREAM, also=socket.SOCK_DGRAM) as gossip,
    ):
        monkeypatch.setattr(reaching, "MANAGEMENT_PORT", management)
        monkeypatch.setattr(reaching, "GOSSIP_PORT", gossip)
        assert found(doctor.examine(stack)) == {}
