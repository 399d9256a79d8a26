"""The nginx of production on loopback: its own templates, filled in by its own `start`, in a scratch folder.

What the image has at fixed places is put into the folder instead, and the ports are free ones. Nothing else
is changed, so that whatever the templates do (limits, caches, headers) is measured.
"""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bookstore.config import SERVICES
from bookstore.serving import nginx
from bookstore.serving.split import free_ports

ROOT = Path(__file__).parent.parent
TEMPLATES = ROOT / "deploy/nginx/templates"
START = ROOT / "deploy/nginx/start"
STATIC = ROOT / "src/bookstore/shared/static"
# What the image has of it: the pages of nginx itself, and which pages it keeps.
PAGES = ROOT / "src/bookstore/serving/templates"
# Where the image has what; the rest of /etc/nginx is Debian's, here as there.
PLACES = (
    "/etc/nginx/templates",
    "/usr/share/bookstore",
    "/media/bookstore",
    "/certificates",
    "/acme",
    "/var/cache",
    "/tmp",  # noqa: S108  # not used: it is replaced
)
_PLACE = re.compile(rf"(?<![\w/.])({'|'.join(PLACES)})(?![\w-])")
_LISTEN = re.compile(r"(?m)^(\s*listen (?:127\.0\.0\.1:)?)(8080|8081|8443)\b")
# All of the load comes from one address, which would be refused as one client that asks too fast.
UNLIMITED = "1000000"


@dataclass(frozen=True)
class Edge:
    """An nginx that runs. `folder` is its root: what lies below it in `static` is served at /static/."""

    folder: Path
    process: subprocess.Popen[bytes]
    http_port: int
    https_port: int

    @property
    def static(self) -> Path:
        return self.folder / "usr/share/bookstore/static"


def start_edge(
    folder: Path, addresses: dict[str, str], media: Path, environ: dict[str, str], *, tls: bool
) -> Edge:
    """Start nginx in front of the app, or of each service by its name, at these addresses.

    With TLS, or as behind a balancer that ends it.
    """
    ports = dict(zip(("8080", "8081", "8443"), map(str, free_ports(3)), strict=True))
    folder.mkdir(mode=0o755)
    script = lay_out(folder, media, ports)
    own = {name.upper(): addresses.get(name) or addresses["app"] for name in SERVICES}
    own["RESOLVER"] = "127.0.0.1"
    own |= {"REQUESTS_PER_SECOND": UNLIMITED, "BURST": UNLIMITED, "HTTPS_PORT": ports["8443"]}
    own |= {} if tls else {"BALANCERS": "127.0.0.1"}
    path = f"{os.environ.get('PATH', '')}{os.pathsep}{nginx.PLACES}"
    process = subprocess.Popen(  # noqa: S603  # our own script
        ["setpriv", "--pdeathsig", "TERM", "bash", str(script)],  # noqa: S607
        env={**environ, **own, "PATH": path},
        stdin=subprocess.DEVNULL,
        stdout=(folder / "nginx.log").open("wb"),
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    return Edge(folder, process, int(ports["8080"]), int(ports["8443"]))


def lay_out(folder: Path, media: Path, ports: dict[str, str]) -> Path:
    """Put into the folder what the image has; the path of its `start`."""
    for place in PLACES:
        (folder / place.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
    for place in ("tmp", "certificates", "acme", "var/cache", "etc/nginx/templates"):
        (folder / place).mkdir(parents=True, exist_ok=True)
    shutil.copytree(STATIC, folder / "usr/share/bookstore/static")
    for place in ("pages", "nginx"):
        shutil.copytree(PAGES, folder / "usr/share/bookstore" / place)
    (folder / "media/bookstore").symlink_to(media)
    for template in TEMPLATES.iterdir():
        text = relocated(template.read_text(), folder, ports)
        (folder / "etc/nginx/templates" / template.name).write_text(_as_owner(template.name, text))
    script = folder / "start"
    script.write_text(relocated(START.read_text(), folder, ports))
    return script


def relocated(text: str, folder: Path, ports: dict[str, str]) -> str:
    """The same text for this folder and these ports."""
    moved = _PLACE.sub(lambda found: f"{folder}{found[1]}", text)
    return _LISTEN.sub(lambda found: found[1] + ports[found[2]], moved)


def _as_owner(name: str, text: str) -> str:
    """A master that was started by root gives its workers to somebody who cannot read a private folder."""
    return f"user root;\n{text}" if name == "nginx.conf" and os.geteuid() == 0 else text
