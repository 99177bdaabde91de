"""One instance in virtual time: where it is, what it went through, and the agenda of what comes next.

Stands on `machine`, and on `pricing` for what an end costs. Above: `driver`, which moves time by hand, and `simulate`, which runs a script
to its end. Who answers calls and decides tasks, and when, is the business of the `Answering` they give.

The law of time: things happen in the order of their time; at one instant replies first, then events that
somebody sent (those that had to wait for an action before the others), then timers. So a deadline strictly
before an event has fired when the event comes.
Nothing here waits: the clock jumps to the next entry of the agenda.
"""

from __future__ import annotations

import heapq
from typing import NamedTuple, Protocol

import attrs

from statewf.errors import EventRejected, KeyConflict, StatewfError
from statewf.machine.effects import Call, OpenTask, Recall, SetTimer, Task
from statewf.machine.events import AnyEvent, CallId, Cancel, Decided, Event, Failed, Fired, Returned, Start
from statewf.machine.fsm import Machine
from statewf.machine.record import Receipt, event_name, receipt, refused_answers, rejection, state_of
from statewf.machine.snapshot import Rejected, Snapshot, Step, blank
from statewf.machine.step import step
from statewf.machine.work import cancelled
from statewf.pricing import Usage, charged, is_priced
from statewf.values.frozen import Object

REPLY, WAITED, EVENT, TIMER = range(4)  # what goes first at one instant
DECISION = EVENT  # a decision comes from outside, as events do
MOST_AT_ONCE = 10_000  # automatic steps without the clock moving: more of them run in a circle


class Answer(NamedTuple):
    """What a call is answered (None: its handler hangs), and how long that takes.

    A handler that is recalled ends at once, but a `stubborn` one goes on.
    """

    reply: Returned | Failed | None
    after: int = 0
    stubborn: bool = False


class Verdict(NamedTuple):
    """What becomes of a task, and how long after it was opened."""

    decided: Decided
    after: int = 0


class Answering(Protocol):
    """Who answers: with None, nobody does by itself."""

    def answer(self, call: Call, snapshot: Snapshot, /) -> Answer | None: ...

    def decide(self, task: Task, /) -> Verdict | None: ...


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

    def __init__(
        self,
        machine: Machine,
        answering: Answering,
        *,
        instance: str = "local",
        at: int = 0,
        volume: int | None = None,
    ) -> None:
        self.machine = machine
        self.usage = Usage(machine, volume) if is_priced(machine) else None
        self.now = at
        self.snapshot = blank(machine, instance)
        self.steps: list[Step] = []
        self.refused: list[str] = []  # scheduled events and handlers' answers that nobody accepted
        self.held: list[Event | Cancel] = []  # came while an action was running; they wait for its end
        self._answering = answering
        self._agenda: list[_Entry] = []
        self._number = 0
        self._at_once = 0
        self._keys: dict[str, tuple[Event, Receipt]] = {}
        self._answers: dict[CallId, tuple[Answer, int]] = {}  # of open calls, with the number of the reply's entry
        self._tasks: set[str] = set()  # that were opened once

    # --- from outside

    def start(self, inputs: Object) -> None:
        """Enter the first state."""
        self.take(Start(inputs, self.now))

    def schedule(self, event: Event | Cancel) -> None:
        """Let this happen at its own time."""
        self._push(event.at, EVENT, event)

    def send(self, event: Event | Cancel | Decided) -> Receipt:
        """Somebody sends this now. Raises EventRejected, or KeyConflict for a key that meant another event."""
        if isinstance(event, Event) and event.key in self._keys:
            return self._again(event)
        made = self.take(event)
        if isinstance(made, Rejected):
            raise rejection(made)
        told = receipt(self.machine, made)
        if isinstance(event, Event) and event.key is not None:
            self._keys[event.key] = (event, told)
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
        made = self._take(event)  # a late reply that nobody waits for is refused as stale, and that is all
        if isinstance(event, Decided) and isinstance(made, Rejected):
            self.refused.append(event_name(event))

    def run(self, until: int, rank: int = TIMER) -> None:
        """Let everything happen up to that time and, at that very instant, up to that rank."""
        while (coming := self.next()) is not None and coming <= (until, rank):
            self.happen()

    def _push(self, at: int, rank: int, event: AnyEvent, tie: int = -1, *, stubborn: bool = False) -> int:
        self._number += 1
        heapq.heappush(self._agenda, _Entry(at, rank, tie, self._number, event, stubborn))
        return self._number

    def _stands(self, entry: _Entry) -> bool:
        """Whether it is still to happen: recalled calls and cancelled timers stay in the heap till their time."""
        match entry.event:
            case Fired(region, timer):
                return self.snapshot.flight.deadlines.get((region, timer)) == entry.at
            case Returned(call) | Failed(call):
                is_next = self._answers.get(call, (None, 0))[1] == entry.number
                return entry.stubborn or (is_next and call in self.snapshot.flight.calls)
            case Decided(task):
                return any(task == open_one.id for open_one in self.snapshot.book.tasks.values())
            case _:
                return True

    # --- what follows

    def _take(self, event: AnyEvent) -> Step | Rejected:
        made = step(self.machine, self.snapshot, event)
        return self._follow(made) if isinstance(made, Step) else made

    def _follow(self, made: Step) -> Step:
        """Keep a step and put what it asks for on the agenda.

        Recalled calls and cancelled timers are left there: the snapshot says that they are void.
        """
        if self.usage is not None:
            made = charged(self.usage, made)
        self.snapshot = made.after
        self.now = made.after.at
        self.steps.append(made)
        self.refused += refused_answers([made])
        for effect in made.effects:
            match effect:
                case Call():
                    self._call(effect)
                case Recall(call, awaited=True):
                    self._recall(call)
                case SetTimer(region, timer, at):
                    self._push(at, TIMER, Fired(region, timer, at), self.machine.ranks.get((region, timer), -1))
                case OpenTask(task):
                    self._open(task)
                case _:
                    pass
        if isinstance(made.event, Returned | Failed):
            self._answers.pop(made.event.call, None)
        if self.held and not self.snapshot.flight.queue:
            self._release()
        return made

    def _call(self, call: Call) -> None:
        answer = self._answering.answer(call, self.snapshot)
        if answer is None:
            return
        at, number = self.now + answer.after, 0
        if answer.reply is not None:
            number = self._push(at, REPLY, answer.reply._replace(at=at), stubborn=answer.stubborn)
        self._answers[call.id] = answer, number

    def _recall(self, call: CallId) -> None:
        """Its handler is to end, and to say so. One that answers by hand is left to do so."""
        answer, _ = self._answers.get(call, (None, 0))
        if answer is not None and not answer.stubborn:
            self._answers[call] = answer, self._push(self.now, REPLY, cancelled(call, self.now))

    def _open(self, task: Task) -> None:
        """A task that is given to somebody else is the same task."""
        if task.id in self._tasks:
            return
        self._tasks.add(task.id)
        if (verdict := self._answering.decide(task)) is not None:
            at = self.now + verdict.after
            self._push(at, DECISION, verdict.decided._replace(at=at))

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

    def _again(self, event: Event) -> Receipt:
        first, told = self._keys[str(event.key)]
        if event[:2] == first[:2]:  # the same name and data; when does not matter
            return attrs.evolve(told, disposition="duplicate")
        raise KeyConflict(f"the key {event.key!r} was used before, for another event or other data ({told.event})")
