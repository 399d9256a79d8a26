"""Which stacks there are, for what the operator has chosen, and which stands on which."""

import aws_cdk as cdk
from constructs import Construct

from cdn import CdnStack
from edge import Edge
from environment import CDN_REGION, Environment
from fleet import Fleet
from foundation import Foundation
from monitoring import Watches, alarm_name, of_edge, of_instances
from monolith import Monolith
from swarm import Swarm

TOPOLOGIES = {"fleet": "monolith", "swarm": "monolith", "services": "services"}


GOING_BACK = ("Errors", "BalancerErrors", "Latency")
# What stands behind a load balancer, by the deployment that it is named for.
BALANCED = {"fleet": Fleet, "swarm": Swarm}


class BalancedStack(cdk.Stack):
    """A load balancer, and behind it a fleet or a Swarm."""

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
        edge = Edge(self, "Edge", environment=environment, foundation=foundation, deployment=deployment)
        kind = environment.services_on if deployment == "services" else deployment
        behind = BALANCED[kind](
            self,
            kind.capitalize(),
            environment=environment,
            foundation=foundation,
            edge=edge,
            alerts=foundation.alerts,
            deployment=deployment,
            topology=TOPOLOGIES[deployment],
        )
        self.watches = of_edge(
            balancer=edge.balancer,
            targets=edge.targets,
            certificate=edge.certificate,
            minimum=behind.least,
        )
        for name, group in behind.groups.items():
            self.watches += of_instances(name, group, profile=environment.profile)
        # Those that take an instance refresh back.
        names = [alarm_name(f"{id}-monitoring", name) for name in GOING_BACK]
        cdk.CfnOutput(self, "RefreshAlarms", value=",".join(names))


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
        machine = Monolith(
            self, "Monolith", environment=environment, foundation=foundation, alerts=foundation.alerts
        )
        self.watches = of_instances("Machine", machine.group, profile=environment.profile)


class MonitoringStack(cdk.Stack):
    """Apart from what it watches, so that either template is taken in one piece."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        watched: BalancedStack | MonolithStack,
        foundation: Foundation,
        **stack: object,
    ) -> None:
        super().__init__(scope, id, **stack)
        Watches(self, "Watches", watches=watched.watches, alerts=foundation.alerts)


def build(environment: Environment, *, folder: str | None = None) -> cdk.App:
    app = cdk.App(outdir=folder, analytics_reporting=False)
    foundations = found(app, environment=environment)
    for deployment in environment.deployments:
        foundation = foundations[environment.foundation_of(deployment)]
        kind = MonolithStack if deployment == "monolith" else BalancedStack
        name = f"bookstore-{deployment}"
        watched = kind(
            app,
            name,
            environment=environment,
            foundation=foundation,
            deployment=deployment,
            **common(environment),
        )
        MonitoringStack(
            app, f"{name}-monitoring", watched=watched, foundation=foundation, **common(environment)
        )
        if environment.profile.has_cdn and deployment in TOPOLOGIES:
            CdnStack(
                app,
                f"{name}-cdn",
                environment=environment,
                deployment=deployment,
                **common(environment, region=CDN_REGION),
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


def common(environment: Environment, *, region: str = "") -> dict[str, object]:
    """What every stack has: a template in one piece, deployed with the rights of whoever does it.

    So nothing needs to be prepared in the account ("bootstrap"), and no role is made for it.
    """
    return {
        "synthesizer": cdk.LegacyStackSynthesizer(),
        "env": cdk.Environment(region=region or environment.region),
        "termination_protection": environment.profile.is_protected,
    }
