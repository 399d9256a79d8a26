"""The images of a version: what they are called, and how they are built."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from bookstore.deploying.programs import run
from bookstore.deploying.stack import TOPOLOGIES


def build_images(
    root: Path,
    topology: str,
    tag: str,
    *,
    registry: str = "",
    options: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
) -> None:
    """Build what a topology needs from this checkout; the name of a `registry` goes before those of images.

    `environ` chooses the engine, as it does for docker itself.
    """
    about = ["--build-arg", f"VERSION={tag}", "--build-arg", f"COMMIT={commit_of(root)}"]
    for name, arguments in images_of(topology, tag, edge_tag(root), registry).items():
        click.echo(f"building {name} ...")
        run(["docker", "build", "--quiet", *options, *about, *arguments, "--tag", name, str(root)], environ)


def images_of(topology: str, tag: str, edge: str, registry: str = "") -> Mapping[str, Sequence[str]]:
    """What to build for a topology, with the arguments of each. The whole shop makes the backups of both."""
    alone = TOPOLOGIES["services"] if topology == "services" else ()
    prefix = f"{registry}/" if registry else ""
    return {
        f"{prefix}bookstore:{tag}": ["--target", "app"],
        **{
            f"{prefix}bookstore-{name}:{tag}": ["--target", "app", "--build-arg", f"SERVICE={name}"]
            for name in alone
        },
        f"{prefix}bookstore-edge:{edge}": ["--target", "edge"],
        f"{prefix}bookstore-acme:{tag}": ["--target", "acme"],
    }


def commit_of(root: Path) -> str:
    return run(["git", "-C", str(root), "rev-parse", "HEAD"]).strip()


def edge_tag(root: Path) -> str:
    """A version of nginx's image that follows from what is in it.

    Replacing nginx is the one step in which requests wait, so it is replaced only if it would be another one.
    """
    parts = ("Dockerfile", "deploy/nginx", "src/bookstore/serving/templates", "src/bookstore/shared/static")
    digest = hashlib.sha256()
    for part in parts:
        for path in sorted([root / part, *(root / part).rglob("*")]):
            if path.is_file():
                digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:12]
