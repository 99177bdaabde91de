"""What the tests of this engine share: a loop that outlives examples, handlers of any name, waiting for a real server."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any

from temporalio.client import Client

from statewf.engines.temporal import TemporalExecutor, TemporalInstance
from statewf.machine.snapshot import Snapshot
from statewf.machine.work import Work

HEARTBEAT = 1.0  # seconds: who is to stop hears of it in less
PAUSE = 0.01  # seconds between looks at a server
QUEUES: list[str] = []  # all that were named
_numbers = itertools.count()


def queue() -> str:
    """The name of a task queue that no other test has."""
    QUEUES.append(f"queue-{next(_numbers)}")
    return QUEUES[-1]


class Anything(Mapping[str, Callable[[Work], Awaitable[Any]]]):
    """Handlers of all names: the same function."""

    def __init__(self, handler: Callable[[Work], Awaitable[Any]]) -> None:
        self._handler = handler

    def __getitem__(self, name: str) -> Callable[[Work], Awaitable[Any]]:
        return self._handler

    def __contains__(self, name: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


async def executor(address: str, handlers: Any = None, task_queue: str = "", **options: Any) -> TemporalExecutor:
    """An executor that is to be opened."""
    client = await Client.connect(address)
    return TemporalExecutor(client, handlers, task_queue or queue(), **{"heartbeat": HEARTBEAT, **options})


async def reached(instance: TemporalInstance, there: Callable[[Snapshot], bool]) -> TemporalInstance:
    """Look at an instance until that can be said of it."""
    while not there(instance.snapshot):
        await asyncio.sleep(PAUSE)
        await instance.look()
    return instance


def at_rest(snapshot: Snapshot) -> bool:
    """Whether nothing runs."""
    return not (snapshot.flight.calls or snapshot.flight.queue)


def timeless(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """History rows without when they were."""
    return [{name: value for name, value in row.items() if name != "at"} for row in rows]
