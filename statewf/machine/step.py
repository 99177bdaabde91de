"""`step`: the only thing that moves an instance. Pure, total, deterministic.

One external event is one macrostep:

1. A named event goes to the regions that listen to it. In each, the first transition of its local state
   whose guard holds is taken: exit actions, then the event's data is merged into the context, then the
   transition's actions, then entry actions. While an action runs, named events wait (`busy`).
2. What no region takes is rejected (nothing changes), ignored or deferred, as the state says.
3. A reply answers its open call: an action's makes room for the next action; an `invoke`'s pulls
   `$done` or `$error`. If the answer is an event, it is taken instead, before any external one.
4. A timer pulls the trigger of its name. A state that is left by a timer or a cancel takes the action
   that is still running with it; the actions queued behind it still run.
5. Then all that became enabled, until nothing is: `always` transitions; then queued actions; then, when
   no action is open, answers that are events; then deferred events, after a change of state. Should the
   `always` transitions run in a circle, none of them is taken, and the step says so (`livelock`).

Every tie is broken by document order. The cost is that of the regions touched. `step` never raises.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import is_not
from typing import assert_never

import attrs

from statewf.expr import UNDEFINED, Expression, Fault
from statewf.machine.effects import ACTION, Call, CancelTimer, Effect, Emit, Finish, Recall, SetTimer
from statewf.machine.events import AnyEvent, CallId, Cancel, Event, Failed, Fired, Returned, Start
from statewf.machine.fsm import (
    CANCEL,
    DONE,
    ERROR,
    Arm,
    Assign,
    Close,
    Disarm,
    Do,
    Machine,
    Op,
    Open,
    Tell,
    Transition,
    opens,
)
from statewf.machine.snapshot import (
    Disposition,
    Flight,
    Note,
    Queued,
    RegionState,
    Rejected,
    Snapshot,
    Step,
    allowed,
    blank,
    moved,
    region_state,
)
from statewf.values.frozen import EMPTY, Json, Map, Object, freeze_object

MOST_DEFERRED = 1_000
MOST_ALWAYS = 1_000  # `always` transitions in one macrostep: more run in a circle, and none is taken
BACKOFF = "$action"  # the timer between two attempts of a function action; it belongs to no region

_new = tuple.__new__  # half the price of a named tuple's own constructor, where it counts


def start(machine: Machine, inputs: object = None, *, instance: str = "local", at: int = 0) -> Step:
    """The first step of a new instance. Raises DataError when `inputs` is not a JSON object."""
    begun = step(machine, blank(machine, instance), Start(freeze_object(inputs, "the inputs"), at))
    assert isinstance(begun, Step)
    return begun


def step(machine: Machine, snapshot: Snapshot, event: AnyEvent) -> Step | Rejected:
    """What happens to an instance at `snapshot` when `event` does; see the rules above."""
    try:
        return _step(machine, snapshot, event)
    except _Circle:
        told = _step(attrs.evolve(machine, eventless=()), snapshot, event)
        if isinstance(told, Rejected):
            return told
        note = Note("livelock", f"more than {MOST_ALWAYS:,} always transitions in a row: none was taken")
        return told._replace(notes=(*told.notes, note))


class _Circle(Exception):
    """The `always` transitions of a macrostep do not come to rest."""


def _step(machine: Machine, snapshot: Snapshot, event: AnyEvent) -> Step | Rejected:
    match event:
        case Event():
            return _receive(machine, snapshot, event)
        case Returned() | Failed():
            return _answer(machine, snapshot, event)
        case Fired():
            return _fire(machine, snapshot, event)
        case Cancel():
            return _cancel(machine, snapshot, event)
        case Start():
            return _begin(machine, snapshot, event)
        case _:
            assert_never(event)


def _begin(machine: Machine, before: Snapshot, event: Start) -> Step | Rejected:
    if before.seq:
        return Rejected(event, "started", "the instance was started before")
    run = _Macrostep(machine, before, event, event.at)
    run.inputs = event.inputs
    run.context = Map(event.inputs)
    for number, region in enumerate(machine.regions):
        run.take(number, region_state(before.regions, number), region.start, EMPTY)
    return run.settle()


def _receive(machine: Machine, before: Snapshot, event: Event) -> Step | Rejected:
    if short := _short_cut(machine, before, event):
        return short
    if refusal := _not_running(before, event):
        return refusal
    queue = before.flight.queue
    if queue:
        return Rejected(event, "busy", f"{queue[0].op.handler} is still running", allowed(machine, before))
    run = _Macrostep(machine, before, event, event.at)
    if run.offer(event):
        return run.settle()
    return _unexpected(run, event)


def _not_running(before: Snapshot, event: Event | Cancel) -> Rejected | None:
    if before.ended:
        return Rejected(event, "terminal", "the instance has ended")
    return None if before.seq else Rejected(event, "unstarted", "the instance was not started")


def _short_cut(machine: Machine, before: Snapshot, event: Event) -> Step | None:
    """The step of a plain transition, where nothing else is enabled by it; else None.

    It says what the long way says, which a property test holds it to, in a third of the time.
    """
    instance, seq, earlier, inputs, context, regions, flight, _ = before
    _, _, _, queue, raised, deferred = flight
    if queue or raised or deferred or not (machine.short and seq):
        return None
    ((source, _, visit),) = regions  # one chunk of one region
    short = machine.short[source].get(event.name)  # type: ignore[index]  # the first of three is a name
    if short is None:
        return None
    target, ended, path, effects, timed = short
    at = event.at if event.at > earlier else earlier  # noqa: FURB136  # max() costs ten times as much
    if event.data:
        context = context.update(event.data)
    told: tuple[Effect, ...] = effects
    if timed is not None:
        flight, wound = _wind(str(path[0]), timed, flight, at)
        told = (*wound, *effects)
    there = ((target, 1, visit + 1),)  # type: ignore[operator]  # and the last a number
    after = _new(Snapshot, (instance, seq + 1, at, inputs, context, there, flight, ended))
    made: Step = _new(Step, (before, event, after, told, path, "accepted", ()))
    return made


def _wind(region: str, transition: Transition, flight: Flight, at: int) -> tuple[Flight, tuple[Effect, ...]]:
    """The timers after a plain transition."""
    deadlines, *rest = flight
    effects: tuple[Effect, ...] = ()
    for op in transition.exit:
        key = (region, op.timer)  # type: ignore[union-attr]  # a plain transition only disarms on exit
        if key in deadlines:
            deadlines = deadlines.delete(key)
            effects += (_new(CancelTimer, key),)
    for op in transition.entry:
        due = at + op.delay.fixed  # type: ignore[union-attr,operator]  # and only arms on entry
        deadlines = deadlines.set((region, op.timer), due)  # type: ignore[union-attr]
        effects += (_new(SetTimer, (region, op.timer, due)),)  # type: ignore[union-attr]
    return _new(Flight, (deadlines, *rest)), effects


def _unexpected(run: _Macrostep, event: Event) -> Step | Rejected:
    """No region took the event: what the states where it was offered say of that."""
    machine, before = run.machine, run.before
    listening = machine.listeners.get(event.name, machine.fallback)
    states = [machine.regions[n].states[region_state(before.regions, n)[0]] for n in listening]
    policies = {state.unexpected for state in states}
    if "defer" in policies:
        if len(before.flight.deferred) < MOST_DEFERRED:
            run.deferred += (event,)
            return run.done("deferred")
        return run.refuse("full", f"{MOST_DEFERRED:,} events are deferred already")
    if "ignore" in policies:
        return run.done("ignored")
    where = ", ".join(state.name for state in states)
    if event.name in allowed(machine, before):
        return run.refuse("guard", f"in {where} no guard holds for it")
    return run.refuse("unexpected", f"{where} does not accept it" if where else "nothing waits for it")


def _answer(machine: Machine, before: Snapshot, event: Returned | Failed) -> Step | Rejected:
    call = before.flight.calls.get(event.call)
    if call is None:
        return Rejected(event, "stale", "the call is not open")
    run = _Macrostep(machine, before, event, event.at)
    run.calls = run.calls.delete(event.call)
    if call.owner == ACTION:
        run.finish_action(event)
        return run.settle()
    run.invoked = run.invoked.delete((call.region, call.owner))
    if isinstance(event, Failed):
        told = Object({"error": event.error, "message": event.message})
        run.pull(machine.numbers[call.region], ERROR + call.owner, told, retryable=event.retryable)
    elif event.answer is None:
        run.pull(machine.numbers[call.region], DONE + call.owner, event.result)
    else:
        run.raised = (*run.raised, event.answer)
    return run.settle()


def _fire(machine: Machine, before: Snapshot, event: Fired) -> Step | Rejected:
    name = (event.region, event.timer)
    deadline = before.flight.deadlines.get(name)
    if deadline is None:
        return Rejected(event, "stale", "the timer is not set")
    run = _Macrostep(machine, before, event, max(event.at, deadline))
    run.deadlines = run.deadlines.delete(name)
    if event.timer != BACKOFF:
        run.pull(machine.numbers[event.region], event.timer, EMPTY)
        run.abandon_action()
    return run.settle()


def _cancel(machine: Machine, before: Snapshot, event: Cancel) -> Step | Rejected:
    if refusal := _not_running(before, event):
        return refusal
    run = _Macrostep(machine, before, event, event.at)
    for number in range(len(machine.regions)):
        run.pull(number, CANCEL, EMPTY)
    run.abandon_action()
    return run.settle()


class _Macrostep:
    """A snapshot in the making, private to one call of `step`."""

    __slots__ = (
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
        "machine",
        "notes",
        "opened",
        "path",
        "queue",
        "raised",
        "regions",
    )

    def __init__(self, machine: Machine, before: Snapshot, event: AnyEvent, at: int) -> None:
        self.machine = machine
        self.before = before
        self.event = event
        _, _, earlier, self.inputs, self.context, self.regions, flight, self.ended = before
        self.deadlines, self.calls, self.invoked, self.queue, self.raised, self.deferred = flight
        self.at = max(at, earlier)  # time never runs backwards within an instance
        self.opened = 0
        self.effects: tuple[Effect, ...] = ()  # short, mostly empty: cheaper than lists
        self.path: tuple[str | int, ...] = ()
        self.notes: tuple[Note, ...] = ()

    # --- transitions

    def offer(self, event: Event) -> bool:
        """Give a named event to the regions that know it; whether one took it."""
        taken = False
        for number in self.machine.listeners.get(event.name, ()):
            here = region_state(self.regions, number)
            candidates = self.machine.regions[number].states[here[0]].on.get(event.name)
            if candidates and (chosen := self.choose(candidates, here, event.name, event.data)):
                self.take(number, here, chosen, event.data)
                taken = True
        return taken

    def pull(self, number: int, trigger: str, data: Json, *, retryable: bool = True) -> None:
        """Give one of the machine's own triggers to a region; without a transition nothing happens."""
        here = region_state(self.regions, number)
        candidates = self.machine.regions[number].states[here[0]].on.get(trigger, ())
        if not retryable:
            candidates = tuple(candidate for candidate in candidates if candidate.below is None)
        if chosen := self.choose(candidates, here, trigger, data):
            self.take(number, here, chosen, data)

    def choose(
        self, candidates: Sequence[Transition], here: RegionState, trigger: str, data: Json
    ) -> Transition | None:
        for transition in candidates:
            if transition.below is not None and here[1] >= transition.below:
                continue
            if transition.guard is None or self.holds(transition.guard, here, trigger, data):
                return transition
        return None

    def holds(self, guard: Expression, here: RegionState, trigger: str, data: Json) -> bool:
        try:
            return guard.holds(self.scope(here, trigger, data))
        except Fault as fault:
            self.notes += (Note("fault", f"guard {guard.text}: {fault}"),)
            return False

    def scope(self, here: RegionState, trigger: str, data: Json) -> dict[str, object]:
        """What conditions see."""
        event = {"name": trigger, "data": data}
        return {"inputs": self.inputs, "context": self.context, "event": event, "attempt": here[1]}

    def take(self, number: int, here: RegionState, transition: Transition, data: Json) -> None:
        region = self.machine.regions[number]
        for op in transition.exit:
            self.perform(op, region.name, here, transition.trigger, data)
        if data and transition.merges and isinstance(data, Object):
            self.context = self.context.update(data)
        for op in transition.actions:
            self.perform(op, region.name, here, transition.trigger, data)
        target = transition.target
        if target is None:
            return
        source, attempt, visit = here
        attempt = 1 if transition.attempt == "reset" else attempt + (transition.attempt == "bump")
        there = (target, attempt, visit + transition.anew)
        self.regions = moved(self.regions, number, there)
        self.path += (region.name, source, target, attempt)
        for op in transition.entry:
            self.perform(op, region.name, there, transition.trigger, data)
        outcome = region.states[target].terminal
        if outcome is not None:
            self.ended = outcome
            self.effects += (Finish(target, outcome),)

    def perform(self, op: Op, region: str, where: RegionState, trigger: str, data: Json) -> None:
        _, attempt, visit = where
        match op:
            case Arm():
                delay = op.delay.fixed
                if delay is None:
                    delay = op.delay.after(attempt, f"{self.before.instance}/{region}/{visit}")
                at = self.at + delay
                self.deadlines = self.deadlines.set((region, op.timer), at)
                self.effects += (SetTimer(region, op.timer, at),)
            case Disarm():
                self.disarm(region, op.timer)
            case Do():
                slot = op.slot or f"{self.before.seq + 1}.{len(self.queue)}"
                key = f"{self.before.instance}/{region}/{visit}/{slot}"
                self.queue += (Queued(op, region, key, 1, self.context),)
            case Open():
                key = f"{self.before.instance}/{region}/{visit}{op.slot}"
                self.queue += (Queued(op, region, key, attempt, None),)
            case Close():
                self.close(op.owner, region)
            case Tell():
                told = op.data if op.data is not None else Object(sorted(self.context.items()))
                self.effects += (Emit(op.event, told),)
            case Assign():
                self.assign(op, self.scope(where, trigger, data))
            case _:
                assert_never(op)

    def disarm(self, region: str, timer: str) -> None:
        if (region, timer) in self.deadlines:
            self.deadlines = self.deadlines.delete((region, timer))
            self.effects += (CancelTimer(region, timer),)

    def assign(self, op: Assign, scope: dict[str, object]) -> None:
        values: dict[str, Json] = {}
        for key, expression in op.values:
            try:
                value = expression.evaluate(scope)
            except Fault as fault:
                self.notes += (Note("fault", f"assign {key} = {expression.text}: {fault}"),)
            else:
                values[key] = None if value is UNDEFINED else value
        self.context = self.context.update(values)

    # --- calls

    def close(self, owner: str, region: str) -> None:
        """Forget the call of an `invoke`, whether it is open or still queued."""
        if call := self.invoked.get((region, owner)):
            self.calls = self.calls.delete(call)
            self.invoked = self.invoked.delete((region, owner))
            self.effects += (Recall(call),)
        elif self.queue:
            self.queue = tuple(q for q in self.queue if not (q.region == region and opens(q.op, owner)))

    def pump(self) -> None:
        """Open what is queued: the calls of `invoke` at once, actions one at a time."""
        while self.queue and self.queue[0].call is None and ("", BACKOFF) not in self.deadlines:
            queued = self.queue[0]
            op = queued.op
            number = CallId(self.before.seq + 1, self.opened)
            owner = op.owner if isinstance(op, Open) else ACTION
            call = Call(
                number, queued.region, owner, op.handler, op.params, queued.attempt, queued.key, queued.context
            )
            self.opened += 1
            self.calls = self.calls.set(number, call)
            self.effects += (call,)
            if isinstance(op, Open):
                self.invoked = self.invoked.set((queued.region, owner), number)
                self.queue = self.queue[1:]
            else:
                self.queue = (queued._replace(call=number), *self.queue[1:])

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
                self.effects += (SetTimer("", BACKOFF, at),)
        else:
            self.queue = self.queue[1:]
            self.notes += (Note("action-failed", f"{op.handler}: {event.error}: {event.message}"),)

    def abandon_action(self) -> None:
        """If a state was left, stop the action that was running in it; those behind it go on."""
        queue = self.before.flight.queue
        head = queue[0] if queue else None
        if head is None or head.region not in self.path[::4]:
            return
        self.queue = self.queue[1:]
        self.notes += (Note("recalled", f"{head.op.handler}: its state was left"),)
        if head.call is not None:
            self.calls = self.calls.delete(head.call)
            self.effects += (Recall(head.call),)
        else:
            self.disarm("", BACKOFF)

    # --- until nothing is enabled

    def settle(self) -> Step:
        offered = -1 if self.before.flight.queue else 0  # how much of the path the deferred events have seen
        circling = 0
        while True:
            if self.machine.eventless and self.always():
                circling += 1
                if circling > MOST_ALWAYS:
                    raise _Circle
                continue
            if self.queue:
                self.pump()
                if self.queue:
                    break
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
            here = region_state(self.regions, number)
            candidates = self.machine.regions[number].states[here[0]].always
            if chosen := self.choose(candidates, here, "", EMPTY):
                self.take(number, here, chosen, EMPTY)
                return True
        return False

    def take_raised(self) -> None:
        event, self.raised = self.raised[0], self.raised[1:]
        if self.ended or not self.offer(event):
            self.notes += (Note("refused", f"{event.name}, the answer of a handler, was not accepted", event.name),)

    def offer_deferred(self) -> bool:
        """Whether one of them was accepted, first come, first served."""
        if not self.ended:
            for i, event in enumerate(self.deferred):
                if self.offer(event):
                    self.deferred = (*self.deferred[:i], *self.deferred[i + 1 :])
                    return True
        return False

    # --- the end of the macrostep

    def done(self, disposition: Disposition) -> Step:
        instance, seq, *_, flight, _ = before = self.before
        now = (self.deadlines, self.calls, self.invoked, self.queue, self.raised, self.deferred)
        if any(map(is_not, flight, now)):
            flight = _new(Flight, now)
        after = _new(
            Snapshot,
            (instance, seq + 1, self.at, self.inputs, self.context, self.regions, flight, self.ended),
        )
        made: Step = _new(Step, (before, self.event, after, self.effects, self.path, disposition, self.notes))
        return made

    def refuse(self, reason: str, message: str) -> Rejected:
        faults = tuple(note.text for note in self.notes)
        told: Rejected = _new(Rejected, (self.event, reason, message, allowed(self.machine, self.before), faults))
        return told
