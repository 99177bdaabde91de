"""Who acts here: the owner of the store while this process owns it, else a guest, who asks the owner.

Above: `executor`, which hands each verb to whoever acts. Below: `lease`, which says when that changes.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import anyio
from anyio.abc import TaskStatus

from statewf.errors import OwnerLost, StoreBusy, StoreError
from statewf.runtime.guest import Guest
from statewf.runtime.house import House
from statewf.runtime.lease import ASKED, Watch
from statewf.runtime.logs import Log
from statewf.runtime.owner import Owner
from statewf.runtime.patience import PAUSE, at_last

log = Log("statewf.lease")


class Seat:
    """Taken by whoever `acts`; once `run` has started, by the owner if nobody else owns the store."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._watch = Watch(house.store, house.bell, performs=house.means is not None)
        self._epoch = 0  # of the owner
        self._resumed: dict[str, None] = {}  # whose open calls are made here, then or later
        self.acts: Owner | Guest = Guest(house)

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """Own the store whenever nobody else does, until cancelled. Started when it is known who acts first."""
        epoch = None
        with suppress(StoreBusy):
            epoch = self._watch.claimed()
        if epoch is None:
            task_status.started()
        else:
            await self._own(epoch, task_status.started)
            await anyio.sleep(ASKED)  # whoever wants the store, or has it, goes first
        while True:
            await self._own(await self._turn())
            await anyio.sleep(ASKED)

    async def _own(self, epoch: int, begun: Callable[[], None] = lambda: None) -> None:
        """Own the store, until somebody else does, or should."""
        async with anyio.create_task_group() as group:
            self.leave(OwnerLost("this process owns the store from now on"))
            self.acts, self._epoch = Owner(self._house, epoch, group, self._resumed), epoch
            begun()
            await self.acts.reign()
            self.leave(OwnerLost("another process owns the store"))
            group.cancel_scope.cancel()

    async def _turn(self) -> int:
        """Wait until the store is ours, whatever befalls it; the epoch."""
        while True:
            try:
                return await self._watch.turn()
            except StoreError as error:
                log.error("the store cannot be watched: %s", error)
                await anyio.sleep(PAUSE)

    def resume(self, instance: str) -> None:
        """Make the open calls of an instance, as soon as this process owns the store."""
        self.acts.resume(instance)
        if not self._house.resume:
            self._resumed[instance] = None

    def leave(self, error: StoreError) -> None:
        """Who acts does so no more; whoever waits is told why."""
        left, self.acts = self.acts, Guest(self._house)
        left.close(error)
        if isinstance(left, Owner):
            self._release()

    def _release(self) -> None:
        try:
            at_last(lambda: self._house.store.release(self._epoch))
        except StoreError as error:
            log.info("the lease runs out by itself: %s", error)
