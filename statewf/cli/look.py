"""Verbs that look at a store: `list`, `show`, `history`. They change nothing and need no handlers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from statewf.cli.common import db_option, json_option, print_json

if TYPE_CHECKING:
    from statewf.history import Card, Sqlite
    from statewf.machine.fsm import Machine
    from statewf.machine.snapshot import Snapshot, Step


@contextmanager
def opened(path: str) -> Iterator[Sqlite]:
    """The store at `path`, which must exist."""
    from statewf.history import Sqlite

    store = Sqlite(path, create=False)
    try:
        yield store
    finally:
        store.close()


def travelled(store: Sqlite, instance: str) -> tuple[Machine, tuple[Step, ...]]:
    """The machine of an instance, and all its steps. Raises UnknownInstance, StoreError."""
    from statewf.compiler import compile_definition
    from statewf.definition.read import read
    from statewf.errors import StoreError
    from statewf.machine.replay import replay
    from statewf.machine.snapshot import blank

    record = store.machine(_card(store, instance).machine)
    assert record is not None, "an instance is kept with its machine"
    machine = compile_definition(read(record.definition, format="json"))
    try:
        return machine, tuple(replay(machine, store.events(instance), blank(machine, instance)))
    except ValueError as error:
        raise StoreError(f"the history of {instance} is damaged: {error}") from error


def _card(store: Sqlite, instance: str) -> Card:
    from statewf.errors import UnknownInstance

    card = store.card(instance)
    if card is None:
        raise UnknownInstance(f"there is no instance {instance} in {store.path}; `statewf list` shows them")
    return card


@click.command("list")
@click.option("--state", help="Only those in this state.")
@click.option("--machine", help="Only those of this machine.")
@click.option("--limit", default=100, show_default=True, help="At most so many, the newest first.")
@db_option
@json_option
def list_verb(state: str | None, machine: str | None, limit: int, db: str, as_json: bool) -> None:
    """List the instances of a store, the newest first."""
    with opened(db) as store:
        cards = store.cards(name=machine, state=state, limit=limit)
    if as_json:
        print_json([_listed(card) for card in cards])
        return
    from statewf.cli.tables import moment, table

    rows = [(card.id, card.name, _state(card), moment(card.updated), card.request_id or "") for card in cards]
    table(("instance", "machine", "state", "last step", "request"), rows, "no instances")


def _state(card: Card) -> str:
    return f"{card.state} ({card.ended})" if card.ended else card.state


def _listed(card: Card) -> dict[str, Any]:
    return {
        "instance": card.id,
        "machine": card.name,
        "state": card.state,
        "done": bool(card.ended),
        "outcome": card.ended or None,
        "requestId": card.request_id,
        "created": card.created,
        "updated": card.updated,
        "due": card.due,
    }


@click.command("show")
@click.argument("instance", metavar="ID")
@db_option
@json_option
def show_verb(instance: str, db: str, as_json: bool) -> None:
    """Show where an instance is, and what it may do next."""
    with opened(db) as store:
        card = _card(store, instance)
        machine, steps = travelled(store, instance)
    document = shown(card, machine, steps[-1].after)
    if as_json:
        print_json(document)
        return
    from statewf.cli.tables import facts

    facts(document)


def shown(card: Card, machine: Machine, snapshot: Snapshot) -> dict[str, Any]:
    """All there is to say about where an instance is."""
    from statewf.machine.snapshot import active, allowed, due
    from statewf.values.frozen import thaw

    flight = snapshot.flight
    return {
        **_listed(card),
        "states": list(active(snapshot)),
        "allowed": list(allowed(machine, snapshot)),
        "context": thaw(snapshot.context),
        "timers": [{"timer": timer, "region": region, "at": at} for at, region, timer in due(snapshot)],
        "calls": [
            {"handler": call.handler, "attempt": call.attempt, "key": call.key} for call in flight.calls.values()
        ],
        "waiting": [queued.op.handler for queued in flight.queue if queued.call is None],
        "deferred": [event.name for event in flight.deferred],
    }


@click.command("history")
@click.argument("instance", metavar="ID")
@db_option
@json_option
def history_verb(instance: str, db: str, as_json: bool) -> None:
    """Show everything that happened to an instance."""
    with opened(db) as store:
        _card(store, instance)
        rows = list(store.rows(instance))
    if as_json:
        print_json(rows)
        return
    from statewf.cli.tables import history

    history(rows)
