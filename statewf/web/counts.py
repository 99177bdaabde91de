"""How many instances are where: counted now and then, for counting many takes time.

Below: `reader`. Above: `service`.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable, Mapping
from typing import Any, NamedTuple, TypeVar, cast

import attrs

from statewf.errors import StatewfError
from statewf.history import Store
from statewf.history.port import Count
from statewf.history.travel import Traveller
from statewf.machine.record import busy_regions
from statewf.machine.replay import replay
from statewf.machine.snapshot import blank
from statewf.web.reader import Reader

T = TypeVar("T")

OLD = 20  # times as long as it took to count may pass until it is counted anew
MOST = 300  # running workflows of one name, the newest ones, of which it is counted at which steps they are


class _Found(NamedTuple):
    """What was counted after that step had been kept, in so many seconds, and when it was (on a clock that does not jump)."""

    counts: Any
    last: int
    cost: float
    at: float


@attrs.define(eq=False)
class Counts:
    """What was counted last. `reader` looks into the store; `patient` does where that may take long."""

    reader: Reader
    patient: Reader
    _tasks: dict[Hashable, asyncio.Task[_Found]] = attrs.field(factory=dict)

    async def census(self) -> list[Count]:
        """How many instances are in which states; or were a moment ago, where `settled` says that it has changed."""
        return await self._counted("census", self.reader, lambda store: store.census())

    async def busy(self, name: str) -> Mapping[str, int]:
        """At which steps the newest running workflows of that name are, and how many at each; likewise."""
        return await self._counted(("busy", name), self.patient, lambda store: _busy(store, name))

    async def settled(self, name: str | None = None) -> bool:
        """Whether nothing was kept since the census was taken; or since it was counted, too, at which steps workflows of that name are."""
        last = await self.reader.ask(lambda store: store.last())
        tasks = (self._tasks.get(what) for what in ("census", ("busy", name)))
        return all(
            task.result().last == last for task in tasks if task is not None and task.done() and not _failed(task)
        )

    async def _counted(self, what: Hashable, reader: Reader, count: Callable[[Store], T]) -> T:
        task = self._tasks.get(what)
        if task is not None and task.done() and not _failed(task) and not await self._is_old(task.result()):
            return task.result().counts  # type: ignore[no-any-return]  # by its name it is what was asked for
        if self._tasks.get(what) is task and (task is None or task.done()):  # nobody was quicker
            self._tasks[what] = asyncio.create_task(self._count(reader, count))
        task = self._tasks[what]
        found = await cast("Awaitable[_Found]", asyncio.shield(task))
        return found.counts  # type: ignore[no-any-return]  # by its name it is what was asked for

    async def _is_old(self, found: _Found) -> bool:
        if time.monotonic() < found.at + OLD * found.cost:
            return False
        return await self.reader.ask(lambda store: store.last()) != found.last

    async def _count(self, reader: Reader, count: Callable[[Store], T]) -> _Found:
        def look(store: Store) -> _Found:
            began, last = time.monotonic(), store.last()
            counts, ended = count(store), time.monotonic()
            return _Found(counts, last, ended - began, ended)

        return await reader.ask(look)


def _failed(task: asyncio.Task[_Found]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)


def _busy(store: Store, name: str) -> Mapping[str, int]:
    found: Counter[str] = Counter()
    traveller = Traveller(store)
    for card in store.cards(name=name, state="running", limit=MOST):
        loaded = store.load(card.id)
        if loaded is None:
            continue  # it was archived a moment ago
        try:
            machine = traveller.machine(card)
            snapshot = loaded.snapshot or blank(machine, card.id)
            for step in replay(machine, loaded.events, snapshot):
                snapshot = step.after
        except (StatewfError, ValueError):
            continue  # whoever looks at it is told that it is damaged
        found.update(busy_regions(machine, snapshot))
    return found
