"""Calling handlers: async ones are awaited, plain ones run in threads, and every one ends in a reply.

A call that is recalled is cancelled; if its end is awaited, it is answered then. A plain function cannot be
cancelled: it goes on in its thread, and holds its place among `threads`, until it ends or the grace time is
over. Until then the next call of the same key (the same visit, tried again) waits, too, so that one side
effect is not made twice at a time.

Calls wait in a line, and workers take them: a worker goes on to the next call as long as handlers return
without waiting for anything, while another stands by to go on when one does, up to `concurrency` of them. So
every call may take its time, and one that takes none costs no task. One worker at most lingers when the line is
empty. The line is no longer than twice that: a call that finds no place is noted in the `backlog`.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from contextvars import Context, ContextVar, copy_context
from typing import Any

import anyio
import anyio.lowlevel
import attrs
from anyio.abc import TaskGroup

from statewf.machine.effects import Call
from statewf.machine.events import CallId, Failed, Returned
from statewf.machine.snapshot import Snapshot
from statewf.machine.work import cancelled, failed, returned, work
from statewf.runtime.calling import Calling, Threaded
from statewf.runtime.handlers import Handler, Handlers
from statewf.runtime.logs import Log
from statewf.runtime.metrics import Metrics
from statewf.values.frozen import Object

log = Log("statewf.perform")

GRACE = 10.0  # seconds that the end of a handler is waited for when nobody wants its answer any more
IN_A_ROW = (
    10  # calls that one worker makes before others get a turn: what they leave is committed, and let go, young
)

Reply = Returned | Failed

performing: ContextVar[str] = ContextVar("performing", default="")  # the instance whose handler this task runs


class Tally:
    """How many things are going on. `room()` is told whenever one of them is over and there are fewer than `most`."""

    def __init__(self, most: int, room: Callable[[], None]) -> None:
        self.count = 0
        self._most = most
        self._room = room
        self._zero: anyio.Event | None = None

    @property
    def full(self) -> bool:
        """Whether there is no room for more."""
        return self.count >= self._most

    def up(self) -> None:
        self.count += 1

    def down(self) -> None:
        self.count -= 1
        if not self.full:
            self._room()
        if not self.count and self._zero is not None:
            self._zero.set()
            self._zero = None

    async def zero(self) -> None:
        """Wait until there is nothing."""
        while self.count:
            if self._zero is None:
                self._zero = anyio.Event()
            await self._zero.wait()


@attrs.define(eq=False)
class _Run:
    """One call on its way, and the one before it of the same key.

    `scope` is there while its handler runs, `ending` while its end is awaited although it was recalled. It was
    `told` what the handler said.
    """

    instance: str
    inputs: Object
    call: Call
    handler: Handler
    earlier: _Run | None
    calling: Calling | None = None  # made when its turn has come
    recalled: bool = False
    awaited: bool = False
    told: bool = False
    given_up: bool = False
    over: bool = False
    scope: anyio.CancelScope | None = None
    ending: anyio.CancelScope | None = None
    began: float = 0.0  # for metrics
    _news: anyio.Event | None = None  # of its end; made when somebody waits: mostly nobody does

    @property
    def thread(self) -> Threaded | None:
        """In which a plain handler runs, or ran."""
        return None if self.calling is None else self.calling.thread

    def recall(self, *, awaited: bool) -> None:
        self.given_up = self.awaited and not awaited  # its end was waited for; the next of its key need not again
        self.recalled, self.awaited = True, awaited
        if self.scope is not None:
            self.scope.cancel()
        if self.ending is not None and not awaited:
            self.ending.cancel()

    def end(self) -> None:
        """Its handler ended, or was given up."""
        if self.calling is not None:
            self.calling.release()
        self.over, self.earlier = True, None
        if self._news is not None:
            self._news.set()

    async def ended(self) -> None:
        """Wait for its end, but not for ever."""
        if not (self.over or self.given_up):
            self._news = self._news or anyio.Event()
            with anyio.move_on_after(GRACE):
                await self._news.wait()


@attrs.frozen
class Means:
    """With what calls are made: handlers, how many at once, how many of them in threads, and a clock."""

    handlers: Handlers
    clock: Callable[[], int]
    concurrency: int
    threads: int
    metrics: Metrics | None = None


class Performer:
    """Runs handlers in `group`. `answer(instance, reply)` is told what each of them said.

    `busy` counts the calls whose replies were not handed in yet, beside those replies that are still to be kept.
    `behind(instance)` is told of a call that found no place.
    """

    def __init__(
        self,
        group: TaskGroup,
        means: Means,
        answer: Callable[[str, Reply], None],
        busy: Tally,
        behind: Callable[[str], None],
    ) -> None:
        self.busy = busy
        self._group = group
        self._handlers = means.handlers
        self._clock = means.clock
        self._metrics = means.metrics
        self._concurrency = means.concurrency
        self._answer = answer
        self._behind = behind
        self._threads = anyio.CapacityLimiter(means.threads)
        self._waiting: deque[_Run] = deque()
        self._workers = 0
        self._standing_by = False  # a worker is about to look at the line
        self._lingering: anyio.Event | None = None
        self._running: dict[tuple[str, CallId], _Run] = {}
        self._keys: dict[str, _Run] = {}  # the latest run of each key

    def call(self, snapshot: Snapshot, call: Call) -> bool:
        """Start a call, unless it runs already. False if there is no place for it now."""
        instance = snapshot.instance
        if (instance, call.id) in self._running:
            return True
        if call.stopped:  # by somebody who died before it had ended; it is not begun again
            self._answer(instance, cancelled(call.id, self._clock()))
            return True
        handler = self._handlers.get(call.handler)
        if handler is None:
            told = "%s waits for %s, which no handler answers to"
            log.warning(told, instance, call.handler, instance=instance, seq=call.id.seq)
            return True
        if self.busy.full:
            self._behind(instance)
            return False
        self.busy.up()
        run = _Run(instance, snapshot.inputs, call, handler, self._keys.get(call.key))
        self._keys[call.key] = self._running[instance, call.id] = run
        self._waiting.append(run)
        self._stand_by()
        return True

    def knows(self, handler: str) -> bool:
        """Whether somebody answers to that name."""
        return handler in self._handlers

    def recall(self, instance: str, call: CallId, *, awaited: bool) -> None:
        """Stop a call if it runs. If its end is `awaited`, it is answered all the same."""
        run = self._running.get((instance, call))
        if run is not None:
            run.recall(awaited=awaited)
        elif awaited:
            self._answer(instance, cancelled(call, self._clock()))

    # --- workers

    def _stand_by(self) -> None:
        if self._standing_by or (self._lingering is None and self._workers >= self._concurrency):
            return
        self._standing_by = True
        if self._lingering is None:
            self._workers += 1
            self._group.start_soon(self._work)
        else:
            self._lingering.set()

    async def _work(self) -> None:
        """Make the calls that wait, until a handler leaves something behind in the context of this task."""
        try:
            await self._make_calls()
        finally:
            self._workers -= 1
        if self._waiting:
            self._stand_by()

    async def _make_calls(self) -> None:
        context = copy_context()
        await anyio.lowlevel.checkpoint()  # what others have answered is kept first
        while True:
            self._standing_by = False
            await self._make_some(context)
            if copy_context() != context:
                return
            if self._waiting:
                if self._standing_by:
                    return  # who does so goes on
                await anyio.lowlevel.checkpoint()
                continue
            self._standing_by = True
            await anyio.lowlevel.checkpoint()  # meanwhile what was answered is kept, and what follows is called
            self._standing_by = False
            if self._waiting:
                continue
            if self._lingering is None:
                self._lingering = anyio.Event()
                await self._lingering.wait()
                self._lingering = None
            else:
                return

    async def _make_some(self, context: Context) -> None:
        """Make some of the calls that wait, in one scope: a scope for each would be a good part of its cost.

        The first call that is stopped spends the scope. That one, or one that leaves a thread behind, is seen off.
        """
        with anyio.CancelScope() as scope:
            for _ in range(IN_A_ROW):
                if not self._waiting or copy_context() != context:
                    return
                run = self._waiting.popleft()
                if self._waiting:
                    self._stand_by()
                if run.recalled:
                    break
                await self._perform(run, scope)
                if run.recalled or run.earlier is not None or run.thread is not None:
                    break
                self._over(run)
                self._forget(run)
            else:
                return
        await self._see_off(run)

    # --- one call

    async def _perform(self, run: _Run, scope: anyio.CancelScope) -> None:
        """Call the handler, and tell what it said, unless it is stopped."""
        told = performing.set(run.instance)
        run.scope = scope
        run.began = time.perf_counter()
        try:
            if run.earlier is not None:
                await run.earlier.ended()
            run.calling = Calling(run.handler, work(run.call, run.instance, run.inputs), self._threads)
            outcome = await run.calling.outcome()
        finally:
            run.scope = None
            performing.reset(told)
        self._tell(run, self._reply(run, *outcome))

    async def _see_off(self, run: _Run) -> None:
        """Wait for the end of a call that was stopped, if somebody wants to know, or that leaves a thread behind."""
        try:
            if run.awaited and not run.told:
                with anyio.CancelScope() as run.ending:
                    outcome = None if run.calling is None else await run.calling.late()
                    self._tell(
                        run, self._reply(run, *outcome) if outcome else cancelled(run.call.id, self._clock())
                    )
        finally:
            if run.began and not run.told:
                self._measure(run, "recalled")
            self._over(run)
        await self._outlive(run)

    def _reply(self, run: _Run, result: Any, error: BaseException | None) -> Reply:
        """What the handler returned or raised, as it can be kept."""
        self._measure(run, "returned" if error is None else "failed")
        if error is None:
            return returned(run.call, result, self._clock())
        log.info("%s failed: %s", run.call.key, type(error).__name__, instance=run.instance, seq=run.call.id.seq)
        return failed(run.call, error, self._clock())

    def _tell(self, run: _Run, reply: Reply) -> None:
        run.told = True
        try:
            self._answer(run.instance, reply)
        except Exception:
            told = "%s: a reply was lost, and the call stays open"
            log.exception(told, run.call.key, instance=run.instance, seq=run.call.id.seq)

    def _over(self, run: _Run) -> None:
        """Nothing more is told of it."""
        del self._running[run.instance, run.call.id]
        self.busy.down()

    def _measure(self, run: _Run, outcome: str) -> None:
        if self._metrics is not None:
            labels = {"handler": run.call.handler}
            self._metrics.count("statewf_calls_total", 1, {**labels, "outcome": outcome})
            self._metrics.observe("statewf_call_seconds", time.perf_counter() - run.began, labels)

    async def _outlive(self, run: _Run) -> None:
        """Wait for the end of what was recalled, but not for ever; then the next may have its place."""
        call = run.call
        try:
            if run.earlier is not None:
                await run.earlier.ended()
            if (thread := run.thread) is not None:
                with anyio.move_on_after(GRACE):
                    await thread.ended.wait()
                if not thread.ended.is_set():
                    told = "%s: %s still runs %g s after it was recalled"
                    log.warning(told, call.key, call.handler, GRACE, instance=run.instance, seq=call.id.seq)
        finally:
            self._forget(run)

    def _forget(self, run: _Run) -> None:
        run.end()
        if self._keys.get(run.call.key) is run:
            del self._keys[run.call.key]
