"""A file of SQLite: opening it, making or upgrading its tables, transactions, and errors as one clear line.

Above: `sqlite`, the store, and `upkeep`. Below: `schema`. WAL and `synchronous=FULL`: a commit that returned
is on the disk.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from statewf.errors import StoreBusy, StoreError
from statewf.history.schema import ADDED, APPLICATION, FIRST, VERSION

OPENING = 5_000  # ms that opening waits for somebody else who is at it
PATIENCE = 100  # ms that a statement waits for another process: whoever can wait longer does so elsewhere
CACHE = -32_768  # KiB of pages that are kept in memory: the upper levels of the indexes of a million instances


class Database:
    """A connection to the file at `path`; made when it does not exist, unless `create` is false.

    Raises StoreError, one line, for a path that is a directory, read-only, foreign, damaged or full.
    """

    def __init__(self, path: str, *, create: bool = True) -> None:
        self.path = path
        with self.told():
            self.connection = _connect(path, create=create)
        try:
            with self.told():
                self._prepare()
        except BaseException:
            self.connection.close()
            raise

    def _prepare(self) -> None:
        db = self.connection
        db.execute(f"PRAGMA busy_timeout = {OPENING}")
        if self.number("application_id") != APPLICATION:
            self._make()
        if (version := self.number("user_version")) > VERSION:
            raise StoreError(f"{self.path} was written by a newer statewf (schema {version}, known is {VERSION})")
        if version < VERSION:
            self._upgrade()
        self._to_wal()
        db.execute("PRAGMA synchronous = FULL")
        db.execute(f"PRAGMA cache_size = {CACHE}")
        db.execute(f"PRAGMA busy_timeout = {PATIENCE}")

    def number(self, pragma: str) -> int:
        """The value of a pragma that is a number."""
        (number,) = self.connection.execute(f"PRAGMA {pragma}").fetchone()
        return int(number)

    def _make(self) -> None:
        """Write the tables into an empty file. Several processes may open a new one at once: one makes it."""
        with self.transaction() as db:
            application = self.number("application_id")
            (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if application not in (0, APPLICATION) or (application == 0 and tables):
                raise StoreError(f"{self.path} is a database of some other program")
            if application == 0:
                for statement in FIRST.split(";"):
                    db.execute(statement)
                db.execute(f"PRAGMA application_id = {APPLICATION}")
                db.execute("PRAGMA user_version = 1")

    def _upgrade(self) -> None:
        """Add what later versions of the schema have."""
        with self.transaction() as db:
            for version in range(self.number("user_version") + 1, VERSION + 1):
                for statement in ADDED[version].split(";"):
                    db.execute(statement)
            db.execute(f"PRAGMA user_version = {VERSION}")

    def _to_wal(self) -> None:
        """Switch the file to WAL, once. That does not wait for others who do just the same; a transaction does."""
        for _ in range(10):
            with suppress(sqlite3.OperationalError):
                self.connection.execute("PRAGMA journal_mode = WAL")
                return
            with self.transaction():
                pass
        self.connection.execute("PRAGMA journal_mode = WAL")

    @contextmanager
    def told(self) -> Iterator[None]:
        """Every database error as one clear line."""
        try:
            yield
        except sqlite3.Error as error:
            kind = StoreBusy if _is_busy(error) else StoreError
            raise kind(f"{self.path}: {_reason(error)}") from error
        except UnicodeEncodeError as error:
            raise StoreError(f"{self.path}: text with a lone surrogate cannot be kept or looked up") from error

    @contextmanager
    def decoding(self, what: str) -> Iterator[None]:
        """Whatever damaged rows make fail, as one clear line."""
        try:
            yield
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            raise StoreError(f"{self.path}: what is kept of {what} is damaged ({reason})") from error

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing."""
        with self.told():
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
                self.connection.execute("COMMIT")
            except BaseException:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise

    def all(self, query: str, *values: object) -> list[Any]:
        """The rows of a query."""
        with self.told():
            return self.connection.execute(query, values).fetchall()

    def one(self, query: str, *values: object) -> Any:
        """The first row of a query, if there is one."""
        with self.told():
            return self.connection.execute(query, values).fetchone()

    def close(self) -> None:
        """Close the connection."""
        with self.told():
            self.connection.close()


def _connect(path: str, *, create: bool) -> sqlite3.Connection:
    if path == ":memory:":
        return sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    from urllib.parse import quote  # 10 ms that nobody but a file store pays

    mode = "rwc" if create else "rw"
    uri = f"file:{quote(path)}?mode={mode}"
    return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)


def _is_busy(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY


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
