"""`bookstore deploy`: what operators type, and what they read."""

from pathlib import Path

import click

from bookstore.deploying.aws import aws
from bookstore.deploying.doctor import examine
from bookstore.deploying.errors import NothingBefore
from bookstore.deploying.findings import require_fit
from bookstore.deploying.images import build_images, commit_of, edge_tag
from bookstore.deploying.programs import run
from bookstore.deploying.releases import Releases
from bookstore.deploying.rollout import roll_out
from bookstore.deploying.stack import TOPOLOGIES, Stack
from bookstore.deploying.swarm.commands import swarm

FOLDER = click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path("deploy/compose"),
    show_default=True,
    help="Where the compose files are.",
)
TOPOLOGY = click.option(
    "--topology", type=click.Choice(list(TOPOLOGIES)), default="monolith", show_default=True
)


@click.group()
def deploy() -> None:
    """Deploy the shop on this machine by Docker Compose, on a Docker Swarm or on AWS, and see to it there."""


deploy.add_command(aws)
deploy.add_command(swarm)


@deploy.command()
@FOLDER
@TOPOLOGY
@click.option("--domain", required=True, help="The name by which people reach the shop.")
@click.option("--tag", help="Version of the images.  [default: the commit of the checkout]")
@click.option("--build/--no-build", default=True, help="Build the images, or take those that there are.")
@click.option("--rollback", is_flag=True, help="Go back to the version before.")
@click.option("--http-port", default=80, show_default=True)
@click.option("--https-port", default=443, show_default=True)
def compose(
    folder: Path,
    topology: str,
    domain: str,
    tag: str | None,
    build: bool,
    rollback: bool,
    http_port: int,
    https_port: int,
) -> None:
    """Bring a version up, or put it in the place of the one that runs, without a request that fails.

    The machine is examined, missing secrets are made, the databases migrated. A new container takes over
    before the old one stops; if it does not become healthy, it goes again and the command fails.
    """
    releases = Releases.of(folder)
    wanted = _version(folder, tag, releases, rollback=rollback)
    settings = _settings(domain, wanted, http_port, https_port) | {"EDGE_TAG": edge_tag(_root(folder))}
    stack = Stack(folder, topology, settings)
    run([str(folder / "make-secrets"), str(folder / "secrets")])
    is_running = bool(stack.containers("edge"))
    require_fit(examine(folder, domain, (http_port, https_port), is_running=is_running))
    if build and not rollback:
        build_images(_root(folder), topology, wanted)
    roll_out(stack, wanted, lambda step: click.echo(f"{step} ..."), migrate=not rollback)
    releases.after(wanted).keep(folder)
    click.echo(f"version {wanted} is open on {_address(domain, https_port)}")


@deploy.command()
@FOLDER
@TOPOLOGY
def status(folder: Path, topology: str) -> None:
    """Which version runs, and how its containers do."""
    releases = Releases.of(folder)
    click.echo(f"version {releases.current or 'none'}, before it {releases.previous or 'none'}")
    click.echo(_stack(folder, topology).compose("ps"))


@deploy.command()
@FOLDER
@TOPOLOGY
@click.option("--tail", default=100, show_default=True, help="How many lines of each container.")
def logs(folder: Path, topology: str, tail: int) -> None:
    """What the containers said last."""
    click.echo(_stack(folder, topology).compose("logs", "--no-color", "--tail", str(tail)))


@deploy.command()
@FOLDER
@TOPOLOGY
def down(folder: Path, topology: str) -> None:
    """Stop the shop. Databases, photos, certificates and secrets stay."""
    _stack(folder, topology).compose("down", shown=True)


def _version(folder: Path, tag: str | None, releases: Releases, *, rollback: bool) -> str:
    if rollback:
        if not releases.previous:
            raise NothingBefore
        return releases.previous
    return tag or commit_of(folder)[:12]


def _settings(domain: str, tag: str, http_port: int, https_port: int) -> dict[str, str]:
    return {
        "SHOP_DOMAIN": domain,
        "BOOKSTORE_TAG": tag,
        "HTTP_PORT": str(http_port),
        "HTTPS_PORT": str(https_port),
        "HTTPS_PORT_IN_URLS": "" if https_port == 443 else f":{https_port}",
    }


def _stack(folder: Path, topology: str) -> Stack:
    return Stack(folder, topology, {"SHOP_DOMAIN": "unknown", "BOOKSTORE_TAG": Releases.of(folder).current})


def _address(domain: str, https_port: int) -> str:
    return f"https://{domain}" if https_port == 443 else f"https://{domain}:{https_port}"


def _root(folder: Path) -> Path:
    """The checkout that the compose files belong to."""
    return folder.resolve().parents[1]
