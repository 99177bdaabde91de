"""Trying again: a write while another process writes too, and whatever else failed and may not fail again.

No statement waits for another process: the loop would stand still meanwhile. Above: whoever writes to the store.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import anyio

from statewf.errors import StoreBusy

T = TypeVar("T")

SHORTEST, LONGEST = 0.002, 0.1  # seconds between two tries while another process writes
PAUSE = 1.0  # seconds until a store that failed is tried again
LAST_TRIES = 20  # of a write for which nobody can wait any more; each takes a few ms while another process writes


async def patiently(write: Callable[[], T], within: float) -> T:
    """What `write` returns when nobody else writes. Raises StoreBusy when somebody does for so many seconds."""
    pause = SHORTEST
    deadline = anyio.current_time() + within
    while True:
        try:
            return write()
        except StoreBusy:
            if anyio.current_time() >= deadline:
                raise
        await anyio.sleep(pause)
        pause = min(pause * 2, LONGEST)


def at_last(write: Callable[[], T]) -> T:
    """The same where nothing can be awaited, on closing: the loop stands still for a tenth of a second at most."""
    for _ in range(LAST_TRIES - 1):
        with suppress(StoreBusy):
            return write()
    return write()
