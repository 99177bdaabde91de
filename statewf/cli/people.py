"""Verbs of people: `tasks` lists what they are to decide, `complete` decides it.

Beside `look`, whose way of opening a store this takes; `deliver` says how something is given to an instance.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from statewf.cli.asking import WORDS, details, due_in, slip, user, who
from statewf.cli.common import (
    QUEUE,
    Server,
    handlers_option,
    json_option,
    none_perform,
    place_options,
    print_json,
    queue_option,
    read_value,
)

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from statewf.cli.handle import Handle
    from statewf.errors import UnknownTask
    from statewf.history import Sqlite
    from statewf.machine.effects import Task
    from statewf.machine.record import Receipt
    from statewf.runtime import Instance

MOST = 1_000_000  # tasks that are listed at once


@click.command("tasks")
@click.option("--instance", metavar="ID", help="Only those of this instance.")
@click.option("--assigned-to", metavar="WHO", help="Only those of this person.")
@place_options
@queue_option
@json_option
def tasks_verb(
    instance: str | None, assigned_to: str | None, db: str, server: Server | None, queue: str, as_json: bool
) -> None:
    """List what waits for people to decide, the oldest first. `complete` decides it."""
    from statewf.cli.look import card_of, opened
    from statewf.history.documents import task_document

    if server is not None:
        found = _there(server, queue, instance, assigned_to, quiet=as_json)
    else:
        with opened(db) as store:
            if instance is not None:
                card_of(store, instance)
            found = _kept(store, instance, assigned_to)
    if as_json:
        print_json([task_document(task) for task in found])
        return
    from statewf.cli.tables import table

    now = time.time_ns() // 1_000_000
    rows = [(task.id, who(task.assigned_to), due_in(task.due_at, now), details(task)) for task in found]
    narrowed = " of that kind" if instance is not None or assigned_to is not None else ""
    table(("task", "for", "due", "details"), rows, f"no open tasks{narrowed}")


@click.command("complete")
@click.argument("task")
@click.option("--decision", required=True, metavar="D", help=f"What was decided: {WORDS}.")
@click.option("--by", metavar="WHO", help="Who decided. If left out: the name you are logged in under.")
@click.option("--comments", metavar="TEXT", help="What there is to say about it.")
@click.option("--result", metavar="JSON", help="What else came of it: JSON, or @file.")
@handlers_option
@place_options
@json_option
def complete_verb(
    task: str,
    decision: str,
    by: str | None,
    comments: str | None,
    result: str | None,
    handlers: str | None,
    db: str,
    server: Server | None,
    as_json: bool,
) -> None:
    """Decide TASK, once.

    A step that failed, and that a person was asked about, takes approved (with a --result), rejected or retry.
    With --handlers what follows from it is performed; without, it is left to `serve`.
    """
    from statewf.cli.deliver import deliver, deliver_there
    from statewf.cli.look import gone, opened
    from statewf.errors import UnknownInstance, UnknownTask

    none_perform(server, handlers)
    if not decision.strip():
        raise click.BadParameter(f"it says nothing: give {WORDS}.", param_hint="--decision")
    if meant := slip(decision):
        raise click.BadParameter(f"{decision} looks like a slip: did you mean {meant}?", param_hint="--decision")
    given = read_value(result, "--result")
    person = by if by is not None else user()
    instance = task.partition("/")[0]

    def decided(handle: Handle) -> Coroutine[Any, Any, Receipt]:
        return handle.complete(task, decision, by=person, comments=comments, result=given)

    if server is not None:
        try:
            deliver_there(server, instance, as_json, decided, said=decision)
        except UnknownInstance:
            raise _unknown(task, (), server.address, f" {server.named}") from None
        except UnknownTask:
            known = _there(server, QUEUE, instance, quiet=as_json)
            raise _unknown(task, known, server.address, f" {server.named}") from None
        return
    with opened(db) as store:
        if store.card(instance) is None:
            raise gone(store, instance) if store.grave(instance) else _unknown(task, _kept(store), db)

    async def decide(handle: Instance) -> Receipt:
        try:
            return await decided(handle)
        except UnknownTask:
            with opened(db) as store:
                raise _unknown(task, _kept(store), db) from None

    deliver(instance, handlers, db, as_json, decide, said=decision)


def _kept(store: Sqlite, instance: str | None = None, assigned_to: str | None = None) -> Sequence[Task]:
    return store.tasks(instance=instance, assigned_to=assigned_to, limit=MOST)


def _there(
    server: Server, queue: str, instance: str | None = None, assigned_to: str | None = None, *, quiet: bool
) -> Sequence[Task]:
    from statewf.cli.remote import asked

    return asked(
        server,
        lambda there: there.tasks(instance=instance, assigned_to=assigned_to, limit=MOST),
        queue=queue,
        quiet=quiet,
    )


def _unknown(task: str, known: Sequence[Task], place: str, where: str = "") -> UnknownTask:
    from statewf.definition.words import nearest
    from statewf.errors import UnknownTask

    alike = nearest(task, [one.id for one in known])
    hint = f"did you mean {alike}?" if alike else f"`statewf tasks{where}` shows the open ones"
    return UnknownTask(f"there is no task {task} in {place}; {hint}")
