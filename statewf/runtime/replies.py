"""What handlers said, until it is kept: their work is done, and is not to be done again for a store that was busy.

Between `perform`, which calls them, and `ledger`, which keeps what that makes of an instance.
"""

from __future__ import annotations

import anyio
from anyio.abc import TaskGroup

from statewf.errors import Closed, StatewfError
from statewf.machine.events import AnyEvent, CallId, Failed, Returned
from statewf.machine.snapshot import Rejected
from statewf.runtime.ledger import Ledger
from statewf.runtime.live import Lives
from statewf.runtime.logs import Log
from statewf.runtime.perform import Reply, Tally

log = Log("statewf.replies")

PAUSE = 1.0  # seconds until a reply that could not be kept is tried again


class Replies:
    """Takes replies. `busy` counts those that are still to be kept, beside the calls that run."""

    def __init__(self, group: TaskGroup, lives: Lives, ledger: Ledger, busy: Tally) -> None:
        self._group = group
        self._lives = lives
        self._ledger = ledger
        self._busy = busy
        self._held: set[tuple[str, CallId]] = set()  # replies that could not be kept yet

    def has(self, instance: str, call: CallId) -> bool:
        """Whether the reply to that call is here, and is still to be kept: it must not be made again."""
        return (instance, call) in self._held

    def take(self, instance: str, reply: Reply) -> None:
        """Take the reply of a handler."""
        try:
            live = self._lives.get(instance)
            if live.snapshot is live.kept or reply.call in live.snapshot.flight.calls:
                self._ledger.catch_up(live, reply.at)
                taken = self._ledger.take(live, reply)
                if isinstance(taken, Rejected):
                    log.info(
                        "%s: a late reply is ignored: %s",
                        instance,
                        taken.message,
                        instance=instance,
                        seq=reply.call.seq,
                    )
                return
        except StatewfError as error:
            log.info("%s: a reply has to wait: %s", instance, error, instance=instance, seq=reply.call.seq)
        self.lost(instance, reply)

    def lost(self, instance: str, event: AnyEvent) -> None:
        """A step could not be kept. Senders are told; the reply of a handler is given again."""
        if isinstance(event, Returned | Failed):
            self._busy.up()
            self._held.add((instance, event.call))
            self._group.start_soon(self._again, instance, event)

    async def _again(self, instance: str, reply: Reply) -> None:
        try:
            while True:
                if await self._is_settled(instance, reply):
                    return
                await anyio.sleep(PAUSE)
        finally:
            self._held.discard((instance, reply.call))
            self._busy.down()

    async def _is_settled(self, instance: str, reply: Reply) -> bool:
        """Give a reply; whether it was kept, or nobody wants it any more."""
        try:
            with self._lives.using(instance) as live:
                self._ledger.catch_up(live, reply.at)
                taken = self._ledger.take(live, reply)
                if isinstance(taken, Rejected):
                    await live.settled()
                    log.info(
                        "%s: a late reply is ignored: %s",
                        instance,
                        taken.message,
                        instance=instance,
                        seq=reply.call.seq,
                    )
                else:
                    await taken.kept()
        except Closed as closing:
            told = "%s: a reply comes too late, and the call is offered again: %s"
            log.info(told, instance, closing, instance=instance, seq=reply.call.seq)
        except StatewfError as error:
            log.error("%s: a reply waits for the store: %s", instance, error, instance=instance, seq=reply.call.seq)
            return False
        return True
