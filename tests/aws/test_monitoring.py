"""What is watched in each stack, and that somebody is told."""

import json
from typing import Any

import pytest

from tests.aws.synthesis import PROFILES, Template, only, resources, templates

EDGE = {"Errors", "BalancerErrors", "Latency", "Unhealthy", "Healthy", "Certificate"}
DATABASE = {"DatabaseCpu", "DatabaseStorage", "DatabaseConnections", "FilesBurst"}
OF_PROFILE = {
    "standard": {"DatabaseCredits"},
    "academy": {"DatabaseCredits", "DatabaseBurst"},
    "production": {"ReplicaLag"},
}


def alarms(template: Template, stack: str) -> dict[str, dict[str, Any]]:
    found = [one["Properties"] for one in resources(template, "AWS::CloudWatch::Alarm").values()]
    return {one["AlarmName"].removeprefix(f"{stack}-"): one for one in found}


def watched(deployment: str, **settings: str) -> dict[str, dict[str, Any]]:
    name = f"bookstore-{deployment}-monitoring"
    return alarms(templates(DEPLOYMENTS=deployment, **settings)[name], name)


@pytest.mark.parametrize("profile", PROFILES)
def test_the_database_and_the_files_are_watched(profile: str) -> None:
    name = "bookstore-fleet-foundation"
    found = alarms(templates(PROFILE=profile)[name], name)
    assert set(found) == DATABASE | OF_PROFILE[profile]
    metrics = {one["MetricName"] for one in found.values()}
    assert {"CPUUtilization", "FreeStorageSpace", "DatabaseConnections", "BurstCreditBalance"} <= metrics


@pytest.mark.parametrize("profile", PROFILES)
def test_what_people_notice_is_watched(profile: str) -> None:
    found = watched("fleet", PROFILE=profile)
    credits = {"FleetCredits"} if profile != "production" else set()
    assert set(found) == EDGE | {"FleetBroken"} | credits
    assert found["Errors"]["MetricName"] == "HTTPCode_Target_5XX_Count"
    assert found["BalancerErrors"]["MetricName"] == "HTTPCode_ELB_5XX_Count"
    assert (found["Latency"]["ExtendedStatistic"], found["Latency"]["Threshold"]) == ("p95", 1)
    assert found["Healthy"]["Threshold"] == 2
    assert (found["Certificate"]["MetricName"], found["Certificate"]["Threshold"]) == ("DaysToExpiry", 30)


def test_the_swarm_and_the_machine_are_watched_too() -> None:
    swarm = watched("swarm")
    assert {"ManagersBroken", "WorkersBroken"} <= set(swarm)
    assert swarm["Healthy"]["Threshold"] == 5
    machine = watched("monolith")
    assert set(machine) == {"MachineBroken", "MachineCredits"}


@pytest.mark.parametrize("deployment", ["monolith", "fleet", "swarm", "services"])
def test_every_alarm_tells_one_topic_and_shows_on_a_page(deployment: str) -> None:
    for stack, template in templates(DEPLOYMENTS=deployment).items():
        found = alarms(template, stack)
        for alarm in found.values():
            (begins,), (ends,) = alarm["AlarmActions"], alarm["OKActions"]
            assert begins == ends
            assert "AlertsTopic" in str(begins)
        if found:
            page = json.dumps(only(template, "AWS::CloudWatch::Dashboard"))
            assert all(name in page for name in found)


def test_the_operator_is_told_by_mail_and_only_alarms_may_speak() -> None:
    template = templates()["bookstore-fleet-foundation"]
    subscription = only(template, "AWS::SNS::Subscription")
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "operator@shop.example")
    statements = only(template, "AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"]
    allowed = [one["Principal"] for one in statements if one["Effect"] == "Allow"]
    assert allowed == [{"Service": "cloudwatch.amazonaws.com"}]


def test_what_takes_a_refresh_back_is_there() -> None:
    found = templates()
    names = found["bookstore-fleet"]["Outputs"]["RefreshAlarms"]["Value"].split(",")
    monitoring = resources(found["bookstore-fleet-monitoring"], "AWS::CloudWatch::Alarm").values()
    there = {one["Properties"]["AlarmName"] for one in monitoring}
    assert len(names) == 3
    assert set(names) <= there


@pytest.mark.parametrize("deployment", ["monolith", "fleet", "swarm"])
def test_logs_have_a_group_that_user_data_names_and_an_end(deployment: str) -> None:
    template = templates(DEPLOYMENTS=deployment)[f"bookstore-{deployment}"]
    assert only(template, "AWS::Logs::LogGroup")["RetentionInDays"] == 30
    launch = json.dumps(resources(template, "AWS::EC2::LaunchTemplate"))
    assert "LOG_GROUP='" in launch
