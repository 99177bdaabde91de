"""Calling handlers: async ones are awaited, plain ones run in threads, and every one ends in a reply.

A call that is recalled is cancelled. A plain function cannot be: it goes on in its thread, and holds its
place among `threads`, until it ends or the grace time is over. Until then the next call of the same key
(the same visit, tried again) waits, too, so that one side effect is not made twice at a time.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextvars import ContextVar

import anyio
import attrs
from anyio.abc import TaskGroup

from statewf.machine.effects import Call
from statewf.machine.events import CallId, Failed, Returned
from statewf.machine.snapshot import Snapshot
from statewf.machine.work import failed, returned, work
from statewf.runtime.calling import Calling
from statewf.runtime.handlers import Handlers

log = logging.getLogger("statewf.perform")

GRACE = 10.0  # seconds that the end of a handler is waited for when nobody wants its answer any more

Reply = Returned | Failed

performing: ContextVar[str] = ContextVar("performing", default="")  # the instance whose handler this task runs


@attrs.define(eq=False)
class _Run:
    """One call on its way, and the one before it of the same key.

    `over` is set when its handler ended, or was given up.
    """

    calling: Calling
    earlier: _Run | None
    scope: anyio.CancelScope = attrs.field(factory=anyio.CancelScope)
    over: anyio.Event = attrs.field(factory=anyio.Event)


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
        calling = Calling(handler, work(snapshot, call), self._threads)
        run = _Run(calling, self._keys.get(call.key))
        self._keys[call.key] = self._running[snapshot.instance, call.id] = run
        self._group.start_soon(self._perform, run, snapshot.instance, call)

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

    async def _perform(self, run: _Run, instance: str, call: Call) -> None:
        performing.set(instance)
        reply: Reply | None = None
        try:
            with run.scope:
                await _over(run.earlier)
                reply = await self._reply(run.calling, call)
            if reply is not None:
                await self._answer(instance, reply)
        except Exception:
            log.exception("%s: a reply was lost, and the call stays open", call.key)
        finally:
            del self._running[instance, call.id]
            if not self._running:
                self._quiet.set()
        await self._outlive(run, call)

    async def _reply(self, calling: Calling, call: Call) -> Reply:
        result, error = await calling.outcome()
        if error is None:
            return returned(call, result, self._clock())
        log.info("%s failed: %s", call.key, type(error).__name__)
        return failed(call, error, self._clock())

    async def _outlive(self, run: _Run, call: Call) -> None:
        """Wait for the end of what was recalled, but not for ever; then the next may have its place."""
        try:
            await _over(run.earlier)
            if (thread := run.calling.thread) is not None:
                with anyio.move_on_after(GRACE):
                    await thread.ended.wait()
                if not thread.ended.is_set():
                    log.warning("%s: %s still runs %g s after it was recalled", call.key, call.handler, GRACE)
        finally:
            run.calling.release()
            run.over.set()
            run.earlier = None
            if self._keys.get(call.key) is run:
                del self._keys[call.key]


async def _over(earlier: _Run | None) -> None:
    """Wait for the end of the run before this one of its key, if there is one, but not for ever."""
    if earlier is not None:
        with anyio.move_on_after(GRACE):
            await earlier.over.wait()
