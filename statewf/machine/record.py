"""What people are shown of steps: history rows, receipts, the outputs of an instance.

Stands beside `step` and above `snapshot`; stores, simulators and the command line all show the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

import attrs

from statewf.errors import EventRejected
from statewf.machine.book import in_order
from statewf.machine.effects import Emit, Task
from statewf.machine.events import AnyEvent, Cancel, Decided, Event, Failed, Fired, Returned, Start
from statewf.machine.fsm import Machine, Track
from statewf.machine.naming import base, known
from statewf.machine.snapshot import (
    Disposition,
    Note,
    Rejected,
    Snapshot,
    Step,
    active,
    allowed,
    moves,
    region_state,
)
from statewf.values.frozen import Json, Object


@attrs.frozen
class Receipt:
    """The answer to an event that was not rejected.

    `disposition` is accepted, deferred, ignored or duplicate; a duplicate is told for the rest what the
    first one was told. `seq` is the number of its history row.
    """

    event: str
    disposition: Disposition | Literal["duplicate"]
    seq: int
    state: str
    allowed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def receipt(machine: Machine, step: Step) -> Receipt:
    """What the sender of a step's event is told."""
    notes = tuple(note.text for note in step.notes)
    state = state_of(step.after)
    return Receipt(
        event_name(step.event), step.disposition, step.after.seq, state, allowed(machine, step.after), notes
    )


def state_of(snapshot: Snapshot) -> str:
    """The local state of the first region: the state of a state machine, or of a workflow as a whole."""
    return known(region_state(snapshot.regions, 0)[0])


def steps_of(machine: Machine, snapshot: Snapshot) -> Iterator[tuple[str, str, int]]:
    """The steps of a workflow, each with its state and attempt, in document order."""
    for number, region in enumerate(machine.regions[1:], 1):
        state, attempt, _ = region_state(snapshot.regions, number)
        yield region.name, base(state), attempt


def tasks_of(machine: Machine, snapshot: Snapshot) -> tuple[Task, ...]:
    """The open tasks of a workflow, in document order."""
    return tuple(sorted(snapshot.book.tasks.values(), key=lambda task: machine.numbers[task.step]))


def was_open(machine: Machine, snapshot: Snapshot, task: str) -> bool:
    """Whether there is, or was, a task of that id."""
    region, _, visit = task.removeprefix(f"{snapshot.instance}/").partition("/")
    number, _, _ = visit.partition("/")
    place = machine.numbers.get(region)
    visits = 0 if place is None else region_state(snapshot.regions, place)[2]
    return number.isascii() and number.isdecimal() and 0 < int(number[:20]) <= visits


def slug(name: str) -> str:
    """A machine's name as ids of instances begin: letters, digits and hyphens, which are easily typed."""
    return "-".join("".join(c if c.isalnum() else " " for c in name.lower()).split()) or "instance"


AT_REST = ("waiting", "succeeded", "failed", "skipped", "cancelled", "compensated", "compensation-failed")


def busy_regions(machine: Machine, snapshot: Snapshot) -> tuple[str, ...]:
    """The steps of a workflow that something happens in now, in document order."""
    names = (region.name for region in machine.regions[1:])
    states = active(snapshot)[1:]
    return tuple(name for name, state in zip(names, states, strict=True) if base(state) not in AT_REST)


def status(machine: Machine, snapshot: Snapshot) -> tuple[str, Object]:
    """The event that tells who asks for an instance again how it is: what it came to, or where it is."""
    instance = Object({"requestId": snapshot.instance})
    if snapshot.ended == "success" and len(machine.regions) > 1:
        return "ServiceResult.deliver", Object({**instance, "outputs": delivered(snapshot), "cached": True})
    current = busy_regions(machine, snapshot)
    state = state_of(snapshot)
    where = {"currentStep": current[0] if current else None, "currentSteps": current, "state": state}
    return "ServiceProgress.status", Object({**instance, "status": state if snapshot.ended else "running", **where})


def delivered(snapshot: Snapshot) -> Object:
    """What a workflow delivers."""
    book = snapshot.book
    return Object(
        {
            "success": succeeded(snapshot),
            "results": Object(sorted(book.results.items())),
            "completedSteps": in_order(book.completed),
            "failedSteps": in_order(book.failed),
        }
    )


def succeeded(snapshot: Snapshot) -> bool:
    """Whether it ended well, and none of the outermost steps failed."""
    return snapshot.ended == "success" and not snapshot.book.failed


def event_name(event: AnyEvent) -> str:
    """What a history calls an event; names that start with `$` are the machine's own."""
    match event:
        case Event():
            return event.name
        case Start():
            return "$start"
        case Returned():
            return event.answer.name if event.answer is not None else "$returned"
        case Failed():
            return "$failed"
        case Fired():
            return event.timer
        case Decided():
            return "$decided"
        case Cancel():
            return "$cancel"


def event_data(event: AnyEvent) -> Json:
    """The data of an event, as a history shows it: of a reply, what the handler said."""
    match event:
        case Event():
            return event.data
        case Start():
            return event.inputs
        case Returned():
            return event.answer.data if event.answer is not None else event.result
        case Failed():
            return Object({"error": event.error, "message": event.message})
        case Fired():
            return None
        case Decided(task, decision, by, comments, result):
            told = {"task": task, "decision": decision, "by": by, "comments": comments, "result": result}
            return Object({name: value for name, value in told.items() if value is not None})
        case Cancel():
            return Object({"now": event.now})


class Trace(NamedTuple):
    """What a history keeps of a step: all but the snapshots, which the events make again.

    `handler` is whose reply the event is.
    """

    seq: int
    at: int
    event: AnyEvent
    path: Track
    disposition: Disposition
    notes: tuple[Note, ...]
    handler: str | None


def trace(step: Step) -> Trace:
    """The trace that a step leaves."""
    event = step.event
    handler = step.before.flight.calls[event.call].handler if isinstance(event, Returned | Failed) else None
    told = (step.after.seq, step.after.at, event, step.path, step.disposition, step.notes)
    return Trace(*told, handler)


def row(step: Step) -> dict[str, Any]:
    """One history row: the event, and what changed.

    A reply also names its `handler`; `disposition` and `notes` are there only when there is something to say.
    """
    return row_of(trace(step))


def row_of(trace: Trace) -> dict[str, Any]:
    """The row that a trace tells."""
    shown: dict[str, Any] = {
        "seq": trace.seq,
        "at": trace.at,
        "event": event_name(trace.event),
        "data": event_data(trace.event),
        "changes": _changes(trace),
    }
    if trace.handler is not None:
        shown["handler"] = trace.handler
    if trace.disposition != "accepted":
        shown["disposition"] = trace.disposition
    if trace.notes:
        shown["notes"] = [told(note) for note in trace.notes]
    return shown


def _changes(trace: Trace) -> list[dict[str, Any]]:
    changes = []
    for region, source, target, attempt, entered in moves(trace.path):
        before, after = known(source), known(target)
        if before != after or entered:
            changes.append({"region": region, "from": before or None, "to": after, "attempt": attempt})
    return changes


def told(note: Note) -> str:
    """A note as one line of text."""
    return f"{note.kind}: {note.text}"


def outputs(steps: Sequence[Step], rejected: Sequence[str] = (), cost: str | None = None) -> dict[str, Any]:
    """What an instance has come to, from all its steps: the output document of `run` and `simulate`.

    `rejected` names the events that were refused; answers of handlers that nobody accepted are added.
    `elapsed` (ms) runs from the start to the end, or to the last step. `cost` is decimal text, if it costs anything.
    """
    after = steps[-1].after
    book = after.book
    ended = next((step.after.at for step in steps if step.after.ended), after.at)
    return {
        "instance": after.instance,
        "state": state_of(after),
        "success": succeeded(after),
        "results": dict(sorted(book.results.items())),
        "context": {key: after.context[key] for key in sorted(after.context)},
        "completedSteps": in_order(book.completed),
        "failedSteps": in_order(book.failed),
        "compensations": in_order(book.undone),
        "path": in_order(book.path),
        "emitted": [
            {"event": effect.event, "data": effect.data, "at": step.after.at}
            for step in steps
            for effect in step.effects
            if isinstance(effect, Emit)
        ],
        "rejected": [*rejected, *refused_answers(steps)],
        "undelivered": [event.name for event in after.flight.deferred] if after.ended else [],
        "history": [row(step) for step in steps],
        "elapsed": ended - steps[0].after.at,
        "cost": cost,
    }


def refused_answers(steps: Iterable[Step]) -> list[str]:
    """The events that handlers answered with and nobody accepted."""
    return [note.event for step in steps for note in step.notes if note.kind == "refused"]


def rejection(rejected: Rejected) -> EventRejected:
    """What is raised where the event was sent."""
    event, reason, message, allowed, faults = rejected
    return EventRejected(event_name(event), reason, message, allowed, faults)


def why(rejected: Rejected) -> str:
    """A rejection as one line of text."""
    return f"{event_name(rejected.event)} was rejected ({rejected.reason}): {rejected.message}"
