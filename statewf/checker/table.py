"""What each state does with each event, and what can become of each step: one table, no cell left out.

Of a state machine it is the compiled table in few words: a row for every state one can be in, also between two
attempts; a column for every event, then for what the machine does by itself (`$timeout`, `$done`, `$error`,
`$retry`, `$always`). What can never be taken is not in it, and guards are told, not answered. Cancelling is left
out: it ends in `$cancelled` from everywhere. The table of a workflow is worked out in `step_table`.

Below: `edges`, `graph`, `step_table`. Above: whoever shows one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, TypeAlias

import attrs

from statewf.checker.edges import Edge, settled
from statewf.checker.graph import Graph, graph_of, written
from statewf.checker.step_table import COLUMNS, step_rows
from statewf.compiler.plan import plan
from statewf.compiler.tree import BACKOFF
from statewf.definition.model import Workflow
from statewf.machine.fsm import ERROR, TIMEOUT, LocalState, Machine
from statewf.values.duration import spoken

Otherwise: TypeAlias = Literal["rejected", "ignored", "deferred", "stays"]

NEVER = "-"  # it cannot happen here
QUIET = ("rejected", "ignored", "deferred", NEVER)  # the words of cells from which nothing leads on
OTHERWISE: dict[str, Otherwise] = {"reject": "rejected", "ignore": "ignored", "defer": "deferred"}
ALWAYS = "$always"


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
        move = "stays" if self.target is None else f"→ {self.target}"
        if self.again:
            move = "again later" if self.target is not None and self.target.endswith(BACKOFF) else "again"
        limit = f" up to attempt {self.below}" if self.below is not None else ""
        return f"{move}{limit}{f' if {self.guard}' if self.guard else ''}"

    def document(self) -> dict[str, Any]:
        """The way as JSON; `guard` and `below` only where there are any."""
        known = {"guard": self.guard, "below": self.below}
        return {"target": self.target, **{key: value for key, value in known.items() if value is not None}}


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


def table_of(machine: Machine) -> Table:
    """The table of a compiled machine."""
    definition = machine.notes.definition
    if isinstance(definition, Workflow):
        rows = tuple(
            Row(name, note, tuple(Cell(cells.get(column) or NEVER) for column in COLUMNS))
            for name, note, cells in step_rows(plan(definition))
        )
        return Table("steps", COLUMNS, rows)
    graph = graph_of(machine)
    columns = tuple(_columns(graph))
    listed = [row for name, row in graph.region.states.items() if graph.leaf(name) is not None]
    return Table("states", columns, tuple(_row(graph, row, columns) for row in listed))


def _columns(graph: Graph) -> Iterator[str]:
    """The events in document order, and what the machine does by itself, as far as it does."""
    yield from dict.fromkeys(event for row in graph.region.states.values() for event in row.events)
    found = {_column(edge.trigger) for edges in graph.rows.values() for edge in edges}
    if "$done" in found:
        found.add("$error")  # what is called may fail, whether anything answers to that or not
    yield from (kind for kind in ("$timeout", "$done", "$error", "$retry", ALWAYS) if kind in found)


def _column(trigger: str) -> str:
    """The column of a trigger: an event's own, or the kind of what the machine does by itself."""
    return trigger.partition(":")[0] if trigger.startswith("$") else trigger or ALWAYS


# --- the rows of states


def _row(graph: Graph, row: LocalState, columns: Sequence[str]) -> Row:
    found: dict[str, list[Edge]] = {column: [] for column in columns}
    for edge in graph.rows[row.name]:
        found.setdefault(_column(edge.trigger), []).append(edge)
    return Row(row.name, _note(graph, row), tuple(_cell(graph, row, name, found[name]) for name in columns))


def _note(graph: Graph, row: LocalState) -> str:
    notes = ["start"] if row.name == graph.first else []
    if row.terminal is not None:
        notes.append(f"ends in {row.terminal}")
    elif graph.passing(row.name):
        notes.append("left at once")
    elif row.name.endswith(BACKOFF):
        notes.append("between attempts")
    return ", ".join(notes)


def _cell(graph: Graph, row: LocalState, column: str, edges: Sequence[Edge]) -> Cell:
    if column.startswith("$"):
        return _by_itself(graph, row, column, edges)
    if graph.passing(row.name):
        return Cell(NEVER)
    ways, otherwise = _tried(edges), None if _certain(edges) else OTHERWISE[row.unexpected]
    return Cell(_told(ways, otherwise), ways, otherwise)


def _by_itself(graph: Graph, row: LocalState, column: str, edges: Sequence[Edge]) -> Cell:
    """What is not received but happens: several timers may run, and several calls be open, within each other."""
    triggers = [edge.trigger for edge in edges if edge.open]
    if column == "$error":
        triggers += _calling(graph, row)  # a failure that nothing answers to
    told = []
    for trigger in dict.fromkeys(triggers):
        listed = [edge for edge in edges if edge.trigger == trigger]
        stays: Otherwise | None = "stays" if column in ("$done", "$error") and not _certain(listed) else None
        told.append(_lead(graph, row, trigger) + _told(_tried(listed), stays))
    return Cell("; ".join(told) or NEVER, _tried(edges))


def _calling(graph: Graph, row: LocalState) -> Iterator[str]:
    """What the failures of the calls are called that may be open in a local state."""
    leaf = graph.leaf(row.name)
    if leaf is None or row.terminal is not None or graph.passing(row.name):
        return
    waiting = row.name.endswith(BACKOFF)
    yield from (
        ERROR + node.name
        for node in leaf.lineage()
        if node.state.invoke is not None and not (waiting and node is leaf)
    )


def _lead(graph: Graph, row: LocalState, trigger: str) -> str:
    """When that is, and whose, if it is that of a state around."""
    kind, _, owner = trigger.partition(":")
    whose = f"{owner}: " if owner not in ("", written(row.name)) else ""
    if f"{kind}:" != TIMEOUT:
        return whose
    return f"{whose}after {spoken(graph.tree.nodes[owner].state.timeout or 0)} "


def _tried(edges: Sequence[Edge]) -> tuple[Way, ...]:
    """What can be taken, in the order in which it is tried."""
    return tuple(_way(edge) for edge in edges if edge.open)


def _way(edge: Edge) -> Way:
    move = edge.transition
    guard = move.guard.text if move.guard is not None and settled(move.guard) is None else None
    again = move.below is not None or move.attempt == "bump"
    return Way(move.target, guard, move.below, again)


def _certain(edges: Sequence[Edge]) -> bool:
    """Whether one of these is taken, whatever the data."""
    return any(edge.open and edge.transition.below is None and settled(edge.transition.guard) for edge in edges)


def _told(ways: Sequence[Way], otherwise: str | None) -> str:
    """`→ a if x, else → b`; after a retry `then`."""
    if not ways:
        return otherwise or NEVER
    words = [way.text for way in ways] + ([otherwise] if otherwise is not None else [])
    links = [", then " if way.below is not None else ", else " for way in ways]
    return words[0] + "".join(link + word for link, word in zip(links, words[1:], strict=False))
