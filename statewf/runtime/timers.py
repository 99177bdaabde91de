"""Waiting for deadlines: the earliest of all lies in the store's index; nothing else is remembered.

An instance whose timers cannot be fired (its history is damaged, its store refuses) is put aside for a
while, longer each time, so that it holds up nobody else.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import anyio
import anyio.lowlevel

from statewf.errors import Closed, StoreError
from statewf.history import Store
from statewf.runtime.live import Live
from statewf.runtime.logs import Log
from statewf.runtime.patience import PAUSE

log = Log("statewf.timers")

LONGEST_SLEEP = 60.0  # seconds; then the clock is read again, in case somebody set it
JUMP = 5_000  # ms by which the clock may differ from the time that has passed, until that is told
AT_ONCE = 100  # instances whose timers share a commit, and are fired before others get a turn
LONGEST_PAUSE, UNKEPT_PAUSE = (
    60.0,
    10.0,
)  # seconds until what was put aside alone, or with all others, is tried again


class Timers:
    """Fires what is due.

    `fire(instance, now)` queues what that makes of an instance, and says whether there was anything.
    """

    def __init__(
        self, store: Store, clock: Callable[[], int], fire: Callable[[str, int], tuple[Live, bool]]
    ) -> None:
        self._store = store
        self._clock = clock
        self._fire = fire
        self._nearer = anyio.Event()
        self._through = anyio.Event()
        self._next = -math.inf
        self._ahead: float | None = None  # ms that the clock is ahead of the loop's time
        self._aside: dict[str, tuple[float, float]] = {}  # when each is tried again (loop time), its pause

    def set(self, deadline: int) -> None:
        """A deadline was kept in the store."""
        if deadline < self._next:
            self._nearer.set()

    def late(self, now: int) -> list[str]:
        """The instances with timers that are due by now, but for those put aside; no more than are fired at once."""
        ready = anyio.current_time()
        due = self._store.due(now, AT_ONCE + len(self._aside))
        self._aside = {instance: self._aside[instance] for instance in due if instance in self._aside}
        return [instance for instance in due if self._aside.get(instance, (0.0, 0.0))[0] <= ready][:AT_ONCE]

    async def caught_up(self) -> None:
        """Wait until what is due now was fired."""
        self._nearer.set()
        await self._through.wait()

    async def run(self) -> None:
        """Fire timers until cancelled."""
        while True:
            try:
                await self._round()
            except Closed:
                return  # before this could notice
            except StoreError as error:
                log.error("timers wait for the store: %s", error)
                await anyio.sleep(PAUSE)

    async def _round(self) -> None:
        self._nearer = anyio.Event()
        self._next = math.inf
        now = self._clock()
        self._heed(now)
        while late := self.late(now):
            await self._fire_all(late, now)
            await anyio.lowlevel.checkpoint()  # others get a turn, although all of it may be kept already
        through, self._through = self._through, anyio.Event()
        through.set()
        next_due = self._store.next_due(now)
        self._next = math.inf if next_due is None else next_due
        again = min((at for at, _ in self._aside.values()), default=math.inf) - anyio.current_time()
        pause = min((self._next - self._clock()) / 1000, max(again, PAUSE), LONGEST_SLEEP)
        with anyio.move_on_after(max(pause, 0.0)):
            await self._nearer.wait()

    def _heed(self, now: int) -> None:
        """Tell that somebody set the clock: deadlines are absolute, and come early or late by as much."""
        ahead = now - anyio.current_time() * 1000
        jump = 0.0 if self._ahead is None else ahead - self._ahead
        self._ahead = ahead
        if abs(jump) > JUMP:
            told = "the clock was set %s by %.0f s, or the machine slept: timers fire %s by as much"
            log.warning(told, *(("forward", jump / 1000, "early") if jump > 0 else ("back", -jump / 1000, "late")))

    async def _fire_all(self, late: list[str], now: int) -> None:
        fired: list[tuple[str, Live]] = []
        for instance in late:
            try:
                live, is_fired = self._fire(instance, now)
            except Closed:
                raise
            except StoreError as error:
                self._put_aside(instance, error)
                continue
            if is_fired or live.snapshot is not live.kept:
                fired.append((instance, live))
            elif instance in self._store.due(now, AT_ONCE + len(self._aside)):  # so it is loaded again
                live.void(StoreError("none is due, although the store says so"))
                self._put_aside(instance, StoreError("none is due, although the store says so"))
        await self._keep(fired)

    async def _keep(self, fired: list[tuple[str, Live]]) -> None:
        """Wait until that is kept. If none of many was, for one reason, it is the store: that is told once, and all wait."""
        failed: dict[str, StoreError] = {}
        for instance, live in fired:
            try:
                await live.settled()
                self._aside.pop(instance, None)
            except Closed:
                raise
            except StoreError as error:
                failed[instance] = error
        alike = len({str(reason) for reason in failed.values()}) == 1
        whole = alike and 1 < len(failed) == len(fired)
        for instance, reason in failed.items():
            self._put_aside(instance, reason, UNKEPT_PAUSE, told=not whole)
        if whole:
            log.error("the timers of %d instances wait: %s", len(failed), next(iter(failed.values())))
            await anyio.sleep(PAUSE)

    def _put_aside(
        self, instance: str, error: StoreError, longest: float = LONGEST_PAUSE, *, told: bool = True
    ) -> None:
        _, last = self._aside.get(instance, (0.0, PAUSE / 2))
        pause = min(last * 2, longest)
        self._aside[instance] = (anyio.current_time() + pause, pause)
        if told:
            log.error("the timers of %s wait %g s: %s", instance, pause, error, instance=instance)
