"""The activities of a worker: a call of a handler, and telling subscribers.

An activity shows the server that it lives, over and over: if its worker dies, the server has it done by another one, and
one that is to stop hears of it. A handler that raises fails its activity for good: what then is for the machine to say.

Below: `wire`; how the runtime calls plain functions, in threads of their own. Above: `worker`.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any

from temporalio import activity
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from statewf.engines.temporal import limits, wire
from statewf.engines.temporal.subscribers import Subscribers
from statewf.history import Emitted
from statewf.machine.effects import NOTHING, Call
from statewf.machine.events import CallId, Failed, Returned
from statewf.machine.work import Work, failed, returned
from statewf.runtime.calling import Threaded
from statewf.runtime.handlers import Handlers
from statewf.runtime.logs import Log
from statewf.values.frozen import EMPTY, freeze

log = Log("statewf.temporal")

GRACE = 10.0  # seconds that the end of a plain function is waited for when nobody wants its answer any more
BEATS = 3  # signs of life in the time after which a worker counts as dead
UNKNOWN_AGAIN = timedelta(seconds=10)  # until a call is offered again whose handler this worker does not have


class Activities:
    """Performs what machines ask for, with these handlers and subscribers."""

    def __init__(self, handlers: Handlers, subscribers: Subscribers) -> None:
        self._handlers = handlers
        self._subscribers = subscribers
        self._missed: set[str] = set()  # names that were called here, and that nobody answers to

    @activity.defn(dynamic=True)
    async def call(self, args: Sequence[RawValue]) -> dict[str, Any]:
        """Call the handler that the activity is named after."""
        name = activity.info().activity_type
        handler = self._handlers.get(name)
        if handler is None:
            raise self._unknown(name)
        document = activity.payload_converter().from_payload(args[0].payload, dict)
        async with _alive():
            attempt = document["attempt"] + (activity.info().attempt - 1 if document["again"] else 0)
            outcome = await _outcome(handler, wire.work_of(name, {**document, "attempt": attempt}))
        return _answer(CallId(*document["call"]), *outcome, again=document["again"])

    def _unknown(self, name: str) -> ApplicationError:
        told = f"no handler of this worker answers to {name}"
        if name not in self._missed:
            self._missed.add(name)
            log.warning("%s: its calls wait for a worker that has it", told)
        return ApplicationError(
            told, type=wire.NO_HANDLER, next_retry_delay=UNKNOWN_AGAIN, category=ApplicationErrorCategory.BENIGN
        )

    @activity.defn(name=wire.TELL)
    async def tell(self, emitted: list[dict[str, Any]]) -> None:
        """Tell all subscribers, each in order. Who was told is remembered if it has to be done again."""
        told: dict[str, int] = dict(*activity.info().heartbeat_details)
        events = [
            Emitted(n, e["id"], e["instance"], e["event"], freeze(e["data"]), e["at"])
            for n, e in enumerate(emitted)
        ]
        async with _alive(told):
            try:
                await self._subscribers.tell(events, told)
            except Exception as error:
                activity.heartbeat(told)  # so that the others are not told again
                raise ApplicationError(str(error), type=type(error).__name__) from error


def _answer(call: CallId, result: Any, error: BaseException | None, *, again: bool) -> dict[str, Any]:
    """What a handler returned, for its machine. Raises what it raised, in words that can be kept.

    That ends the activity, unless it is left to Temporal to try `again`.
    """
    made = Call(call, "", "", "", "", EMPTY, 1, "", NOTHING)
    reply = returned(made, result, 0) if error is None else failed(made, error, 0)
    if isinstance(reply, Returned) and (size := wire.size(wire.written_reply(reply))) > limits.LARGEST:
        told = f"the handler's result has {size:,} bytes; Temporal takes {limits.LARGEST:,}"
        reply = Failed(call, "DataError", told, 0, retryable=False)
    if isinstance(reply, Failed):
        raise ApplicationError(
            reply.message,
            reply.retryable,
            type=reply.error,
            non_retryable=not (again and reply.retryable),
            category=ApplicationErrorCategory.BENIGN,  # what it means is for the machine to say, and not for the log
        ) from error
    return wire.written_reply(reply)


async def _outcome(handler: Any, work: Work) -> tuple[Any, BaseException | None]:
    """What it returned, or what it raised; raised is only that the activity was stopped."""
    thread = None if inspect.iscoroutinefunction(handler) else Threaded(handler, work)
    try:
        result = await handler(work) if thread is None else await thread.result()
        return (await result if thread is not None and inspect.isawaitable(result) else result), None
    except asyncio.CancelledError as error:
        if not (activity.is_cancelled() or activity.is_worker_shutdown()):
            return None, error  # of a task of its own: that is its failure
        if thread is None or not await _ended(thread) or thread.outcome is None:
            raise
        return thread.outcome  # a plain function ends in its own time, and may have succeeded
    except Exception as error:
        return None, error


async def _ended(thread: Threaded) -> bool:
    """Wait for the end of a thread, but not for ever."""
    with suppress(TimeoutError):
        await asyncio.wait_for(thread.ended.wait(), GRACE)
    return thread.ended.is_set()


@asynccontextmanager
async def _alive(*details: Any) -> AsyncIterator[None]:
    """Show that this activity is being worked at, within the block; with `details` as they are then."""
    timeout = activity.info().heartbeat_timeout
    assert timeout is not None, "a workflow says how often it wants to hear"

    async def beat() -> None:
        while True:
            activity.heartbeat(*details)
            await asyncio.sleep(timeout.total_seconds() / BEATS)

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()
