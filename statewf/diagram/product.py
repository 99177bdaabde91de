"""Several regions as one flat machine: each node is a configuration of all of them.

There may be more of them than anybody wants to draw; behind the last ones stands a node that says so.

Below: `machine.flatten`, `picture`. Above: `views`.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from statewf.diagram.picture import Cause, Edge, Line, Node, Picture
from statewf.machine.flatten import Flat, FlatState, flatten
from statewf.machine.fsm import Machine
from statewf.machine.snapshot import Snapshot, Step, active

BEGIN, MORE = "$begin", "$more"  # no configuration has such a name


def product(machine: Machine, limit: int, snapshot: Snapshot | None, steps: Iterable[Step]) -> Picture:
    """The picture of at most `limit` configurations; with a snapshot or steps, those of the instance are marked."""
    flat = flatten(machine, limit)
    way = _way(flat, [*(step.after for step in steps), *((snapshot,) if snapshot is not None else ())])
    nodes = [_node(state, machine, way) for state in flat.states]
    edges = _edges(flat, set(pairwise(way)))
    if len(flat.initial) != 1:
        nodes.insert(0, Node(BEGIN, "start"))
        edges += [Edge(BEGIN, first, (Line("always", "start"),), taken=first in way[:1]) for first in flat.initial]
    if not flat.whole:
        nodes.append(Node(MORE, "... more", "waiting"))
        edges += [Edge(name, MORE, (Line("timeout", "..."),)) for name in flat.cut]
    initial = flat.initial[0] if len(flat.initial) == 1 else BEGIN
    return Picture(machine.name, initial, tuple(nodes), tuple(edges), flat.whole)


def _way(flat: Flat, snapshots: Iterable[Snapshot]) -> list[str]:
    """The configurations an instance was in, by name; those beyond the limit have none.

    Some differ in nothing but attempts; the one to which a transition leads is meant.
    """
    alike: dict[tuple[str, ...], list[str]] = {}
    for state in flat.states:
        alike.setdefault(state.regions, []).append(state.name)
    ways = {(way.source, way.target) for way in flat.transitions}
    names: list[str] = []
    for snapshot in snapshots:
        found = alike.get(active(snapshot), [""])
        names.append(next((name for name in found if names and (names[-1], name) in ways), found[0]))
    return names


def _node(state: FlatState, machine: Machine, way: list[str]) -> Node:
    title, *lines = _parts(state.name, machine)
    return Node(
        state.name,
        title,
        state.terminal or "normal",
        tuple(lines),
        active=state.name in way[-1:],
        visited=state.name in way,
    )


def _parts(name: str, machine: Machine) -> list[str]:
    """A name in one piece for each region that it tells of: `charge:running`, `ship:backoff`."""
    pieces = [""]
    for word in name.split(" "):
        if word.partition(":")[0] in machine.numbers:
            pieces.append(word)
        else:
            pieces[-1] = f"{pieces[-1]} {word}".strip()
    return [piece for piece in pieces if piece] or [name]


def _edges(flat: Flat, taken: set[tuple[str, str]]) -> list[Edge]:
    """One edge between any two, for all that leads there."""
    joined: dict[tuple[str, str], list[str]] = {}
    for way in flat.transitions:
        joined.setdefault((way.source, way.target), []).append(way.trigger)
    return [
        Edge(
            source, target, tuple(Line(_cause(trigger), trigger) for trigger in triggers), (source, target) in taken
        )
        for (source, target), triggers in joined.items()
    ]


def _cause(trigger: str) -> Cause:
    if trigger.startswith("cancel"):
        return "cancel"
    return "timeout" if "$timeout" in trigger else "event"
