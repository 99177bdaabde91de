"""A handle on one instance, and what it came to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import attrs

from statewf.history import Store
from statewf.machine.fsm import Machine
from statewf.machine.record import Receipt, outputs, state_of
from statewf.machine.snapshot import Snapshot, Step, allowed
from statewf.values.frozen import thaw


class Owner(Protocol):
    """What a handle asks of its executor."""

    store: Store

    def snapshot(self, instance: str) -> Snapshot: ...

    def machine_of(self, instance: str) -> Machine: ...

    def outcome(self, instance: str, rejected: Sequence[str] = ()) -> Outcome: ...

    async def send(self, instance: str, event: str, data: Any = None, *, key: str | None = None) -> Receipt: ...

    async def cancel(self, instance: str, *, now: bool = False) -> Receipt: ...

    async def until(self, instance: str, reached: Callable[[Snapshot], bool]) -> None: ...

    async def wait(self, instance: str) -> Outcome: ...


@attrs.frozen
class Outcome:
    """What an instance has come to; `document()` is what `run --json` prints."""

    instance: str
    state: str
    success: bool
    context: dict[str, Any]
    results: dict[str, Any]
    document: dict[str, Any] = attrs.field(repr=False)


def outcome(steps: Sequence[Step], rejected: Sequence[str] = ()) -> Outcome:
    """The outcome of an instance that these steps made, from its start."""
    told = thaw(outputs(steps, rejected))
    return Outcome(told["instance"], told["state"], told["success"], told["context"], told["results"], told)


class Instance:
    """One instance in the executor's store. What its properties say was kept: a crash cannot take it back."""

    def __init__(self, executor: Owner, instance: str) -> None:
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
        """What its steps returned; a state machine has none."""
        return {}

    @property
    def done(self) -> bool:
        """Whether it ended."""
        return bool(self.snapshot.ended)

    def history(self) -> list[dict[str, Any]]:
        """Its history rows: `{"seq", "at", "event", "data", "changes"}`."""
        return thaw(tuple(self._executor.store.rows(self.id)))  # type: ignore[no-any-return]  # rows thaw to dicts

    async def send(self, event: str, data: Any = None, *, key: str | None = None) -> Receipt:
        """Send it a named event; see `Executor.send`."""
        return await self._executor.send(self.id, event, data, key=key)

    async def cancel(self, *, now: bool = False) -> Receipt:
        """End it."""
        return await self._executor.cancel(self.id, now=now)

    def outcome(self, rejected: Sequence[str] = ()) -> Outcome:
        """What it has come to so far; `rejected` names events it refused, which no history knows."""
        return self._executor.outcome(self.id, rejected)

    async def until(self, reached: Callable[[], bool]) -> None:
        """Wait until that is so; asked again after each of its steps."""
        await self._executor.until(self.id, lambda _: reached())

    async def wait(self) -> Outcome:
        """Wait until it ended and the actions of its terminal state are done."""
        return await self._executor.wait(self.id)
