"""Configurations a second of an exploration, beside the plain breadth-first search that tests hold the checker against.

Both look at all runs of the same machines, in turn: an order, and a workflow of three branches that are each tried three
times and joined. The plain search (`tests.checker.runs.naive`) goes from snapshot to snapshot, and comes to many that are
one configuration; told is how many configurations either settles in a second, and in the detail how many states the
plain search went through for them.

`wide` is a block of so many branches between a step that can be undone and a step at the end: how long `check` takes,
and how many configurations it says there are (as text: no machine word holds them), and whether that is all of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import statewf
from statewf.compiler import compile_definition
from statewf.definition.model import Compensation, CompensationAction, RetryPolicy, Step, Workflow
from statewf.machine.explore import explore
from statewf.machine.fsm import Machine
from tests.benchmarks.measure import Result, progress, rates
from tests.benchmarks.step import order
from tests.checker.runs import naive

WIDTHS = (4, 8, 50, 200, 1_000)
ATTEMPTS = 3
TIMEOUT = 30_000  # ms
ROUNDS = 3
LONG = 2_000  # states of a search that takes long enough to be timed
ENOUGH = 100_000  # nodes of either search: more than there are


def joined() -> Workflow:
    """Three branches, and a step after them."""
    branches = [Step(f"b{number}", retry_policy=RetryPolicy(ATTEMPTS)) for number in range(3)]
    return Workflow("joined", [Step("all", type="parallel", steps=branches), Step("last")])


def wide(width: int) -> Workflow:
    """A block of so many branches, with something to undo before it and something to do after it."""
    policy = RetryPolicy(ATTEMPTS)
    branches = [Step(f"b{number}", retry_policy=policy, timeout=TIMEOUT) for number in range(width)]
    first = Step("first", compensation=Compensation(CompensationAction("undo-first")))
    return Workflow("wide", [first, Step("all", type="parallel", steps=branches), Step("last")])


def run() -> Result:
    table = {definition.name: measured(compile_definition(definition)) for definition in (order(), joined())}
    headline = table["joined"]
    others = {"naive": headline["naive configurations/s"]}
    detail = {"rounds": ROUNDS, "all": table, "wide": {str(width): checked(width) for width in WIDTHS}}
    return Result("check", "configurations/s", headline["configurations/s"], others, detail)


def measured(machine: Machine) -> dict[str, float]:
    """Both in turn, the medians."""
    progress(f"check: {machine.name}, {ROUNDS} rounds")
    configurations = len(explore(machine, ENOUGH).configurations)
    states = plain(machine)
    again = max(1, LONG // states)  # a search of a few milliseconds says little

    def ours() -> int:
        return sum(len(explore(machine, ENOUGH).configurations) for _ in range(again))

    def theirs() -> int:
        assert sum(plain(machine) for _ in range(again)) == states * again
        return configurations * again

    runs: dict[str, Callable[[], Callable[[], int]]] = {"ours": lambda: ours, "naive": lambda: theirs}
    figures = rates(runs, ROUNDS)
    return {
        "configurations": configurations,
        "configurations/s": round(figures["ours"], 1),
        "naive states": states,
        "naive states/s": round(figures["naive"] * states / configurations, 1),
        "naive configurations/s": round(figures["naive"], 1),
        "ratio": round(figures["ours"] / figures["naive"], 3),
    }


def plain(machine: Machine) -> int:
    """How many states the plain search comes to; there is one world, for no condition reads data."""
    ((inputs, data),) = naive.worlds(machine)
    found = naive.explored(machine, inputs, data, ENOUGH)
    assert found.whole
    return len(found.snapshots)


def checked(width: int) -> dict[str, Any]:
    """What `check` says of a wide block, and the seconds it takes."""
    progress(f"check: a block of {width:,}")
    definition = wide(width)
    began = time.perf_counter()
    report = statewf.check(definition)
    took = time.perf_counter() - began
    return {"seconds": round(took, 3), "configurations": f"{report.configurations}", "exact": not report.bounded}
