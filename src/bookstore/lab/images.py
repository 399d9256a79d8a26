"""The images of the lab: built from this checkout on Debian's packages, and pushed into its registry."""

from pathlib import Path

from bookstore.deploying.images import build_images, edge_tag, images_of
from bookstore.deploying.programs import run
from bookstore.lab.engines import docker
from bookstore.lab.plan import BUILDER, REGISTRY, Plan, engine_of

BASE = "bookstore-base:bookworm"
# Where a machine keeps an index of packages and authorities of its own, if it has any.
PIP_SETTINGS = Path("/etc/pip.conf")
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")


def build(plan: Plan, topology: str, tag: str) -> None:
    """Build the images of this version and push them. A base is made first, where there is none."""
    environ = {"DOCKER_HOST": engine_of(BUILDER), "DOCKER_BUILDKIT": "1"}
    run([str(plan.checkout / "scripts" / "make-base-image"), BASE], environ)
    build_images(plan.checkout, topology, tag, registry=REGISTRY, options=_options(), environ=environ)
    for image in images_of(topology, tag, edge_tag(plan.checkout), REGISTRY):
        docker(engine_of(BUILDER), "push", "--quiet", image)


def _options() -> list[str]:
    # The machine's network, for machines whose way to the packages is not everybody's.
    options = ["--network", "host"]
    for argument in ("PYTHON_IMAGE", "DEBIAN_IMAGE"):
        options += ["--build-arg", f"{argument}={BASE}"]
    for secret, path in (("pip_conf", PIP_SETTINGS), ("ca_certificates", AUTHORITIES)):
        if path.exists():
            options += ["--secret", f"id={secret},src={path}"]
    return options
