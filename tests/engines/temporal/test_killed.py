"""What dies loses nothing: workers and servers are killed with SIGKILL in the middle of things."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from statewf.engines.temporal import TemporalExecutor, TemporalInstance
from tests.engines.temporal.jobs import Desk, claim, parcel
from tests.engines.temporal.server import begun, free_port
from tests.engines.temporal.support import PAUSE, at_rest, executor, queue, reached

ROOT = Path(__file__).parents[3]
PATIENCE = 60  # seconds


@contextmanager
def worker(address: str, task_queue: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A worker in a process of its own, which is killed at the end, if not before."""
    command = [sys.executable, "-m", "tests.engines.temporal.jobs", address, task_queue, str(folder)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def until(so: Callable[[], bool]) -> None:
    while not so():
        await asyncio.sleep(PAUSE)


@pytest.mark.anyio
async def test_a_worker_that_dies_in_a_call_has_it_made_again_and_no_other(temporal: str, tmp_path: Path) -> None:
    named, desk = queue(), Desk(tmp_path)
    async with asyncio.timeout(PATIENCE), await executor(temporal, None, named) as client:
        await client.deploy(parcel())
        with worker(temporal, named, tmp_path) as first:
            instance = await client.start("parcel", request_id="killed")
            await until(lambda: any(line.startswith("began") for line in desk.lines()))
            await instance.send("NOTE", key="one")
            first.kill()
        (tmp_path / "go").touch()
        with worker(temporal, named, tmp_path):
            await reached(instance, lambda there: instance.state == "packed")
            again = await instance.send("NOTE", key="one")
            assert (again.disposition, instance.context["n"]) == ("duplicate", 1)
            await instance.send("SHIP")
            outcome = await instance.wait()
    assert outcome.state == "delivered"
    key = f"{instance.id}/main/1"
    assert [line for line in desk.lines() if key in line] == [f"began {key}", f"began {key}", f"ended {key}"]
    assert [line for line in desk.lines() if line.startswith("did")] == ["did label", "did thank"]
    assert [row["event"] for row in await _history(temporal, named, tmp_path, instance.id)] == [
        "$start", "$returned", "NOTE", "$returned", "SHIP", "$timeout:shipped", "$returned"
    ]  # fmt: skip


async def _history(address: str, named: str, folder: Path, instance: str) -> list[dict[str, object]]:
    async with await executor(address, Desk(folder).handlers, named) as again:
        return list(await again.history(instance))


@pytest.mark.anyio
async def test_two_workers_share_a_queue(temporal: str, tmp_path: Path) -> None:
    named, first, second = queue(), tmp_path / "1", tmp_path / "2"
    for folder in (first, second):
        folder.mkdir()
        (folder / "go").touch()
    async with asyncio.timeout(PATIENCE), await executor(temporal, None, named) as client:
        await client.deploy(parcel())
        with worker(temporal, named, first), worker(temporal, named, second):
            await until(lambda: all("works" in Desk(folder).lines() for folder in (first, second)))
            parcels = await asyncio.gather(*(client.start("parcel", request_id=f"shared-{n}") for n in range(30)))
            for one in parcels:
                await reached(one, lambda _, one=one: one.state == "packed")  # type: ignore[misc]  # a lambda of one argument
    done = [sum(line.startswith("ended") for line in Desk(folder).lines()) for folder in (first, second)]
    assert sum(done) == 30
    assert all(done)


@pytest.mark.anyio
async def test_a_server_that_is_killed_goes_on_from_its_file(tmp_path: Path) -> None:
    port, file, desk = free_port(), tmp_path / "temporal.db", Desk(tmp_path)
    (tmp_path / "go").touch()
    server = await asyncio.to_thread(begun, port, file)
    try:
        async with await executor(f"127.0.0.1:{port}", desk.handlers) as opened:
            instance = await _half_a_claim(opened)
            server.kill()
            server.wait()
            server = await asyncio.to_thread(begun, port, file)
            async with asyncio.timeout(PATIENCE):
                await reached(instance, lambda there: bool(there.book.tasks))
                await instance.complete(instance.tasks()[0].id, "approved", by="ann")
                await instance.send("PAID", {"amount": 3}, key="paid")
                outcome = await instance.wait()
    finally:
        server.kill()
        server.wait()
    assert (outcome.state, outcome.document["cost"]) == ("completed", "2.50")
    did = [line.removeprefix("did ") for line in desk.lines() if line.startswith("did")]
    assert (did[0], sorted(did[1:3]), did[3:]) == ("book", ["left", "right"], ["close"])


async def _half_a_claim(opened: TemporalExecutor) -> TemporalInstance:
    await opened.deploy(claim())
    instance = await opened.start("claim", {"who": "bob"}, request_id="restarted")
    return await reached(instance, lambda there: bool(there.book.tasks) and at_rest(there))
