"""Simulated instances a second: our invoice processing, under assumptions, beside a plain SimPy model of the same process.

Both draw the same outcomes with the same chances and exponential durations; the shares of the ends are told beside the figures,
for a model that is quick because it is wrong proves nothing. Ours also tells what each instance costs, and where it failed. The
SimPy model is the quickest way to write it: no resources, no events to wait for but the passing of time, and where a handler is
late the timeout is waited for instead. `order` is our order machine, alone.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Generator
from pathlib import Path
from random import Random
from typing import Any

import simpy

import statewf as wf
from statewf.forecast import Assumptions, read_assumptions
from statewf.forecast.chain import Chain
from statewf.forecast.crowd import Crowd
from statewf.machine.fsm import Machine
from tests.benchmarks.measure import Result, rates

RUNS = 5_000
ROUNDS = 5
MACHINES = Path(__file__).parents[2] / "machines"

HANDLERS = {  # how often each succeeds, and how many ms it takes on average
    "extract": (0.9, 8_000),
    "validate": (0.8, 2_000),
    "approve": (0.95, 60_000),
    "process-payment": (0.8, 15_000),
    "update-accounting": (0.95, 3_000),
    "notify-completion": (0.9, 1_000),
    "reverse-approval": (0.9, 2_000),
    "notify-failure": (0.9, 1_000),
}
APPROVED, REVIEW = 0.8, 4 * 3_600_000  # how often a reviewer approves, and how long that takes on average
LONGEST_REVIEW = 3 * 86_400_000

ORDER = {
    "handlers": {
        "check-order": {"answers": {"VALIDATION_SUCCESS": 0.9, "VALIDATION_FAILED": 0.1}, "after": {"mean": "8s"}},
        "charge-payment": {"answers": {"PAYMENT_SUCCESS": 0.8, "PAYMENT_FAILED": 0.2}, "after": {"mean": "2s"}},
    },
    "events": {
        "VALIDATE": {"chance": 0.95, "after": {"mean": "10m"}},
        "CANCEL": {"chance": 0.05, "after": {"mean": "5m"}},
        "SHIPPED": {"chance": 0.9, "after": {"mean": "1d"}},
        "FULFILLMENT_FAILED": {"chance": 0.1, "after": {"mean": "1h"}},
        "DELIVERED": {"chance": 0.97, "after": {"mean": "2d"}},
        "RETURN_REQUESTED": {"chance": 0.03, "after": {"mean": "3d"}},
    },
}


def run() -> Result:
    invoice = wf.compile(wf.load(MACHINES / "invoice_processing.yaml"))
    order = wf.compile(wf.load(MACHINES / "order.yaml"))
    ends: dict[str, Counter[str]] = {name: Counter() for name in ("ours", "simpy", "order")}
    figures = rates(
        {
            "ours": _ours(invoice, _invoices(invoice), ends["ours"]),
            "simpy": _simpy(ends["simpy"]),
            "order": _ours(order, read_assumptions(ORDER, machine=order), ends["order"]),
        },
        ROUNDS,
    )
    detail = {
        "order, instances/s": round(figures.pop("order"), 1),
        "instances a round": RUNS,
        "rounds": ROUNDS,
        "ends": {name: _shares(counted) for name, counted in ends.items()},
    }
    return Result("simulate", "instances/s", figures.pop("ours"), figures, detail)


def _shares(counted: Counter[str]) -> dict[str, float]:
    return {state: round(number / counted.total(), 4) for state, number in sorted(counted.items())}


# --- ours


def _invoices(machine: Machine) -> Assumptions:
    told: dict[str, Any] = {
        "handlers": {
            name: {"success": chance, "after": {"mean": mean}} for name, (chance, mean) in HANDLERS.items()
        },
        "tasks": {"validate": {"decisions": {"approved": APPROVED, "rejected": None}, "after": {"mean": REVIEW}}},
    }
    return read_assumptions(told, machine=machine)


def _ours(machine: Machine, assumptions: Assumptions, ends: Counter[str]) -> Callable[[], Callable[[], int]]:
    """A new chain each round, so that finding its nodes is part of the price."""
    seeds = iter(range(ROUNDS))

    def prepare() -> Callable[[], int]:
        seed = next(seeds)

        def drive() -> int:
            crowd = Crowd(Chain(machine, assumptions), seed)
            for _ in range(RUNS):
                crowd.live()
            for label, durations in crowd.tally.durations.items():
                ends[label.state] += round(sum(durations.values()))
            return RUNS

        return drive

    return prepare


# --- SimPy

Going = Generator[simpy.Event, Any, bool]


class _Invoice:
    """The process of one invoice."""

    def __init__(self, env: simpy.Environment, chance: Callable[[], float]) -> None:
        self.env = env
        self.chance = chance
        self.end = ""

    def exponential(self, mean: float) -> float:
        return round(-mean * math.log1p(-self.chance()))

    def attempt(self, handler: str, timeout: float) -> Going:
        share, mean = HANDLERS[handler]
        well = self.chance() < share
        lasts = self.exponential(mean)
        yield self.env.timeout(min(lasts, timeout))
        return well and lasts <= timeout

    def step(
        self, handler: str, timeout: float = math.inf, attempts: int = 2, base: int = 1_000, *, linear: bool = False
    ) -> Going:
        for number in range(1, attempts + 1):
            if (yield from self.attempt(handler, timeout)):
                return True
            if number < attempts:
                yield self.env.timeout(min(base * (number if linear else 2 ** (number - 1)), 30_000))
        return False

    def review(self) -> Going:
        approved = self.chance() < APPROVED
        lasts = self.exponential(REVIEW)
        yield self.env.timeout(min(lasts, LONGEST_REVIEW))
        return approved and lasts <= LONGEST_REVIEW

    def run(self) -> Generator[simpy.Event, Any, None]:
        self.end = "failed"
        if not (yield from self.step("extract", 30_000, 3)):
            return
        if not ((yield from self.step("validate", 10_000, 2, 2_000, linear=True)) or (yield from self.review())):
            return
        if not (yield from self.step("approve", 300_000)):
            return
        if not (yield from self.step("process-payment", 60_000, 3, 5_000)):
            undone = [(yield from self.step("reverse-approval")), (yield from self.step("notify-failure"))]
            self.end = "compensated" if all(undone) else "compensation-failed"
            return
        yield from self.step("update-accounting", 30_000)
        yield from self.step("notify-completion")
        self.end = "completed"


def _simpy(ends: Counter[str]) -> Callable[[], Callable[[], int]]:
    seeds = iter(range(ROUNDS))

    def prepare() -> Callable[[], int]:
        chance = Random(next(seeds)).random

        def drive() -> int:
            for _ in range(RUNS):
                env = simpy.Environment()
                invoice = _Invoice(env, chance)
                env.process(invoice.run())
                env.run()
                ends[invoice.end] += 1
            return RUNS

        return drive

    return prepare
