"""The owner of a store: takes starts, events and decisions, keeps them, and performs what follows.

It is there for one epoch of the lease. When that is over (the process ends, or somebody else took over) all that is
here is void; the store has the truth. Above: `executor`, which has an owner or a `guest`. Below: `ledger` keeps,
`perform` calls, `timers` and `inbox` wait for time and for other processes.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from logging import DEBUG

import anyio
import attrs
from anyio.abc import TaskGroup

from statewf.errors import (
    Archived,
    KeyConflict,
    OwnerLost,
    RequestConflict,
    StatewfError,
    StoreError,
    UnknownTask,
)
from statewf.history import Card, Grave
from statewf.machine.effects import Call, Emit, Finish, Recall, SetTimer
from statewf.machine.events import AnyEvent, Cancel, Decided, Event, Failed, Returned
from statewf.machine.fsm import Machine
from statewf.machine.record import Receipt, event_name, receipt, rejection, slug, state_of, status, was_open
from statewf.machine.snapshot import Rejected, Snapshot, Step
from statewf.machine.step import start
from statewf.runtime.backlog import Backlog
from statewf.runtime.house import House
from statewf.runtime.inbox import Inbox
from statewf.runtime.ledger import Ledger, Pending
from statewf.runtime.live import Live
from statewf.runtime.logs import Log
from statewf.runtime.metrics import NONE, Labels
from statewf.runtime.outbox import sweep
from statewf.runtime.perform import Means, Performer, Tally, performing
from statewf.runtime.replies import Replies
from statewf.runtime.timers import Timers
from statewf.values.canonical import digest
from statewf.values.frozen import Object

log = Log("statewf.executor")
steps = Log("statewf.step")


class Owner:
    """Owns the store in this epoch, and runs its tasks in `group`, until `reign` returns.

    The open calls of the instances in `resumed` are made, if not those of all.
    """

    def __init__(self, house: House, epoch: int, group: TaskGroup, resumed: Iterable[str]) -> None:
        self._house = house
        self._store, self._lives, self._clock = house.store, house.lives, house.clock
        self._metrics = house.metrics
        self._epoch = epoch
        self._over = anyio.Event()
        self._gone: StoreError | None = None  # why nothing happens here any more
        self._waiting: set[anyio.CancelScope] = set()  # until it is idle
        self._ledger = Ledger(self._store, epoch, self._perform, self._lost, self.deposed, self._metrics)
        self._timers = Timers(self._store, self._clock, self._fire)
        self._inbox = Inbox(self._store, epoch, self, group, house.bell)
        self._performer: Performer | None = None
        self._replies: Replies | None = None
        for task in (self._ledger.run, self._timers.run, self._inbox.run):
            group.start_soon(task)
        group.start_soon(sweep, self._store, self._clock)
        house.audience.open(group, self._store)
        if house.means is not None:
            self._equip(house.means, group, resumed)
        self._count("statewf_owner", NONE)

    def _equip(self, means: Means, group: TaskGroup, resumed: Iterable[str]) -> None:
        self._backlog = Backlog(self._store, self.resume, everything=self._house.resume)
        for instance in resumed:
            self._backlog.note(instance)
        busy = Tally(2 * means.concurrency, self._backlog.has_room)
        self._replies = Replies(group, self._lives, self._ledger, busy)
        self._performer = Performer(group, means, self._replies.take, busy, self._backlog.note)
        group.start_soon(self._backlog.run)

    # --- its time

    async def reign(self) -> None:
        """Return when this is not the owner any more, or should not be: somebody else can perform, and this cannot."""
        await self._over.wait()

    def close(self, error: StoreError) -> None:
        """Begin nothing more, keep what was taken, and wake whoever waits: with that error, here it will not come."""
        self._performer = None
        if self._metrics is not None:
            self._metrics.count("statewf_owner", -1, NONE)
        self._house.audience.close()
        self._ledger.close(error)
        self._gone = error
        self._lives.clear(error)
        for waiting in self._waiting:
            waiting.cancel()

    def deposed(self, error: OwnerLost) -> None:
        """Somebody else owns the store."""
        if not self._over.is_set():
            log.error("%s; what was under way here goes on there", error)
        self._over.set()

    def yield_to_who_performs(self) -> None:
        """Somebody who has handlers waits for the store; make room, having none."""
        if self._performer is None:
            self._over.set()

    # --- starting

    async def start(
        self, name: str, inputs: Object, request_id: str | None, *, restart: bool, asked: int | None = None
    ) -> str:
        """Start an instance, or find the one that was requested; its id. See `Executor.start`."""
        machine = self._house.machines.named(name)
        known: Card | Grave | None = None
        if request_id is not None:
            while running := self._ledger.requested(name, request_id):
                await running.kept()
            known = self._store.request(name, request_id)
        if known is not None and not (restart and known.ended == "failure"):
            return await self._known(name, known, inputs, request_id)
        if isinstance(known, Card) and known.inputs != inputs:
            raise _conflict(request_id, known)
        await self._ledger.room()
        first = start(machine, inputs, instance=f"{slug(name)}-{secrets.token_hex(6)}", at=self._clock())
        at, instance = first.after.at, first.after.instance
        identity = (self._store.number(), instance, machine.digest, machine.name, request_id, inputs, at)
        card = Card(*identity, updated=at, seq=0, state="", ended="", due=None, busy=False)
        live = self._lives.enter(Live(machine, card, first.before, first.before))
        await self._ledger.queue(live, first, asked=asked, restart=known is not None).kept()
        return instance

    async def _known(self, name: str, known: Card | Grave, inputs: Object, request_id: str | None) -> str:
        if isinstance(known, Grave):
            ended = f"{known.instance} ended in {known.state} ({known.ended}), and was archived"
            raise Archived(f"{request_id} of {name} has run: {ended}")
        if known.inputs != inputs:
            raise _conflict(request_id, known)
        with self._lives.using(known.id) as live:

            def tell() -> str:
                event, data = status(live.machine, live.kept)
                self._store.tell(known.id, event, data, self._clock(), self._epoch)
                return event

            self._house.audience.notify(await self._house.insist(tell))
        return known.id

    # --- events

    async def send(self, instance: str, event: Event, asked: int | None = None) -> Receipt:
        """Take an event, when no action of its instance runs here; see `Executor.send`."""
        used_for = None if event.key is None else digest([event.name, event.data])
        await self._ledger.room()
        while True:
            if self._gone is not None:
                raise self._gone
            with self._lives.using(instance) as live:
                if used_for is not None and (told := await self._again(instance, event.key, used_for)):
                    return told
                taken: Pending | Rejected | None
                if live.turn is None and not self._waits(live):
                    taken = self._take(live, event, used_for, asked)
                else:
                    live.turn = live.turn or anyio.Lock()
                    async with live.turn:
                        if used_for is not None and (told := await self._again(instance, event.key, used_for)):
                            return told
                        taken = await self._in_turn(live, event, used_for, asked)
                if taken is not None:
                    return await self._told(live, taken)

    async def _again(self, instance: str, key: str | None, used_for: str) -> Receipt | None:
        """What an event with that key was told, if there was one."""
        assert key is not None, "only keys stand for something"
        known = self._ledger.keyed(instance, key)
        if known is None:
            return None
        record, pending = known
        if pending is not None:
            await pending.kept()
        if record.digest != used_for:
            raise KeyConflict(f"the key {key} was used before for another event or other data")
        return attrs.evolve(record.receipt, disposition="duplicate")

    def _take(self, live: Live, event: Event, used_for: str | None, asked: int | None) -> Pending | Rejected:
        now = self._clock()
        self._ledger.catch_up(live, now)
        return self._ledger.take(live, event.at_time(now), used_for, asked)

    async def _in_turn(
        self, live: Live, event: Event, used_for: str | None, asked: int | None
    ) -> Pending | Rejected | None:
        """Wait for the running action and take the event; None if the instance has to be loaded again."""
        while live.error is None:
            taken = self._take(live, event, used_for, asked)
            if isinstance(taken, Pending) or taken.reason != "busy" or not self._waits(live):
                return taken
            if performing.get() == live.card.id:
                raise StatewfError(
                    f"a handler of {live.card.id} that sends {event.name} to it would wait for its own end; "
                    f"let it return Event({event.name!r}) instead"
                )
            await live.changed()
        return None

    def _waits(self, live: Live) -> bool:
        """Whether an event has to wait for an action."""
        return bool(live.snapshot.flight.queue) and self.performs(live.snapshot)

    async def _told(self, live: Live, taken: Pending | Rejected) -> Receipt:
        """What a sender is told, once that, and all that it is built upon, is kept."""
        if isinstance(taken, Pending):
            await taken.kept()
            return taken.receipt or receipt(live.machine, taken.entry.step)
        await live.settled()
        self._count("statewf_rejected_total", {"machine": live.machine.name, "reason": taken.reason})
        raise rejection(taken)

    async def cancel(self, instance: str, *, now: bool, asked: int | None = None) -> Receipt:
        """End an instance; see `Executor.cancel`."""
        await self._ledger.room()
        with self._lives.using(instance) as live:
            at = self._clock()
            self._ledger.catch_up(live, at)
            return await self._told(live, self._ledger.take(live, Cancel(at, now), asked=asked))

    async def decide(self, decided: Decided, asked: int | None = None) -> Receipt:
        """Take the decision of a task; see `Executor.complete`."""
        await self._ledger.room()
        with self._lives.using(decided.task.partition("/")[0]) as live:
            if not was_open(live.machine, live.snapshot, decided.task):
                raise UnknownTask(f"there is no task {decided.task}")
            at = self._clock()
            self._ledger.catch_up(live, at)
            return await self._told(live, self._ledger.take(live, decided._replace(at=at), asked=asked))

    # --- waiting

    async def until(self, instance: str, reached: Callable[[Snapshot], bool]) -> bool:
        """Wait until that can be said of an instance as it was kept; False if somebody else has to be asked."""
        while self._gone is None:
            with self._lives.using(instance) as live:
                while live.error is None:
                    if reached(live.kept):
                        return True
                    await live.changed()
        return False

    async def ended(self, instance: str) -> None:
        """Wait until an instance ended, or perhaps: somebody else has to be asked. Cheaper than `until`."""
        with self._lives.using(instance) as live:
            await live.ended()

    def performs(self, snapshot: Snapshot) -> bool:
        """Whether an action that an instance waits for will be performed here."""
        queue = snapshot.flight.queue
        return bool(queue) and self._performer is not None and self._performer.knows(queue[0].op.handler)

    async def idle(self) -> bool:
        """Wait until no call runs, and no timer is due that can be fired; False if somebody else has to be asked."""
        if self._gone is not None:
            return False
        with anyio.CancelScope() as waiting:
            self._waiting.add(waiting)
            try:
                await self._quiet()
                while self._timers.late(self._clock()):
                    await self._timers.caught_up()
                    await self._quiet()
                return True
            finally:
                self._waiting.discard(waiting)
        return False

    async def _quiet(self) -> None:
        """Wait until no call runs and no reply is on its way."""
        while True:
            await self._ledger.flushed()
            if self._performer is None or not (self._performer.busy.count or self._backlog.pending):
                return
            await self._performer.busy.zero()
            await anyio.sleep(0.01 if self._backlog.pending else 0)

    # --- effects

    def resume(self, instance: str) -> bool:
        """Make the open calls of an instance, but for those that run here; whether all found a place."""
        live = self._lives.get(instance)
        performer, replies = self._performer, self._replies
        if performer is None or replies is None:
            return True
        answered = live.snapshot.flight.calls  # a call that is missing here was answered: the commit is on its way
        calls = (call for call in live.kept.flight.calls.values() if call.id in answered)
        return all(performer.call(live.kept, call) for call in calls if not replies.has(instance, call.id))

    def _fire(self, instance: str, now: int) -> tuple[Live, bool]:
        """Fire the timers of an instance that are due now or before; whether there was one."""
        live = self._lives.get(instance)
        before = live.snapshot
        self._ledger.catch_up(live, now, including=True)
        return live, live.snapshot is not before

    def _perform(self, live: Live, made: Step) -> None:
        """Perform the effects of a step that was kept."""
        instance = made.after.instance
        performer = self._performer
        if self._replies is not None and isinstance(made.event, Returned | Failed):
            self._replies.kept(instance, made.event.call)
        for effect in made.effects:
            match effect:
                case Call() if (
                    performer is not None and effect.id in live.kept.flight.calls
                ):  # it may be over already
                    performer.call(live.kept, effect)
                case Recall() if performer is not None:
                    performer.recall(instance, effect.call, awaited=effect.awaited)
                case SetTimer():
                    self._timers.set(effect.at)
                case Emit():
                    self._house.audience.notify(effect.event)
                case _:
                    pass  # a cancelled timer is gone from the store, and an end wakes those who wait
        self._house.audience.moved(live)
        if steps.isEnabledFor(DEBUG):
            _log(made)
        if self._metrics is not None:
            self._measure(live.machine, made)
        if self._house.observe is not None:
            try:
                self._house.observe(live.machine, made)
            except Exception:
                log.exception("the observer failed", instance=instance, seq=made.after.seq)

    def _measure(self, machine: Machine, made: Step) -> None:
        self._count("statewf_steps_total", {"machine": machine.name})
        if any(isinstance(effect, Finish) for effect in made.effects):
            self._count("statewf_finished_total", {"machine": machine.name, "state": state_of(made.after)})

    def _count(self, name: str, labels: Labels) -> None:
        if self._metrics is not None:
            self._metrics.count(name, 1, labels)

    def _lost(self, instance: str, event: AnyEvent) -> None:
        """A step could not be kept, and nobody waits to be told."""
        if self._replies is not None:
            self._replies.lost(instance, event)


def _log(made: Step) -> None:
    """A line that tells what happened."""
    after = made.after
    moved = ", ".join(f"{move.source or '∅'} → {move.target}" for move in made.moves) or made.disposition
    told = "%s #%d %s: %s"
    steps.debug(
        told, after.instance, after.seq, event_name(made.event), moved, instance=after.instance, seq=after.seq
    )


def _conflict(request_id: str | None, known: Card) -> RequestConflict:
    return RequestConflict(f"{request_id} was requested before with other inputs ({known.id})")
