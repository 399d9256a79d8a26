"""`bookstore deploy swarm`: what operators type, and what they read."""

import time
from pathlib import Path

import click

from bookstore.deploying.errors import NoSuchNode
from bookstore.deploying.findings import require_fit
from bookstore.deploying.images import build_images, commit_of, edge_tag, images_of
from bookstore.deploying.programs import run
from bookstore.deploying.stack import TOPOLOGIES
from bookstore.deploying.swarm.balancer import configuration
from bookstore.deploying.swarm.convergence import converge, look, spread
from bookstore.deploying.swarm.doctor import examine
from bookstore.deploying.swarm.forming import by_ssh, form
from bookstore.deploying.swarm.nodes import Node, all_nodes
from bookstore.deploying.swarm.probe import Probe
from bookstore.deploying.swarm.rollout import go_back, roll_out
from bookstore.deploying.swarm.services import Service, last_lines, services_of
from bookstore.deploying.swarm.stack import SwarmStack

FOLDER = click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path("deploy/swarm"),
    show_default=True,
    help="Where the stack files are.",
)
STACK = click.option("--stack", default="bookstore", show_default=True, help="Its name in the cluster.")
URL = click.option("--url", help="Where the load balancer answers.  [default: https://DOMAIN]")
AUTHORITY = click.option(
    "--authority",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A certificate to trust, where the load balancer shows one of its own making.",
)


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
@FOLDER
@STACK
@URL
@AUTHORITY
@click.option("--topology", type=click.Choice(list(TOPOLOGIES)), default="monolith", show_default=True)
@click.option("--domain", required=True, help="The name by which people reach the shop.")
@click.option("--balancers", required=True, help="Addresses from which load balancers connect, with commas.")
@click.option("--media", required=True, help="The folder that all nodes share: a mount of NFS or EFS.")
@click.option(
    "--backups", required=True, help="The folder where the backups of each night go, on every node as well."
)
@click.option(
    "--secrets", type=click.Path(path_type=Path), help="Folder of secrets.  [default: FOLDER/secrets]"
)
@click.option("--registry", default="", help="Where the images are pushed to and the nodes pull them from.")
@click.option("--tag", help="Version of the images.  [default: the commit of the checkout]")
@click.option(
    "--build/--no-build", default=True, help="Build and push the images, or take those that there are."
)
@click.option("--encrypted", is_flag=True, help="Encrypt what the nodes say to one another.")
def up(
    folder: Path,
    stack: str,
    url: str | None,
    authority: Path | None,
    topology: str,
    domain: str,
    balancers: str,
    media: str,
    backups: str,
    secrets: Path | None,
    registry: str,
    tag: str | None,
    build: bool,
    encrypted: bool,
) -> None:
    """Bring a version up, or put it in the place of the one that runs, without a request that fails.

    The cluster is examined, secrets that changed are rotated, every node fetches the images, and a job
    migrates the databases. Then the replicas are replaced in small steps while pages are asked for all the
    time: a request that fails takes the version back, and so does a replica that does not become healthy.
    """
    root = folder.resolve().parents[1]
    wanted = tag or commit_of(root)[:12]
    places = {"media": media, "backups": backups, "registry": registry}
    settings = settings_of(root, wanted, domain=domain, balancers=balancers, **places)
    described = SwarmStack(folder, topology, stack, secrets or folder / "secrets", settings, encrypted)
    require_fit(examine(described))
    images = [name for name in images_of(topology, wanted, edge_tag(root), registry) if "-acme:" not in name]
    if build:
        _build_and_push(root, topology, wanted, registry, images)
    probe = Probe(url or f"https://{domain}", authority)
    roll_out(described, wanted, images, probe, lambda step: click.echo(f"{step} ..."))
    click.echo(f"version {wanted} is open on {probe.url}")


@swarm.command()
@click.option("--managers", required=True, help="Hosts that ssh knows, with commas; an odd number.")
@click.option("--workers", default="", help="Likewise those that only run replicas.")
def init(managers: str, workers: str) -> None:
    """Make a Swarm of hosts that have a Docker engine: the first manager begins it, the others join.

    A host is NAME=ADDRESS, or NAME alone where the others reach it by its name. Docker asks them by ssh.
    """
    form(_hosts(managers), _hosts(workers), by_ssh)
    click.echo(by_ssh(next(iter(_hosts(managers))), "node", "ls"))


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
    run(["docker", "service", "scale", "--detach", *(f"{stack}_{change}" for change in wanted)])
    _wait(stack)


@swarm.command()
@STACK
@URL
@AUTHORITY
@click.option("--edge", is_flag=True, help="Take nginx back instead of the shop and its workers.")
def rollback(stack: str, url: str | None, authority: Path | None, edge: bool) -> None:
    """Go back to the version before. Databases stay as they are: a schema only ever grows."""
    parts = ("edge",) if edge else ("shop", "worker")
    address = url or _address_of(services_of(stack))
    go_back(stack, parts, Probe(address, authority), lambda step: click.echo(f"{step} ..."))
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
            run(["docker", "service", "update", "--force", "--detach", "--quiet", service.name])
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


def settings_of(
    root: Path, tag: str, *, domain: str, balancers: str, media: str, backups: str, registry: str
) -> dict[str, str]:
    """The variables of the stack files that follow from what the operator says."""
    prefix = f"{registry}/" if registry else ""
    return {
        "SHOP_DOMAIN": domain,
        "BALANCERS": balancers,
        "MEDIA": media,
        "BACKUPS": backups,
        "BOOKSTORE_IMAGE": f"{prefix}bookstore",
        "BOOKSTORE_TAG": tag,
        "EDGE_IMAGE": f"{prefix}bookstore-edge",
        "EDGE_TAG": edge_tag(root),
    }


def _build_and_push(root: Path, topology: str, tag: str, registry: str, images: list[str]) -> None:
    build_images(root, topology, tag, registry=registry)
    for image in images if registry else ():
        click.echo(f"pushing {image} ...")
        run(["docker", "push", "--quiet", image])


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
