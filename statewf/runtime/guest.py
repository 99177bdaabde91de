"""A process that does not own its store: it reads there, and asks the owner through the inbox.

A request is withdrawn when nobody answers in time; that works if and only if it was not done, for the answer is kept
with what was done. Should this process become the owner meanwhile, it answers itself. Above: `executor`. Beside:
`owner`, which does the same verbs at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import anyio

from statewf.errors import StoreBusy, StoreError, Unknown
from statewf.history import Store
from statewf.machine.events import Decided, Event
from statewf.machine.record import Receipt
from statewf.machine.snapshot import Snapshot
from statewf.runtime.house import House
from statewf.runtime.lease import Holder, described
from statewf.runtime.requests import (
    CancelRequest,
    DecideRequest,
    Request,
    SendRequest,
    StartRequest,
    instance_of,
    receipt_of,
    written,
)
from statewf.values.frozen import Object

LOOK = 0.05  # seconds between two looks for an answer, or for what is new
FIRST_PAUSE, LONGEST_PAUSE = 0.002, 0.1  # seconds until a store in which somebody writes is tried again


def in_vain(store: Store, reason: str, patience: float) -> StoreBusy:
    """That nothing could be written for so long, and who may be to blame."""
    hint = f"{described(store.lease().holder)} owns the store; should who writes be stopped, wake or end it"
    return StoreBusy(f"{reason}, for {patience:g} s now: nothing was done ({hint})")


class Guest:
    """Asks the owner, and waits for its answer, but not for ever."""

    def __init__(self, house: House) -> None:
        self._store, self._lives, self._bell, self._clock = house.store, house.lives, house.bell, house.clock
        self._patience = house.patience
        self._seen: int | None = None  # the version of the store that was looked at
        self._over = False  # somebody else acts here by now

    def close(self, error: StoreError) -> None:
        """Wake whoever waits: somebody else acts here from now on."""
        self._over = True
        self._lives.clear(error)
        self._bell.wake()

    # --- asking

    async def start(self, name: str, inputs: Object, request_id: str | None, *, restart: bool) -> str:
        """Have an instance started; its id. See `Executor.start`."""
        return instance_of(await self._ask(StartRequest(name, inputs, request_id, restart), request_id))

    async def send(self, instance: str, event: Event) -> Receipt:
        """Have an event sent; see `Executor.send`."""
        return receipt_of(await self._ask(SendRequest(instance, event), event.key))

    async def cancel(self, instance: str, *, now: bool) -> Receipt:
        """Have an instance ended; see `Executor.cancel`."""
        return receipt_of(await self._ask(CancelRequest(instance, now), None))

    async def decide(self, decided: Decided) -> Receipt:
        """Have a task decided; see `Executor.complete`."""
        return receipt_of(await self._ask(DecideRequest(decided), None))

    async def _ask(self, request: Request, key: str | None) -> Mapping[str, Any]:
        number = await self._put(request)
        answer: Any = None
        try:
            with anyio.move_on_after(self._patience):
                while (answer := self._store.answered(number)) is None:
                    await self._bell.rung(LOOK)
        finally:
            if answer is None:  # also when whoever asked is cancelled
                answer = self._taken_back(number, key)
        if answer is None:
            owner = described(self._store.lease().holder)
            raise StoreError(
                f"{owner}, which owns the store, did not answer for {self._patience:g} s: nothing was done"
            )
        return answer  # type: ignore[no-any-return]  # an object, as both sides write it

    async def _put(self, request: Request) -> int:
        """Put it into the inbox, when there is room and nobody writes; its number."""
        pause = FIRST_PAUSE
        deadline = anyio.current_time() + self._patience
        while True:
            try:
                number = self._store.ask(written(request, self._bell.port), self._clock())
                reason = "the owner of the store has too much to do"
            except StoreBusy as busy:
                number, reason = None, str(busy)
            if number is not None:
                holder = Holder.read(self._store.lease().holder)
                self._bell.ring(holder.bell if holder is not None else 0)
                self._bell.wake()  # it may be this process by now
                return number
            if anyio.current_time() >= deadline:
                raise in_vain(self._store, reason, self._patience)
            await anyio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    def _taken_back(self, number: int, key: str | None) -> Any:
        """Withdraw a request; None if that went well, or else the answer that came meanwhile. Raises Unknown."""
        try:
            return None if self._store.withdraw(number) else self._store.answered(number)
        except StoreError as error:
            told = "the owner of the store did not answer, and nobody knows whether it will do it"
            again = "ask again with the same key or request id" if key else "look what became of it, then ask again"
            raise Unknown(key, f"{told} ({error}); {again}") from error

    # --- reading

    def look(self) -> bool:
        """Whether somebody wrote since the last look; what was read before holds no more."""
        version = self._store.version()
        if version == self._seen:
            return False
        self._seen = version
        self._lives.clear(StoreError("it was read again"))
        return True

    async def until(self, instance: str, reached: Callable[[Snapshot], bool]) -> bool:
        """Wait until that can be said of an instance; False if this process owns the store by now."""
        while not self._over:
            self.look()
            if reached(self._lives.get(instance).kept):
                return True
            while not (self._over or self.look()):
                await self._bell.rung(LOOK)
        return False

    async def ended(self, instance: str) -> None:
        """Wait until an instance ended, or perhaps."""
        await self.until(instance, lambda kept: bool(kept.ended))

    def performs(self, _: Snapshot) -> bool:
        """Nothing is performed here."""
        return False

    def resume(self, _: str) -> bool:
        """The owner does what is open; should that be this process one day, `seat` sees to it."""
        return True

    async def idle(self) -> None:
        """Wait until no call is open, and no timer is due."""
        while not self._over and (self._store.busy(limit=1) or self._store.due(self._clock(), 1)):
            await self._bell.rung(LOOK)
