"""A store, its executor, and all that looks at them beside it: what routes and pages are given.

Below: `reader`, `feed`, `shelf`; the runtime. Above: the API, the console.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import attrs

from statewf.errors import Archived, StatewfError, UnknownInstance, UnknownMachine
from statewf.history import Card, MachineRecord, Store
from statewf.history.travel import Traveller
from statewf.machine.fsm import Machine
from statewf.machine.record import Receipt
from statewf.machine.snapshot import Step
from statewf.runtime import Executor
from statewf.runtime.metrics import Meter
from statewf.web.counts import Counts
from statewf.web.feed import Feed
from statewf.web.reader import Reader
from statewf.web.shelf import Shelf

if TYPE_CHECKING:
    from statewf.forecast.remaining import Estimate

T = TypeVar("T")

Travel: TypeAlias = tuple[Card, Machine, tuple[Step, ...]]

REMEMBERED = 20_000  # steps of instances that were looked at last
LARGEST = 100  # regions of a machine of whose instances it is reckoned how long they still take


@attrs.define(eq=False)
class Service:
    """All that routes ask. The readers are open, `patient` for what may take long; `feed` runs, and so does the executor."""

    executor: Executor
    reader: Reader
    feed: Feed
    meter: Meter
    patient: Reader
    shelf: Shelf
    counts: Counts
    _travels: OrderedDict[str, Travel] = attrs.field(factory=OrderedDict)
    _travelling: asyncio.Lock = attrs.field(factory=asyncio.Lock)

    async def record(self, name: str) -> MachineRecord:
        """The machine that was deployed under that name. Raises UnknownMachine."""
        found = await self.reader.ask(lambda store: store.current(name))
        if found is None:
            raise UnknownMachine(f"no machine named {name} is deployed")
        return found

    async def card(self, instance: str) -> Card:
        """What is known of an instance. Raises UnknownInstance, Archived."""
        return _there(await self.reader.ask(lambda store: store.card(instance) or _gone(store, instance)))

    async def given(self, instance: str, give: Callable[[Executor], Awaitable[Receipt]]) -> Receipt:
        """What an instance made of what it was given. Raises what the executor does, and Archived."""
        try:
            return await give(self.executor)
        except UnknownInstance:
            await self.card(instance)  # which knows more of what is not there any more
            raise

    async def travelled(self, instance: str) -> tuple[Card, Machine, tuple[Step, ...]]:
        """An instance with its machine and all its steps. Raises UnknownInstance, Archived."""
        card = await self.card(instance)
        async with self._travelling:  # of two who look at one, the second finds what the first has found
            known = self._travels.get(instance)
            if known is None or known[0].seq < card.seq:
                steps = () if known is None else known[2]
                known = _there(await self.patient.ask(lambda store: _travel(store, instance, steps)))
                self._travels[instance] = known
        self._travels.move_to_end(instance)
        while len(self._travels) > 1 and sum(len(steps) for _, _, steps in self._travels.values()) > REMEMBERED:
            self._travels.popitem(last=False)
        return known

    async def estimate(self, machine: Machine, steps: tuple[Step, ...]) -> Estimate | None:
        """How long an instance still takes, by what others took; None: nobody can tell, or it has ended."""
        if steps[-1].after.ended or len(machine.regions) > LARGEST:
            return None
        return await self.shelf.estimate(machine, steps)


@asynccontextmanager
async def opened(executor: Executor, meter: Meter) -> AsyncIterator[Service]:
    """A service of an executor that is open, for as long as a block lasts."""
    readers = (Reader(executor.store) for _ in range(3))
    async with next(readers) as reader, next(readers) as patient, next(readers) as surveyor:
        feed, shelf = Feed(reader), Shelf(surveyor)
        following = asyncio.create_task(feed.run())
        try:
            yield Service(executor, reader, feed, meter, patient, shelf, Counts(reader, surveyor))
        finally:
            shelf.close()
            following.cancel()
            with suppress(asyncio.CancelledError):
                await following


def _travel(store: Store, instance: str, known: tuple[Step, ...]) -> Travel | StatewfError:
    """An instance with all its steps, of which some are known."""
    card, traveller = store.card(instance), Traveller(store)
    if card is None:
        return _gone(store, instance)
    return card, traveller.machine(card), (*known, *traveller.steps(card, known[-1].after if known else None))


def _there(found: T | StatewfError) -> T:
    if isinstance(found, StatewfError):
        raise found
    return found


def _gone(store: Store, instance: str) -> StatewfError:
    """Why an instance is not there."""
    grave = store.grave(instance)
    if grave is None:
        return UnknownInstance(f"there is no instance {instance}")
    return Archived(f"{instance} ended in {grave.state} ({grave.ended}), and was archived")
