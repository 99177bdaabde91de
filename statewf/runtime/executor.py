"""The executor: deploys machines, starts instances, takes events, and keeps what it promises.

Everything is kept before it is acknowledged, and acknowledged before its effects are performed. What
was in flight when a process died is offered again by the next one that opens the store with handlers.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from itertools import islice
from os import PathLike, fspath
from types import TracebackType
from typing import Any, Self

import anyio
import anyio.lowlevel
import attrs
from anyio.abc import TaskGroup

from statewf.compiler import compile_definition
from statewf.definition.model import Definition
from statewf.definition.read import read
from statewf.definition.write import to_json
from statewf.errors import (
    EventRejected,
    KeyConflict,
    RequestConflict,
    StatewfError,
    StoreError,
    UnknownInstance,
    UnknownMachine,
)
from statewf.history import Card, MachineRecord, Sqlite, Store
from statewf.machine.effects import Call, Emit, Recall, SetTimer
from statewf.machine.events import AnyEvent, Cancel, Event, Failed, Returned
from statewf.machine.fsm import SEMANTICS, Machine
from statewf.machine.record import Receipt, event_name, receipt
from statewf.machine.replay import replay
from statewf.machine.snapshot import Rejected, Snapshot, Step, blank
from statewf.machine.step import start
from statewf.runtime.handlers import Handlers, missing
from statewf.runtime.instance import Instance, Outcome, outcome
from statewf.runtime.ledger import Ledger, Pending
from statewf.runtime.live import Live
from statewf.runtime.outbox import Listener, Subscription
from statewf.runtime.perform import Performer
from statewf.runtime.timers import Timers
from statewf.values.canonical import digest
from statewf.values.frozen import freeze_object

log = logging.getLogger("statewf.executor")

MOST_LIVE = 10_000  # idle instances kept in memory; more are loaded again when they are wanted
REPLY_PAUSE = 1.0  # seconds until a reply that could not be kept is tried again


def wall_clock() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class Executor:
    """Runs machines on a store: a path (a SQLite file) or a store such as `Memory()`.

    An async context manager, on asyncio and trio. Without `handlers` it only keeps: calls stay open
    until somebody opens the store who has them. `threads` bounds how many plain functions run at once;
    `observe` is told every step after it was kept.
    """

    def __init__(
        self,
        store: str | PathLike[str] | Store,
        handlers: Handlers | None = None,
        *,
        clock: Callable[[], int] = wall_clock,
        threads: int = 40,
        observe: Callable[[Machine, Step], None] | None = None,
    ) -> None:
        self._path = fspath(store) if isinstance(store, str | PathLike) else None
        self._given = None if isinstance(store, str | PathLike) else store
        self._handlers = handlers
        self._clock = clock
        self._threads = threads
        self._observe = observe
        self._machines: dict[str, Machine] = {}
        self._lives: OrderedDict[str, Live] = OrderedDict()
        self._requests: dict[tuple[str, str], Pending] = {}
        self._subscriptions: list[Subscription] = []
        self._stack: AsyncExitStack | None = None
        self._open = False

    # --- opening and closing

    async def __aenter__(self) -> Self:
        self.store: Store = self._given if self._given is not None else Sqlite(str(self._path))
        self._ledger = Ledger(self.store, self._perform)
        self._timers = Timers(self.store, self._clock, self._fire)
        self._performer: Performer | None = None
        if self._handlers is not None:
            self._performer = Performer(self._handlers, self._clock, self._threads, self._answer)
        async with AsyncExitStack() as stack:
            stack.callback(self.store.close)
            self._group: TaskGroup = await stack.enter_async_context(anyio.create_task_group())
            self._open = True
            self._recover()
            self._group.start_soon(self._ledger.run)
            self._group.start_soon(self._timers.run)
            for subscription in self._subscriptions:
                self._group.start_soon(subscription.run, self.store)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop what runs and close the store. Nothing is lost: open calls are offered again next time."""
        assert self._stack is not None
        self._ledger.flush()
        self._group.cancel_scope.cancel()
        stack, self._stack = self._stack, None
        try:
            await stack.__aexit__(kind, error, trace)
        finally:
            self._open = False
            self._lives.clear()

    def _recover(self) -> None:
        """Offer again every call that was open when the last owner went away."""
        self.store.purge(self._clock())
        if self._performer is None:
            return
        for instance in self.store.busy():
            try:
                live = self._live(instance)
            except StoreError as error:
                log.error("%s is left alone: %s", instance, error)  # one damaged instance must not stop the rest
                continue
            for call in live.kept.flight.calls.values():
                self._performer.call(self._group, live.kept, call)

    # --- machines

    async def deploy(self, machine: Machine | Definition) -> Machine:
        """Make a machine known under its name. Raises HandlersError that lists the missing handlers."""
        deployed = machine if isinstance(machine, Machine) else compile_definition(machine)
        if self._handlers is not None and (error := missing(deployed, self._handlers)):
            raise error
        text = to_json(deployed.notes.definition)
        self.store.deploy(MachineRecord(deployed.digest, deployed.name, deployed.semantics, text))
        self._machines[deployed.digest] = deployed
        return deployed

    def _machine(self, key: str) -> Machine:
        if key not in self._machines:
            record = self.store.machine(key)
            if record is None:
                raise StoreError(f"the machine {key} is not in the store")
            if record.semantics != SEMANTICS:
                raise StoreError(
                    f"{record.name} was deployed under semantics {record.semantics}; this statewf has {SEMANTICS}"
                )
            self._machines[key] = compile_definition(read(record.definition, format="json"))
        return self._machines[key]

    def machine_of(self, instance: str) -> Machine:
        """The machine of an instance. Raises UnknownInstance."""
        return self._live(instance).machine

    # --- instances

    async def start(
        self,
        name: str,
        inputs: Any = None,
        *,
        request_id: str | None = None,
        restart: bool = False,
    ) -> Instance:
        """Start an instance of the machine deployed under `name`.

        With a `request_id` that was used before it is the same instance, finished or not; `restart`
        starts a successor of one that ended in failure. Raises UnknownMachine, RequestConflict when the
        inputs differ, DataError when they are no JSON object.
        """
        frozen = freeze_object(inputs, "the inputs")
        if request_id is not None and (running := self._requests.get((name, request_id))):
            await running.kept()
        record = self.store.current(name)
        if record is None:
            raise UnknownMachine(f"no machine named {name} was deployed")
        known = self.store.request(name, request_id) if request_id is not None else None
        if known is not None:
            if known.inputs != frozen:
                raise RequestConflict(f"{request_id} was requested before with other inputs ({known.id})")
            if not (restart and known.ended == "failure"):
                return Instance(self, known.id)
        machine = self._machine(record.digest)
        instance = f"{_slug(name)}-{secrets.token_hex(6)}"
        first = start(machine, frozen, instance=instance, at=self._clock())
        live = self._enter(machine, first, request_id)
        pending = self._ledger.queue(live, first, restart=known is not None)
        if request_id is None:
            await pending.kept()
            return Instance(self, instance)
        self._requests[name, request_id] = pending
        try:
            await pending.kept()
        finally:
            del self._requests[name, request_id]
        return Instance(self, instance)

    def _enter(self, machine: Machine, first: Step, request_id: str | None) -> Live:
        at, inputs = first.after.at, first.after.inputs
        instance = first.after.instance
        card = Card(instance, machine.digest, machine.name, request_id, inputs, at, at, 0, "", "", None, False)
        live = Live(machine, card, first.before, first.before)
        self._lives[instance] = live
        self._forget()
        return live

    async def get(self, instance: str) -> Instance:
        """The handle of an instance. Raises UnknownInstance."""
        self._live(instance)
        return Instance(self, instance)

    async def list(self, *, machine: str | None = None, state: str | None = None, limit: int = 1_000) -> list[Card]:
        """What is known of the instances, the newest first."""
        return self.store.cards(name=machine, state=state, limit=limit)

    def snapshot(self, instance: str) -> Snapshot:
        """Where an instance is, as it was kept. Raises UnknownInstance."""
        return self._live(instance).kept

    def _live(self, instance: str) -> Live:
        if not self._open:
            raise StatewfError("the executor is not open: use it as `async with Executor(...)`")
        live = self._lives.get(instance)
        if live is not None and not live.broken:
            self._lives.move_to_end(instance)
            return live
        loaded = self.store.load(instance)
        if loaded is None:
            raise UnknownInstance(f"there is no instance {instance}")
        machine = self._machine(loaded.card.machine)
        snapshot = loaded.snapshot if loaded.snapshot is not None else blank(machine, instance)
        try:
            for made in replay(machine, loaded.events, snapshot):
                snapshot = made.after
        except ValueError as error:
            raise StoreError(f"the history of {instance} is damaged: {error}") from error
        self._lives[instance] = live = Live(machine, loaded.card, snapshot, snapshot)
        self._forget()
        return live

    def _forget(self) -> None:
        """Let go of idle instances beyond what memory is for, the least recently used first."""
        for instance in list(islice(self._lives, max(0, len(self._lives) - MOST_LIVE))):
            if self._lives[instance].idle:
                del self._lives[instance]

    # --- events

    async def send(self, instance: str, event: str, data: Any = None, *, key: str | None = None) -> Receipt:
        """Send a named event, and return when it is kept.

        While an action of the instance runs, this waits. The same `key` again gets the same receipt,
        marked duplicate. Raises EventRejected (nothing changed; reason and allowed events),
        KeyConflict (the key was used for something else), UnknownInstance, DataError, StoreError.
        """
        sent = Event(event, freeze_object(data, f"the data of {event}"), 0, key)
        return await self._take(instance, lambda at: sent._replace(at=at), key, digest([event, sent.data]))

    async def cancel(self, instance: str, *, now: bool = False) -> Receipt:
        """End an instance. Raises EventRejected when it has ended already."""
        return await self._take(instance, lambda at: Cancel(at, now))

    async def _take(
        self, instance: str, event: Callable[[int], AnyEvent], key: str | None = None, used_for: str = ""
    ) -> Receipt:
        """Take an external event in its turn, and return when it is kept."""
        while True:
            live = self._live(instance)
            async with live.turn:
                if key is not None and (known := self._ledger.keyed(instance, key)):
                    break
                caught_up, taken = await self._in_turn(live, event, used_for)
            if taken is None:
                continue
            if isinstance(taken, Pending):
                await taken.kept()
                return receipt(live.machine, taken.entry.step)
            if caught_up is not None:
                await caught_up.kept()
            raise _refusal(taken)
        record, pending = known
        if pending is not None:
            await pending.kept()
        if record.digest != used_for:
            raise KeyConflict(f"the key {key} was used before for another event or other data")
        return attrs.evolve(record.receipt, disposition="duplicate")

    async def _in_turn(
        self, live: Live, event: Callable[[int], AnyEvent], used_for: str
    ) -> tuple[Pending | None, Pending | Rejected | None]:
        """Wait for the running action and take the event; None if the instance has to be loaded again."""
        while not live.broken:
            now = self._clock()
            caught_up = self._ledger.catch_up(live, now)
            taken = self._ledger.take(live, event(now), used_for)
            if isinstance(taken, Pending) or taken.reason != "busy" or not self._performs(live):
                return caught_up, taken
            await live.changed()
        return None, None

    def _performs(self, live: Live) -> bool:
        """Whether the action an instance waits for will be performed here."""
        return self._performer is not None and self._performer.knows(live.snapshot.flight.queue[0].op.handler)

    async def _answer(self, instance: str, reply: Returned | Failed) -> None:
        """Take the reply of a handler; try again until it is kept, for the handler's work is done."""
        while True:
            try:
                live = self._live(instance)
                self._ledger.catch_up(live, reply.at)
                taken = self._ledger.take(live, reply)
                if isinstance(taken, Rejected):
                    log.info("%s: a late reply is ignored: %s", instance, taken.message)
                    return
                await taken.kept()
                return
            except StoreError as error:
                log.error("%s: a reply waits for the store: %s", instance, error)
                await anyio.sleep(REPLY_PAUSE)

    async def _fire(self, instance: str, now: int) -> None:
        """Fire the timers of an instance that are due now or before."""
        last = self._ledger.catch_up(self._live(instance), now, including=True)
        if last is not None:
            await last.kept()

    async def until(self, instance: str, reached: Callable[[Snapshot], bool]) -> None:
        """Wait until that can be said of where an instance is, as it was kept. Raises UnknownInstance."""
        while True:
            live = self._live(instance)
            if reached(live.kept):
                return
            await live.changed()

    async def wait(self, instance: str) -> Outcome:
        """Wait until an instance ended and its last actions are done. Raises UnknownInstance."""
        performing = self._performer is not None
        await self.until(instance, lambda kept: bool(kept.ended) and not (performing and kept.flight.queue))
        return self.outcome(instance)

    async def rest(self, instance: str) -> None:
        """Wait until no call of an instance is open. Raises UnknownInstance."""
        await self.until(instance, lambda kept: not kept.flight.calls)

    async def idle(self) -> None:
        """Wait until no call runs, and no timer is due."""
        while True:
            if self._performer is not None:
                await self._performer.quiet()
            if not self.store.due(self._clock(), 1):
                return
            await anyio.lowlevel.checkpoint()  # the timers' turn

    def outcome(self, instance: str, rejected: Sequence[str] = ()) -> Outcome:
        """What an instance has come to so far; `rejected` names events it refused. Raises UnknownInstance."""
        machine = self.machine_of(instance)
        steps = tuple(replay(machine, self.store.events(instance), blank(machine, instance)))
        return outcome(steps, rejected)

    # --- effects

    def _perform(self, live: Live, made: Step) -> None:
        """Perform the effects of a step that was kept."""
        instance = made.after.instance
        for effect in made.effects:
            match effect:
                case Call() if self._performer is not None and effect.id in live.kept.flight.calls:
                    self._performer.call(self._group, live.kept, effect)
                case Recall() if self._performer is not None:
                    self._performer.recall(instance, effect.call)
                case SetTimer():
                    self._timers.set(effect.at)
                case Emit():
                    for subscription in self._subscriptions:
                        if subscription.event == effect.event:
                            subscription.notify()
                case _:
                    pass  # a cancelled timer is gone from the store, and an end wakes those who wait
        log.debug("%s %d %s", instance, made.after.seq, event_name(made.event))
        if self._observe is not None:
            try:
                self._observe(live.machine, made)
            except Exception:
                log.exception("the observer failed at step %d of %s", made.after.seq, instance)

    def on(self, event: str, listener: Listener | None = None, *, subscriber: str) -> Any:
        """Subscribe to an emitted event, as a call or a decorator.

        Deliveries are in order and at least once; `subscriber` names who has been told, across restarts.
        """

        def subscribe(chosen: Listener) -> Listener:
            if any((s.event, s.subscriber) == (event, subscriber) for s in self._subscriptions):
                raise StatewfError(f"{subscriber} has subscribed to {event} already")
            subscription = Subscription(event, subscriber, chosen)
            self._subscriptions.append(subscription)
            if self._stack is not None:
                self._group.start_soon(subscription.run, self.store)
            return chosen

        return subscribe if listener is None else subscribe(listener)


def _refusal(rejected: Rejected) -> EventRejected:
    name = event_name(rejected.event)
    return EventRejected(name, rejected.reason, rejected.message, rejected.allowed, rejected.faults)


def _slug(name: str) -> str:
    """A name as it is easily typed: letters, digits and hyphens."""
    return "-".join("".join(c if c.isalnum() else " " for c in name.lower()).split()) or "instance"
