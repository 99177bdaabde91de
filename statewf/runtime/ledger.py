"""Keeping steps: compute, queue for the next commit, acknowledge after it, perform after that.

One commit takes everything that was queued while the last one ran. If it fails, all instances in it are
thrown out of memory, and everybody who waits is told; the store still has the truth. If it fails because
of one instance that somebody else changed, the others are kept without it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress

import anyio
import attrs

from statewf.errors import StatewfError, StoreConflict, StoreError
from statewf.history import Entry, KeyRecord, Store
from statewf.machine.events import AnyEvent, Event, Fired
from statewf.machine.record import receipt
from statewf.machine.snapshot import Rejected, Step
from statewf.machine.step import step
from statewf.runtime.live import Live

log = logging.getLogger("statewf.ledger")

CLOSED = "the executor is closed"
MOST_TIMERS = 1_000  # of one instance that are fired before others get a turn


@attrs.define(eq=False)
class Pending:
    """A step on its way into the store."""

    live: Live
    entry: Entry
    over: bool = False
    error: StoreError | None = None
    _done: anyio.Event | None = None  # made when somebody waits: mostly nobody does

    @property
    def awaited(self) -> bool:
        """Whether somebody waits to be told what becomes of it."""
        return self._done is not None

    async def kept(self) -> None:
        """Return when the step is kept; raise StoreError when it could not be."""
        if not self.over:
            self._done = self._done or anyio.Event()
            await self._done.wait()
        if self.error is not None:
            raise self.error

    def done(self, error: StoreError | None = None) -> None:
        """It was kept, or could not be."""
        self.over, self.error = True, error
        if self._done is not None:
            self._done.set()


class Ledger:
    """The one writer of a store.

    After each commit `performed(live, step)` is called, step by step; if it failed, and nobody waits to be
    told, `lost(instance, event)`.
    """

    def __init__(
        self, store: Store, performed: Callable[[Live, Step], None], lost: Callable[[str, AnyEvent], None]
    ) -> None:
        self._store = store
        self._performed = performed
        self._lost = lost
        self._queue: list[Pending] = []
        self._keys: dict[tuple[str, str], Pending] = {}  # of queued events
        self._requests: dict[tuple[str, str], Pending] = {}  # of queued starts
        self._work = anyio.Event()
        self._closed = False

    def take(self, live: Live, event: AnyEvent, used_for: str | None = None) -> Pending | Rejected:
        """Move an instance by an event, and queue the step for the next commit.

        `used_for` is the digest of what the event's key, if it has one, stands for from now on.
        """
        made = step(live.machine, live.snapshot, event)
        return made if isinstance(made, Rejected) else self.queue(live, made, used_for)

    def queue(self, live: Live, made: Step, used_for: str | None = None, *, restart: bool = False) -> Pending:
        """Queue a step that was just computed. Raises StatewfError when the executor was closed meanwhile."""
        if self._closed:
            raise StatewfError(CLOSED)
        live.advance(made)
        card = live.card
        record = None
        if isinstance(made.event, Event) and made.event.key is not None and used_for is not None:
            record = KeyRecord(made.event.key, used_for, receipt(live.machine, made))
        pending = Pending(live, Entry(card, made, record, restart))
        self._queue.append(pending)
        if record is not None:
            self._keys[card.id, record.key] = pending
        if card.request_id is not None and card.seq == 1:
            self._requests[card.name, card.request_id] = pending
        self._work.set()
        live.notify()
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
            _, _, region, timer = coming
            fired = self.take(live, Fired(region, timer, now))
            assert isinstance(fired, Pending), "an armed timer fires"

    def close(self) -> None:
        """Commit what is queued, and take nothing more."""
        self._closed = True
        self.flush()

    async def flushed(self) -> None:
        """Wait until what is queued now is kept, or lost."""
        if self._queue:
            with suppress(StoreError):
                await self._queue[-1].kept()

    async def run(self) -> None:
        """Commit what is queued, again and again, until cancelled."""
        while True:
            await self._work.wait()
            self._work = anyio.Event()
            self.flush()

    def flush(self) -> None:
        """Commit what is queued now."""
        batch, self._queue = self._queue, []
        self._keys.clear()
        self._requests.clear()
        batch = self._keep(batch)
        for pending in batch:
            pending.live.kept = pending.entry.step.after
            pending.done()
        for pending in batch:
            pending.live.notify()
            self._performed(pending.live, pending.entry.step)

    def _keep(self, batch: list[Pending]) -> list[Pending]:
        """What of these could be kept; the rest is undone."""
        while batch:
            try:
                self._store.append([pending.entry for pending in batch])
            except StoreConflict as conflict:
                lost = [pending for pending in batch if pending.entry.card.id == conflict.instance] or batch
                self._undo(lost, conflict)
                batch = [pending for pending in batch if pending not in lost]
            except StoreError as error:
                self._undo(batch, error)
                return []
            except Exception as error:
                instances = {pending.entry.card.id for pending in batch}
                if len(instances) > 1:  # find out whose fault it is
                    alone = [[p for p in batch if p.entry.card.id == instance] for instance in sorted(instances)]
                    return [pending for part in alone for pending in self._keep(part)]
                log.exception("the store broke its contract")
                self._undo(batch, StoreError(f"the store failed: {type(error).__name__}: {error}"))
                return []
            else:
                return batch
        return []

    def _undo(self, batch: Sequence[Pending], error: StoreError) -> None:
        log.info("nothing of %d steps was kept: %s", len(batch), error)  # who waits is told
        for pending in batch:
            pending.live.error = error
            pending.done(error)
            pending.live.notify()
            if not pending.awaited:
                self._lost(pending.entry.card.id, pending.entry.step.event)
