"""Serving an executor over HTTP, for as long as a block lasts.

Below: `app`, and uvicorn, which speaks HTTP. Above: `statewf serve`.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, nullcontext, suppress
from ipaddress import ip_address

import uvicorn

from statewf.errors import StatewfError
from statewf.runtime import Executor
from statewf.runtime.metrics import Meter
from statewf.web.app import application
from statewf.web.feed import Feed
from statewf.web.service import opened

LOCAL = ("127.0.0.1", "localhost", "[::1]")
ANY = ("0.0.0.0", "::", "[::]")  # noqa: S104  # names of it: only who says so listens there
HTTP = 80  # the port that nobody names
LEAST_TOKEN = 16  # characters
BACKLOG = 2_048  # connections that wait to be accepted
LEAVING = 2  # seconds that requests under way have at the end


@asynccontextmanager
async def served(
    executor: Executor,
    meter: Meter,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    allowed: Sequence[str] = (),
    token: str | None = None,
) -> AsyncIterator[tuple[str, Feed]]:
    """Serve an open executor within the block: its address, and the feed, to be nudged when something was kept. Port 0: any that is free.

    `allowed` are further names under which it may be asked for. Raises StatewfError when it would be open to everybody, or the
    port is taken.
    """
    if token is not None and len(token) < LEAST_TOKEN:
        raise StatewfError(f"a token has {LEAST_TOKEN} characters at least: others are guessed")
    if token is not None and not (token.isascii() and token.isprintable()):
        raise StatewfError("a token has letters, digits and signs of ASCII: no header holds others")
    if token is None and not is_local(host):
        raise StatewfError(
            f"whoever reaches {host} could do everything here: a service beyond this machine needs a token"
        )
    listening = _listening(host, port)
    found = listening.getsockname()[1]
    named = f"[{host}]" if ":" in host and not host.startswith("[") else host
    names = [*LOCAL, *([] if host in ANY else [named]), *allowed]
    hosts = [*(f"{name}:{found}" for name in names), *(names if found == HTTP else allowed)]
    async with opened(executor, meter) as service:
        app = application(service, hosts, token)
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=LEAVING,
            server_header=False,
        )
        server = uvicorn.Server(config)
        server.capture_signals = nullcontext  # type: ignore[assignment]  # who runs us says when it ends
        serving = asyncio.create_task(server.serve([listening]))
        try:
            yield f"http://{[*allowed, *LOCAL][0] if host in ANY else named}:{found}", service.feed
        finally:
            service.feed.close()  # whoever follows goes, and comes to whoever serves next
            server.should_exit = True
            await serving


def is_local(host: str) -> bool:
    """Whether only this machine can reach that."""
    if host == "localhost":
        return True
    with suppress(ValueError):
        return ip_address(host.strip("[]")).is_loopback
    return False


def _listening(host: str, port: int) -> socket.socket:
    try:
        (family, *_, address), *_ = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
        found = socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except OSError as error:
        raise StatewfError(f"{host}:{port} cannot be listened at: {error.strerror or error}") from None
    found.setblocking(False)
    # An answer is sent as head and body. Without this the body waits for word of the head, 40 ms; asyncio sees to it for sockets
    # of its own making only. Connections inherit it.
    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return found
