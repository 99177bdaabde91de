"""What one process asks of another, and what it is told, as JSON: the two sides of the inbox say it here.

Above: `guest`, which asks, and `inbox`, which answers. An answer is what the verb returns, or `{"error": ...}`, which
is raised where it was asked as if it had happened there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from statewf import errors
from statewf.errors import Diagnostic, EventRejected, InputError, StatewfError, StoreError
from statewf.machine.events import Decided, Event
from statewf.machine.record import Receipt
from statewf.values.frozen import Json, Object, freeze_object

# Those that are made of a message alone
PLAIN = {
    kind.__name__: kind
    for kind in (
        *(errors.RequestConflict, errors.KeyConflict, errors.Archived, errors.UnknownTask),
        *(errors.UnknownInstance, errors.UnknownMachine),
        *(errors.StoreError, errors.StoreBusy, errors.Closed, errors.StatewfError),
    )
}


@attrs.frozen
class StartRequest:
    """Start an instance."""

    name: str
    inputs: Object
    request_id: str | None
    restart: bool


@attrs.frozen
class SendRequest:
    """Send an event."""

    instance: str
    event: Event


@attrs.frozen
class CancelRequest:
    """End an instance."""

    instance: str
    now: bool


@attrs.frozen
class DecideRequest:
    """Decide a task."""

    decided: Decided


Request = StartRequest | SendRequest | CancelRequest | DecideRequest


def written(request: Request, bell: int) -> Json:
    """A request as JSON, with the bell of who asks."""
    match request:
        case StartRequest(name, inputs, request_id, restart):
            return Object({"verb": "start", "of": (name, inputs, request_id, restart), "bell": bell})
        case SendRequest(instance, event):
            of = (instance, event.name, event.data, event.key)
            return Object({"verb": "send", "of": of, "bell": bell})
        case CancelRequest(instance, now):
            return Object({"verb": "cancel", "of": (instance, now), "bell": bell})
        case DecideRequest(decided):
            return Object({"verb": "complete", "of": tuple(decided[:5]), "bell": bell})


def bell_of(document: Json) -> int:
    """The bell of who asked; 0 if it has none."""
    match document:
        case {"bell": int(bell)}:
            return bell
    return 0


def read(document: Json) -> Request:
    """The request again. Raises DataError, StoreError when it is none."""
    match document:
        case {"verb": "start", "of": (str(name), inputs, str() | None as request_id, bool(restart))}:
            return StartRequest(name, freeze_object(inputs, "the inputs"), request_id, restart)
        case {"verb": "send", "of": (str(instance), str(name), data, str() | None as key)}:
            return SendRequest(instance, Event(name, data, 0, key))
        case {"verb": "cancel", "of": (str(instance), bool(now))}:
            return CancelRequest(instance, now)
        case {"verb": "complete", "of": (str(task), str(decision), by, comments, result)}:
            return DecideRequest(Decided(task, decision, by, comments, result))
    raise StoreError("the request is damaged, or of another version of statewf")


def written_receipt(receipt: Receipt) -> Json:
    """A receipt as the answer."""
    return Object(attrs.asdict(receipt))


def written_instance(instance: str) -> Json:
    """An instance as the answer."""
    return Object({"instance": instance})


def receipt_of(answer: Mapping[str, Any]) -> Receipt:
    """The receipt that was the answer. Raises what is told instead."""
    told = _told(answer)
    try:
        return Receipt(**told)
    except TypeError as error:
        raise StoreError(f"the answer is damaged: {error}") from error


def instance_of(answer: Mapping[str, Any]) -> str:
    """The instance that was the answer. Raises what is told instead."""
    return str(_told(answer)["instance"])


def refusal(error: StatewfError) -> Json:
    """An error as the answer."""
    told: dict[str, Any] = {"error": type(error).__name__, "message": str(error)}
    if isinstance(error, EventRejected):
        told |= {name: getattr(error, name) for name in ("event", "reason", "plain", "allowed", "faults")}
    elif isinstance(error, InputError):
        told |= {"source": error.source, "diagnostics": tuple(Object(attrs.asdict(d)) for d in error.diagnostics)}
    return Object(told)


def _told(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """The answer, unless it is an error: that is raised."""
    name = answer.get("error")
    if name is None:
        return answer
    if name == "EventRejected":
        raise EventRejected(*(answer[part] for part in ("event", "reason", "plain", "allowed", "faults")))
    if "diagnostics" in answer:
        kind = getattr(errors, name, errors.DataError)
        raise kind([Diagnostic(**dict(d)) for d in answer["diagnostics"]], answer["source"])
    raise PLAIN.get(name, StatewfError)(answer["message"])
