"""What a table is made of: rows of cells, and what may come of each.

Below: nothing of the checker. Above: `states` and `steps`, which fill them, and whoever shows a table.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import attrs

from statewf.machine.naming import spelled, waits

Otherwise: TypeAlias = Literal["rejected", "ignored", "deferred", "stays"]

NEVER = "-"  # it cannot happen here
QUIET = ("rejected", "ignored", "deferred", NEVER)  # the words of cells from which nothing leads on


@attrs.frozen
class Way:
    """One thing that may come of it. Without a `target` nothing is left; `below`: only before that attempt.

    `again`: it is the next attempt, or the wait before that.
    """

    target: str | None
    guard: str | None = None
    below: int | None = None
    again: bool = False

    @property
    def text(self) -> str:
        """`→ paid if event.data.ok`, `stays`, `again up to attempt 3`."""
        move = "stays" if self.target is None else f"→ {spelled(self.target)}"
        if self.again:
            move = "again later" if self.target is not None and waits(self.target) else "again"
        limit = f" up to attempt {self.below}" if self.below is not None else ""
        return f"{move}{limit}{f' if {self.guard}' if self.guard else ''}"

    def document(self) -> dict[str, Any]:
        """The way as JSON; `guard` and `below` only where there are any."""
        known = {"guard": self.guard, "below": self.below}
        target = None if self.target is None else spelled(self.target)
        return {"target": target, **{key: value for key, value in known.items() if value is not None}}


@attrs.frozen
class Cell:
    """What one row does in one column, in words; of states also the ways to try, and what happens `otherwise`."""

    text: str
    ways: tuple[Way, ...] = ()
    otherwise: Otherwise | None = None

    @property
    def quiet(self) -> bool:
        """Whether nothing leads on."""
        return self.text in QUIET

    def document(self) -> dict[str, Any]:
        """The cell as JSON."""
        ways = {"ways": [way.document() for way in self.ways]} if self.ways else {}
        return {"text": self.text, **ways, **({"otherwise": self.otherwise} if self.otherwise else {})}


@attrs.frozen
class Row:
    """A state or step with its cells, one a column; `note` says what kind of one it is."""

    name: str
    note: str
    cells: tuple[Cell, ...]


@attrs.frozen
class Table:
    """All rows, of states or of steps."""

    of: Literal["states", "steps"]
    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    def document(self) -> dict[str, Any]:
        """The table as JSON: every row has every column."""
        return {"of": self.of, "columns": list(self.columns), "rows": [self._row(row) for row in self.rows]}

    def _row(self, row: Row) -> dict[str, Any]:
        cells = {column: cell.document() for column, cell in zip(self.columns, row.cells, strict=True)}
        return {"name": row.name, "note": row.note, "cells": cells}
