"""The store in a SQLite file: WAL, `synchronous=FULL`, one transaction an `append`.

A history row is written once and never touched again. A snapshot is written when the rows since the
last one outweigh it, so that loading an instance is short and the total written stays linear. What a
new owner has to find (deadlines, open calls) lies in partial indexes: a parked instance costs no memory.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from statewf.errors import StoreConflict, StoreError
from statewf.history.codec import (
    decode_event,
    decode_snapshot,
    decode_task,
    encode_snapshot,
    encode_step,
    encode_task,
    shown,
)
from statewf.history.port import KEPT, Card, Emitted, Entry, KeyRecord, Loaded, MachineRecord
from statewf.machine.effects import CloseTask, Emit, OpenTask, Task
from statewf.machine.events import AnyEvent
from statewf.machine.record import Receipt
from statewf.machine.snapshot import Step
from statewf.values.canonical import compact
from statewf.values.frozen import Json, Object, restored

APPLICATION = 0x53_57_46_31  # "SWF1" in the file's header: this is one of ours
VERSION = 3
LEAST = 4_096  # bytes of rows below which a snapshot is not worth writing

SCHEMA = """
CREATE TABLE machine (
    digest TEXT PRIMARY KEY, name TEXT NOT NULL, semantics INTEGER NOT NULL, definition TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE deployment (name TEXT PRIMARY KEY, digest TEXT NOT NULL REFERENCES machine) WITHOUT ROWID;
CREATE TABLE instance (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, machine TEXT NOT NULL REFERENCES machine,
    name TEXT NOT NULL, request_id TEXT, inputs TEXT NOT NULL, created INTEGER NOT NULL,
    updated INTEGER NOT NULL, seq INTEGER NOT NULL, state TEXT NOT NULL, ended TEXT NOT NULL,
    due INTEGER, busy INTEGER NOT NULL, weight INTEGER NOT NULL
);
CREATE INDEX instance_due ON instance (due) WHERE due IS NOT NULL;
CREATE INDEX instance_busy ON instance (number) WHERE busy;
CREATE INDEX instance_state ON instance (state);
CREATE TABLE request (
    name TEXT NOT NULL, request_id TEXT NOT NULL, instance TEXT NOT NULL, PRIMARY KEY (name, request_id)
) WITHOUT ROWID;
CREATE TABLE history (
    instance INTEGER NOT NULL REFERENCES instance, seq INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (instance, seq)
) WITHOUT ROWID;
CREATE TABLE snapshot (
    instance INTEGER PRIMARY KEY REFERENCES instance, seq INTEGER NOT NULL, size INTEGER NOT NULL,
    body TEXT NOT NULL
);
CREATE TABLE event_key (
    instance INTEGER NOT NULL REFERENCES instance, key TEXT NOT NULL, digest TEXT NOT NULL,
    receipt TEXT NOT NULL, PRIMARY KEY (instance, key)
) WITHOUT ROWID;
CREATE TABLE outbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, instance TEXT NOT NULL,
    event TEXT NOT NULL, data TEXT NOT NULL, at INTEGER NOT NULL
);
CREATE INDEX outbox_event ON outbox (event, number);
CREATE TABLE subscriber (
    event TEXT NOT NULL, name TEXT NOT NULL, told INTEGER NOT NULL, PRIMARY KEY (event, name)
) WITHOUT ROWID;
"""
TASKS = """
DELETE FROM snapshot;
CREATE TABLE task (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, instance TEXT NOT NULL, assigned TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX task_instance ON task (instance);
CREATE INDEX task_assigned ON task (assigned);
"""
# What each version of the schema has that the one before it had not. Snapshots of an earlier shape go: every
# instance can be told from its history.
ADDED = {2: TASKS, 3: "DELETE FROM snapshot"}

T = TypeVar("T")

_CARD = "id, machine, name, request_id, inputs, created, updated, seq, state, ended, due, busy"
_SELECT = f"SELECT {_CARD} FROM instance"  # noqa: S608  # columns only, no input of anybody's
_INSERT = f"INSERT INTO instance ({_CARD}, weight) VALUES ({'?, ' * 12}0)"  # noqa: S608  # likewise

_EMIT = "INSERT INTO outbox (id, instance, event, data, at) VALUES (?, ?, ?, ?, ?)"
_TASK = (
    "INSERT INTO task (id, instance, assigned, body) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (id) DO UPDATE SET assigned = excluded.assigned, body = excluded.body"
)


class Sqlite:
    """The store in the file at `path`; made when it does not exist, unless `create` is false.

    Raises StoreError, one line, for a path that is a directory, read-only, foreign, damaged or full.
    """

    def __init__(self, path: str, *, create: bool = True) -> None:
        self.path = path
        with self._told():
            self._db = _connect(path, create=create)
        try:
            with self._told():
                self._prepare()
        except BaseException:
            self._db.close()
            raise

    def _prepare(self) -> None:
        self._db.execute("PRAGMA busy_timeout = 5000")
        if self._number("application_id") != APPLICATION:
            self._make()
        if (version := self._number("user_version")) > VERSION:
            raise StoreError(f"{self.path} was written by a newer statewf (schema {version}, known is {VERSION})")
        if version < VERSION:
            self._upgrade()
        self._to_wal()
        self._db.execute("PRAGMA synchronous = FULL")

    def _number(self, pragma: str) -> int:
        (number,) = self._db.execute(f"PRAGMA {pragma}").fetchone()
        return int(number)

    def _make(self) -> None:
        """Write the tables into an empty file. Several processes may open a new one at once: one makes it."""
        with self._transaction() as db:
            application = self._number("application_id")
            (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if application not in (0, APPLICATION) or (application == 0 and tables):
                raise StoreError(f"{self.path} is a database of some other program")
            if application == 0:
                for statement in SCHEMA.split(";"):
                    db.execute(statement)
                db.execute(f"PRAGMA application_id = {APPLICATION}")
                db.execute("PRAGMA user_version = 1")

    def _upgrade(self) -> None:
        """Add what later versions of the schema have."""
        with self._transaction() as db:
            for version in range(self._number("user_version") + 1, VERSION + 1):
                for statement in ADDED[version].split(";"):
                    db.execute(statement)
            db.execute(f"PRAGMA user_version = {VERSION}")

    def _to_wal(self) -> None:
        """Switch the file to WAL, once. That does not wait for others who do just the same; a transaction does."""
        for _ in range(10):
            with suppress(sqlite3.OperationalError):
                self._db.execute("PRAGMA journal_mode = WAL")
                return
            with self._transaction():
                pass
        self._db.execute("PRAGMA journal_mode = WAL")

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Every database error as one clear line."""
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: {_reason(error)}") from error
        except UnicodeEncodeError as error:
            raise StoreError(f"{self.path}: text with a lone surrogate cannot be kept or looked up") from error

    @contextmanager
    def _decoding(self, what: str) -> Iterator[None]:
        """Whatever damaged rows make fail, as one clear line."""
        try:
            yield
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            raise StoreError(f"{self.path}: what is kept of {what} is damaged ({reason})") from error

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._told():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def _all(self, query: str, *values: object) -> list[Any]:
        with self._told():
            return self._db.execute(query, values).fetchall()

    def _one(self, query: str, *values: object) -> Any:
        with self._told():
            return self._db.execute(query, values).fetchone()

    def close(self) -> None:
        with self._told():
            self._db.close()

    # --- machines

    def deploy(self, record: MachineRecord) -> None:
        with self._transaction() as db:
            db.execute("INSERT OR IGNORE INTO machine VALUES (?, ?, ?, ?)", attrs_tuple(record))
            db.execute("INSERT OR REPLACE INTO deployment VALUES (?, ?)", (record.name, record.digest))

    def machine(self, digest: str) -> MachineRecord | None:
        found = self._one("SELECT digest, name, semantics, definition FROM machine WHERE digest = ?", digest)
        return MachineRecord(*found) if found else None

    def current(self, name: str) -> MachineRecord | None:
        found = self._one("SELECT digest FROM deployment WHERE name = ?", name)
        return self.machine(found[0]) if found else None

    # --- steps

    def append(self, entries: Sequence[Entry]) -> None:
        with self._transaction() as db:
            for entry in entries:
                self._keep(db, entry)

    def _keep(self, db: sqlite3.Connection, entry: Entry) -> None:
        card, step = entry.card, entry.step
        body = compact(encode_step(step))
        number, weight = self._begin(db, entry) if card.seq == 1 else self._advance(db, card)
        db.execute("INSERT INTO history VALUES (?, ?, ?)", (number, card.seq, body))
        self._weigh(db, number, weight + len(body), step)
        if entry.key is not None:
            told = compact(attrs_tuple(entry.key.receipt))
            db.execute("INSERT INTO event_key VALUES (?, ?, ?, ?)", (number, entry.key.key, entry.key.digest, told))
        emitted = 0
        for effect in step.effects:
            match effect:
                case Emit(event, data):
                    values = (f"{card.id}/{card.seq}/{emitted}", card.id, event, compact(data), step.after.at)
                    db.execute(_EMIT, values)
                    emitted += 1
                case OpenTask(task):
                    db.execute(_TASK, (task.id, card.id, compact(task.assigned_to), compact(encode_task(task))))
                case CloseTask(closed):
                    db.execute("DELETE FROM task WHERE id = ?", (closed,))
                case _:
                    pass

    def _begin(self, db: sqlite3.Connection, entry: Entry) -> tuple[int, int]:
        card = entry.card
        before, after = card[:4], card[5:]
        values = (*before, compact(card.inputs), *after)
        try:
            cursor = db.execute(_INSERT, values)
            if card.request_id is not None:
                verb = "INSERT OR REPLACE" if entry.restart else "INSERT"
                db.execute(f"{verb} INTO request VALUES (?, ?, ?)", (card.name, card.request_id, card.id))
        except sqlite3.IntegrityError:
            raise StoreConflict(card.id, f"the instance {card.id} or its request id exists already") from None
        assert cursor.lastrowid is not None
        return cursor.lastrowid, 0

    def _advance(self, db: sqlite3.Connection, card: Card) -> tuple[int, int]:
        found = db.execute(
            "UPDATE instance SET updated = ?, seq = ?, state = ?, ended = ?, due = ?, busy = ?"
            " WHERE id = ? AND seq = ? RETURNING number, weight",
            (card.updated, card.seq, card.state, card.ended, card.due, card.busy, card.id, card.seq - 1),
        ).fetchone()
        if found is None:
            raise StoreConflict(card.id, f"{card.id} was changed by another process, or is not in the store")
        number, weight = found
        return number, weight

    def _weigh(self, db: sqlite3.Connection, number: int, weight: int, step: Step) -> None:
        """Write a snapshot when the rows since the last one outweigh it."""
        found = db.execute("SELECT size FROM snapshot WHERE instance = ?", (number,)).fetchone()
        if weight > max(LEAST, found[0] if found else 0):
            body = compact(encode_snapshot(step.after))
            values = (number, step.after.seq, len(body), body)
            db.execute("INSERT OR REPLACE INTO snapshot VALUES (?, ?, ?, ?)", values)
            weight = 0
        db.execute("UPDATE instance SET weight = ? WHERE number = ?", (weight, number))

    # --- instances

    def version(self) -> int:
        with self._told():
            return self._number("data_version")

    def card(self, instance: str) -> Card | None:
        found = self._one(_SELECT + " WHERE id = ?", instance)
        with self._decoding(instance):
            return _card(found)

    def request(self, name: str, request_id: str) -> Card | None:
        query = "SELECT instance FROM request WHERE name = ? AND request_id = ?"
        found = self._one(query, name, request_id)
        return self.card(found[0]) if found else None

    def cards(self, *, name: str | None = None, state: str | None = None, limit: int = 1_000) -> list[Card]:
        query = _SELECT + " WHERE (? IS NULL OR name = ?) AND (? IS NULL OR state = ?) ORDER BY number DESC LIMIT ?"
        rows = self._all(query, name, name, state, state, limit)
        with self._decoding("the instances"):
            return [card for found in rows if (card := _card(found))]

    def load(self, instance: str) -> Loaded | None:
        card = self.card(instance)
        if card is None:
            return None
        kept = self._one(
            "SELECT s.body, s.seq FROM snapshot s JOIN instance i ON i.number = s.instance WHERE i.id = ?", instance
        )
        with self._decoding(instance):
            snapshot = decode_snapshot(json.loads(kept[0]), instance, card.inputs) if kept else None
        return Loaded(card, snapshot, tuple(self._rows(decode_event, instance, kept[1] if kept else 0)))

    def events(self, instance: str) -> Iterator[AnyEvent]:
        return self._rows(decode_event, instance, 0)

    def rows(self, instance: str, after: int = 0) -> Iterator[dict[str, Any]]:
        return self._rows(shown, instance, after)

    def _rows(self, decode: Callable[[dict[str, Any]], T], instance: str, after: int) -> Iterator[T]:
        query = (
            "SELECT h.body FROM history h JOIN instance i ON i.number = h.instance"
            " WHERE i.id = ? AND h.seq > ? ORDER BY h.seq"
        )
        for (body,) in self._all(query, instance, after):
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

    # --- what a new owner has to do

    def due(self, at: int, limit: int) -> list[str]:
        query = "SELECT id FROM instance WHERE due <= ? ORDER BY due, id LIMIT ?"
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

    def busy(self) -> list[str]:
        return [instance for (instance,) in self._all("SELECT id FROM instance WHERE busy ORDER BY number")]

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

    def tell(self, instance: str, event: str, data: Json, at: int) -> None:
        with self._transaction() as db:
            number = db.execute(_EMIT, ("", instance, event, compact(data), at)).lastrowid
            db.execute("UPDATE outbox SET id = ? WHERE number = ?", (f"{instance}/told/{number}", number))

    def delivered(self, subscriber: str, event: str, number: int) -> None:
        with self._transaction() as db:
            values = (number, event, subscriber)
            db.execute("UPDATE subscriber SET told = ? WHERE event = ? AND name = ?", values)

    def purge(self, at: int) -> int:
        with self._transaction() as db:
            return db.execute(
                "DELETE FROM outbox WHERE number <= (SELECT min(told) FROM subscriber s WHERE s.event = outbox.event)"
                " OR (at <= ? AND NOT EXISTS (SELECT 1 FROM subscriber s WHERE s.event = outbox.event))",
                (at - KEPT,),
            ).rowcount


def _connect(path: str, *, create: bool) -> sqlite3.Connection:
    if path == ":memory:":
        return sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    from urllib.parse import quote  # 10 ms that nobody but a file store pays

    mode = "rwc" if create else "rw"
    uri = f"file:{quote(path)}?mode={mode}"
    return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)


def _reason(error: sqlite3.Error) -> str:
    """SQLite's own words, but plain ones where they would puzzle."""
    text = str(error)
    known = {
        "file is not a database": "this is no statewf database",
        "unable to open database file": "cannot be opened: no such place, a directory, or not allowed",
        "attempt to write a readonly database": "is read-only",
        "database is locked": "is in use by another process",
        "database or disk is full": "the disk is full; nothing of this was kept, all before it was",
        "database disk image is malformed": "is damaged; what was acknowledged may be in a backup",
    }
    return known.get(text, text)


def _card(found: Any) -> Card | None:
    if found is None:
        return None
    instance, machine, name, request_id, inputs, created, updated, seq, state, ended, due, busy = found
    frozen = restored(json.loads(inputs))
    assert isinstance(frozen, Object)
    started = (instance, machine, name, request_id, frozen, created)
    return Card(*started, updated, seq, state, ended, due, bool(busy))


def attrs_tuple(value: Any) -> tuple[Any, ...]:
    """The fields of an attrs value in order, one level deep."""
    return tuple(getattr(value, field.name) for field in value.__attrs_attrs__)
