"""Instances in memory: where each is by computation, and where it is by what was kept.

`Live` is one of them, `Lives` those that are in use. An instance that nobody uses may be let go, whatever it
waits for, and is loaded again when something happens to it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from heapq import heappop, heappush
from itertools import islice
from typing import TypeAlias

import anyio
import attrs

from statewf.errors import Archived, StoreError, UnknownInstance
from statewf.history import Card, Loaded, Store
from statewf.machine.effects import SetTimer
from statewf.machine.events import AnyEvent
from statewf.machine.fsm import Machine
from statewf.machine.record import state_of
from statewf.machine.replay import replay
from statewf.machine.snapshot import Snapshot, Step, blank, due, fits

MOST_IDLE = 2_000  # instances kept in memory although nobody uses them
LOOKED_AT = 8  # of them, each time that one is loaded or put down

UNCHANGED = Card._fields.index("updated")  # so many fields of a card stay what they are

# A deadline, and what breaks a tie with others; then the region and name of the timer
Timer: TypeAlias = tuple[int, int, str, str]


@attrs.define(eq=False)
class Live:
    """A loaded instance. `snapshot` runs ahead of `kept` while steps wait for their commit.

    Everybody who reads sees `kept`; everything new is computed upon `snapshot`. With an `error` a commit
    failed: what is here is void, and the instance has to be loaded again.
    """

    machine: Machine
    card: Card
    snapshot: Snapshot
    kept: Snapshot
    turn: anyio.Lock | None = None  # senders that wait for an action, first come, first served
    users: int = 0  # who would miss it
    error: StoreError | None = None
    _timers: list[Timer] = attrs.field(init=False)  # a heap; those that were cancelled stay until their turn
    _changed: anyio.Event | None = None  # made when somebody waits: mostly nobody does
    _ended: anyio.Event | None = None  # likewise

    @_timers.default
    def _armed(self) -> list[Timer]:
        return [self._timer(*armed) for armed in due(self.machine, self.snapshot)]

    def _timer(self, at: int, region: str, timer: str) -> Timer:
        return at, self.machine.ranks.get((region, timer), -1), region, timer

    @property
    def idle(self) -> bool:
        """Whether nobody would miss it."""
        return not self.users and (self.snapshot is self.kept or self.error is not None)

    def notify(self) -> None:
        """Wake everybody who waits for a change."""
        if self._changed is not None:
            self._changed.set()
            self._changed = None
        if self._ended is not None and (self.kept.ended or self.error is not None):
            self._ended.set()
            self._ended = None

    def void(self, error: StoreError) -> None:
        """Nothing here holds any more: who waits is woken, and it is loaded again when it is wanted."""
        self.error = error
        self.notify()

    async def changed(self) -> None:
        """Wait for the next change, be it that the instance is void."""
        if self._changed is None:
            self._changed = anyio.Event()
        await self._changed.wait()

    async def ended(self) -> None:
        """Wait until it has ended, as it was kept, or is void."""
        if not self.kept.ended and self.error is None:
            self._ended = self._ended or anyio.Event()
            await self._ended.wait()

    async def settled(self) -> None:
        """Wait until what is computed now is kept. Raises StoreError when it could not be."""
        seq = self.snapshot.seq
        while self.kept.seq < seq:
            if self.error is not None:
                raise self.error
            await self.changed()

    def advance(self, made: Step) -> None:
        """Go on to what a step made, before it is kept."""
        snapshot = self.snapshot = made.after
        for effect in made.effects:
            if isinstance(effect, SetTimer):
                heappush(self._timers, self._timer(effect.at, effect.region, effect.timer))
        following = self.next_timer()
        due, busy = None if following is None else following[0], bool(snapshot.flight.calls)
        changed = (snapshot.at, snapshot.seq, state_of(snapshot), snapshot.ended, due, busy)
        self.card = Card._make((*self.card[:UNCHANGED], *changed))

    def next_timer(self) -> Timer | None:
        """The timer that is due next."""
        deadlines = self.snapshot.flight.deadlines
        while self._timers:
            at, _, region, timer = self._timers[0]
            if deadlines.get((region, timer)) == at:
                return self._timers[0]
            heappop(self._timers)
        return None


class Lives:
    """The instances in memory. `machine(digest)` finds the machine of one that is loaded."""

    def __init__(self, store: Store, machine: Callable[[str], Machine]) -> None:
        self._store = store
        self._machine = machine
        self._lives: OrderedDict[str, Live] = OrderedDict()

    def get(self, instance: str) -> Live:
        """The instance as it is. Raises UnknownInstance, Archived, StoreError when what is kept of it is damaged.

        It may be let go as soon as something is awaited; `using` holds on to it.
        """
        live = self._lives.get(instance)
        if live is not None and live.error is None:
            self._lives.move_to_end(instance)
            return live
        loaded = self._store.load(instance)
        if loaded is None:
            if (grave := self._store.grave(instance)) is not None:
                raise Archived(f"{instance} ended in {grave.state} ({grave.ended}), and was archived")
            raise UnknownInstance(f"there is no instance {instance}")
        return self.enter(self._restored(loaded))

    def using(self, instance: str) -> _Using:
        """The instance, which stays in memory within a `with` block. Raises as `get` does."""
        return _Using(self, self.get(instance))

    def used(self, live: Live) -> None:
        """One who used it does so no more."""
        live.users -= 1
        self._let_go()

    def clear(self, error: StoreError) -> None:
        """Let go of all. Whoever still waits for something is woken: here it will not come."""
        lives, self._lives = self._lives, OrderedDict()
        for live in lives.values():
            live.void(error)

    def enter(self, live: Live) -> Live:
        """Keep an instance in memory from now on."""
        self._let_go()
        self._lives[live.card.id] = live
        return live

    def _let_go(self) -> None:
        """Let go of what is idle, the least recently used first, if there is too much."""
        excess = len(self._lives) - MOST_IDLE
        if excess <= 0:
            return
        for instance in list(islice(self._lives, min(excess, LOOKED_AT))):
            if self._lives[instance].idle:
                del self._lives[instance]
            else:
                self._lives.move_to_end(instance)

    def _restored(self, loaded: Loaded) -> Live:
        card = loaded.card
        machine = self._machine(card.machine)
        snapshot = loaded.snapshot if loaded.snapshot is not None else blank(machine, card.id)
        if not fits(machine, snapshot):
            raise StoreError(f"the snapshot of {card.id} is damaged: it is none of {machine.name}")
        for made in replayed(machine, loaded.events, snapshot):
            snapshot = made.after
        return Live(machine, card, snapshot, snapshot)


class _Using:
    """One who uses an instance, for a block: each event does so, and a generator would cost three times as much."""

    __slots__ = ("_live", "_lives")

    def __init__(self, lives: Lives, live: Live) -> None:
        self._lives = lives
        self._live = live

    def __enter__(self) -> Live:
        self._live.users += 1
        return self._live

    def __exit__(self, *_: object) -> None:
        self._lives.used(self._live)


def replayed(machine: Machine, events: Iterable[AnyEvent], since: Snapshot) -> Iterator[Step]:
    """The steps that these events made. Raises StoreError when they cannot have: what was kept is damaged."""
    try:
        yield from replay(machine, events, since)
    except StoreError:
        raise
    except Exception as error:  # rows that were tampered with may make anything fail
        reason = f"{type(error).__name__}: {error}"
        raise StoreError(f"the history of {since.instance} is damaged ({reason})") from error
