"""Steps and snapshots as JSON documents, and back.

A row is what people are shown (`machine.record.row`) and the few names that a replay needs besides,
so that one representation serves both. Nothing but JSON is ever stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from statewf.machine.effects import Call
from statewf.machine.events import AnyEvent, CallId, Cancel, Event, Failed, Fired, Returned, Start
from statewf.machine.fsm import Delay, Do, Open
from statewf.machine.record import row
from statewf.machine.snapshot import Flight, Queued, Snapshot, Step
from statewf.values.frozen import Json, Map, Object, freeze

SHOWN = ("seq", "at", "event", "data", "changes", "handler", "disposition", "notes")


def encode_step(step: Step) -> dict[str, Any]:
    """A row that shows a step and lets it be replayed."""
    document = row(step)
    match step.event:
        case Event(key=key):
            if key is not None:
                document["key"] = key
        case Returned(call=call):
            document["call"] = list(call)
        case Failed(call=call, retryable=retryable):
            document["call"] = list(call)
            document["retryable"] = retryable
        case Fired(region=region):
            document["region"] = region
        case Start() | Cancel():
            pass
    document["sent"] = step.event.at
    return document


def shown(document: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a stored row that people are shown."""
    return {name: document[name] for name in SHOWN if name in document}


def decode_event(document: Mapping[str, Any]) -> AnyEvent:
    """The event of a stored row."""
    name, data, at = document["event"], document["data"], document["sent"]
    match name:
        case "$start":
            return Start(_object(data), at)
        case "$failed":
            call = CallId(*document["call"])
            return Failed(call, data["error"], data["message"], at, document["retryable"])
        case "$cancel":
            return Cancel(at, data["now"])
        case "$returned":
            return Returned(CallId(*document["call"]), freeze(data), at)
    if "call" in document:
        return Returned(CallId(*document["call"]), None, at, Event(name, data))
    if "region" in document:
        return Fired(document["region"], name, at)
    return Event(name, data, at, document.get("key"))


def encode_snapshot(snapshot: Snapshot) -> dict[str, Any]:
    """A snapshot without its inputs, which never change and are kept with the instance."""
    flight = snapshot.flight
    return {
        "seq": snapshot.seq,
        "at": snapshot.at,
        "context": snapshot.context,
        "regions": snapshot.regions,
        "deadlines": sorted([region, timer, at] for (region, timer), at in flight.deadlines.items()),
        "calls": [_call(flight.calls[number], snapshot) for number in sorted(flight.calls)],
        "queue": [_queued(queued, snapshot) for queued in flight.queue],
        "raised": flight.raised,
        "deferred": flight.deferred,
        "ended": snapshot.ended,
    }


def decode_snapshot(document: Mapping[str, Any], instance: str, inputs: Object) -> Snapshot:
    """The snapshot again."""
    context = Map(_object(document["context"]))
    calls = [_decode_call(call, context) for call in document["calls"]]
    flight = Flight(
        Map({(region, timer): at for region, timer, at in document["deadlines"]}),
        Map({call.id: call for call in calls}),
        Map({(call.region, call.owner): call.id for call in calls if call.owner}),
        tuple(_decode_queued(queued, context) for queued in document["queue"]),
        tuple(Event(*event) for event in document["raised"]),
        tuple(Event(*event) for event in document["deferred"]),
    )
    regions = tuple(tuple(chunk) for chunk in document["regions"])
    seq, at, ended = document["seq"], document["at"], document["ended"]
    return Snapshot(instance, seq, at, inputs, context, regions, flight, ended)


def _object(value: Any) -> Object:
    frozen = freeze(value)
    assert isinstance(frozen, Object)
    return frozen


# A call sees the context it was made in, an action the one it was queued in. Mostly that is the context as
# it is, written as "now"; what is called when its turn comes (an invoke) has none yet, written as null.


def _context(context: Map[str, Json] | None, snapshot: Snapshot) -> Any:
    return "now" if context is snapshot.context or context == snapshot.context else context


def _decode_context(document: Any, now: Map[str, Json]) -> Map[str, Json] | None:
    if document == "now":
        return now
    return None if document is None else Map(_object(document))


def _call(call: Call, snapshot: Snapshot) -> list[Any]:
    return [*call[:-1], _context(call.context, snapshot)]


def _decode_call(document: list[Any], now: Map[str, Json]) -> Call:
    number, region, owner, step, handler, params, attempt, key, context = document
    seen = _decode_context(context, now)
    assert seen is not None, "an open call has a context"
    return Call(CallId(*number), region, owner, step, handler, _object(params), attempt, key, seen)


def _queued(queued: Queued, snapshot: Snapshot) -> dict[str, Any]:
    op = queued.op
    document: dict[str, Any] = {"step": op.step, "handler": op.handler, "params": op.params}
    match op:
        case Do(slot=slot, max_attempts=attempts, delay=delay):
            document["slot"] = slot
            document["policy"] = [attempts, delay.base, delay.growth, delay.cap, delay.jitter]
        case Open(owner=owner):
            document["owner"] = owner
            document["slot"] = op.slot
    waiting = [queued.region, queued.key, queued.attempt, queued.call]
    return {**document, "waiting": waiting, "context": _context(queued.context, snapshot)}


def _decode_queued(document: dict[str, Any], now: Map[str, Json]) -> Queued:
    step, handler, params = document["step"], document["handler"], _object(document["params"])
    op: Do | Open
    if "owner" in document:
        op = Open(document["owner"], step, handler, params, document["slot"])
    else:
        attempts, *delay = document["policy"]
        op = Do(step, handler, document["slot"], params, attempts, Delay(*delay))
    region, key, attempt, call = document["waiting"]
    number = None if call is None else CallId(*call)
    return Queued(op, region, key, attempt, _decode_context(document["context"], now), number)
