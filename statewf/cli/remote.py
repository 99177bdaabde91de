"""A Temporal server in place of a store: asking its executor, and the verb `worker`, which works for it.

Nothing of Temporal is loaded before it is asked for. Below: the executor on Temporal. Above: the verbs that take `--temporal`.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
import click

from statewf.cli.common import QUEUE, Server, handlers_option, queue_option, server_option
from statewf.cli.owner import PATIENCE, found, owned, until_stopped
from statewf.errors import StatewfError, StoreError, UnknownInstance

if TYPE_CHECKING:
    from temporalio.client import Client
    from temporalio.runtime import Runtime

    from statewf.engines.temporal import TemporalExecutor, TemporalInstance
    from statewf.engines.temporal.server import Listed
    from statewf.machine.fsm import Machine
    from statewf.machine.snapshot import Snapshot
    from statewf.runtime.handlers import Handler

T = TypeVar("T")

CONNECTING = 10.0  # seconds that a server has to answer the first time
LOOK = 1.0  # seconds between two looks of a worker whether the server answers
ANSWERING = 5.0  # seconds after which it is not asked once more where an instance is; one question takes up to 10
CONCURRENCY = 1_000  # handlers that run at once in one worker
STARTING = 5.0  # seconds that a worker has to take up what was started before it is said that none does


# --- asking


def asked(
    server: Server,
    ask: Callable[[TemporalExecutor], Awaitable[T]],
    *,
    queue: str = QUEUE,
    quiet: bool = False,
) -> T:
    """What the executor on that server makes of a question. Raises StoreError where nobody answers; `quiet`: says nothing meanwhile."""

    async def verb() -> T:
        async with opened(server, queue) as there, _told_who_is_awaited(server, quiet=quiet):
            try:
                return await ask(there)
            except UnknownInstance as error:
                shows = f"`statewf list {server.named}` shows them"
                raise UnknownInstance(f"{error} on {server.address}; {shows}") from None

    return owned(verb, quiet=quiet)


async def looked_at(there: TemporalExecutor, instance: str) -> tuple[Listed, Machine, Snapshot]:
    """What is known of an instance, its machine, and where it is just now."""
    from statewf.machine.record import state_of

    machine, snapshot = await there.look(instance)
    known = await there.listed(instance)
    now = attrs.evolve(known, state=state_of(snapshot), ended=snapshot.ended, updated=snapshot.at)
    return now, machine, snapshot


async def taken_up(there: TemporalExecutor, instance: str, works: str) -> TemporalInstance:
    """The handle of what was just started. Raises StoreError that says what `works` if no worker has taken it up so far."""
    import anyio

    with anyio.move_on_after(STARTING):
        return await there.get(instance)
    raise StoreError(f"{instance} waits for a worker: {works}")


def working(server: Server, queue: str = QUEUE) -> str:
    """What to type to have a worker there."""
    at = f" --queue {queue}" if queue != QUEUE else ""
    return f"`statewf worker {server.named}{at} --handlers MODULE`"


@asynccontextmanager
async def opened(
    server: Server,
    queue: str,
    handlers: dict[str, Handler] | None = None,
    *,
    concurrency: int = CONCURRENCY,
    grace: float = 0,
) -> AsyncIterator[TemporalExecutor]:
    """The executor on that server, which works at `queue` if it has handlers. Raises StoreError, StatewfError without the SDK."""
    try:
        from statewf.engines.temporal import TemporalExecutor
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "temporalio":
            raise
        raise StatewfError("a Temporal server needs its SDK: pip install 'statewf[temporal]'") from None
    there = TemporalExecutor(
        await _connected(server), handlers, queue, patience=ANSWERING, concurrency=concurrency, grace=grace
    )
    async with there:
        yield there


async def _connected(server: Server) -> Client:
    """A client of a server that answers, and has the namespace. Raises StoreError."""
    import asyncio

    from temporalio.client import Client
    from temporalio.service import RPCError

    from statewf.engines.temporal.executor import LAST

    try:
        async with asyncio.timeout(CONNECTING):
            client = await Client.connect(
                server.address, namespace=server.namespace, runtime=_runtime(), **_credentials()
            )
            await _look_for(client, server)
    except (RuntimeError, ValueError, TimeoutError, RPCError) as error:
        await asyncio.sleep(LAST)  # as the executor does when it ends
        start = "`temporal server start-dev` starts one"
        message = f"no Temporal server answers at {server.address} ({_reason(error)}); {start}"
        raise StoreError(message) from None
    except StoreError:
        await asyncio.sleep(LAST)
        raise
    return client


def _credentials() -> dict[str, Any]:
    """How one is known there (an API key, TLS, headers), by TEMPORAL_ variables and the file of Temporal's own tools."""
    from temporalio.envconfig import ClientConfig

    try:
        known = ClientConfig.load_client_connect_config()
    except (RuntimeError, ValueError, OSError) as error:
        raise StatewfError(f"what TEMPORAL_ variables and the file they name say cannot be read: {error}") from None
    return {name: value for name, value in known.items() if name not in ("target_host", "namespace")}


async def _look_for(client: Client, server: Server) -> None:
    """Make sure that the namespace is there. Raises StoreError."""
    from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
    from temporalio.service import RPCError, RPCStatusCode

    try:
        await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=server.namespace))
    except RPCError as error:
        if error.status != RPCStatusCode.NOT_FOUND:
            raise
        makes = f"`temporal operator namespace create --namespace {server.namespace}` makes one"
        raise StoreError(f"there is no namespace {server.namespace} on {server.address}; {makes}") from None


def _reason(error: Exception) -> str:
    """Why there is no answer, of all that the SDK says: the words that somebody can read."""
    if isinstance(error, TimeoutError):
        return f"nothing came for {CONNECTING:g} seconds"
    told = re.findall(r'"([^"]+)"', str(error))
    return told[-1] if told else str(error)


@lru_cache(maxsize=1)
def _runtime() -> Runtime:
    """The threads of the SDK, that log nothing to standard error but errors."""
    from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter

    errors = TelemetryFilter(core_level="ERROR", other_level="ERROR")
    return Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(filter=errors)))


@asynccontextmanager
async def _told_who_is_awaited(server: Server, *, quiet: bool) -> AsyncIterator[None]:
    """Say who is waited for, if it takes long."""
    import anyio

    async def tell() -> None:
        await anyio.sleep(PATIENCE)
        if not quiet:
            told = f"waiting for a worker on {server.address}; Ctrl-C ends that"
            click.echo(click.style(told, dim=True), err=True)

    async with anyio.create_task_group() as group:
        group.start_soon(tell)
        yield
        group.cancel_scope.cancel()


# --- working


@click.command("worker")
@server_option(required=True)
@queue_option
@handlers_option
@click.option(
    "--concurrency",
    type=click.IntRange(1),
    default=CONCURRENCY,
    show_default=True,
    help="How many handlers run at once.",
)
@click.option(
    "--grace",
    type=click.FloatRange(0),
    default=0,
    show_default=True,
    metavar="SECONDS",
    help="How long handlers that run may go on when it is to end; then another worker makes their calls again.",
)
def worker_verb(server: Server, queue: str, handlers: str | None, concurrency: int, grace: float) -> None:
    """Work for a Temporal server: interpret the machines of a task queue, and perform what they ask for. Ends on SIGINT or SIGTERM.

    What is under way then is done by another worker, or by the next one.
    """
    if not handlers:
        raise click.UsageError("worker needs --handlers: it is there to perform.")
    import anyio

    known = found(handlers)

    async def work() -> None:
        async with opened(server, queue, known, concurrency=concurrency, grace=grace) as there:
            click.echo(f"working at {queue} on {server.address}; Ctrl-C ends it", err=True)
            async with anyio.create_task_group() as group:
                group.start_soon(_say_who_answers, there.client, server)
                await until_stopped()
                group.cancel_scope.cancel()

    owned(work)


async def _say_who_answers(client: Client, server: Server) -> None:
    """Say when the server does not answer any more, and when it does again: the SDK only waits."""
    from datetime import timedelta

    import anyio
    from temporalio.service import RPCError

    answered = True
    while True:
        await anyio.sleep(LOOK)
        try:
            answers = await client.service_client.check_health(timeout=timedelta(seconds=CONNECTING))
        except RPCError:
            answers = False
        if answers != answered:
            again = "answers again" if answers else "does not answer; waiting until it does; Ctrl-C ends that"
            click.echo(f"{server.address} {again}", err=True)
        answered = answers
