"""Calling handlers: async ones are awaited, plain ones run in worker threads, and every one ends in a reply.

A call that is recalled is cancelled; what its handler still says is stale, and `step` says so.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup

from statewf.machine.effects import Call
from statewf.machine.events import CallId, Failed, Returned
from statewf.machine.snapshot import Snapshot
from statewf.machine.work import Work, failed, returned, work
from statewf.runtime.handlers import Handler, Handlers

log = logging.getLogger("statewf.perform")

Reply = Returned | Failed


class Performer:
    """Runs handlers. `answer(instance, reply)` is awaited with what each of them said."""

    def __init__(
        self,
        handlers: Handlers,
        clock: Callable[[], int],
        threads: int,
        answer: Callable[[str, Reply], Awaitable[None]],
    ) -> None:
        self._handlers = handlers
        self._clock = clock
        self._answer = answer
        self._threads = anyio.CapacityLimiter(threads)
        self._running: dict[tuple[str, CallId], anyio.CancelScope] = {}
        self._quiet = anyio.Event()
        self._quiet.set()

    def call(self, group: TaskGroup, snapshot: Snapshot, call: Call) -> None:
        """Start a call, unless it runs already."""
        if (snapshot.instance, call.id) in self._running:
            return
        handler = self._handlers.get(call.handler)
        if handler is None:
            log.warning("%s waits for %s, which no handler answers to", snapshot.instance, call.handler)
            return
        if not self._running:
            self._quiet = anyio.Event()
        self._running[snapshot.instance, call.id] = anyio.CancelScope()
        group.start_soon(self._perform, snapshot.instance, call, handler, work(snapshot, call))

    async def quiet(self) -> None:
        """Wait until no call runs and no reply is on its way."""
        await self._quiet.wait()

    def knows(self, handler: str) -> bool:
        """Whether somebody answers to that name."""
        return handler in self._handlers

    def recall(self, instance: str, call: CallId) -> None:
        """Stop a call if it runs."""
        if scope := self._running.get((instance, call)):
            scope.cancel()

    async def _perform(self, instance: str, call: Call, handler: Handler, given: Work) -> None:
        reply: Reply | None = None
        try:
            with self._running[instance, call.id]:
                reply = await self._reply(call, handler, given)
            if reply is not None:
                await self._answer(instance, reply)
        except Exception:
            log.exception("%s: a reply was lost, and the call stays open", call.key)
        finally:
            del self._running[instance, call.id]
            if not self._running:
                self._quiet.set()

    async def _reply(self, call: Call, handler: Handler, given: Work) -> Reply:
        try:
            result = await self._result(handler, given)
        except (anyio.get_cancelled_exc_class(), KeyboardInterrupt):
            raise
        except BaseException as error:  # whatever a handler raises is a failed call, not ours
            log.info("%s failed: %s: %s", call.key, type(error).__name__, error)
            return failed(call, error, self._clock())
        return returned(call, result, self._clock())

    async def _result(self, handler: Handler, given: Work) -> Any:
        if inspect.iscoroutinefunction(handler):
            return await handler(given)
        result = await anyio.to_thread.run_sync(handler, given, abandon_on_cancel=True, limiter=self._threads)
        return await result if inspect.isawaitable(result) else result
