"""One instance in virtual time: where it is, what it went through, and the agenda of what comes next.

Stands on `machine` alone. Above: `driver`, which moves time by hand, and `simulate`, which runs a script
to its end. Who answers calls, and when, is the business of the `Answering` function they give.

The law of time: things happen in the order of their time; at one instant replies first, then events that
somebody sent (those that had to wait for an action before the others), then timers. So a deadline strictly
before an event has fired when the event comes.
Nothing here waits: the clock jumps to the next entry of the agenda.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import attrs

from statewf.errors import EventRejected, KeyConflict, StatewfError
from statewf.machine.effects import Call, SetTimer
from statewf.machine.events import AnyEvent, Cancel, Event, Failed, Fired, Returned, Start
from statewf.machine.fsm import Machine
from statewf.machine.record import Receipt, event_name, receipt, refused_answers, state_of
from statewf.machine.snapshot import Rejected, Snapshot, Step, blank
from statewf.machine.step import step
from statewf.values.frozen import Object

REPLY, WAITED, EVENT, TIMER = range(4)  # what goes first at one instant
MOST_AT_ONCE = 10_000  # automatic steps without the clock moving: more of them run in a circle


class Answer(NamedTuple):
    """What a call is answered, and how long that takes. `stubborn`: even when nobody waits any more."""

    reply: Returned | Failed
    after: int = 0
    stubborn: bool = False


Answering: TypeAlias = Callable[[Call, Snapshot], Answer | None]  # None: not answered by itself


class Endless(StatewfError):
    """Replies and timers follow each other for ever, at one instant."""


class _Entry(NamedTuple):
    """Something on the agenda. `tie` orders timers as `due` does; `number` whatever else is equal."""

    at: int
    rank: int
    tie: int
    number: int
    event: AnyEvent
    stubborn: bool = False


class World:
    """An instance and its agenda. `now` is the time of the last thing that happened."""

    def __init__(self, machine: Machine, answering: Answering, *, instance: str = "local", at: int = 0) -> None:
        self.machine = machine
        self.now = at
        self.snapshot = blank(machine, instance)
        self.steps: list[Step] = []
        self.refused: list[str] = []  # scheduled events and handlers' answers that nobody accepted
        self.held: list[Event | Cancel] = []  # came while an action was running; they wait for its end
        self._answering = answering
        self._agenda: list[_Entry] = []
        self._number = 0
        self._at_once = 0
        self._keys: dict[str, tuple[Event | Cancel, Receipt]] = {}

    # --- from outside

    def start(self, inputs: Object) -> None:
        """Enter the first state."""
        self.take(Start(inputs, self.now))

    def schedule(self, event: Event | Cancel) -> None:
        """Let this happen at its own time."""
        self._push(event.at, EVENT, event)

    def send(self, event: Event | Cancel) -> Receipt:
        """Somebody sends this now. Raises EventRejected, or KeyConflict for a key that meant another event."""
        key = event.key if isinstance(event, Event) else None
        if key is not None and key in self._keys:
            return self._again(key, event)
        made = self.take(event)
        if isinstance(made, Rejected):
            raise EventRejected(event_name(event), made.reason, made.message, made.allowed, made.faults)
        told = receipt(self.machine, made)
        if key is not None:
            self._keys[key] = (event, told)
        return told

    def take(self, event: AnyEvent) -> Step | Rejected:
        """One macrostep, and its effects; what follows by itself lies on the agenda then."""
        self._at_once = 0
        return self._take(event)

    # --- the agenda

    def next(self) -> tuple[int, int] | None:
        """The time and rank of what comes next, if anything does."""
        while self._agenda and not self._stands(self._agenda[0]):
            heapq.heappop(self._agenda)
        return self._agenda[0][:2] if self._agenda else None

    def happen(self) -> None:
        """Let the next thing on the agenda happen. Raises Endless when the clock does not move any more."""
        if self.next() is None:
            return
        entry = heapq.heappop(self._agenda)
        event = entry.event
        if isinstance(event, Event | Cancel):
            self.now = max(self.now, entry.at)
            self._offer(event)
            return
        self._at_once = self._at_once + 1 if entry.at <= self.now else 0
        if self._at_once > MOST_AT_ONCE:
            raise Endless(
                f"more than {MOST_AT_ONCE:,} replies and timers in a row at {self.now} ms; "
                f"the last was {event_name(event)} in {state_of(self.snapshot)}"
            )
        self._take(event)  # a late reply that nobody waits for is refused as stale, and that is all

    def run(self, until: int, rank: int = TIMER) -> None:
        """Let everything happen up to that time and, at that very instant, up to that rank."""
        while (coming := self.next()) is not None and coming <= (until, rank):
            self.happen()

    def _push(self, at: int, rank: int, event: AnyEvent, tie: int = -1, *, stubborn: bool = False) -> None:
        self._number += 1
        heapq.heappush(self._agenda, _Entry(at, rank, tie, self._number, event, stubborn))

    def _stands(self, entry: _Entry) -> bool:
        """Whether it is still to happen: recalled calls and cancelled timers stay in the heap till their time."""
        match entry.event:
            case Fired(region, timer):
                return self.snapshot.flight.deadlines.get((region, timer)) == entry.at
            case Returned(call) | Failed(call):
                return entry.stubborn or call in self.snapshot.flight.calls
            case _:
                return True

    # --- what follows

    def _take(self, event: AnyEvent) -> Step | Rejected:
        made = step(self.machine, self.snapshot, event)
        if isinstance(made, Step):
            self._follow(made)
        return made

    def _follow(self, made: Step) -> None:
        """Keep a step and put what it asks for on the agenda.

        Recalled calls and cancelled timers are left there: the snapshot says that they are void.
        """
        self.snapshot = made.after
        self.now = made.after.at
        self.steps.append(made)
        self.refused += refused_answers([made])
        for effect in made.effects:
            if isinstance(effect, Call):
                self._call(effect)
            elif isinstance(effect, SetTimer):
                region, timer, at = effect
                self._push(at, TIMER, Fired(region, timer, at), self.machine.ranks.get((region, timer), -1))
        if self.held and not self.snapshot.flight.queue:
            self._release()

    def _call(self, call: Call) -> None:
        if (answer := self._answering(call, self.snapshot)) is not None:
            at = self.now + answer.after
            self._push(at, REPLY, answer.reply._replace(at=at), stubborn=answer.stubborn)

    def _offer(self, event: Event | Cancel) -> None:
        """A scheduled event is sent: it waits for a running action, as it would for an executor."""
        try:
            self.send(event)
        except EventRejected as rejected:
            if rejected.reason == "busy":
                self.held.append(event)
            else:
                self.refused.append(rejected.event)
        except KeyConflict:
            self.refused.append(event_name(event))

    def _release(self) -> None:
        """The events that waited are next, in their order, but behind the replies of this instant."""
        waiting, self.held = self.held, []
        for event in waiting:
            self._push(self.now, WAITED, event._replace(at=self.now))

    def _again(self, key: str, event: Event | Cancel) -> Receipt:
        first, told = self._keys[key]
        if event[:2] == first[:2]:  # the same name and data; when does not matter
            return attrs.evolve(told, disposition="duplicate")
        raise KeyConflict(f"the key {key!r} was used before, for another event or other data ({told.event})")
