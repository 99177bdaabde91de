"""Best and worst case: how long it takes at least and at most to come to each end, and what it costs, whatever the chances.

Everything happens that can: of whom nothing is said answers, fails, decides and comes at any time, or never; of whom something
is said keeps to the least and the greatest of the durations that are said. So the graph has a state for each node and what is
due when, and a way for each thing that can happen next, at once or at the last moment, which is when the next timer comes due.
These corners are enough: on a given way the times at which things happen are bounded by timers alone, so the whole is
shortest or longest where each happens at once or exactly then (the vertices of a system of difference constraints). Nobody
cancels.

Below: `flow`. Beside `exact`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from decimal import Decimal
from graphlib import TopologicalSorter
from heapq import heappop, heappush
from itertools import count
from math import inf
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

import attrs

from statewf.checker.states.search import components
from statewf.definition.model import StateMachine
from statewf.definition.pricing import PerExecution, TimeBased
from statewf.forecast.assumptions import Answer, Arrival, Assumptions, Likely, Returns
from statewf.forecast.chain import Chain, Way
from statewf.forecast.flow import MOST_STATES, Flow, Possible, State, TooLarge
from statewf.forecast.outlook import Label, label, total
from statewf.forecast.slots import FREE, NEVER, Lottery
from statewf.forecast.spread import Exponential
from statewf.machine.fsm import ERROR, Machine, Open, is_pattern
from statewf.machine.lens import conditions
from statewf.machine.tries import USUAL, decisions
from statewf.pricing import Usage
from statewf.simulator.scenario import Decision, Fail

MOST_WORK = 100_000  # ways to states
LONG = 10**15  # ms: 30,000 years
ANY_TIME = Exponential(1)  # it has no greatest duration, and that is all that counts here


T = TypeVar("T")


@attrs.frozen
class Range(Generic[T]):
    """What something is at least and at most; None: there is no greatest."""

    least: T
    greatest: T | None


@attrs.frozen
class Extreme:
    """An end with its range of durations (ms) and, if it has a price that can be told, of prices."""

    state: str
    outcome: str
    duration: Range[int]
    price: Range[Decimal] | None

    def document(self) -> dict[str, Any]:
        """The same as JSON."""
        return {
            "state": self.state,
            "outcome": self.outcome,
            "duration": attrs.asdict(self.duration),
            "price": None if self.price is None else _told(self.price),
        }


def _told(price: Range[Decimal]) -> dict[str, str | None]:
    return {"least": str(price.least), "greatest": None if price.greatest is None else str(price.greatest)}


def whatever(machine: Machine, said: Assumptions) -> Assumptions:
    """What is said, and of all others that they may do anything at any time."""
    words = dict.fromkeys((*USUAL, *decisions(conditions(machine))))
    does = (Returns(), Fail())
    retried = _retried(machine)
    handlers = {name: (*does, Fail(retryable=False)) if name in retried else does for name in machine.handlers()}
    decided = tuple(Likely(Decision(word), 1 / len(words), ANY_TIME) for word in words)
    names = (_sample(event) if is_pattern(event) else event for event in machine.listeners)
    unsaid = Assumptions(
        handlers={
            name: tuple(Likely[Answer](each, 1 / len(can), ANY_TIME, stubborn=True) for each in can)
            for name, can in handlers.items()
        },
        tasks=dict.fromkeys(machine.asking(), decided),
        events=dict.fromkeys(names, Arrival(None, ANY_TIME)),
    )
    return unsaid.under(said)


def _retried(machine: Machine) -> set[str]:
    """The handlers that are called once more when they fail, so that it makes a difference how they do."""
    found: set[str] = set()
    for region in machine.regions:
        transitions = [t for state in region.states.values() for t in state.transitions()]
        if any(t.below is not None and t.trigger.startswith(ERROR) for t in transitions):
            found.update(op.handler for t in transitions for op in t.entry if isinstance(op, Open))
    return found


def _sample(pattern: str) -> str:
    """An event that fits a pattern."""
    return pattern.removesuffix(".*") if pattern != "*" else "any"


def _possible(lottery: Lottery) -> list[Possible]:
    """What may come of a lottery: each outcome after its least and its greatest duration; those without one at any time."""
    found: dict[Possible, None] = {}
    for outcome, spread in enumerate(lottery.spreads):
        least, greatest = spread.bounds
        if greatest is None:
            found[Possible(1, FREE, inf)] = None
        else:
            found |= dict.fromkeys((Possible(1, outcome, least), Possible(1, outcome, greatest)))
    if not lottery.sums or lottery.sums[-1] < 1:
        found[Possible(1, NEVER, 0)] = None
    return list(found)


@attrs.frozen
class Sum:
    """What the weights of a way add to, and which states with a price it enters, how often."""

    much: Any
    entered: Counter[str] = attrs.field(factory=Counter)

    def __add__(self, other: Sum) -> Sum:
        return Sum(self.much + other.much, self.entered + other.entered)


class Edge(NamedTuple):
    """One thing that happens next: after how long (ms; inf: as long as one likes), on which way, to which state."""

    lasts: float
    way: Way
    target: State


Weigh: TypeAlias = Callable[[Edge], Sum]


@attrs.define(eq=False)
class _Graph:
    """All that can happen under some assumptions. `ends` are the states in which it has ended."""

    flow: Flow
    begin: list[Edge] = attrs.field(factory=list)
    edges: dict[State, list[Edge]] = attrs.field(factory=dict)
    ends: dict[Label, list[State]] = attrs.field(factory=lambda: defaultdict(list))

    def find(self) -> None:
        """Find all states. Raises TooLarge."""
        self.begin = [Edge(0, way, state) for _, way, state in self.flow.begin()]
        queue = [edge.target for edge in self.begin]
        for state in queue:  # grows while it is read
            if state in self.edges:
                continue
            if len(self.edges) == MOST_STATES:
                raise TooLarge
            self.edges[state] = list(self._edges(state))
            queue += [edge.target for edge in self.edges[state]]
            if state.node.ended:
                self.ends[label(state.node)].append(state)

    def _edges(self, state: State) -> Iterator[Edge]:
        """What may happen next: what is due first, or before it what may happen at any time, at once or at the last moment."""
        first = min((due for due in state.dues if due is not None), default=None)
        last = first[0] if first is not None and first[4] != FREE else inf
        for place, due in enumerate(state.dues):
            if due is None:
                continue
            if due[4] == FREE:
                outcomes = [
                    o
                    for o, spread in enumerate(state.node.slots[place].lottery.spreads)
                    if spread.bounds[1] is None
                ]
                times = dict.fromkeys((0.0, last))
            elif due is first:
                outcomes, times = [due[4]], {last: None}
            else:
                continue
            for outcome in outcomes:
                branch = self.flow.chain.branch(state.node, place, outcome)
                for lasts in times:
                    for _, way, target in self.flow.after(state, lasts, branch):
                        if not way.refused:
                            yield Edge(lasts, way, target)

    def least(self, weigh: Weigh) -> dict[State, Sum]:
        """For each state the least that the weights of a way there add to (Dijkstra)."""
        found: dict[State, Sum] = {}
        serial = count()
        heap: list[tuple[Any, int, Sum, State]] = []

        def arrive(edge: Edge, there: Sum) -> None:
            if edge.target not in found:
                heappush(heap, (there.much, next(serial), there, edge.target))

        for edge in self.begin:
            arrive(edge, weigh(edge))
        while heap:
            _, _, there, state = heappop(heap)
            if state not in found:
                found[state] = there
                for edge in self.edges[state]:
                    arrive(edge, there + weigh(edge))
        return found

    def greatest(self, weigh: Weigh, goals: list[State]) -> Sum | None:
        """The greatest that the weights of a way to one of the goals add to; None: there is no end to them."""
        leading = self._leading(goals)
        inner = {state: [edge for edge in self.edges[state] if edge.target in leading] for state in leading}
        rings = components(leading, lambda state: [edge.target for edge in inner[state]])
        ring = {state: number for number, states in enumerate(rings) for state in states}
        waits: dict[int, set[int]] = {number: set() for number in range(len(rings))}
        for state, edges in inner.items():
            for edge in edges:
                if ring[edge.target] != ring[state]:
                    waits[ring[edge.target]].add(ring[state])
                elif weigh(edge).much:
                    return None  # it can be gone round without end
        best = dict[int, Sum]()
        for edge in self.begin:
            _arrive(best, ring.get(edge.target), weigh(edge))
        for number in TopologicalSorter(waits).static_order():
            for edge in (edge for state in rings[number] for edge in inner[state] if ring[edge.target] != number):
                _arrive(best, ring[edge.target], best[number] + weigh(edge))
        return max((best[ring[goal]] for goal in goals), key=lambda one: one.much)

    def _leading(self, goals: list[State]) -> dict[State, None]:
        """The states from which one of the goals can be reached."""
        sources: dict[State, list[State]] = defaultdict(list)
        for state, edges in self.edges.items():
            for edge in edges:
                sources[edge.target].append(state)
        leading = dict.fromkeys(goals)
        queue = list(goals)
        for state in queue:  # grows while it is read
            fresh = dict.fromkeys(source for source in sources[state] if source not in leading)
            leading |= fresh
            queue += fresh
        return leading


def _arrive(best: dict[int, Sum], ring: int | None, there: Sum) -> None:
    if ring is not None and (ring not in best or best[ring].much < there.much):
        best[ring] = there


# --- what is weighed


def extremes(
    machine: Machine, said: Assumptions | None = None, *, work: int = MOST_WORK
) -> tuple[Extreme, ...] | None:
    """The best and the worst case of each end that can be reached; None if more can happen than is looked at (`work`)."""
    said = said or Assumptions()
    of_states = isinstance(machine.notes.definition, StateMachine)
    chain = Chain(machine, whatever(machine, said), priced=not of_states)
    graph = _Graph(Flow(chain, _possible, work))
    try:
        graph.find()
    except TooLarge:
        return None
    lasting = graph.least(_lasting)
    found = []
    for ending, goals in sorted(graph.ends.items()):
        least = min(lasting[goal].much for goal in goals)
        greatest = graph.greatest(_lasting, goals)
        longest = None if greatest is None or greatest.much == inf else int(greatest.much)
        duration = Range(int(least), longest)
        found.append(Extreme(*ending, duration, _prices(graph, goals, duration, said.volume)))
    return tuple(found)


def _lasting(edge: Edge) -> Sum:
    return Sum(edge.lasts)


def _prices(graph: _Graph, goals: list[State], duration: Range[int], volume: int | None) -> Range[Decimal] | None:
    """What those pay who end there; None where there are no prices, or single steps are charged by their time."""
    machine = graph.flow.chain.machine
    prices = machine.notes.definition.pricing
    any_goal = Usage(machine, volume, snapshot=goals[0].node.snapshot)
    match prices:
        case PerExecution() if graph.flow.chain.priced:
            totals = {_total(goal.node.usage) for goal in goals if goal.node.usage is not None}
            return Range(min(totals), max(totals))
        case PerExecution():
            return _prices_of_entries(graph, goals, prices, any_goal)
        case TimeBased() if not prices.step_multipliers:
            least = _total(attrs.evolve(any_goal, at=duration.least))
            most = _total(attrs.evolve(any_goal, at=LONG if duration.greatest is None else duration.greatest))
            bounded = duration.greatest is not None or prices.maximum is not None or not most
            return Range(least, most if bounded else None)
        case _:
            return None


def _prices_of_entries(graph: _Graph, goals: list[State], prices: PerExecution, usage: Usage) -> Range[Decimal]:
    """Of a state machine each entry of a state costs, and so a way costs what is entered on it."""

    def weigh(edge: Edge) -> Sum:
        first = (move for move in edge.way.moves if move.attempt == 1)
        entered = Counter(name for move in first for name in move.entered if name in prices.step_rates)
        return Sum(sum((prices.step_rates[name] * n for name, n in entered.items()), Decimal(0)), entered)

    sums = graph.least(weigh)
    least = min((sums[goal] for goal in goals), key=lambda one: one.much)
    greatest = graph.greatest(weigh, goals)
    cheapest = _total(attrs.evolve(usage, done=least.entered))
    if greatest is None and usage.snapshot is not None and usage.snapshot.ended == "success":
        return Range(cheapest, None)
    return Range(cheapest, cheapest if greatest is None else _total(attrs.evolve(usage, done=greatest.entered)))


def _total(usage: Usage) -> Decimal:
    amount = total(usage)
    assert amount is not None, "there are prices"
    return amount
