"""What a handler sees of its call, and what becomes of its answer. The same for every way of running."""

from __future__ import annotations

from typing import Any

import attrs

from statewf.errors import DataError, NonRetryable
from statewf.machine.effects import Call
from statewf.machine.events import Event, Failed, Returned
from statewf.machine.snapshot import Snapshot
from statewf.values.frozen import Object, freeze


@attrs.frozen
class Work:
    """The argument of a handler.

    `key` is the same for all attempts of one visit, and across crashes: give it to whoever makes the
    side effect, so that doing it twice is the same as once. `step` is the state or step that calls.
    """

    handler: str
    params: Object
    inputs: Object
    context: Object
    results: Object
    attempt: int
    step: str
    instance: str
    key: str


def work(snapshot: Snapshot, call: Call) -> Work:
    """What the handler of an open call is given."""
    context = snapshot.context if call.context is None else call.context
    return Work(
        handler=call.handler,
        params=call.params,
        inputs=snapshot.inputs,
        context=Object({key: context[key] for key in sorted(context)}),
        results=Object(),
        attempt=call.attempt,
        step=call.owner or call.region,
        instance=snapshot.instance,
        key=call.key,
    )


def returned(call: Call, result: Any, at: int) -> Returned | Failed:
    """The reply of a handler that returned: a JSON value, or an event to be taken next."""
    if isinstance(result, Event):
        return Returned(call.id, None, at, Event(result.name, result.data))
    try:
        return Returned(call.id, freeze(result), at)
    except DataError as error:
        told = error.diagnostics[0]
        return Failed(call.id, "DataError", f"the handler's result is not JSON: {told}", at, retryable=False)


def failed(call: Call, error: BaseException, at: int) -> Failed:
    """The reply of a handler that raised."""
    return Failed(call.id, type(error).__name__, str(error), at, not isinstance(error, NonRetryable))
