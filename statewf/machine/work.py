"""What a handler sees of its call, and what becomes of its answer. The same for every way of running."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import attrs

from statewf.errors import DataError, NonRetryable
from statewf.machine.effects import NOTHING, Call
from statewf.machine.events import CallId, Event, Failed, Returned
from statewf.values.frozen import Json, Map, Object, freeze

CANCELLED = "Cancelled"  # the error of a handler that was stopped
LONGEST_MESSAGE = 2_000  # characters of an error that are kept; what a handler raises may quote a whole page


@attrs.frozen
class Work:
    """The argument of a handler.

    `key` is the same for all attempts of one visit, and across crashes: give it to whoever makes the
    side effect, so that doing it twice is the same as once. `step` is the state or step that calls.
    """

    handler: str
    params: Object
    inputs: Object
    attempt: int
    step: str
    instance: str
    key: str
    _context: Map[str, Json]
    _results: Map[str, Json] = NOTHING

    @cached_property
    def context(self) -> Object:
        """The context at the time of the call; made when it is asked for, because it may be large."""
        return Object(sorted(self._context.items()))

    @cached_property
    def results(self) -> Object:
        """What the steps before have found, by their ids; likewise."""
        return Object(sorted(self._results.items()))


def work(call: Call, instance: str, inputs: Object) -> Work:
    """What the handler of an open call is given."""
    return Work(
        handler=call.handler,
        params=call.params,
        inputs=inputs,
        attempt=call.attempt,
        step=call.step,
        instance=instance,
        key=call.key,
        context=call.context,
        results=call.results,
    )


def returned(call: Call, result: Any, at: int) -> Returned | Failed:
    """The reply of a handler that returned: a JSON value, or an event to be taken next."""
    if isinstance(result, Event):
        return Returned(call.id, None, at, Event(result.name, result.data))
    try:
        return Returned(call.id, freeze(result), at)
    except DataError as error:
        told = f"the handler's result is not JSON: {error.diagnostics[0]}"
    except Exception as error:  # a mapping of somebody's own may do anything when it is read
        told = f"the handler's result cannot be read: {_shown(error)}"
    return Failed(call.id, "DataError", _bounded(told), at, retryable=False)


def failed(call: Call, error: BaseException, at: int) -> Failed:
    """The reply of a handler that raised, in words that can be kept, whatever it raised."""
    name, message = _bounded(type(error).__name__), _bounded(_shown(error))
    return Failed(call.id, name, message, at, not isinstance(error, NonRetryable))


def cancelled(call: CallId, at: int) -> Failed:
    """The reply of a handler that was stopped before it was done."""
    return Failed(call, CANCELLED, "it was stopped", at)


def _shown(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as worse:  # an error that cannot even be shown is still an error
        return f"(its message cannot be shown: {type(worse).__name__})"


def _bounded(text: str) -> str:
    """Text that UTF-8 can hold, and not too much of it."""
    cut = text if len(text) <= LONGEST_MESSAGE else text[:LONGEST_MESSAGE] + "…"
    return cut.encode("utf-8", "backslashreplace").decode()
