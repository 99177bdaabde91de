"""Runs in virtual time whose handlers, people and senders do the worst: what the bounds are held against.

`Adversary` answers at once, at the last moment, never, or too late, as a list of numbers says. `extremes` tries all
moments that matter of a small machine, and tells the least and the greatest that any run comes to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle, product
from typing import NamedTuple

from statewf.machine.effects import Call, Task
from statewf.machine.events import AnyEvent, Cancel, Decided, Event, Failed, Fired, Returned
from statewf.machine.fsm import Machine
from statewf.machine.record import state_of
from statewf.machine.snapshot import Snapshot, Step, due
from statewf.machine.step import start, step
from statewf.simulator.world import Answer, Verdict, World
from statewf.values.frozen import Object

DELAYS = (0, 0, 1, 2, 4, 5, 9, 10, 11, 20, 49, 50, 51, 100, 400, 1000)  # ms; about the timeouts of the machines
WORDS = ("approved", "rejected", "retry", "later")
DATA = tuple(Object(x=x, y=y, n=n, ok=x) for x in (False, True) for y in (0, 1) for n in (0, 3))


class Adversary:
    """Does what the numbers say, one after another, and from the first again."""

    def __init__(self, numbers: Sequence[int], events: Sequence[str]) -> None:
        self.numbers = cycle(numbers)
        self.events = events

    def pick(self, size: int) -> int:
        return next(self.numbers) % size

    def answer(self, call: Call, _: Snapshot) -> Answer:
        after, stubborn, kind = DELAYS[self.pick(len(DELAYS))], self.pick(2) == 0, self.pick(8)
        data = DATA[self.pick(len(DATA))]
        if kind == 0:
            return Answer(None, 0, stubborn)
        if kind == 1 and self.events:
            event = Event(self.events[self.pick(len(self.events))], data)
            return Answer(Returned(call.id, None, answer=event), after, stubborn)
        if kind < 5:
            return Answer(Returned(call.id, data), after, stubborn)
        return Answer(Failed(call.id, "Oops", "no", retryable=kind != 5), after, stubborn)

    def decide(self, task: Task) -> Verdict | None:
        word = self.pick(len(WORDS) + 1)
        if word == len(WORDS):
            return None
        return Verdict(Decided(task.id, WORDS[word], "ann"), DELAYS[self.pick(len(DELAYS))])


class Run(NamedTuple):
    """What a run came to: where it ended (None: it did not), after how many ms, and what it tried how often."""

    end: str | None
    took: int
    tried: Counter[str]


def played(machine: Machine, numbers: Sequence[int], most: int = 200) -> Run | None:
    """One run; None if it has not come to rest after so many steps, or goes round and round at every step."""
    events = tuple(machine.listeners)
    adversary = Adversary(numbers, events)
    world = World(machine, adversary)
    world.start(DATA[adversary.pick(len(DATA))])
    at = 0
    for _ in range(adversary.pick(12)):
        at += DELAYS[adversary.pick(len(DELAYS))]
        kind = adversary.pick(16)
        if kind == 0:
            world.schedule(Cancel(at, now=adversary.pick(2) == 0))
        elif events:
            world.schedule(Event(events[kind % len(events)], DATA[adversary.pick(len(DATA))], at))
    while world.next() is not None and not world.snapshot.ended:
        circling = sum(note.kind == "livelock" for made in world.steps[-10:] for note in made.notes)
        if len(world.steps) > most or circling > 5:
            return None
        world.happen()
    return Run(
        state_of(world.snapshot) if world.snapshot.ended else None, world.snapshot.at, tried(machine, world.steps)
    )


def tried(machine: Machine, steps: Sequence[Step]) -> Counter[str]:
    """How often each handler was called; of a state machine, how often each state with a retry was entered."""
    if len(machine.regions) > 1:
        return Counter(effect.handler for step in steps for effect in step.effects if isinstance(effect, Call))
    counted = {
        name
        for name, row in machine.regions[0].states.items()
        if machine.notes.active[name] and retries(machine, name)
    }
    return Counter(move.target for step in steps for move in step.moves if move.target in counted)


def retries(machine: Machine, name: str) -> bool:
    """Whether it is a state with a `retry`, as it was written."""
    parts: Mapping[str, object] = machine.notes.definition.states
    state = None
    for part in name.split("."):
        state = parts.get(part)
        parts = getattr(state, "states", {})
    return getattr(state, "retry", None) is not None


# --- all that matters of a small machine


class Extremes(NamedTuple):
    """Of all runs to one end: least and greatest time, fewest and most attempts."""

    least: int
    greatest: int
    fewest: int
    most: int


class TooMany(Exception):
    """There is more than can be tried."""


class _Search:
    """Tries everything at every moment at which it may matter: at once, and at the very moment a timer comes due.

    What is ahead of a snapshot depends on what is in flight and on how long the timers still have, not on when that is.
    """

    def __init__(self, machine: Machine, most: int) -> None:
        self.machine = machine
        self.most = most
        self.known: dict[object, dict[str, Extremes]] = {}
        self.under_way: set[object] = set()

    def ahead(self, snapshot: Snapshot) -> dict[str, Extremes]:
        """What is still to come, by end."""
        if snapshot.ended:
            return {state_of(snapshot): Extremes(0, 0, 0, 0)}
        key = _standing(snapshot)
        if key in self.known:
            return self.known[key]
        if key in self.under_way or len(self.known) + len(self.under_way) > self.most:
            raise TooMany
        self.under_way.add(key)
        found: dict[str, Extremes] = {}
        for made in self.following(snapshot):
            took, times = made.after.at - snapshot.at, tried(self.machine, [made]).total()
            for end, other in self.ahead(made.after).items():
                there = Extremes(
                    other.least + took, other.greatest + took, other.fewest + times, other.most + times
                )
                found[end] = _both(found.get(end, there), there)
        self.under_way.remove(key)
        self.known[key] = found
        return found

    def following(self, snapshot: Snapshot) -> Iterator[Step]:
        """The steps that can come next, and change anything."""
        timers = due(self.machine, snapshot)
        for at in {snapshot.at, *(when for when, _, _ in timers[:1])}:
            for event in self.happenings(snapshot, at):
                made = step(self.machine, snapshot, event)
                if isinstance(made, Step) and _standing(made.after) != _standing(snapshot):
                    yield made
        if timers:
            at, region, timer = timers[0]
            made = step(self.machine, snapshot, Fired(region, timer, at))
            assert isinstance(made, Step)
            yield made

    def happenings(self, snapshot: Snapshot, at: int) -> Iterator[AnyEvent]:
        for call in snapshot.flight.calls:
            yield Returned(call, Object(), at)
            yield Failed(call, "Oops", "no", at)
            yield Failed(call, "Oops", "no", at, retryable=False)
        for task in snapshot.book.tasks.values():
            yield from (Decided(task.id, word, "ann", None, None, at) for word in WORDS[:2])
        yield from (Event(name, at=at) for name in self.machine.listeners)
        yield Cancel(at)
        yield Cancel(at, now=True)


def _both(one: Extremes, other: Extremes) -> Extremes:
    low, high = map(min, zip(one, other, strict=True)), map(max, zip(one, other, strict=True))
    (least, _, fewest, _), (_, greatest, _, most) = low, high
    return Extremes(least, greatest, fewest, most)


def _standing(snapshot: Snapshot) -> object:
    """What decides what is still to come."""
    flight, book = snapshot.flight, snapshot.book
    timers = frozenset((name, at - snapshot.at) for name, at in flight.deadlines.items())
    calls = frozenset((call.region, call.owner, call.handler, call.stopped) for call in flight.calls.values())
    places = tuple(part for chunk in snapshot.regions for at, part in enumerate(chunk) if at % 3 != 2)
    counted = frozenset(book.counters.items()), frozenset(book.lines.items()), frozenset(book.waiting.items())
    return places, timers, calls, frozenset(book.tasks), counted, flight.deferred, len(flight.queue)


def extremes(machine: Machine, inputs: Sequence[str] = (), most: int = 600) -> dict[str, Extremes]:
    """What any run can come to, by end, with these inputs true or false.

    Raises TooMany, also where something can be done again and again.
    """
    found: dict[str, Extremes] = {}
    for values in product((False, True), repeat=len(inputs)):
        begun = start(machine, dict(zip(inputs, values, strict=True)))
        times = tried(machine, [begun]).total()
        for end, ahead in _Search(machine, most).ahead(begun.after).items():
            there = Extremes(ahead.least, ahead.greatest, ahead.fewest + times, ahead.most + times)
            found[end] = _both(found.get(end, there), there)
    return found
