"""One instance in memory: where it is by computation, and where it is by what was kept."""

from __future__ import annotations

import anyio
import attrs

from statewf.history import Card
from statewf.machine.fsm import Machine
from statewf.machine.record import state_of
from statewf.machine.snapshot import Snapshot


@attrs.define(eq=False)
class Live:
    """A loaded instance. `snapshot` runs ahead of `kept` while steps wait for their commit.

    Everybody who reads sees `kept`; everything new is computed upon `snapshot`. `broken` says that a
    commit failed: what is here is void, and the instance has to be loaded again.
    """

    machine: Machine
    card: Card
    snapshot: Snapshot
    kept: Snapshot
    turn: anyio.Lock = attrs.field(factory=anyio.Lock)  # senders, first come, first served
    waiting: int = 0  # who holds on to this object
    broken: bool = False
    _changed: anyio.Event = attrs.field(factory=anyio.Event)

    @property
    def idle(self) -> bool:
        """Whether nobody would miss it."""
        return not self.waiting and self.snapshot is self.kept and not self.kept.flight.calls

    def notify(self) -> None:
        """Wake everybody who waits for a change."""
        self._changed.set()
        self._changed = anyio.Event()

    async def changed(self) -> None:
        """Wait for the next change, be it that the instance is broken."""
        self.waiting += 1
        try:
            await self._changed.wait()
        finally:
            self.waiting -= 1

    def card_after(self, snapshot: Snapshot) -> Card:
        """The card that goes with a snapshot."""
        return attrs.evolve(
            self.card,
            updated=snapshot.at,
            seq=snapshot.seq,
            state=state_of(snapshot),
            ended=snapshot.ended,
            due=min(snapshot.flight.deadlines.values(), default=None),
            busy=bool(snapshot.flight.calls),
        )
