"""The Swarm: three managers and two workers, of which the group never takes all managers at once."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.aws.synthesis import PROFILES, Template, resources, scripts, templates
from tests.aws.test_edge import group_named, rules_into
from userdata import DEPLOY, FOLDER

CLUSTER = {("tcp", 2377), ("tcp", 7946), ("udp", 7946), ("udp", 4789)}


def swarm(profile: str = "standard", topology: str = "monolith") -> Template:
    if topology == "monolith":
        return templates(PROFILE=profile, DEPLOYMENTS="swarm")["bookstore-swarm"]
    return templates(PROFILE=profile, DEPLOYMENTS="services", SERVICES_ON="swarm")["bookstore-services"]


def groups(template: Template) -> dict[str, dict[str, object]]:
    found = resources(template, "AWS::AutoScaling::AutoScalingGroup")
    return {
        kind: next(one["Properties"] for name, one in found.items() if kind in name)
        for kind in ("Managers", "Workers")
    }


@pytest.mark.parametrize("topology", ["monolith", "services"])
@pytest.mark.parametrize("profile", PROFILES)
def test_three_managers_and_two_workers_in_all_zones_behind_one_balancer(profile: str, topology: str) -> None:
    found = groups(swarm(profile, topology))
    assert {kind: (one["MinSize"], one["MaxSize"]) for kind, one in found.items()} == {
        "Managers": ("3", "3"),
        "Workers": ("2", "2"),
    }
    for group in found.values():
        assert len(group["VPCZoneIdentifier"]) == 3
        assert group["TargetGroupARNs"] == found["Managers"]["TargetGroupARNs"]


@pytest.mark.parametrize("profile", PROFILES)
def test_a_shop_that_is_away_costs_no_manager(profile: str) -> None:
    for group in groups(swarm(profile)).values():
        assert group["HealthCheckType"] == "EC2"


@pytest.mark.parametrize("profile", PROFILES)
def test_nodes_speak_to_nodes_and_the_balancer_to_nginx(profile: str) -> None:
    template = swarm(profile)
    balancer, _ = group_named(template, "Load balancer")
    name, group = group_named(template, "Instances of the shop")
    assert "SecurityGroupIngress" not in group
    rules: dict[bool, set[tuple[str, int]]] = {True: set(), False: set()}
    for rule in rules_into(template, name):
        is_from_balancer = balancer in str(rule["SourceSecurityGroupId"])
        assert is_from_balancer or name in str(rule["SourceSecurityGroupId"])
        assert rule["FromPort"] == rule["ToPort"]
        rules[is_from_balancer].add((rule["IpProtocol"], rule["FromPort"]))
    assert rules == {True: {("tcp", 80)}, False: CLUSTER}


@pytest.mark.parametrize("profile", PROFILES)
def test_only_nodes_reach_the_database_and_the_files(profile: str) -> None:
    template = swarm(profile)
    for kind, port in (("Database", 3306), ("Files", 2049)):
        rules = rules_into(template, f"ExportsOutputFnGetAtt{kind}Group")
        assert [one["FromPort"] for one in rules] == [port]


def test_workers_may_read_how_to_join_and_are_told_no_secret() -> None:
    template = swarm()
    policies = {name: str(one) for name, one in resources(template, "AWS::IAM::Policy").items()}
    (workers,) = [text for name, text in policies.items() if "Worker" in name]
    assert "secretsmanager:" not in workers
    assert "ssm:PutParameter" not in workers
    assert "token-manager" not in workers
    assert "parameter/bookstore/swarm/swarm/token-worker" in workers
    (script,) = [one for one in scripts(template) if "NODE_KIND='worker'" in one]
    assert "SECRET_" not in script.partition("FILES")[0]


@pytest.mark.parametrize("profile", PROFILES)
def test_disks_are_encrypted_and_the_metadata_service_is_the_second(profile: str) -> None:
    for template in resources(swarm(profile), "AWS::EC2::LaunchTemplate").values():
        data = template["Properties"]["LaunchTemplateData"]
        assert data["MetadataOptions"] == {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}
        assert all(disk["Ebs"]["Encrypted"] is True for disk in data["BlockDeviceMappings"])


@pytest.mark.parametrize("topology", ["monolith", "services"])
def test_the_stack_of_the_project_is_what_runs_with_its_logs_and_its_authority(
    topology: str, tmp_path: Path
) -> None:
    deploy = (FOLDER / "swarm.sh").read_text()
    # What the script exports is all that the files ask for.
    names = [
        name.partition("=")[0] for line in deploy.splitlines() if "export " in line for name in line.split()
    ]
    digests = ["SECRET_KEY", "SERVICE_TOKEN", "BACKUP_KEY", "SMTP_PASSWORD", "DATABASE_CA", "DATABASE_URL"]
    digests += ["ACCOUNTS_DATABASE_URL", "CATALOG_DATABASE_URL", "ORDERS_DATABASE_URL"]
    given = {name: "given" for name in [*names, *(f"{one}_DIGEST" for one in digests)] if name.isupper()}
    given |= {"SECRETS": str(tmp_path), "MEDIA": "/mnt", "PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    given |= {f"{name}_FILE": str(DEPLOY / "swarm" / "nothing") for name in ("SMTP_PASSWORD", "DATABASE_CA")}
    files = [DEPLOY / "swarm" / f"{topology}.yaml", FOLDER / f"logs-{topology}.yaml"]
    options = [part for file in files for part in ("-c", str(file))]
    docker = shutil.which("docker")
    assert docker, "the client of Docker merges the files; `make test-aws` installs it"
    said = subprocess.run(
        [docker, "stack", "config", *options], env=given, capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stderr
    for name, service in yaml.safe_load(said.stdout)["services"].items():
        assert service["logging"]["driver"] == "awslogs", name
        if name != "edge":
            assert {"source": "database_ca", "target": "/etc/bookstore/database_ca.pem"} in service["configs"]
