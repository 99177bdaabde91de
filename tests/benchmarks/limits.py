"""What SQLite alone does with the rows that we keep: the limit that durable figures stand beside."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeAlias

Row: TypeAlias = tuple[int, int, str]  # instance, seq, body

INSERT = "INSERT INTO history VALUES (?, ?, ?)"
TABLE = "CREATE TABLE history (instance INTEGER, seq INTEGER, body TEXT, PRIMARY KEY (instance, seq)) WITHOUT ROWID"


@contextmanager
def bare(path: Path) -> Iterator[sqlite3.Connection]:
    """An empty history in a file that is as durable as ours."""
    with closing(connected(path)) as db:
        db.execute(TABLE)
        yield db


def connected(path: Path) -> sqlite3.Connection:
    """A file that is as durable as ours."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    return db


def inserted(path: Path, rows: Sequence[Row], size: int) -> float:
    """Rows a second, that many in each transaction."""
    with bare(path) as db:
        began = time.perf_counter()
        for i in range(0, len(rows), size):
            db.execute("BEGIN IMMEDIATE")
            db.executemany(INSERT, rows[i : i + size])
            db.execute("COMMIT")
        return len(rows) / (time.perf_counter() - began)


def committed(db: sqlite3.Connection, rows: Sequence[Row]) -> list[float]:
    """Seconds that each row took, a transaction of its own."""
    took = []
    for row in rows:
        began = time.perf_counter()
        db.execute("BEGIN IMMEDIATE")
        db.execute(INSERT, row)
        db.execute("COMMIT")
        took.append(time.perf_counter() - began)
    return took


def history(path: Path, where: str = "true") -> list[Row]:
    """The rows of our own history in that file, in the order in which they were written."""
    with closing(sqlite3.connect(path)) as db:
        query = f"SELECT instance, seq, body FROM history WHERE {where} ORDER BY seq, instance"
        return db.execute(query).fetchall()
