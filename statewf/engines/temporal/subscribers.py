"""Who is told what machines emit: named subscribers, each in order and at least once.

Below: what is emitted. Above: `activities`, which tells, and `executor`, which is told of subscribers.
"""

from __future__ import annotations

import inspect
from collections.abc import MutableMapping, Sequence

from statewf.history import Emitted
from statewf.runtime.calling import in_thread
from statewf.runtime.outbox import Listener


class Subscribers:
    """The subscribers of one worker."""

    def __init__(self) -> None:
        self._listeners: dict[str, list[tuple[str, Listener]]] = {}  # by event: under what name, and who

    def add(self, event: str, subscriber: str, listener: Listener) -> None:
        """Tell that event to somebody."""
        self._listeners.setdefault(event, []).append((subscriber, listener))

    async def tell(self, emitted: Sequence[Emitted], told: MutableMapping[str, int]) -> None:
        """Tell these events. `told` says how many of them each subscriber has had, before and after.

        Raises what the first of them raised that could not take an event; the others are told all the same.
        """
        failure: Exception | None = None
        failing: set[str] = set()
        for number, one in enumerate(emitted):
            for subscriber, listener in self._listeners.get(one.event, ()):
                if subscriber in failing or told.get(subscriber, 0) > number:
                    continue
                try:
                    await _call(listener, one)
                except Exception as error:
                    failing.add(subscriber)
                    failure = failure or error
                else:
                    told[subscriber] = number + 1
        if failure is not None:
            raise failure


async def _call(listener: Listener, emitted: Emitted) -> None:
    if inspect.iscoroutinefunction(listener):
        await listener(emitted)
        return
    result = await in_thread(listener, emitted)
    if inspect.isawaitable(result):
        await result
