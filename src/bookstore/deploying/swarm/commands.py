"""`bookstore deploy swarm`: what operators type, and what they read."""

import time
from dataclasses import replace
from itertools import chain
from pathlib import Path

import click

from bookstore.deploying.errors import NoSuchNode
from bookstore.deploying.findings import require_fit
from bookstore.deploying.images import build_images
from bookstore.deploying.programs import run
from bookstore.deploying.schema import require_usable
from bookstore.deploying.swarm.balancer import configuration
from bookstore.deploying.swarm.convergence import converge, look, spread
from bookstore.deploying.swarm.doctor import examine
from bookstore.deploying.swarm.fetching import fetched
from bookstore.deploying.swarm.forming import by_ssh, form
from bookstore.deploying.swarm.nodes import Node, all_nodes
from bookstore.deploying.swarm.options import AUTHORITY, FOLDER, STACK, URL, Wanted, wanted
from bookstore.deploying.swarm.probe import Probe
from bookstore.deploying.swarm.rollout import go_back, roll_out
from bookstore.deploying.swarm.services import Service, last_lines, services_of, version_of
from bookstore.deploying.swarm.stack import SwarmStack


class UpByDefault(click.Group):
    """`deploy swarm --domain ...` is `deploy swarm up --domain ...`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0].startswith("-") and args[0] not in ctx.help_option_names:
            args = ["up", *args]
        return super().parse_args(ctx, args)


@click.group(cls=UpByDefault)
def swarm() -> None:
    """Run the shop on a Docker Swarm; `up` may be left out.

    DOCKER_HOST leads to a manager, as it does for docker itself.
    """


@swarm.command()
@wanted
@click.option(
    "--build/--no-build", default=True, help="Build and push the images, or take those that there are."
)
@click.option(
    "--autoscale/--no-autoscale",
    default=None,
    help="Let the load decide how many replicas run.  [default: as it is now]",
)
@click.option("--contract", is_flag=True, help="No version before the one that runs is needed any more.")
@click.option("--schema-tested", is_flag=True, help="Somebody else ran the old tests on the new schema.")
def up(wanted: Wanted, build: bool, autoscale: bool | None, contract: bool, schema_tested: bool) -> None:
    """Bring a version up, or put it in the place of the one that runs, without a request that fails.

    The cluster is examined, secrets that changed are rotated, every node fetches the images, and a job
    migrates the databases. Then the replicas are replaced in small steps while pages are asked for all the
    time: a request that fails takes the version back, and so does a replica that does not become healthy.

    Where there are new migrations, the tests of the version that runs must pass on the new schema. One that
    contracts the schema is refused without --contract.
    """
    require_fit(examine(wanted.stack))
    running = _running(wanted.stack.name)
    require_usable(wanted.root, running, _tell, contract=contract, tested=schema_tested)
    if build:
        _build_and_push(wanted)
    stack = _autoscaled(wanted.stack, autoscale)
    stack = stack.contracting() if contract else stack
    roll_out(stack, wanted.tag, wanted.images, wanted.probe, _tell)
    click.echo(f"version {wanted.tag} is open on {wanted.probe.url}")


@swarm.command()
@wanted
def doctor(wanted: Wanted) -> None:
    """Examine the cluster as `up` does first, and change nothing.

    The images that run, or those of --tag, are started once on each node: that shows whether it has or gets
    them, and what time it is there.
    """
    running = sorted({service.image for service in services_of(wanted.stack.name)})
    images = wanted.images if wanted.is_named else running
    require_fit(chain(examine(wanted.stack), fetched(wanted.stack.name, images)))
    if not images:
        click.echo("nothing runs yet: with --tag the images of a version are looked at, and the clocks")


@swarm.command()
@click.option("--managers", required=True, help="Hosts that ssh knows, with commas; an odd number.")
@click.option("--workers", default="", help="Likewise those that only run replicas.")
@click.option(
    "--ssh-config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file that tells ssh about the hosts.  [default: yours]",
)
def init(managers: str, workers: str, ssh_config: Path | None) -> None:
    """Make a Swarm of hosts that have a Docker engine: the first manager begins it, the others join.

    A host is NAME=ADDRESS, or NAME alone where the others reach it by its name. Each is reached by ssh, and
    its docker program is asked there, so you must be one who may ask it. Hosts that are members stay as they
    are: repeated with one more host, it adds that one.
    """
    if len(_hosts(managers)) % 2 == 0:
        raise click.BadParameter("an even number of managers survives no more than one less does")
    ask = by_ssh(["-F", str(ssh_config)] if ssh_config else [])
    form(_hosts(managers), _hosts(workers), ask)
    click.echo(ask(next(iter(_hosts(managers))), "node", "ls"))


@swarm.command()
@STACK
def status(stack: str) -> None:
    """Where the replicas run, of which version, and how they do."""
    sight = look(stack)
    for node in all_nodes():
        role = "leader" if node.is_leader else "manager" if node.is_manager else "worker"
        click.echo(f"{node.name:12} {role:8} {node.state:8} {node.availability}")
    for service in sight.services:
        wanted = "on each node" if service.replicas is None else f"of {service.replicas}"
        click.echo(f"\n{service.name}: {len(sight.up(service))} {wanted} {service.update}".rstrip())
        for task in sight.of(service):
            if task.desired == "running":
                health = "healthy" if task.is_up else task.state
                click.echo(f"  {task.node:12} {task.version:24} {health} {task.error}".rstrip())


@swarm.command()
@STACK
@click.argument("wanted", nargs=-1, required=True, metavar="SERVICE=REPLICAS...")
def scale(stack: str, wanted: tuple[str, ...]) -> None:
    """Run more or fewer replicas of a service, such as app=12."""
    # `docker service update --replicas` writes more of the specification anew, which replaces all replicas.
    run(["docker", "service", "scale", "--detach", *(f"{stack}_{change}" for change in wanted)])
    _wait(stack)


@swarm.command()
@STACK
@URL
@AUTHORITY
@click.option("--edge", is_flag=True, help="Take nginx back instead of the shop and its workers.")
def rollback(stack: str, url: str | None, authority: Path | None, edge: bool) -> None:
    """Go back to the version before. Databases stay as they are: it works on the newer schema."""
    parts = ("edge",) if edge else ("shop", "worker")
    address = url or _address_of(services_of(stack))
    go_back(stack, parts, Probe(address, authority), _tell)
    for service in services_of(stack):
        click.echo(f"{service.name} is {service.image.partition('@')[0]} again")


@swarm.command()
@STACK
@click.argument("service")
@click.option("--tail", default=100, show_default=True, help="How many lines.")
def logs(stack: str, service: str, tail: int) -> None:
    """What the replicas of a service said last."""
    click.echo(last_lines(f"{stack}_{service}", tail))


@swarm.command()
@STACK
@click.argument("name", metavar="NODE")
def drain(stack: str, name: str) -> None:
    """Empty a node, for work on it: its replicas finish what they have, and others start elsewhere."""
    node = _node(name)
    run(["docker", "node", "update", "--availability", "drain", node.id])
    _wait(stack)
    while spread(look(stack).tasks).get(node.name):
        time.sleep(1)
    click.echo(
        f"{node.name} is empty; `docker node update --availability active {node.name}` takes it in again"
    )


@swarm.command()
@STACK
def rebalance(stack: str) -> None:
    """Spread the replicas anew. A node that came back gets none by itself."""
    for service in services_of(stack):
        if service.replicas is not None:
            options = ["--force", "--detach", "--quiet", *service.remembering]
            run(["docker", "service", "update", *options, service.name])
    _wait(stack)
    for node, count in sorted(spread(look(stack).tasks).items()):
        click.echo(f"{node}: {count}")


@swarm.command()
@FOLDER
@click.option(
    "--certificate", type=click.Path(path_type=Path), required=True, help="Certificate and key, one file."
)
@click.option("--listen", default="", help="The address where people come in.  [default: all]")
@click.option("--port", default=80, show_default=True, help="Where nginx listens on the nodes.")
def balancer(folder: Path, certificate: Path, listen: str, port: int) -> None:
    """Print a configuration for HAProxy in front of the nodes."""
    nodes = {
        node.name: f"{node.address}:{port}"
        for node in all_nodes()
        if node.labels.get("bookstore.edge") == "true"
    }
    click.echo(configuration(folder, nodes=nodes, listen=listen, certificate=certificate), nl=False)


def _autoscaled(stack: SwarmStack, wanted: bool | None) -> SwarmStack:
    """With the autoscaler if the operator wants it, or has said nothing and has it."""
    is_there = stack.has_autoscaler()
    if wanted is False and is_there:
        click.echo("removing the autoscaler ...")
        stack.remove_autoscaler()
    return replace(stack, autoscaled=is_there if wanted is None else wanted)


def _build_and_push(wanted: Wanted) -> None:
    build_images(wanted.root, wanted.stack.topology, wanted.tag, registry=wanted.registry)
    for image in wanted.images if wanted.registry else ():
        click.echo(f"pushing {image} ...")
        run(["docker", "push", "--quiet", image])


def _tell(step: str) -> None:
    click.echo(f"{step} ...")


def _running(stack: str) -> str:
    """The version of the shop that runs; empty when none does."""
    return next((version_of(service.image) for service in services_of(stack) if service.part == "shop"), "")


def _hosts(listed: str) -> dict[str, str]:
    """The hosts of a list, each with the address by which the others reach it."""
    hosts = [host.strip().partition("=") for host in listed.split(",") if host.strip()]
    return {name: address or name for name, _, address in hosts}


def _wait(stack: str) -> None:
    converge(stack, tell=lambda missing: click.echo(f"waiting: {missing}"))


def _node(name: str) -> Node:
    for node in all_nodes():
        if node.name == name:
            return node
    raise NoSuchNode(name=name)


def _address_of(services: list[Service]) -> str:
    """The address of the shop, which its replicas know as well."""
    for service in services:
        for setting in service.spec["TaskTemplate"]["ContainerSpec"].get("Env", []):
            if setting.startswith("BOOKSTORE_PUBLIC_URL="):
                return str(setting.partition("=")[2])
    return ""
