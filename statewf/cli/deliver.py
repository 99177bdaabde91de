"""Giving an instance something, in a store or on a Temporal server, and telling what it made of that.

Below: `owner` and `remote`, which have the executors. Above: `drive`, and `people`, which gives decisions.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any

import click

from statewf.cli.common import Server, is_workflow, print_json
from statewf.errors import EventRejected

if TYPE_CHECKING:
    from statewf.cli.handle import Handle
    from statewf.engines.temporal import TemporalExecutor
    from statewf.machine.record import Receipt
    from statewf.runtime import Executor, Instance

SERVES = " `statewf serve --handlers MODULE` performs it."

Answer = tuple[int, dict[str, Any], str]  # exit code, for programs, for people


def deliver(
    instance: str,
    handlers: str | None,
    db: str,
    as_json: bool,
    give: Callable[[Instance], Coroutine[Any, Any, Receipt]],
    said: str | None = None,
) -> None:
    """Give an instance something, and tell what it made of that; `said` is what it is called, if not by its event."""
    from statewf.cli.look import card_of, opened
    from statewf.cli.owner import equip, executor, owned, told_who_answers

    with opened(db) as store:  # a store or an instance that is not there is a mistake, and makes no new store
        card_of(store, instance)

    async def deliver() -> Answer:
        async with executor(db, handlers) as owner, told_who_answers(owner, quiet=as_json):
            handle = await owner.get(instance)
            if handlers is not None:
                equip(handle.machine, handlers)
                owner.resume(handle.id)

            async def given() -> Receipt:
                receipt = await give(handle)
                await rest(owner, handle, handlers)
                return receipt

            return await _answer(handle, given(), said, SERVES)

    _tell_answer(*owned(deliver, quiet=as_json), as_json=as_json)


def deliver_there(
    server: Server,
    instance: str,
    as_json: bool,
    give: Callable[[Handle], Coroutine[Any, Any, Receipt]],
    said: str | None = None,
) -> None:
    """The same on a server, where a worker performs what follows."""
    from statewf.cli.remote import asked

    async def deliver(there: TemporalExecutor) -> Answer:
        handle = await there.get(instance)
        return await _answer(handle, give(handle), said, "")

    _tell_answer(*asked(server, deliver, quiet=as_json), as_json=as_json)


async def _answer(handle: Handle, given: Awaitable[Receipt], said: str | None, performs: str) -> Answer:
    """What an instance made of what it was given; `performs` says who performs what follows."""
    from statewf.cli.owner import advice
    from statewf.cli.tell import document, rejection
    from statewf.history.documents import answered

    try:
        receipt = await given
    except EventRejected as error:
        hint = advice(handle.machine, error)
        return 1, {"instance": handle.id, **document(error), "hint": hint}, rejection(error, hint)
    told = "".join(f"\n    {note}" for note in receipt.notes)
    name = said or receipt.event
    where = whereabouts(handle, performs)
    answer = answered(handle.id, receipt, handle.state, tuple(handle.allowed))
    return 0, answer, f"{name}: {receipt.disposition}. {where}{told}"


def _tell_answer(code: int, document: dict[str, Any], text: str, *, as_json: bool) -> None:
    if as_json:
        print_json(document)
    else:
        click.echo(text, err=code != 0)
    click.get_current_context().exit(code)


async def rest(owner: Executor, instance: Instance, handlers: str | None) -> None:
    """With handlers, wait until the instance has nothing more to perform."""
    if handlers is not None:
        from statewf.cli.owner import busy

        await owner.until(instance.id, lambda kept: not busy(kept))


def whereabouts(handle: Handle, performs: str = SERVES) -> str:
    """A few sentences on where an instance is, what it takes, and who is to do what."""
    from statewf.cli.asking import who
    from statewf.cli.owner import waits_for
    from statewf.cli.tables import some
    from statewf.machine.record import tasks_of

    if handle.done:
        return f"{handle.id} ended in {handle.state}."
    calls = waits_for(handle.snapshot)
    waiting = f", waiting for {some(calls)}" if calls else ""
    people = [f"{task.step} ({who(task.assigned_to)})" for task in tasks_of(handle.machine, handle.snapshot)]
    now = "Then it" if handle.snapshot.flight.queue else "It"  # while an action runs, events wait
    accepts = f" {now} accepts {', '.join(handle.allowed)}." if handle.allowed else ""
    decides = f" To be decided: {some(people)}." if people else ""
    serves = performs if calls and is_workflow(handle.machine) else ""
    return f"{handle.id} is in {handle.state}{waiting}.{accepts}{decides}{serves}"
