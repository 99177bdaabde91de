"""The table of a machine for people: as one table where that fits, else row by row; or as markdown.

A sheet that is wider than the terminal cannot be read, and most machines know more events than fit beside each
other. So there each state or step has a paragraph: first what leads on, then what does not, in one line a kind.

Above: `inspect`. Below: `tables`, for what fits.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from textwrap import wrap
from typing import TYPE_CHECKING

import click

from statewf.cli.tables import NARROWEST, WIDE, table, width

if TYPE_CHECKING:
    from statewf.checker.table.cells import Cell, Row, Table

COLUMNS = 80  # where there is no terminal to say how many there are
GAP = 2
LONGEST = 26  # columns of a label; a longer one sticks out
SILENT = "-"
LEGEND = {"states": "- rejected, or it cannot happen", "steps": "- it cannot happen"}
_SPECIAL = re.compile(r"[\\|<*`\[~]|(?<!\w)_|_(?!\w)")  # to markdown; within a word `_` is a letter


def show(found: Table) -> None:
    """Print it for a terminal."""
    heads = [_kind(found), *found.columns]
    lines = [[_name(row), *map(_short, row.cells)] for row in found.rows]
    if fits(heads, lines):
        table(heads, lines, empty="")
        click.echo(click.style(LEGEND[found.of], dim=True))
    else:
        for row in found.rows:
            _paragraph(found, row)


def markdown(found: Table) -> str:
    """The same as a table of markdown, whatever its width; what it marks with a dash is told below it."""
    lines = [[_name(row), *map(_short, row.cells)] for row in found.rows]
    return f"{sheet([_kind(found), *found.columns], lines)}\n\n`-` {LEGEND[found.of][2:]}"


def sheet(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A table in markdown."""
    return "\n".join(f"| {' | '.join(map(_plain, line))} |" for line in (heads, ["---"] * len(heads), *lines))


def fits(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> bool:
    """Whether these columns find room beside each other."""
    widest = [max(map(len, column)) for column in zip(heads, *lines, strict=True)]
    return sum(widest) + GAP * len(widest) <= room()


def _kind(found: Table) -> str:
    return found.of.removesuffix("s")


def _name(row: Row) -> str:
    return f"{row.name} ({row.note})" if row.note else row.name


def _short(cell: Cell) -> str:
    """A cell of a table: what is there most often is best not seen."""
    return SILENT if cell.text == "rejected" else _line(cell.text)


def _line(text: str) -> str:
    return " ".join(text.split("\n"))


def _plain(text: str) -> str:
    return text if set(text) == {"-"} else _SPECIAL.sub(r"\\\g<0>", text)


# --- row by row


def _paragraph(found: Table, row: Row) -> None:
    label = min(max(map(len, found.columns)), LONGEST)
    note = f"  {row.note}" if row.note else ""
    click.echo(click.style(row.name, bold=True) + click.style(note, dim=True))
    for head, text, quiet in _entries(found, row):
        lead = f"  {head:<{label}}  "
        left = max(room() - label - 2 * GAP, NARROWEST)
        first, *rest = wrap(_line(text), left, break_on_hyphens=False) or [""]
        click.echo(click.style(lead + first, dim=quiet))
        for line in rest:
            click.echo(click.style(" " * (label + 2 * GAP) + line, dim=quiet))


def _entries(found: Table, row: Row) -> Iterator[tuple[str, str, bool]]:
    """What leads on, column by column; then for each word of the others all columns it stands in."""
    cells = list(zip(found.columns, row.cells, strict=True))
    yield from ((column, cell.text, False) for column, cell in cells if not cell.quiet)
    silent = sorted(((cell.text, column) for column, cell in cells if cell.quiet), key=lambda pair: pair[0])
    events = [column for column in found.columns if not column.startswith("$")]
    for word, alike in groupby(silent, key=lambda pair: pair[0]):
        names = [column for _, column in alike]
        yield ("never" if word == SILENT else word), "every event" if names == events else ", ".join(names), True


def room() -> int:
    """The columns there are, or are taken to be."""
    return COLUMNS if width() == WIDE else width()
