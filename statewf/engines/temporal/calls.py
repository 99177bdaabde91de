"""The calls of an instance as activities of its workflow: begun, held back, stopped, and what comes of them.

A handler that fails fails its activity for good: what then is for the machine to say. What is no doing of a handler (its worker
died, was stopped, or does not have it) is done again. Runs in the workflow: no clock, no chance.

Below: `wire`, `policy`. Above: `workflow`, which takes the replies, and says when no more is to be begun.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.exceptions import CancelledError as ActivityCancelled
from temporalio.exceptions import TimeoutError as ActivityTimedOut

from statewf.engines.temporal import wire
from statewf.engines.temporal.policy import policy_of
from statewf.machine.effects import Call
from statewf.machine.events import CallId, Failed, Returned
from statewf.machine.fsm import Machine
from statewf.machine.snapshot import Snapshot
from statewf.machine.work import cancelled

LONG = timedelta(days=3650)  # a call takes as long as it takes: its machine knows when that is too long
NOT_THE_HANDLERS = ("WorkerShutdown", wire.NO_HANDLER)  # errors of an activity

Reply = Returned | Failed


class Calls:
    """The activities of one run. `held` are calls that were asked for: `begin_held` begins them, or the next run does.

    `replies` is what came of them and is to be taken; `wake` is called when there is one more.
    """

    def __init__(
        self, begin: wire.Begin, machine: Machine, now: Callable[[], int], wake: Callable[[], None]
    ) -> None:
        self._begin = begin
        self._machine = machine
        self._now = now
        self._wake = wake
        self._running: dict[CallId, workflow.ActivityHandle[Any]] = {}
        self._begun = 0
        self.held: dict[CallId, Call] = {}
        self.replies: deque[Reply] = deque()

    @property
    def quiet(self) -> bool:
        """Whether none runs, and all replies were taken."""
        return not (self._running or self.replies)

    def begin_held(self, snapshot: Snapshot) -> None:
        """Begin the calls that were asked for, of the instance that is there."""
        held, self.held = self.held, {}
        for call in held.values():
            self._begin_one(call, snapshot)

    def _begin_one(self, call: Call, snapshot: Snapshot) -> None:
        """Begin a call. One that is too large to be made fails."""
        policy = policy_of(self._machine, call) if self._begin["retries"] == "temporal" else None
        document = wire.written_work(call, snapshot.instance, snapshot.inputs, again=policy is not None)
        if (size := wire.size(document)) > wire.LARGEST:
            told = f"its inputs, context and results have {size:,} bytes; Temporal takes {wire.LARGEST:,}"
            self._replied(Failed(call.id, "DataError", told, self._now(), retryable=False))
            return
        self._begun += 1
        handle = workflow.start_activity(
            call.handler,
            document,
            activity_id=f"{call.id.seq}.{call.id.nth}.{self._begun}",
            start_to_close_timeout=LONG,
            heartbeat_timeout=timedelta(seconds=self._begin["heartbeat"]),
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            retry_policy=policy or RetryPolicy(),
            summary=call.step,
        )
        self._running[call.id] = handle
        asyncio.create_task(self._await(call, snapshot, handle, last=policy is not None))  # noqa: RUF006  # its handle is kept

    def recall(self, call: CallId, *, awaited: bool) -> None:
        """Stop a call. If its end is `awaited`, it is answered all the same."""
        if self.held.pop(call, None) is not None and awaited:
            self._replied(cancelled(call, self._now()))
        handle = self._running.get(call) if awaited else self._running.pop(call, None)
        if handle is not None:
            handle.cancel()

    async def _await(
        self, call: Call, snapshot: Snapshot, handle: workflow.ActivityHandle[Any], *, last: bool
    ) -> None:
        """Wait for the end of a call, and tell it. `last`: it was tried again by Temporal as often as it may be."""
        reply: Reply
        try:
            reply = wire.reply_of(call.id, await handle, self._now())
        except ActivityError as error:
            if _not_the_handlers(error.cause) and self._running.get(call.id) is handle:
                self._begin_one(call, snapshot)
                return
            reply = _failed(call.id, error.cause, self._now(), last=last)
        except asyncio.CancelledError:
            reply = cancelled(call.id, self._now())
        if self._running.get(call.id) is handle:
            del self._running[call.id]
        self._replied(reply)

    def _replied(self, reply: Reply) -> None:
        self.replies.append(reply)
        self._wake()


def _not_the_handlers(cause: BaseException | None) -> bool:
    """Whether an activity failed without any doing of its handler."""
    return isinstance(cause, ActivityTimedOut) or (
        isinstance(cause, ApplicationError) and cause.type in NOT_THE_HANDLERS
    )


def _failed(call: CallId, cause: BaseException | None, at: int, *, last: bool) -> Failed:
    """The reply of a call whose activity failed; `last`: no attempt is left to the machine."""
    match cause:
        case ApplicationError() as told:
            retryable = not last and (not told.details or bool(told.details[0]))
            return Failed(call, told.type or "Exception", told.message, at, retryable)
        case ActivityCancelled():
            return cancelled(call, at)
        case _:
            return Failed(call, type(cause).__name__, str(cause), at, not last)
