"""The executor: deploys machines, starts instances, takes events, and keeps what it promises.

Everything is kept before it is acknowledged, and acknowledged before its effects are performed. What
was in flight when a process died is offered again by the next one that owns the store with handlers.

One process owns a store at a time (`lease`). Here is what there is of an executor in either case; the verbs are
done by an `owner`, or asked for by a `guest`.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from os import PathLike, fspath
from types import TracebackType
from typing import Any, Self, TypeVar

import anyio
import anyio.lowlevel
from anyio.abc import TaskGroup

from statewf.compiler import compile_definition
from statewf.definition.model import Definition
from statewf.errors import (
    Closed,
    OwnerLost,
    StatewfError,
    StoreConflict,
    UnknownInstance,
    UnknownTask,
)
from statewf.history import Card, Sqlite, Store
from statewf.machine.effects import Task
from statewf.machine.events import Decided, Event
from statewf.machine.fsm import Machine
from statewf.machine.record import Receipt
from statewf.machine.snapshot import Snapshot
from statewf.runtime.audience import Audience
from statewf.runtime.bell import Bell
from statewf.runtime.guest import Guest
from statewf.runtime.handlers import Handlers, missing
from statewf.runtime.house import House, Observer
from statewf.runtime.instance import Instance, Outcome, outcome
from statewf.runtime.lease import described
from statewf.runtime.live import Live, Lives
from statewf.runtime.machines import Machines
from statewf.runtime.metrics import Guarded, Metrics
from statewf.runtime.outbox import Listener
from statewf.runtime.owner import Owner
from statewf.runtime.perform import Means
from statewf.runtime.seat import Seat
from statewf.values.frozen import freeze, freeze_object, plain_text

T = TypeVar("T")

TRIES = 5  # of a step that could not be kept for a reason that is gone
PATIENCE = 30.0  # seconds that the owner of the store has for an answer


def wall_clock() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class Executor:
    """Runs machines on a store: a path (a SQLite file) or a store such as `Memory()`.

    An async context manager, on asyncio and trio. Without `handlers` it only keeps: calls stay open
    until somebody opens the store who has them. While another process owns the store, this one asks it, and waits
    `patience` seconds for its answer; it takes over when the other has gone.

    `concurrency` bounds how many handlers run at once, `threads` how many of them in threads. `observe` is told every step
    that was kept here; `metrics` what can be counted and measured. Without `resume`, calls that were open before are
    made only when the method of that name says so.
    """

    def __init__(
        self,
        store: str | PathLike[str] | Store,
        handlers: Handlers | None = None,
        *,
        clock: Callable[[], int] = wall_clock,
        concurrency: int = 1_000,
        threads: int = 40,
        patience: float = PATIENCE,
        observe: Observer | None = None,
        metrics: Metrics | None = None,
        resume: bool = True,
    ) -> None:
        self._path = fspath(store) if isinstance(store, str | PathLike) else None
        self._given = None if isinstance(store, str | PathLike) else store
        self._handlers = handlers
        self._clock = clock
        guarded = None if metrics is None else Guarded(metrics)
        self._means = None if handlers is None else Means(handlers, clock, concurrency, threads, guarded)
        self._patience = patience
        self._watching = (observe, guarded, resume)
        self._audience = Audience()
        self._stack: AsyncExitStack | None = None

    # --- opening and closing

    async def __aenter__(self) -> Self:
        if self._stack is not None:
            raise StatewfError("the executor is open already")
        self.store: Store = self._given if self._given is not None else Sqlite(str(self._path))
        async with AsyncExitStack() as stack:
            stack.callback(self.store.close)
            bell = Bell()
            stack.callback(bell.close)
            self._machines = Machines(self.store)
            self._lives = Lives(self.store, self._machines.get)
            parts = (self.store, self._machines, self._lives, self._audience, bell)
            self._house = House(*parts, self._clock, self._means, self._patience, *self._watching)
            self._seat = Seat(self._house)
            self._group: TaskGroup = await stack.enter_async_context(anyio.create_task_group())
            self._group.start_soon(bell.run)
            await self._group.start(self._seat.run)
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
        stack, self._stack = self._stack, None
        self._group.cancel_scope.cancel()  # before who waits is woken: of our own tasks none is to complain
        self._house.closed = Closed("the executor is closed")
        self._seat.leave(self._house.closed)
        self._audience.close()
        try:
            await stack.__aexit__(kind, error, trace)
        except BaseExceptionGroup as group:
            if error is None or group.exceptions != (error,):
                raise

    def _acting(self) -> Owner | Guest:
        if self._stack is None:
            raise StatewfError("the executor is closed, or not open yet: use it as `async with Executor(...)`")
        return self._seat.acts

    @property
    def owns(self) -> bool:
        """Whether this process owns the store now, and performs; else it asks the one that does."""
        return isinstance(self._acting(), Owner)

    @property
    def owner(self) -> str:
        """Who owns the store now, in words."""
        return "this process" if self.owns else described(self.store.lease().holder)

    # --- machines and instances

    async def deploy(self, machine: Machine | Definition) -> Machine:
        """Make a machine known under its name. Raises HandlersError that lists the missing handlers."""
        self._acting()
        deployed = machine if isinstance(machine, Machine) else compile_definition(machine)
        if self._handlers is not None and (error := missing(deployed, self._handlers)):
            raise error
        await self._house.insist(lambda: self._machines.deploy(deployed))
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
        Archived when its run is not in the store any more, DataError when they are no JSON object.
        """
        frozen = freeze_object(inputs, "the inputs")
        if request_id is not None:
            plain_text(request_id, "the request id")
        started = await self._insisting(lambda role: role.start(name, frozen, request_id, restart=restart))
        return Instance(self, started)

    async def get(self, instance: str) -> Instance:
        """The handle of an instance. Raises UnknownInstance."""
        self._read(instance)
        return Instance(self, instance)

    async def list(self, *, machine: str | None = None, state: str | None = None, limit: int = 1_000) -> list[Card]:
        """What is known of the instances, the newest first."""
        self._acting()
        return self.store.cards(name=machine, state=state, limit=limit)

    def snapshot(self, instance: str) -> Snapshot:
        """Where an instance is, as it was kept. Raises UnknownInstance."""
        return self._read(instance).kept

    def machine_of(self, instance: str) -> Machine:
        """The machine of an instance. Raises UnknownInstance."""
        return self._read(instance).machine

    def _read(self, instance: str) -> Live:
        role = self._acting()
        if isinstance(role, Guest):
            role.look()
        return self._lives.get(instance)

    # --- events

    async def send(self, instance: str, event: str, data: Any = None, *, key: str | None = None) -> Receipt:
        """Send a named event, and return when it is kept.

        While an action of the instance runs here, this waits. The same `key` again gets the same receipt,
        marked duplicate. Raises EventRejected (nothing changed; reason and allowed events),
        KeyConflict (the key was used for something else), UnknownInstance, DataError, StoreError, Unknown (of another
        process, which owns the store, nobody knows whether it took the event).
        """
        sent = Event(event, data, 0, key)
        try:
            return await self._acting().send(instance, sent)
        except (StoreConflict, OwnerLost):
            return await self._insisting(lambda role: role.send(instance, sent))

    async def cancel(self, instance: str, *, now: bool = False) -> Receipt:
        """End an instance, at once: this does not wait for an action. Raises EventRejected when it has ended."""
        return await self._insisting(lambda role: role.cancel(instance, now=now))

    # --- tasks

    def tasks(self, *, instance: str | None = None, assigned_to: Any = None, limit: int = 1_000) -> Sequence[Task]:
        """The open tasks of people, the oldest first: of all instances, or of one; of all people, or of one."""
        self._acting()
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
            return await self._insisting(lambda role: role.decide(decided))
        except UnknownInstance:
            raise UnknownTask(f"there is no task {task}") from None

    # --- waiting

    async def until(self, instance: str, reached: Callable[[Snapshot], bool]) -> None:
        """Wait until that can be said of where an instance is, as it was kept. Raises UnknownInstance."""
        while not await self._acting().until(instance, reached):
            pass

    async def wait(self, instance: str) -> Outcome:
        """Wait until an instance ended and its last actions are done. Raises UnknownInstance."""
        await self._acting().ended(instance)
        await self.until(instance, lambda kept: bool(kept.ended) and not self._acting().performs(kept))
        return self.outcome(instance)

    async def rest(self, instance: str) -> None:
        """Wait until no call of an instance is open. Raises UnknownInstance."""
        await self.until(instance, lambda kept: not kept.flight.calls)

    async def idle(self) -> None:
        """Wait until no call runs, and no timer is due that can be fired."""
        while not await self._acting().idle():
            pass

    def resume(self, instance: str) -> None:
        """Make the open calls of an instance, but for those that run here; also if this owns the store only later.

        Raises UnknownInstance, StoreError.
        """
        self._acting()
        self._seat.resume(instance)

    def outcome(self, instance: str, rejected: Sequence[str] = ()) -> Outcome:
        """What an instance has come to so far; `rejected` names events it refused. Raises UnknownInstance."""
        live = self._read(instance)
        return outcome(live.machine, live.kept, self.store.events(instance), rejected)

    # --- trying again

    async def _insisting(self, attempt: Callable[[Owner | Guest], Awaitable[T]]) -> T:
        """Try again when nothing was kept for a reason that is gone by now."""
        for _ in range(TRIES - 1):
            try:
                return await attempt(self._acting())
            except (StoreConflict, OwnerLost):
                await anyio.lowlevel.checkpoint()  # whoever is to leave the role leaves it
        return await attempt(self._acting())

    # --- subscribing

    def on(self, event: str, listener: Listener | None = None, *, subscriber: str) -> Any:
        """Subscribe to an emitted event, as a call or a decorator.

        Deliveries are in order and at least once; `subscriber` names who has been told, across restarts.
        `WorkflowProgress.updated` alone is best effort: the latest, at most ten times a second and instance.
        """

        def subscribe(chosen: Listener) -> Listener:
            self._audience.subscribe(event, subscriber, chosen)
            return chosen

        return subscribe if listener is None else subscribe(listener)
