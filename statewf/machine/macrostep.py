"""One macrostep in the making: transitions taken, operations performed, until nothing is enabled.

Under `step`, which says what is done and when; here stands how. A `Macrostep` is the only thing in the
kernel that changes while it lives, and it lives as long as one call of `step`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Mapping, Sequence
from operator import is_not
from typing import TypeAlias

from statewf.expr import UNDEFINED, Expression, Fault
from statewf.machine.book import Draft, in_order
from statewf.machine.effects import ACTION, Call, CancelTimer, Effect, Emit, Finish, Recall, SetTimer
from statewf.machine.events import AnyEvent, CallId, Event, Failed, Returned
from statewf.machine.fsm import (
    Arm,
    Assign,
    Close,
    Count,
    Disarm,
    Do,
    LocalState,
    Machine,
    Op,
    Open,
    Tell,
    Transition,
    Values,
    opens,
)
from statewf.machine.snapshot import (
    Disposition,
    Flight,
    Note,
    NoteKind,
    Queued,
    RegionState,
    Rejected,
    Snapshot,
    Step,
    allowed,
    moved,
    region_state,
)
from statewf.machine.together import GO, count, interact, pass_on
from statewf.values.frozen import EMPTY, KEPT_NESTING, NESTING, Json, Object, exactly, nesting, settled

MOST_DEFERRED = 1_000  # events
MOST_ALWAYS = 1_000  # `always` transitions in a row: more run in a circle, and none is taken
LONG = 20  # of them in a row: from there on it is noted where they came by
BACKOFF = "$action"  # the timer between two attempts of a function action; it belongs to no region

_new = tuple.__new__  # half the price of a named tuple's own constructor


class Circle(Exception):
    """The `always` transitions of a macrostep do not come to rest."""


Signal: TypeAlias = tuple[int, str, str]  # which region, which trigger, and the region that pulls it


class Scope(dict[str, object]):
    """What conditions of a machine with several regions see; what costs the more the longer it runs, when asked."""

    def __init__(self, known: Mapping[str, object], book: Draft) -> None:
        super().__init__(known)
        self.book = book

    def __missing__(self, name: str) -> object:
        match name:
            case "completedSteps":
                return in_order(self.book.completed)
            case "failedSteps":
                return in_order(self.book.failed)
            case "compensations":
                return in_order(self.book.undone)
            case _:
                raise KeyError(name)


def fault_in(expression: Expression, fault: Fault) -> str:
    """An expression and why it has no answer, which names the part that has none, if that is not all of it."""
    return f"{expression.text}: {str(fault).removesuffix(f': {expression.text}')}"


class Macrostep:
    """A snapshot in the making, private to one call of `step`."""

    __slots__ = (
        "_draft",
        "at",
        "before",
        "calls",
        "context",
        "deadlines",
        "deferred",
        "effects",
        "ended",
        "event",
        "inputs",
        "invoked",
        "late",
        "left",
        "machine",
        "moved",
        "notes",
        "opened",
        "path",
        "queue",
        "raised",
        "signals",
    )

    def __init__(self, machine: Machine, before: Snapshot, event: AnyEvent, at: int) -> None:
        self.machine = machine
        self.before = before
        self.event = event
        _, _, earlier, self.inputs, self.context, _, flight, self.ended, _ = before
        self._draft: Draft | None = None  # made when regions first tell each other something
        self.deadlines, self.calls, self.invoked, self.queue, self.raised, self.deferred = flight
        self.at = max(at, earlier)  # time never runs backwards within an instance
        self.opened = 0
        self.moved: dict[int, RegionState] = {}  # where regions are that are not where they were
        self.effects: list[Effect] = []
        self.path: list[str | int | tuple[str, ...]] = []
        self.left: tuple[str, ...] = ()  # the written states that moves left
        self.notes: tuple[Note, ...] = ()
        self.signals: deque[Signal] | None = None  # made when a region first pulls a trigger of another
        self.late: list[Signal] = []

    @property
    def book(self) -> Draft:
        """What the regions know of each other, in the writing."""
        if self._draft is None:
            self._draft = Draft(self.before.book)
        return self._draft

    def here(self, number: int) -> RegionState:
        """Where a region is by now."""
        return self.moved.get(number) or region_state(self.before.regions, number)

    # --- transitions

    def offer(self, event: Event) -> bool:
        """Give a named event to the regions that know it; whether one took it."""
        taken = False
        name = self.machine.known(event.name)
        listeners: Sequence[int] = self.machine.listeners.get(name, ())
        if self.machine.hearing:
            awaiting = self.before.book.awaiting if self._draft is None else self._draft.awaiting
            if len(awaiting) < len(listeners):
                listeners = sorted(awaiting)
        for number in listeners:
            here = self.here(number)
            candidates = self.machine.regions[number].states[here[0]].on.get(name)
            if candidates and (chosen := self.choose(candidates, here, event.name, event.data)):
                self.take(number, here, chosen, event.data, event.name)
                taken = True
        return taken

    def pull(self, number: int, trigger: str, data: Json, *, retryable: bool = True) -> bool:
        """Give one of the machine's own triggers to a region; whether it had a transition for it."""
        here = self.here(number)
        candidates = self.machine.regions[number].states[here[0]].on.get(trigger, ())
        if not retryable:
            candidates = tuple(candidate for candidate in candidates if candidate.below is None)
        chosen = self.choose(candidates, here, trigger, data)
        if chosen is not None:
            self.take(number, here, chosen, data)
        return chosen is not None

    def signal(self, region: str, trigger: str, source: str, turn: str) -> None:
        """Let a region's trigger be pulled in this macrostep, on account of another region."""
        if self.signals is None:
            self.signals = deque()
        signal = (self.machine.numbers[region], trigger, source)
        if turn == "next":
            self.signals.append(signal)
        elif turn == "first":
            self.signals.appendleft(signal)
        else:
            self.late.append(signal)

    def deliver(self) -> bool:
        """Pull the next trigger; whether there was one."""
        if self.ended or not self.signals:
            if self.ended or not self.late:
                return False
            self.signals = deque(self.late)
            self.late = []
        number, trigger, source = self.signals.popleft()
        if not self.pull(number, trigger, Object({"step": source})) and trigger == GO:
            pass_on(self, source)
        return True

    def choose(
        self, candidates: Sequence[Transition], here: RegionState, trigger: str, data: Json
    ) -> Transition | None:
        for transition in candidates:
            if transition.below is not None and here[1] >= transition.below:
                continue
            guard = transition.guard
            if guard is None or self.holds(guard, transition.faulty, here, trigger, data):
                return transition
        return None

    def holds(self, guard: Expression, faulty: bool, here: RegionState, trigger: str, data: Json) -> bool:
        """Whether a guard holds; if it is to be `faulty`: whether that cannot be told."""
        scope = self.scope(here, trigger, data)
        try:
            return guard.holds(scope) and not faulty
        except Fault as fault:
            self.blame(guard, scope, fault)
            return faulty

    def blame(self, guard: Expression, scope: Mapping[str, object], fault: Fault) -> None:
        """Tell of the condition that has no answer, once; of several in one that is the first which has none."""
        for part in guard.parts:
            try:
                part.holds(scope)
            except Fault as found:
                guard, fault = part, found
                break
        note = Note("fault", fault_in(guard, fault))
        if note not in self.notes:
            self.notes += (note,)

    def scope(self, here: RegionState, trigger: str, data: Json) -> Mapping[str, object]:
        """What conditions see."""
        event = {"name": trigger, "data": data}
        scope = {"inputs": self.inputs, "context": self.context, "event": event, "attempt": here[1]}
        if len(self.machine.regions) == 1:
            return scope
        known = {"results": self.book.results, "errors": self.book.errors, "instance": self.before.instance}
        return Scope({**scope, **known}, self.book)

    def tell(self, kind: NoteKind, text: str, event: str = "") -> None:
        self.notes += (Note(kind, text, event),)

    def take(self, number: int, here: RegionState, transition: Transition, data: Json, event: str = "") -> None:
        region = self.machine.regions[number]
        trigger = event or transition.trigger
        for op in transition.exit:
            self.perform(op, region.name, here, trigger, data)
        if data and transition.merges and isinstance(data, Object):
            self.context = self.context.update(data)
        for op in transition.actions:
            self.perform(op, region.name, here, trigger, data)
        target = transition.target
        if target is None:
            return
        source, attempt, visit = here
        attempt = 1 if transition.attempt == "reset" else attempt + (transition.attempt == "bump")
        there = (target, attempt, visit + transition.anew)
        self.moved[number] = there
        if number in self.machine.hearing:
            self.book.hear(number, accepts=region.states[target].accepts)
        self.path += region.name, source, target, attempt, transition.entered
        self.left += transition.left
        for op in transition.entry:
            self.perform(op, region.name, there, trigger, data)
        outcome = region.states[target].terminal
        if outcome is not None:
            self.ended = outcome
            self.effects.append(Finish(target, outcome))

    def perform(self, op: Op, region: str, where: RegionState, trigger: str, data: Json) -> None:
        _, attempt, visit = where
        match op:
            case Count():  # the commonest comes first
                count(self, op, region)
            case Arm():
                delay = op.delay.fixed
                if delay is None:
                    delay = op.delay.after(attempt, f"{self.before.instance}/{region}/{visit}")
                at = self.at + delay
                self.deadlines = self.deadlines.set((region, op.timer), at)
                self.effects.append(SetTimer(region, op.timer, at))
            case Disarm():
                self.disarm(region, op.timer)
            case Do():
                slot = op.slot or f"{self.before.seq + 1}.{len(self.queue)}"
                key = f"{self.before.instance}/{region}/{visit}/{slot}"
                self.queue += (Queued(op, region, key, 1, self.context),)
            case Open():
                key = f"{self.before.instance}/{region}/{visit}{op.slot}"
                queued: Queued = _new(Queued, (op, region, key, attempt, None, None))
                if op.at_once:
                    self.open(queued)
                else:
                    self.queue += (queued,)
            case Close():
                self.close(op.owner, region)
            case Tell():
                self.effects.append(Emit(op.event, self.told(op, where, trigger, data)))
            case Assign():
                values = self.values(op.values, self.scope(where, trigger, data), NESTING)
                self.context = self.context.update(values)
            case _:
                interact(self, op, region, where, trigger, data)

    def told(self, op: Tell, where: RegionState, trigger: str, data: Json) -> Json:
        if op.values:
            return Object(self.values(op.values, self.scope(where, trigger, data), KEPT_NESTING))
        return op.data if op.data is not None else Object(sorted(self.context.items()))

    def disarm(self, region: str, timer: str) -> None:
        if (region, timer) in self.deadlines:
            self.deadlines = self.deadlines.delete((region, timer))
            self.effects.append(CancelTimer(region, timer))

    def values(self, wanted: Values, scope: Mapping[str, object], within: int) -> dict[str, Json]:
        """What these expressions say, but for those that cannot be told, or are nested deeper than that."""
        values: dict[str, Json] = {}
        for key, expression in wanted:
            if isinstance(expression, tuple):
                values[key] = Object(self.values(expression, scope, within - 1))
                continue
            try:
                value = expression.evaluate(scope)
            except Fault as fault:
                self.tell("fault", f"assign {key} = {fault_in(expression, fault)}")
                continue
            value = None if value is UNDEFINED else settled(value)
            if nesting(value) < within:  # the object of them all is one level more
                values[key] = value
            else:
                self.tell("fault", f"assign {key} = {expression.text}: nested deeper than {within} levels")
        return values

    # --- calls

    def close(self, owner: str, region: str) -> None:
        """Forget the call of an `invoke`, whether it is open or still queued."""
        if call := self.invoked.get((region, owner)):
            self.calls = self.calls.delete(call)
            self.invoked = self.invoked.delete((region, owner))
            self.effects.append(Recall(call))
        elif self.queue:
            self.queue = tuple(q for q in self.queue if not (q.region == region and opens(q.op, owner)))

    def pump(self) -> None:
        """Open what is queued: the calls of `invoke` at once, actions one at a time."""
        while self.queue and self.queue[0].call is None and ("", BACKOFF) not in self.deadlines:
            queued = self.queue[0]
            number = self.open(queued)
            if isinstance(queued.op, Open):
                self.queue = self.queue[1:]
            else:
                self.queue = (queued._replace(call=number), *self.queue[1:])

    def open(self, queued: Queued) -> CallId:
        """Make the call of an action or an `invoke`."""
        op = queued.op
        number: CallId = _new(CallId, (self.before.seq + 1, self.opened))
        owner = op.owner if isinstance(op, Open) else ACTION
        context = self.context if queued.context is None else queued.context
        results = self.before.book.results if self._draft is None else self._draft.results
        of = (number, queued.region, owner, op.step, op.handler, op.params)
        call: Call = _new(Call, (*of, queued.attempt, queued.key, context, results, False))
        self.opened += 1
        self.calls = self.calls.set(number, call)
        self.effects.append(call)
        if isinstance(op, Open):
            self.invoked = self.invoked.set((queued.region, owner), number)
        return number

    def finish_action(self, event: Returned | Failed) -> None:
        """The running action was answered: try it again, or make room for the next."""
        head = self.queue[0]
        op = head.op
        assert isinstance(op, Do)
        if isinstance(event, Returned):
            self.queue = self.queue[1:]
            if event.answer is not None:
                self.raised = (*self.raised, event.answer)
        elif event.retryable and head.attempt < op.max_attempts:
            self.queue = (head._replace(call=None, attempt=head.attempt + 1), *self.queue[1:])
            at = self.at + op.delay.after(head.attempt, head.key)
            if at > self.at:
                self.deadlines = self.deadlines.set(("", BACKOFF), at)
                self.effects.append(SetTimer("", BACKOFF, at))
        else:
            self.queue = self.queue[1:]
            self.notes += (Note("action-failed", f"{op.handler}: {event.error}: {event.message}"),)

    def abandon_action(self) -> None:
        """If a state was left, or all is over, stop the action that was running in it; those behind it go on."""
        queue = self.before.flight.queue
        head = queue[0] if queue else None
        if head is None:
            return
        assert isinstance(head.op, Do), "what is invoked is called at once"
        if not self.ended and (head.op.within or head.op.step) not in self.left:
            return
        self.queue = self.queue[1:]
        self.notes += (Note("recalled", f"{head.op.handler}: its state was left"),)
        if head.call is not None:
            self.calls = self.calls.delete(head.call)
            self.effects.append(Recall(head.call))
        else:
            self.disarm("", BACKOFF)

    # --- until nothing is enabled

    def settle(self) -> Step:
        offered = -1 if self.before.flight.queue else 0  # how much of the path the deferred events have seen
        circling = 0
        met: set[Hashable] = set()  # where a long row of them came by, and with which data
        while True:
            if self.deliver():
                continue
            if self.machine.eventless and self.always():
                circling += 1
                if circling > MOST_ALWAYS or (circling > LONG and self.again(met)):
                    raise Circle
                continue
            if self.queue:
                self.pump()
                if self.queue:
                    break
            circling = 0
            met.clear()
            if self.raised:
                self.take_raised()
            elif self.deferred and len(self.path) > offered:
                if not self.offer_deferred():
                    offered = len(self.path)
            else:
                break
        return self.done("accepted")

    def always(self) -> bool:
        if self.ended:
            return False
        for number in self.machine.eventless:
            here = self.here(number)
            candidates = self.machine.regions[number].states[here[0]].always
            if chosen := self.choose(candidates, here, "", EMPTY):
                self.take(number, here, chosen, EMPTY)
                return True
        return False

    def again(self, met: set[Hashable]) -> bool:
        """Whether all that `always` transitions can ask is as it was before: then they run in a circle."""
        here = (*(self.here(number)[:2] for number in self.machine.eventless), exactly(self.context))
        known = here in met
        met.add(here)
        return known

    def take_raised(self) -> None:
        event, self.raised = self.raised[0], self.raised[1:]
        if not self.ended and self.offer(event):
            if not (isinstance(self.event, Returned) and self.event.answer is event):
                self.tell("taken", f"{event.name}, an earlier answer of a handler", event.name)
            return
        policies = set() if self.ended else {state.unexpected for state in self.asked(event)}
        if "defer" in policies and len(self.deferred) < MOST_DEFERRED:
            self.deferred += (event,)
            self.tell("deferred", f"{event.name}, the answer of a handler, until somebody waits for it", event.name)
        elif "ignore" not in policies:
            self.tell("refused", f"{event.name}, the answer of a handler, was not accepted", event.name)

    def asked(self, event: Event) -> list[LocalState]:
        """The states that say what becomes of an event that nobody took."""
        asked = self.machine.listeners.get(event.name, self.machine.fallback)
        return [self.machine.regions[number].states[self.here(number)[0]] for number in asked]

    def offer_deferred(self) -> bool:
        """Whether one of them was accepted, first come, first served."""
        if not self.ended:
            for i, event in enumerate(self.deferred):
                if self.offer(event):
                    self.deferred = (*self.deferred[:i], *self.deferred[i + 1 :])
                    self.tell("taken", f"{event.name}, which was deferred", event.name)
                    return True
        return False

    # --- the end of the macrostep

    def done(self, disposition: Disposition) -> Step:
        instance, seq, _, _, _, regions, flight, _, book = before = self.before
        now = (self.deadlines, self.calls, self.invoked, self.queue, self.raised, self.deferred)
        if any(map(is_not, flight, now)):
            flight = _new(Flight, now)
        if self._draft is not None:
            book = self._draft.book()
        if self.moved:
            regions = moved(regions, self.moved)
        after = _new(
            Snapshot,
            (instance, seq + 1, self.at, self.inputs, self.context, regions, flight, self.ended, book),
        )
        made: Step = _new(
            Step, (before, self.event, after, tuple(self.effects), tuple(self.path), disposition, self.notes)
        )
        return made

    def refuse(self, reason: str, message: str) -> Rejected:
        faults = tuple(note.text for note in self.notes)
        told: Rejected = _new(Rejected, (self.event, reason, message, allowed(self.machine, self.before), faults))
        return told
