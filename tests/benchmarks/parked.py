"""Instances that wait for a deadline far away: what 100,000 and 1,000,000 of them cost.

Each round is a process of its own. It opens the store with handlers, uses it a little (its memory is told after
either), then its clock jumps past the deadlines of 10,000 instances, which lie scattered among the others. As many
fall due at either size, so their costs can be compared. Beside it bare `sqlite3`, on a table of as many rows, with the
least that firing timers can be: one indexed SELECT for a hundred that are due, an UPDATE and an INSERT for each, a
commit.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from multiprocessing import get_context
from pathlib import Path
from typing import ParamSpec, TypeVar

import anyio

from statewf.compiler import compile_definition
from statewf.definition.model import State, StateMachine
from statewf.machine.fsm import Machine
from statewf.machine.snapshot import Step
from statewf.machine.work import Work
from statewf.runtime import Executor
from tests.benchmarks.limits import INSERT, TABLE, connected
from tests.benchmarks.measure import Result, memory, progress

SIZES = (100_000, 1_000_000)
ROUNDS = 5
FIRED = 10_000  # instances that fall due in each round
USED = 1_000  # instances that get an event before that
STARTED = 1_000  # at once, when the store is filled
AT_ONCE = 100  # timers in a transaction of bare sqlite3
DAY = 86_400_000
MONTH, NEVER = 30 * DAY, 3_650 * DAY

BARE = """
CREATE TABLE parked (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, state TEXT NOT NULL, due INTEGER);
CREATE INDEX parked_due ON parked (due) WHERE due IS NOT NULL;
"""
BODY = '{"event": ["$fired", "main", "timeout"], "at": 1700000000000, "changes": {"main": ["over", 1, 2]}}'

P = ParamSpec("P")
T = TypeVar("T")


def run() -> Result:
    with tempfile.TemporaryDirectory(dir=".") as folder:
        path = Path(folder) / "empty.db"
        fresh(filled, path, 0)
        empty = fresh(used, path, 0)
    few, many = (measured(size) for size in SIZES)
    kinds = {"statewf": "timers/s", "bare sqlite3": "bare timers/s"}
    growth = {name: round(few[kind] / many[kind], 2) for name, kind in kinds.items()}
    detail = {
        "timers fired": FIRED,
        "rounds": ROUNDS,
        f"cost of a timer at {SIZES[1]:,} by that at {SIZES[0]:,}": growth,
        "0": {name: round(figure, 2) for name, figure in empty.items() if name != "timers/s"},
        **{f"{size:,}": figures for size, figures in zip(SIZES, (few, many), strict=True)},
    }
    return Result("parked", "timers/s", many["timers/s"], {"bare sqlite3": many["bare timers/s"]}, detail)


def measured(size: int) -> dict[str, float]:
    """Figures of stores with so many instances, the medians."""
    with tempfile.TemporaryDirectory(dir=".") as folder:
        ours, bare = Path(folder) / "ours.db", Path(folder) / "bare.db"
        progress(f"parked: starting {size:,} instances")
        filling = fresh(filled, ours, size)
        fresh(tabled, bare, size)
        rounds = []
        for number in range(ROUNDS):
            progress(f"parked: round {number + 1} of {ROUNDS} at {size:,}")
            rounds.append({**fresh(used, ours, number), "bare timers/s": fresh(fired, bare, number)})
        figures = {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}
        figures |= {**filling, "file MiB": ours.stat().st_size / 2**20}
        return {name: round(figure, 2) for name, figure in figures.items()}


def fresh(task: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
    """What a task returns that runs in a process of its own, which inherits nothing."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(task, *args, **named).result()


def round_of(number: int, size: int) -> int | None:
    """The round in which an instance falls due, if it does: so many in each, evenly spread."""
    group, rest = divmod(number, max(size // (ROUNDS * FIRED), 1))
    return None if rest else group % ROUNDS


# --- ours


def filled(path: Path, size: int) -> dict[str, float]:
    """Start so many instances."""
    return anyio.run(_filled, path, size)


async def _filled(path: Path, size: int) -> dict[str, float]:
    names = {number: f"parked-{number}" for number in range(ROUNDS)}
    async with Executor(path) as executor:
        for number, name in names.items():
            await executor.deploy(parked(name, MONTH * (number + 1)))
        await executor.deploy(parked("parked", NEVER))
        began = time.perf_counter()
        for first in range(0, size, STARTED):
            async with anyio.create_task_group() as tasks:
                for number in range(first, first + STARTED):
                    of = round_of(number, size)
                    tasks.start_soon(executor.start, "parked" if of is None else names[of])
        return {"starts/s": size / (time.perf_counter() - began), "MiB started, peak": memory("VmHWM")}


def parked(name: str, timeout: int) -> Machine:
    waiting = State({"ASK": "waiting"}, timeout=timeout, timeout_transition="over")
    return compile_definition(StateMachine(name, "waiting", {"waiting": waiting, "over": State(terminal=True)}))


def used(path: Path, number: int) -> dict[str, float]:
    """The figures of one round. Of an empty store nothing is fired."""
    return anyio.run(_used, path, number)


async def _used(path: Path, number: int) -> dict[str, float]:
    at = time.time_ns() // 1_000_000 + number * MONTH + DAY
    steps = 0

    def count(_: Machine, __: Step) -> None:
        nonlocal steps
        steps += 1

    began = time.perf_counter()
    async with Executor(path, {"nothing": nothing}, clock=lambda: at, observe=count) as executor:
        figures = {"open ms": (time.perf_counter() - began) * 1000, "MiB opened": memory("VmRSS")}
        cards = await executor.list(machine="parked", limit=USED)
        for card in cards:
            await executor.send(card.id, "ASK")
        figures |= {"MiB used": memory("VmRSS"), "MiB used, peak": memory("VmHWM")}
        steps, at = 0, at + MONTH
        began = time.perf_counter()
        await executor.idle()
        took = time.perf_counter() - began
        assert steps == (FIRED if cards else 0)
        return {**figures, "timers/s": steps / took, "MiB fired, peak": memory("VmHWM")}


async def nothing(_: Work) -> None:
    """A handler, so that the executor performs."""


# --- bare sqlite3


def tabled(path: Path, size: int) -> None:
    """Make the tables, as large as ours."""
    with closing(connected(path)) as db:
        db.executescript(BARE + TABLE)
        db.execute("BEGIN IMMEDIATE")
        for number in range(size):
            key, of = (
                f"parked-{number * 2_654_435_761 % 2**48:012x}",
                round_of(number, size),
            )  # in no order, as ours
            db.execute(
                "INSERT INTO parked VALUES (?, ?, 'waiting', ?)", (number, key, ROUNDS if of is None else of)
            )
            db.execute(INSERT, (number, 1, BODY))
        db.execute("COMMIT")


def fired(path: Path, number: int) -> float:
    """Timers a second."""
    done = 0
    with closing(connected(path)) as db:
        began = time.perf_counter()
        while due := db.execute("SELECT number FROM parked WHERE due <= ? LIMIT ?", (number, AT_ONCE)).fetchall():
            db.execute("BEGIN IMMEDIATE")
            db.executemany("UPDATE parked SET state = 'over', due = NULL WHERE number = ?", due)
            db.executemany(INSERT, [(one, 2, BODY) for (one,) in due])
            db.execute("COMMIT")
            done += len(due)
        took = time.perf_counter() - began
    assert done == FIRED
    return done / took
