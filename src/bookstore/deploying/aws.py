"""`bookstore deploy aws`: leads to the stacks, which live in an environment of their own (ADR 31)."""

import os
import subprocess
from pathlib import Path

import click

from bookstore.deploying.errors import StacksNotSetUp
from bookstore.deploying.images import commit_of

VERBS = ("plan", "apply", "status", "destroy")


@click.command()
@click.argument("stack")
@click.argument("verb", type=click.Choice(VERBS), default="plan")
@click.option(
    "--profile",
    type=click.Choice(["standard", "academy", "production"]),
    help="What the account may and wants to spend.  [default: BOOKSTORE_AWS_PROFILE, or standard]",
)
@click.option("--tag", help="Version of the images.  [default: BOOKSTORE_AWS_TAG, or the checkout's commit]")
@click.option("--confirm", default="", metavar="STACK", help="Say what may be lost, instead of being asked.")
@click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path("deploy/aws"),
    show_default=True,
    help="Where the stacks are described.",
)
@click.pass_context
def aws(
    context: click.Context,
    stack: str,
    verb: str,
    profile: str | None,
    tag: str | None,
    confirm: str,
    folder: Path,
) -> None:
    """Deploy the shop on AWS: STACK is monolith, fleet, swarm or services, or several with commas between.

    `plan` tells what would change and what a month costs, and changes nothing; `apply` does it and waits;
    `status` tells how everything does; `destroy` takes it down once you have named what is lost. The other
    settings are in the environment: docs/aws.md.
    """
    interpreter = folder.resolve().parents[1] / ".venv-aws/bin/python"
    if not interpreter.exists():
        raise StacksNotSetUp
    chosen = {
        "BOOKSTORE_AWS_DEPLOYMENTS": stack,
        "BOOKSTORE_AWS_TAG": tag or os.environ.get("BOOKSTORE_AWS_TAG") or commit_of(folder)[:12],
    }
    if profile:
        chosen["BOOKSTORE_AWS_PROFILE"] = profile
    command = [str(interpreter), str(folder / "operate.py"), verb, "--confirm", confirm]
    done = subprocess.run(command, env={**os.environ, **chosen}, check=False)  # noqa: S603  # no shell
    context.exit(done.returncode)
