"""How much longer an instance takes that is under way: the same chain, from where it is now.

What is under way has been so for some time, and so takes longer than that: of a call or a task only such durations
are drawn as are not over yet; what takes a little longer than ever is over any moment. Where too much depends on
somebody of whom nothing was learnt, or who has taken far longer than ever, or where most go no further for ever,
nobody can tell.

Below: `crowd`. Above: the runtime, for progress, and the command line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping
from typing import Any

import attrs

from statewf.forecast.assumptions import Assumptions
from statewf.forecast.chain import Chain, Node
from statewf.forecast.crowd import NOTHING, Crowd, Due
from statewf.forecast.outlook import figures
from statewf.forecast.slots import NEVER, RECALLED, Slot
from statewf.machine.fsm import Machine
from statewf.machine.snapshot import Snapshot, Step, region_state
from statewf.simulator.world import TIMER

LIVES = 200  # that are drawn for one estimate
VAGUE = 0.1  # the share of them that may depend on who knows what
TRIES = 30  # to draw a duration that is not over yet
FAR = 2  # times as long as the longest of these, and a moment: then nobody can tell any more
MOMENT = 1_000  # ms

Begun = Mapping[tuple[Any, ...], int]  # when calls, tasks and the wait for events began, ms


@attrs.frozen
class Estimate:
    """How long it still takes, ms: on average, and what a half and nine of ten stay within."""

    mean: int
    p50: int
    p90: int


OVER = Estimate(0, 0, 0)


class _Unheard(Exception):
    """It takes longer than it is likely to take at all."""


class Remaining:
    """Estimates for the instances of one machine, under what is assumed."""

    def __init__(self, machine: Machine, assumptions: Assumptions) -> None:
        self._chain = Chain(machine, assumptions, priced=False)
        self._fresh: dict[Node, Estimate | None] = {}

    def now(self, snapshot: Snapshot, at: int, begun: Begun) -> Estimate | None:
        """For one that is there at that time (ms), where this began then. None: nobody can tell."""
        return _last(self.drawing(snapshot, at, begun))

    def drawing(self, snapshot: Snapshot, at: int, begun: Begun) -> Generator[None, None, Estimate | None]:
        """The same, yielding now and then before it returns, for whoever has something else to do meanwhile.

        Where one thing is pending that has just begun, all that come there have the same to expect.
        """
        node, slots = self._chain.at(snapshot)
        fresh = len(slots) == 1 and slots[0].rank != TIMER and begun.get(slots[0].ident, at) == at
        if fresh and node in self._fresh:
            return self._fresh[node]
        found = yield from self._drawing(node, slots, snapshot, at, begun)
        if fresh:
            self._fresh[node] = found
        return found

    def _drawing(
        self, node: Node, slots: tuple[Slot, ...], snapshot: Snapshot, at: int, begun: Begun
    ) -> Generator[None, None, Estimate | None]:
        """Draw lives from there on, and tell how long they took; of an ended one nothing is left."""
        if snapshot.ended:
            return OVER
        crowd = Crowd(self._chain, 1)
        times: Counter[int] = Counter()
        vague = 0
        for _ in range(LIVES):
            yield
            try:
                dues = [_due(crowd.chance, slot, snapshot, max(at, snapshot.at), begun) for slot in slots]
            except _Unheard:
                vague += 1
                continue
            life = crowd.live_on(node, dues)
            vague += life.vague
            times[life.duration] += life.node.ended
        known = figures({time: float(number) for time, number in times.items() if number})
        if known is None or vague > VAGUE * LIVES or 2 * times.total() < LIVES:
            return None
        return Estimate(round(known.mean), known.p50, known.p90)


def _last(drawing: Generator[None, None, Estimate | None]) -> Estimate | None:
    """What it returns, however long that takes."""
    while True:
        try:
            next(drawing)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]  # what a generator returns has no type there


def _due(chance: Callable[[], float], slot: Slot, snapshot: Snapshot, at: int, begun: Begun) -> Due:
    """When what is under way happens, in ms from then. Raises _Unheard."""
    match slot.ident:
        case ("timer", region, timer):
            return max(0, snapshot.flight.deadlines[region, timer] - at), slot.rank, slot.tie, 0, 0
        case ("call", call) if snapshot.flight.calls[call].stopped:
            return 0, slot.rank, slot.tie, 0, RECALLED
    so_far = at - begun.get(slot.ident, at)
    outcome, lasts = slot.lottery.draw(chance)
    longest = lasts
    for _ in range(TRIES):
        if outcome == NEVER or lasts >= so_far:
            break
        outcome, lasts = slot.lottery.draw(chance)
        longest = max(longest, lasts)
    if outcome == NEVER:
        return NOTHING
    if so_far > FAR * longest + MOMENT:
        raise _Unheard
    return max(0, lasts - so_far), slot.rank, slot.tie, 0, outcome


class Watch:
    """Notes when what is pending began, from one snapshot of an instance to the next."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._where: dict[str, tuple[Any, ...]] = {}  # of each region that awaits events
        self.begun: dict[tuple[Any, ...], int] = {}

    def see(self, snapshot: Snapshot) -> None:
        """Note what is pending there, and was not before."""
        pending: list[tuple[Any, ...]] = [("call", call) for call in snapshot.flight.calls]
        pending += [("task", task.id) for task in snapshot.book.tasks.values()]
        many = len(self._machine.regions) > 1
        for number in snapshot.book.awaiting if many else (0,):
            name, there = self._machine.regions[number].name, region_state(snapshot.regions, number)
            local = there[0]
            if self._where.get(name) != there:  # its innermost states at least were entered anew
                self._where[name] = there
                for inner in ("",) if many else self._machine.notes.leaves.get(local, ()):
                    self.begun.pop(("event", name, inner), None)
            pending += [
                ("event", name, state) for state in (("",) if many else self._machine.notes.active.get(local, ()))
            ]
        self.begun = {ident: self.begun.get(ident, snapshot.at) for ident in pending}


def begun(machine: Machine, steps: Iterable[Step]) -> Begun:
    """When what is pending began, by the steps an instance made."""
    watch = Watch(machine)
    for step in steps:
        watch.see(step.after)
    return watch.begun
