"""The moves of a state machine: what can be entered, and what leads on from there, to be reckoned with.

Below: the graph of states, and the search in it. Above: `states`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cached_property

import attrs

from statewf.checker.states.edges import Edge
from statewf.checker.states.graph import Graph
from statewf.checker.states.search import components
from statewf.compiler.deeds import delayed
from statewf.compiler.gather import actions
from statewf.compiler.tree import Node
from statewf.definition.model import Raise
from statewf.machine.fsm import ERROR, RAISE, Delay
from statewf.machine.macrostep import MOST_ALWAYS
from statewf.machine.naming import waits

AT_ONCE = Delay(0)


@attrs.frozen(eq=False)
class Moves:
    """What can be entered, and the moves from there: a state and the wait between its attempts are one.

    Where `always` transitions may run in a circle none of them is taken. A state that leads there is *dizzy*: a run
    may rest in it, although it ought to be left at once, and take what otherwise could not be taken.
    """

    graph: Graph
    _tries: dict[str, tuple[str, ...]] = attrs.field(factory=dict, init=False)

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
        for local in self.tries(name):
            for edge in self.graph.rows[local]:
                if self.usable(edge) and edge.target is not None and not _tries_again(edge):
                    yield attrs.evolve(edge, source=name)

    def tries(self, name: str) -> tuple[str, ...]:
        """It, and where its further attempts lead: the waits before them, and where it is entered again."""
        if name not in self._tries:
            met = {name: None}
            queue = [name]
            for local in queue:  # grows while it is read
                again = (
                    e.target for e in self.graph.rows[local] if e.target and self.usable(e) and _tries_again(e)
                )
                fresh = [target for target in dict.fromkeys(again) if target not in met]
                met.update(dict.fromkeys(fresh))
                queue += fresh
            self._tries[name] = tuple(met)
        return self._tries[name]

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
        return name not in self.dizzy and self.graph.passing(name) and self.tries(name) == (name,)

    def terminal(self, name: str) -> bool:
        """Whether a run ends there."""
        return self.graph.region.states[name].terminal is not None

    def lineage(self, name: str) -> tuple[Node, ...]:
        """The written state, and those around it."""
        leaf = self.graph.leaf(name)
        return leaf.lineage() if leaf is not None else ()

    def around(self, name: str) -> list[tuple[str, int]]:
        """The states active in it whose timeout may have been set before: those around it, or side by side in it."""
        nodes = self.graph.nodes(name)
        outer = nodes if len(self.graph.leaves(name)) > 1 else nodes[1:]
        return [(node.name, node.state.timeout) for node in outer if node.state.timeout is not None]

    def limit(self, name: str) -> int | None:
        """How long an attempt can last, ms: until its timeout, or an own event that it raised, and that leads out."""
        limits: list[int] = []
        for leaf in self.graph.leaves(name):
            limits += [] if leaf.state.timeout is None else [leaf.state.timeout]
            for action in leaf.state.on_entry:
                if isinstance(action, Raise) and action.delay is not None and self.ends(name, action.event):
                    limits.append(action.delay)
        return min(limits, default=None)

    def ends(self, name: str, event: str) -> bool:
        """Whether an own event that comes later leads out, wherever it is raised, and nothing puts it off."""
        edges = (e for local in self.tries(name) for e in self.graph.rows[local] if e.trigger == RAISE + event)
        return self.raised[event] == 1 and any(map(self.graph.surely_out, edges))

    @cached_property
    def raised(self) -> Counter[str]:
        """In how many places each event is raised for later."""
        states = (node.state for node in self.graph.tree.nodes.values())
        return Counter(event for state in states for event in delayed(actions(state)))

    # --- attempts

    def counted(self, name: str) -> bool:
        """Whether its entries are attempts."""
        return any(node.state.retry is not None for node in self.lineage(name)[:1])

    def repeats(self, name: str) -> bool:
        """Whether it can be entered for a second attempt."""
        return self.attempts(name) > 1

    def attempts(self, name: str) -> int:
        """How many there can be, one after another."""
        edges = (edge for local in self.tries(name) for edge in self.graph.rows[local] if self.usable(edge))
        return max((edge.transition.below or 1 for edge in edges), default=1)

    def delay(self, name: str) -> Delay:
        """The wait between two attempts."""
        retry = self.lineage(name)[0].state.retry
        if retry is None or not retry.waits:
            return AT_ONCE
        return Delay(retry.first_delay, retry.backoff or "exponential", retry.max_delay, retry.jitter == "full")

    def needed(self, edge: Edge) -> int:
        """The attempt at which an edge can first be taken. A call that is not to be tried again fails for good at once."""
        return 1 if edge.trigger.startswith(ERROR) else edge.since


def _tries_again(edge: Edge) -> bool:
    """Whether it leads to another attempt, or to the wait before it."""
    again = edge.transition.below is not None or edge.transition.attempt == "bump"
    return again or (edge.target is not None and waits(edge.target))


def is_entry(edge: Edge) -> bool:
    """Whether a state is entered by it: what only takes an own event stays where it is."""
    return edge.transition.attempt == "reset"
