"""The saga matrix for people: a row for every point of failure, a column for every step that can be undone.

Where the names of all these steps do not fit beside each other they have numbers, which are told below.

Above: `inspect`. Below: `grid` and `tables`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import click

from statewf.cli.grid import fits, room, sheet
from statewf.cli.tables import paragraph, table

if TYPE_CHECKING:
    from statewf.checker.saga import Point, Saga, Undone

FAILING, UNDONE, ENDING, ACTIONS = "if this fails", "undone", "it ends", "undone by"
NEVER = "-"
MARKS = {"always": "✓", "unless skipped": "○", "perhaps": "?"}
LEGEND = {
    "✓": "undone",
    "○": "undone, unless it was skipped",
    "?": "undone if it succeeded by then",
    "first": "before all others",
    NEVER: "not undone",
}


def show(found: Saga) -> None:
    """Print it for a terminal."""
    heads, lines = [FAILING, *found.steps, ENDING], [*_rows(found), _actions(found)]
    if fits(heads, lines):
        table(heads, lines, empty="")
    else:
        _by_number(found)
    paragraph("; ".join(f"{mark} {text}" for mark, text in _legend(found)), room(), dim=True)
    for sentence in found.sentences():
        paragraph(sentence, room())


def _by_number(found: Saga) -> None:
    """The steps have numbers; where these find no room beside each other either, each cell says of which it speaks."""
    numbers = [str(number) for number, _ in enumerate(found.steps, 1)]
    heads, lines = [FAILING, *numbers, ENDING], _rows(found)
    if not fits(heads, lines):
        heads, lines = [FAILING, UNDONE, ENDING], [[name, _ranges(cells), ends] for name, *cells, ends in lines]
    table(heads, lines, empty="")
    click.echo()
    undone = zip(numbers, found.steps.items(), strict=True)
    table(["", "step", ACTIONS], ((n, step, ", ".join(actions)) for n, (step, actions) in undone), empty="")


def _ranges(cells: Sequence[str]) -> str:
    """What is in which columns, by their numbers: `✓ 1-12, 14; ? 13`."""
    found: dict[str, list[str]] = {}
    for mark, group in groupby(enumerate(cells, 1), key=lambda cell: cell[1]):
        numbers = [number for number, _ in group]
        span = str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]}-{numbers[-1]}"
        found.setdefault(mark, []).append(span)
    return "; ".join(f"{mark} {', '.join(spans)}" for mark, spans in found.items() if mark != NEVER) or NEVER


def markdown(found: Saga) -> str:
    """The same as a table of markdown, whatever its width."""
    lines = sheet([FAILING, *found.steps, ENDING], [*_rows(found), _actions(found)])
    legend = "; ".join(f"`{mark}` {text}" for mark, text in _legend(found))
    return "\n\n".join([lines, legend, *found.sentences()])


def _rows(found: Saga) -> list[list[str]]:
    return [[_name(point), *_cells(found, point), " or ".join(point.ends)] for point in found.points]


def _name(point: Point) -> str:
    return point.step if point.step is not None else f"({point.cause})"


def _cells(found: Saga, point: Point) -> Iterator[str]:
    undone = {one.step: one for one in point.undone}
    return (_mark(undone.get(step)) for step in found.steps)


def _mark(undone: Undone | None) -> str:
    if undone is None:
        return NEVER
    return f"{MARKS[undone.certainty]} first" if undone.own else MARKS[undone.certainty]


def _actions(found: Saga) -> list[str]:
    return [f"({ACTIONS})", *(", ".join(actions) for actions in found.steps.values()), ""]


def _legend(found: Saga) -> Iterator[tuple[str, str]]:
    """The marks that are there."""
    used = {mark for row in _rows(found) for cell in row[1:-1] for mark in cell.split()}
    return ((mark, text) for mark, text in LEGEND.items() if mark in used)
