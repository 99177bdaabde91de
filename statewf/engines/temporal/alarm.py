"""The alarm of an instance: one timer of the server for all its deadlines. Runs in the workflow.

It is set for the next deadline. If that moves away, it is not set anew, and rings once in vain: that costs less of the history than
setting it at each event. Above: `workflow`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from temporalio import workflow


class Alarm:
    """Rings at a deadline (ms since the epoch), or before."""

    def __init__(self, now: Callable[[], int], ring: Callable[[], None]) -> None:
        self._now = now
        self._ring = ring
        self._set: tuple[int, asyncio.Task[None]] | None = None

    def set(self, deadline: int | None) -> None:
        """Ring no later than that; None: there is nothing to ring for."""
        if deadline is None or (self._set is not None and self._set[0] <= deadline):
            return
        if self._set is not None:
            self._set[1].cancel()
        self._set = deadline, asyncio.create_task(self._wait(deadline))

    async def _wait(self, deadline: int) -> None:
        await workflow.sleep(max(1, deadline - self._now()) / 1000)
        self._set = None
        self._ring()
