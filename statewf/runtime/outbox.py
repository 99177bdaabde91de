"""Telling subscribers what machines emitted: in order, at least once, until they returned."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeAlias

import anyio
import anyio.lowlevel
import attrs

from statewf.errors import StoreError
from statewf.history import Emitted, Store
from statewf.runtime.calling import Calling
from statewf.runtime.logs import Log
from statewf.runtime.patience import patiently

log = Log("statewf.outbox")

Listener: TypeAlias = "Callable[[Emitted], Any] | Callable[[Emitted], Awaitable[Any]]"

AT_ONCE = 100
PATIENCE = 30.0  # seconds that a note of what was delivered waits for another process to finish writing
SWEPT = 500  # rows that are removed at once
SWEEP = 3600.0  # seconds between removals of what every subscriber has got
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0  # seconds between deliveries to a subscriber that raises


async def sweep(store: Store, clock: Callable[[], int]) -> None:
    """Remove now and then what nobody waits for any more, a little at a time, until cancelled."""
    while True:
        try:
            while await patiently(lambda: store.purge(clock(), SWEPT), PATIENCE):
                await anyio.lowlevel.checkpoint()
        except StoreError as error:
            log.error("what was delivered is not removed: %s", error)
        await anyio.sleep(SWEEP)


@attrs.define(eq=False)
class Subscription:
    """One named subscriber of one event."""

    event: str
    subscriber: str
    listener: Listener
    _news: anyio.Event = attrs.field(factory=anyio.Event)

    def notify(self) -> None:
        """Something was emitted."""
        self._news.set()

    async def run(self, store: Store) -> None:
        """Deliver until cancelled."""
        while True:
            try:
                await patiently(lambda: store.subscribe(self.subscriber, self.event), PATIENCE)
                while True:
                    await self._round(store)
            except StoreError as error:
                log.error("%s waits for the store: %s", self.subscriber, error)
                await anyio.sleep(FIRST_PAUSE)

    async def _round(self, store: Store) -> None:
        self._news = anyio.Event()
        for emitted in store.undelivered(self.subscriber, self.event, AT_ONCE):
            await self._deliver(emitted)
            delivered = partial(store.delivered, self.subscriber, self.event, emitted.number)
            await patiently(delivered, PATIENCE)
        if not store.undelivered(self.subscriber, self.event, 1):
            await self._news.wait()

    async def _deliver(self, emitted: Emitted) -> None:
        pause = FIRST_PAUSE
        while True:
            _, error = await Calling(self.listener, emitted).outcome()
            if error is None:
                return
            message = "%s could not take %s; again in %g s"
            log.error(message, self.subscriber, emitted.id, pause, exc_info=error, instance=emitted.instance)
            await anyio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
