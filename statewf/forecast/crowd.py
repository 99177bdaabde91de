"""Many lives of a machine in virtual time, drawn by chance: the same for a seed, wherever it is drawn.

Below: `chain`, `outlook`. Beside `exact`. Chance is `random.Random(seed).random()` alone, whose numbers are the
same on every Python; nothing else of that module promises this.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from decimal import Decimal
from math import inf
from random import Random
from typing import NamedTuple, TypeAlias

from statewf.forecast.assumptions import Assumptions
from statewf.forecast.chain import Branch, Chain, Fork, Node, Way
from statewf.forecast.outlook import Label, Outlook, Tally, culprit, label, outlook, total
from statewf.forecast.slots import NEVER, RECALLED
from statewf.machine.fsm import Machine
from statewf.pricing import Usage, is_timed

RUNS = 10_000
MOST_WAYS = 20_000  # of one life: two years of hourly timers; who is still busy then runs in a circle
OFTEN = 500  # after so many lives whoever waits is told how many there were

Due: TypeAlias = "tuple[float, int, int, int, int]"  # when, rank, tie, number of the draw, outcome
NOTHING: Due = (inf, 0, 0, 0, NEVER)


class Life(NamedTuple):
    """How a life ended: in which node, and where it was before; how long it took (ms), and what it costs.

    `cut`: it had made so many steps that nobody looked further. `vague`: it depended on somebody of whom nothing is
    said.
    """

    node: Node
    before: Node
    duration: int
    price: Decimal | None
    cut: bool = False
    vague: bool = False


class Crowd:
    """Draws lives of one chain, and counts what becomes of them."""

    def __init__(self, chain: Chain, seed: int) -> None:
        self.chain = chain
        self.tally = Tally()
        self.chance = Random(seed).random  # noqa: S311  # nothing is secret here, and all is to be the same each time
        self._timed = is_timed(chain.machine) and chain.priced
        self.steps = 0  # of all lives
        self._vague = False
        self._prices: dict[Node, Decimal | None] = {}
        self._endings: dict[tuple[Node, Node, bool], tuple[Label, str]] = {}

    def live(self) -> Life:
        """Live from the start to the end."""
        self._vague = False
        return self._live(self._way(self.chain.start), (), self.chain.before)

    def live_on(self, node: Node, dues: Sequence[Due]) -> Life:
        """Live from there on, where these are due in its slots, in ms from now."""
        self._vague = False
        return self._live(Way(node, tuple(range(len(dues))), ()), dues, node)

    def _live(self, way: Way, dues: Sequence[Due], before: Node) -> Life:
        """Live from a way on, on which these are due before. One long loop, for nearly all of the time is spent here."""
        chain, chance, time, usage = self.chain, self.chance, self.tally.time, self._usage()
        now = drawn = ways = 0
        while True:
            node = way.target
            if node.vague:
                self._vague = True
            if usage is not None:
                usage.count(way.moves, node.snapshot, now, asks=way.asks)
            there = [NOTHING] * len(way.kept)  # when what is in its slots is due
            for place, was in way.carried:
                there[place] = dues[was]
            for place, rank, tie, lottery in way.fresh:
                drawn += 1
                if lottery is not None:
                    outcome, after = lottery.draw(chance) if lottery.sure is None else (0, lottery.sure)
                    if outcome != NEVER:
                        there[place] = (now + after, rank, tie, drawn, outcome)
                elif node.slots[place].heeds(there[place][4]):
                    there[place] = (now, rank, tie, drawn, RECALLED)
            first = min(there) if there else NOTHING
            if first is NOTHING or ways == MOST_WAYS:  # it has ended, or waits for ever, or runs in a circle
                self.steps += ways
                price = self._price(node, usage)
                return self._counted(Life(node, before, now, price, ways == MOST_WAYS, self._vague))
            ways += 1
            at = int(first[0])
            if at > now:
                for name in node.busy:
                    time[name] += at - now
                now = at
            dues, before = there, node
            place = there.index(first)
            branch = node.branches.get((place, first[4])) or chain.branch(node, place, first[4])
            way = branch if isinstance(branch, Way) else self._way(branch)

    def _way(self, branch: Branch) -> Way:
        """The way that is taken: the answers to conditions are drawn."""
        while isinstance(branch, Fork):
            self._vague = self._vague or branch.vague
            number = bisect_right(branch.sums, self.chance()) if branch.sums else 0
            branch = branch.ways.get(number) or self.chain.answered(branch, number)
        return branch

    # --- what it comes to

    def _counted(self, life: Life) -> Life:
        where = (life.before, life.node, life.cut)
        if where not in self._endings:
            ending = Label("(still going)", "cut") if life.cut else label(life.node)
            self._endings[where] = ending, culprit(self.chain, life.before, life.node)
        ending, blamed = self._endings[where]
        self.tally.end(ending, life.duration, life.price, blamed)
        return life

    def _usage(self) -> Usage | None:
        return Usage(self.chain.machine, self.chain.assumptions.volume) if self._timed else None

    def _price(self, node: Node, usage: Usage | None) -> Decimal | None:
        """What it costs to have ended there; the same for all, but where time is what is charged."""
        if not node.ended:
            return None
        if usage is not None:
            return total(usage)
        if node not in self._prices:
            self._prices[node] = total(node.usage) if node.usage is not None else None
        return self._prices[node]


def crowd(
    machine: Machine,
    assumptions: Assumptions | None = None,
    *,
    runs: int = RUNS,
    seed: int = 1,
    most: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Outlook:
    """What becomes of so many instances; of fewer, if these have made that many steps (`most`).

    `progress` is told now and then how many there were by then.
    """
    drawing = Crowd(Chain(machine, assumptions or Assumptions()), seed)
    drawn = 0
    while drawn < runs and (most is None or drawing.steps < most):
        if progress is not None and drawn % OFTEN == 0:
            progress(drawn)
        drawing.live()
        drawn += 1
    return outlook(drawing.chain, drawing.tally, "simulated", drawn, seed)
