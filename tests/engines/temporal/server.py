"""A real Temporal server, the one that pip brings, for as long as somebody needs it."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from temporalio.client import Client

TEMPORAL = Path(sysconfig.get_path("scripts")) / "temporal"
PATIENCE = 60.0  # seconds until it answers: on a busy machine that takes a while


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def begun(port: int, db: Path | None = None) -> subprocess.Popen[bytes]:
    """A server at that port, once it answers; with a file it goes on where the one before it was killed."""
    kept = [] if db is None else ["--db-filename", str(db)]
    where = ["--ip", "127.0.0.1", "--port", str(port)]
    command = [str(TEMPORAL), "server", "start-dev", "--headless", *where, "--log-level", "never", *kept]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        if asyncio.run(_answers(f"127.0.0.1:{port}")):
            return process
    process.kill()
    raise AssertionError("the Temporal server did not come up")


async def _answers(address: str) -> bool:
    try:
        client = await Client.connect(address)
        return bool(await client.count_workflows() is not None)
    except Exception:  # it is not there yet, whatever that looks like
        await asyncio.sleep(0.1)
        return False


@contextmanager
def server(db: Path | None = None) -> Iterator[str]:
    """The address of a server that runs within the block."""
    port = free_port()
    process = begun(port, db)
    try:
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()
