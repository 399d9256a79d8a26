"""The options that say what is deployed on a Swarm and where, for all commands that need to know."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from bookstore.deploying.images import commit_of, edge_tag, images_of
from bookstore.deploying.stack import TOPOLOGIES
from bookstore.deploying.swarm.probe import Probe
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
ALL = (
    FOLDER,
    STACK,
    URL,
    AUTHORITY,
    click.option("--topology", type=click.Choice(list(TOPOLOGIES)), default="monolith", show_default=True),
    click.option("--domain", required=True, help="The name by which people reach the shop."),
    click.option(
        "--balancers", required=True, help="Addresses from which load balancers connect, with commas."
    ),
    click.option("--media", required=True, help="The folder that all nodes share: a mount of NFS or EFS."),
    click.option(
        "--backups",
        required=True,
        help="The folder where the backups of each night go, on every node as well.",
    ),
    click.option(
        "--secrets", type=click.Path(path_type=Path), help="Folder of secrets.  [default: FOLDER/secrets]"
    ),
    click.option(
        "--registry", default="", help="Where the images are pushed to and the nodes pull them from."
    ),
    click.option("--tag", help="Version of the images.  [default: the commit of the checkout]"),
    click.option("--encrypted", is_flag=True, help="Encrypt what the nodes say to one another."),
)


@dataclass(frozen=True)
class Wanted:
    """What an operator wants to run: a version, described by a stack file, with an address."""

    stack: SwarmStack
    root: Path
    tag: str
    is_named: bool
    registry: str
    probe: Probe

    @property
    def images(self) -> list[str]:
        named = images_of(self.stack.topology, self.tag, edge_tag(self.root), self.registry)
        return [image for image in named if "-acme:" not in image]


def wanted(command: Callable[..., None]) -> Callable[..., None]:
    """With all these options, which come as one value; options of its own come by their names."""

    def gathered(
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
        encrypted: bool,
        **own: Any,
    ) -> None:
        root = folder.resolve().parents[1]
        version = tag or commit_of(root)[:12]
        places = {"media": media, "backups": backups, "registry": registry}
        settings = settings_of(root, version, domain=domain, balancers=balancers, **places)
        described = SwarmStack(folder, topology, stack, secrets or folder / "secrets", settings, encrypted)
        probe = Probe(url or f"https://{domain}", authority)
        command(Wanted(described, root, version, bool(tag), registry, probe), **own)

    with_options: Callable[..., None] = functools.update_wrapper(gathered, command)
    for option in reversed(ALL):
        with_options = option(with_options)
    return with_options


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
