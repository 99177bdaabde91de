"""A handle on one instance, and what it came to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any, Protocol

import attrs

from statewf.errors import StoreError
from statewf.history import Store
from statewf.machine.effects import Task
from statewf.machine.events import AnyEvent
from statewf.machine.fsm import Machine
from statewf.machine.record import Receipt, outputs, state_of, succeeded
from statewf.machine.snapshot import Snapshot, allowed, blank
from statewf.pricing import billed
from statewf.runtime.live import replayed
from statewf.values.frozen import thaw


class Host(Protocol):
    """What a handle asks of its executor."""

    store: Store

    def snapshot(self, instance: str) -> Snapshot: ...

    def machine_of(self, instance: str) -> Machine: ...

    def outcome(self, instance: str, rejected: Sequence[str] = ()) -> Outcome: ...

    async def send(self, instance: str, event: str, data: Any = None, *, key: str | None = None) -> Receipt: ...

    async def cancel(self, instance: str, *, now: bool = False) -> Receipt: ...

    def tasks(self, *, instance: str | None = None) -> Sequence[Task]: ...

    async def complete(
        self,
        task: str,
        decision: str,
        *,
        by: str | None = None,
        comments: str | None = None,
        result: Any = None,
    ) -> Receipt: ...

    async def until(self, instance: str, reached: Callable[[Snapshot], bool]) -> None: ...

    async def wait(self, instance: str) -> Outcome: ...


@attrs.frozen
class Outcome:
    """What an instance has come to; `document` is what `run --json` prints, made when it is asked for."""

    instance: str
    state: str
    success: bool
    context: dict[str, Any]
    results: dict[str, Any]
    _machine: Machine = attrs.field(repr=False)
    _events: tuple[AnyEvent, ...] = attrs.field(repr=False)
    _rejected: tuple[str, ...] = attrs.field(repr=False)
    _lost: StoreError | None = attrs.field(default=None, repr=False)

    @cached_property
    def document(self) -> dict[str, Any]:
        """The whole of it, with its history. Raises StoreError if that is not known from its beginning."""
        if self._lost is not None:
            raise self._lost
        steps = tuple(replayed(self._machine, self._events, blank(self._machine, self.instance)))
        charged, cost = billed(self._machine, steps)
        return thaw(outputs(charged, self._rejected, cost))  # type: ignore[no-any-return]  # a mapping thaws to a dict


def outcome(
    machine: Machine,
    snapshot: Snapshot,
    events: Iterable[AnyEvent],
    rejected: Iterable[str] = (),
    lost: StoreError | None = None,
) -> Outcome:
    """The outcome of an instance that is at that snapshot, by these events from its start; `lost` says why that is not known."""
    context, results = thaw(snapshot.context), thaw(snapshot.book.results)
    made = (machine, tuple(events), tuple(rejected), lost)
    return Outcome(snapshot.instance, state_of(snapshot), succeeded(snapshot), context, results, *made)


class Seen(Protocol):
    """What is to be said of an instance by where it is; a handle on one says that of its own."""

    @property
    def machine(self) -> Machine: ...

    @property
    def snapshot(self) -> Snapshot: ...

    @property
    def state(self) -> str:
        """The state it is in."""
        return state_of(self.snapshot)

    @property
    def allowed(self) -> tuple[str, ...]:
        """The events that lead on from here; guards may still say no."""
        return allowed(self.machine, self.snapshot)

    @property
    def context(self) -> dict[str, Any]:
        """Its data: the inputs, and what events and actions made of them."""
        return thaw(self.snapshot.context)  # type: ignore[no-any-return]  # a mapping thaws to a dict

    @property
    def results(self) -> dict[str, Any]:
        """What its steps found, by their ids; a state machine has none."""
        return thaw(self.snapshot.book.results)  # type: ignore[no-any-return]  # a mapping thaws to a dict

    @property
    def done(self) -> bool:
        """Whether it ended."""
        return bool(self.snapshot.ended)


class Instance(Seen):
    """One instance in the executor's store. What its properties say was kept: a crash cannot take it back."""

    def __init__(self, executor: Host, instance: str) -> None:
        self._executor = executor
        self.id = instance

    def __repr__(self) -> str:
        return f"<Instance {self.id}>"

    @property
    def machine(self) -> Machine:
        """The machine it was started with. Raises UnknownInstance."""
        return self._executor.machine_of(self.id)

    @property
    def snapshot(self) -> Snapshot:
        """Where it is. Raises UnknownInstance."""
        return self._executor.snapshot(self.id)

    def tasks(self) -> Sequence[Task]:
        """Its open tasks, the oldest first; `complete` decides them."""
        return self._executor.tasks(instance=self.id)

    def history(self, *, after: int = 0) -> list[dict[str, Any]]:
        """Its history rows, from the one after that number: `{"seq", "at", "event", "data", "changes"}`."""
        return thaw(tuple(self._executor.store.rows(self.id, after)))  # type: ignore[no-any-return]  # rows thaw to dicts

    async def send(self, event: str, data: Any = None, *, key: str | None = None) -> Receipt:
        """Send it a named event; see `Executor.send`."""
        return await self._executor.send(self.id, event, data, key=key)

    async def cancel(self, *, now: bool = False) -> Receipt:
        """End it."""
        return await self._executor.cancel(self.id, now=now)

    async def complete(
        self,
        task: str,
        decision: str,
        *,
        by: str | None = None,
        comments: str | None = None,
        result: Any = None,
    ) -> Receipt:
        """Decide one of its tasks; see `Executor.complete`."""
        return await self._executor.complete(task, decision, by=by, comments=comments, result=result)

    def outcome(self, rejected: Sequence[str] = ()) -> Outcome:
        """What it has come to so far; `rejected` names events it refused, which no history knows."""
        return self._executor.outcome(self.id, rejected)

    async def until(self, reached: Callable[[], bool]) -> None:
        """Wait until that is so; asked again after each of its steps."""
        await self._executor.until(self.id, lambda _: reached())

    async def wait(self) -> Outcome:
        """Wait until it ended and the actions of its terminal state are done."""
        return await self._executor.wait(self.id)
