"""Verbs that drive instances: `run`, `start`, `send`, `cancel`, `serve`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from statewf.cli.common import (
    Server,
    compiled,
    db_option,
    handlers_option,
    in_store,
    is_workflow,
    json_option,
    none_perform,
    place_options,
    print_json,
    queue_option,
    read_object,
)
from statewf.cli.deliver import deliver, deliver_there, rest, whereabouts
from statewf.cli.handle import Before
from statewf.errors import StoreError, Unknown

if TYPE_CHECKING:
    from statewf.cli.flow import Flow
    from statewf.cli.handle import Handle
    from statewf.cli.session import Session
    from statewf.engines.temporal import TemporalExecutor
    from statewf.machine.fsm import Machine
    from statewf.machine.record import Receipt
    from statewf.runtime import Executor, Instance

INPUT = "The inputs: JSON, or @file."

LOOK = 0.2  # seconds between two looks at who owns the store
MOST_COUNTED = 1_000  # instances that are told to have open calls


@click.command("run")
@click.argument("file")
@click.option("--input", "inputs", metavar="JSON", help=INPUT)
@handlers_option
@click.option("--events", metavar="A,B,...", help="The events to send, in order; without it they are asked for.")
@click.option(
    "--decide",
    "decisions",
    metavar="STEP=DECISION",
    multiple=True,
    help="What is decided of the task of STEP when it opens; again for its next one.",
)
@click.option("--request-id", help="Makes starting idempotent: the same id goes on with the same instance.")
@place_options
@queue_option
@json_option
def run_verb(
    file: str,
    inputs: str | None,
    handlers: str | None,
    events: str | None,
    decisions: tuple[str, ...],
    request_id: str | None,
    db: str,
    server: Server | None,
    queue: str,
    as_json: bool,
) -> None:
    """Start an instance of FILE and drive it to its end, live.

    Each event is sent when the instance accepts it, or has nothing left to do that could change that.
    Without --events they are read from standard input, one a line: EVENT [JSON]. A workflow asks for events and
    decisions only at a terminal; elsewhere the run ends when only people can go on. On Temporal a `worker` performs.
    """
    none_perform(server, handlers)
    machine = compiled(file)
    given = read_object(inputs, "--input")
    script = [name.strip() for name in events.split(",") if name.strip()] if events is not None else None
    serves = f"`statewf serve --handlers {handlers or 'MODULE'} --db {db}`" if server is None else "its worker"
    resume = "the same command" if request_id else serves
    session = _session(machine, resume, db, server, script, decisions, quiet=as_json)
    try:
        if server is None:
            code = _run_here(machine, given, request_id, handlers, db, session, quiet=as_json)
        else:
            from statewf.cli.followed import run_there

            code = run_there(server, queue, machine, given, request_id, session, quiet=as_json)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(session.left()) from None
    if as_json:
        print_json(session.document)
    click.get_current_context().exit(code)


def _run_here(
    machine: Machine,
    given: dict[str, Any] | None,
    request_id: str | None,
    handlers: str | None,
    db: str,
    session: Session | Flow,
    *,
    quiet: bool,
) -> int:
    """Start an instance in a store and drive it to its end; the exit code."""
    from statewf.cli.owner import equip, equip_beside, executor, owned, tell_who_performs
    from statewf.history import Card

    is_new = not Path(db).exists()

    async def drive() -> int:
        if handlers is not None or is_new:  # a mistake makes no new store
            equip(machine, handlers)
        async with executor(db, handlers) as owner:
            equip_beside(owner, machine, handlers)
            await owner.deploy(machine)
            found = None if request_id is None else owner.store.request(machine.name, request_id)
            before = Before(found.seq, found.state) if isinstance(found, Card) else None
            instance = await owner.start(machine.name, given, request_id=request_id)
            deployed = owner.machine_of(instance.id)  # that of an earlier request may be an earlier one
            equip_beside(owner, deployed, handlers)
            if deployed.digest != machine.digest:
                told = f"{instance.id} was started with an earlier {machine.name}, and goes on with that"
                click.echo(told, err=True)
            owner.resume(instance.id)
            tell_who_performs(owner)
            return await session.drive(instance, deployed, before)

    return owned(drive, quiet=quiet)


def _session(
    machine: Machine,
    resume: str,
    db: str,
    server: Server | None,
    script: list[str] | None,
    decisions: Sequence[str],
    *,
    quiet: bool,
) -> Session | Flow:
    from statewf.cli.asking import decided
    from statewf.cli.flow import Flow
    from statewf.cli.look import time_left
    from statewf.cli.session import Session

    given = decided(machine, decisions)
    if not is_workflow(machine):
        return Session(resume, script, quiet=quiet)
    if server is not None:
        return Flow(resume, server.named, lambda: lambda _: None, script or (), given, quiet=quiet)
    return Flow(resume, in_store(db), partial(time_left, db, machine), script or (), given, quiet=quiet)


@click.command("start")
@click.argument("file")
@click.option("--input", "inputs", metavar="JSON", help=INPUT)
@click.option("--request-id", help="Makes starting idempotent: the same id is the same instance.")
@click.option("--restart", is_flag=True, help="Start a successor of a failed run of that request.")
@handlers_option
@place_options
@queue_option
@json_option
def start_verb(
    file: str,
    inputs: str | None,
    request_id: str | None,
    restart: bool,
    handlers: str | None,
    db: str,
    server: Server | None,
    queue: str,
    as_json: bool,
) -> None:
    """Start an instance of FILE, and print its id.

    Without --handlers nothing is performed; `serve` or a later verb with --handlers does it, on Temporal a `worker`.
    """
    from statewf.cli.owner import equip, executor, owned, told_who_answers

    none_perform(server, handlers)
    machine = compiled(file)
    given = read_object(inputs, "--input")
    if server is not None:
        _tell_started(*_begun(server, queue, machine, given, request_id, as_json, restart=restart), as_json=as_json)
        return

    async def begin() -> tuple[dict[str, Any], str]:
        if handlers is not None:
            equip(machine, handlers)
        async with executor(db, handlers) as owner, told_who_answers(owner, quiet=as_json):
            await owner.deploy(machine)
            instance = await owner.start(machine.name, given, request_id=request_id, restart=restart)
            owner.resume(instance.id)
            await rest(owner, instance, handlers)
            return _started(instance), whereabouts(instance)

    _tell_started(*owned(begin, quiet=as_json), as_json=as_json)


def _begun(
    server: Server,
    queue: str,
    machine: Machine,
    given: dict[str, Any] | None,
    request_id: str | None,
    as_json: bool,
    *,
    restart: bool,
) -> tuple[dict[str, Any], str]:
    """Start an instance on a server; one that no worker takes up is started all the same."""
    from statewf.cli.remote import asked, taken_up, working

    async def begin(there: TemporalExecutor) -> tuple[dict[str, Any], str]:
        await there.deploy(machine)
        instance = await there.begin(machine.name, given, request_id=request_id, restart=restart)
        try:
            handle = await taken_up(there, instance, working(server, queue))
        except (StoreError, Unknown) as error:
            return {"instance": instance, "state": None, "allowed": []}, str(error)
        return _started(handle), whereabouts(handle, "")

    return asked(server, begin, queue=queue, quiet=as_json)


def _started(handle: Handle) -> dict[str, Any]:
    return {"instance": handle.id, "state": handle.state, "allowed": list(handle.allowed)}


def _tell_started(document: dict[str, Any], told: str, *, as_json: bool) -> None:
    if as_json:
        print_json(document)
    else:
        click.echo(document["instance"])
        click.echo(told, err=True)


@click.command("send")
@click.argument("instance", metavar="ID")
@click.argument("event")
@click.option("--data", metavar="JSON", help="The data of the event: JSON, or @file.")
@click.option("--key", help="Makes sending idempotent: the same key is the same event.")
@handlers_option
@place_options
@json_option
def send_verb(
    instance: str,
    event: str,
    data: str | None,
    key: str | None,
    handlers: str | None,
    db: str,
    server: Server | None,
    as_json: bool,
) -> None:
    """Send EVENT to the instance ID.

    With --handlers what the instance has open is performed first, and what follows from the event after it.
    """
    from statewf.cli.owner import ready

    none_perform(server, handlers)
    given = read_object(data, "--data")
    if server is not None:
        deliver_there(server, instance, as_json, lambda handle: handle.send(event, given, key=key))
        return

    async def give(handle: Instance) -> Receipt:
        if handlers is not None:
            await handle.until(lambda: ready(handle, event))
        return await handle.send(event, given, key=key)

    deliver(instance, handlers, db, as_json, give)


@click.command("cancel")
@click.argument("instance", metavar="ID")
@click.option("--now", is_flag=True, help="Without undoing anything.")
@handlers_option
@place_options
@json_option
def cancel_verb(
    instance: str, now: bool, handlers: str | None, db: str, server: Server | None, as_json: bool
) -> None:
    """End the instance ID.

    A workflow undoes what it did, unless --now is given: at once with --handlers, else when `serve` does it.
    """
    none_perform(server, handlers)
    if server is not None:
        deliver_there(server, instance, as_json, lambda handle: handle.cancel(now=now))
    else:
        deliver(instance, handlers, db, as_json, lambda handle: handle.cancel(now=now))


@click.command("serve")
@handlers_option
@click.option("--until-idle", is_flag=True, help="Stop when nothing is left to perform and no timer is due.")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    help="Serve a console and an HTTP API there; 0: at any port that is free.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="With --port: which address is listened at.")
@click.option(
    "--allow-host", "allowed", multiple=True, metavar="NAME", help="A name under which it is asked for, too."
)
@click.option("--token-file", type=click.Path(), metavar="PATH", help="Let in only who brings what stands there.")
@click.option("--otel", is_flag=True, help="Send spans of what instances do to an OpenTelemetry collector.")
@db_option
def serve_verb(
    handlers: str | None,
    until_idle: bool,
    port: int | None,
    host: str,
    allowed: tuple[str, ...],
    token_file: str | None,
    otel: bool,
    db: str,
) -> None:
    """Own a store: perform what is open, fire timers, go on after a crash. Ends on SIGINT or SIGTERM.

    With --port it has a console for people and an HTTP API for programs, too. Beyond this machine whoever asks has to bring a token, which STATEWF_TOKEN or
    --token-file says.
    """
    if not handlers:
        raise click.UsageError("serve needs --handlers: it is there to perform.")
    import anyio

    from statewf.cli.owner import executor, owned, together, until_stopped
    from statewf.cli.session import all_steps
    from statewf.cli.traces import traced
    from statewf.cli.web import Web

    web = Web.of(port, host, allowed, token_file)

    async def own() -> None:
        with traced(wanted=otel) as spans:
            told = together(partial(all_steps, db), web.kept, *([] if spans is None else [spans]))
            async with executor(db, handlers, told, resume=True, metrics=web.meter) as owner:
                if spans is not None:
                    spans.store = owner.store
                await serve(owner)

    async def serve(owner: Executor) -> None:
        async with web.served(owner), anyio.create_task_group() as group:
            group.start_soon(_say_who_serves, owner, db)
            if until_idle:
                await owner.idle()
            else:
                await until_stopped()
            group.cancel_scope.cancel()

    owned(own)


async def _say_who_serves(owner: Executor, db: str) -> None:
    """Say what there is to do, or that another process does it, whenever that changes."""
    import anyio

    while True:
        if owner.owns:
            count = len(owner.store.busy(limit=MOST_COUNTED))
            waiting = f"{count:,}{'+' if count == MOST_COUNTED else ''} instance{'s' if count != 1 else ''}"
            click.echo(f"serving {db}: {waiting} with open calls; Ctrl-C ends it", err=True)
        else:
            click.echo(f"{owner.owner} serves {db}; waiting to take over; Ctrl-C ends it", err=True)
        owned = owner.owns
        while owner.owns == owned:
            await anyio.sleep(LOOK)
