"""Tables and lines for people: at most as wide as the terminal; in a pipe, one line for one thing.

Above: the verbs. Below: `click` for lines, and `rich` for tables, imported when there is one.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import click

from statewf.values.canonical import compact
from statewf.values.duration import spoken

if TYPE_CHECKING:
    from rich.console import RenderableType

SHORT = 160  # characters of data shown in a line of a pipe; all of it is in `--json`
MARGIN = 12  # columns of the names of facts
WIDE = 100_000  # columns, where nothing needs to be cut
NARROWEST = 20  # columns that are not broken up any further
FEW = 5  # steps of a workflow that are told in one line
REGION = "main"  # where a state machine is; whatever else changes is a step of a workflow, or that as a whole
TRIED = ("running", "succeeded", "failed", "compensating", "cancelling")  # where it matters how often it was tried


def width() -> int:
    """The columns there are."""
    return shutil.get_terminal_size().columns if sys.stdout is not None and sys.stdout.isatty() else WIDE


def clock(at: int) -> str:
    """A time in the zone of whoever looks: today the time of day, else the date before it."""
    moment = datetime.fromtimestamp(at / 1000, UTC).astimezone()
    today = datetime.now(UTC).astimezone().date()
    return moment.strftime("%H:%M:%S" if moment.date() == today else "%Y-%m-%d %H:%M:%S")


def lasting(ms: int) -> str:
    """A duration for people: no time at all is 0."""
    return spoken(ms) if ms else "0"


# --- steps


def step(row: Mapping[str, Any], events: int, *, when: str | None = None, who: str | None = None) -> None:
    """A step as a line: when, event, what changed, and its data, which go below if they do not fit.

    `events` is how wide the column of events is.
    """
    lead = "  ".join([when if when is not None else clock(row["at"]), *([who] if who else [])]) + "  "
    happened = f"{row['event']:<{events}}"
    changed, *below = changes(row)
    room = width()
    changed, *more = wrap(changed, max(room - len(lead) - len(happened) - 2, NARROWEST)) or [""]
    below = [*more, *below]
    line = f"{lead}{happened}  {changed}"
    shown = click.style(lead, dim=True) + click.style(happened, **_colour(row)) + f"  {changed}"
    if said := _said(row):
        if not more and len(line) + 2 + len(said) <= room:
            shown += "  " + click.style(said, dim=True)
        else:
            below.append(said)
    click.echo(shown.rstrip())
    for text in below:
        click.echo(" " * len(lead) + click.style(cut(text, room - len(lead)), dim=True))


def _colour(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"fg": "red", "bold": True} if row["event"] == "$failed" else {"bold": True}


def _said(row: Mapping[str, Any]) -> str:
    """The data of a step, and which handler gave it."""
    data = "" if row["data"] in (None, {}) else compact(row["data"])
    if width() == WIDE:
        data = cut(data, SHORT)
    return ": ".join(part for part in (row.get("handler", ""), data) if part)


def changes(row: Mapping[str, Any]) -> list[str]:
    """`validating → validated`, or `validating, attempt 2`; after it what is to be noted."""
    of_steps = any(change["region"] != REGION for change in row["changes"])
    moved = (
        _settings(row["changes"])
        if of_steps
        else [_change(change["from"], change["to"], change["attempt"]) for change in row["changes"]]
    )
    if "disposition" in row:
        moved.append(row["disposition"])
    return ["; ".join(moved), *row.get("notes", ())]


def _settings(moved: Sequence[Mapping[str, Any]]) -> list[str]:
    """Where the steps of a workflow have come to, each once, and of many only the first."""
    last = {change["region"]: change for change in moved}
    told = [f"{step} {state(change['to'], change['attempt'])}" for step, change in islice(last.items(), FEW)]
    return [*told, f"{len(last) - FEW:,} more"] if len(last) > FEW else told


def state(name: str, attempt: int) -> str:
    """Where a step is, and in which attempt if that is not the first."""
    return f"{name}, attempt {attempt}" if attempt > 1 and name in TRIED else name


def _change(source: str | None, target: str, attempt: int) -> str:
    if attempt > 1:
        return f"{target}, attempt {attempt}"
    return f"{source or '·'} → {target}"


def history(rows: Iterable[Mapping[str, Any]]) -> None:
    """A line a step, numbered."""
    _steps(rows, "at", lambda row: clock(row["at"]))


def played(rows: Iterable[Mapping[str, Any]]) -> None:
    """The same in virtual time: when counts from the start."""
    _steps(rows, "after", lambda row: lasting(row["at"]))


def _steps(rows: Iterable[Mapping[str, Any]], head: str, when: Callable[[Mapping[str, Any]], str]) -> None:
    listed = [(str(row["seq"]), when(row), row) for row in rows]
    if not listed:
        click.echo("no steps")
        return
    numbers = max(len("seq"), *(len(number) for number, _, _ in listed))
    times = max(len(head), *(len(time) for _, time, _ in listed))
    events = max(len("event"), *(len(str(row["event"])) for _, _, row in listed))
    heading = f"{'seq':<{numbers}}  {head:<{times}}  {'event':<{events}}  change"
    click.echo(click.style(heading, bold=True))
    for number, time, row in listed:
        step(row, events, when=f"{number:<{numbers}}  {time:<{times}}")


def some(words: Sequence[str]) -> str:
    """A list of words; of many, only the first."""
    return few(words, ", ")


def few(words: Sequence[str], between: str, most: int = 10) -> str:
    """Some words, or lines; of many, only the first."""
    more = [f"{len(words) - most:,} more"] if len(words) > most else []
    return between.join([*words[:most], *more])


def ends_of(words: Sequence[str], most: int = 12) -> list[str]:
    """Some words; of many only the first and the last."""
    if len(words) <= most:
        return list(words)
    half = most // 2
    return [*words[:half], f"… {len(words) - 2 * half:,} more …", *words[-half:]]


def cut(text: str, room: int) -> str:
    """A text in at most that many characters."""
    return text if len(text) <= room else text[: max(room - 1, 1)] + "…"


def paragraph(text: str, columns: int, *, dim: bool = False) -> None:
    """Print a text in as many lines of so many columns as it takes."""
    for line in wrap(text, columns, break_on_hyphens=False):
        click.echo(click.style(line, dim=dim))


def tell_unreadable(number: int, machine: str) -> None:
    """Say on standard error that so many instances were left out."""
    if number:
        told = "1 instance" if number == 1 else f"{number:,} instances"
        click.echo(f"{told} of {machine} cannot be read and was left out; `statewf verify` says why", err=True)


# --- tables


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], empty: str) -> None:
    """A plain table whose first column is never broken, or a word when there is nothing."""
    from rich.table import Table
    from rich.text import Text

    listed = list(rows)
    if not listed:
        click.echo(empty)
        return
    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for head in heads:
        drawn.add_column(head, overflow="fold", no_wrap=head == heads[0])
    for cells in listed:
        drawn.add_row(*map(Text, cells))
    _print(drawn)


def facts(rows: Iterable[tuple[str, str]]) -> None:
    """Name and value, one a line; what is empty is left out."""
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, pad_edge=False, show_header=False)
    drawn.add_column(style="bold", no_wrap=True)
    drawn.add_column(overflow="fold")
    for name, value in rows:
        if value:
            drawn.add_row(Text(name), Text(value))
    _print(drawn)


def members(value: Mapping[str, Any], most: int | None = None) -> str:
    """An object, a line a member; at most so many, and none longer than can be read."""
    told = [f"{key}: {compact(inner)}" for key, inner in islice(value.items(), most)]
    if most is None:
        return "\n".join(told)
    more = [f"and {len(value) - most:,} more"] if len(value) > most else []
    room = min(SHORT, width() - MARGIN)
    return "\n".join([*(cut(line, room) for line in told), *more])


def shortly(value: Any) -> str:
    """A value as it stands among words: text without quotes."""
    return value if isinstance(value, str) else compact(value)


def _print(drawn: RenderableType) -> None:
    """What rich makes of it, without the blanks it fills lines with."""
    from rich.console import Console

    console = Console(highlight=False, width=width(), soft_wrap=width() == WIDE)
    with console.capture() as capture:
        console.print(drawn)
    for line in capture.get().splitlines():
        click.echo(line.rstrip())
