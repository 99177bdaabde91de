"""Steps a second of whole workflows under the executor, with handlers that do nothing.

Beside it a bare anyio task group that runs the same graph with nothing but a counter a task: the least
that anybody could do on this loop. Shapes: `wide`, all at once; `deep`, one after another; `layered`, in
rows of ten, each step behind three of the row before. Ours keeps every step in a `Memory` store.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Coroutine
from typing import Any

import anyio

from statewf.compiler import compile_definition
from statewf.definition.model import Step, Workflow
from statewf.history import Memory
from statewf.machine.fsm import Machine
from statewf.machine.work import Work
from statewf.runtime import Executor
from tests.benchmarks.measure import Result

SIZES = {100: 15, 1_000: 7, 10_000: 3, 50_000: 1}  # and how many rounds of each
HEADLINE = 10_000
ROW, BEHIND = 10, 3

Graph = list[list[int]]  # for each task those it waits for


def wide(size: int) -> Graph:
    return [[] for _ in range(size)]


def deep(size: int) -> Graph:
    return [[number - 1] if number else [] for number in range(size)]


def layered(size: int) -> Graph:
    return [
        [number - number % ROW - ROW + (number + i) % ROW for i in range(BEHIND)] if number >= ROW else []
        for number in range(size)
    ]


SHAPES: dict[str, Callable[[int], Graph]] = {"wide": wide, "deep": deep, "layered": layered}


def run() -> Result:
    table: dict[str, dict[str, dict[str, float]]] = {}
    for shape, draw in SHAPES.items():
        table[shape] = {str(size): measured(draw(size), rounds) for size, rounds in SIZES.items()}
    worst = min(table, key=lambda shape: table[shape][str(HEADLINE)]["ratio"])
    growth = {
        shape: round(rows["100"]["steps/s"] / rows[str(HEADLINE)]["steps/s"], 2) for shape, rows in table.items()
    }
    headline = table[worst][str(HEADLINE)]
    detail = {"shape": worst, "size": HEADLINE, "cost of a step at 10,000 by that at 100": growth, "all": table}
    return Result("dag", "steps/s", headline["steps/s"], {"bare task group": headline["group/s"]}, detail)


def measured(graph: Graph, rounds: int) -> dict[str, float]:
    """Both in turn, the medians."""
    steps = [Step(f"s{i}", handler="work", depends_on=[f"s{j}" for j in after]) for i, after in enumerate(graph)]
    began = time.perf_counter()
    machine = compile_definition(Workflow("dag", steps))
    compiling = time.perf_counter() - began
    pairs = [(timed(ours, machine), timed(group, graph)) for _ in range(rounds)]
    mine, bare = (statistics.median(len(graph) / pair[i] for pair in pairs) for i in (0, 1))
    return {
        "steps/s": round(mine, 1),
        "group/s": round(bare, 1),
        "ratio": round(statistics.median(theirs / own for own, theirs in pairs), 3),
        "compile s": round(compiling, 2),
    }


def timed(main: Callable[[Any], Coroutine[Any, Any, float]], subject: Machine | Graph) -> float:
    """Seconds, as `main` measures them; the collector does not walk what was there before."""
    gc.collect()
    gc.freeze()
    try:
        return anyio.run(main, subject)
    finally:
        gc.unfreeze()


async def work(_: Work) -> None:
    return None


async def ours(machine: Machine) -> float:
    async with Executor(Memory(), {"work": work}) as executor:
        await executor.deploy(machine)
        began = time.perf_counter()
        outcome = await (await executor.start(machine.name)).wait()
        took = time.perf_counter() - began
    assert outcome.success
    return took


async def group(graph: Graph) -> float:
    waiting = [len(after) for after in graph]
    before: Graph = [[] for _ in graph]
    for number, after in enumerate(graph):
        for earlier in after:
            before[earlier].append(number)
    done = 0

    async def task(number: int) -> None:
        nonlocal done
        await work(None)  # type: ignore[arg-type]  # which it does not look at
        done += 1
        for later in before[number]:
            waiting[later] -= 1
            if not waiting[later]:
                tasks.start_soon(task, later)

    began = time.perf_counter()
    async with anyio.create_task_group() as tasks:
        for number, count in enumerate(waiting.copy()):
            if not count:
                tasks.start_soon(task, number)
    assert done == len(graph)
    return time.perf_counter() - began
