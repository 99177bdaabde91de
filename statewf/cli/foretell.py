"""The verb `forecast`, and the many lives of `simulate`: what becomes of a machine, in figures.

Below: `forecast`. The figures are printed here, for both.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import click

from statewf.cli.common import (
    MOST_RUNS,
    Server,
    assume_option,
    compiled,
    history_option,
    json_option,
    place_options,
    print_json,
    queue_option,
)
from statewf.cli.tables import lasting, paragraph, table, width
from statewf.values.shares import percent

if TYPE_CHECKING:
    from statewf.cli.surveys import Source
    from statewf.forecast import Assumptions, Figures, Forecast, Outlook
    from statewf.forecast.cases import Extreme
    from statewf.machine.fsm import Machine

BAR = 40  # columns of the longest bar of a histogram
PATIENCE = 0.5  # seconds until there is a bar
FEW = 6  # states or steps whose time is told


@click.command("forecast")
@click.argument("file")
@assume_option
@history_option
@click.option(
    "--runs",
    type=click.IntRange(1, MOST_RUNS),
    default=10_000,
    show_default=True,
    metavar="N",
    help="How many lives are drawn where it cannot be reckoned exactly.",
)
@click.option("--seed", type=int, default=1, show_default=True, metavar="K", help="What their chance begins with.")
@place_options
@queue_option
@json_option
def forecast_verb(
    file: str,
    assume: str | None,
    from_history: bool,
    runs: int,
    seed: int,
    db: str,
    server: Server | None,
    queue: str,
    as_json: bool,
) -> None:
    """Tell what will become of an instance of FILE: how likely each end is, when it comes, and what it costs.

    What neither --assume says nor --from-history shows is taken to go well at once, of several events or answers each as likely;
    the forecast tells of whom it depended.
    """
    from statewf.cli.waiting import bar
    from statewf.forecast import forecast

    machine = compiled(file)
    history = source(db, server, queue, from_history=from_history)
    assumptions = _assumptions(machine, assume, history, quiet=as_json)
    with bar(f"forecasting {machine.name}", quiet=as_json, patience=PATIENCE) as moved:
        found = forecast(machine, assumptions, runs=runs, seed=seed, progress=lambda done: moved(done, runs))
    if as_json:
        print_json(found.document())
    else:
        _tell(found)


def draw(file: str, runs: int, seed: int, assume: str | None, history: Source | None, *, as_json: bool) -> None:
    """Draw so many lives, and tell what became of them. `history` is where there is something to learn from."""
    from statewf.cli.waiting import bar
    from statewf.forecast import crowd

    machine = compiled(file)
    assumptions = _assumptions(machine, assume, history, quiet=as_json)
    with bar(f"simulating {machine.name}", quiet=as_json, patience=PATIENCE) as moved:
        found = crowd(machine, assumptions, runs=runs, seed=seed, progress=lambda done: moved(done, runs))
    if as_json:
        print_json(found.document())
    else:
        _heading(found)
        _ends(found)
        _bars(found)
        _times(found)
        _failures(found)
        _unsaid(found)
        _seen(assumptions)


def source(db: str, server: Server | None, queue: str, *, from_history: bool) -> Source | None:
    """Where there is something to learn from, if that is asked for. Raises click.UsageError."""
    from statewf.cli.surveys import Source

    if from_history:
        return Source(db, server, queue)
    if server is not None:
        raise click.UsageError("From what is on a Temporal server it can be learnt: --from-history says so.")
    return None


def _assumptions(machine: Machine, file: str | None, history: Source | None, *, quiet: bool) -> Assumptions:
    """What a file says, and for the rest what is learnt from a store."""
    from statewf.forecast import Assumptions, read_assumptions
    from statewf.testing.files import document

    said = Assumptions()
    if file is not None:
        read = document(file)
        said = read_assumptions(read.value, read.places, machine)
    return said if history is None else _learned(history, machine, quiet=quiet).under(said)


def _learned(source: Source, machine: Machine, *, quiet: bool) -> Assumptions:
    """What the instances of that name went through. Raises StoreError."""
    from statewf.cli.surveys import surveyed
    from statewf.errors import StoreError
    from statewf.forecast.learn import learned
    from statewf.forecast.observe import MOST

    survey = surveyed(source, machine.name, MOST, quiet=quiet)
    if not survey.instances:
        told = f"{source.named} has no instances of {machine.name} to learn from"
        raise StoreError(f"{told}; {source.lists} shows what it has")
    return learned(machine, survey)


def _tell(found: Forecast) -> None:
    _heading(found.outlook)
    _ends(found.outlook)
    _cases(found.cases)
    _times(found.outlook)
    _failures(found.outlook)
    _unsaid(found.outlook)
    _seen(found.assumptions)


# --- the parts


def _heading(found: Outlook) -> None:
    how = "exact" if found.method == "exact" else f"{found.runs:,} lives, seed {found.seed}"
    click.echo(f"{click.style(found.machine, bold=True)}: {percent(found.success)} end well ({how})")


def _ends(found: Outlook) -> None:
    """How likely each end is, when it comes, and what it costs."""
    rows = []
    for end in found.ends:
        margin = found.margin(end.probability)
        likely = percent(end.probability) + (f" ±{100 * margin:.2g}" if margin else "")
        rows.append([end.state, end.outcome, likely, *_times_of(end.duration)])
    if len(found.ends) > 1:
        rows.append(["all that end", "", "", *_times_of(found.duration)])
    table(["end", "", "likely", "mean", "50 %", "90 %", "99 %"], rows, empty="nothing was drawn")
    if found.price is not None and found.currency is not None:
        click.echo()
        costs = [[end.state, *_amounts(end.price, found.currency)] for end in found.ends if end.price is not None]
        if len(costs) > 1:
            costs.append(["all that end", *_amounts(found.price, found.currency)])
        table([f"costs {found.currency}", "mean", "50 %", "90 %", "99 %"], costs, empty="nothing ends")


def _times_of(known: Figures[int] | None) -> list[str]:
    """The mean, and what a half, nine of ten and 99 of a hundred stay within."""
    if known is None:
        return [""] * 4
    return [lasting(round(known.mean)), lasting(known.p50), lasting(known.p90), lasting(known.p99)]


def _amounts(known: Figures[Decimal], currency: str) -> list[str]:
    """The mean of prices, in the digits of their currency, and what a half, nine of ten and 99 of a hundred stay within."""
    from statewf.pricing.money import rounded

    return [
        f"{amount:,}" for amount in (rounded(Decimal(repr(known.mean)), currency), known.p50, known.p90, known.p99)
    ]


def _cases(cases: tuple[Extreme, ...]) -> None:
    """The best and worst case of each end."""
    click.echo()
    priced = any(case.price is not None for case in cases)
    rows = []
    for case in cases:
        longest = "no limit" if case.duration.greatest is None else lasting(case.duration.greatest)
        price = []
        if priced and case.price is not None:
            price = [str(case.price.least), "no limit" if case.price.greatest is None else str(case.price.greatest)]
        rows.append([case.state, lasting(case.duration.least), longest, *(price or [""] * 2 * priced)])
    table(
        ["whatever happens", "at least", "at most", *(["costs at least", "at most"] if priced else [])],
        rows,
        empty="no end",
    )


def _bars(found: Outlook) -> None:
    """The histogram of the durations."""
    from statewf.forecast.outlook import histogram

    bins = histogram(found.durations)
    if len(bins) < 2:
        return
    click.echo()
    names = [
        f"{lasting(each.begin)} or more" if each.end is None else f"{lasting(each.begin)} - {lasting(each.end)}"
        for each in bins
    ]
    wide = max(map(len, names))
    most = max(each.share for each in bins)
    for name, each in zip(names, bins, strict=True):
        drawn = _bar(each.share / most)
        click.echo(f"{name:>{wide}}  {click.style(drawn, fg='cyan')} {percent(each.share)}")


def _bar(share: float) -> str:
    """A bar whose end is drawn to an eighth of a column."""
    eighths = round(share * BAR * 8)
    return "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()


def _times(found: Outlook) -> None:
    """Which states or steps take the time."""
    longest = [(name, time) for name, time in found.time.items() if time >= 1][:FEW]
    if longest:
        told = ", ".join(f"{name} {lasting(round(time))}" for name, time in longest)
        _paragraph(f"takes the time, on average: {told}")


def _failures(found: Outlook) -> None:
    """Where failures come from."""
    told = [f"{end} from {at} {percent(share)}" for (end, at), share in list(found.blame.items())[:FEW]]
    if told:
        _paragraph(f"fails: {', '.join(told)}")


def _unsaid(found: Outlook) -> None:
    """Of whom it depends though nothing is assumed."""
    if found.unsaid:
        _paragraph(f"not said, so taken to go well at once, or as likely as others: {', '.join(found.unsaid)}")


def _seen(known: Assumptions) -> None:
    """How often each was observed, of what was learnt."""
    if known.seen:
        _paragraph(f"learnt from: {', '.join(f'{name} {number:,}' for name, number in known.seen.items())}")


def _paragraph(text: str) -> None:
    click.echo()
    paragraph(text, width())
