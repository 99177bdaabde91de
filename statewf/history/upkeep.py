"""Looking after a store that lives long: what has ended goes (`archive`), and a copy is made (`copy`).

Both run beside the owner of the store, in another process or thread with a connection of its own, and need no lease:
what has ended does not move any more. Above: the command line. Beside: `damage`. Below: `sqlite` and `database`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import accumulate
from typing import Any, NamedTuple

from statewf.errors import StoreError
from statewf.history.database import Database
from statewf.history.sqlite import Sqlite

Moved = Callable[[int, int], None]  # is told how many are done, and of how many

AT_ONCE = 200  # instances that go in a transaction
ROWS_AT_ONCE = 5_000  # and of their rows, unless one alone has more: nobody else can write meanwhile
OWNED = 4  # the first schema with a lease and an inbox


def ignore(_: int, __: int) -> None:
    """Nobody wants to know how far it is."""


# --- what has ended goes

# With a call open or a timer set something still runs: the last action of a state machine may come after its end
_ENDED = "FROM instance WHERE ended != '' AND updated <= ? AND NOT busy AND due IS NULL"


class Ended(NamedTuple):
    """An instance to which nothing will happen any more."""

    updated: int
    number: int
    id: str
    rows: int


def ended(store: Sqlite, before: int) -> int:
    """How many instances `archive` would remove."""
    (count,) = store.database.one(f"SELECT count(*) {_ENDED}", before)
    return int(count)


def archive(
    store: Sqlite, before: int, keep: Callable[[Sequence[dict[str, Any]]], None] | None = None
) -> Iterator[int]:
    """Remove the instances that ended at or before that time (ms since the epoch), some at a time.

    Yields how many went, after each transaction: whoever waits a little between them leaves room for others. Of each
    that was the run of a request there stays what says how it ended, so that the same request is not run again.

    `keep` is given some as documents, and when it returns they go: it has made sure of them by then. Should the
    process die in between, it is given them once more; none goes that it was not given. Raises StoreError.
    """
    last = Ended(-(1 << 62), 0, "", 0)
    while chosen := _next(store, before, last):
        last = chosen[-1]
        if keep is not None:
            with store.database.reading():
                documents = [document for one in chosen if (document := _document(store.database, one.number))]
            keep(documents)
        with store.database.patient():
            gone = _remove(store.database, chosen)
        yield gone


def _next(store: Sqlite, before: int, last: Ended) -> list[Ended]:
    query = (
        f"SELECT updated, number, id, seq {_ENDED} AND (updated, number) > (?, ?) ORDER BY updated, number LIMIT ?"
    )
    found = [Ended(*row) for row in store.database.all(query, before, last.updated, last.number, AT_ONCE)]
    rows = accumulate(one.rows for one in found)
    return [
        one for place, (one, sum_) in enumerate(zip(found, rows, strict=True)) if not place or sum_ <= ROWS_AT_ONCE
    ]


def _document(database: Database, number: int) -> dict[str, Any] | None:
    """An instance with its whole history; None if somebody else has just archived it."""
    query = (
        "SELECT id, name, machine, request_id, inputs, created, updated, seq, state, ended FROM instance"
        " WHERE number = ?"
    )
    found = database.one(query, number)
    if found is None:
        return None
    instance, name, digest, request_id, inputs, created, updated, seq, state, outcome = found
    rows = database.all("SELECT body FROM history WHERE instance = ? ORDER BY seq", number)
    return {
        "instance": instance,
        "machine": name,
        "digest": digest,
        "requestId": request_id,
        "inputs": _as_kept(inputs),
        "created": created,
        "updated": updated,
        "seq": seq,
        "state": state,
        "outcome": outcome,
        "history": [_as_kept(body) for (body,) in rows],
    }


def _as_kept(text: str) -> Any:
    """What was kept as JSON. Damaged rows hold up no archive: what is none stays the text that it is."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _remove(database: Database, chosen: Sequence[Ended]) -> int:
    """Remove instances; how many were still there."""
    with database.transaction():
        return sum(_bury(database, one) for one in chosen)


def _bury(database: Database, one: Ended) -> bool:
    gone = "DELETE FROM instance WHERE number = ? AND id = ? RETURNING name, request_id, state, ended, updated"
    found = database.all(gone, one.number, one.id)
    for name, request_id, *end in found:
        for table in ("history", "snapshot", "event_key"):
            database.all(f"DELETE FROM {table} WHERE instance = ?", one.number)  # noqa: S608  # our own tables
        database.all("DELETE FROM task WHERE instance = ?", one.id)
        whose = "DELETE FROM request WHERE name = ? AND request_id = ? AND instance = ? RETURNING name, request_id"
        for request in database.all(whose, name, request_id, one.id):  # unless a successor has it
            database.all("INSERT OR REPLACE INTO grave VALUES (?, ?, ?, ?, ?, ?)", *request, one.id, *end)
    return bool(found)


# --- a copy


def copy(store: Sqlite, target: str, moved: Moved = ignore) -> None:
    """Copy a store as it is now into the file at `target`, new or empty, and make sure that it is sound.

    The copy has no owner, and nobody waits in it for an answer. Its name is free for others until it is whole and on
    the disk: choose one that means nothing, and rename it. Raises StoreError.
    """
    store.database.copy(target, moved)
    with closing(Database(target, as_it_is=True)) as copied:
        if copied.schema() >= OWNED:
            with copied.transaction() as db:
                db.execute("UPDATE lease SET holder = '', wanted = 0")
                db.execute("DELETE FROM inbox")  # who asked was told nothing, and asks the store that it was
        if wrong := copied.mistakes():
            raise StoreError(f"{store.path} is damaged, and so is the copy: {wrong[0]}")
