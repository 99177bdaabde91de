"""A machine with two states that go back and forth, and how long each of its events takes beside a bare commit."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from statewf.compiler import compile_definition
from statewf.definition.model import State, StateMachine
from statewf.runtime import Executor
from tests.benchmarks.limits import committed, history

LAMP = compile_definition(StateMachine("lamp", "off", {"off": State({"TURN": "on"}), "on": State({"TURN": "off"})}))
TURN = 250  # events, before it is the other's turn
WARM = 2_000  # events that nobody measures: a WAL that still grows makes commits slower


async def in_turn(
    executor: Executor, path: Path, db: sqlite3.Connection, data: Sequence[Any]
) -> tuple[list[float], list[float]]:
    """Seconds that each event of the newest lamp took, and each bare commit of the rows they made."""
    ours: list[float] = []
    commits: list[float] = []
    (lamp,) = await executor.list(limit=1)
    for first in range(0, len(data), TURN):
        seq = executor.snapshot(lamp.id).seq
        ours += await turned(executor, lamp.id, data[first : first + TURN])
        commits += committed(db, history(path, f"instance = (SELECT max(instance) FROM history) AND seq > {seq}"))
    return ours, commits


async def turned(executor: Executor, lamp: str, data: Iterable[Any]) -> list[float]:
    """Seconds that each `send` took until it was kept, one after another."""
    took = []
    for one in data:
        began = time.perf_counter()
        await executor.send(lamp, "TURN", one)
        took.append(time.perf_counter() - began)
    return took
