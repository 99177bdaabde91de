"""Effects: what is to be done, as data. Whoever runs a machine performs them after keeping the step.

The mirror of `events`. Nothing here does anything.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from statewf.machine.events import CallId
from statewf.values.frozen import Json, Map, Object

NOTHING: Map[str, Json] = Map()
ACTION = ""  # the owner of a function action's call; the call of an `invoke` names its state


class Call(NamedTuple):
    """Call a handler. It stays open in the snapshot until it is answered or recalled.

    `key` is the same for all attempts of one visit, and across crashes: the idempotency key of the
    side effect. `context` and `results` are what the handler sees, `step` is the state or step that calls.
    A call that was `stopped` is waited for, but not made again after a crash.
    """

    id: CallId
    region: str
    owner: str
    step: str
    handler: str
    params: Object
    attempt: int
    key: str
    context: Map[str, Json]
    results: Map[str, Json] = NOTHING
    stopped: bool = False


class Recall(NamedTuple):
    """Stop this call if it runs. If it is `awaited`, answer it when its handler has ended; else nobody listens."""

    call: CallId
    awaited: bool = False


class SetTimer(NamedTuple):
    """Send `Fired(region, timer)` at this time; it replaces an earlier one of the same name."""

    region: str
    timer: str
    at: int


class CancelTimer(NamedTuple):
    """That timer is no longer wanted."""

    region: str
    timer: str


class Emit(NamedTuple):
    """Tell the subscribers of this event."""

    event: str
    data: Json


class Task(NamedTuple):
    """Something that a person is to decide. Times are milliseconds; `due_at` None: it may wait for ever."""

    id: str
    instance: str
    step: str
    assigned_to: Json
    details: Object
    due_at: int | None


class OpenTask(NamedTuple):
    """Put a task on somebody's list; one of the same id is replaced, being given to somebody else."""

    task: Task


class CloseTask(NamedTuple):
    """That task was decided, or nobody waits for it any more."""

    task: str


class Finish(NamedTuple):
    """The instance ended in this state, with `success` or `failure`."""

    state: str
    outcome: str


Effect: TypeAlias = Call | Recall | SetTimer | CancelTimer | Emit | OpenTask | CloseTask | Finish
