"""Whether an event costs the same after a long history: one instance, 100,000 events, one after another.

What changes with each event is kept as data, so that snapshots are written. Told is the cost of an event over the
last thousand; beside it, in turn, a bare commit of the same rows, which has no history to look at. The recovery is a
new executor that opens the store and says where the instance is.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import anyio

from statewf.runtime import Executor
from tests.benchmarks.lamp import LAMP, WARM, in_turn, turned
from tests.benchmarks.limits import bare
from tests.benchmarks.measure import Result, progress

EVENTS = 100_000
ENDS = 1_000  # events at either end that are compared
ROUNDS = 3


def run() -> Result:
    rounds = []
    for number in range(ROUNDS):
        progress(f"history: round {number + 1} of {ROUNDS}, {EVENTS:,} events")
        with tempfile.TemporaryDirectory(dir=".") as folder:
            rounds.append(anyio.run(measured, Path(folder)))
    figures = {name: round(statistics.median(one[name] for one in rounds), 4) for name in rounds[0]}
    detail = {"events": EVENTS, "rounds": ROUNDS, **figures}
    return Result("history", "µs/event", figures["last"], {"bare commit": figures["last of bare commit"]}, detail)


async def measured(folder: Path) -> dict[str, float]:
    path = folder / "ours.db"
    (first, first_bare), (last, last_bare) = await lived(path, folder / "bare.db")
    began = time.perf_counter()
    async with Executor(path, {}) as executor:
        (lamp,) = await executor.list(limit=1)
        state = (await executor.get(lamp.id)).state
        recovery = time.perf_counter() - began
        assert (state, executor.snapshot(lamp.id).seq) == ("off", EVENTS + 1)
    return {
        "first": first,
        "last": last,
        "growth": last / first,
        "first of bare commit": first_bare,
        "last of bare commit": last_bare,
        "growth of bare commit": last_bare / first_bare,
        "recovery s": recovery,
        "file MiB": path.stat().st_size / 2**20,
    }


async def lived(path: Path, beside: Path) -> tuple[list[float], list[float]]:
    """Microseconds of an event at either end of a life, and of a bare commit at the same time."""
    with bare(beside) as db:
        async with Executor(path) as executor:
            await executor.deploy(LAMP)
            await executor.start("lamp")
            await in_turn(executor, path, db, data(0, WARM))
            lamp = await executor.start("lamp")
            first = await in_turn(executor, path, db, data(0, ENDS))
            await turned(executor, lamp.id, data(ENDS, EVENTS - ENDS))
            last = await in_turn(executor, path, db, data(EVENTS - ENDS, EVENTS))
    begun, ended = ([statistics.median(took) * 1e6 for took in end] for end in (first, last))
    return begun, ended


def data(first: int, last: int) -> list[Any]:
    """What comes with the events: something of it changes each time."""
    return [{"turns": number, "by": f"somebody {number % 7}"} for number in range(first, last)]
