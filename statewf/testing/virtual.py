"""Virtual time for asyncio: where the loop would sleep, its clock jumps. Trio brings its own.

Threads live in real time: while there are any, a moment passes before a jump, in which they may end.
"""

from __future__ import annotations

import asyncio
import selectors
import threading
from typing import Any

MOMENT = 0.05  # seconds


class _Jumping(selectors.DefaultSelector):
    """A selector that never waits for time, only for what other threads and files do."""

    jumped = 0.0

    def __init__(self) -> None:
        super().__init__()
        self._others = set(threading.enumerate())  # also those that hung in an earlier test

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, Any]]:
        idle = timeout != 0 and not self._others.issuperset(threading.enumerate())
        ready = super().select(MOMENT if idle else 0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            return super().select(None)
        self.jumped += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time passes only by waiting for it."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.jumped
