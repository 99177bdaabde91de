"""A bell: how processes of one machine wake each other when they have put something into a store.

A datagram to a port of the loopback address, without content: it says only that a look is worth while, so it does not
matter who rings, or whether a ring is lost; whoever waits looks now and then by himself.
"""

from __future__ import annotations

import socket
from contextlib import suppress

import anyio

LOOPBACK = "127.0.0.1"


class Bell:
    """The bell of one executor. `port` is 0 where there is no loopback: then nobody can ring."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._rung = anyio.Event()
        self.port = 0
        with suppress(OSError):
            self._socket.bind((LOOPBACK, 0))
            self.port = int(self._socket.getsockname()[1])

    def close(self) -> None:
        """Nobody hears it any more."""
        self._socket.close()

    def ring(self, port: int) -> None:
        """Ring the bell of somebody else."""
        if 0 < port < 1 << 16:
            with suppress(OSError):
                self._socket.sendto(b"", (LOOPBACK, port))

    async def run(self) -> None:
        """Hear, until cancelled."""
        if not self.port:
            await anyio.sleep_forever()
        while True:
            await anyio.wait_readable(self._socket)
            with suppress(OSError):
                while True:
                    self._socket.recv(1)
            self.wake()

    def wake(self) -> None:
        """Wake who waits in this process."""
        rung, self._rung = self._rung, anyio.Event()
        rung.set()

    async def rung(self, within: float) -> None:
        """Wait for the next ring, so many seconds at most."""
        with anyio.move_on_after(within):
            await self._rung.wait()
