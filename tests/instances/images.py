"""The images that instances pull, built from this checkout and handed to the registry of the stand-in."""

from collections.abc import Iterator
from contextlib import contextmanager

import yaml

from bookstore.deploying.images import edge_tag
from bookstore.lab import engines, machine
from bookstore.lab.images import BASE
from bookstore.lab.plan import BUILDER, REGISTRY, Plan, engine_of

IMAGE, TAG = f"{REGISTRY}/bookstore", "one"


def build(plan: Plan, topology: str) -> None:
    """Those of the shop; nginx's under the tag of the shop as well: on AWS a version is one tag."""
    machine.build(plan, topology, TAG)
    edge, same = f"{IMAGE}-edge:{edge_tag(plan.checkout)}", f"{IMAGE}-edge:{TAG}"
    with _builder(plan):
        _docker("tag", edge, same)
        _docker("push", "--quiet", same)


def build_database(plan: Plan) -> None:
    """What stands for the image of MySQL, where an engine finds it by the name in the compose file."""
    described = yaml.safe_load((plan.checkout / "deploy/compose/monolith.yaml").read_text())
    default = described["services"]["database"]["image"].partition(":-")[2].removesuffix("}")
    image = f"{REGISTRY}/library/{default}"
    options = ["--quiet", "--network", "host", "--build-arg", f"DEBIAN_IMAGE={BASE}", "--tag", image]
    with _builder(plan):
        _docker("build", *options, str(plan.checkout / "tests/compose/database"))
        _docker("push", "--quiet", image)


@contextmanager
def _builder(plan: Plan) -> Iterator[None]:
    engines.start_builder(plan)
    try:
        yield
    finally:
        engines.stop(plan, BUILDER)


def _docker(*arguments: str) -> None:
    engines.docker(engine_of(BUILDER), *arguments)
