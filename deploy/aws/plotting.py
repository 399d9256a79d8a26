"""The plots of docs/scaling.md: a day of the fleet as it grows and shrinks, beside one that does not."""

from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
# The same picture for the same numbers, byte by byte.
mpl.rcParams["svg.hashsalt"] = "bookstore"
import matplotlib.pyplot as plt  # noqa: E402  # after the choice of what draws

from simulation import Day, Policy, big_day, simulate  # noqa: E402

# Requests in a second, on the average of the day that is drawn.
AVERAGE = 240
GROWING = Policy(fewest=2, most=12, requests_per_minute=2400)
FIXED = Policy(fewest=3, most=3, requests_per_minute=2400)


def plot(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    curve = big_day(AVERAGE)
    days = {"2 to 12 instances": simulate(curve, GROWING), "always 3": simulate(curve, FIXED)}
    figure, (rates, sizes, waits) = plt.subplots(3, 1, figsize=(9, 7), sharex=True, layout="constrained")
    hours = [minute / 60 for minute in range(24 * 60)]
    rates.plot(hours, [one.rate for one in next(iter(days.values())).minutes], color="tab:gray")
    rates.set_ylabel("requests/s")
    for name, day in days.items():
        _draw(sizes, waits, hours, name, day)
    sizes.set_ylabel("instances")
    sizes.legend(loc="upper left")
    waits.set_ylabel("p95, s")
    waits.set_yscale("log")
    waits.set_xlabel("hour of the day")
    waits.set_xlim(0, 24)
    figure.savefig(folder / "scaling-day.svg", metadata={"Date": None})
    plt.close(figure)


def _draw(sizes: plt.Axes, waits: plt.Axes, hours: list[float], name: str, day: Day) -> None:
    sizes.step(hours, [one.instances for one in day.minutes], label=name, where="post")
    waits.plot(hours, [one.p95 for one in day.minutes], label=name, linewidth=1)
