"""Best and worst case: how long it takes at least and at most to come to each end, and what it costs, whatever the chances.

Everything happens that can: of whom nothing is said answers, fails, decides and comes at any time, or never; of
whom something is said keeps to the least and the greatest of the durations that are said. Nobody cancels.

Below: `reach`, which finds all that can happen. Beside `exact`. Above: `whole`, which takes `rough` where that is
too much.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from decimal import Decimal
from graphlib import TopologicalSorter
from heapq import heappop, heappush
from itertools import count
from math import inf
from typing import Any, TypeAlias

import attrs

from statewf.checker.states.search import components
from statewf.definition.model import StateMachine
from statewf.definition.pricing import PerExecution, TimeBased
from statewf.forecast.assumptions import Answer, Arrival, Assumptions, Likely, Returns
from statewf.forecast.cases import Extreme, Range, charged, price_of_time
from statewf.forecast.chain import Chain
from statewf.forecast.flow import TooLarge
from statewf.forecast.reach import Edge, Reach, Stage, reached
from statewf.forecast.slots import sample
from statewf.forecast.spread import Exponential
from statewf.forecast.zones import lasted
from statewf.machine.fsm import ERROR, Machine, Open, is_pattern
from statewf.machine.lens import conditions
from statewf.machine.tries import USUAL, decisions
from statewf.pricing import Usage
from statewf.simulator.scenario import Decision, Fail

MOST_WORK = 30_000  # things that happen, and ways on
ANY_TIME = Exponential(1)  # it has no greatest duration, and that is all that counts here


def whatever(machine: Machine, said: Assumptions) -> Assumptions:
    """What is said, and of all others that they may do anything at any time."""
    words = dict.fromkeys((*USUAL, *decisions(conditions(machine))))
    does = (Returns(), Fail())
    retried = _retried(machine)
    handlers = {name: (*does, Fail(retryable=False)) if name in retried else does for name in machine.handlers()}
    decided = tuple(Likely(Decision(word), 1 / len(words), ANY_TIME) for word in words)
    names = (sample(machine, event) if is_pattern(event) else event for event in machine.listeners)
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


@attrs.frozen
class Sum:
    """What the weights of a way add to, and which states with a price it enters, how often."""

    much: Any
    entered: Counter[str] = attrs.field(factory=Counter)

    def __add__(self, other: Sum) -> Sum:
        return Sum(self.much + other.much, self.entered + other.entered)


Weigh: TypeAlias = Callable[[Edge], Sum]


@attrs.frozen(eq=False)
class _Ways:
    """The ways through all that can be reached, with weights."""

    reach: Reach

    def least(self, weigh: Weigh) -> dict[Stage, Sum]:
        """For each state the least that the weights of a way there add to (Dijkstra)."""
        found: dict[Stage, Sum] = {}
        serial = count()
        heap: list[tuple[Any, int, Sum, Stage]] = []

        def arrive(edge: Edge, there: Sum) -> None:
            if edge.target not in found:
                heappush(heap, (there.much, next(serial), there, edge.target))

        for edge in self.reach.begin:
            arrive(edge, weigh(edge))
        while heap:
            _, _, there, state = heappop(heap)
            if state not in found:
                found[state] = there
                for edge in self.reach.edges[state]:
                    arrive(edge, there + weigh(edge))
        return found

    def greatest(self, weigh: Weigh, goals: list[Stage]) -> Sum | None:
        """The greatest that the weights of a way to one of the goals add to; None: there is no end to them."""
        leading = self._leading(goals)
        inner = {state: [edge for edge in self.reach.edges[state] if edge.target in leading] for state in leading}
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
        for edge in self.reach.begin:
            _arrive(best, ring.get(edge.target), weigh(edge))
        for number in TopologicalSorter(waits).static_order():
            for edge in (edge for state in rings[number] for edge in inner[state] if ring[edge.target] != number):
                _arrive(best, ring[edge.target], best[number] + weigh(edge))
        return max((best[ring[goal]] for goal in goals), key=lambda one: one.much)

    def _leading(self, goals: list[Stage]) -> dict[Stage, None]:
        """The states from which one of the goals can be reached."""
        sources: dict[Stage, list[Stage]] = defaultdict(list)
        for state, edges in self.reach.edges.items():
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
    try:
        reach = reached(chain, work)
    except TooLarge:
        return None
    found = []
    for ending, goals in sorted(reach.ends.items()):
        times = [lasted(goal.zone) for goal in goals]
        longest = max(most for _, most in times)
        duration = Range(int(min(least for least, _ in times)), None if longest == inf else int(longest))
        found.append(Extreme(*ending, duration, _prices(_Ways(reach), goals, duration, said.volume)))
    return tuple(found)


def _prices(ways: _Ways, goals: list[Stage], duration: Range[int], volume: int | None) -> Range[Decimal] | None:
    """What those pay who end there; None where there are no prices."""
    machine = ways.reach.flow.chain.machine
    prices = machine.notes.definition.pricing
    any_goal = Usage(machine, volume, snapshot=goals[0].node.snapshot)
    match prices:
        case PerExecution() if ways.reach.flow.chain.priced:
            totals = {charged(goal.node.usage) for goal in goals if goal.node.usage is not None}
            return Range(min(totals), max(totals))
        case PerExecution():
            return _prices_of_entries(ways, goals, prices, any_goal)
        case TimeBased():
            return price_of_time(prices, any_goal, duration)
        case _:
            return None


def _prices_of_entries(ways: _Ways, goals: list[Stage], prices: PerExecution, usage: Usage) -> Range[Decimal]:
    """Of a state machine each entry of a state costs, and so a way costs what is entered on it."""

    def weigh(edge: Edge) -> Sum:
        first = (move for move in edge.way.moves if move.attempt == 1)
        entered = Counter(name for move in first for name in move.entered if name in prices.step_rates)
        return Sum(sum((prices.step_rates[name] * n for name, n in entered.items()), Decimal(0)), entered)

    sums = ways.least(weigh)
    least = min((sums[goal] for goal in goals), key=lambda one: one.much)
    greatest = ways.greatest(weigh, goals)
    cheapest = charged(attrs.evolve(usage, done=least.entered))
    if greatest is None and usage.snapshot is not None and usage.snapshot.ended == "success":
        return Range(cheapest, None)
    return Range(cheapest, cheapest if greatest is None else charged(attrs.evolve(usage, done=greatest.entered)))
