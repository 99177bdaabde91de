"""Events a second that are kept: many order machines driven at once, every event committed with `synchronous=FULL`.

Beside it, on the same disk: bare `sqlite3`, inserting the very history rows in transactions of as many rows as
our commits had.
"""

from __future__ import annotations

import sqlite3
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import anyio

from statewf.compiler import compile_definition
from statewf.history import Entry, Sqlite
from statewf.runtime import Executor
from tests.benchmarks.measure import Result
from tests.benchmarks.step import PATH, order

INSTANCES = 1_000
ROUNDS = 5
MACHINE = compile_definition(order())


class Counting(Sqlite):
    """The store, which counts its commits."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.commits = 0

    def append(self, entries: Sequence[Entry]) -> None:
        self.commits += 1
        super().append(entries)


def run() -> Result:
    rounds = [measured() for _ in range(ROUNDS)]
    ours, bare, size = (statistics.median(column) for column in zip(*rounds, strict=True))
    detail = {"instances": INSTANCES, "events": INSTANCES * len(PATH), "events a commit": round(size, 1)}
    return Result("durable", "events/s", ours, {"bare sqlite3": bare}, detail)


def measured() -> tuple[float, float, float]:
    """Events a second of ours and of bare sqlite3, and how many events a commit had."""
    with tempfile.TemporaryDirectory(dir=".") as folder:
        path = Path(folder) / "ours.db"
        store = Counting(str(path))
        took = anyio.run(driven, store)
        size = INSTANCES * len(PATH) / store.commits
        with closing(sqlite3.connect(path)) as db:
            rows = db.execute(
                "SELECT instance, seq, body FROM history WHERE seq > 1 ORDER BY seq, instance"
            ).fetchall()
        return len(rows) / took, inserted(Path(folder) / "bare.db", rows, round(size)), size


async def driven(store: Counting) -> float:
    """Seconds that all events took; the starts are not counted."""
    async with Executor(store) as executor:
        await executor.deploy(MACHINE)
        started = [(await executor.start("order")).id for _ in range(INSTANCES)]

        async def drive(instance: str) -> None:
            for event in PATH:
                await executor.send(instance, event)

        store.commits = 0
        began = time.perf_counter()
        async with anyio.create_task_group() as tasks:
            for instance in started:
                tasks.start_soon(drive, instance)
        return time.perf_counter() - began


def inserted(path: Path, rows: Sequence[tuple[int, int, str]], size: int) -> float:
    """Rows a second of bare sqlite3, that many in each transaction."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute(
            "CREATE TABLE history (instance INTEGER, seq INTEGER, body TEXT, PRIMARY KEY (instance, seq)) WITHOUT ROWID"
        )
        began = time.perf_counter()
        for i in range(0, len(rows), size):
            db.execute("BEGIN IMMEDIATE")
            db.executemany("INSERT INTO history VALUES (?, ?, ?)", rows[i : i + size])
            db.execute("COMMIT")
        return len(rows) / (time.perf_counter() - began)
