"""Calling a user's function: handlers and subscribers, async or plain, whatever they do.

An async function is awaited. A plain one runs in a thread of its own, which cannot be stopped: its end can
only be waited for, or given up. The threads are daemons, so that a process ends without them (anyio's own
worker threads are waited for on asyncio, for ever).
"""

from __future__ import annotations

import asyncio
import inspect
import math
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import anyio
import anyio.from_thread
import anyio.lowlevel
import attrs


class Threaded:
    """A function that runs in a thread of its own, from now on. `ended` is set when it is through."""

    def __init__(self, function: Callable[..., Any], *args: Any) -> None:
        self.ended = anyio.Event()
        self.error: BaseException | None = None
        self._value: Any = None
        self._token = anyio.lowlevel.current_token()
        name = getattr(function, "__name__", "handler")
        threading.Thread(target=self._work, args=(function, *args), name=name, daemon=True).start()

    def _work(self, function: Callable[..., Any], *args: Any) -> None:
        try:
            self._value = function(*args)
        except BaseException as error:  # whatever it is, it is told to who waits for it
            self.error = error
        with suppress(RuntimeError):  # the event loop is gone, and with it everybody who waited
            anyio.from_thread.run_sync(self.ended.set, token=self._token)

    @property
    def outcome(self) -> tuple[Any, BaseException | None] | None:
        """What it returned or raised. None if that is something to be awaited, which nobody will."""
        if inspect.iscoroutine(self._value):
            self._value.close()
            return None
        return self._value, self.error

    async def result(self) -> Any:
        """What the function returned or raised. Cancelling this gives the thread up; it runs on."""
        await self.ended.wait()
        if self.error is not None:
            raise self.error
        return self._value


async def in_thread(function: Callable[..., Any], *args: Any) -> Any:
    """What a plain function returns or raises; who is cancelled here does not wait for its end."""
    return await Threaded(function, *args).result()


@attrs.define(eq=False)
class Calling:
    """One call of a user's function with one argument. A plain one takes a place of `places`, if it is given.

    The place is held until `release`, for the thread may outlive who waits for it.
    """

    function: Callable[[Any], Any]
    argument: Any
    places: anyio.CapacityLimiter | None = None
    thread: Threaded | None = None
    _holds: bool = False

    async def outcome(self) -> tuple[Any, BaseException | None]:
        """What it returned, or what it raised. Only what is not its doing is raised here: cancellation, Ctrl-C."""
        try:
            return await self._value(), None
        except BaseException as error:
            if self._is_ours(error):
                raise
            return None, error

    async def late(self) -> tuple[Any, BaseException | None] | None:
        """What came of it after all, when it was cancelled: a plain function ends in its own time."""
        if self.thread is None:
            return None
        await self.thread.ended.wait()
        return self.thread.outcome

    def release(self) -> None:
        """Give the place back."""
        if self._holds and self.places is not None:
            self.places.release_on_behalf_of(self)
        self._holds = False

    async def _value(self) -> Any:
        if inspect.iscoroutinefunction(self.function):
            return await self.function(self.argument)
        if self.places is not None:
            await self.places.acquire_on_behalf_of(self)
            self._holds = True
        self.thread = Threaded(self.function, self.argument)
        result = await self.thread.result()
        return await result if inspect.isawaitable(result) else result

    def _is_ours(self, error: BaseException) -> bool:
        """Whether it was not the function's doing.

        A function may let a cancellation out that was never ours, of a task of its own; that is its failure.
        """
        if isinstance(error, anyio.get_cancelled_exc_class()):
            return anyio.current_effective_deadline() == -math.inf
        in_thread = self.thread is not None and self.thread.error is error
        return isinstance(error, KeyboardInterrupt) and not in_thread and _interrupts_any_task()


def _interrupts_any_task() -> bool:
    """Whether Ctrl-C is raised wherever the program is. On asyncio it cancels the main task instead."""
    return anyio.get_cancelled_exc_class() is not asyncio.CancelledError
