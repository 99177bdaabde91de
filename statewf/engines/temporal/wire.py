"""What goes over the wire to Temporal and back: plain JSON, which its own tools can show and send.

A workflow is begun with a `Begin`. Its updates, signals and queries:

    update  send      {"event", "data", "key", "by"} -> {"receipt", "mark", "by"}
            complete  {"task", "decision", "by", "comments", "result"} -> {"receipt"}
            cancel    {"now"} -> {"receipt"}
    signal  send      {"event", "data", "key"}; a signal of another name is the event of that name, what it brings its data
    query   state, allowed, tasks: for anybody; look, definition, told, history: for `executor`

An update that had to wait, and was refused then, is answered `{"error": ...}`.

Below: the events and receipts of machines. Above: `workflow` and `executor`, the two sides.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import accumulate
from typing import Any, Literal, TypeAlias, TypedDict

import attrs

from statewf.engines.temporal import limits
from statewf.errors import DataError, Diagnostic
from statewf.machine.effects import Call, Task
from statewf.machine.events import CallId, Decided, Event, Failed, Returned
from statewf.machine.record import Receipt
from statewf.machine.work import Work
from statewf.runtime import requests
from statewf.values.canonical import compact
from statewf.values.frozen import Json, Map, Object, freeze, freeze_object, thaw

VERSION = 1  # of the interpreter: raised when it would make something else of a history that was begun before
TELL = "statewf.tell"  # the activity that tells subscribers
NO_HANDLER = "UnknownHandler"  # the error of an activity whose worker does not have its handler
CROWDED = "too many wait already"  # why an update is to be sent once more

# search attributes
OPEN, ANYBODY = "open", "*"  # there are tasks; and more people have one than can be listed
STATE, OUTCOME, TASKS, ASSIGNED = "StatewfState", "StatewfOutcome", "StatewfTasks", "StatewfAssignedTo"

Retries: TypeAlias = Literal["machine", "temporal"]


class Begin(TypedDict):
    """What a run begins with. All that decides what it does is here: another worker must do the same with its history.

    `longest` is how many events of Temporal's history it has before it goes on anew; `carried` where the run before it stopped
    (None: it is the first).
    """

    interpreter: int
    semantics: int
    definition: str
    inputs: dict[str, Any]
    retries: Retries
    heartbeat: float
    longest: int
    carried: dict[str, Any] | None


def begin_of(document: Any) -> Begin:
    """What a run begins with, as it is. Raises DataError for what is none; of another version only that is looked at."""
    wanted = ["interpreter", "semantics"]
    if isinstance(document, dict) and document.get("interpreter") == VERSION:
        wanted = list(Begin.__annotations__)
    missing = [name for name in wanted if not isinstance(document, dict) or name not in document]
    if missing:
        told = f"an instance is begun by `start` of an executor: there is no {', '.join(missing)}"
        raise DataError([Diagnostic("not-begun", told)])
    begin: Begin = document
    return begin


def size(document: Any) -> int:
    """How many bytes a document has on the wire."""
    return len(json.dumps(document))


# --- events


def written_event(event: Event, by: str) -> dict[str, Any]:
    """An event to be sent; `by` is a mark of who sends it, by which they know their own."""
    return {"event": event.name, "data": thaw(event.data), "key": event.key, "by": by}


def event_of(document: Mapping[str, Any]) -> Event:
    """The event again. Raises DataError."""
    return Event(document["event"], document.get("data"), 0, document.get("key"))


def written_decision(decided: Decided) -> dict[str, Any]:
    """A decision to be given."""
    task, decision, by, comments, result, _ = decided
    return {"task": task, "decision": decision, "by": by, "comments": comments, "result": thaw(result)}


def decision_of(document: Mapping[str, Any]) -> Decided:
    """The decision again. Raises DataError."""
    return Decided(**document)


def written_receipt(receipt: Receipt) -> dict[str, Any]:
    """A receipt as the answer of an update."""
    return {"receipt": attrs.asdict(receipt)}


def person(assigned_to: Json) -> str:
    """Whom a task is assigned to, as a word that can be searched for."""
    return word(assigned_to if isinstance(assigned_to, str) else compact(assigned_to))


def people(assigned: Iterable[Json]) -> list[str]:
    """All those, each once; or as many as can be listed, and that there are more."""
    words = list(dict.fromkeys(map(person, assigned)))
    sizes = accumulate(len(json.dumps(word)) + 1 for word in words)
    listed = [word for word, size in zip(words, sizes, strict=True) if size <= limits.WORDS]
    return listed if len(listed) == len(words) else [*listed, ANYBODY]


def word(text: str) -> str:
    """As much of a text as a search attribute holds."""
    return text[: limits.WORD]


def task_of(document: Mapping[str, Any]) -> Task:
    """A task that somebody is to decide."""
    details = freeze_object(document["details"], "the details")
    return Task(**{**document, "assigned_to": freeze(document["assigned_to"]), "details": details})


def receipt_of(document: Mapping[str, Any]) -> Receipt:
    """The receipt that was the answer of an update. Raises what it was refused by instead."""
    return requests.receipt_of(freeze_object(document.get("receipt", document), "the answer"))


# --- calls


def written_work(call: Call, instance: str, inputs: Object, *, again: bool) -> dict[str, Any]:
    """What an activity is given to make a call; `again`: Temporal is to try again if its handler fails."""
    return {
        "again": again,
        "call": list(call.id),
        "step": call.step,
        "attempt": call.attempt,
        "instance": instance,
        "key": call.key,
        "params": thaw(call.params),
        "inputs": thaw(inputs),
        "context": thaw(call.context),
        "results": thaw(call.results),
    }


def work_of(handler: str, document: Mapping[str, Any]) -> Work:
    """What the handler of that activity is given."""
    params, inputs = (
        freeze_object(document["params"], "the params"),
        freeze_object(document["inputs"], "the inputs"),
    )
    seen = [Map(freeze_object(document[name], name)) for name in ("context", "results")]
    told = (document["attempt"], document["step"], document["instance"], document["key"])
    return Work(handler, params, inputs, *told, *seen)


def written_reply(reply: Returned) -> dict[str, Any]:
    """What a handler returned: `{"result"}`, or `{"event", "data"}` if it answered with an event."""
    if reply.answer is not None:
        return {"event": reply.answer.name, "data": thaw(reply.answer.data)}
    return {"result": thaw(reply.result)}


def reply_of(call: CallId, document: Any, at: int) -> Returned | Failed:
    """The reply again; a failure, if that is no reply of ours."""
    if not isinstance(document, Mapping) or document.keys().isdisjoint(("event", "result")):
        return Failed(
            call, "DataError", "the activity's answer is none of a handler: whose worker is that?", at, False
        )
    if "event" in document:
        return Returned(call, None, at, Event(document["event"], document["data"]))
    return Returned(call, freeze(document["result"]), at)
