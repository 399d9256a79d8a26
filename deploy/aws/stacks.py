"""Which stacks there are, for what the operator has chosen, and which stands on which."""

import aws_cdk as cdk
from constructs import Construct

from edge import Edge
from environment import Environment
from fleet import Fleet
from foundation import Foundation
from monitoring import Alerts
from monolith import Monolith

TOPOLOGIES = {"fleet": "monolith", "swarm": "monolith", "services": "services"}


class FleetStack(cdk.Stack):
    """A load balancer and a group of instances behind it."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        environment: Environment,
        foundation: Foundation,
        deployment: str,
        **stack: object,
    ) -> None:
        super().__init__(scope, id, **stack)
        alerts = Alerts(self, "Alerts", environment=environment)
        edge = Edge(self, "Edge", environment=environment, foundation=foundation, deployment=deployment)
        Fleet(
            self,
            "Fleet",
            environment=environment,
            foundation=foundation,
            edge=edge,
            alerts=alerts.topic,
            deployment=deployment,
            topology=TOPOLOGIES[deployment],
        )


class MonolithStack(cdk.Stack):
    """One machine, which stands on a network and keeps its data itself."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        environment: Environment,
        foundation: Foundation,
        deployment: str,
        **stack: object,
    ) -> None:
        super().__init__(scope, id, **stack)
        alerts = Alerts(self, "Alerts", environment=environment)
        Monolith(
            self, deployment.capitalize(), environment=environment, foundation=foundation, alerts=alerts.topic
        )


STACKS = {"monolith": MonolithStack, "fleet": FleetStack, "services": FleetStack}


def build(environment: Environment, *, folder: str | None = None) -> cdk.App:
    app = cdk.App(outdir=folder, analytics_reporting=False)
    foundations = found(app, environment=environment)
    for deployment in environment.deployments:
        STACKS[deployment](
            app,
            f"bookstore-{deployment}",
            environment=environment,
            foundation=foundations[environment.foundation_of(deployment)],
            deployment=deployment,
            **common(environment),
        )
    cdk.Tags.of(app).add("bookstore:profile", environment.profile.name)
    return app


def found(app: cdk.App, *, environment: Environment) -> dict[str, Foundation]:
    """The foundations by name, each with what those that stand on it need."""
    standing: dict[str, dict[str, None]] = {}
    for deployment in environment.deployments:
        topologies = standing.setdefault(environment.foundation_of(deployment), {})
        if deployment in TOPOLOGIES:
            topologies[TOPOLOGIES[deployment]] = None
    return {
        name: Foundation(
            app,
            f"bookstore-{name}-foundation",
            environment=environment,
            topologies=tuple(topologies),
            **common(environment),
        )
        for name, topologies in standing.items()
    }


def common(environment: Environment) -> dict[str, object]:
    """What every stack has: a template in one piece, deployed with the rights of whoever does it.

    So nothing needs to be prepared in the account ("bootstrap"), and no role is made for it.
    """
    return {
        "synthesizer": cdk.LegacyStackSynthesizer(),
        "env": cdk.Environment(region=environment.region),
        "termination_protection": environment.profile.is_protected,
    }
