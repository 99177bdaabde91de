"""Waiting for deadlines: the earliest of all lies in the store's index; nothing else is remembered."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

import anyio

from statewf.errors import StoreError
from statewf.history import Store

log = logging.getLogger("statewf.timers")

LONGEST_SLEEP = 60.0  # seconds; then the clock is read again, in case somebody set it
AT_ONCE = 100  # instances whose timers are fired before others get a turn
AFTER_TROUBLE = 1.0  # seconds until a store that failed is asked again


class Timers:
    """Fires what is due. `fire(instance, now)` is awaited for each instance, the most overdue first."""

    def __init__(self, store: Store, clock: Callable[[], int], fire: Callable[[str, int], Awaitable[None]]) -> None:
        self._store = store
        self._clock = clock
        self._fire = fire
        self._nearer = anyio.Event()
        self._next: int | None = None

    def set(self, deadline: int) -> None:
        """A deadline was kept in the store."""
        if self._next is None or deadline < self._next:
            self._nearer.set()

    async def run(self) -> None:
        """Fire timers until cancelled."""
        while True:
            try:
                await self._round()
            except StoreError as error:
                log.error("timers wait for the store: %s", error)
                await anyio.sleep(AFTER_TROUBLE)

    async def _round(self) -> None:
        now = self._clock()
        troubled = False
        for instance in self._store.due(now, AT_ONCE):
            try:
                await self._fire(instance, now)
            except StoreError as error:
                log.error(
                    "the timers of %s wait: %s", instance, error
                )  # one that is damaged must not stop the rest
                troubled = True
        if troubled:
            await anyio.sleep(AFTER_TROUBLE)
        self._nearer = anyio.Event()
        self._next = self._store.next_due()
        pause = LONGEST_SLEEP if self._next is None else (self._next - self._clock()) / 1000
        with anyio.move_on_after(min(max(pause, 0.0), LONGEST_SLEEP)):
            await self._nearer.wait()
