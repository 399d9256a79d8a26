"""The configuration of a load balancer in front of a Swarm, for HAProxy."""

from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATE = "haproxy.cfg.jinja"


def configuration(
    folder: Path, *, nodes: Mapping[str, str], listen: str, certificate: Path, control: Path | None = None
) -> str:
    """With the addresses at which nginx listens on the nodes, by name; `listen` is where people come in."""
    # What is written is no page: nothing is to be escaped.
    templates = Environment(  # noqa: S701
        loader=FileSystemLoader(folder), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = templates.get_template(TEMPLATE)
    pages = (folder.resolve().parents[1] / "src/bookstore/serving/templates").resolve()
    return template.render(nodes=nodes, listen=listen, certificate=certificate, control=control, pages=pages)
