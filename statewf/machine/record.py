"""What people are shown of steps: history rows, receipts, the outputs of an instance.

Stands beside `step` and above `snapshot`; stores, simulators and the command line all show the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import attrs

from statewf.machine.events import AnyEvent, Cancel, Event, Failed, Fired, Returned, Start
from statewf.machine.fsm import Machine
from statewf.machine.snapshot import Disposition, Note, Rejected, Snapshot, Step, active, allowed
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
    return active(snapshot)[0]


def event_name(event: AnyEvent) -> str:
    """What a history calls an event; names that start with `$` are the machine's own."""
    match event:
        case Event():
            return event.name
        case Start():
            return "$start"
        case Returned():
            return "$returned"
        case Failed():
            return "$failed"
        case Fired():
            return event.timer
        case Cancel():
            return "$cancel"


def event_data(step: Step) -> Json:
    """The data of a step's event, as a history shows it."""
    match step.event:
        case Event() as event:
            return event.data
        case Start() as event:
            return event.inputs
        case Returned() as event:
            handler = step.before.flight.calls[event.call].handler
            if event.answer is not None:
                return Object({"handler": handler, "event": event.answer.name, "data": event.answer.data})
            return Object({"handler": handler, "result": event.result})
        case Failed() as event:
            handler = step.before.flight.calls[event.call].handler
            return Object({"handler": handler, "error": event.error, "message": event.message})
        case Fired():
            return None
        case Cancel() as event:
            return Object({"now": event.now})


def row(step: Step) -> dict[str, Any]:
    """One history row: the event, and what changed. Notes and a disposition only where there are any."""
    shown: dict[str, Any] = {
        "seq": step.after.seq,
        "at": step.after.at,
        "event": event_name(step.event),
        "data": event_data(step),
        "changes": [
            {"region": move.region, "from": move.source or None, "to": move.target, "attempt": move.attempt}
            for move in step.moves
        ],
    }
    if step.disposition != "accepted":
        shown["disposition"] = step.disposition
    if step.notes:
        shown["notes"] = [told(note) for note in step.notes]
    return shown


def told(note: Note) -> str:
    """A note as one line of text."""
    return f"{note.kind}: {note.text}"


def outputs(snapshot: Snapshot) -> dict[str, Any]:
    """What an instance has come to: the part of the output document that its snapshot knows."""
    return {
        "instance": snapshot.instance,
        "state": state_of(snapshot),
        "success": snapshot.ended == "success",
        "results": {},
        "context": {key: snapshot.context[key] for key in sorted(snapshot.context)},
        "completedSteps": [],
        "failedSteps": [],
        "compensations": [],
        "path": [],
        "undelivered": [event.name for event in snapshot.flight.deferred] if snapshot.ended else [],
    }


def refused_answers(steps: Iterable[Step]) -> list[str]:
    """The events that handlers answered with and nobody accepted."""
    return [note.text.split(",")[0] for step in steps for note in step.notes if note.kind == "refused"]


def why(rejected: Rejected) -> str:
    """A rejection as one line of text."""
    return f"{event_name(rejected.event)} was rejected ({rejected.reason}): {rejected.message}"
