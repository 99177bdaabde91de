"""Tables and lines for people. Colours and widths are rich's business, and only on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from statewf.values.canonical import compact
from statewf.values.duration import spoken

SHORT = 60  # characters of data shown in a line; all of it is in `--json`


def console() -> Console:
    """Standard output; as wide as need be when it is no terminal, so that nothing is cut in a pipe."""
    out = Console(highlight=False)
    return out if out.is_terminal else Console(highlight=False, width=200)


def moment(at: int) -> str:
    """A time as people write it, in their own zone, or UTC as far as Python knows none."""
    return datetime.fromtimestamp(at / 1000, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], empty: str) -> None:
    """A plain table, or a word when there is nothing."""
    listed = list(rows)
    if not listed:
        console().print(empty)
        return
    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for head in heads:
        drawn.add_column(head, overflow="fold")
    for cells in listed:
        drawn.add_row(*(Text(cell) for cell in cells))
    console().print(drawn)


def facts(document: Mapping[str, Any]) -> None:
    """Name and value, one a line; what is empty is left out."""
    times = ("created", "updated", "due")
    rows = [
        (name, moment(value) if name in times else _shown(value))
        for name, value in document.items()
        if value not in (None, [], {}, False) and not (name == "states" and len(value) == 1)
    ]
    drawn = Table(box=None, pad_edge=False, show_header=False)
    drawn.add_column(style="bold")
    drawn.add_column(overflow="fold")
    for name, value in rows:
        drawn.add_row(Text(name), Text(value))
    console().print(drawn)


def _shown(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    if isinstance(value, list):
        return "\n".join(_shown(item) for item in value)
    return value if isinstance(value, str) else compact(value)


def history(rows: Iterable[Mapping[str, Any]]) -> None:
    """A line a step: number, time, event, what changed, and the data as far as it fits."""
    cells = [(str(row["seq"]), moment(row["at"]), happened(row), changes(row), short(row["data"])) for row in rows]
    table(("seq", "at", "event", "change", "data"), cells, "no steps")


def played(rows: Iterable[Mapping[str, Any]]) -> None:
    """The same in virtual time: when counts from the start."""
    cells = [
        (str(row["seq"]), spoken(row["at"]) if row["at"] else "0", happened(row), changes(row), short(row["data"]))
        for row in rows
    ]
    table(("seq", "after", "event", "change", "data"), cells, "no steps")


def happened(row: Mapping[str, Any]) -> str:
    """The event, and the handler that answered with it."""
    return f"{row['event']} ({row['handler']})" if "handler" in row else str(row["event"])


def changes(row: Mapping[str, Any]) -> str:
    """`validating → validated`, with the attempt when it is not the first, and notes."""
    moved = [
        f"{change['from'] or '·'} → {change['to']}" + (f" (attempt {change['attempt']})" * (change["attempt"] > 1))
        for change in row["changes"]
    ]
    if "disposition" in row:
        moved.append(row["disposition"])
    return "\n".join([*moved, *row.get("notes", ())])


def short(value: Any) -> str:
    """Data in at most a line."""
    if value in (None, {}):
        return ""
    text = compact(value)
    return text if len(text) <= SHORT else text[: SHORT - 1] + "…"
