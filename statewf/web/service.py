"""A store, its executor, and all that looks at them beside it: what routes are given.

Below: `reader`, `feed`, `shelf`; the runtime. Above: the routes.
"""

from __future__ import annotations

import time

import attrs

from statewf.errors import Archived, StatewfError, UnknownInstance, UnknownMachine
from statewf.history import Card, MachineRecord, Store
from statewf.history.port import Count
from statewf.runtime import Executor
from statewf.runtime.metrics import Meter
from statewf.web.feed import Feed
from statewf.web.reader import Reader
from statewf.web.shelf import Shelf

OLD = 20  # times as long as it took to count may pass until it is counted anew


@attrs.define
class _Counted:
    """How many instances were where, until when (seconds, on a clock that does not jump) that is good enough."""

    counts: list[Count]
    until: float


@attrs.define(eq=False)
class Service:
    """All that routes ask. `reader` is open, `feed` runs, and so does the executor."""

    executor: Executor
    reader: Reader
    feed: Feed
    meter: Meter
    shelf: Shelf = attrs.field(factory=Shelf)
    _counted: _Counted | None = None

    async def record(self, name: str) -> MachineRecord:
        """The machine that was deployed under that name. Raises UnknownMachine."""
        found = await self.reader.ask(lambda store: store.current(name))
        if found is None:
            raise UnknownMachine(f"no machine named {name} is deployed")
        return found

    async def card(self, instance: str) -> Card:
        """What is known of an instance. Raises UnknownInstance, Archived."""
        found = await self.reader.ask(lambda store: store.card(instance) or _gone(store, instance))
        if isinstance(found, StatewfError):
            raise found
        return found

    async def census(self) -> list[Count]:
        """How many instances are where, or were a moment ago: counting many takes time."""
        began = time.monotonic()
        if self._counted is None or began > self._counted.until:
            counts = await self.reader.ask(lambda store: store.census())
            ended = time.monotonic()
            self._counted = _Counted(counts, ended + OLD * (ended - began))
        return self._counted.counts


def _gone(store: Store, instance: str) -> StatewfError:
    """Why an instance is not there."""
    grave = store.grave(instance)
    if grave is None:
        return UnknownInstance(f"there is no instance {instance}")
    return Archived(f"{instance} ended in {grave.state} ({grave.ended}), and was archived")
