"""Looking for damage in a store: in the file, in what refers to what, and in every history, which is replayed.

Nothing is changed, and the owner goes on meanwhile. Above: the command line. Beside: `upkeep`. Below: `sqlite` and
`database`, and `machine`, which says what a history comes to.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Literal

import attrs

from statewf.errors import StoreError
from statewf.history.codec import decode_event, decode_snapshot
from statewf.history.database import Database
from statewf.history.port import Card
from statewf.history.sqlite import Sqlite
from statewf.history.upkeep import Moved, ignore
from statewf.machine.events import AnyEvent
from statewf.machine.fsm import SEMANTICS, Machine
from statewf.machine.record import state_of, tasks_of
from statewf.machine.replay import replay
from statewf.machine.snapshot import Snapshot, blank, due
from statewf.values.canonical import compact

AT_ONCE = 500  # instances whose names are asked for in a query
READABLE = 3  # the first schema whose tasks, histories and snapshots are what they are today

Find = Callable[[str], Machine]  # a machine by its digest; raises StoreError


@attrs.frozen
class Finding:
    """Something wrong with a store. `where` is the file, a machine or an instance in it."""

    rule: str
    where: str
    message: str
    severity: Literal["error", "warning"] = "error"


def verify(store: Sqlite, find: Find, *, quick: bool = False, moved: Moved = ignore) -> Iterator[Finding]:
    """What is wrong with a store, which may have been opened `as_it_is`. `quick`: without looking at histories.

    `find` gives a machine by its digest, or raises StoreError.
    """
    database = store.database
    checks: list[Callable[[], Iterator[Finding]]] = [
        partial(_pages, database, quick=quick),
        partial(_dangling, database),
    ]
    if not quick:
        checks.append(partial(_histories, store, find, moved))
    for check in checks:
        try:
            yield from check()
        except StoreError as error:
            yield Finding("unreadable", store.path, str(error))


# --- the file


def _pages(database: Database, *, quick: bool) -> Iterator[Finding]:
    for line in database.mistakes(quick=quick):
        yield Finding("pages", database.path, line)


def _dangling(database: Database) -> Iterator[Finding]:
    """Rows that refer to what is not there."""
    lost = Counter((table, other) for table, _, other, _ in database.all("PRAGMA foreign_key_check"))
    if database.schema() >= READABLE:
        for table in ("task", "request"):
            nowhere = f"SELECT count(*) FROM {table} WHERE instance NOT IN (SELECT id FROM instance)"  # noqa: S608  # ours
            lost[table, "instance"] += database.one(nowhere)[0]
    for (table, other), count in lost.items():
        if count:
            rows = "1 row" if count == 1 else f"{count:,} rows"
            yield Finding("dangling", database.path, f"{rows} of the table {table}: there is no such {other}")


# --- what is in it


def _histories(store: Sqlite, find: Find, moved: Moved) -> Iterator[Finding]:
    """What is wrong with machines and instances. Others may write between two instances."""
    database = store.database
    if (version := database.schema()) < READABLE:
        told = f"its schema is {version}: histories can be looked at when it was brought up to date"
        yield Finding("old-schema", store.path, told, "warning")
        return
    machines: dict[str, Machine | None] = {}
    for (digest,) in database.all("SELECT digest FROM machine"):
        machines[digest] = None
        yield from _machine(store, find, digest, machines)
    every, done, after = database.one("SELECT count(*) FROM instance")[0], 0, 0
    query = "SELECT number, id FROM instance WHERE number > ? ORDER BY number LIMIT ?"
    while some := database.all(query, after, AT_ONCE):
        for _, instance in some:
            yield from _instance(store, machines, instance)
            moved(done := done + 1, max(done, every))
        after = some[-1][0]


def _machine(store: Sqlite, find: Find, digest: str, known: dict[str, Machine | None]) -> Iterator[Finding]:
    """What is wrong with a machine; if that is nothing, it is known from now on."""
    record = store.machine(digest)
    if record is None:  # only a lookup that fails while a scan does not: a damaged index
        yield Finding("machine", digest, "it cannot be found by its digest")
    elif record.semantics != SEMANTICS:
        told = f"it was deployed under semantics {record.semantics}, this statewf has {SEMANTICS}"
        yield Finding("other-semantics", record.name, f"{told}: its instances cannot be looked at", "warning")
    else:
        try:
            machine = find(digest)
        except StoreError as error:
            yield Finding("machine", record.name, f"{error}; its instances cannot be looked at")
            return
        if machine.digest == digest:
            known[digest] = machine
        else:
            told = f"its definition is not the one that was deployed as {digest[:12]}"
            yield Finding("machine", record.name, f"{told}; its instances cannot be looked at")


def _instance(store: Sqlite, machines: dict[str, Machine | None], instance: str) -> list[Finding]:
    """What is wrong with an instance, as it is at one moment."""
    with store.database.reading():
        try:
            card = store.card(instance)
            if card is None:  # it has just been archived
                return []
            if card.machine not in machines:
                return [Finding("machine", instance, f"its machine {card.machine[:12]} is not in the store")]
            machine = machines[card.machine]
            return [] if machine is None else list(_replayed(store, machine, card))
        except StoreError as error:
            return [Finding("unreadable", instance, str(error))]


def _replayed(store: Sqlite, machine: Machine, card: Card) -> Iterator[Finding]:
    """Whether its history comes to what its card, its snapshot and its tasks say."""
    kept = _snapshot(store.database, card)
    if isinstance(kept, Finding):
        yield kept
        kept = None
    here = blank(machine, card.id)
    try:
        for made in replay(machine, _events(store.database, card), here):
            here = made.after
            if kept is not None and here.seq == kept.seq and here != kept:
                told = f"the history comes to something else than the snapshot at step {kept.seq}"
                yield Finding("snapshot", card.id, told)
    except StoreError:
        raise
    except Exception as error:  # rows that were tampered with may make anything fail
        reason = f"{type(error).__name__}: {error}"
        yield Finding("history", card.id, f"its history is damaged after step {here.seq} ({reason})")
        return
    if kept is not None and kept.seq > here.seq:
        yield Finding("snapshot", card.id, f"its snapshot is of step {kept.seq}, its history ends at {here.seq}")
    yield from _compared(store, machine, card, here)


def _snapshot(database: Database, card: Card) -> Snapshot | Finding | None:
    found = database.one("SELECT seq, body FROM snapshot WHERE instance = ?", card.number)
    if found is None:
        return None
    try:
        snapshot = decode_snapshot(json.loads(found[1]), card.id, card.inputs)
    except Exception as error:  # likewise
        return Finding("snapshot", card.id, f"its snapshot is damaged ({type(error).__name__}: {error})")
    if snapshot.seq != found[0]:
        return Finding("snapshot", card.id, f"its snapshot of step {found[0]} says that it is of {snapshot.seq}")
    return snapshot


def _events(database: Database, card: Card) -> Iterator[AnyEvent]:
    """Its events, one by one: there may be a million."""
    query = "SELECT body FROM history WHERE instance = ? ORDER BY seq"
    with database.told():
        for (body,) in database.connection.execute(query, (card.number,)):
            yield decode_event(json.loads(body))


def _compared(store: Sqlite, machine: Machine, card: Card, here: Snapshot) -> Iterator[Finding]:
    armed = due(machine, here)
    comes_to: dict[str, Any] = {
        "seq": here.seq,
        "updated": here.at,
        "state": state_of(here) if here.seq else "",
        "ended": here.ended,
        "due": armed[0][0] if armed else None,
        "busy": bool(here.flight.calls),
    }
    if wrong := [name for name, value in comes_to.items() if getattr(card, name) != value]:
        says = ", ".join(f"{name} {compact(getattr(card, name))}" for name in wrong)
        is_so = ", ".join(f"{name} {compact(comes_to[name])}" for name in wrong)
        yield Finding("card", card.id, f"its card says {says}; its history comes to {is_so}")
    listed, asked = store.tasks(instance=card.id, limit=-1), tasks_of(machine, here)
    if sorted(task.id for task in listed) != sorted(task.id for task in asked):
        told = f"{len(listed):,} tasks are listed as open, its history comes to {len(asked):,}, or to others"
        yield Finding("tasks", card.id, told)
