"""`step`: the only thing that moves an instance. Pure, total, deterministic.

One external event is one macrostep:

1. A named event goes to the regions that listen to it. In each, the first transition of its local state
   whose guard holds is taken: exit actions, then the event's data is merged into the context, then the
   transition's actions, then entry actions. While an action runs, named events wait (`busy`).
2. What no region takes is rejected (nothing changes), ignored or deferred, as the state says.
3. A reply answers its open call: an action's makes room for the next action; an `invoke`'s pulls
   `$done` or `$error`. If the answer is an event, it is taken instead, before any external one; should
   nobody take it, it is deferred or ignored, as the state says, or else refused, which the step tells.
4. A timer pulls the trigger of its name. A state that is left by a timer or a cancel takes the action
   that is still running with it; the actions queued behind it still run.
5. Then all that became enabled, until nothing is: `always` transitions; then queued actions; then, when
   no action is open, answers that are events; then deferred events, after a change of state. Should the
   `always` transitions run in a circle, none of them is taken, and the step says so (`livelock`).

Every tie is broken by document order. The cost is that of the regions touched. `step` never raises.
"""

from __future__ import annotations

from typing import assert_never

from statewf.machine.effects import ACTION
from statewf.machine.events import AnyEvent, Cancel, Decided, Event, Failed, Fired, Returned, Start
from statewf.machine.fsm import CANCEL, CANCEL_NOW, DECIDED, DONE, ERROR, Machine
from statewf.machine.macrostep import BACKOFF, MOST_ALWAYS, MOST_DEFERRED, Circle, Macrostep
from statewf.machine.naming import known
from statewf.machine.short import short_cut
from statewf.machine.snapshot import Note, Rejected, Snapshot, Step, allowed, blank, region_state
from statewf.values.frozen import EMPTY, Map, Object, freeze_object


def start(machine: Machine, inputs: object = None, *, instance: str = "local", at: int = 0) -> Step:
    """The first step of a new instance. Raises DataError when `inputs` is not a JSON object."""
    begun = step(machine, blank(machine, instance), Start(freeze_object(inputs, "the inputs"), at))
    assert isinstance(begun, Step)
    return begun


def step(machine: Machine, snapshot: Snapshot, event: AnyEvent) -> Step | Rejected:
    """What happens to an instance at `snapshot` when `event` does; see the rules above."""
    try:
        return _step(machine, snapshot, event)
    except Circle:
        told = _step(machine.calm, snapshot, event)
        if isinstance(told, Rejected):
            return told
        note = Note("livelock", f"more than {MOST_ALWAYS:,} always transitions in a row: none was taken")
        return told._replace(notes=(*told.notes, note))


def _step(machine: Machine, snapshot: Snapshot, event: AnyEvent) -> Step | Rejected:
    match event:
        case Event():
            return _receive(machine, snapshot, event)
        case Returned() | Failed():
            return _answer(machine, snapshot, event)
        case Fired():
            return _fire(machine, snapshot, event)
        case Decided():
            return _decide(machine, snapshot, event)
        case Cancel():
            return _cancel(machine, snapshot, event)
        case Start():
            return _begin(machine, snapshot, event)
        case _:
            assert_never(event)


def _begin(machine: Machine, before: Snapshot, event: Start) -> Step | Rejected:
    if before.seq:
        return Rejected(event, "started", "the instance was started before")
    run = Macrostep(machine, before, event, event.at)
    run.inputs = event.inputs
    run.context = Map({**machine.context, **event.inputs})
    for number in machine.starting:
        run.take(number, region_state(before.regions, number), machine.regions[number].start, EMPTY)
    return run.settle()


def _receive(machine: Machine, before: Snapshot, event: Event) -> Step | Rejected:
    if short := short_cut(machine, before, event):
        return short
    if refusal := _not_running(before, event):
        return refusal
    queue = before.flight.queue
    if queue:
        return Rejected(event, "busy", f"{queue[0].op.handler} is still running", allowed(machine, before))
    run = Macrostep(machine, before, event, event.at)
    if run.offer(event):
        return run.settle()
    return _unexpected(run, event)


def _not_running(before: Snapshot, event: Event | Decided | Cancel) -> Rejected | None:
    if before.ended:
        return Rejected(event, "terminal", "the instance has ended")
    return None if before.seq else Rejected(event, "unstarted", "the instance was not started")


def _unexpected(run: Macrostep, event: Event) -> Step | Rejected:
    """No region took the event: what the states where it was offered say of that."""
    machine, before = run.machine, run.before
    states = run.asked(event)
    policies = {state.unexpected for state in states}
    if "defer" in policies:
        if len(before.flight.deferred) < MOST_DEFERRED:
            run.deferred += (event,)
            return run.done("deferred")
        return run.refuse("full", f"{MOST_DEFERRED:,} events are deferred already")
    if "ignore" in policies:
        return run.done("ignored")
    where = ", ".join(known(state.name) for state in states)
    if machine.known(event.name) in allowed(machine, before):
        if len(machine.regions) > 1:
            waiting = zip(machine.listeners[event.name], states, strict=True)
            asked = (machine.regions[number].name for number, state in waiting if state.on.get(event.name))
            return run.refuse("guard", f"its data is not what {', '.join(asked)} waits for: `match` does not hold")
        return run.refuse("guard", f"in {where} no guard holds for it")
    return run.refuse("unexpected", f"{where} does not accept it" if where else "nothing waits for it")


def _answer(machine: Machine, before: Snapshot, event: Returned | Failed) -> Step | Rejected:
    call = before.flight.calls.get(event.call)
    if call is None:
        return Rejected(event, "stale", "the call is not open")
    run = Macrostep(machine, before, event, event.at)
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
        if len(machine.regions) > 1:  # a step is over when its handler answers, be it with an event
            run.pull(machine.numbers[call.region], DONE + call.owner, event.answer.data)
    return run.settle()


def _fire(machine: Machine, before: Snapshot, event: Fired) -> Step | Rejected:
    name = (event.region, event.timer)
    deadline = before.flight.deadlines.get(name)
    if deadline is None:
        return Rejected(event, "stale", "the timer is not set")
    run = Macrostep(machine, before, event, max(event.at, deadline))
    run.deadlines = run.deadlines.delete(name)
    if event.timer != BACKOFF:
        run.pull(machine.numbers[event.region], event.timer, EMPTY)
        run.abandon_action()
    return run.settle()


def _cancel(machine: Machine, before: Snapshot, event: Cancel) -> Step | Rejected:
    if refusal := _not_running(before, event):
        return refusal
    run = Macrostep(machine, before, event, event.at)
    if not ((event.now and run.pull(0, CANCEL_NOW, EMPTY)) or run.pull(0, CANCEL, EMPTY)):
        return run.refuse("unexpected", "it is about to end already")
    run.abandon_action()
    return run.settle()


def _decide(machine: Machine, before: Snapshot, event: Decided) -> Step | Rejected:
    if refusal := _not_running(before, event):
        return refusal
    region = event.task.removeprefix(f"{before.instance}/").partition("/")[0]
    task = before.book.tasks.get(region)
    if task is None or task.id != event.task:
        return Rejected(event, "stale", "the task is not open: it was decided, or nobody waits for it any more")
    run = Macrostep(machine, before, event, event.at)
    told = {"decision": event.decision, "by": event.by, "comments": event.comments, "result": event.result}
    if not run.pull(machine.numbers[task.step], DECIDED, Object({**told, "at": run.at})):
        known = task.details.get("decisions", ())
        return run.refuse("guard", f"{event.decision} is none of what can be decided: {', '.join(known)}")
    return run.settle()
