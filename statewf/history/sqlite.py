"""The store in a SQLite file: one transaction an `append`.

A snapshot is written when the rows since the last one outweigh it, so that loading an instance is short and
the total written stays linear. Below: `database`, the file; `batch`, what a commit writes; `codec`.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import attrs

from statewf.errors import OwnerLost, StoreBusy, StoreConflict
from statewf.history.batch import Batch, Row
from statewf.history.codec import decode_event, decode_snapshot, decode_task, encode_snapshot, shown
from statewf.history.database import Database
from statewf.history.forget import forget
from statewf.history.port import (
    MOST_ASKED,
    Answer,
    Card,
    Count,
    Emitted,
    Entry,
    Grave,
    Kept,
    KeyRecord,
    Lease,
    Loaded,
    MachineRecord,
    Wanted,
)
from statewf.history.schema import LEAST
from statewf.history.seek import sought
from statewf.machine.effects import Task
from statewf.machine.events import AnyEvent
from statewf.machine.record import Receipt
from statewf.values.canonical import compact
from statewf.values.frozen import Json, Object, restored

T = TypeVar("T")

_CARD = "number, id, machine, name, request_id, inputs, created, updated, seq, state, ended, due, busy"
_SELECT = f"SELECT {_CARD} FROM instance"  # noqa: S608  # columns only, no input of anybody's
_BEGIN = f"INSERT INTO instance ({_CARD}, weight) VALUES ({'?, ' * 13}?) ON CONFLICT DO NOTHING"  # noqa: S608  # likewise
_ADVANCE = (
    "UPDATE instance SET updated = ?, seq = ?, state = ?, ended = ?, due = ?, busy = ?, weight = weight + ?"
    " WHERE number = ? AND seq = ?"
)
_EMIT = "INSERT INTO outbox (id, instance, event, data, at) VALUES (?, ?, ?, ?, ?)"
_TASK = (
    "INSERT INTO task (id, instance, assigned, body) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (id) DO UPDATE SET assigned = excluded.assigned, body = excluded.body"
)
_CLAIM = (
    "UPDATE lease SET epoch = epoch + 1, holder = ?, beat = beat + 1, wanted = 0"
    " WHERE epoch = ? AND beat = coalesce(?, beat)"
)
# The log does not forget what is archived before it forgets all of that age: a new instance is not to be taken for it.
_NUMBER = """
SELECT max((SELECT coalesce(max(number), 0) FROM instance), (SELECT coalesce(max(instance), 0) FROM log)) + 1
"""
_SINCE = """
SELECT l.place, i.id, i.name, h.body FROM log l JOIN instance i ON i.number = l.instance
    JOIN history h ON h.instance = l.instance AND h.seq = l.seq
WHERE l.place > ? ORDER BY l.place LIMIT ?
"""


class Sqlite:
    """The store in the file at `path`; made when it does not exist, unless `create` is false.

    `as_it_is`: it is not brought up to date either. Raises StoreError, one line, for a path that is a directory,
    read-only, foreign, damaged or full.
    """

    shared = True

    def __init__(self, path: str, *, create: bool = True, as_it_is: bool = False) -> None:
        self.path = path
        self.database = Database(path, create=create, as_it_is=as_it_is)
        self._all, self._one, self._decoding = self.database.all, self.database.one, self.database.decoding
        self._transaction = self.database.transaction
        self._next = 0  # number of an instance; 0: to be looked up

    def close(self) -> None:
        self.database.close()

    # --- who owns it

    def lease(self) -> Lease:
        epoch, holder, beat, asked, wanted = self._one("SELECT epoch, holder, beat, asked, wanted FROM lease")
        return Lease(epoch, holder, beat, asked, bool(wanted))

    def claim(self, holder: str, epoch: int, beat: int | None = None) -> int | None:
        self._next = 0
        with self._transaction() as db:
            claimed = db.execute(_CLAIM, (holder, epoch, beat)).rowcount
            return epoch + 1 if claimed else None

    def renew(self, epoch: int) -> None:
        with self._transaction() as db:
            _fence(db, epoch)

    def release(self, epoch: int) -> None:
        with self._transaction() as db:
            db.execute("UPDATE lease SET holder = '', wanted = 0 WHERE epoch = ?", (epoch,))

    def question(self, epoch: int, *, wanted: bool) -> None:
        with self._transaction() as db:
            db.execute("UPDATE lease SET asked = asked + 1, wanted = wanted OR ? WHERE epoch = ?", (wanted, epoch))

    # --- what others ask of the owner

    def ask(self, request: Json, at: int) -> int:
        with self._transaction() as db:
            (waiting,) = db.execute("SELECT count(*) FROM inbox WHERE answer IS NULL").fetchone()
            if waiting >= MOST_ASKED:
                raise StoreBusy(f"{self.path}: {waiting:,} requests wait for its owner already")
            number = db.execute("INSERT INTO inbox (request, at) VALUES (?, ?)", (compact(request), at)).lastrowid
            assert number is not None, "a row was inserted"
            return number

    def asked(self, after: int, limit: int) -> list[tuple[int, Json]]:
        query = "SELECT number, request FROM inbox WHERE answer IS NULL AND number > ? ORDER BY number LIMIT ?"
        found = self._all(query, after, limit)
        with self._decoding("the inbox"):
            return [(number, restored(json.loads(request))) for number, request in found]

    def answer(self, epoch: int, answer: Answer) -> None:
        with self._transaction() as db:
            _fence(db, epoch)
            db.execute("UPDATE inbox SET answer = ? WHERE number = ?", (compact(answer.told), answer.number))

    def answered(self, number: int) -> Json:
        found = self._one("SELECT answer FROM inbox WHERE number = ?", number)
        with self._decoding("the inbox"):
            return None if found is None or found[0] is None else restored(json.loads(found[0]))

    def withdraw(self, number: int) -> bool:
        with self._transaction() as db:
            return db.execute("DELETE FROM inbox WHERE number = ? AND answer IS NULL", (number,)).rowcount > 0

    # --- machines

    def deploy(self, record: MachineRecord) -> None:
        with self._transaction() as db:
            db.execute("INSERT OR IGNORE INTO machine VALUES (?, ?, ?, ?)", attrs.astuple(record))
            db.execute("INSERT OR REPLACE INTO deployment VALUES (?, ?)", (record.name, record.digest))

    def machine(self, digest: str) -> MachineRecord | None:
        found = self._one("SELECT digest, name, semantics, definition FROM machine WHERE digest = ?", digest)
        return MachineRecord(*found) if found else None

    def current(self, name: str) -> MachineRecord | None:
        found = self._one("SELECT digest FROM deployment WHERE name = ?", name)
        return self.machine(found[0]) if found else None

    def names(self) -> list[str]:
        return [name for (name,) in self._all("SELECT name FROM deployment ORDER BY name")]

    # --- steps

    def number(self) -> int:
        if not self._next:
            self._next = self._one(_NUMBER)[0]
        self._next += 1
        return self._next - 1

    def append(self, entries: Sequence[Entry], epoch: int) -> None:
        batch = Batch.of(entries)
        with self._transaction() as db:
            _fence(db, epoch)
            _begin(db, batch)
            _advance(db, batch)
            _answer(db, batch)
            _many(db, "INSERT INTO history VALUES (?, ?, ?)", batch.history)
            _many(db, "INSERT INTO log (instance, seq) VALUES (?, ?)", batch.log)
            _many(db, "INSERT INTO event_key VALUES (?, ?, ?, ?)", batch.keys)
            _many(db, _EMIT, batch.emitted)
            _many(db, _TASK, batch.opened())
            _many(db, "DELETE FROM task WHERE id = ?", batch.closed())
            _outweighed(db, batch)

    def version(self) -> int:
        with self.database.told():
            return self.database.number("data_version")

    # --- instances

    def card(self, instance: str) -> Card | None:
        found = self._one(_SELECT + " WHERE id = ?", instance)
        with self._decoding(instance):
            return _card(found)

    def request(self, name: str, request_id: str) -> Card | Grave | None:
        query = "SELECT instance FROM request WHERE name = ? AND request_id = ?"
        if found := self._one(query, name, request_id):
            return self.card(found[0])
        query = "SELECT instance, state, ended, at FROM grave WHERE name = ? AND request_id = ?"
        return Grave(*found) if (found := self._one(query, name, request_id)) else None

    def grave(self, instance: str) -> Grave | None:
        """What is remembered of an instance that was archived; nothing, if it was the run of no request."""
        found = self._one("SELECT instance, state, ended, at FROM grave WHERE instance = ?", instance)
        return Grave(*found) if found else None

    def cards(self, *, name: str | None = None, state: str | None = None, limit: int = 1_000) -> list[Card]:
        return self.search(Wanted(name=name, state=state), limit=limit)

    def search(self, wanted: Wanted, *, before: int | None = None, limit: int = 1_000) -> list[Card]:
        where, given = sought(wanted, before)
        rows = self._all(f"{_SELECT}{where} ORDER BY number DESC LIMIT :limit", **given, limit=limit)
        with self._decoding("the instances"):
            return [card for found in rows if (card := _card(found))]

    def census(self) -> list[Count]:
        query = "SELECT name, state, ended, count(*) FROM instance GROUP BY name, state, ended ORDER BY name, state"
        return [Count(*found) for found in self._all(query)]

    def load(self, instance: str) -> Loaded | None:
        card = self.card(instance)
        if card is None:
            return None
        kept = self._one("SELECT body, seq FROM snapshot WHERE instance = ?", card.number)
        with self._decoding(instance):
            snapshot = decode_snapshot(json.loads(kept[0]), instance, card.inputs) if kept else None
        return Loaded(
            card, snapshot, tuple(self._rows(decode_event, card.number, instance, kept[1] if kept else 0))
        )

    def events(self, instance: str) -> Iterator[AnyEvent]:
        return self._rows(decode_event, self._number_of(instance), instance, 0)

    def rows(self, instance: str, after: int = 0) -> Iterator[dict[str, Any]]:
        return self._rows(shown, self._number_of(instance), instance, after)

    def _number_of(self, instance: str) -> int:
        found = self._one("SELECT number FROM instance WHERE id = ?", instance)
        return int(found[0]) if found else 0

    def _rows(self, decode: Callable[[dict[str, Any]], T], number: int, instance: str, after: int) -> Iterator[T]:
        query = "SELECT body FROM history WHERE instance = ? AND seq > ? ORDER BY seq"
        for (body,) in self._all(query, number, after):
            with self._decoding(instance):
                row = decode(json.loads(body))
            yield row

    def key(self, instance: str, key: str) -> KeyRecord | None:
        query = (
            "SELECT k.key, k.digest, k.receipt FROM event_key k JOIN instance i ON i.number = k.instance"
            " WHERE i.id = ? AND k.key = ?"
        )
        found = self._one(query, instance, key)
        if not found:
            return None
        with self._decoding(instance):
            event, disposition, seq, state, allowed, notes = json.loads(found[2])
            told = Receipt(event, disposition, seq, state, tuple(allowed), tuple(notes))
            return KeyRecord(found[0], found[1], told)

    # --- what was kept, one step after another

    def last(self) -> int:
        return int(self._one("SELECT coalesce(max(place), 0) FROM log")[0])

    def since(self, place: int, limit: int) -> list[Kept]:
        with self._decoding("the history"):
            return [
                Kept(number, instance, name, shown(json.loads(body)))
                for number, instance, name, body in self._all(_SINCE, place, limit)
            ]

    # --- what a new owner has to do

    def due(self, at: int, limit: int) -> list[str]:
        query = "SELECT id FROM instance WHERE due <= ? ORDER BY due, number LIMIT ?"
        return [instance for (instance,) in self._all(query, at, limit)]

    def next_due(self, after: int) -> int | None:
        found: int | None = self._one("SELECT min(due) FROM instance WHERE due > ?", after)[0]
        return found

    def tasks(self, *, instance: str | None = None, assigned_to: Json = None, limit: int = 1_000) -> list[Task]:
        wanted = {"instance": instance, "assigned": None if assigned_to is None else compact(assigned_to)}
        given = {column: value for column, value in wanted.items() if value is not None}
        where = f" WHERE {' AND '.join(f'{column} = ?' for column in given)}" if given else ""
        found = self._all(f"SELECT body FROM task{where} ORDER BY number LIMIT ?", *given.values(), limit)  # noqa: S608  # our columns
        with self._decoding("the tasks"):
            return [decode_task(json.loads(body)) for (body,) in found]

    def busy(self, after: int = 0, limit: int = 1_000) -> list[tuple[int, str]]:
        return self._all(
            "SELECT number, id FROM instance WHERE busy AND number > ? ORDER BY number LIMIT ?", after, limit
        )

    # --- emitted events

    def subscribe(self, subscriber: str, event: str) -> None:
        with self._transaction() as db:
            db.execute("INSERT OR IGNORE INTO subscriber VALUES (?, ?, 0)", (event, subscriber))

    def undelivered(self, subscriber: str, event: str, limit: int) -> list[Emitted]:
        query = (
            "SELECT number, id, instance, event, data, at FROM outbox WHERE event = ? AND number >"
            " (SELECT told FROM subscriber WHERE event = ? AND name = ?) ORDER BY number LIMIT ?"
        )
        found = self._all(query, event, event, subscriber, limit)
        with self._decoding(event):
            return [
                Emitted(number, key, of, name, restored(json.loads(data)), at)
                for number, key, of, name, data, at in found
            ]

    def tell(self, instance: str, event: str, data: Json, at: int, epoch: int) -> None:
        with self._transaction() as db:
            _fence(db, epoch)
            number = db.execute(_EMIT, ("", instance, event, compact(data), at)).lastrowid
            db.execute("UPDATE outbox SET id = ? WHERE number = ?", (f"{instance}/told/{number}", number))

    def delivered(self, subscriber: str, event: str, number: int) -> None:
        with self._transaction() as db:
            values = (number, event, subscriber)
            db.execute("UPDATE subscriber SET told = max(told, ?) WHERE event = ? AND name = ?", values)

    def purge(self, at: int, limit: int) -> int:
        with self._transaction() as db:
            return forget(db, at, limit)


# --- one commit


def _many(db: sqlite3.Connection, statement: str, rows: Sequence[Row]) -> int:
    """Write these rows; how many were changed."""
    return db.executemany(statement, rows).rowcount if rows else 0


def _fence(db: sqlite3.Connection, epoch: int) -> None:
    """Make sure that we still own the store, and show that we live."""
    if not db.execute("UPDATE lease SET beat = beat + 1 WHERE epoch = ? AND holder != ''", (epoch,)).rowcount:
        raise OwnerLost("another process owns the store now: this one did not move for longer than a lease")


def _begin(db: sqlite3.Connection, batch: Batch) -> None:
    begun = batch.begun()
    if _many(db, _BEGIN, begun) < len(begun):
        for number, instance, *_ in begun:
            if db.execute("SELECT number FROM instance WHERE id = ?", (instance,)).fetchone() != (number,):
                raise StoreConflict(instance, f"an instance {instance} exists already")
    take = "INSERT INTO request VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
    if _many(db, take, batch.requests) < len(batch.requests):
        query = "SELECT instance FROM request WHERE name = ? AND request_id = ?"
        for name, request_id, instance in batch.requests:
            if db.execute(query, (name, request_id)).fetchone() != (instance,):
                raise StoreConflict(instance, f"the request id {request_id} is taken")
    _many(db, "INSERT OR REPLACE INTO request VALUES (?, ?, ?)", batch.restarts)
    _many(db, "DELETE FROM grave WHERE name = ? AND request_id = ?", [row[:2] for row in batch.restarts])


def _advance(db: sqlite3.Connection, batch: Batch) -> None:
    advanced = batch.advanced()
    if _many(db, _ADVANCE, advanced) < len(advanced):
        known = "SELECT seq, (SELECT max(seq) FROM history WHERE instance = number) FROM instance WHERE number = ?"
        for change in batch.changes.values():
            card = change.card
            if change.first > 1 and db.execute(known, (card.number,)).fetchone() != (card.seq, change.first - 1):
                raise StoreConflict(card.id, f"{card.id} was changed by somebody else, or is not in the store")


def _answer(db: sqlite3.Connection, batch: Batch) -> None:
    statement = "UPDATE inbox SET answer = ? WHERE number = ? AND answer IS NULL"
    for instance, answers in batch.answers.items():
        told = [(compact(answer.told), answer.number) for answer in answers]
        if _many(db, statement, told) < len(told):
            raise StoreConflict(instance, f"whoever asked for a step of {instance} has withdrawn")


def _outweighed(db: sqlite3.Connection, batch: Batch) -> None:
    """Write snapshots of those whose rows since the last one outweigh it."""
    for (number,) in db.execute("SELECT number FROM instance WHERE weight > most").fetchall():
        if (change := batch.changes.get(number)) is not None:
            body = compact(encode_snapshot(change.after))
            db.execute("INSERT OR REPLACE INTO snapshot VALUES (?, ?, ?)", (number, change.after.seq, body))
            db.execute("UPDATE instance SET weight = 0, most = ? WHERE number = ?", (max(LEAST, len(body)), number))


# --- rows


def _card(found: Any) -> Card | None:
    if found is None:
        return None
    *before, inputs, created, updated, seq, state, ended, due, busy = found
    frozen = restored(json.loads(inputs))
    assert isinstance(frozen, Object)
    return Card._make((*before, frozen, created, updated, seq, state, ended, due, bool(busy)))
