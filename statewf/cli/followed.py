"""A run on a Temporal server: the same as in a store, of an instance that is looked up again and again while a worker performs.

Below: `remote`, which has the executor there. Above: `drive`, whose `run --temporal` is this.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import anyio
import click

from statewf.cli.common import Server
from statewf.cli.handle import Before
from statewf.cli.owner import owned
from statewf.cli.remote import opened, taken_up, working
from statewf.errors import UnknownInstance
from statewf.machine.record import state_of
from statewf.runtime.instance import Outcome, Seen, outcome

if TYPE_CHECKING:
    from statewf.cli.flow import Flow
    from statewf.cli.session import Session
    from statewf.engines.temporal import TemporalExecutor
    from statewf.machine.fsm import Machine
    from statewf.machine.record import Receipt
    from statewf.machine.snapshot import Snapshot

LOOK = 0.2  # seconds between two looks


class Followed(Seen):
    """An instance as it was at the last look, with its history."""

    def __init__(self, there: TemporalExecutor, instance: str, machine: Machine, snapshot: Snapshot) -> None:
        self.id = instance
        self._there = there
        self._machine, self._snapshot = machine, snapshot
        self._rows: list[dict[str, Any]] = []
        self._looking = anyio.Lock()

    @property
    def machine(self) -> Machine:
        return self._machine

    @property
    def snapshot(self) -> Snapshot:
        return self._snapshot

    async def look(self) -> None:
        """See how it is now, and what happened meanwhile."""
        async with self._looking:
            _, snapshot = await self._there.look(self.id)
            if not self._rows or snapshot.seq > self._snapshot.seq:
                self._rows += await self._there.rows(self.id, after=self._rows[-1]["seq"] if self._rows else 0)
            self._snapshot = snapshot

    def history(self, *, after: int = 0) -> list[dict[str, Any]]:
        from statewf.history.codec import shown

        return [shown(row) for row in self._rows if after < row["seq"] <= self._snapshot.seq]

    async def until(self, reached: Callable[[], bool]) -> None:
        while not reached():
            await anyio.sleep(LOOK)
            await self.look()

    async def send(self, event: str, data: Any = None) -> Receipt:
        receipt = await self._there.send(self.id, event, data)
        await self.look()
        return receipt

    async def complete(
        self, task: str, decision: str, *, by: str | None = None, comments: str | None = None
    ) -> Receipt:
        receipt = await self._there.complete(task, decision, by=by, comments=comments)
        await self.look()
        return receipt

    def outcome(self, rejected: Sequence[str] = ()) -> Outcome:
        from statewf.engines.temporal.instance import beginning
        from statewf.history.codec import decode_event

        lost = beginning(self.id, self._rows)
        return outcome(self._machine, self._snapshot, map(decode_event, self._rows), rejected, lost)


def run_there(
    server: Server,
    queue: str,
    machine: Machine,
    inputs: dict[str, Any] | None,
    request_id: str | None,
    session: Session | Flow,
    *,
    quiet: bool,
) -> int:
    """Start an instance on a server and drive it to its end; the exit code. Raises StoreError when no worker takes it up."""

    async def drive() -> int:
        async with opened(server, queue) as there:
            await there.deploy(machine)
            before = None if request_id is None else await _before(there, machine.name, request_id)
            instance = await there.begin(machine.name, inputs, request_id=request_id)
            handle = await taken_up(there, instance, working(server, queue))
            followed = Followed(there, instance, handle.machine, handle.snapshot)
            await followed.look()
            if handle.machine.digest != machine.digest:
                told = f"{instance} was started with an earlier {machine.name}, and goes on with that"
                click.echo(told, err=True)
            return await session.drive(followed, handle.machine, before)

    return owned(drive, quiet=quiet)


async def _before(there: TemporalExecutor, name: str, request_id: str) -> Before | None:
    """Where the instance of that request is, if there is one."""
    from statewf.engines.temporal.instance import named

    try:
        _, snapshot = await there.look(named(name, request_id))
    except UnknownInstance:
        return None
    return Before(snapshot.seq, state_of(snapshot))
