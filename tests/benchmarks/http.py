"""Events a second over HTTP: fifty clients that each send one event after another, to a service in a process of its own.

Beside it, in turn, on the same disk: the executor itself, with fifty tasks that do the same in its own process. The clients speak plain
HTTP over connections that they keep, so that little of the machine is theirs. Then they go on, and the memory of the service is told
as they do: it grows until SQLite's cache is full (32 MiB), and no further.
"""

from __future__ import annotations

import asyncio
import json
import re
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from statewf.definition.write import to_json
from statewf.runtime import Executor
from tests.benchmarks.lamp import LAMP
from tests.benchmarks.measure import Result, memory, progress

CLIENTS, EVENTS, ROUNDS = 50, 100, 5
ON, OFTEN = 80, 10  # rounds that they go on, and after how many of these the memory is told


def run() -> Result:
    with tempfile.TemporaryDirectory(dir=".") as folder:
        ours, theirs, sizes = asyncio.run(_measured(Path(folder)))
    detail = {
        "clients": CLIENTS,
        "events of each": EVENTS,
        "rounds": ROUNDS,
        f"memory of the service, MiB, every {OFTEN * CLIENTS * EVENTS:,} events": sizes,
    }
    return Result("http", "events/s", ours, {"the executor itself": theirs}, detail)


async def _measured(folder: Path) -> tuple[float, float, list[float]]:
    ours: list[float] = []
    theirs: list[float] = []
    sizes: list[float] = []
    async with _service(folder) as (port, process), Executor(folder / "own.db") as executor:
        await executor.deploy(LAMP)
        clients = [await Client.connected(port) for _ in range(CLIENTS)]
        await clients[0].post("/api/machines", {"text": to_json(LAMP.notes.definition)})
        for number in range(ROUNDS + 1):
            rates = [await _over_http(clients), await _within(executor)]
            if number:  # nobody measures what is done for the first time
                ours.append(rates[0])
                theirs.append(rates[1])
                progress(f"over HTTP {rates[0]:.0f} events/s, itself {rates[1]:.0f}")
        for number in range(ON):
            await _over_http(clients)
            if number % OFTEN == OFTEN - 1:
                sizes.append(round(memory("VmRSS", process.pid), 1))
                progress(f"going on, {sizes[-1]} MiB")
        for client in clients:
            client.close()
    return statistics.median(ours), statistics.median(theirs), sizes


@asynccontextmanager
async def _service(folder: Path) -> AsyncIterator[tuple[int, asyncio.subprocess.Process]]:
    """A service, and its port."""
    serve = ["-m", "statewf", "serve", "--handlers", "string", "--port", "0", "--db", str(folder / "served.db")]
    quiet, told = asyncio.subprocess.DEVNULL, asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, *serve, stdout=quiet, stderr=told)
    assert process.stderr is not None
    try:
        said = b""
        while not (found := re.search(rb"HTTP API at http://127.0.0.1:(\d+)/", said)):
            said += await process.stderr.readline()
        yield int(found[1]), process
    finally:
        process.terminate()
        await process.wait()


async def _over_http(clients: list[Client]) -> float:
    """Events a second of all clients together."""
    lamps = [(await client.post("/api/instances", {"machine": "lamp"}))["instance"] for client in clients]
    began = time.perf_counter()

    async def send(client: Client, lamp: str) -> None:
        for _ in range(EVENTS):
            await client.post(f"/api/instances/{lamp}/events", {"event": "TURN"})

    await asyncio.gather(*(send(client, lamp) for client, lamp in zip(clients, lamps, strict=True)))
    return CLIENTS * EVENTS / (time.perf_counter() - began)


async def _within(executor: Executor) -> float:
    """Events a second of as many tasks."""
    lamps = [(await executor.start("lamp")).id for _ in range(CLIENTS)]
    began = time.perf_counter()

    async def send(lamp: str) -> None:
        for _ in range(EVENTS):
            await executor.send(lamp, "TURN")

    await asyncio.gather(*map(send, lamps))
    return CLIENTS * EVENTS / (time.perf_counter() - began)


class Client:
    """A connection that is kept: one request after another."""

    def __init__(self, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._head = f"HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\nContent-Length: "
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connected(cls, port: int) -> Client:
        return cls(port, *await asyncio.open_connection("127.0.0.1", port))

    async def post(self, path: str, document: object) -> dict[str, str]:
        """What is answered. A refusal is a mistake of the benchmark."""
        body = json.dumps(document)
        self._writer.write(f"POST {path} {self._head}{len(body)}\r\n\r\n{body}".encode())
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        length = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
        assert length is not None
        answer: dict[str, str] = json.loads(await self._reader.readexactly(int(length[1])))
        assert head.startswith("HTTP/1.1 20"), answer
        return answer

    def close(self) -> None:
        self._writer.close()
