"""The executor: deploys machines, starts instances, takes events, and keeps what it promises.

Everything is kept before it is acknowledged, and acknowledged before its effects are performed. What
was in flight when a process died is offered again by the next one that opens the store with handlers.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from os import PathLike, fspath
from types import TracebackType
from typing import Any, Self, TypeVar

import anyio
import attrs
from anyio.abc import TaskGroup

from statewf.compiler import compile_definition
from statewf.definition.model import Definition
from statewf.errors import (
    EventRejected,
    KeyConflict,
    RequestConflict,
    StatewfError,
    StoreConflict,
    StoreError,
    UnknownInstance,
    UnknownTask,
)
from statewf.history import Card, Sqlite, Store
from statewf.machine.effects import Call, Emit, Recall, SetTimer, Task
from statewf.machine.events import AnyEvent, Cancel, Decided, Event
from statewf.machine.fsm import Machine
from statewf.machine.record import Receipt, event_name, receipt, status
from statewf.machine.snapshot import Rejected, Snapshot, Step, region_state
from statewf.machine.step import start
from statewf.runtime.audience import Audience
from statewf.runtime.handlers import Handlers, missing
from statewf.runtime.instance import Instance, Outcome, outcome
from statewf.runtime.ledger import Ledger, Pending
from statewf.runtime.live import Live, Lives
from statewf.runtime.machines import Machines
from statewf.runtime.outbox import Listener, sweep
from statewf.runtime.perform import Performer, Tally, performing
from statewf.runtime.replies import Replies
from statewf.runtime.timers import Timers
from statewf.values.canonical import digest
from statewf.values.frozen import Object, freeze, freeze_object, plain_text

log = logging.getLogger("statewf.executor")

T = TypeVar("T")

TRIES = 5  # of a step that another process was quicker with


def wall_clock() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class Executor:
    """Runs machines on a store: a path (a SQLite file) or a store such as `Memory()`.

    An async context manager, on asyncio and trio. Without `handlers` it only keeps: calls stay open
    until somebody opens the store who has them. `threads` bounds how many plain functions run at once;
    `observe` is told every step after it was kept. Without `resume`, calls that were open before are made only
    when the method of that name says so: somebody else may be at them.
    """

    def __init__(
        self,
        store: str | PathLike[str] | Store,
        handlers: Handlers | None = None,
        *,
        clock: Callable[[], int] = wall_clock,
        threads: int = 40,
        observe: Callable[[Machine, Step], None] | None = None,
        resume: bool = True,
    ) -> None:
        self._path = fspath(store) if isinstance(store, str | PathLike) else None
        self._given = None if isinstance(store, str | PathLike) else store
        self._handlers = handlers
        self._clock = clock
        self._threads = threads
        self._observe = observe
        self._resume = resume
        self._audience = Audience()
        self._stack: AsyncExitStack | None = None

    # --- opening and closing

    async def __aenter__(self) -> Self:
        if self._stack is not None:
            raise StatewfError("the executor is open already")
        self.store: Store = self._given if self._given is not None else Sqlite(str(self._path))
        async with AsyncExitStack() as stack:
            stack.callback(self.store.close)
            self.store.purge(self._clock())
            self._machines = Machines(self.store)
            self._lives = Lives(self.store, self._machines.get)
            self._ledger = Ledger(self.store, self._perform, self._lost)
            self._timers = Timers(self.store, self._clock, self._fire)
            self._group: TaskGroup = await stack.enter_async_context(anyio.create_task_group())
            self._performer: Performer | None = None
            self._replies: Replies | None = None
            if self._handlers is not None:
                busy = Tally()
                self._replies = Replies(self._group, self._lives, self._ledger, busy)
                tools = (self._handlers, self._clock, self._threads, self._replies.take)
                self._performer = Performer(self._group, *tools, busy)
            self._group.start_soon(self._ledger.run)
            self._group.start_soon(self._timers.run)
            self._group.start_soon(sweep, self.store, self._clock)
            self._audience.open(self._group, self.store)
            self._seen, self._alone = self.store.version(), set[str]()  # what was looked at; what is damaged
            if self._resume and self._performer is not None:
                self._recover()
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop what runs and close the store. Nothing is lost: open calls are offered again next time.

        Whoever still waits for an instance is told that the executor is closed. An error of the body goes on
        as it is, not in a group.
        """
        assert self._stack is not None
        self._performer = None  # nothing more is begun
        self._ledger.close()
        stack, self._stack = self._stack, None
        self._group.cancel_scope.cancel()  # before who waits is woken: of our own tasks none is to complain
        self._lives.close()
        self._audience.close()
        try:
            await stack.__aexit__(kind, error, trace)
        except BaseExceptionGroup as group:
            if error is None or group.exceptions != (error,):
                raise

    def _recover(self) -> None:
        """Offer again every call that was open when the last owner went away."""
        for instance in self.store.busy():
            try:
                self._make_calls(instance)
            except StoreError as error:
                self._alone.add(instance)
                log.error("%s is left alone: %s", instance, error)  # one damaged instance must not stop the rest

    def _opened(self) -> Lives:
        if self._stack is None:
            raise StatewfError("the executor is closed, or not open yet: use it as `async with Executor(...)`")
        return self._lives

    # --- machines and instances

    async def deploy(self, machine: Machine | Definition) -> Machine:
        """Make a machine known under its name. Raises HandlersError that lists the missing handlers."""
        self._opened()
        deployed = machine if isinstance(machine, Machine) else compile_definition(machine)
        if self._handlers is not None and (error := missing(deployed, self._handlers)):
            raise error
        self._machines.deploy(deployed)
        return deployed

    async def start(
        self,
        name: str,
        inputs: Any = None,
        *,
        request_id: str | None = None,
        restart: bool = False,
    ) -> Instance:
        """Start an instance of the machine deployed under `name`.

        With a `request_id` that was used before it is the same instance, finished or not, and subscribers are
        told how it is (`ServiceProgress.status`) or what it came to (`ServiceResult.deliver`); `restart` starts
        a successor of one that ended in failure. Raises UnknownMachine, RequestConflict when the inputs differ,
        DataError when they are no JSON object.
        """
        frozen = freeze_object(inputs, "the inputs")
        if request_id is not None:
            plain_text(request_id, "the request id")
        return await _insisting(lambda: self._start(name, frozen, request_id, restart))

    async def _start(self, name: str, frozen: Object, request_id: str | None, restart: bool) -> Instance:
        lives = self._opened()
        known: Card | None = None
        if request_id is not None:
            while running := self._ledger.requested(name, request_id):
                await running.kept()
            known = self.store.request(name, request_id)
        machine = self._machines.named(name)
        if known is not None:
            if known.inputs != frozen:
                raise RequestConflict(f"{request_id} was requested before with other inputs ({known.id})")
            if not (restart and known.ended == "failure"):
                self._tell_again(known.id)
                return Instance(self, known.id)
        first = start(machine, frozen, instance=f"{_slug(name)}-{secrets.token_hex(6)}", at=self._clock())
        at, instance = first.after.at, first.after.instance
        card = Card(instance, machine.digest, machine.name, request_id, frozen, at, at, 0, "", "", None, False)
        live = lives.enter(Live(machine, card, first.before, first.before))
        await self._ledger.queue(live, first, restart=known is not None).kept()
        return Instance(self, instance)

    def _tell_again(self, instance: str) -> None:
        live = self._lives.get(instance)
        event, data = status(live.machine, live.kept)
        self.store.tell(instance, event, data, self._clock())
        self._audience.notify(event)

    async def get(self, instance: str) -> Instance:
        """The handle of an instance. Raises UnknownInstance."""
        self._opened().get(instance)
        return Instance(self, instance)

    async def list(self, *, machine: str | None = None, state: str | None = None, limit: int = 1_000) -> list[Card]:
        """What is known of the instances, the newest first."""
        self._opened()
        return self.store.cards(name=machine, state=state, limit=limit)

    def snapshot(self, instance: str) -> Snapshot:
        """Where an instance is, as it was kept. Raises UnknownInstance."""
        return self._opened().get(instance).kept

    def machine_of(self, instance: str) -> Machine:
        """The machine of an instance. Raises UnknownInstance."""
        return self._opened().get(instance).machine

    # --- events

    async def send(self, instance: str, event: str, data: Any = None, *, key: str | None = None) -> Receipt:
        """Send a named event, and return when it is kept.

        While an action of the instance runs here, this waits. The same `key` again gets the same receipt,
        marked duplicate. Raises EventRejected (nothing changed; reason and allowed events),
        KeyConflict (the key was used for something else), UnknownInstance, DataError, StoreError.
        """
        sent = Event(event, data, 0, key)
        used_for = digest([event, sent.data])
        return await _insisting(lambda: self._send(instance, sent, used_for))

    async def _send(self, instance: str, sent: Event, used_for: str) -> Receipt:
        key = sent.key
        while True:
            with self._opened().using(instance) as live:
                if told := await self._again(instance, key, used_for):
                    return told
                async with live.turn:
                    if told := await self._again(instance, key, used_for):
                        return told
                    taken = await self._in_turn(live, sent, used_for)
                if taken is not None:
                    return await self._told(live, taken)

    async def _again(self, instance: str, key: str | None, used_for: str) -> Receipt | None:
        """What an event with that key was told, if there was one."""
        known = None if key is None else self._ledger.keyed(instance, key)
        if known is None:
            return None
        record, pending = known
        if pending is not None:
            await pending.kept()
        if record.digest != used_for:
            raise KeyConflict(f"the key {key} was used before for another event or other data")
        return attrs.evolve(record.receipt, disposition="duplicate")

    async def cancel(self, instance: str, *, now: bool = False) -> Receipt:
        """End an instance, at once: this does not wait for an action. Raises EventRejected when it has ended."""
        return await _insisting(lambda: self._cancel(instance, now))

    async def _cancel(self, instance: str, now: bool) -> Receipt:
        with self._opened().using(instance) as live:
            at = self._clock()
            self._ledger.catch_up(live, at)
            return await self._told(live, self._ledger.take(live, Cancel(at, now)))

    # --- tasks

    def tasks(self, *, instance: str | None = None, assigned_to: Any = None, limit: int = 1_000) -> Sequence[Task]:
        """The open tasks of people, the oldest first: of all instances, or of one; of all people, or of one."""
        self._opened()
        return self.store.tasks(instance=instance, assigned_to=freeze(assigned_to), limit=limit)

    async def complete(
        self,
        task: str,
        decision: str,
        *,
        by: str | None = None,
        comments: str | None = None,
        result: Any = None,
    ) -> Receipt:
        """Decide a task: `approved`, `rejected`, or any other text; `result` is what else there is to say.

        Raises EventRejected when it is not open any more, or cannot be decided so, UnknownTask, DataError.
        """
        decided = Decided(task, decision, by, comments, result)
        try:
            return await _insisting(lambda: self._decide(decided))
        except UnknownInstance:
            raise UnknownTask(f"there is no task {task}") from None

    async def _decide(self, decided: Decided) -> Receipt:
        with self._opened().using(decided.task.partition("/")[0]) as live:
            _made_once(live, decided.task)
            at = self._clock()
            self._ledger.catch_up(live, at)
            return await self._told(live, self._ledger.take(live, decided._replace(at=at)))

    async def _in_turn(self, live: Live, event: Event, used_for: str) -> Pending | Rejected | None:
        """Wait for the running action and take the event; None if the instance has to be loaded again."""
        while live.error is None:
            now = self._clock()
            self._ledger.catch_up(live, now)
            taken = self._ledger.take(live, event._replace(at=now), used_for)
            if isinstance(taken, Pending) or taken.reason != "busy" or not self._performs(live.snapshot):
                return taken
            if performing.get() == live.card.id:
                raise StatewfError(
                    f"a handler of {live.card.id} that sends {event.name} to it would wait for its own end; "
                    f"let it return Event({event.name!r}) instead"
                )
            await live.changed()
        return None

    async def _told(self, live: Live, taken: Pending | Rejected) -> Receipt:
        """What a sender is told, once that, and all that it is built upon, is kept."""
        if isinstance(taken, Pending):
            await taken.kept()
            return receipt(live.machine, taken.entry.step)
        await live.settled()
        raise EventRejected(event_name(taken.event), taken.reason, taken.message, taken.allowed, taken.faults)

    def _performs(self, snapshot: Snapshot) -> bool:
        """Whether an action that an instance waits for will be performed here."""
        queue = snapshot.flight.queue
        return bool(queue) and self._performer is not None and self._performer.knows(queue[0].op.handler)

    def _lost(self, instance: str, event: AnyEvent) -> None:
        """A step could not be kept, and nobody waits to be told."""
        if self._replies is not None:
            self._replies.lost(instance, event)

    def _fire(self, instance: str, now: int) -> Live:
        """Fire the timers of an instance that are due now or before."""
        live = self._lives.get(instance)
        self._ledger.catch_up(live, now, including=True)
        return live

    # --- other processes

    def look(self, instance: str | None = None) -> None:
        """Take notice of what other processes did since the last look, to one instance or to all that are open.

        What they left open is performed here, and what they recalled is recalled.
        """
        lives = self._opened()
        version = self.store.version()
        if version == self._seen:
            return
        self._seen = version
        for one in [instance] if instance is not None else dict.fromkeys([*self.store.busy(), *lives.active()]):
            try:
                self._refresh(one)
            except StatewfError as error:
                if one not in self._alone:
                    log.error("%s is left alone: %s", one, error)  # one damaged instance must not stop the rest
                self._alone.add(one)
        if (coming := self.store.next_due(-1)) is not None:  # the earliest of all, be it over
            self._timers.set(coming)

    def _refresh(self, instance: str) -> None:
        live = self._lives.get(instance)
        if live.snapshot is not live.kept:  # steps of ours are on their way: their commit tells who was quicker
            self._seen = -1
            return
        card = self.store.card(instance)
        if card is None or card.seq <= live.kept.seq:  # it was loaded just now
            self._make_calls(instance)
            return
        live.void(StoreConflict(instance, f"{instance} was changed by another process"))
        again = self._lives.get(instance)
        if self._performer is not None:
            self._performer.reconcile(live.kept, again.kept)
        self._audience.moved(again)

    def resume(self, instance: str) -> None:
        """Make the open calls of an instance, but for those that run here. Raises UnknownInstance, StoreError."""
        self._opened()
        self._make_calls(instance)

    def _make_calls(self, instance: str) -> None:
        live = self._lives.get(instance)
        if self._performer is not None:
            for call in live.kept.flight.calls.values():
                self._performer.call(live.kept, call)

    # --- waiting

    async def until(self, instance: str, reached: Callable[[Snapshot], bool]) -> None:
        """Wait until that can be said of where an instance is, as it was kept. Raises UnknownInstance."""
        while True:
            with self._opened().using(instance) as live:
                while live.error is None:
                    if reached(live.kept):
                        return
                    await live.changed()

    async def wait(self, instance: str) -> Outcome:
        """Wait until an instance ended and its last actions are done. Raises UnknownInstance."""
        with self._opened().using(instance) as live:
            await live.ended()
        await self.until(instance, lambda kept: bool(kept.ended) and not self._performs(kept))
        return self.outcome(instance)

    async def rest(self, instance: str) -> None:
        """Wait until no call of an instance is open. Raises UnknownInstance."""
        await self.until(instance, lambda kept: not kept.flight.calls)

    async def idle(self) -> None:
        """Wait until no call runs, and no timer is due that can be fired."""
        self._opened()
        while True:
            await self._quiet()
            if not self._timers.late(self._clock()):
                return
            await self._timers.caught_up()

    async def _quiet(self) -> None:
        """Wait until no call runs and no reply is on its way."""
        while True:
            await self._ledger.flushed()
            if self._performer is None or not self._performer.busy.count:
                return
            await self._performer.busy.zero()

    def outcome(self, instance: str, rejected: Sequence[str] = ()) -> Outcome:
        """What an instance has come to so far; `rejected` names events it refused. Raises UnknownInstance."""
        live = self._opened().get(instance)
        return outcome(live.machine, live.kept, self.store.events(instance), rejected)

    # --- effects

    def _perform(self, live: Live, made: Step) -> None:
        """Perform the effects of a step that was kept."""
        instance = made.after.instance
        for effect in made.effects:
            match effect:
                case Call() if self._performer is not None and self._is_wanted(live, effect):
                    self._performer.call(live.kept, effect)
                case Recall() if self._performer is not None:
                    self._performer.recall(instance, effect.call, awaited=effect.awaited)
                case SetTimer():
                    self._timers.set(effect.at)
                case Emit():
                    self._audience.notify(effect.event)
                case _:
                    pass  # a cancelled timer is gone from the store, and an end wakes those who wait
        self._audience.moved(live)
        if self._observe is not None:
            try:
                self._observe(live.machine, made)
            except Exception:
                log.exception("the observer failed at step %d of %s", made.after.seq, instance)

    def _is_wanted(self, live: Live, call: Call) -> bool:
        """Whether a call is to be made: it may be over before it began."""
        return call.id in live.kept.flight.calls

    def on(self, event: str, listener: Listener | None = None, *, subscriber: str) -> Any:
        """Subscribe to an emitted event, as a call or a decorator.

        Deliveries are in order and at least once; `subscriber` names who has been told, across restarts.
        `WorkflowProgress.updated` alone is best effort: the latest, at most ten times a second and instance.
        """

        def subscribe(chosen: Listener) -> Listener:
            self._audience.subscribe(event, subscriber, chosen)
            return chosen

        return subscribe if listener is None else subscribe(listener)


async def _insisting(attempt: Callable[[], Awaitable[T]]) -> T:
    """Try again when another process was quicker: nothing was kept."""
    for _ in range(TRIES - 1):
        with suppress(StoreConflict):
            return await attempt()
    return await attempt()


def _made_once(live: Live, task: str) -> None:
    """Make sure that there is, or was, such a task. Raises UnknownTask."""
    region, _, visit = task.removeprefix(f"{live.card.id}/").partition("/")
    number, _, _ = visit.partition("/")
    place = live.machine.numbers.get(region)
    visits = 0 if place is None else region_state(live.snapshot.regions, place)[2]
    if not (number.isascii() and number.isdecimal() and 0 < int(number[:20]) <= visits):
        raise UnknownTask(f"there is no task {task}")


def _slug(name: str) -> str:
    """A name as it is easily typed: letters, digits and hyphens."""
    return "-".join("".join(c if c.isalnum() else " " for c in name.lower()).split()) or "instance"
