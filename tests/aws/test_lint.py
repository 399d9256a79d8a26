"""Templates that the tools of others have nothing to say about, except what is written down with its reason."""

import json
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import cdk_nag
import pytest
import yaml
from cfnlint.api import lint

from stacks import build
from tests.aws.synthesis import PROFILES, assembly, environment
from userdata import DEPLOY

EXCEPTIONS = yaml.safe_load((DEPLOY / "aws" / "exceptions.yaml").read_text())
# A Learner Lab has not room for all at once.
ALL = dict.fromkeys(PROFILES, "monolith,fleet,swarm,services") | {"academy": "monolith,fleet"}
# Zones are the operator's to say, so they are in the template; the CDK says some dependencies twice.
KNOWN_TO_CFN_LINT = {"W3010", "W3005"}


def findings(profile: str, folder: Path) -> set[tuple[str, str]]:
    """Rule and place of all that cdk-nag and CloudFormation's checks say."""
    chosen = environment(PROFILE=profile, DEPLOYMENTS=ALL[profile])
    app = build(chosen, folder=str(folder))
    cdk.Validations.of(app).add_plugins(cdk_nag.AwsSolutionsChecks(app))
    with pytest.raises(Exception, match=r"Validation ?[Ff]ailed"):
        app.synth()
    report = json.loads((folder / "validation-report.json").read_text())
    return {
        (violation["ruleName"].partition("[")[0], construct["constructPath"])
        for plugin in report["pluginReports"]
        for violation in plugin["violations"]
        for construct in violation["violatingConstructs"]
    }


def excused(finding: tuple[str, str], exception: dict[str, Any]) -> bool:
    rule, place = finding
    return rule == exception["rule"] and exception["where"] in place


def test_cdk_nag_finds_what_has_a_reason_and_every_reason_is_needed(tmp_path: Path) -> None:
    found = set().union(*(findings(profile, tmp_path / profile) for profile in PROFILES))
    assert [one for one in sorted(found) if not any(excused(one, other) for other in EXCEPTIONS)] == []
    assert [one for one in EXCEPTIONS if not any(excused(other, one) for other in found)] == []


def test_every_exception_says_why() -> None:
    assert all(len(one["reason"]) > 20 for one in EXCEPTIONS)


@pytest.mark.parametrize("profile", PROFILES)
def test_cfn_lint_has_nothing_to_say(profile: str) -> None:
    said = []
    for template in sorted(assembly(PROFILE=profile, DEPLOYMENTS=ALL[profile]).glob("*.template.json")):
        for match in lint(template.read_text(), regions=["us-east-1"]):
            if match.rule.id not in KNOWN_TO_CFN_LINT:
                said.append(f"{template.name}: {match.rule.id} {match.message} {match.path}")
    assert said == []
