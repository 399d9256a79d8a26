"""The configuration of nginx: which service gets which request, and what may be asked of it from outside.

The same rules stand in front of the services wherever they run; here they are rendered for one machine.
"""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from bookstore.config import Settings

# Debian keeps it where the PATH of an ordinary user does not look.
PLACES = os.pathsep.join(["/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin"])
# The app answers what is too large with a page of its own; nginx only refuses what is absurd.
HEADROOM = 4


class NginxMissing(Exception):
    """nginx is not installed."""

    def __str__(self) -> str:
        return "nginx is missing: it stands in front of the services (on Debian: apt-get install nginx-light)"


@dataclass(frozen=True)
class Edge:
    """What nginx in front of the shop needs to know: where it listens, and where each service does."""

    listen: str
    services: Mapping[str, Sequence[str]]
    max_body_kib: int
    answer_seconds: int
    proxies_before: bool = False

    def render(self, folder: Path) -> str:
        """The configuration, for an nginx that keeps its files in this folder."""
        replicas = [address for addresses in self.services.values() for address in addresses]
        return _render("edge.conf.jinja", folder, edge=self, services=self.services, replicas=replicas)


@dataclass(frozen=True)
class Inside:
    """Balances what services ask of one another over their replicas: a loopback address for each service."""

    addresses: Mapping[str, str]
    services: Mapping[str, Sequence[str]]
    answer_seconds: int

    def render(self, folder: Path) -> str:
        """The configuration, for an nginx that keeps its files in this folder."""
        return _render("inside.conf.jinja", folder, inside=self, services=self.services)


def edge_of(settings: Settings, services: Mapping[str, Sequence[str]]) -> Edge:
    """The edge of this shop in front of these addresses."""
    largest = max(settings.max_body_kib, settings.max_upload_kib)
    return Edge(
        listen=f"{settings.host}:{settings.port}",
        services=services,
        max_body_kib=HEADROOM * largest,
        # Longer than the server lets a request take, so that it is the server that gives up first.
        answer_seconds=65,
        proxies_before=settings.trusted_proxies > 0,
    )


def find() -> str:
    """The path of nginx. Raises NginxMissing."""
    found = shutil.which("nginx") or shutil.which("nginx", path=PLACES)
    if found is None:
        raise NginxMissing
    return found


def command(folder: Path, configuration: str) -> list[str]:
    """Write the configuration into the folder; how to run nginx with it in the foreground."""
    (folder / "temp").mkdir(parents=True, exist_ok=True)
    path = folder / "nginx.conf"
    path.write_text(configuration)
    return [find(), "-p", str(folder), "-c", str(path), "-e", "stderr"]


def _render(template: str, folder: Path, **values: object) -> str:
    templates = files("bookstore.serving") / "templates"
    environment = Environment(
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701  # the settings of an operator become a configuration, not a page
        keep_trailing_newline=True,
    )
    common = environment.from_string((templates / "common.conf.jinja").read_text())
    # A master that was started by root gives its workers to somebody who cannot read a private folder.
    common_text = common.render(folder=folder, as_root=os.geteuid() == 0)
    return environment.from_string((templates / template).read_text()).render(
        common=common_text, pages=str(templates), **values
    )
