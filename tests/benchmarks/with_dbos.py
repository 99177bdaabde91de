"""DBOS at the same kind of work, on a SQLite file of its own: steps that do nothing, and messages.

One workflow calls all steps: DBOS is no faster with many at once, for SQLite has one writer. As it comes, DBOS keeps
SQLite's rollback journal; with `wal` the file was switched before, which costs it less. Both are `synchronous=FULL`.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from dbos import DBOS

STEPS, MESSAGES = 200, 50  # few, for it is slow on slow disks


@DBOS.step()
def nothing() -> None:
    pass


@DBOS.workflow()
def steps(count: int) -> None:
    for _ in range(count):
        nothing()


@DBOS.workflow()
def messages(count: int) -> None:
    for _ in range(count):
        assert DBOS.recv(timeout_seconds=60) == "message"


def rates(path: Path, *, wal: bool) -> tuple[float, float]:
    """Steps and messages a second."""
    with launched(path, wal=wal):
        steps(STEPS // 10)  # nobody measures what is done for the first time
        began = time.perf_counter()
        steps(STEPS)
        stepped = time.perf_counter()
        receiver = DBOS.start_workflow(messages, MESSAGES)
        for _ in range(MESSAGES):
            DBOS.send(receiver.workflow_id, "message")
        receiver.get_result()
        return STEPS / (stepped - began), MESSAGES / (time.perf_counter() - stepped)


@contextmanager
def launched(path: Path, *, wal: bool) -> Iterator[None]:
    """DBOS, which says nothing but what is wrong."""
    if wal:
        with closing(sqlite3.connect(path)) as db:
            db.execute("PRAGMA journal_mode = WAL")
    DBOS(
        config={
            "name": "benchmark",
            "system_database_url": f"sqlite:///{path}",
            "log_level": "ERROR",
            "notification_listener_polling_interval_sec": 0.001,  # by itself it looks once a second
        }
    )
    DBOS.launch()
    try:
        yield
    finally:
        DBOS.destroy()
