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

from statewf.engines.temporal import limits, wire
from statewf.engines.temporal.policy import policy_of
from statewf.machine.effects import Call
from statewf.machine.events import CallId, Failed, Returned
from statewf.machine.fsm import Machine
from statewf.machine.work import cancelled
from statewf.values.frozen import Object

LONG = timedelta(days=3650)  # a call takes as long as it takes: its machine knows when that is too long
NOT_THE_HANDLERS = ("WorkerShutdown", wire.NO_HANDLER)  # errors of an activity, without the details of a handler's

Reply = Returned | Failed


class Calls:
    """The activities of one run. `held` are calls that were asked for: `begin_held` begins them, or the next run does.

    `replies` is what came of them and is to be taken; `wake` is called when there is one more.
    """

    def __init__(
        self,
        begin: wire.Begin,
        machine: Machine,
        instance: str,
        inputs: Object,
        now: Callable[[], int],
        wake: Callable[[], None],
    ) -> None:
        self._begin = begin
        self._machine = machine
        self._instance = instance
        self._inputs = inputs
        self._now = now
        self._wake = wake
        self._running: dict[CallId, workflow.ActivityHandle[Any]] = {}
        self._stopped: set[CallId] = set()
        self._begun = 0
        self.held: dict[CallId, Call] = {}
        self.replies: deque[Reply] = deque()

    @property
    def quiet(self) -> bool:
        """Whether none runs, and all replies were taken."""
        return not (self._running or self.replies)

    def begin_held(self) -> bool:
        """Begin the calls that were asked for, as many as one task of the workflow can; whether more are for the next task."""
        left = limits.BEGUN
        for call in tuple(self.held.values()):
            if len(self._running) >= limits.CALLS:
                return False  # until one of them has ended
            policy = policy_of(self._machine, call) if self._begin["retries"] == "temporal" else None
            document = wire.written_work(call, self._instance, self._inputs, again=policy is not None)
            size = wire.size(document)
            if size > left and left < limits.BEGUN:
                return True
            del self.held[call.id]
            if size > limits.LARGEST:
                told = f"its inputs, context and results have {size:,} bytes; Temporal takes {limits.LARGEST:,}"
                self._replied(Failed(call.id, "DataError", told, self._now(), retryable=False))
                continue
            left -= size
            self._begin_one(call, document, policy)
        return False

    def _begin_one(self, call: Call, document: dict[str, Any], policy: RetryPolicy | None) -> None:
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
        asyncio.create_task(self._await(call, handle, last=policy is not None))  # noqa: RUF006  # its handle is kept

    def recall(self, call: CallId, *, awaited: bool) -> None:
        """Stop a call. If its end is `awaited`, it is answered all the same."""
        if self.held.pop(call, None) is not None and awaited:
            self._replied(cancelled(call, self._now()))
        if call in self._running:
            self._stopped.add(call)
        handle = self._running.get(call) if awaited else self._running.pop(call, None)
        if handle is not None:
            handle.cancel()

    async def _await(self, call: Call, handle: workflow.ActivityHandle[Any], *, last: bool) -> None:
        """Wait for the end of a call, and tell it. `last`: it was tried again by Temporal as often as it may be."""
        reply: Reply | None = None
        try:
            answer = await handle
            reply = wire.reply_of(call.id, answer, self._now())
        except ActivityError as error:
            if not _not_the_handlers(error.cause):
                reply = _failed(call.id, error.cause, self._now(), last=last)
        except asyncio.CancelledError:
            reply = cancelled(call.id, self._now())
        except Exception as error:  # whatever it is: a call that nobody answers would be waited for, for ever
            told = f"the activity's answer cannot be read: {type(error).__name__}: {error}"
            reply = Failed(call.id, "DataError", told, self._now(), retryable=False)
        was_stopped = call.id in self._stopped
        self._stopped.discard(call.id)
        if self._running.get(call.id) is handle:
            del self._running[call.id]
            if reply is None and not was_stopped:
                self.held[call.id] = call
                self._wake()
                return
        self._replied(reply or cancelled(call.id, self._now()))

    def _replied(self, reply: Reply) -> None:
        self.replies.append(reply)
        self._wake()


def _not_the_handlers(cause: BaseException | None) -> bool:
    """Whether an activity failed without any doing of its handler."""
    if isinstance(cause, ApplicationError):
        return cause.type in NOT_THE_HANDLERS and not cause.details
    return isinstance(cause, ActivityTimedOut)


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
