"""Calls that found no place: they stay open in the store, whose index tells of them when there is room again.

So neither a storm of calls nor the recovery of a million instances fills the memory. Above: `owner`.
Beside: `perform`, which has the places.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import anyio
import anyio.lowlevel

from statewf.errors import StatewfError, StoreError
from statewf.history import Store
from statewf.runtime.logs import Log
from statewf.runtime.patience import PAUSE

log = Log("statewf.backlog")

AT_ONCE = 100  # instances that are asked for in one query


class Backlog:
    """Makes calls as soon as there is room. `make(instance)` makes what is open of one; whether all had a place.

    With `everything`, of all instances of the store; else of those only that were noted.
    """

    def __init__(self, store: Store, make: Callable[[str], bool], *, everything: bool) -> None:
        self._store = store
        self._make = make
        self._everything = everything
        self._noted: dict[str, None] = {}
        self._behind = everything  # there may be some in the store
        self.pending = everything  # whether there is somebody whose turn is to come
        self._room = anyio.Event()

    def note(self, instance: str) -> None:
        """A call of that instance found no place."""
        self.pending = True
        if self._everything:
            self._behind = True
        else:
            self._noted[instance] = None

    def has_room(self) -> None:
        """There is room for some more."""
        if self.pending:
            self._room.set()

    async def run(self) -> None:
        """Make calls whenever there is room, until cancelled."""
        self._room.set()
        while True:
            await self._room.wait()
            try:
                await self._make_all()
            except StoreError as error:
                log.error("open calls wait for the store: %s", error)
                self._behind = self._everything
                await anyio.sleep(PAUSE)

    async def _make_all(self) -> None:
        for instance in self._instances():
            while not self._made(instance):
                self._room = anyio.Event()
                await self._room.wait()
            await anyio.lowlevel.checkpoint()
        self._room = anyio.Event()
        self.pending = False

    def _instances(self) -> Iterator[str]:
        """Those with open calls. Calls that are made while this goes on may find no place: then once more."""
        while self._behind or self._noted:
            noted, self._noted = self._noted, {}
            yield from noted
            if self._behind:
                self._behind = False
                yield from self._busy()

    def _busy(self) -> Iterator[str]:
        number = 0
        while found := self._store.busy(number, AT_ONCE):
            for number, instance in found:  # noqa: B007  # the last number is where the next query begins
                yield instance

    def _made(self, instance: str) -> bool:
        try:
            return self._make(instance)
        except StoreError as error:  # one damaged instance must not stop the rest
            log.error("%s is left alone: %s", instance, error, instance=instance)
        except StatewfError as error:
            log.info("%s is left: %s", instance, error, instance=instance)
        return True
