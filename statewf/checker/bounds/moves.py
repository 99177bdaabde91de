"""The moves of a state machine: what can be entered, and what leads on from there, to be reckoned with.

Below: the graph of states, and the search in it. Above: `states`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property

import attrs

from statewf.checker.states.edges import Edge
from statewf.checker.states.graph import Graph
from statewf.checker.states.search import components
from statewf.compiler.tree import BACKOFF, Node
from statewf.machine.fsm import ERROR, Delay
from statewf.machine.macrostep import MOST_ALWAYS

AT_ONCE = Delay(0)


@attrs.frozen(eq=False)
class Moves:
    """What can be entered, and the moves from there: a state and the wait between its attempts are one.

    Where `always` transitions may run in a circle none of them is taken. A state that leads there is *dizzy*: a run
    may rest in it, although it ought to be left at once, and take what otherwise could not be taken.
    """

    graph: Graph

    @property
    def first(self) -> str:
        """Where a run starts."""
        return self.graph.first

    @cached_property
    def states(self) -> dict[str, tuple[Edge, ...]]:
        """For each state that can be entered the edges that lead on, to others or to itself entered anew."""
        found: dict[str, tuple[Edge, ...]] = {}
        queue = [self.first]
        for name in queue:  # grows while it is read
            if name not in found:
                found[name] = tuple(self._leading_on(name))
                queue += (edge.target for edge in found[name] if edge.target is not None)
        return found

    def _leading_on(self, name: str) -> Iterator[Edge]:
        waits = self.repeats(name) and name + BACKOFF in self.graph.rows
        for local in (name, name + BACKOFF) if waits else (name,):
            for edge in self.graph.rows[local]:
                if self.usable(edge) and edge.target is not None and edge.transition.attempt == "reset":
                    yield edge

    def usable(self, edge: Edge) -> bool:
        """Whether it can be taken."""
        return edge.open or (edge.fate == "outrun" and edge.source in self.dizzy)

    @cached_property
    def dizzy(self) -> frozenset[str]:
        """The local states from which `always` transitions may lead round and round, or too far."""
        after = {
            local: [edge.target or local for edge in edges if edge.open and not edge.trigger]
            for local, edges in self.graph.rows.items()
        }
        leading = [local for local, targets in after.items() if targets]
        if len(leading) > MOST_ALWAYS:
            return frozenset(leading)
        before: dict[str, list[str]] = defaultdict(list)
        for local in leading:
            for target in after[local]:
                before[target].append(local)
        rings = components(leading, after.__getitem__)
        met = dict.fromkeys(name for ring in rings for name in ring if len(ring) > 1 or name in after[name])
        queue = list(met)
        for local in queue:  # grows while it is read
            fresh = [earlier for earlier in before[local] if earlier not in met]
            met.update(dict.fromkeys(fresh))
            queue += fresh
        return frozenset(met)

    def passing(self, name: str) -> bool:
        """Whether it is left as soon as it is entered."""
        return name not in self.dizzy and self.graph.passing(name)

    def terminal(self, name: str) -> bool:
        """Whether a run ends there."""
        return self.graph.region.states[name].terminal is not None

    def lineage(self, name: str) -> tuple[Node, ...]:
        """The written state, and those around it."""
        leaf = self.graph.leaf(name)
        return leaf.lineage() if leaf is not None else ()

    def around(self, name: str) -> list[tuple[str, int]]:
        """The states around it that have a timeout, and how long that is."""
        outer = self.lineage(name)[1:]
        return [(node.name, node.state.timeout) for node in outer if node.state.timeout is not None]

    # --- attempts

    def counted(self, name: str) -> bool:
        """Whether its entries are attempts."""
        return any(node.state.retry is not None for node in self.lineage(name)[:1])

    def repeats(self, name: str) -> bool:
        """Whether it can be entered for a second attempt."""
        return any(edge.transition.below is not None and self.usable(edge) for edge in self.graph.rows[name])

    def attempts(self, name: str) -> int:
        """How many there can be, one after another."""
        if not self.repeats(name):
            return 1
        return max(edge.transition.below or 1 for edge in self.graph.rows[name])

    def delay(self, name: str) -> Delay:
        """The wait between two attempts."""
        retry = self.lineage(name)[0].state.retry
        if retry is None or not retry.waits:
            return AT_ONCE
        return Delay(retry.first_delay, retry.backoff or "exponential", retry.max_delay, retry.jitter == "full")

    def needed(self, edge: Edge) -> int:
        """The attempt at which an edge can first be taken. A call that is not to be tried again fails for good at once."""
        return 1 if edge.trigger.startswith(ERROR) else edge.since
