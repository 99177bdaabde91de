"""A file of SQLite: opening it, making or upgrading its tables, transactions, and errors as one clear line.

Above: `sqlite`, the store, and `upkeep`. Below: `schema`. WAL and `synchronous=FULL`: a commit that returned
is on the disk.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

from statewf.errors import StoreBusy, StoreError
from statewf.history.schema import ADDED, APPLICATION, FIRST, VERSION

LONG = 5_000  # ms that opening, and what has the time, waits for another process
PATIENCE = 5  # ms that a statement waits for another process: event loops stand still meanwhile
TRIES = 3_000  # to have a file alone; less than a second
PAGES = 1_000  # of a file that are copied at a time
STRIDE = 100_000  # instructions of SQLite between two moments at which Ctrl-C is heard
CACHE = -32_768  # KiB of pages that are kept in memory: the upper levels of the indexes of a million instances


class Database:
    """A connection to the file at `path`; made when it does not exist, unless `create` is false.

    `as_it_is`: it is not made, and not brought up to date. Raises StoreError, one line, for a path that is a
    directory, read-only, foreign, damaged or full.
    """

    def __init__(self, path: str, *, create: bool = True, as_it_is: bool = False) -> None:
        self.path = path
        with self.told():
            self.connection = _connect(path, create=create and not as_it_is)
        try:
            with self.told():
                self._wait(LONG)
                if as_it_is:
                    self._recognise()
                else:
                    self._prepare()
                self._wait(PATIENCE)
        except BaseException:
            self.connection.close()
            raise

    def _recognise(self) -> None:
        if self.number("application_id") != APPLICATION:
            raise StoreError(f"{self.path}: this is no statewf database")
        self.schema()

    def _prepare(self) -> None:
        if self.number("application_id") != APPLICATION:
            self._make()
        self._upgrade()
        self._to_wal()
        self.connection.execute("PRAGMA synchronous = FULL")
        self.connection.execute(f"PRAGMA cache_size = {CACHE}")

    def _wait(self, patience: int) -> None:
        """From now on wait so long for others."""
        self.connection.execute(f"PRAGMA busy_timeout = {patience}")

    def schema(self) -> int:
        """The version of its schema. Raises StoreError when that is newer than all that are known here."""
        if (version := self.number("user_version")) > VERSION:
            raise StoreError(f"{self.path} was written by a newer statewf (schema {version}, known is {VERSION})")
        return version

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
                _run(db, FIRST)
                db.execute(f"PRAGMA application_id = {APPLICATION}")
                _bring_up_to_date(db, 1)

    def _upgrade(self) -> None:
        """Add what later versions of the schema have, while nobody else has the file open.

        An earlier statewf that has it open could keep nothing from then on: that one is to end first, and not because
        somebody had a look at its store. Others of this version may be at just the same: of many tries, one gets
        through, and who comes after it waits in its first look.
        """
        if self.schema() == VERSION:
            return
        for _ in range(TRIES):
            with suppress(StoreBusy), self._alone() as db:
                _bring_up_to_date(db, self.schema())
                break
        if (version := self.schema()) < VERSION:
            was = f"{self.path} was written by an earlier statewf (schema {version}), and a process has it open"
            raise StoreBusy(f"{was}: when that one has ended, it can be brought up to date to schema {VERSION}")

    @contextmanager
    def _alone(self) -> Iterator[sqlite3.Connection]:
        """A transaction of the only connection to the file. Raises StoreBusy at once when there are others."""
        self._connect_again(0)  # a connection like this holds on to the file also while it waits
        self.connection.execute("PRAGMA locking_mode = EXCLUSIVE")  # nothing may be read before
        try:
            with self.transaction() as db:
                yield db
        finally:
            self._connect_again(LONG)

    def _connect_again(self, patience: int) -> None:
        self.connection.close()
        self.connection = _connect(self.path, create=False)
        self._wait(patience)

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
    def patient(self) -> Iterator[None]:
        """Within, statements wait for other processes: where there is no event loop."""
        self._wait(LONG)
        try:
            yield
        finally:
            self._wait(PATIENCE)

    @contextmanager
    def told(self, doing: str = "") -> Iterator[None]:
        """Every database error as one clear line."""
        try:
            yield
        except sqlite3.Error as error:
            if _code(error) == sqlite3.SQLITE_INTERRUPT:
                raise KeyboardInterrupt from error
            kind = StoreBusy if _code(error) == sqlite3.SQLITE_BUSY else StoreError
            raise kind(f"{doing or self.path}: {_reason(error)}") from error
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

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """All that is read within is as it was at the first look, whoever writes meanwhile."""
        with self.told():
            self.connection.execute("BEGIN")
        try:
            yield self.connection
        finally:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")

    def copy(self, target: str, moved: Callable[[int, int], None]) -> None:
        """Copy what is here now into the file at `target`, page by page; `moved` is told how many of how many.

        Within one read transaction: in WAL mode that holds up nobody, and nobody's commit makes the copying begin
        anew, as it would without. `VACUUM INTO` holds as long a transaction, but makes every table and index again
        row by row, and cannot say how far it is.
        """
        with self.told(f"copying {self.path} to {target}"), closing(_connect(target, create=True)) as other:
            other.execute("PRAGMA journal_mode = OFF")  # a copy that was cut short is thrown away as a whole
            other.execute("PRAGMA synchronous = OFF")  # and who wants it on the disk can see to that at the end
            with self.reading() as db:
                db.execute("SELECT count(*) FROM sqlite_master").fetchone()  # the first look
                db.backup(other, pages=PAGES, progress=lambda _, left, every: moved(every - left, every))

    def mistakes(self, *, quick: bool = False) -> list[str]:
        """What SQLite itself finds wrong; `quick`: without holding indexes against their tables."""
        self.connection.set_progress_handler(lambda: 0, STRIDE)
        try:
            found = self.all(f"PRAGMA {'quick_check' if quick else 'integrity_check'}")
        finally:
            self.connection.set_progress_handler(None, 0)
        lines = [line.strip() for (text,) in found for line in str(text).splitlines()]
        return [line for line in lines if line not in ("ok", "*** in database main ***", "")]

    def all(self, query: str, *values: object, **named: object) -> list[Any]:
        """The rows of a query."""
        with self.told():
            return self.connection.execute(query, named or values).fetchall()

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


def _run(db: sqlite3.Connection, statements: str) -> None:
    for statement in statements.split(";"):
        db.execute(statement)


def _bring_up_to_date(db: sqlite3.Connection, version: int) -> None:
    """Add what is missing since that version, in a transaction."""
    for added in range(version + 1, VERSION + 1):
        _run(db, ADDED[added])
    db.execute(f"PRAGMA user_version = {VERSION}")


def _code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


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
