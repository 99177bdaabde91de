"""Streams on a real server: what is kept arrives, in order, and nothing is missing after a break."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

import statewf as wf
from statewf.machine.fsm import Machine
from statewf.machine.snapshot import Step
from statewf.runtime import Executor
from statewf.runtime.metrics import Meter
from statewf.web.api import streams
from statewf.web.feed import Feed
from statewf.web.serving import served
from tests.web.support import DOOR

pytestmark = pytest.mark.anyio

PATIENCE = 30  # seconds


@asynccontextmanager
async def listening(path: Path) -> AsyncIterator[tuple[Executor, httpx.AsyncClient]]:
    """A service that really listens, and a client of it."""
    feeds: list[Feed] = []
    meter = Meter()

    def nudge(_: Machine, __: Step) -> None:
        for feed in feeds:
            feed.nudge()

    opened = Executor(path, {}, metrics=meter, observe=nudge)
    async with asyncio.timeout(PATIENCE), opened as executor, served(executor, meter) as (address, feed):
        feeds.append(feed)
        await executor.deploy(wf.compile(wf.loads(DOOR)))
        async with httpx.AsyncClient(base_url=address, timeout=PATIENCE) as http:
            yield executor, http


class Followed:
    """A stream that is read: the id and the data of each event, but for the first, which says that it is ready."""

    def __init__(self, lines: AsyncIterator[str]) -> None:
        self._lines = lines
        self.last = ""

    async def next(self) -> dict[str, Any]:
        """The next event."""
        found: dict[str, str] = {}
        async for line in self._lines:
            if not line and found:
                self.last = found["id"]
                return {"event": found["event"], **json.loads(found["data"])}
            name, _, value = line.partition(": ")
            found[name] = value
        raise AssertionError("the stream has ended")

    async def some(self, count: int) -> list[dict[str, Any]]:
        return [await self.next() for _ in range(count)]


@asynccontextmanager
async def followed(
    http: httpx.AsyncClient, path: str, last: str | None = None, **params: str
) -> AsyncIterator[Followed]:
    headers = {} if last is None else {"last-event-id": last}
    async with http.stream("GET", path, headers=headers, params=params) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        stream = Followed(answer.aiter_lines())
        assert await stream.next() == {"event": "ready"}
        yield stream


async def test_steps_arrive_as_they_are_kept(tmp_path: Path) -> None:
    async with listening(tmp_path / "s.db") as (executor, http), followed(http, "/api/stream") as stream:
        door = await executor.start("door", {"who": "ann"})
        await door.send("OPEN")
        first, second = await stream.some(2)
        assert (first["instance"], first["machine"], first["event"]) == (door.id, "door", "$start")
        assert (second["event"], second["changes"][0]["to"]) == ("OPEN", "open")


async def test_a_stream_goes_on_where_it_stopped(tmp_path: Path) -> None:
    async with listening(tmp_path / "s.db") as (executor, http):
        doors = [await executor.start("door") for _ in range(3)]
        async with followed(http, "/api/stream", "0") as stream:
            before = await stream.some(2)
        for door in doors:
            await door.send("OPEN")
        async with followed(http, "/api/stream", stream.last) as again:
            after = await again.some(4)
        seen = [(one["instance"], one["seq"]) for one in before + after]
        assert seen == [(door.id, seq) for seq in (1, 2) for door in doors]


async def test_a_stream_goes_on_after_a_restart(tmp_path: Path) -> None:
    async with listening(tmp_path / "s.db") as (executor, http):
        door = (await executor.start("door")).id
        async with (
            followed(http, f"/api/instances/{door}/stream", "0") as one,
            followed(http, "/api/stream", "0") as every,
        ):
            await executor.send(door, "OPEN")
            assert (
                [row["seq"] for row in await one.some(2)] == [row["seq"] for row in await every.some(2)] == [1, 2]
            )
        await executor.send(door, "NOTE")
    async with listening(tmp_path / "s.db") as (executor, http):
        await executor.send(door, "NOTE")
        for path, last in ((f"/api/instances/{door}/stream", one.last), ("/api/stream", every.last)):
            async with followed(http, path, last) as again:
                assert [row["seq"] for row in await again.some(2)] == [3, 4]


async def test_of_one_machine_or_one_instance_only_that_is_told(tmp_path: Path) -> None:
    async with listening(tmp_path / "s.db") as (executor, http):
        await executor.deploy(wf.compile(wf.loads(DOOR.replace("name: door", "name: gate"))))
        door, gate = await executor.start("door"), await executor.start("gate")
        async with (
            followed(http, "/api/stream", machine="gate") as of_gates,
            followed(http, f"/api/instances/{door.id}/stream") as of_door,
        ):
            for event in ("OPEN", "NOTE", "SHUT"):
                await door.send(event)
                await gate.send(event)
            assert {one["instance"] for one in await of_gates.some(3)} == {gate.id}
            assert [one["seq"] for one in await of_door.some(3)] == [2, 3, 4]
        assert (await http.get("/api/instances/none/stream")).status_code == 404
        assert (await http.get("/api/stream", headers={"last-event-id": "x"})).status_code == 400


async def test_who_does_not_read_hurts_nobody(tmp_path: Path) -> None:
    async with listening(tmp_path / "s.db") as (executor, http):
        door = await executor.start("door")
        host, port = http.base_url.host, http.base_url.port
        deaf = [await asyncio.open_connection(host, port, limit=1_024) for _ in range(5)]
        for _, writer in deaf:
            writer.write(f"GET /api/stream HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        async with followed(http, "/api/stream") as stream:
            await door.send("OPEN")
            for number in range(60):
                await door.send("NOTE", {"text": "x" * 50_000, "n": number})
            assert [one["seq"] for one in await stream.some(61)] == list(range(2, 63))
        for _, writer in deaf:
            writer.close()


async def test_very_much_that_was_missed_comes_in_order(tmp_path: Path) -> None:
    async with listening(tmp_path / "s.db") as (executor, http):
        door = await executor.start("door")
        await door.send("OPEN")
        await asyncio.gather(*(door.send("NOTE") for _ in range(2_500)))
        async with followed(http, "/api/stream", "0") as stream:
            assert [one["seq"] for one in await stream.some(2_502)] == list(range(1, 2_503))


async def test_who_comes_back_too_late_is_told_to_look_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "LOGGED", 2)
    async with listening(tmp_path / "s.db") as (executor, http):
        door = await executor.start("door")
        for event in ("OPEN", "SHUT", "OPEN"):
            await door.send(event)
        await until_known(http, door.id)
        async with http.stream("GET", "/api/stream", headers={"last-event-id": "1"}) as answer:
            stream = Followed(answer.aiter_lines())
            assert (await stream.next(), stream.last) == ({"event": "reset"}, "4")
            assert (await stream.next(), stream.last) == ({"event": "ready"}, "4")
            await door.send("SHUT")
            assert (await stream.next())["seq"] == 5


async def until_known(http: httpx.AsyncClient, door: str) -> None:
    """Wait until the feed has what was kept."""
    async with followed(http, f"/api/instances/{door}/stream", "0") as stream:
        await stream.some(4)
