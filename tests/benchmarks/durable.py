"""Events a second that are kept: many order machines driven at once, every event committed with `synchronous=FULL`.

Beside it, on the same disk: bare `sqlite3`, inserting the very history rows in transactions of as many rows as our
commits had; and DBOS, keeping steps that do nothing in a SQLite file. Our steps of such a workflow, one after another,
are in the detail, for that is what DBOS does there.
"""

from __future__ import annotations

import gc
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import anyio

from statewf.compiler import compile_definition
from statewf.definition.model import Step, Workflow
from statewf.history import Entry, Sqlite
from statewf.machine.work import Work
from statewf.runtime import Executor
from tests.benchmarks.limits import history, inserted
from tests.benchmarks.measure import Result
from tests.benchmarks.step import PATH, order

INSTANCES = 1_000
STEPS = 200  # of one workflow, one after another
ROUNDS = 5
OTHERS: tuple[str, ...] = ("bare sqlite3", "dbos", "dbos in WAL")
ORDER = compile_definition(order())
CHAIN = compile_definition(
    Workflow(
        "chain", [Step(f"s{i}", handler="nothing", depends_on=[f"s{i - 1}"] if i else []) for i in range(STEPS)]
    )
)


class Counting(Sqlite):
    """The store, which notes how much each commit had."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.commits: list[int] = []

    def append(self, entries: Sequence[Entry], *more: Any) -> None:
        self.commits.append(len(entries))
        super().append(entries, *more)


def run() -> Result:
    peer = find_spec("dbos") is not None
    if not peer:
        print("durable: dbos is not installed (pip install -e '.[bench]'), so it is left out", file=sys.stderr)
    rounds = [measured() | (measured_dbos() if peer else {}) for _ in range(ROUNDS)]
    figures = {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}
    others = {name: figures.pop(name) for name in OTHERS if name in figures}
    ours = figures.pop("statewf")
    detail = {
        "instances": INSTANCES,
        "events": INSTANCES * len(PATH),
        "rounds": ROUNDS,
        **{name: round(figure, 1) for name, figure in figures.items()},
    }
    return Result("durable", "events/s", ours, others, detail)


def measured() -> dict[str, float]:
    """A round of ours and of bare sqlite3, a second; and how many events a commit had."""
    with tempfile.TemporaryDirectory(dir=".") as folder:
        path = Path(folder) / "ours.db"
        store = Counting(str(path))
        took = anyio.run(driven, store)
        size = statistics.median(store.commits)
        rows = history(path, "seq > 1")
        return {
            "statewf": len(rows) / took,
            "bare sqlite3": inserted(Path(folder) / "bare.db", rows, round(size)),
            "events a commit": size,
            "statewf, steps/s one after another": STEPS / anyio.run(chained, Path(folder) / "chain.db"),
        }


def measured_dbos() -> dict[str, float]:
    """A round of DBOS, as it comes and with SQLite in WAL, a second."""
    from tests.benchmarks.with_dbos import rates

    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory(dir=".") as folder:
        for name, wal in (("dbos", False), ("dbos in WAL", True)):
            figures[name], figures[f"{name}, messages/s"] = rates(Path(folder) / f"{name}.db", wal=wal)
    return figures


async def driven(store: Counting) -> float:
    """Seconds that all events took; the starts are not counted."""
    async with Executor(store) as executor:
        await executor.deploy(ORDER)
        started = [(await executor.start("order")).id for _ in range(INSTANCES)]

        async def drive(instance: str) -> None:
            for event in PATH:
                await executor.send(instance, event)

        store.commits.clear()
        gc.collect()
        gc.freeze()  # the collector walks what this makes, not what imports and starts left behind
        began = time.perf_counter()
        async with anyio.create_task_group() as tasks:
            for instance in started:
                tasks.start_soon(drive, instance)
        took = time.perf_counter() - began
        gc.unfreeze()
        assert len(await executor.list(state="delivered", limit=INSTANCES)) == INSTANCES
        return took


async def chained(path: Path) -> float:
    """Seconds that all steps of one workflow took."""
    async with Executor(path, {"nothing": nothing}) as executor:
        await executor.deploy(CHAIN)
        began = time.perf_counter()
        outcome = await (await executor.start("chain")).wait()
        took = time.perf_counter() - began
    assert outcome.success
    return took


async def nothing(_: Work) -> None:
    """A step that is kept, and no more."""
