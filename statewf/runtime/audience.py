"""Who listens: subscribers of what machines emit, and of how far workflows are.

Stands on `outbox` and `progress`, which tell them; `executor` says when there is something to tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyio.abc import TaskGroup

from statewf.errors import StatewfError
from statewf.history import Store
from statewf.runtime.live import Live
from statewf.runtime.outbox import Listener, Subscription
from statewf.runtime.progress import PROGRESS, Watching
from statewf.values.frozen import plain_text

if TYPE_CHECKING:
    from statewf.runtime.estimates import Estimates


class Audience:
    """All subscribers of an executor, before and while it is open."""

    def __init__(self) -> None:
        self._subscriptions: list[Subscription] = []
        self._watching: list[Watching] = []
        self._group: TaskGroup | None = None
        self._store: Store | None = None
        self._estimates: Estimates | None = None  # made when somebody watches

    def open(self, group: TaskGroup, store: Store) -> None:
        """Begin to tell them, in this group."""
        self._group, self._store, self._estimates = group, store, None
        for subscription in self._subscriptions:
            group.start_soon(subscription.run, store)
        for watching in self._watching:
            self._watch(watching, group, store)

    def _watch(self, watching: Watching, group: TaskGroup, store: Store) -> None:
        if self._estimates is None:
            from statewf.runtime.estimates import Estimates

            self._estimates = Estimates(store)
            group.start_soon(self._estimates.run)
        watching.estimates = self._estimates
        group.start_soon(watching.run)

    def close(self) -> None:
        """Who subscribes from now on waits for the next opening."""
        self._group = None

    def subscribe(self, event: str, subscriber: str, listener: Listener) -> None:
        """Raises StatewfError when that subscriber has subscribed to that event already."""
        plain_text(subscriber, "the name of a subscriber")
        known = [(s.event, s.subscriber) for s in self._subscriptions]
        if (event, subscriber) in [*known, *((PROGRESS, watching.subscriber) for watching in self._watching)]:
            raise StatewfError(f"{subscriber} has subscribed to {event} already")
        if event == PROGRESS:
            watching = Watching(subscriber, listener)
            self._watching.append(watching)
            if self._group is not None and self._store is not None:
                self._watch(watching, self._group, self._store)
            return
        subscription = Subscription(event, subscriber, listener)
        self._subscriptions.append(subscription)
        if self._group is not None and self._store is not None:
            self._group.start_soon(subscription.run, self._store)

    def notify(self, event: str) -> None:
        """Such an event was emitted."""
        for subscription in self._subscriptions:
            if subscription.event == event:
                subscription.notify()

    def moved(self, live: Live) -> None:
        """An instance went on."""
        for watching in self._watching:
            watching.moved(live)
