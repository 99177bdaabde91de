"""What is kept, as it is kept: one look into the store for everybody who follows.

Each follower has a place of its own and takes what comes after that when it has time: who is slow holds up nobody, and costs no
memory. The newest steps are at hand; older ones are read again. While nobody follows nobody looks, and somebody does not look all the
time: a thread that reads takes time from who writes.

Below: `reader`. Above: `service`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from statewf.errors import StoreError
from statewf.history.port import Kept
from statewf.runtime.logs import Log
from statewf.web.reader import Reader

log = Log("statewf.web")

AT_HAND = 2_000  # steps that are kept in memory for all followers
AT_ONCE = 500  # steps that are read at a time
PAUSE = 0.05  # seconds between two looks, at least
LOOK = 0.25  # seconds between two looks whether another process has written


class Feed:
    """The steps of all instances, in the order in which they were kept; `run` looks for them."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._ring: deque[Kept] = deque(maxlen=AT_HAND)
        self._last = 0
        self._waiting = 0
        self._closed = False
        self._nudged = asyncio.Event()
        self._news = asyncio.Event()

    async def last(self) -> int:
        """The place of the step that was kept last. Raises StoreError."""
        return await self._reader.ask(lambda store: store.last())

    def close(self) -> None:
        """Nobody follows any more: whoever does is told so."""
        self._closed = True
        self._news.set()

    def nudge(self) -> None:
        """Something was kept here: look soon."""
        if self._waiting:
            self._nudged.set()

    async def run(self) -> None:
        """Look, again and again, until it is cancelled. A store that cannot be read just now is looked at later."""
        while True:
            try:
                if self._waiting:
                    await self._look()
            except StoreError as error:
                log.warning("the store cannot be followed just now: %s", error)
            except Exception:
                log.exception("the store cannot be followed")  # and is tried again: whoever follows waits for it
            await asyncio.sleep(PAUSE)
            try:
                await asyncio.wait_for(self._nudged.wait(), LOOK)
            except TimeoutError:
                continue
            self._nudged.clear()

    async def _look(self) -> None:
        while found := await self._reader.ask(lambda store: store.since(self._last, AT_ONCE)):
            self._ring.extend(found)
            self._last = found[-1].place
            self._news.set()
            self._news = asyncio.Event()
            if len(found) < AT_ONCE:
                return

    async def after(self, place: int) -> Sequence[Kept]:
        """Some steps that were kept after that one, at least one: this waits for it. None at the end."""
        if self._last < place:
            self._last = place  # what came before nobody waits for
            self._ring.clear()
        self._waiting += 1
        try:
            while self._last <= place and not self._closed:
                await self._news.wait()
        finally:
            self._waiting -= 1
        if self._closed:
            return []
        if self._ring and self._ring[0].place <= place + 1:
            return [kept for kept in self._ring if kept.place > place][:AT_ONCE]
        found = await self._reader.ask(lambda store: store.since(place, AT_ONCE))
        return found or await self.after(self._last)  # they are forgotten, or were archived
