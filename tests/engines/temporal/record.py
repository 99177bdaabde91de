"""Records what the tests replay: histories of a Temporal server, as this interpreter makes them.

    python -m tests.engines.temporal.record

To be run only when the interpreter is to make something else of a history on purpose, and then with a new `VERSION`: instances
that began with the one before wait for a worker that has it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory

from statewf.engines.temporal import TemporalExecutor
from statewf.engines.temporal.wire import VERSION
from tests.engines.temporal.jobs import Desk, claim, counter, parcel
from tests.engines.temporal.server import server
from tests.engines.temporal.support import at_rest, executor, reached

HISTORIES = Path(__file__).parent / "histories"


async def parcels(opened: TemporalExecutor) -> AsyncIterator[str]:
    """Actions, a call, a timer that fires, one that rings in vain, what is emitted, events by update and by signal."""
    instance = await opened.start("parcel", {"to": "ann"}, request_id="parcel")
    await reached(instance, lambda _: instance.state == "packed")
    await instance.send("NOTE", key="one")
    await instance.send("NOTE", key="one")
    await instance.signal("NOTE")
    await opened.client.get_workflow_handle(instance.id).signal("NOTE", {"by": "hand"})
    await instance.send("SHIP")
    await instance.wait()
    yield instance.id


async def claims(opened: TemporalExecutor) -> AsyncIterator[str]:
    """Steps side by side, of which one stumbles, a task, an event, a wait, a price; one that is undone, and one that is cancelled."""
    for decision in ("approved", "rejected"):
        instance = await opened.start("claim", {"stumbles": "right"}, request_id=decision)
        await reached(instance, lambda there: bool(there.book.tasks))
        await instance.complete(instance.tasks()[0].id, decision, by="ann", comments="seen")
        if decision == "approved":
            await instance.send("PAID", {"amount": 30}, key="paid")
        await instance.wait()
        yield instance.id
    cancelled = await opened.start("claim", request_id="cancelled")
    await reached(cancelled, lambda there: bool(there.book.tasks))
    await cancelled.cancel()
    await cancelled.wait()
    yield cancelled.id


async def long_lives(opened: TemporalExecutor) -> AsyncIterator[str]:
    """One that calls what is too late, and goes on anew."""
    instance = await opened.start("counter", request_id="long")
    await instance.send("LOOK")
    await reached(instance, lambda there: instance.state == "on" and at_rest(there))
    for number in range(30):
        await instance.send("ADD", {"i": number}, key=f"k{number % 20}" if number < 20 else None)
    await instance.send("STOP")
    await instance.wait()
    yield instance.id


async def record(address: str, folder: Path) -> None:
    (folder / "go").touch()
    async with await executor(address, Desk(folder).handlers, longest=50) as opened:
        for machine in (parcel(), claim(), counter()):
            await opened.deploy(machine)
        for lives in (parcels, claims, long_lives):
            async for instance in lives(opened):
                await _keep(opened, instance)
    async with await executor(address, Desk(folder).handlers, retries="temporal") as opened:
        await opened.deploy(claim())
        instance = (await opened.start("claim", {"stumbles": "right"}, request_id="left-to-temporal")).id
        await opened.cancel(instance)
        await opened.wait(instance)
        await _keep(opened, instance)


async def _keep(opened: TemporalExecutor, instance: str) -> None:
    """Keep the histories of all runs of an instance."""
    number = 0
    async for run in opened.client.list_workflows(f"WorkflowId = '{instance}'"):
        handle = opened.client.get_workflow_handle(instance, run_id=run.run_id)
        name = f"{VERSION}-{instance.replace(':', '-')}-{number}.json"
        (HISTORIES / name).write_text((await handle.fetch_history()).to_json() + "\n")
        number += 1


if __name__ == "__main__":
    HISTORIES.mkdir(exist_ok=True)
    with server() as at, TemporaryDirectory() as folder:
        asyncio.run(record(at, Path(folder)))
