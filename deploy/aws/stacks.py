"""Which stacks there are, for what the operator has chosen, and which stands on which."""

import aws_cdk as cdk

from environment import Environment
from foundation import Foundation

# Templates in one piece, made with the rights of who deploys: no bucket, no roles, no "bootstrap" beforehand.
CONTEXT = {"@aws-cdk/aws-ec2:uniqueImdsv2TemplateName": True}
TOPOLOGIES = {"fleet": "monolith", "swarm": "monolith", "services": "services"}


def build(environment: Environment, *, folder: str | None = None) -> cdk.App:
    app = cdk.App(context=CONTEXT, outdir=folder, analytics_reporting=False)
    foundations(app, environment=environment)
    cdk.Tags.of(app).add("bookstore:profile", environment.profile.name)
    return app


def foundations(app: cdk.App, *, environment: Environment) -> dict[str, Foundation]:
    """By deployment, the foundation it stands on; those that share have the same one."""
    made: dict[str, Foundation] = {}
    for deployment in environment.deployments:
        name = environment.foundation_of(deployment)
        if name not in made:
            standing = [one for one in environment.deployments if environment.foundation_of(one) == name]
            topologies = dict.fromkeys(TOPOLOGIES[one] for one in standing if one in TOPOLOGIES)
            made[name] = Foundation(
                app,
                f"bookstore-{name}-foundation",
                environment=environment,
                topologies=tuple(topologies),
                **common(environment),
            )
    return {deployment: made[environment.foundation_of(deployment)] for deployment in environment.deployments}


def common(environment: Environment, *, region: str = "") -> dict[str, object]:
    """What every stack has."""
    return {
        "synthesizer": cdk.LegacyStackSynthesizer(),
        "env": cdk.Environment(region=region or environment.region),
        "termination_protection": environment.profile.is_protected,
    }
