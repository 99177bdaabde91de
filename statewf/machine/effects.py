"""Effects: what is to be done, as data. Whoever runs a machine performs them after keeping the step.

The mirror of `events`. Nothing here does anything.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from statewf.machine.events import CallId
from statewf.values.frozen import Json, Map, Object

ACTION = ""  # the owner of a function action's call; the call of an `invoke` names its state


class Call(NamedTuple):
    """Call a handler. It stays open in the snapshot until it is answered or recalled.

    `key` is the same for all attempts of one visit, and across crashes: the idempotency key of the
    side effect. `context` is what the handler sees, `step` the state or step that calls.
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


class Recall(NamedTuple):
    """Nobody waits for this call any more: stop it if it runs."""

    call: CallId


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


class Finish(NamedTuple):
    """The instance ended in this state, with `success` or `failure`."""

    state: str
    outcome: str


Effect: TypeAlias = Call | Recall | SetTimer | CancelTimer | Emit | Finish
