"""The verb `stats`: what the instances of a store or a task queue went through, in figures.

Below: `forecast`, which observes. Changes nothing and needs no handlers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from statewf.cli.common import Server, json_option, place_options, print_json, queue_option
from statewf.cli.tables import lasting, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from statewf.cli.surveys import Source
    from statewf.diagram.flow import Flow
    from statewf.diagram.picture import Picture
    from statewf.forecast.outlook import Figures
    from statewf.forecast.stats import CallStats, Stats

MOST = 1_000_000  # instances that are read


@click.command("stats")
@click.option("--machine", metavar="NAME", help="Only the instances of this machine.")
@click.option(
    "--limit",
    type=click.IntRange(1, MOST),
    default=1_000,
    show_default=True,
    help="At most so many instances of each machine, the newest ones.",
)
@place_options
@queue_option
@json_option
def stats_verb(machine: str | None, limit: int, db: str, server: Server | None, queue: str, as_json: bool) -> None:
    """Show how often the states and steps of instances were entered, how long they took, and where they went on to."""
    from statewf.cli.surveys import Source

    found = _read(Source(db, server, queue), machine, limit, quiet=as_json)
    if as_json:
        print_json([each.document() for each in found])
        return
    for number, each in enumerate(found):
        if number:
            click.echo()
        _tell(each)
    if not found:
        click.echo("no instances")


def warmed_by(drawn: Picture | Flow, name: str, source: Source) -> Picture | Flow:
    """A picture with the figures of the instances that are there. Raises UnknownMachine when there are none."""
    from statewf.diagram import warmed

    (found,) = _read(source, name, 1_000, quiet=True)
    told = {}
    for place in found.places:
        halves = [] if place.lasted is None else [f"half within {lasting(place.lasted.p50)}"]
        again = [f"again {place.retries:,}"] if place.retries else []
        late = [f"timed out {place.timeouts:,}"] if place.timeouts else []
        told[place.name] = ", ".join([f"{place.visits:,}x", *halves, *again, *late])
    return warmed(drawn, told, {place.name: place.time for place in found.places})


def _read(source: Source, machine: str | None, limit: int, *, quiet: bool) -> list[Stats]:
    """The figures of one machine's instances, or of all. Raises UnknownMachine when that one has none."""
    from statewf.cli.surveys import names, surveyed
    from statewf.errors import UnknownMachine
    from statewf.forecast.stats import stats

    wanted = [machine] if machine is not None else names(source)
    found = [stats(name, surveyed(source, name, limit, quiet=quiet)) for name in wanted]
    if machine is not None and not found[0].instances:
        raise UnknownMachine(f"{source.named} has no instances of {machine}; {source.lists} shows what it has")
    return found


def _tell(found: Stats) -> None:
    ends = [f"{n:,} {state} ({outcome})" for (state, outcome), n in found.ends.items()]
    running = [f"{found.running:,} running"] if found.running else []
    plural = "" if found.instances == 1 else "s"
    click.echo(
        f"{click.style(found.machine, bold=True)}: {found.instances:,} instance{plural}: {', '.join([*running, *ends])}"
    )
    if found.lasted is not None:
        click.echo(f"from start to end: {', '.join(_quantiles(found.lasted))}")
    click.echo()
    rows = [
        [
            place.name,
            f"{place.visits:,}",
            *_cells(place.lasted),
            _few(place.retries),
            _few(place.timeouts),
            _counted(place.ends),
        ]
        for place in found.places
    ]
    settled = any(place.ends for place in found.places)
    heads = ["state" if not settled else "step", "entered", "half within", "90 %", "99 %", "again", "timed out"]
    table(
        [*heads, *(["settled"] if settled else [])],
        [row if settled else row[:-1] for row in rows],
        empty="no visits",
    )
    if found.ways:
        click.echo()
        ways = [
            [way.source, way.target, way.by, f"{way.times:,}", f"{100 * way.share:.3g} %"] for way in found.ways
        ]
        table(["from", "to", "by", "times", "of those who left"], ways, empty="")
    for title, listed in (("handler", found.handlers), ("task", found.tasks)):
        if listed:
            click.echo()
            table([title, "times", "half within", "90 %", "99 %", "outcomes"], map(_called, listed), empty="")


def _called(of: CallStats) -> list[str]:
    return [of.name, f"{sum(of.outcomes.values()):,}", *_cells(of.lasted), _counted(of.outcomes)]


def _cells(known: Figures[int] | None) -> list[str]:
    return ["", "", ""] if known is None else [lasting(known.p50), lasting(known.p90), lasting(known.p99)]


def _quantiles(known: Figures[int]) -> list[str]:
    half, most, all_but_one = _cells(known)
    return [f"half within {half}", f"90 % within {most}", f"99 % within {all_but_one}"]


def _few(number: int) -> str:
    return f"{number:,}" if number else ""


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {name}" for name, number in counts.items())
