"""Calling handlers: async ones are awaited, plain ones run in threads, and every one ends in a reply.

A call that is recalled is cancelled. A plain function cannot be: it goes on in its thread, and holds its
place among `threads`, until it ends or the grace time is over. Until then the next call of the same key
(the same visit, tried again) waits too, so that one side effect is not made twice at a time.
"""

from __future__ import annotations

import inspect
import logging
import math
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import attrs
from anyio.abc import TaskGroup

from statewf.machine.effects import Call
from statewf.machine.events import CallId, Failed, Returned
from statewf.machine.snapshot import Snapshot
from statewf.machine.work import Work, failed, returned, work
from statewf.runtime.handlers import Handler, Handlers
from statewf.runtime.threads import Threaded

log = logging.getLogger("statewf.perform")

GRACE = 10.0  # seconds that the end of a handler is waited for when nobody wants its answer any more

Reply = Returned | Failed


@attrs.define(eq=False)
class _Run:
    """One call on its way. `over` is set when its handler ended, or was given up."""

    scope: anyio.CancelScope = attrs.field(factory=anyio.CancelScope)
    over: anyio.Event = attrs.field(factory=anyio.Event)
    thread: Threaded[Any] | None = None


class Performer:
    """Runs handlers in `group`. `answer(instance, reply)` is awaited with what each of them said."""

    def __init__(
        self,
        group: TaskGroup,
        handlers: Handlers,
        clock: Callable[[], int],
        threads: int,
        answer: Callable[[str, Reply], Awaitable[None]],
    ) -> None:
        self._group = group
        self._handlers = handlers
        self._clock = clock
        self._answer = answer
        self._threads = anyio.CapacityLimiter(threads)
        self._running: dict[tuple[str, CallId], _Run] = {}
        self._keys: dict[str, _Run] = {}  # the latest run of each key
        self._quiet = anyio.Event()
        self._quiet.set()

    def call(self, snapshot: Snapshot, call: Call) -> None:
        """Start a call, unless it runs already."""
        if (snapshot.instance, call.id) in self._running:
            return
        handler = self._handlers.get(call.handler)
        if handler is None:
            log.warning("%s waits for %s, which no handler answers to", snapshot.instance, call.handler)
            return
        if not self._running:
            self._quiet = anyio.Event()
        run = self._running[snapshot.instance, call.id] = _Run()
        earlier, self._keys[call.key] = self._keys.get(call.key), run
        self._group.start_soon(self._perform, run, earlier, call, handler, work(snapshot, call))

    async def quiet(self) -> None:
        """Wait until no call runs and no reply is on its way."""
        await self._quiet.wait()

    def knows(self, handler: str) -> bool:
        """Whether somebody answers to that name."""
        return handler in self._handlers

    def recall(self, instance: str, call: CallId) -> None:
        """Stop a call if it runs."""
        if run := self._running.get((instance, call)):
            run.scope.cancel()

    # --- one call

    async def _perform(self, run: _Run, earlier: _Run | None, call: Call, handler: Handler, given: Work) -> None:
        reply: Reply | None = None
        try:
            with run.scope:
                if earlier is not None:
                    await earlier.over.wait()
                reply = await self._reply(run, call, handler, given)
            if reply is not None:
                await self._answer(given.instance, reply)
        except Exception:
            log.exception("%s: a reply was lost, and the call stays open", call.key)
        finally:
            del self._running[given.instance, call.id]
            if not self._running:
                self._quiet.set()
        await self._outlive(run, call)

    async def _outlive(self, run: _Run, call: Call) -> None:
        """Wait for the end of a thread that was recalled, but not for ever; then the next may have its place."""
        try:
            if run.thread is None:
                return
            with anyio.move_on_after(GRACE):
                await run.thread.ended.wait()
            if not run.thread.ended.is_set():
                log.warning("%s: %s still runs %g s after it was recalled", call.key, call.handler, GRACE)
        finally:
            if run.thread is not None:
                self._threads.release_on_behalf_of(run)
            run.over.set()
            if self._keys.get(call.key) is run:
                del self._keys[call.key]

    async def _reply(self, run: _Run, call: Call, handler: Handler, given: Work) -> Reply:
        try:
            result = await self._result(run, handler, given)
        except BaseException as error:  # whatever a handler raises is a failed call, not ours
            if _ours(run, error):
                raise
            log.info("%s failed: %s: %s", call.key, type(error).__name__, error)
            return failed(call, error, self._clock())
        return returned(call, result, self._clock())

    async def _result(self, run: _Run, handler: Handler, given: Work) -> Any:
        if inspect.iscoroutinefunction(handler):
            return await handler(given)
        await self._threads.acquire_on_behalf_of(run)
        run.thread = Threaded(handler, given)
        result = await run.thread.result()
        return await result if inspect.isawaitable(result) else result


def _ours(run: _Run, error: BaseException) -> bool:
    """Whether it was not the handler's doing: the call was recalled, all ends, or somebody pressed Ctrl-C.

    A handler may let a cancellation out that was never ours, of a task of its own; that is its failure.
    """
    if isinstance(error, anyio.get_cancelled_exc_class()):
        return anyio.current_effective_deadline() == -math.inf
    in_thread = run.thread is not None and run.thread.error is error
    return isinstance(error, KeyboardInterrupt) and not in_thread
