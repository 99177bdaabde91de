"""All that can become of a workflow, whatever its data say: its configurations, and the ways between them.

The real `step` is asked, from the start on, what follows when each thing happens that can: every call
returns or fails, every timer comes due, every event is sent, every task is decided, somebody cancels. Data
and times are left out. So timers come in any order, and guards are free: an oracle answers them, true and
false, each time they are asked. Two guards that ask the same are answered apart, so there may be more here
than any run can do; there is never less.

A `Configuration` is what of a snapshot decides what can come next. Left out is what no longer does: visits,
attempts where nothing counts them, counters at zero, deferred events that nobody is left to take.

Below: `step`. Above: `flatten`; the checker counts configurations.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias, cast

import attrs

from statewf.expr import Expression, Fault
from statewf.machine.events import AnyEvent, Cancel, Decided, Event, Failed, Fired, Returned, Start
from statewf.machine.fsm import DECIDED, Machine, Region, Transition
from statewf.machine.snapshot import Snapshot, Step, blank, region_state
from statewf.machine.step import step
from statewf.values.frozen import EMPTY

EFFORT = 50  # how many moves each configuration of the limit is good for, in all of them together
SEEN = 100  # and so many regions looked at cost as much as one move

Move: TypeAlias = tuple[int, str, int]  # the numbers of two configurations, and what leads from one to the other


class Configuration(NamedTuple):
    """What decides what can come next. `regions` holds the local states of each chunk, then their attempts."""

    regions: tuple[tuple[tuple[Any, ...], tuple[Any, ...]], ...]
    deadlines: frozenset[tuple[str, str]]
    calls: frozenset[tuple[str, str, bool]]
    queue: tuple[Hashable, ...]
    deferred: tuple[str, ...]
    counters: frozenset[tuple[tuple[str, str], int]]
    lines: frozenset[tuple[str, int, tuple[str, ...]]]
    tasks: frozenset[str]
    ended: str


@attrs.frozen
class Exploration:
    """What was found: snapshots, one of each configuration, in the order of finding, and the moves between them.

    `initial` are those in which a run can begin. `cut` are those behind which more may lie: a limit was
    reached before everything was tried in them. `whole`: no limit was.
    """

    configurations: tuple[Configuration, ...]
    snapshots: tuple[Snapshot, ...]
    moves: tuple[Move, ...]
    initial: tuple[int, ...]
    cut: tuple[int, ...]
    whole: bool


def explore(machine: Machine, limit: int) -> Exploration:
    """At most `limit` configurations of a workflow, those that are nearest to the start."""
    oracle = _Oracle()
    return _Walk(asking(machine, oracle), oracle, limit).walk()


# --- guards that ask an oracle


class _Oracle:
    """Answers yes or no; `next` turns to the following sequence of answers, depth first, until all were given."""

    def __init__(self) -> None:
        self.given: list[bool] = []
        self.at = 0

    def answer(self) -> bool:
        if self.at == len(self.given):
            self.given.append(True)
        self.at += 1
        return self.given[self.at - 1]

    def next(self) -> bool:
        """Whether there is one more sequence."""
        del self.given[self.at :]
        self.at = 0
        while self.given and not self.given[-1]:
            self.given.pop()
        if self.given:
            self.given[-1] = False
        return bool(self.given)


@attrs.frozen
class _Asked:
    """What stands where a guard stood. One for which it counts whether it can be told, asks that alone."""

    text: str
    faulty: bool
    oracle: _Oracle

    def holds(self, _: Mapping[str, object]) -> bool:
        yes = self.oracle.answer()
        if self.faulty and yes:
            raise Fault("not known")
        return yes


def asking(machine: Machine, oracle: _Oracle) -> Machine:
    """The machine, with guards that ask; those that ask for a decision are left, for the event tells it."""

    def asked(transition: Transition) -> Transition:
        guard = transition.guard
        if guard is None or guard.constant or transition.trigger == DECIDED:
            return transition
        free = _Asked(guard.text, transition.faulty, oracle)
        return attrs.evolve(transition, guard=cast("Expression", free))  # `step` wants no more of it than this

    def region(one: Region) -> Region:
        if all(asked(t) is t for state in one.states.values() for t in state.transitions()):
            return one  # most are, in a large workflow
        states = {
            name: attrs.evolve(
                state,
                on={trigger: tuple(map(asked, listed)) for trigger, listed in state.on.items()},
                always=tuple(map(asked, state.always)),
            )
            for name, state in one.states.items()
        }
        return attrs.evolve(one, states=states)

    regions = tuple(map(region, machine.regions))
    same = all(new is old for new, old in zip(regions, machine.regions, strict=True))
    return machine if same else attrs.evolve(machine, regions=regions)


# --- what of a snapshot counts


@attrs.frozen(eq=False)
class Lens:
    """Sees the configuration in a snapshot of its machine.

    `counted` says for each region in which local states its attempt can still matter, `takers` for each event
    in which local states a region that listens to it may yet take it.
    """

    machine: Machine
    counted: tuple[frozenset[str], ...]
    takers: Mapping[str, tuple[tuple[int, frozenset[str]], ...]]

    def configuration(self, snapshot: Snapshot) -> Configuration:
        """What of the snapshot decides what can come next."""
        flight, book = snapshot.flight, snapshot.book
        return Configuration(
            regions=self._regions(snapshot),
            deadlines=frozenset(flight.deadlines),
            calls=frozenset((call.region, call.owner, call.stopped) for call in flight.calls.values()),
            queue=tuple((queued.region, queued.op, queued.attempt, queued.call is None) for queued in flight.queue),
            deferred=tuple(self._deferred(snapshot)),
            counters=frozenset((name, left) for name, left in book.counters.items() if left > 0),
            lines=frozenset(self._lines(snapshot)),
            tasks=frozenset(book.tasks),
            ended=snapshot.ended,
        )

    def _regions(self, snapshot: Snapshot) -> tuple[tuple[tuple[Any, ...], tuple[Any, ...]], ...]:
        found = []
        number = 0
        for chunk in snapshot.regions:
            states, attempts = chunk[::3], chunk[1::3]
            if any(attempt != 1 for attempt in attempts):
                here = enumerate(zip(states, attempts, strict=True), number)
                attempts = tuple(attempt if state in self.counted[at] else 1 for at, (state, attempt) in here)
            number += len(states)
            found.append((states, attempts))
        return tuple(found)

    def _deferred(self, snapshot: Snapshot) -> Iterator[str]:
        """Their names in order, of each at most as many as there are regions to take one."""
        left: dict[str, int] = {}
        for event in snapshot.flight.deferred:
            if event.name not in left:
                takers = self.takers.get(event.name, ())
                left[event.name] = sum(region_state(snapshot.regions, n)[0] in hopeful for n, hopeful in takers)
            if left[event.name]:
                left[event.name] -= 1
                yield event.name

    def _lines(self, snapshot: Snapshot) -> Iterator[tuple[str, int, tuple[str, ...]]]:
        """Of each block with something to remember the free places, and who stands in line."""
        for block, (free, first, last) in snapshot.book.lines.items():
            if first != last or free != self.machine.regions[self.machine.numbers[block]].places:
                yield block, free, tuple(snapshot.book.waiting[block, number] for number in range(first, last))


def lens(machine: Machine) -> Lens:
    """The lens for snapshots of that machine."""

    def hopeful(number: int, event: str) -> frozenset[str]:
        return _leading(machine.regions[number], lambda t: t.trigger == event, lambda _: True)

    def counted(region: Region) -> frozenset[str]:
        return _leading(region, lambda t: t.below is not None, lambda t: t.attempt != "reset")

    listeners = machine.listeners.items()
    takers = {event: tuple((number, hopeful(number, event)) for number in numbers) for event, numbers in listeners}
    return Lens(machine, tuple(map(counted, machine.regions)), takers)


def _leading(
    region: Region, wanted: Callable[[Transition], bool], passed: Callable[[Transition], bool]
) -> frozenset[str]:
    """The local states from which a wanted transition can be reached over such as may be passed."""
    found = dict.fromkeys(name for name, state in region.states.items() if any(map(wanted, state.transitions())))
    if not found:
        return frozenset()
    before: dict[str, list[str]] = {}
    for name, state in region.states.items():
        for transition in filter(passed, state.transitions()):
            if transition.target is not None:
                before.setdefault(transition.target, []).append(name)
    queue = list(found)
    for name in queue:  # grows while it is read
        fresh = [source for source in before.get(name, ()) if source not in found]
        found.update(dict.fromkeys(fresh))
        queue += fresh
    return frozenset(found)


# --- what can happen


class Try(NamedTuple):
    """Something that can happen, and what to call it. One that is `like` another counts only if it leads elsewhere."""

    label: str
    event: AnyEvent
    like: str = ""


def tries(machine: Machine, snapshot: Snapshot) -> Iterator[Try]:
    """All that can happen next, in document order where there is any; `step` may refuse some of it."""
    if not snapshot.seq:
        yield Try("start", Start(EMPTY))
        return
    for number, call in sorted(snapshot.flight.calls.items()):
        returned = f"{call.region} returned"
        yield Try(returned, Returned(number, EMPTY))
        for event in machine.listeners:
            yield Try(f"{call.region} answered {event}", Returned(number, None, 0, Event(event)), returned)
        yield Try(f"{call.region} failed", Failed(number, "Error", ""))
        yield Try(f"{call.region} failed for good", Failed(number, "Error", "", 0, False), f"{call.region} failed")
    for _, region, timer in sorted((machine.ranks.get(name, -1), *name) for name in snapshot.flight.deadlines):
        yield Try(f"{region} {timer.partition(':')[0]}", Fired(region, timer))
    for event in machine.listeners:
        yield Try(event, Event(event))
    for region, task in sorted(snapshot.book.tasks.items(), key=lambda item: machine.numbers[item[0]]):
        approved = f"{region} approved"
        yield Try(approved, Decided(task.id, "approved"))
        yield Try(f"{region} rejected", Decided(task.id, "rejected"))
        yield Try(f"{region} retry", Decided(task.id, "retry"), approved)
    yield Try("cancel", Cancel())
    yield Try("cancel now", Cancel(now=True))


class _Walk:
    """The exploration in the making, breadth first."""

    def __init__(self, machine: Machine, oracle: _Oracle, limit: int) -> None:
        self.machine = machine
        self.oracle = oracle
        self.lens = lens(machine)
        self.limit = max(limit, 1)
        self.effort = limit * EFFORT
        self.full = False  # a limit was reached: nothing more is tried
        self.numbers: dict[Configuration, int] = {}
        self.snapshots: list[Snapshot] = []
        self.moves: dict[Move, None] = {}

    def walk(self) -> Exploration:
        before = blank(self.machine, "any")
        (start,) = tries(self.machine, before)
        initial = dict.fromkeys(self.lead(before, start.event))
        done = 0
        cut: list[int] = []
        while done < len(self.snapshots):  # which grows
            if not self.snapshots[done].ended:
                if not self.full:
                    self.expand(done)
                if self.full:
                    cut.append(done)
            done += 1
        found = (tuple(self.numbers), tuple(self.snapshots), tuple(self.moves))
        return Exploration(*found, tuple(initial), tuple(cut), not self.full)

    def expand(self, source: int) -> None:
        """Try all that can happen there."""
        snapshot = self.snapshots[source]
        led: dict[str, dict[int, None]] = {}
        for label, event, like in tries(self.machine, snapshot):
            there = led[label] = dict.fromkeys(self.lead(snapshot, event))
            if not (like and there.keys() <= led[like].keys()):
                self.moves.update(dict.fromkeys((source, label, target) for target in there))

    def lead(self, before: Snapshot, event: AnyEvent) -> Iterator[int]:
        """The configurations that it leads to, until the limit is reached."""
        more = not self.full
        while more:
            made = step(self.machine, before, event)
            self.effort -= 1
            if isinstance(made, Step):
                self.effort -= len(made.moves) + len(self.machine.regions) // SEEN
                number = self.number(made.after)
                if number is not None:
                    yield number
            self.full = self.full or self.effort < 0
            more = self.oracle.next() and not self.full

    def number(self, snapshot: Snapshot) -> int | None:
        """The number of its configuration, old or new; None if there are too many."""
        configuration = self.lens.configuration(snapshot)
        number = self.numbers.get(configuration)
        if number is None and len(self.snapshots) < self.limit:
            number = self.numbers[configuration] = len(self.snapshots)
            self.snapshots.append(snapshot)
        self.full = number is None
        return number
