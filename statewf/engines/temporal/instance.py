"""A handle on one instance on Temporal. What its properties say is how it was at the last look; everything else asks the server.

Below: what an outcome is. Above: `executor`, which makes them.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Protocol
from urllib.parse import quote

from statewf.errors import StoreError, Unknown
from statewf.machine.effects import Task
from statewf.machine.fsm import Machine
from statewf.machine.record import Receipt, slug, tasks_of
from statewf.machine.snapshot import Snapshot
from statewf.runtime.instance import Outcome, Seen

AMBIGUOUS = r"[%/:\s]"  # in the name of a machine, before the request in the id of an instance


class Host(Protocol):
    """What a handle asks of its executor."""

    async def look(self, instance: str) -> tuple[Machine, Snapshot]: ...

    async def send(self, instance: str, event: str, data: Any = None, *, key: str | None = None) -> Receipt: ...

    async def signal(self, instance: str, event: str, data: Any = None, *, key: str | None = None) -> None: ...

    async def cancel(self, instance: str, *, now: bool = False) -> Receipt: ...

    async def complete(
        self,
        task: str,
        decision: str,
        *,
        by: str | None = None,
        comments: str | None = None,
        result: Any = None,
    ) -> Receipt: ...

    async def history(self, instance: str, *, after: int = 0) -> Sequence[dict[str, Any]]: ...

    async def wait(self, instance: str) -> Outcome: ...


class TemporalInstance(Seen):
    """One instance. `send`, `cancel` and `complete` look again when they are done, if somebody answers."""

    def __init__(self, executor: Host, instance: str, machine: Machine, snapshot: Snapshot) -> None:
        self._executor = executor
        self.id = instance
        self._machine = machine
        self._snapshot = snapshot

    def __repr__(self) -> str:
        return f"<TemporalInstance {self.id}>"

    @property
    def machine(self) -> Machine:
        """The machine it was started with."""
        return self._machine

    @property
    def snapshot(self) -> Snapshot:
        """Where it was at the last look."""
        return self._snapshot

    def tasks(self) -> tuple[Task, ...]:
        """Its open tasks, in document order; `complete` decides them."""
        return tasks_of(self.machine, self.snapshot)

    async def look(self) -> TemporalInstance:
        """See how it is now; itself."""
        self._machine, self._snapshot = await self._executor.look(self.id)
        return self

    async def _look_if_possible(self) -> None:
        """See how it is now; what was accepted is accepted, also when nobody answers just now."""
        with suppress(StoreError, Unknown):
            await self.look()

    async def history(self, *, after: int = 0) -> Sequence[dict[str, Any]]:
        """Its history rows, from the one after that number: `{"seq", "at", "event", "data", "changes"}`."""
        return await self._executor.history(self.id, after=after)

    async def send(self, event: str, data: Any = None, *, key: str | None = None) -> Receipt:
        """Send it a named event; see `TemporalExecutor.send`."""
        receipt = await self._executor.send(self.id, event, data, key=key)
        await self._look_if_possible()
        return receipt

    async def signal(self, event: str, data: Any = None, *, key: str | None = None) -> None:
        """Send it a named event, and do not wait for what becomes of it."""
        await self._executor.signal(self.id, event, data, key=key)

    async def cancel(self, *, now: bool = False) -> Receipt:
        """End it."""
        receipt = await self._executor.cancel(self.id, now=now)
        await self._look_if_possible()
        return receipt

    async def complete(
        self,
        task: str,
        decision: str,
        *,
        by: str | None = None,
        comments: str | None = None,
        result: Any = None,
    ) -> Receipt:
        """Decide one of its tasks; see `TemporalExecutor.complete`."""
        receipt = await self._executor.complete(task, decision, by=by, comments=comments, result=result)
        await self._look_if_possible()
        return receipt

    async def wait(self) -> Outcome:
        """Wait until it ended and the actions of its terminal state are done."""
        outcome = await self._executor.wait(self.id)
        await self.look()
        return outcome


def beginning(instance: str, rows: Sequence[dict[str, Any]]) -> StoreError | None:
    """What is to be said of the beginning of a history, if it was too long for that to be kept."""
    lost = rows[0]["seq"] - 1
    return StoreError(f"{instance} has a long history, whose first {lost:,} rows are not kept") if lost else None


def named(name: str, request_id: str | None) -> str:
    """The workflow's id: of the same request it is the same. A task's id begins with it, up to a slash."""
    if request_id is None:
        return f"{slug(name)}-{secrets.token_hex(6)}"
    return f"{re.sub(AMBIGUOUS, _quoted, name)}:{re.sub('[%/]', _quoted, request_id)}"


def _quoted(found: re.Match[str]) -> str:
    return quote(found[0], safe="")
