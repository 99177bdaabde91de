"""How long one event takes until it is kept: one instance, one sender, one event after another.

Beside it, in turn, on the same disk: a bare commit, which is `BEGIN IMMEDIATE`, one `INSERT` of the very row,
`COMMIT`, with the same durability.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import anyio

from statewf.runtime import Executor
from tests.benchmarks.lamp import LAMP, TURN, WARM, in_turn
from tests.benchmarks.limits import bare
from tests.benchmarks.measure import Result, percentiles

EVENTS = 5_000


def run() -> Result:
    with tempfile.TemporaryDirectory(dir=".") as folder:
        ours, commits = (percentiles(took, 1e3) for took in anyio.run(measured, Path(folder)))
    detail = {"events": EVENTS, "rounds": EVENTS // TURN, "statewf": ours, "bare commit": commits}
    return Result("latency", "ms/event", ours["p50"], {"bare commit": commits["p50"]}, detail)


async def measured(folder: Path) -> tuple[list[float], list[float]]:
    """Seconds that each of our events took, and each bare commit of their rows."""
    path = folder / "ours.db"
    with bare(folder / "bare.db") as db:
        async with Executor(path) as executor:
            await executor.deploy(LAMP)
            await executor.start("lamp")
            await in_turn(executor, path, db, [None] * WARM)
            return await in_turn(executor, path, db, [None] * EVENTS)
