"""`bookstore lab`: what a student or an operator types."""

from pathlib import Path

import click

from bookstore.deploying.images import commit_of
from bookstore.deploying.stack import TOPOLOGIES
from bookstore.lab import machine, shop
from bookstore.lab.cluster import manager, state_of
from bookstore.lab.plan import NODES, Plan

CHECKOUT = click.option(
    "--checkout",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path(),
    help="The checkout whose shop is run.  [default: where you are]",
)


@click.group()
def lab() -> None:
    """Run a Docker Swarm of five nodes on this machine, with the shop on it. Needs root."""


@lab.command()
@CHECKOUT
@click.option("--topology", type=click.Choice(list(TOPOLOGIES)), default="monolith", show_default=True)
@click.option("--tag", help="Version of the images.  [default: the commit of the checkout]")
def up(checkout: Path, topology: str, tag: str | None) -> None:
    """Bring the lab up: network, cluster, load balancer, database, images, shop.

    Three managers and two workers, each a Docker engine in a network namespace. Beside them, outside of the
    cluster: HAProxy, which plays the ALB; MariaDB, which plays RDS; a registry, which plays ECR; and a folder
    of this machine, which plays EFS. What is up already stays, so that it can be repeated.
    """
    plan = Plan(checkout.resolve())
    machine.require_able(plan)
    try:
        machine.up(plan, topology, tag or commit_of(plan.checkout)[:12], _tell)
    except KeyboardInterrupt:
        click.echo("\nstopped half-way. `make lab` goes on from here; `make lab-down` ends what was started")
        raise
    click.echo(f"the shop is open on {shop.ADDRESS} (certificate to trust: {plan.authority})")
    if topology != "monolith":
        click.echo("it has no books yet: register, and sell some")
    click.echo(f"to ask the cluster: export DOCKER_HOST={manager().engine}")


@lab.command()
@CHECKOUT
@click.option(
    "--images", is_flag=True, help="Remove the layers of the images too; the next lab is slower then."
)
def down(checkout: Path, images: bool) -> None:
    """End the lab. Nothing of it goes on, and nothing of it stays but the layers of its images."""
    machine.down(Plan(checkout.resolve()), images_too=images)
    click.echo("nothing of the lab is left")


@lab.command()
def status() -> None:
    """How the nodes are."""
    for node in NODES:
        click.echo(f"{node.name}  {node.address}  {state_of(node)}  DOCKER_HOST={node.engine}")


def _tell(step: str) -> None:
    click.echo(f"{step} ...")
