"""What was looked at before a deployment, and what comes of it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from bookstore.config import is_weak
from bookstore.deploying.errors import NotFit

ENGINE_VERSION = (20, 10)
SHORTEST_SECRET = 32
# How long these are was for others to say.
GIVEN = {"smtp_password"}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. What `must` hold stops a deployment, the rest is advice."""

    what: str
    holds: bool
    detail: str
    must: bool = True


def require_fit(findings: Iterable[Finding]) -> None:
    """Tell the operator all that was looked at. Raises NotFit when something is not as it must be."""
    reasons = []
    for finding in findings:
        click.echo(f"{'ok' if finding.holds else 'NO'}  {finding.what}: {finding.detail}")
        if finding.must and not finding.holds:
            reasons.append(f"{finding.what}: {finding.detail}")
    if reasons:
        raise NotFit(reasons="; ".join(reasons))


def version_numbers(version: str) -> tuple[int, ...]:
    """Of an engine's version what can be compared: (20, 10) of 20.10.24+dfsg1."""
    return tuple(int(part) for part in version.split(".")[:2])


def weak_secrets(folder: Path) -> Iterator[Finding]:
    """A secret that somebody wrote by hand may be one that others guess."""
    for path in sorted(folder.glob("*")):
        text = path.read_text()
        if path.name in GIVEN or not path.name.endswith(("_key", "_token", "_password")):
            continue
        if len(text.strip()) < SHORTEST_SECRET:
            yield Finding(f"secret {path.name}", holds=False, detail=f"shorter than {SHORTEST_SECRET}")
        elif is_weak(text.strip()):
            yield Finding(f"secret {path.name}", holds=False, detail="not random: the shop refuses it")
