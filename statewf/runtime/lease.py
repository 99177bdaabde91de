"""Whose the store is: one process at a time owns it and performs; the others ask it, and watch it.

The owner shows that it lives with everything it writes. Who watches, and sees no sign of it for a while, asks for one;
he takes over when the holder's process is gone, or when there was no sign for `LEASE` seconds by his own clock: so no
clock that is set, and no two clocks that differ, can take a store from its owner, and an owner whom nobody watches
writes nothing for it. A new owner makes a new epoch, which every commit checks: one that was stopped for longer, and
wakes up, can keep nothing.

Above: `seat`, which owns or asks accordingly. Below: the store, which keeps the lease.
"""

from __future__ import annotations

import math
import os
import secrets
import socket
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import anyio

from statewf.errors import StoreBusy
from statewf.history import Lease, Store
from statewf.runtime.bell import Bell
from statewf.runtime.logs import Log

log = Log("statewf.lease")

ASKED = 1.0  # seconds without a sign of life until one is asked for
LEASE = 5.0  # seconds without one until somebody else may take over
LOOK = 0.05  # seconds between two looks at the lease of somebody else


class Holder(NamedTuple):
    """Who holds a lease: a process, by what tells it from all others, and one executor in it."""

    host: str
    namespace: str  # of process ids: containers count their own
    process: int
    executor: str
    bell: int

    @classmethod
    def here(cls, bell: int) -> Holder:
        """A new executor in this process, with the port of its bell."""
        return cls(socket.gethostname() or "-", _namespace(), os.getpid(), secrets.token_hex(4), bell)

    @classmethod
    def read(cls, text: str) -> Holder | None:
        """The holder that `str` wrote; None if that is none."""
        parts = text.split()
        if len(parts) != len(cls._fields) or not (parts[2].isdecimal() and parts[4].isdecimal()):
            return None
        return cls(parts[0], parts[1], int(parts[2]), parts[3], int(parts[4]))

    def __str__(self) -> str:
        return " ".join(map(str, self))

    @property
    def gone(self) -> bool:
        """Whether its process was here, and is no more. Of another machine nobody knows."""
        if os.name != "posix" or (self.host, self.namespace) != (socket.gethostname() or "-", _namespace()):
            return False
        try:
            os.kill(self.process, 0)
        except ProcessLookupError:
            return True
        except OSError:
            return False  # it is somebody else's
        return _is_dead(self.process)


def _is_dead(process: int) -> bool:
    """Whether a process has ended, and only its parent has not looked yet; False where that cannot be told."""
    with suppress(OSError):
        state = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2]
        return state.split()[:1] == ["Z"]
    return False


def _namespace() -> str:
    with suppress(OSError):
        return str(Path("/proc/self/ns/pid").readlink())
    return "-"


def described(holder: str) -> str:
    """A holder in words."""
    known = Holder.read(holder)
    if known is not None:
        return f"process {known.process} on {known.host}"
    return "another process" if holder else "nobody"


class Watch:
    """One who would own the store, as soon as nobody does. `performs`: it has handlers, which the owner may lack."""

    def __init__(self, store: Store, bell: Bell, *, performs: bool) -> None:
        self._store = store
        self._bell = bell
        self._holder = Holder.here(bell.port)
        self._performs = performs
        self._seen: tuple[int, int] | None = None
        self._questioned = False  # since the last sign of life
        self._silent = 0.0  # seconds without a sign of life, in which we looked
        self._looked = self._asked = -math.inf

    def claimed(self) -> int | None:
        """The epoch that is ours from now on, if nobody owns the store."""
        lease = self._store.lease()
        holder = Holder.read(lease.holder)
        if holder is not None and not self._is_over(lease, holder):
            self._ask(lease, holder)
            return None
        epoch = self._store.claim(str(self._holder), lease.epoch, lease.beat)
        if epoch is not None and holder is not None:
            why = "is gone" if holder.gone else f"gave no sign of life for {LEASE:g} s"
            log.warning("%s %s: this process owns the store now", described(lease.holder), why)
        return epoch

    def _is_over(self, lease: Lease, holder: Holder) -> bool:
        now = anyio.current_time()
        if self._seen != (lease.epoch, lease.beat):
            self._seen, self._silent, self._questioned = (lease.epoch, lease.beat), 0.0, False
        elif self._questioned or self._silent < ASKED:  # who was not asked need not answer
            self._silent += min(now - self._looked, ASKED)  # longer, and it was we who did not move
        self._looked = now
        return holder.gone or self._silent >= LEASE

    def _ask(self, lease: Lease, holder: Holder) -> None:
        """Ask for a sign of life when there was none for a while, and at once for the place of who cannot perform."""
        now = anyio.current_time()
        wants = self._performs and not lease.wanted
        if wants or (self._silent >= ASKED and now - self._asked >= ASKED):
            self._store.question(lease.epoch, wanted=self._performs)
            self._asked, self._questioned = now, True
            self._bell.ring(holder.bell)

    async def turn(self) -> int:
        """Wait until the store is ours; the epoch."""
        while True:
            with suppress(StoreBusy):  # somebody writes just now
                if (epoch := self.claimed()) is not None:
                    return epoch
            await self._bell.rung(LOOK)
