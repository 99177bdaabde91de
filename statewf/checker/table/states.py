"""What each state does with each event: a row for every state one can be in, also between two attempts.

It is the compiled table in few words. A column for every event, then for what the machine does by itself (`$timeout`,
`$done`, `$error`, `$retry`, `$always`). What can never be taken is not in it, and guards are told, not answered.
Cancelling is left out: it ends in `$cancelled` from everywhere.

Below: `cells`, the graph of the states. Above: the package.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from statewf.checker.states.edges import Edge, settled
from statewf.checker.states.graph import Graph
from statewf.checker.table.cells import NEVER, Cell, Otherwise, Row, Way
from statewf.machine.fsm import ERROR, TIMEOUT, LocalState
from statewf.machine.naming import base, spelled, waits
from statewf.values.duration import spoken

OTHERWISE: dict[str, Otherwise] = {"reject": "rejected", "ignore": "ignored", "defer": "deferred"}
ALWAYS = "$always"


def columns_of(graph: Graph) -> Iterator[str]:
    """The events in document order, and what the machine does by itself, as far as it does."""
    yield from dict.fromkeys(event for row in graph.region.states.values() for event in row.events)
    found = {_column(edge.trigger) for edges in graph.rows.values() for edge in edges}
    if "$done" in found:
        found.add("$error")  # what is called may fail, whether anything answers to that or not
    yield from (kind for kind in ("$timeout", "$raise", "$done", "$error", "$retry", ALWAYS) if kind in found)


def _column(trigger: str) -> str:
    """The column of a trigger: an event's own, or the kind of what the machine does by itself."""
    return trigger.partition(":")[0] if trigger.startswith("$") else trigger or ALWAYS


# --- the rows of states


def state_rows(graph: Graph, columns: Sequence[str]) -> Iterator[Row]:
    """The rows, in document order."""
    for name, row in graph.region.states.items():
        if graph.leaf(name) is not None:
            yield _row(graph, row, columns)


def _row(graph: Graph, row: LocalState, columns: Sequence[str]) -> Row:
    found: dict[str, list[Edge]] = {column: [] for column in columns}
    for edge in graph.rows[row.name]:
        found.setdefault(_column(edge.trigger), []).append(edge)
    return Row(
        spelled(row.name), _note(graph, row), tuple(_cell(graph, row, name, found[name]) for name in columns)
    )


def _note(graph: Graph, row: LocalState) -> str:
    notes = ["start"] if row.name == graph.first else []
    if row.terminal is not None:
        notes.append(f"ends in {row.terminal}")
    elif graph.passing(row.name):
        notes.append("left at once")
    elif waits(row.name):
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
    waiting = waits(row.name)
    yield from (
        ERROR + node.name
        for node in leaf.lineage()
        if node.state.invoke is not None and not (waiting and node is leaf)
    )


def _lead(graph: Graph, row: LocalState, trigger: str) -> str:
    """When that is, and whose, if it is that of a state around."""
    kind, _, owner = trigger.partition(":")
    whose = f"{owner}: " if owner not in ("", base(row.name)) else ""
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
