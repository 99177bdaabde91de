"""All lives of a machine at once: how the probability of being somewhere flows through its chain, until it has come to the ends.

An absorbing Markov chain: a state is a node together with the times at which its slots are due, as seen from now.
So it decides all that follows, and there are few of them where durations are, too: constants and samples, and not
many at once. Its transient distribution is followed forwards in time, which gives each end with the distribution of
its times; a loop is gone round until what is left in it is less than one in a million million.

Below: `flow`, `outlook`. Beside `crowd`, which draws lives where there are too many states, or a continuum of
durations.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Container
from decimal import Decimal
from math import fsum
from typing import NamedTuple

import attrs

from statewf.definition.pricing import TimeBased
from statewf.forecast.assumptions import CERTAIN, Assumptions
from statewf.forecast.chain import Branch, Chain, Node
from statewf.forecast.flow import Dues, Flow, Possible, TooLarge
from statewf.forecast.outlook import Label, Outlook, Tally, culprit, label, outlook, total
from statewf.forecast.slots import NEVER, Lottery
from statewf.machine.fsm import Machine
from statewf.pricing import Usage, is_timed

MOST_STATES = 20_000
MOST_WORK = 400_000  # ways to states, and arrivals of probability there
LEAST = 1e-12  # probability that is not followed any more


def exact(machine: Machine, assumptions: Assumptions | None = None) -> Outlook | None:
    """What becomes of an instance; None if that is too much to be followed.

    Where the price depends on how long single steps take, which of all ways they took is not known at the end:
    None, too.
    """
    prices = machine.notes.definition.pricing
    if isinstance(prices, TimeBased) and prices.step_multipliers:
        return None
    chain = Chain(machine, assumptions or Assumptions())
    try:
        return outlook(chain, _followed(chain), "exact")
    except TooLarge:
        return None


def _followed(chain: Chain) -> Tally:
    """Follow all lives, at first as if none ran in a circle: then there may be states without number, if only few are likely."""
    try:
        return _Following(Flow(chain, _possible, 0, MOST_WORK)).follow()
    except TooLarge:
        following = _Following(Flow(chain, _possible, 0, MOST_WORK))
        following.find()
        return following.follow(following.endless())


def _possible(lottery: Lottery) -> list[Possible]:
    """The outcomes of a lottery, as likely as they are. Raises TooLarge where there is a continuum of them."""
    found = []
    for outcome, (chance, spread) in enumerate(zip(lottery.chances, lottery.spreads, strict=True)):
        if spread.points is None:
            raise TooLarge
        found += [Possible(chance * share, outcome, after) for share, after in spread.points]
    left = 1 - fsum(lottery.chances)
    return found if left <= 1 - CERTAIN else [*found, Possible(left, NEVER, 0)]


class State(NamedTuple):
    """A node, and what is pending there, in how many ms."""

    node: Node
    dues: Dues


@attrs.define(eq=False)
class _Following:
    """The states that were looked at, with how long each lasts (ms), and where it leads with which probability."""

    flow: Flow
    lasts: dict[State, int] = attrs.field(factory=dict)
    leads: dict[State, dict[State, float]] = attrs.field(factory=dict)

    def begin(self) -> dict[State, float]:
        """Where lives begin, and how likely."""
        return self.after(self.flow.chain.start, (), 0)

    def goes_on(self, state: State) -> bool:
        """Whether something happens there; then it is known where that leads. Raises TooLarge."""
        if state in self.lasts:
            return True
        due = min((due for due in state.dues if due is not None), default=None)
        if due is None:
            return False
        if len(self.lasts) == MOST_STATES:
            raise TooLarge
        branch = self.flow.chain.branch(state.node, state.dues.index(due), due.outcome)
        self.leads[state] = self.after(branch, state.dues, due.when)
        self.lasts[state] = due.when
        return True

    def find(self) -> None:
        """Look at all states. Raises TooLarge."""
        queue = dict.fromkeys(self.begin())
        waiting = list(queue)
        for state in waiting:  # grows while it is read
            if self.goes_on(state):
                fresh = [target for target in self.leads[state] if target not in queue]
                queue.update(dict.fromkeys(fresh))
                waiting += fresh

    def after(self, branch: Branch, dues: Dues, lasted: int) -> dict[State, float]:
        """Where that leads, how likely, after so long."""
        found: dict[State, float] = defaultdict(float)
        passed = [None if due is None else due._replace(when=due.when - lasted) for due in dues]
        for chance, way in self.flow.ways(branch):
            for drawn, there in self.flow.drawn(way, passed):
                found[State(way.target, there)] += chance * drawn
        return dict(found)

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

    def follow(self, circles: Container[State] = ()) -> Tally:
        """Follow the probability to the ends, which are the circles, too. Raises TooLarge."""
        tally = Tally()
        arriving: dict[int, dict[State, float]] = {}
        times: list[int] = []

        def arrive(before: Node, state: State, at: int, mass: float) -> None:
            if state in circles or not (mass < LEAST or self.goes_on(state)):
                ending = Label("(for ever)", "endless") if state in circles else label(state.node)
                tally.end(
                    ending, at, self._price(state.node, at), culprit(self.flow.chain, before, state.node), mass
                )
            elif mass >= LEAST:
                if at not in arriving:
                    arriving[at] = defaultdict(float)
                    heapq.heappush(times, at)
                arriving[at][state] += mass

        for state, mass in self.begin().items():
            arrive(self.flow.chain.before, state, 0, mass)
        while times:
            now = heapq.heappop(times)
            for state, mass in arriving.pop(now).items():
                self.flow.toil(len(self.leads[state]))
                for name in state.node.busy if self.lasts[state] else ():
                    tally.time[name] += mass * self.lasts[state]
                for target, chance in self.leads[state].items():
                    arrive(state.node, target, now + self.lasts[state], mass * chance)
        return tally

    def _price(self, node: Node, at: int) -> Decimal | None:
        """What it costs to have ended there, at that time."""
        if node.usage is None or not node.ended:
            return None
        if not is_timed(self.flow.chain.machine):
            return total(node.usage)
        volume = self.flow.chain.assumptions.volume
        return total(Usage(self.flow.chain.machine, volume, at=at, snapshot=node.snapshot))
