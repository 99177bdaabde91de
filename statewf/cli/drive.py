"""Verbs that drive instances: `run`, `start`, `send`, `cancel`, `serve`."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import click

from statewf.cli.common import (
    compiled,
    db_option,
    error_document,
    handlers_option,
    json_option,
    print_json,
    read_json,
)
from statewf.errors import EventRejected

if TYPE_CHECKING:
    from statewf.machine.fsm import Machine
    from statewf.machine.record import Receipt
    from statewf.machine.snapshot import Step
    from statewf.runtime import Executor, Instance

INPUT = "The inputs: JSON, or @file."


@click.command("run")
@click.argument("file")
@click.option("--input", "inputs", metavar="JSON", help=INPUT)
@handlers_option
@click.option("--events", metavar="A,B,...", help="The events to send, in order; without it they are asked for.")
@click.option("--request-id", help="Makes starting idempotent: the same id goes on with the same instance.")
@db_option
@json_option
def run_verb(
    file: str,
    inputs: str | None,
    handlers: str | None,
    events: str | None,
    request_id: str | None,
    db: str,
    as_json: bool,
) -> None:
    """Start an instance of FILE and drive it to its end, live.

    Each event is sent when the instance accepts it, or has nothing left to do that could change that.
    Without --events they are read from standard input, one a line: EVENT [JSON].
    """
    from statewf.cli.session import Session

    machine = compiled(file)
    given = read_json(inputs, "--input")
    script = [name.strip() for name in events.split(",") if name.strip()] if events is not None else None
    session = Session(as_json)

    async def drive() -> int:
        async with executor(db, handlers or "", session.observe) as owner:
            await owner.deploy(machine)
            instance = await owner.start(machine.name, given, request_id=request_id)
            return await session.drive(instance, script)

    click.get_current_context().exit(_anyio(drive))


@click.command("start")
@click.argument("file")
@click.option("--input", "inputs", metavar="JSON", help=INPUT)
@click.option("--request-id", help="Makes starting idempotent: the same id is the same instance.")
@click.option("--restart", is_flag=True, help="Start a successor of a failed run of that request.")
@handlers_option
@db_option
@json_option
def start_verb(
    file: str,
    inputs: str | None,
    request_id: str | None,
    restart: bool,
    handlers: str | None,
    db: str,
    as_json: bool,
) -> None:
    """Start an instance of FILE, and print its id.

    Without --handlers nothing is performed; `serve` or a later verb with --handlers does it.
    """
    machine = compiled(file)
    given = read_json(inputs, "--input")

    async def begin() -> None:
        async with executor(db, handlers) as owner:
            await owner.deploy(machine)
            instance = await owner.start(machine.name, given, request_id=request_id, restart=restart)
            await _rest(owner, instance, handlers)
            if as_json:
                print_json({"instance": instance.id, "state": instance.state, "allowed": list(instance.allowed)})
            else:
                click.echo(instance.id)
                click.echo(_whereabouts(instance), err=True)

    _anyio(begin)


@click.command("send")
@click.argument("instance", metavar="ID")
@click.argument("event")
@click.option("--data", metavar="JSON", help="The data of the event: JSON, or @file.")
@click.option("--key", help="Makes sending idempotent: the same key is the same event.")
@handlers_option
@db_option
@json_option
def send_verb(
    instance: str, event: str, data: str | None, key: str | None, handlers: str | None, db: str, as_json: bool
) -> None:
    """Send EVENT to the instance ID."""
    given = read_json(data, "--data")
    _deliver(instance, handlers, db, as_json, lambda handle: handle.send(event, given, key=key))


@click.command("cancel")
@click.argument("instance", metavar="ID")
@click.option("--now", is_flag=True, help="Without undoing anything.")
@handlers_option
@db_option
@json_option
def cancel_verb(instance: str, now: bool, handlers: str | None, db: str, as_json: bool) -> None:
    """End the instance ID."""
    _deliver(instance, handlers, db, as_json, lambda handle: handle.cancel(now=now))


@click.command("serve")
@handlers_option
@click.option("--until-idle", is_flag=True, help="Stop when nothing is left to perform and no timer is due.")
@db_option
def serve_verb(handlers: str | None, until_idle: bool, db: str) -> None:
    """Own a store: perform what is open, fire timers, go on after a crash. Ends on SIGINT or SIGTERM."""
    if handlers is None:
        raise click.UsageError("serve needs --handlers: it is there to perform.")
    from statewf.cli.session import Session

    session = Session(as_json=False, name_instances=True)

    async def own() -> None:
        async with executor(db, handlers, session.observe) as owner:
            click.echo(f"serving {db}; Ctrl-C ends it", err=True)
            if until_idle:
                await owner.idle()
            else:
                await _until_stopped()

    _anyio(own)


# --- shared


@asynccontextmanager
async def executor(
    db: str, handlers: str | None, observe: Callable[[Machine, Step], None] | None = None
) -> AsyncIterator[Executor]:
    """An executor on `db`. None for `handlers`: it only keeps; empty text: there are none."""
    from statewf.runtime import Executor
    from statewf.runtime.handlers import import_handlers

    found = None if handlers is None else import_handlers(handlers) if handlers else {}
    async with Executor(db, found, observe=observe) as owner:
        yield owner


def _anyio(main: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Run an async main; an error that a task group wrapped comes out as itself."""
    import anyio

    try:
        return anyio.run(main)
    except BaseExceptionGroup as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
            error = error.exceptions[0]
        raise error from None


def _deliver(
    instance: str,
    handlers: str | None,
    db: str,
    as_json: bool,
    give: Callable[[Instance], Coroutine[Any, Any, Receipt]],
) -> None:
    from statewf.cli.look import opened

    with opened(db):
        pass  # a store that is not there is a mistake, not a new store

    async def deliver() -> int:
        async with executor(db, handlers) as owner:
            handle = await owner.get(instance)
            try:
                receipt = await give(handle)
            except EventRejected as error:
                if as_json:
                    print_json({"instance": instance, **error_document(error)})
                else:
                    click.echo(f"{error}", err=True)
                return 1
            await _rest(owner, handle, handlers)
            if as_json:
                print_json(_receipt(handle, receipt))
            else:
                click.echo(f"{receipt.event}: {receipt.disposition}. {_whereabouts(handle)}")
            return 0

    click.get_current_context().exit(_anyio(deliver))


async def _rest(owner: Executor, instance: Instance, handlers: str | None) -> None:
    """With handlers, wait until the instance has nothing more to perform."""
    if handlers is not None:
        await owner.rest(instance.id)


def _receipt(handle: Instance, receipt: Receipt) -> dict[str, Any]:
    return {
        "instance": handle.id,
        "event": receipt.event,
        "disposition": receipt.disposition,
        "seq": receipt.seq,
        "state": handle.state,
        "allowed": list(handle.allowed),
        "notes": list(receipt.notes),
    }


def _whereabouts(handle: Instance) -> str:
    """One sentence on where an instance is and what it takes."""
    if handle.done:
        return f"{handle.id} ended in {handle.state}."
    waits = ", ".join(handle.allowed)
    calls = ", ".join(call.handler for call in handle.snapshot.flight.calls.values())
    running = f" Waiting for {calls}." if calls else ""
    return f"{handle.id} is in {handle.state}." + running + (f" It accepts {waits}." if waits else "")


async def _until_stopped() -> None:
    import anyio

    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            return
