"""The stack files of the Swarm: that a Swarm carries out all that they say, and what they say about each part."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bookstore.deploying.swarm.options import settings_of
from bookstore.deploying.swarm.stack import AUTHORITIES_INSIDE, COMMON_SECRETS, DATABASES, SwarmStack
from tests.unit.rendered_stack import as_written, rendered

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "swarm"
FILES = ("monolith", "services", "monolith-migration", "services-migration")
TOPOLOGIES = ("monolith", "services")
STEPS = {"delay", "failure_action", "max_failure_ratio", "monitor", "order", "parallelism"}
# What `docker stack deploy` of an engine 20.10 makes part of a service. It leaves everything else out: some keys
# with a word (`restart`, `security_opt`), some without any (`depends_on`, `tmpfs`).
CARRIED_OUT = {
    "": {"cap_add", "cap_drop", "command", "configs", "deploy", "entrypoint", "environment", "healthcheck"}
    | {"hostname", "image", "labels", "logging", "networks", "ports", "read_only", "secrets"}
    | {"stop_grace_period", "stop_signal", "user", "volumes", "working_dir"},
    "deploy": {"endpoint_mode", "labels", "mode", "placement", "replicas", "resources", "restart_policy"}
    | {"rollback_config", "update_config"},
    "deploy.resources": {"limits", "reservations"},
    "deploy.resources.limits": {"cpus", "memory", "pids"},
    "deploy.resources.reservations": {"cpus", "memory", "generic_resources"},
    "deploy.placement": {"constraints", "preferences", "max_replicas_per_node"},
    "deploy.update_config": STEPS,
    "deploy.rollback_config": STEPS,
    "deploy.restart_policy": {"condition", "delay", "max_attempts", "window"},
    "healthcheck": {"disable", "interval", "retries", "start_period", "test", "timeout"},
    "logging": {"driver", "options"},
}


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    for name in (*COMMON_SECRETS, *(name for names in DATABASES.values() for name in names)):
        (tmp_path / name).write_text(f"{name} of the tests")
    return tmp_path


def stack(secrets: Path, topology: str, *, encrypted: bool = False) -> SwarmStack:
    places = {"media": "/mnt/media", "backups": "/mnt/backups", "registry": "registry.example"}
    settings = settings_of(ROOT, "v1", domain="shop.example", balancers="10.0.0.9", **places)
    return SwarmStack(FOLDER, topology, "shop", secrets, settings, encrypted)


def services(secrets: Path, topology: str) -> dict[str, Any]:
    return rendered([FOLDER / f"{topology}.yaml"], stack(secrets, topology).environ())["services"]


def left_out(services: dict[str, Any]) -> Iterator[str]:
    """The keys that a Swarm would not carry out."""
    for name, service in services.items():
        for place, known in CARRIED_OUT.items():
            part: Any = service
            for step in place.split(".") if place else ():
                part = part.get(step) or {}
            yield from (f"{name}: {place} {key}" for key in part if key not in known)


@pytest.mark.parametrize("name", FILES)
def test_a_swarm_carries_out_all_that_a_stack_file_says(name: str) -> None:
    assert list(left_out(as_written(FOLDER / f"{name}.yaml")["services"])) == []


def test_what_a_swarm_leaves_out_is_found_where_it_is() -> None:
    """The compose file, which a Swarm would start without half of what protects it."""
    found = set(left_out(as_written(ROOT / "deploy" / "compose" / "monolith.yaml")["services"]))
    missed = ("restart", "security_opt", "pids_limit", "mem_limit", "tmpfs", "depends_on")
    assert {f"app:  {key}" for key in missed} <= found


@pytest.mark.parametrize("name", FILES)
def test_replicas_are_spread_by_what_a_swarm_knows(name: str) -> None:
    """SwarmKit spreads over labels, and goes past any other word (`node.id`) without saying so."""
    for service in as_written(FOLDER / f"{name}.yaml")["services"].values():
        for preference in service["deploy"]["placement"].get("preferences", []):
            assert preference["spread"].startswith(("node.labels.", "engine.labels.")), preference


@pytest.mark.parametrize("name", FILES)
def test_whoever_deploys_sets_each_variable_that_must_be_set(secrets: Path, name: str) -> None:
    topology = name.partition("-")[0]
    rendered([FOLDER / f"{name}.yaml"], stack(secrets, topology).environ())


@pytest.mark.parametrize("name", FILES)
def test_each_secret_and_config_is_named_for_its_content(secrets: Path, name: str) -> None:
    described = stack(secrets, name.partition("-")[0])
    before = rendered([FOLDER / f"{name}.yaml"], described.environ())
    for kind in ("secrets", "configs"):
        for known, told in before.get(kind, {}).items():
            path = Path(told["file"])
            if path.parent != secrets:
                assert told["name"].startswith(f"shop_{known}_"), told
                continue
            path.write_text("another content")
            after = rendered([FOLDER / f"{name}.yaml"], described.environ())
            assert after[kind][known]["name"] != told["name"], known


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_each_service_is_limited_restarted_updated_in_steps_and_taken_back(
    secrets: Path, topology: str
) -> None:
    for name, service in services(secrets, topology).items():
        deploy = service["deploy"]
        assert deploy["resources"]["limits"].keys() == {"cpus", "memory", "pids"}, name
        assert deploy["resources"]["reservations"].keys() == {"cpus", "memory"}, name
        assert deploy["restart_policy"]["condition"] == "any", name
        assert deploy["update_config"]["failure_action"] == "rollback", name
        assert deploy["update_config"]["monitor"] == "10s", name
        assert deploy["rollback_config"]["failure_action"] == "pause", name
        assert deploy["placement"]["constraints"], name
        assert service["logging"]["options"] == {"max-size": "10m", "max-file": "5"}, name
        assert service["stop_grace_period"] == "45s", name
        assert service["healthcheck"].get("test") or service["healthcheck"]["disable"], name


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_one_process_makes_a_backup_each_night(secrets: Path, topology: str) -> None:
    backup = services(secrets, topology)["backup"]
    assert backup["command"] == ["backup", "--verify", "--daily-at", "03:30"]
    assert {"backup_key", *DATABASES[topology]} <= set(backup["secrets"])
    assert {"type": "bind", "source": "/mnt/backups", "target": "/backups"} in backup["volumes"]
    # Two at once would make the same one twice.
    assert (backup["deploy"]["replicas"], backup["deploy"]["update_config"]["order"]) == (1, "stop-first")


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_prometheus_finds_all_that_tell_it_something(secrets: Path, topology: str) -> None:
    told = services(secrets, topology)
    names = {name: service["networks"]["shop"]["aliases"] for name, service in told.items() if name != "edge"}
    quiet = {name for name in names if name.endswith(("worker", "backup"))}
    assert names == {name: ["worker-metrics" if name in quiet else "shop-metrics"] for name in names}


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_mails_go_out_with_a_password_that_is_a_secret(secrets: Path, topology: str) -> None:
    (secrets / "smtp_password").write_text("of the mail server")
    senders = (
        ("app", "worker") if topology == "monolith" else ("accounts", "accounts-worker", "orders-worker")
    )
    environ = {**stack(secrets, topology).environ(), "BOOKSTORE_SMTP_HOST": "mail.example"}
    whole = rendered([FOLDER / f"{topology}.yaml"], environ)
    assert whole["secrets"]["smtp_password"]["file"] == str(secrets / "smtp_password")
    for name in senders:
        service = whole["services"][name]
        assert service["environment"]["BOOKSTORE_SMTP_HOST"] == "mail.example"
        assert service["environment"]["BOOKSTORE_SMTP_PASSWORD_FILE"] == "/run/secrets/smtp_password"
        assert "smtp_password" in service["secrets"]


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_where_there_is_no_password_of_mails_a_line_with_nothing_stands_in(
    secrets: Path, topology: str
) -> None:
    whole = rendered([FOLDER / f"{topology}.yaml"], stack(secrets, topology).environ())
    assert Path(whole["secrets"]["smtp_password"]["file"]).read_text().strip() == ""


@pytest.mark.parametrize("name", FILES)
def test_the_authorities_of_the_database_come_with_whoever_asks_it(secrets: Path, name: str) -> None:
    (secrets / "database_ca").write_text("-----BEGIN CERTIFICATE-----")
    whole = rendered([FOLDER / f"{name}.yaml"], stack(secrets, name.partition("-")[0]).environ())
    asking = {
        known: service
        for known, service in whole["services"].items()
        if any("DATABASE_URL" in setting for setting in service["environment"])
    }
    assert len(asking) == len([known for known in whole["services"] if known != "edge"])
    assert whole["configs"]["database_ca"]["file"] == str(secrets / "database_ca")
    for service in asking.values():
        assert service["environment"]["BOOKSTORE_DATABASE_TLS_CA"] == AUTHORITIES_INSIDE
        assert {"source": "database_ca", "target": AUTHORITIES_INSIDE} in service["configs"]


@pytest.mark.parametrize("name", FILES)
def test_without_authorities_the_connections_are_as_the_operator_says(secrets: Path, name: str) -> None:
    described = stack(secrets, name.partition("-")[0])
    told = rendered([FOLDER / f"{name}.yaml"], described.environ())["services"].values()
    assert {service["environment"].get("BOOKSTORE_DATABASE_TLS_CA", "") for service in told} <= {None, ""}


@pytest.mark.parametrize("name", FILES)
def test_an_encrypted_network_leaves_room_for_what_encryption_adds(secrets: Path, name: str) -> None:
    described = stack(secrets, name.partition("-")[0], encrypted=True)
    paths = [FOLDER / f"{name}.yaml", FOLDER / "encrypted.yaml"]
    [network] = rendered(paths, described.environ())["networks"].values()
    assert network["driver"] == "overlay"
    assert network["driver_opts"] == {"encrypted": "true", "com.docker.network.driver.mtu": "1400"}
    assert network["driver_opts"]["com.docker.network.driver.mtu"] == described.mtu


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_the_job_that_migrates_contracts_only_when_it_is_told(secrets: Path, topology: str) -> None:
    described = stack(secrets, topology)
    for wanted, how in ((described, "--expand-only"), (described.contracting(), "--contract")):
        jobs = rendered([FOLDER / f"{topology}-migration.yaml"], wanted.environ())["services"].values()
        assert [job["command"] for job in jobs] == [["migrate", how]] * len(jobs)
