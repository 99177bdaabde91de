"""One life of an instance under assumptions, lived plainly: the simulator's own world, and somebody who draws all answers.

Nothing is kept from one life to the next, no configuration is recognised, and the data are real. It draws its numbers in the
same order as a crowd does, so that the lives of both are the same, one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import attrs

from statewf.definition.model import State
from statewf.errors import EventRejected
from statewf.forecast import Arrival, Assumptions, Constant, Likely, Returns
from statewf.machine.effects import Call, Task
from statewf.machine.events import Event
from statewf.machine.fsm import Machine
from statewf.machine.snapshot import Snapshot, allowed, region_state
from statewf.simulator.scenario import Hang, Ok, decided, reply
from statewf.simulator.world import EVENT, Answer, Endless, Verdict, World

Arriving: TypeAlias = dict[str, tuple[float, Any]]

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
    """A life of a machine; of one with states events come, too: of each active state that accepts some the next one."""

    def __init__(self, machine: Machine, assumptions: Assumptions, chance: Callable[[], float]) -> None:
        self.assumptions = assumptions
        self.chance = chance
        draws = Draws(assumptions, chance)
        self.world = draws.world = World(machine, draws, volume=assumptions.volume)
        self.machine = machine
        self.coming: dict[
            str, tuple[int, int, str] | None
        ] = {}  # by state: when, the how manieth draw, and which event
        self.known: dict[str, Arriving] = {}  # of which it was drawn
        self.drawn = 0
        self.dead: set[str] = set()

    def live(self) -> World:
        """From the start to the end. Raises Endless."""
        self.world.start(self.assumptions.inputs)
        self.draw(self.entered())
        while not self.world.snapshot.ended:
            if len(self.world.steps) > MOST:
                raise Endless
            due = self.world.next()
            event = min((coming for coming in self.coming.values() if coming is not None), default=None)
            if event is not None and (due is None or (event[0], EVENT) < due):
                self.send(event)
            elif due is None:
                break
            else:
                before = len(self.world.steps)
                self.world.happen()
                if len(self.world.steps) > before:
                    self.dead = set()
                    self.draw(self.entered())
        return self.world

    def send(self, event: tuple[int, int, str]) -> None:
        at, _, name = event
        own = next(state for state, coming in self.coming.items() if coming == event)
        self.world.now = at
        try:
            taken = self.world.send(Event(name, None, at))
        except EventRejected:
            self.dead.add(name)
            self.draw({own})
            return
        self.dead = set() if taken.disposition == "accepted" else {*self.dead, name}
        self.draw({own, *self.entered()})

    def entered(self) -> set[str]:
        return {name for move in self.world.steps[-1].moves for name in move.entered}

    def draw(self, anew: set[str]) -> None:
        """Another event comes of these states, and of those that accept others by now."""
        known = self.arriving()
        coming = {state: self.coming.get(state) for state in known}
        for state, arriving in known.items():
            if state in anew or self.known.get(state) != arriving:
                self.drawn += 1
                listed = [Likely(name, chance, after) for name, (chance, after) in arriving.items()]
                found = drawn(listed, self.chance)
                coming[state] = None if found is None else (self.world.now + found[1], self.drawn, found[0].what)
        self.known, self.coming = known, coming

    def arriving(self) -> dict[str, Arriving]:
        """The events that may come next, by the state of whose they are, each with its chance and when."""
        snapshot = self.world.snapshot
        if len(self.machine.regions) > 1 or snapshot.ended or snapshot.flight.queue:
            return {}
        local = region_state(snapshot.regions, 0)[0]
        active, states = self.machine.notes.active[local], self.assumptions.states
        groups: dict[str, dict[str, Arrival | None]] = {}
        for event in [event for event in allowed(self.machine, snapshot) if event not in self.dead]:
            declaring = next(name for name in active if event in declared(written(self.machine, name)))
            saying = [name for name in active if event in states.get(name, {})]
            inside = [
                name
                for name in active
                if name in states and (name == declaring or name.startswith(declaring + "."))
            ]
            if saying:
                groups.setdefault(saying[0], {})[event] = states[saying[0]][event]
            elif not inside:
                groups.setdefault(declaring, {})[event] = self.assumptions.events.get(event)
        silent = not any(arrival for group in groups.values() for arrival in group.values())
        found = {state: self.shared(group, silent=silent) for state, group in groups.items()}
        return {state: arriving for state, arriving in found.items() if arriving}

    def shared(self, group: dict[str, Arrival | None], *, silent: bool) -> Arriving:
        known = {event: arrival for event, arrival in group.items() if arrival is not None}
        left = 1 - sum(arrival.chance or 0 for arrival in known.values())
        quiet = not self.world.snapshot.flight.calls and (silent or known)
        if left > 1e-9 and None not in [a.chance for a in known.values()] and quiet:
            known.update({event: Arrival() for event, arrival in group.items() if arrival is None})
        sharing = [event for event, arrival in known.items() if arrival.chance is None]
        chances = {e: left / len(sharing) if a.chance is None else a.chance for e, a in known.items()}
        return {e: (chances[e], known[e].after) for e in known if chances[e] > 0}


def declared(state: State) -> set[str]:
    return {*state.on, *(state.retry.on if state.retry is not None else ())}


def written(machine: Machine, name: str) -> State:
    """The written state of that full name."""
    first, *rest = name.split(".")
    state: State = machine.notes.definition.states[first]
    for part in rest:
        state = state.states[part]
    return state
