"""Keeping steps: compute, queue for the next commit, acknowledge after it, perform after that.

A commit takes what was queued while the last one ran, up to `AT_ONCE` steps, so that the first of many need
not wait for all. If it fails, all instances in it are thrown out of memory, with whatever was computed upon
them, and everybody who waits is told; the store still has the truth. If it fails because of one instance, the
others are kept without it. While another process writes, it is tried again (`patience`).

Commits run on the event loop: the way to a thread and back costs as much as a commit, and a thread that runs
statements fights with the loop for the interpreter at each of them. The loop stands still while the disk is
written to, not while another process writes.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import chain

import anyio
import anyio.lowlevel
import attrs

from statewf.errors import OwnerLost, StoreBusy, StoreConflict, StoreError
from statewf.history import Answer, Entry, KeyRecord, Store
from statewf.machine.events import AnyEvent, Event, Fired, Start
from statewf.machine.record import Receipt, receipt
from statewf.machine.snapshot import Rejected, Step, blank
from statewf.machine.step import step
from statewf.pricing import charged, is_priced, usage_of
from statewf.runtime.live import Live, replayed
from statewf.runtime.logs import Log
from statewf.runtime.metrics import NONE, Metrics
from statewf.runtime.patience import at_last, patiently
from statewf.runtime.requests import written_instance, written_receipt

log = Log("statewf.ledger")

AT_ONCE = 64  # steps in a commit: with more, it takes longer and saves little
MOST_QUEUED = 1_000  # steps that wait for a commit: further senders wait before theirs is computed
MOST_TIMERS = 1_000  # of one instance that are fired before others get a turn
PATIENCE = 5.0  # seconds that a commit waits for another process to finish writing


@attrs.define(eq=False)
class _Commit:
    """Steps that are kept together. `over` when it is known what became of each."""

    steps: list[Pending] = attrs.field(factory=list)
    over: bool = False
    _done: anyio.Event | None = None  # made when somebody waits

    @property
    def done(self) -> anyio.Event:
        """Is set when it is over."""
        if self._done is None:
            self._done = anyio.Event()
        return self._done

    def end(self) -> None:
        """It is over."""
        self.over = True
        if self._done is not None:
            self._done.set()


@attrs.define(eq=False)
class Pending:
    """A step on its way into the store. `awaited`: somebody waits to be told what becomes of it."""

    live: Live
    entry: Entry
    commit: _Commit
    receipt: Receipt | None = None
    awaited: bool = False
    error: StoreError | None = None

    async def kept(self) -> None:
        """Return when the step is kept; raise StoreError when it could not be."""
        self.awaited = True
        if self.error is None and not self.commit.over:
            await self.commit.done.wait()
        if self.error is not None:
            raise self.error


class Ledger:
    """The one writer of a store, which it owns in this epoch.

    After each commit `performed(live, step)` is called, step by step; if it failed, and nobody waits to be
    told, `lost(instance, event)`; `deposed(error)` when somebody else owns the store by now.
    """

    def __init__(
        self,
        store: Store,
        epoch: int,
        performed: Callable[[Live, Step], None],
        lost: Callable[[str, AnyEvent], None],
        deposed: Callable[[OwnerLost], None],
        metrics: Metrics | None,
    ) -> None:
        self._store = store
        self._epoch = epoch
        self._performed = performed
        self._lost = lost
        self._deposed = deposed
        self._metrics = metrics
        self._commits: deque[_Commit] = deque()
        self._queued = 0
        self._keys: dict[tuple[str, str], Pending] = {}  # of queued events
        self._requests: dict[tuple[str, str], Pending] = {}  # of queued starts
        self._work = anyio.Event()
        self._busy = False  # a commit is being made
        self._closed: StoreError | None = None  # why nothing more is taken

    # --- taking

    def take(
        self, live: Live, event: AnyEvent, used_for: str | None = None, asked: int | None = None
    ) -> Pending | Rejected:
        """Move an instance by an event, and queue the step for the next commit.

        `used_for` is the digest of what the event's key, if it has one, stands for from now on; `asked` is the number
        of the request that the step answers.
        """
        made = step(live.machine, live.snapshot, event)
        return made if isinstance(made, Rejected) else self.queue(live, made, used_for, asked)

    def queue(
        self,
        live: Live,
        made: Step,
        used_for: str | None = None,
        asked: int | None = None,
        *,
        restart: bool = False,
    ) -> Pending:
        """Queue a step that was just computed; `restart` takes the request id of an earlier instance.

        With it goes the charge, if it ends what is to be paid. When that fills a commit it is made at once: what is
        young is let go young. Raises StoreError when the executor was closed meanwhile, or the history that a bill
        is made of is damaged; OwnerLost when it does not own the store any more.
        """
        if self._closed is not None:
            raise self._closed
        if made.after.ended and not made.before.ended and is_priced(live.machine):
            made = self._charged(live, made)
        live.advance(made)
        if not self._commits or len(self._commits[-1].steps) >= AT_ONCE:
            self._commits.append(_Commit())
            self._work.set()
        commit = self._commits[-1]
        if used_for is None and asked is None:
            pending = Pending(live, Entry(live.card, made, restart=restart), commit)
        else:
            pending = self._answering(live, made, commit, used_for, asked, restart)
        if live.card.seq == 1 and live.card.request_id is not None:
            self._requests[live.card.name, live.card.request_id] = pending
        commit.steps.append(pending)
        self._queued += 1
        live.notify()
        if len(commit.steps) == AT_ONCE and not self._busy:
            with suppress(StoreBusy):
                self._flush()
        return pending

    def _charged(self, live: Live, made: Step) -> Step:
        """The step that ends an instance, with its charge.

        What that is hangs on all of its history, which is read now, and once: nothing else of the instance's life, be
        it loaded a thousand times, is dearer because it costs something.
        """
        queued = [
            pending.entry.step for commit in self._commits for pending in commit.steps if pending.live is live
        ]
        events = self._store.events(live.card.id)
        kept = replayed(live.machine, events, blank(live.machine, live.card.id))
        usage = usage_of(live.machine, chain(kept, queued))
        counted = 0 if usage.snapshot is None else usage.snapshot.seq
        if counted != made.before.seq:
            raise StoreError(
                f"the history of {live.card.id} is damaged: of {made.before.seq} steps there are {counted}"
            )
        return charged(usage, made)

    def _answering(
        self, live: Live, made: Step, commit: _Commit, used_for: str | None, asked: int | None, restart: bool
    ) -> Pending:
        """A step whose receipt is kept with it: under the key of its event, or for whoever asked for it."""
        told = receipt(live.machine, made)
        is_start = isinstance(made.event, Start)
        record = answer = None
        if used_for is not None and isinstance(made.event, Event) and made.event.key is not None:
            record = KeyRecord(made.event.key, used_for, told)
        if asked is not None:
            answer = Answer(asked, written_instance(live.card.id) if is_start else written_receipt(told))
        pending = Pending(live, Entry(live.card, made, record, restart, answer), commit, told)
        if record is not None:
            self._keys[live.card.id, record.key] = pending
        return pending

    def keyed(self, instance: str, key: str) -> tuple[KeyRecord, Pending | None] | None:
        """What an event with that key was told, and its step if it is still to be kept."""
        if pending := self._keys.get((instance, key)):
            assert pending.entry.key is not None
            return pending.entry.key, pending
        record = self._store.key(instance, key)
        return None if record is None else (record, None)

    def requested(self, name: str, request_id: str) -> Pending | None:
        """The start with that request id, if it is still to be kept."""
        return self._requests.get((name, request_id))

    def catch_up(self, live: Live, now: int, *, including: bool = False) -> None:
        """Fire the timers that were due before now (or just now), in order.

        A machine whose timers take no time could go on for ever; it gets so many turns at a time.
        """
        for _ in range(MOST_TIMERS):
            coming = live.next_timer()
            if coming is None or coming[0] > now or (coming[0] == now and not including):
                break
            at, _, region, timer = coming
            fired = self.take(live, Fired(region, timer, now))
            assert isinstance(fired, Pending), "an armed timer fires"
            if self._metrics is not None:
                self._metrics.observe("statewf_timer_late_seconds", (now - at) / 1000, NONE)

    async def room(self) -> None:
        """Wait until there is room for one more: so a flood of events slows the senders down."""
        while self._queued >= MOST_QUEUED:
            await self._commits[0].done.wait()

    # --- committing

    def close(self, error: StoreError) -> None:
        """Commit what is queued, and take nothing more: that raises the error from now on."""
        self._closed = error
        with suppress(StoreBusy):
            while self._commits:
                at_last(self._flush)
        self._fail(error)

    async def flushed(self) -> None:
        """Wait until what is queued now is kept, or lost."""
        if self._commits:
            await self._commits[-1].done.wait()

    async def run(self) -> None:
        """Commit what is queued, again and again, until cancelled."""
        while True:
            await self._work.wait()
            self._work = anyio.Event()
            while self._commits:
                await self._commit(self._commits[0])
                await anyio.lowlevel.checkpoint()  # who was told goes on, and fills the next commit

    async def _commit(self, commit: _Commit) -> None:
        """Make the first commit; while another process writes, try again, but not for ever."""

        def write() -> None:
            if not commit.over:  # by `queue`, meanwhile
                self._flush()

        try:
            await patiently(write, PATIENCE)
        except StoreBusy as busy:
            self._fail(busy)  # those that came later, too: they would wait as long, one after another

    def _flush(self) -> None:
        """Make the next commit. Raises StoreBusy, and then nothing has changed."""
        commit = self._commits.popleft()
        self._busy = True  # what its effects bring about waits for the next one
        try:
            kept = self._keep(commit.steps)
            self._forget(commit.steps)
            for pending in kept:
                pending.live.kept = pending.entry.step.after
            commit.end()
            for pending in kept:
                pending.live.notify()
                self._performed(pending.live, pending.entry.step)
        except StoreBusy:
            self._commits.appendleft(commit)
            raise
        finally:
            self._busy = False

    def _forget(self, steps: Sequence[Pending]) -> None:
        """They do not wait any more."""
        self._queued -= len(steps)
        for pending in steps:
            card, key = pending.entry.card, pending.entry.key
            if key is not None and self._keys.get((card.id, key.key)) is pending:
                del self._keys[card.id, key.key]
            if card.seq == 1 and card.request_id is not None:
                self._requests.pop((card.name, card.request_id), None)

    def _keep(self, steps: list[Pending]) -> list[Pending]:
        """What of these could be kept; the rest is undone."""
        steps = [pending for pending in steps if pending.error is None]
        while steps:
            try:
                self._append([pending.entry for pending in steps])
            except StoreBusy:
                raise
            except StoreConflict as conflict:
                self._undo([p for p in steps if p.entry.card.id == conflict.instance] or steps, conflict)
                steps = [pending for pending in steps if pending.error is None]
            except StoreError as error:
                self._undo(steps, error)
                if isinstance(error, OwnerLost):
                    self._deposed(error)
                return []
            except Exception as error:
                instances = {pending.entry.card.id for pending in steps}
                if len(instances) > 1:  # find out whose fault it is
                    alone = [[p for p in steps if p.entry.card.id == instance] for instance in sorted(instances)]
                    return [pending for part in alone for pending in self._keep_now(part)]
                log.exception("the store broke its contract", instance=steps[0].entry.card.id)
                self._undo(steps, StoreError(f"the store failed: {type(error).__name__}: {error}"))
                return []
            else:
                return steps
        return []

    def _keep_now(self, steps: list[Pending]) -> list[Pending]:
        """The same of a part, of whose commit others may be kept by now: it cannot be tried again as a whole."""
        try:
            return self._keep(steps)
        except StoreBusy as busy:
            self._undo(steps, busy)
            return []

    def _append(self, entries: Sequence[Entry]) -> None:
        metrics = self._metrics
        if metrics is None:
            self._store.append(entries, self._epoch)
            return
        began = time.perf_counter()
        try:
            self._store.append(entries, self._epoch)
        except StoreBusy:
            raise  # it is tried again
        except BaseException:
            metrics.count("statewf_commits_total", 1, {"outcome": "failed"})
            raise
        metrics.count("statewf_commits_total", 1, {"outcome": "kept"})
        metrics.observe("statewf_commit_seconds", time.perf_counter() - began, NONE)
        metrics.observe("statewf_commit_steps", len(entries), NONE)

    # --- undoing

    def _fail(self, error: StoreError) -> None:
        """Nothing that is queued will be kept."""
        while self._commits:
            commit = self._commits.popleft()
            self._forget(commit.steps)
            self._undo(commit.steps, error)
            commit.end()

    def _undo(self, steps: Iterable[Pending], error: StoreError) -> None:
        """Throw out of memory what could not be kept, and what was computed upon it."""
        gone = {id(pending.live) for pending in steps}
        queued = (pending for commit in self._commits for pending in commit.steps)
        lost = [p for p in dict.fromkeys([*steps, *queued]) if id(p.live) in gone and p.error is None]
        log.info("nothing of %d steps was kept: %s", len(lost), error)  # who waits is told
        for pending in lost:
            pending.error = error
            pending.live.void(error)
            if not pending.awaited:
                self._lost(pending.entry.card.id, pending.entry.step.event)
