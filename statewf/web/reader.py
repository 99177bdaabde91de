"""Looking into a store beside its executor: in a thread of its own, so that a long look holds up no event.

Below: the store. Above: `service`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self, TypeVar

from statewf.history import Sqlite, Store

T = TypeVar("T")


class Reader:
    """Asks a store. A file is read by a connection of its own; a store in memory where it is. An async context manager."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._pool: ThreadPoolExecutor | None = None
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        if isinstance(self._store, Sqlite) and self._store.path != ":memory:":
            path = self._store.path
            self._pool = self._stack.enter_context(ThreadPoolExecutor(1, "statewf-reader"))
            self._store = await self._in_thread(lambda: Sqlite(path, create=False))
            self._stack.push_async_callback(self._in_thread, self._store.close)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def ask(self, question: Callable[[Store], T]) -> T:
        """What the store answers. Raises StoreError."""
        if self._pool is None:
            return question(self._store)
        return await self._in_thread(lambda: question(self._store))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        assert self._pool is not None, "it is open, and has a file"
        return await asyncio.wrap_future(self._pool.submit(work))
