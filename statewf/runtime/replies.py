"""What handlers said, until it is kept: their work is done, and is not to be done again for a store that was busy.

Between `perform`, which calls them, and `ledger`, which keeps what that makes of an instance.
"""

from __future__ import annotations

from contextlib import suppress

import anyio
from anyio.abc import TaskGroup

from statewf.errors import Closed, StatewfError
from statewf.machine.events import AnyEvent, CallId, Failed, Returned
from statewf.runtime.ledger import Ledger, Pending
from statewf.runtime.live import Live, Lives
from statewf.runtime.logs import Log
from statewf.runtime.patience import PAUSE
from statewf.runtime.perform import Reply, Tally

log = Log("statewf.replies")


class Replies:
    """Takes replies. `busy` counts those that are still to be kept, beside the calls that run."""

    def __init__(self, group: TaskGroup, lives: Lives, ledger: Ledger, busy: Tally) -> None:
        self._group = group
        self._lives = lives
        self._ledger = ledger
        self._busy = busy
        self._given: set[tuple[str, CallId]] = set()  # replies that wait for their commit
        self._held: set[tuple[str, CallId]] = set()  # replies that could not be kept yet

    def has(self, instance: str, call: CallId) -> bool:
        """Whether the reply to that call is held here: it must not be made again."""
        return (instance, call) in self._held

    def take(self, instance: str, reply: Reply) -> None:
        """Take the reply of a handler."""
        try:
            live = self._lives.get(instance)
            if live.snapshot is live.kept or reply.call in live.snapshot.flight.calls:
                self._busy.up()
                self._given.add((instance, reply.call))
                if self._give(live, reply) is None:
                    self.kept(instance, reply.call)
                return
        except StatewfError as error:
            log.info("%s: a reply has to wait: %s", instance, error, instance=instance, seq=reply.call.seq)
        self.lost(instance, reply)

    def kept(self, instance: str, call: CallId) -> None:
        """The reply to that call was kept, or nobody wants it."""
        if (instance, call) in self._given:
            self._given.discard((instance, call))
            self._busy.down()

    def lost(self, instance: str, event: AnyEvent) -> None:
        """A step could not be kept. Senders are told; the reply of a handler is given again."""
        if isinstance(event, Returned | Failed):
            if not self.has(instance, event.call):
                with suppress(RuntimeError):  # the group is closed, and the call is offered again
                    self._group.start_soon(self._again, instance, event)
                    self._held.add((instance, event.call))
                    self._busy.up()
            self.kept(instance, event.call)  # no more under way, only held

    def _give(self, live: Live, reply: Reply) -> Pending | None:
        """Give a reply to its instance; None if that does not want it any more."""
        self._ledger.catch_up(live, reply.at)
        taken = self._ledger.take(live, reply)
        if isinstance(taken, Pending):
            return taken
        instance, seq = live.card.id, reply.call.seq
        log.info("%s: a late reply is ignored: %s", instance, taken.message, instance=instance, seq=seq)
        return None

    async def _again(self, instance: str, reply: Reply) -> None:
        """Give a reply until it is kept. Meanwhile it takes a place, unless it is its instance that cannot be read."""
        counts = True
        try:
            while True:
                try:
                    using = self._lives.using(instance)
                except StatewfError as error:
                    _log_wait(instance, reply, error)
                    if counts:
                        counts = False
                        self._busy.down()
                else:
                    with using as live:
                        if await self._is_settled(live, reply):
                            return
                await anyio.sleep(PAUSE)
        finally:
            self._held.discard((instance, reply.call))
            if counts:
                self._busy.down()

    async def _is_settled(self, live: Live, reply: Reply) -> bool:
        """Give a reply; whether it was kept, or nobody wants it any more."""
        instance, seq = live.card.id, reply.call.seq
        try:
            if (given := self._give(live, reply)) is not None:
                await given.kept()
            else:
                await live.settled()  # it is so only once that is kept
        except Closed as closing:
            told = "%s: a reply comes too late, and the call is offered again: %s"
            log.info(told, instance, closing, instance=instance, seq=seq)
        except StatewfError as error:
            _log_wait(instance, reply, error)
            return False
        return True


def _log_wait(instance: str, reply: Reply, error: StatewfError) -> None:
    log.error("%s: a reply waits for the store: %s", instance, error, instance=instance, seq=reply.call.seq)
