"""A real Temporal server, the one that pip brings, for as long as somebody needs it."""

from __future__ import annotations

import socket
import subprocess
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

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
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return process
        time.sleep(0.05)
    process.kill()
    raise AssertionError("the Temporal server did not come up")


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
