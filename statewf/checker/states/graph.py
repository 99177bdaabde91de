"""The graph of a region: which local states can be entered, by which ways, at which attempts.

Two questions, two graphs. *By structure* every written transition counts, whatever becomes of it, and a
state and the wait between its attempts are one: what fails here is an error. *In a run* only open edges
count (see `edges`), guards are free, and a state from which an `always` leads on at once is no place to rest:
what fails here, or merely may, is a warning. Cancelling counts as a way in a run alone.

Below: `edges`, `search`, and the compiler's tree. Above: the rules, each a function of a graph.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from functools import cached_property

import attrs

from statewf.checker.findings import Finding, Severity
from statewf.checker.states.edges import Edge, row_edges, settled
from statewf.checker.states.search import Arrival, components, shortest, way
from statewf.compiler.emit import Notes
from statewf.compiler.tree import Node, Path, Tree, grow
from statewf.definition.model import StateMachine, path_text
from statewf.machine import naming
from statewf.machine.fsm import CANCEL, CANCELLED, TIMEOUT, Disarm, Machine, Region

LONGEST_TRACE = 1_000  # a longer one helps nobody; it is left out


@attrs.frozen(eq=False)
class Graph:
    """One region with its written states. What several rules ask is worked out once, when first asked."""

    tree: Tree
    region: Region
    rows: Mapping[str, tuple[Edge, ...]]
    active: Mapping[str, tuple[str, ...]]  # by local state, the written states

    @property
    def first(self) -> str:
        """The local state in which a run starts."""
        return self.region.start.target or ""

    # --- by structure: local states, but for waits between attempts, which are one with their states

    @cached_property
    def ways(self) -> dict[str, tuple[str, ...]]:
        """For each state the others that its transitions name, taken or not."""
        found: dict[str, dict[str, None]] = {self.tried(local): {} for local in self.rows if local != CANCELLED}
        for edges in self.rows.values():
            for edge in edges:
                if edge.target is not None and edge.trigger != CANCEL:
                    found[self.tried(edge.source)][self.tried(edge.target)] = None
        return {name: tuple(other for other in after if other != name) for name, after in found.items()}

    @cached_property
    def reachable(self) -> frozenset[str]:
        """The states that some chain of transitions leads to from the start."""
        return frozenset(self.beyond([self.tried(self.first)], self.ways))

    @cached_property
    def nodes_reachable(self) -> frozenset[str]:
        """The written states that are active in one of these, compound ones too."""
        return self._around(self.reachable)

    def beyond(self, names: Iterable[str], among: Container[str]) -> dict[str, None]:
        """These states and all that lie behind them, in the order in which they are met; some states alone count."""
        met = dict.fromkeys(names)
        queue = list(met)
        for name in queue:  # grows while it is read
            fresh = [after for after in self.ways[name] if after not in met and after in among]
            met.update(dict.fromkeys(fresh))
            queue += fresh
        return met

    @cached_property
    def traps(self) -> tuple[tuple[str, ...], ...]:
        """The groups of states that can be entered and never be left, and in which nothing can end."""
        names = [name for name in self.ways if name in self.reachable]
        return tuple(
            group
            for group in components(names, self.ways.__getitem__)
            if not (self._leads_out(frozenset(group)) or self.region.states[group[0]].terminal)
        )

    def _leads_out(self, group: frozenset[str]) -> bool:
        return any(after not in group for name in group for after in self.ways[name])

    # --- in a run: local states

    @cached_property
    def arrivals(self) -> dict[str, Arrival]:
        """The local states that can be entered, each with the end of a shortest way there."""
        return shortest(self.first, lambda local: (edge for edge in self.rows[local] if edge.open))

    @cached_property
    def entered(self) -> tuple[str, ...]:
        """The local states that can be entered, in document order."""
        return tuple(local for local in self.rows if local in self.arrivals)

    @cached_property
    def into(self) -> dict[str, list[Edge]]:
        """For each local state that can be entered, the edges by which it can be, from where they can be taken."""
        found: dict[str, list[Edge]] = {local: [] for local in self.entered}
        for local in self.entered:
            for edge in self.rows[local]:
                if edge.open and edge.target is not None:
                    found[edge.target].append(edge)
        return found

    def trace(self, local: str, after: Sequence[Edge] = ()) -> tuple[str, ...]:
        """What has to happen to get there, and then to take some edges; empty if nothing has to, or too much."""
        if local not in self.arrivals or self.arrivals[local].length + total(after) > LONGEST_TRACE:
            return ()
        return tuple(event for edge in (*way(self.arrivals, local), *after) for event in edge.events)

    @cached_property
    def circles(self) -> tuple[tuple[Edge, ...], ...]:
        """The rings of `always` edges that are entered and never left: each is the first to hold, and must."""
        after: dict[str, Edge] = {}
        for local in self.entered:
            first = next((edge for edge in self.rows[local] if edge.open and not edge.trigger), None)
            if first is not None and settled(first.transition.guard):
                after[local] = first
        rings = components(after, lambda local: [after[local].target or local])
        return tuple(tuple(_around(ring[0], after)) for ring in rings if (after[ring[0]].target or ring[0]) in ring)

    @cached_property
    def circling(self) -> frozenset[str]:
        """The local states on those rings."""
        return frozenset(edge.source for ring in self.circles for edge in ring)

    def passing(self, local: str) -> bool:
        """Whether a local state is left as soon as it is entered, by an `always` that always holds."""
        return any(not e.trigger and e.open and settled(e.transition.guard) for e in self.rows[local])

    def running(self, edge: Edge) -> frozenset[str]:
        """The states whose timeout runs on when it is taken: a circle of such edges has an end."""
        stays = {node.name for node in self.nodes(edge.target or edge.source) if node.state.timeout is not None}
        stopped = {op.timer for op in edge.transition.exit if isinstance(op, Disarm)}
        around = (node.name for node in self.nodes(edge.source))
        return frozenset(name for name in around if name in stays and TIMEOUT + name not in stopped)

    def leads_out(self, edge: Edge) -> bool:
        """Whether it leads to other leaves, be it by events that the machine raises on the way."""
        here = self.leaves(edge.source)
        met = dict.fromkeys([] if edge.target is None else [edge.target])
        queue = list(met)
        for local in queue:  # grows while it is read
            if self.leaves(local) != here:
                return True
            ways = (way.target for way in self.rows[local] if way.open and not way.trigger)
            fresh = [target for target in ways if target is not None and target not in met]
            met.update(dict.fromkeys(fresh))
            queue += fresh
        return False

    def surely_out(self, edge: Edge) -> bool:
        """Whether it is certain to be taken, and to lead to other leaves."""
        met: set[str] = set()
        while settled(edge.transition.guard) and edge.open and edge.target is not None and edge.target not in met:
            if self.leaves(edge.target) != self.leaves(edge.source):
                return True
            met.add(edge.target)
            edge = next((way for way in self.rows[edge.target] if way.open and not way.trigger), edge)
        return False

    @cached_property
    def resting(self) -> tuple[str, ...]:
        """The local states in which a run may wait for something; in a livelock no `always` is taken, so it rests where it was led."""
        waits = (name for name in self.entered if name in self.circling or not self.passing(name))
        return tuple(name for name in waits if self.region.states[name].terminal is None)

    @cached_property
    def nodes_entered(self) -> frozenset[str]:
        """The written states that can be entered, compound ones too."""
        return self._around(self.entered)

    @cached_property
    def nodes_resting(self) -> frozenset[str]:
        """The written states in which a run may wait for something."""
        return self._around(self.resting)

    @cached_property
    def nodes_waiting(self) -> frozenset[str]:
        """Those of them that no ring holds on to."""
        return self._around(local for local in self.resting if local not in self.circling)

    def _around(self, locals_: Iterable[str]) -> frozenset[str]:
        return frozenset(node.name for local in locals_ for node in self.nodes(local))

    @cached_property
    def attempts(self) -> dict[str, int]:
        """For each local state that can be entered, the highest attempt at which it can be.

        Only a retry keeps or raises the counter, of a state or of the wait between its attempts, and it may
        happen again until its `below`. So all attempts from 1 up to this one can occur, and none is walked.
        """
        highest = dict.fromkeys(self.entered, 1)
        counted = [
            (edge, edge.target, edge.transition.attempt == "bump")
            for local in self.entered
            for edge in self.rows[local]
            if edge.open and edge.target is not None and edge.transition.attempt != "reset"
        ]
        for edge, target, more in counted:
            if edge.transition.below is not None:
                highest[target] = max(highest[target], edge.transition.below - 1 + more)
        for edge, target, more in counted:
            if edge.transition.below is None:  # the end of a wait, whose own attempts stand by now
                highest[target] = max(highest[target], highest[edge.source] + more)
        return highest

    @property
    def configurations(self) -> int:
        """How many pairs of local state and attempt can be reached: attempts counted exactly, guards free."""
        return sum(self.attempts.values())

    # --- speaking of it

    def nodes(self, local: str) -> tuple[Node, ...]:
        """The written states that are active in a local state, innermost first; in the reserved `$cancelled` none."""
        return tuple(self.tree.nodes[name] for name in self.active.get(local, ()))

    def tried(self, local: str) -> str:
        """What a wait between two attempts is for, or the local state itself."""
        state = naming.tried(local)
        return state if state in self.rows else local

    def leaves(self, local: str) -> tuple[Node, ...]:
        """Those of them without others within."""
        return tuple(node for node in self.nodes(local) if not node.state.states)

    def leaf(self, local: str) -> Node | None:
        """The first of these in the document."""
        return min(self.leaves(local), key=lambda node: node.order, default=None)

    def finding(
        self,
        rule: str,
        severity: Severity,
        path: Path,
        message: str,
        *,
        trace: tuple[str, ...] = (),
        hint: str | None = None,
    ) -> Finding:
        """A finding at this place of the document."""
        line = self.tree.definition.places.line(path)
        return Finding(rule, severity, path_text(path), message, trace, line, hint)


def graph_of(machine: Machine) -> Graph:
    """The graph of a compiled state machine, whose one region it is."""
    notes = machine.notes
    assert isinstance(notes, Notes), "a machine that no compiler made"
    assert isinstance(notes.definition, StateMachine), "a workflow has no written states"
    tree, (region,) = grow(notes.definition), machine.regions
    rows = {name: row_edges(row) for name, row in region.states.items()}
    return Graph(tree, region, rows, notes.active)


def total(edges: Iterable[Edge]) -> int:
    """How much has to happen to take these, one after another."""
    return sum(edge.length for edge in edges)


def _around(start: str, after: Mapping[str, Edge]) -> Iterator[Edge]:
    local = start
    while True:
        yield after[local]
        local = after[local].target or local
        if local == start:
            return
