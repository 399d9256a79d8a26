"""`bookstore chaos`: what operators type, and what they read."""

from pathlib import Path

import click

from bookstore.chaos.calendar import GAME_DAYS
from bookstore.chaos.errors import HypothesisRefuted, NeedsTheLab, NotTheLab
from bookstore.chaos.foreign_shop import ForeignShop
from bookstore.chaos.game_day import GameDay, Shop, hold
from bookstore.chaos.load import RATE, Load
from bookstore.chaos.on_the_lab import find_lab
from bookstore.lab.commands import CHECKOUT
from bookstore.lab.open_shop import OpenShop

OPTIONS = (
    CHECKOUT,
    click.option(
        "--rate",
        type=click.IntRange(1, 1000),
        default=RATE,
        show_default=True,
        help="Requests in each second meanwhile.",
    ),
    click.option(
        "--force", is_flag=True, help="Hold it on a cluster that is not the lab, where that can be done."
    ),
    click.option("--url", help="With --force: where the load balancer of that cluster answers."),
    click.option(
        "--authority",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="With --force: a certificate to trust, where the load balancer shows one of its own making.",
    ),
    click.option("--stack", default="bookstore", show_default=True, help="With --force: its name there."),
)


@click.group()
def chaos() -> None:
    """Break something on the lab while people buy, and see whether the shop keeps its promises.

    Who may talk to the Docker engine may do this; nobody else can. Each game day states its hypothesis, puts
    right what it broke, also after Ctrl-C, and exits with 1 when the hypothesis does not hold.
    """


@chaos.command("list")
def list_game_days() -> None:
    """All game days with their hypotheses."""
    for day in GAME_DAYS:
        click.echo(f"{day.name}\n    {day.hypothesis}")


def _command(day: GameDay) -> click.Command:
    def hold_it(
        checkout: Path, rate: int, force: bool, url: str | None, authority: Path | None, stack: str
    ) -> None:
        shop, address, trusted = _target(day, checkout, url, authority, stack, force=force)
        click.echo(f"hypothesis: {day.hypothesis}")
        verdict = hold(day, shop, Load(address, trusted, rate=rate), lambda news: click.echo(f"{news} ..."))
        click.echo(verdict.report())
        if not verdict.holds:
            raise HypothesisRefuted(name=day.name, breaches="; ".join(verdict.breaches()))

    command = click.command(day.name, help=day.hypothesis)
    for option in reversed(OPTIONS):
        hold_it = option(hold_it)
    return command(hold_it)


def _target(
    day: GameDay, checkout: Path, url: str | None, authority: Path | None, stack: str, *, force: bool
) -> tuple[Shop, str, Path | None]:
    """The shop to be hurt, where it answers, and whom to trust there. Raises NotTheLab, NeedsTheLab."""
    try:
        lab: OpenShop = find_lab(checkout)
    except NotTheLab:
        if not force:
            raise
    else:
        return lab, lab.url, lab.authority
    if day.needs_lab:
        others = ", ".join(other.name for other in GAME_DAYS if not other.needs_lab)
        raise NeedsTheLab(name=day.name, others=others)
    if not url:
        raise click.UsageError("--force needs --url on a cluster that is not the lab")
    return ForeignShop(stack), url, authority


for _day in GAME_DAYS:
    chaos.add_command(_command(_day))
