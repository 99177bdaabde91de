"""Steps and snapshots as JSON documents, and back.

A row is what people are shown (`machine.record.row`) and the few names that a replay needs besides,
so that one representation serves both. Nothing but JSON is ever stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from statewf.machine.book import BLANK, Book, Line, in_order
from statewf.machine.effects import Call, Task
from statewf.machine.events import AnyEvent, CallId, Cancel, Decided, Event, Failed, Fired, Returned, Start
from statewf.machine.fsm import Delay, Do, Open
from statewf.machine.record import row
from statewf.machine.snapshot import Flight, Queued, Snapshot, Step
from statewf.values.frozen import Json, Map, Object, restored

SHOWN = ("seq", "at", "event", "data", "changes", "handler", "disposition", "notes")


def encode_step(step: Step) -> dict[str, Any]:
    """A row that shows a step and lets it be replayed; `sent` is when its event says it was, if not then."""
    document = row(step)
    if step.event.at != step.after.at:
        document["sent"] = step.event.at
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
        case Start() | Decided() | Cancel():
            pass
    return document


def shown(document: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a stored row that people are shown."""
    return {name: document[name] for name in SHOWN if name in document}


def decode_event(document: Mapping[str, Any]) -> AnyEvent:
    """The event of a stored row."""
    name, data, at = document["event"], document["data"], document.get("sent", document["at"])
    match name:
        case "$start":
            return Start(_object(data), at)
        case "$failed":
            call = CallId(*document["call"])
            return Failed(call, data["error"], data["message"], at, document["retryable"])
        case "$cancel":
            return Cancel(at, data["now"])
        case "$decided":
            return Decided(**_object(data), at=at)
        case "$returned":
            return Returned(CallId(*document["call"]), restored(data), at)
    if "call" in document:
        return Returned(CallId(*document["call"]), None, at, Event(name, data))
    if "region" in document:
        return Fired(document["region"], name, at)
    return Event(name, data, at, document.get("key"))


def encode_snapshot(snapshot: Snapshot) -> dict[str, Any]:
    """A snapshot without its inputs, which never change and are kept with the instance."""
    flight = snapshot.flight
    seen = _Seen(snapshot)
    document = {
        "seq": snapshot.seq,
        "at": snapshot.at,
        "context": snapshot.context,
        "regions": snapshot.regions,
        "deadlines": sorted([region, timer, at] for (region, timer), at in flight.deadlines.items()),
        "calls": [_call(flight.calls[number], seen) for number in sorted(flight.calls)],
        "queue": [_queued(queued, seen) for queued in flight.queue],
        "raised": flight.raised,
        "deferred": flight.deferred,
        "ended": snapshot.ended,
        **_book(snapshot.book),
    }
    return {**document, "seen": seen.earlier} if seen.earlier else document


def decode_snapshot(document: Mapping[str, Any], instance: str, inputs: Object) -> Snapshot:
    """The snapshot again."""
    context = Map(_object(document["context"]))
    book = _decode_book(document)
    earlier = [Map(_object(seen)) for seen in document.get("seen", ())]
    known = [*earlier, context, book.results]
    calls = [_decode_call(call, known) for call in document["calls"]]
    flight = Flight(
        Map({(region, timer): at for region, timer, at in document["deadlines"]}),
        Map({call.id: call for call in calls}),
        Map({(call.region, call.owner): call.id for call in calls if call.owner}),
        tuple(_decode_queued(queued, known) for queued in document["queue"]),
        tuple(Event(*event) for event in document["raised"]),
        tuple(Event(*event) for event in document["deferred"]),
    )
    regions = tuple(tuple(chunk) for chunk in document["regions"])
    seq, at, ended = document["seq"], document["at"], document["ended"]
    return Snapshot(instance, seq, at, inputs, context, regions, flight, ended, book)


def encode_task(task: Task) -> list[Any]:
    """A task, its fields in order."""
    return list(task)


def decode_task(document: list[Any]) -> Task:
    """The task again."""
    key, instance, step, person, details, due = document
    return Task(key, instance, step, restored(person), _object(details), due)


def _object(value: Any) -> Object:
    frozen = restored(value)
    assert isinstance(frozen, Object)
    return frozen


def _book(book: Book) -> dict[str, Any]:
    """What the regions know of each other; nothing, where there is one region."""
    if book is BLANK:
        return {}
    return {
        "results": book.results,
        "errors": book.errors,
        "counters": sorted([*name, left] for name, left in book.counters.items()),
        "completed": in_order(book.completed),
        "failed": in_order(book.failed),
        "undone": in_order(book.undone),
        "path": in_order(book.path),
        "ranks": book.ranks,
        "lines": {block: [*line, *_in_line(book, block)] for block, line in book.lines.items()},
        "tasks": [encode_task(book.tasks[region]) for region in sorted(book.tasks)],
        "awaiting": sorted(book.awaiting),
    }


def _in_line(book: Book, block: str) -> Iterator[str]:
    line = book.lines[block]
    return (book.waiting[block, number] for number in range(line.first, line.last))


def _decode_book(document: Mapping[str, Any]) -> Book:
    if "results" not in document:
        return BLANK
    lines = {block: Line(*numbers[:3]) for block, numbers in document["lines"].items()}
    waiting = {
        (block, lines[block].first + i): region
        for block, numbers in document["lines"].items()
        for i, region in enumerate(numbers[3:])
    }
    tasks = [decode_task(task) for task in document["tasks"]]
    return Book(
        Map(_object(document["results"])),
        Map(_object(document["errors"])),
        Map({(region, counter): left for region, counter, left in document["counters"]}),
        Map(dict(enumerate(document["completed"]))),
        Map(dict(enumerate(document["failed"]))),
        Map(dict(enumerate(map(_object, document["undone"])))),
        Map(dict(enumerate(document["path"]))),
        Map(document["ranks"]),
        Map(lines),
        Map(waiting),
        Map({task.step: task for task in tasks}),
        Map(dict.fromkeys(document["awaiting"])),
    )


# A call sees the context and the results of when it was made, an action the context it was queued in; what is
# called when its turn comes (an invoke) has none yet. Mostly that is what they are now, and many see the same:
# each is written once, and told by its place: -2 is the context as it is now, -1 the results.

CONTEXT, RESULTS = -2, -1


class _Seen:
    """What calls see, other than what is there now."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.earlier: list[Map[str, Json]] = []
        self._places = {id(snapshot.context): CONTEXT, id(snapshot.book.results): RESULTS}

    def place(self, seen: Map[str, Json] | None) -> int | None:
        """Where it is written."""
        if seen is None:
            return None
        if id(seen) not in self._places:
            self._places[id(seen)] = len(self.earlier)
            self.earlier.append(seen)
        return self._places[id(seen)]


def _call(call: Call, seen: _Seen) -> list[Any]:
    return [*call[:8], seen.place(call.context), seen.place(call.results), call.stopped]


def _decode_call(document: list[Any], seen: list[Map[str, Json]]) -> Call:
    number, region, owner, step, handler, params, attempt, key, context, results, stopped = document
    of = (CallId(*number), region, owner, step, handler, _object(params))
    return Call(*of, attempt, key, seen[context], seen[results], stopped)


def _queued(queued: Queued, seen: _Seen) -> dict[str, Any]:
    op = queued.op
    document: dict[str, Any] = {"step": op.step, "handler": op.handler, "params": op.params}
    match op:
        case Do(slot=slot, max_attempts=attempts, delay=delay):
            document["slot"] = slot
            document["policy"] = [attempts, delay.base, delay.growth, delay.cap, delay.jitter]
            if op.within:
                document["within"] = op.within
        case Open(owner=owner):
            document["owner"] = owner
            document["slot"] = op.slot
    waiting = [queued.region, queued.key, queued.attempt, queued.call]
    return {**document, "waiting": waiting, "context": seen.place(queued.context)}


def _decode_queued(document: dict[str, Any], seen: list[Map[str, Json]]) -> Queued:
    step, handler, params = document["step"], document["handler"], _object(document["params"])
    op: Do | Open
    if "owner" in document:
        op = Open(document["owner"], step, handler, params, document["slot"])
    else:
        attempts, *delay = document["policy"]
        op = Do(step, handler, document["slot"], params, attempts, Delay(*delay), document.get("within", ""))
    region, key, attempt, call = document["waiting"]
    number = None if call is None else CallId(*call)
    context = None if document["context"] is None else seen[document["context"]]
    return Queued(op, region, key, attempt, context, number)
