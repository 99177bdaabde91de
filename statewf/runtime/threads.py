"""Plain functions beside the event loop, in threads that cannot keep the process.

A thread cannot be stopped, so its end can only be waited for, or given up: the threads are daemons, and
a process ends without them. (anyio's own worker threads are waited for on asyncio, for ever.)
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from typing import Any, Generic, TypeVar

import anyio
import anyio.from_thread
import anyio.lowlevel

T = TypeVar("T")


class Threaded(Generic[T]):
    """A function that runs in a thread of its own, from now on. `ended` is set when it is through."""

    def __init__(self, function: Callable[..., T], *args: Any) -> None:
        self.ended = anyio.Event()
        self.error: BaseException | None = None
        self._value: T
        self._token = anyio.lowlevel.current_token()
        run = copy_context().run
        name = getattr(function, "__name__", "handler")
        threading.Thread(target=self._work, args=(run, function, *args), name=name, daemon=True).start()

    def _work(self, *call: Any) -> None:
        run, *rest = call
        try:
            self._value = run(*rest)
        except BaseException as error:  # whatever it is, it is told to who waits for it
            self.error = error
        with suppress(RuntimeError):  # the event loop is gone, and with it everybody who waited
            anyio.from_thread.run_sync(self.ended.set, token=self._token)

    async def result(self) -> T:
        """What the function returned or raised. Cancelling this gives the thread up; it runs on."""
        await self.ended.wait()
        if self.error is not None:
            raise self.error
        return self._value


async def in_thread(function: Callable[..., T], *args: Any) -> T:
    """What a plain function returns or raises; who is cancelled here does not wait for its end."""
    return await Threaded(function, *args).result()
