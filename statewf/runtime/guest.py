"""A process that does not own its store: it reads there, and asks the owner through the inbox.

A request is withdrawn when nobody answers in time, or when this process becomes the owner itself; that works if and
only if it was not done, for the answer is kept with what was done. Above: `executor`. Beside: `owner`, which does the
same verbs at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import anyio

from statewf.errors import StoreError, Unknown
from statewf.machine.events import Decided, Event
from statewf.machine.record import Receipt
from statewf.machine.snapshot import Snapshot
from statewf.runtime.house import House
from statewf.runtime.lease import Holder, described
from statewf.runtime.patience import patiently
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
LETTING_GO = 2.0  # seconds that withdrawing a request may take, also when whoever asked was cancelled


class Guest:
    """Asks the owner, and waits for its answer, but not for ever."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._store, self._lives, self._bell, self._clock = house.store, house.lives, house.bell, house.clock
        self._patience = house.patience
        self._seen: int | None = None  # the version of the store that was looked at
        self._news = 0  # how often somebody had written by then
        self._over: StoreError | None = None  # why somebody else acts here by now, or nobody

    def close(self, error: StoreError) -> None:
        """Wake whoever waits: somebody else acts here from now on."""
        self._over = error
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
        document = written(request, self._bell.port)
        number = await self._house.insist(lambda: self._store.ask(document, self._clock()))
        answer: Any = None
        try:
            self._ring()
            with anyio.move_on_after(self._patience):
                while (answer := self._answered(number)) is None and self._over is None:
                    await self._bell.rung(LOOK)
        finally:
            if answer is None:  # also when whoever asked is cancelled
                with anyio.CancelScope(shield=True):
                    answer = await self._taken_back(number, key)
        if answer is None:
            raise self._over or StoreError(
                f"{described(self._store.lease().holder)}, which owns the store, did not answer for "
                f"{self._patience:g} s: nothing was done"
            )
        return answer  # type: ignore[no-any-return]  # an object, as both sides write it

    def _ring(self) -> None:
        """Wake the owner."""
        with suppress(StoreError):  # it looks by itself
            holder = Holder.read(self._store.lease().holder)
            self._bell.ring(holder.bell if holder is not None else 0)

    def _answered(self, number: int) -> Any:
        """The answer, as far as it can be seen."""
        with suppress(StoreError):
            return self._store.answered(number)

    async def _taken_back(self, number: int, key: str | None) -> Any:
        """Withdraw a request; None if that went well, or else the answer that came meanwhile. Raises Unknown."""
        try:
            withdrawn = await patiently(lambda: self._store.withdraw(number), LETTING_GO)
            return None if withdrawn else self._store.answered(number)
        except StoreError as error:
            told = "the owner of the store did not answer, and nobody knows whether it will do it"
            again = "ask again with the same key or request id" if key else "look what became of it, then ask again"
            raise Unknown(key, f"{told} ({error}); {again}") from error

    # --- reading

    def look(self) -> None:
        """Forget what was read before somebody wrote."""
        version = self._store.version()
        if version != self._seen:
            self._seen = version
            self._news += 1
            self._lives.clear(StoreError("it was read again"))

    async def until(self, instance: str, reached: Callable[[Snapshot], bool]) -> bool:
        """Wait until that can be said of an instance; False if somebody else acts here by now."""
        seen = 0
        while self._over is None:
            self.look()
            if seen != self._news:
                seen = self._news
                if reached(self._lives.get(instance).kept):
                    return True
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

    async def idle(self) -> bool:
        """Wait until no call is open, and no timer is due; False if somebody else acts here by now."""
        while self._over is None:
            if not (self._store.busy(limit=1) or self._store.due(self._clock(), 1)):
                return True
            await self._bell.rung(LOOK)
        return False
