"""What other processes ask of the owner: it is taken in order, and answered in the commit of the step it made.

So a request is done once or not at all, whoever dies when. Whether the owner lives is asked here, too. Above: `owner`.
Below: `requests`, the words, and `bell`. Beside: `guest`, the other side.
"""

from __future__ import annotations

import math
from typing import Protocol

import anyio
import anyio.lowlevel
from anyio.abc import TaskGroup

from statewf.errors import OwnerLost, StatewfError, StoreConflict, StoreError
from statewf.history import Answer, Store
from statewf.machine.events import Decided, Event
from statewf.machine.record import Receipt
from statewf.runtime.bell import Bell
from statewf.runtime.logs import Log
from statewf.runtime.patience import PAUSE, patiently
from statewf.runtime.requests import (
    CancelRequest,
    DecideRequest,
    SendRequest,
    StartRequest,
    bell_of,
    read,
    refusal,
    written_instance,
    written_receipt,
)
from statewf.values.frozen import Json, Object

log = Log("statewf.inbox")

LOOK = 2.0  # seconds between two looks whether somebody wrote, who could not ring
AT_ONCE = 100  # requests that are under way; the others wait in the store
TRIES = 5  # of a request whose step met another: what it was computed upon has changed by then


class Taker(Protocol):
    """The owner, as the inbox knows it. `asked` is the number under which a step is answered."""

    async def start(
        self, name: str, inputs: Object, request_id: str | None, *, restart: bool, asked: int | None = None
    ) -> str: ...

    async def send(self, instance: str, event: Event, asked: int | None = None) -> Receipt: ...

    async def cancel(self, instance: str, *, now: bool, asked: int | None = None) -> Receipt: ...

    async def decide(self, decided: Decided, asked: int | None = None) -> Receipt: ...

    def yield_to_who_performs(self) -> None: ...

    def deposed(self, error: OwnerLost) -> None: ...


class Inbox:
    """Takes what is asked, in this epoch."""

    def __init__(self, store: Store, epoch: int, taker: Taker, group: TaskGroup, bell: Bell) -> None:
        self._store = store
        self._epoch = epoch
        self._taker = taker
        self._group = group
        self._bell = bell
        self._seen = -1  # the version of the store that was looked at
        self._asked = 0  # how often it was asked whether the owner lives
        self._last = 0  # number of the last request that was taken
        self._busy = 0

    async def run(self) -> None:
        """Take requests until cancelled."""
        while True:
            try:
                await patiently(self._look, math.inf)
            except OwnerLost as error:
                self._taker.deposed(error)
                return
            except StoreError as error:
                log.error("requests wait for the store: %s", error)
                await anyio.sleep(PAUSE)
            await self._bell.rung(LOOK if self._store.shared else math.inf)

    def _look(self) -> None:
        version = self._store.version()
        if version == self._seen:
            return
        lease = self._store.lease()
        if lease.asked != self._asked or lease.epoch != self._epoch:
            self._store.renew(self._epoch)
            self._asked = lease.asked
        if lease.wanted:
            self._taker.yield_to_who_performs()
        free = AT_ONCE - self._busy
        asked = self._store.asked(self._last, free) if free else []
        for number, document in asked:
            self._last = number
            self._busy += 1
            self._group.start_soon(self._serve, number, document)
        if len(asked) < free:
            self._seen = version

    async def _serve(self, number: int, document: Json) -> None:
        try:
            told = await self._answer(number, document)
            while not await self._is_told(number, told):
                await anyio.sleep(PAUSE)
            self._bell.ring(bell_of(document))
        finally:
            self._busy -= 1
            if self._busy == AT_ONCE - 1:
                self._bell.wake()  # there is room for more

    async def _answer(self, number: int, document: Json) -> Json:
        """What is to be told; that a step was made was told with it already."""
        try:
            for _ in range(TRIES):
                try:
                    return await self._perform(number, document)
                except StoreConflict as conflict:
                    if not self._waits(number):
                        log.info("a request was withdrawn: %s", conflict)
                        return None
                await anyio.lowlevel.checkpoint()
            return await self._perform(number, document)
        except OwnerLost:
            return None  # the next owner finds the request
        except StatewfError as error:
            return refusal(error)
        except Exception as error:
            log.exception("a request failed")
            return refusal(StatewfError(f"the request failed: {type(error).__name__}: {error}"))

    def _waits(self, number: int) -> bool:
        """Whether somebody still waits for the answer to that request."""
        return [waiting for waiting, _ in self._store.asked(number - 1, 1)] == [number]

    async def _perform(self, number: int, document: Json) -> Json:
        match read(document):
            case StartRequest(name, inputs, request_id, restart):
                return written_instance(
                    await self._taker.start(name, inputs, request_id, restart=restart, asked=number)
                )
            case SendRequest(instance, event):
                return written_receipt(await self._taker.send(instance, event, number))
            case CancelRequest(instance, now):
                return written_receipt(await self._taker.cancel(instance, now=now, asked=number))
            case DecideRequest(decided):
                return written_receipt(await self._taker.decide(decided, number))

    async def _is_told(self, number: int, told: Json) -> bool:
        if told is None:
            return True

        def tell() -> None:
            if self._store.answered(number) is None:  # else it was, by the commit of its step
                self._store.answer(self._epoch, Answer(number, told))

        try:
            await patiently(tell, math.inf)
        except OwnerLost:
            pass  # the next owner finds the request
        except StoreError as error:
            log.error("an answer waits for the store: %s", error)
            return False
        return True
