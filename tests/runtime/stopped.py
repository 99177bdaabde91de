"""The process that is stopped: `python -m tests.runtime.stopped FOLDER NAME BACKEND`.

It owns the store or stands by, and all the time has parcels sent, each by a request id and event keys of its own; what
it is told it notes in `told-NAME`, a line each. When there is a file `enough` it sends those that are on their way.

A file `stop-NAME` has it stop itself at its next commit: `before` it, `within` it between two statements, or `after`
it, before anybody is told. Every row of a history is kept together with a row of `made` that says who wrote it, in
which epoch: what is there was committed, and in this order.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

import anyio
import attrs

import statewf as wf
from statewf.history import Entry, Sqlite
from statewf.runtime import Work
from tests.runtime.killed.notes import STORE, Pen

CLIENTS = 10  # parcels that are on their way at a time

PARCEL = """\
name: parcel
initialState: waiting
states:
  waiting: {on: {PAY: paying}}
  paying: {invoke: {handler: charge, onDone: drying}}
  drying: {timeout: 20, timeoutTransition: packed}
  packed: {on: {SEND: sent}}
  sent: {terminal: true}
"""
EVENTS = {"PAY": ("packed", "sent"), "SEND": ("sent",)}  # and the states that are waited for; it may be further
MADE = "CREATE TABLE made (number INTEGER PRIMARY KEY, writer TEXT, epoch INTEGER, instance INTEGER, seq INTEGER)"
NOTE = """
CREATE TEMP TRIGGER note AFTER INSERT ON main.history BEGIN
    INSERT INTO made (writer, epoch, instance, seq) VALUES (writer(), epoch(), NEW.instance, NEW.seq);
END
"""
KEEP = "INSERT INTO history"  # begins a statement in the middle of a commit


class Stopping(Sqlite):
    """The store; its process stops itself where the file `stop-NAME` says."""

    def __init__(self, folder: Path, name: str) -> None:
        super().__init__(str(folder / STORE))
        self._told = folder / f"stop-{name}"
        self._epoch = 0
        connection = self.database.connection
        connection.create_function("writer", 0, lambda: name)
        connection.create_function("epoch", 0, lambda: self._epoch)
        connection.execute(NOTE)
        connection.set_trace_callback(self._look)

    def append(self, entries: Sequence[Entry], epoch: int) -> None:
        self._stop("before")
        self._epoch = epoch
        super().append(entries, epoch)
        self._stop("after")

    def _look(self, statement: str) -> None:
        if statement.startswith(KEEP):
            self._stop("within")

    def _stop(self, moment: str) -> None:
        if self._told.exists() and self._told.read_text() == moment:
            self._told.unlink()
            os.kill(os.getpid(), signal.SIGSTOP)


@attrs.frozen
class Client:
    """Has parcels sent, one after another, and notes what it is told about them."""

    executor: wf.Executor
    name: str
    told: Pen
    is_enough: Callable[[], bool]

    async def work(self) -> None:
        for number in count():
            if self.is_enough():
                return
            await self.do(f"{self.name}-{number}")

    async def do(self, request: str) -> None:
        parcel = await self.executor.start("parcel", request_id=request)
        self.told.write("started", request, parcel.id)
        for event, states in EVENTS.items():
            receipt = await parcel.send(event, key=event)
            self.told.write("sent", parcel.id, event, receipt.seq)
            await parcel.until(lambda states=states: parcel.state in states)  # type: ignore[misc]  # bound early
        self.told.write("ended", parcel.id, parcel.state)


async def charge(call: Work) -> dict[str, str]:
    """Takes its time."""
    await anyio.sleep(0.01)
    return {"charged": call.key}


async def live(folder: Path, name: str) -> None:
    told = Pen(folder / f"told-{name}")
    async with wf.Executor(Stopping(folder, name), {"charge": charge}) as executor:
        await executor.deploy(wf.loads(PARCEL))
        async with anyio.create_task_group() as group:
            for number in range(CLIENTS):
                client = Client(executor, f"{name}-{number}", told, (folder / "enough").exists)
                group.start_soon(client.work)


def main(folder: Path, name: str, backend: str) -> None:
    logging.basicConfig(format="%(levelname)s %(message)s", level=logging.WARNING)
    anyio.run(live, folder, name, backend=backend)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
