"""All lives of a machine at once: how the probability of being somewhere flows through its chain, until it has come to the ends.

An absorbing Markov chain: a state is a node together with the times at which its slots are due, as seen from now. So it
decides all that follows, and there are few of them where durations are, too: constants and samples, and not many at once.
Its transient distribution is followed forwards in time, which gives each end with the distribution of its times; a loop is gone
round until what is left in it is less than one in a million million.

Below: `chain`, `outlook`. Beside `crowd`, which draws lives where there are too many states, or a continuum of durations.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from math import fsum
from typing import NamedTuple, TypeAlias

import attrs

from statewf.definition.pricing import TimeBased
from statewf.forecast.assumptions import CERTAIN, Assumptions
from statewf.forecast.chain import Branch, Chain, Node, Way
from statewf.forecast.outlook import Outlook, Tally, culprit, label, outlook, total
from statewf.forecast.slots import NEVER, RECALLED, Lottery
from statewf.machine.fsm import Machine
from statewf.pricing import Usage, is_timed

MOST_STATES = 20_000
MOST_WORK = 400_000  # arrivals of probability in a state at a time, and ways that are looked at
LEAST = 1e-12  # probability that is not followed any more

Due: TypeAlias = (
    "tuple[int, int, int, int, int] | None"  # in how many ms, rank, tie, whose turn, outcome; None: never
)


class State(NamedTuple):
    """A node, and when its slots are due, counted from now."""

    node: Node
    dues: tuple[Due, ...]


class TooLarge(Exception):
    """There are too many states, or durations without number."""


@attrs.define(eq=False)
class Flow:
    """The states that were found, with how long each lasts (ms), and where it leads with which probability."""

    chain: Chain
    begin: dict[State, float] = attrs.field(factory=dict)
    lasts: dict[State, int] = attrs.field(factory=dict)
    leads: dict[State, dict[State, float]] = attrs.field(factory=dict)
    work: int = MOST_WORK

    def find(self) -> None:
        """Find all states. Raises TooLarge."""
        before = State(self.chain.before, ())
        self.begin = self._after(before, 0, self.chain.start)
        queue = list(self.begin)
        for state in queue:  # grows while it is read
            due = min((due for due in state.dues if due is not None), default=None)
            if state in self.lasts or due is None:
                continue  # it was here before, or nothing happens there any more
            if len(self.lasts) == MOST_STATES:
                raise TooLarge
            self.lasts[state] = due[0]
            place = state.dues.index(due)
            self.leads[state] = self._after(state, due[0], self.chain.branch(state.node, place, due[4]))
            queue += self.leads[state]

    def _after(self, state: State, lasted: int, branch: Branch) -> dict[State, float]:
        """Where it is after what happens then, and how likely."""
        found: dict[State, float] = defaultdict(float)
        passed = [None if due is None else (due[0] - lasted, *due[1:]) for due in state.dues]
        for chance, way in self._ways(branch):
            kept = [passed[place] if place >= 0 else None for place in way.kept]
            for drawn, dues in self._drawn(way, kept, len(passed)):
                found[State(way.target, _in_turn(dues))] += chance * drawn
        return dict(found)

    def _ways(self, branch: Branch) -> Iterator[tuple[float, Way]]:
        """The ways that conditions leave open."""
        if isinstance(branch, Way):
            yield 1.0, branch
            return
        for number, chance in enumerate(branch.chances):
            if chance:
                for inner, way in self._ways(self.chain.answered(branch, number)):
                    yield chance * inner, way

    def _drawn(self, way: Way, kept: list[Due], first: int) -> list[tuple[float, list[Due]]]:
        """All that can be drawn for what is fresh; its turns begin with `first`. Raises TooLarge."""
        drawn = [(1.0, kept)]
        for turn, (place, rank, tie, lottery) in enumerate(way.fresh, first):
            if lottery is None:
                for _, dues in drawn:
                    if way.target.slots[place].heeds(NEVER if (due := dues[place]) is None else due[4]):
                        dues[place] = (0, rank, tie, turn, RECALLED)
                continue
            possible = [
                (c, None if o == NEVER else (after, rank, tie, turn, o)) for c, o, after in _possible(lottery)
            ]
            self.work -= len(drawn) * len(possible)
            if self.work < 0:
                raise TooLarge
            drawn = [
                (before * chance, [*dues[:place], due, *dues[place + 1 :]])
                for before, dues in drawn
                for chance, due in possible
            ]
        return drawn

    # --- going along

    def endless(self) -> set[State]:
        """The states from which no end can be reached any more: who is there runs in a circle."""
        sources: dict[State, list[State]] = defaultdict(list)
        for state, there in self.leads.items():
            for target in there:
                sources[target].append(state)
        queue = [state for state in sources if state not in self.leads]
        ending = set(queue)
        for state in queue:  # grows while it is read
            fresh = [source for source in sources[state] if source not in ending]
            ending.update(fresh)
            queue += dict.fromkeys(fresh)
        return {state for state in self.leads if state not in ending}

    def follow(self) -> Tally:
        """Follow the probability to the ends. Raises TooLarge."""
        tally, circles = Tally(), self.endless()
        arriving: dict[int, dict[State, float]] = {}
        times: list[int] = []

        def arrive(before: Node, state: State, at: int, mass: float) -> None:
            if state not in self.leads or state in circles:
                ending = label(state.node, endless=state in circles)
                tally.end(ending, at, self._price(state.node, at), culprit(self.chain, before, state.node), mass)
            elif mass >= LEAST:
                if at not in arriving:
                    arriving[at] = defaultdict(float)
                    heapq.heappush(times, at)
                arriving[at][state] += mass

        for state, mass in self.begin.items():
            arrive(self.chain.before, state, 0, mass)
        while times:
            now = heapq.heappop(times)
            for state, mass in arriving.pop(now).items():
                self.work -= len(self.leads[state])
                if self.work < 0:
                    raise TooLarge
                for name in state.node.busy:
                    tally.time[name] += mass * self.lasts[state]
                for target, chance in self.leads[state].items():
                    arrive(state.node, target, now + self.lasts[state], mass * chance)
        return tally

    def _price(self, node: Node, at: int) -> Decimal | None:
        """What it costs to have ended there, at that time."""
        if node.usage is None or not node.ended:
            return None
        if not is_timed(self.chain.machine):
            return total(node.usage)
        volume = self.chain.assumptions.volume
        return total(Usage(self.chain.machine, volume, at=at, snapshot=node.snapshot))


def _possible(lottery: Lottery) -> list[tuple[float, int, int]]:
    """The outcomes of a lottery, each with its chance and how long it takes. Raises TooLarge."""
    found = []
    for outcome, (chance, spread) in enumerate(zip(lottery.chances, lottery.spreads, strict=True)):
        if spread.points is None:
            raise TooLarge
        found += [(chance * share, outcome, after) for share, after in spread.points]
    left = 1 - fsum(lottery.chances)
    return found if left <= 1 - CERTAIN else [*found, (left, NEVER, 0)]


def _in_turn(dues: list[Due]) -> tuple[Due, ...]:
    """The same, with turns that tell the order and nothing else."""
    turns = sorted(due[3] for due in dues if due is not None)
    return tuple(None if due is None else (*due[:3], turns.index(due[3]), due[4]) for due in dues)


def exact(machine: Machine, assumptions: Assumptions | None = None) -> Outlook | None:
    """What becomes of an instance; None if that is too much to be followed.

    Where the price depends on how long single steps take, which of all ways they took is not known at the end: None, too.
    """
    prices = machine.notes.definition.pricing
    if isinstance(prices, TimeBased) and prices.step_multipliers:
        return None
    chain = Chain(machine, assumptions or Assumptions())
    flow = Flow(chain)
    try:
        flow.find()
        tally = flow.follow()
    except TooLarge:
        return None
    return outlook(chain, tally, "exact")
