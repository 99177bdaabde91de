"""One life of an instance under assumptions, lived plainly: the simulator's own world, and somebody who draws all answers.

Nothing is kept from one life to the next, no configuration is recognised, and the data are real. It draws its numbers in the
same order as a crowd does, so that the lives of both are the same, one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import attrs

from statewf.errors import EventRejected
from statewf.forecast import Arrival, Assumptions, Constant, Likely, Returns
from statewf.machine.effects import Call, Task
from statewf.machine.events import Event
from statewf.machine.fsm import Machine
from statewf.machine.snapshot import Snapshot, allowed, region_state
from statewf.simulator.scenario import Hang, Ok, decided, reply
from statewf.simulator.world import EVENT, Answer, Endless, Verdict, World

MOST = 300  # steps of a life


def drawn(likely: Sequence[Likely[Any]], chance: Callable[[], float]) -> tuple[Likely[Any], int] | None:
    """One of these and how long it takes, or that nothing happens; no number is drawn where there is nothing to choose."""
    sure = sum(each.chance for each in likely) > 1 - 1e-9
    if sure and len(likely) == 1:
        (alone,) = likely
        return alone, alone.after.duration if isinstance(alone.after, Constant) else alone.after.at(chance())
    number, below = chance(), 0.0
    for each in likely:
        below += each.chance
        if number < below or (sure and each is likely[-1]):
            return each, each.after.at(chance())
    return None


@attrs.define(eq=False)
class Draws:
    """Answers calls and decides tasks by chance."""

    assumptions: Assumptions
    chance: Callable[[], float]
    world: World | None = None

    def answer(self, call: Call, snapshot: Snapshot) -> Answer:
        if snapshot.ended or call.id not in snapshot.flight.calls:
            return Answer(None)  # what its last actions do is no part of its life; nor what was over at once
        likely = self.assumptions.handlers.get(call.handler, (Likely(Returns()),))
        found = drawn([each for each in likely if not isinstance(each.what, Hang)], self.chance)
        if found is None:
            return Answer(None)
        each, after = found
        what = Ok() if isinstance(each.what, Returns) else each.what
        return Answer(reply(what, call.id), after, each.stubborn)

    def decide(self, task: Task) -> Verdict | None:
        assert self.world is not None
        if task.step not in self.world.snapshot.book.tasks:
            return None  # it was withdrawn at once
        found = drawn(self.assumptions.tasks.get(task.step, ()), self.chance)
        return None if found is None else Verdict(decided(found[0].what, task.id), found[1])


class Naive:
    """A life of a machine; of one with states events come, too."""

    def __init__(self, machine: Machine, assumptions: Assumptions, chance: Callable[[], float]) -> None:
        self.assumptions = assumptions
        self.chance = chance
        draws = Draws(assumptions, chance)
        self.world = draws.world = World(machine, draws, volume=assumptions.volume)
        self.machine = machine
        self.event: tuple[int, str] | None = None  # what comes next
        self.known: dict[str, tuple[float, Any]] | None = None  # of which it was drawn
        self.dead: set[str] = set()

    def live(self) -> World:
        """From the start to the end. Raises Endless."""
        self.world.start(self.assumptions.inputs)
        self.draw()
        while not self.world.snapshot.ended:
            if len(self.world.steps) > MOST:
                raise Endless
            due = self.world.next()
            if self.event is not None and (due is None or (self.event[0], EVENT) < due):
                self.send(*self.event)
            elif due is None:
                break
            else:
                before = len(self.world.steps)
                self.world.happen()
                if len(self.world.steps) > before:
                    self.follow()
        return self.world

    def send(self, at: int, name: str) -> None:
        self.world.now = at
        try:
            taken = self.world.send(Event(name, None, at))
        except EventRejected:
            self.dead.add(name)
            self.draw()
            return
        self.dead = set() if taken.disposition == "accepted" else {*self.dead, name}
        self.draw()

    def follow(self) -> None:
        """After a step of its own: another event comes if a state was entered, or if others are accepted by now."""
        self.dead = set()
        if any(move.entered for move in self.world.steps[-1].moves) or self.arriving() != self.known:
            self.draw()

    def draw(self) -> None:
        self.known, self.event = self.arriving(), None
        if self.known:
            listed = [Likely(name, chance, after) for name, (chance, after) in self.known.items()]
            found = drawn(listed, self.chance)
            self.event = None if found is None else (self.world.now + found[1], found[0].what)

    def arriving(self) -> dict[str, tuple[float, Any]] | None:
        """The events that may come next, each with its chance and when."""
        snapshot = self.world.snapshot
        if len(self.machine.regions) > 1 or snapshot.ended or snapshot.flight.queue:
            return None
        state = region_state(snapshot.regions, 0)[0]
        active = self.machine.notes.active[state]
        own = [self.assumptions.states[state] for state in active if state in self.assumptions.states]
        said = own[0] if own else self.assumptions.events
        accepted = [event for event in allowed(self.machine, snapshot) if event not in self.dead]
        known = {event: said[event] for event in accepted if event in said}
        left = 1 - sum(arrival.chance or 0 for arrival in known.values())
        if left > 1e-9 and None not in [a.chance for a in known.values()] and not (own or snapshot.flight.calls):
            known.update({event: Arrival() for event in accepted if event not in said})
        sharing = [event for event, arrival in known.items() if arrival.chance is None]
        chances = {e: left / len(sharing) if a.chance is None else a.chance for e, a in known.items()}
        return {e: (chances[e], known[e].after) for e in known if chances[e] > 0} or None
