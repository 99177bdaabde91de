"""What people are shown of steps: history rows, receipts, the outputs of an instance.

Stands beside `step` and above `snapshot`; stores, simulators and the command line all show the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import attrs

from statewf.machine.effects import Emit
from statewf.machine.events import AnyEvent, Cancel, Event, Failed, Fired, Returned, Start
from statewf.machine.fsm import Machine
from statewf.machine.snapshot import Disposition, Note, Rejected, Snapshot, Step, allowed, region_state
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
    return region_state(snapshot.regions, 0)[0]


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
        case Cancel():
            return Object({"now": event.now})


def row(step: Step) -> dict[str, Any]:
    """One history row: the event, and what changed.

    A reply also names its `handler`; `disposition` and `notes` are there only when there is something to say.
    """
    shown: dict[str, Any] = {
        "seq": step.after.seq,
        "at": step.after.at,
        "event": event_name(step.event),
        "data": event_data(step.event),
        "changes": [
            {"region": move.region, "from": move.source or None, "to": move.target, "attempt": move.attempt}
            for move in step.moves
        ],
    }
    if isinstance(step.event, Returned | Failed):
        shown["handler"] = step.before.flight.calls[step.event.call].handler
    if step.disposition != "accepted":
        shown["disposition"] = step.disposition
    if step.notes:
        shown["notes"] = [told(note) for note in step.notes]
    return shown


def told(note: Note) -> str:
    """A note as one line of text."""
    return f"{note.kind}: {note.text}"


def outputs(steps: Sequence[Step], rejected: Sequence[str] = ()) -> dict[str, Any]:
    """What an instance has come to, from all its steps: the output document of `run` and `simulate`.

    `rejected` names the events that were refused; answers of handlers that nobody accepted are added.
    `elapsed` (ms) runs from the start to the end, or to the last step.
    """
    after = steps[-1].after
    ended = next((step.after.at for step in steps if step.after.ended), after.at)
    return {
        "instance": after.instance,
        "state": state_of(after),
        "success": after.ended == "success",
        "results": {},
        "context": {key: after.context[key] for key in sorted(after.context)},
        "completedSteps": [],
        "failedSteps": [],
        "compensations": [],
        "path": [],
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
        "cost": None,
    }


def refused_answers(steps: Iterable[Step]) -> list[str]:
    """The events that handlers answered with and nobody accepted."""
    return [note.event for step in steps for note in step.notes if note.kind == "refused"]


def why(rejected: Rejected) -> str:
    """A rejection as one line of text."""
    return f"{event_name(rejected.event)} was rejected ({rejected.reason}): {rejected.message}"
