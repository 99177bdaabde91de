"""What an execution costs, written a second time: the seed's two formulas, in fractions, over what can be seen of it.

What was completed is read off the moves, and for how long something was at work off the snapshots between the steps:
nothing of `statewf.pricing` is asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

from statewf.definition.model import StateMachine
from statewf.definition.pricing import PerExecution, TimeBased
from statewf.machine.effects import Emit
from statewf.machine.fsm import Machine
from statewf.machine.snapshot import Snapshot, Step, active

AT_REST = ("waiting", "succeeded", "failed", "skipped", "cancelled", "compensated", "compensation-failed")
DIGITS = {"USD": 2, "EUR": 2, "JPY": 0, "BHD": 3}


def total(machine: Machine, steps: Sequence[Step], volume: int | None) -> Fraction:
    """What is to be paid, in whole minor units."""
    exact = owed(machine, steps, volume)
    return Fraction(round(exact, DIGITS[machine.notes.definition.pricing.currency]))


def owed(machine: Machine, steps: Sequence[Step], volume: int | None) -> Fraction:
    """What it has cost until then, or in the end."""
    life = [made for made in steps if not made.before.ended]  # what comes after the end costs nothing
    if life[-1].after.ended == "failure":
        return Fraction(0)
    match machine.notes.definition.pricing:
        case PerExecution() as prices:
            return _of_execution(machine, prices, life, volume)
        case TimeBased() as prices:
            return _of_time(machine, prices, life)
    raise AssertionError("no price list")


def _of_execution(machine: Machine, prices: PerExecution, life: Sequence[Step], volume: int | None) -> Fraction:
    asked = any(
        isinstance(effect, Emit) and effect.event == "HumanTask.created" for m in life for effect in m.effects
    )
    base = [prices.rate, prices.base_rate]
    if prices.rates is not None:
        base.append(prices.rates.human_review if asked else prices.rates.automated)
    cost = sum((Fraction(rate) for rate in base if rate is not None), Fraction(0))
    completed = done(machine, life)
    for name in completed:
        cost += Fraction(prices.step_rates.get(name, 0))
    blocks = {region.name for region in machine.regions} & set(completed) & _blocks(machine)
    if prices.parallel_discount is not None and blocks:
        cost *= 1 - Fraction(prices.parallel_discount)
    if prices.discounts is not None and volume is not None:
        tiers = prices.discounts.volume
        fitting = [t for t in tiers if t.min <= volume <= (float("inf") if t.max is None else t.max)]
        cost *= 1 - Fraction(fitting[0].discount if fitting else 0)
    if prices.failure_refund is not None and life[-1].after.book.failed:
        cost = max(cost - Fraction(prices.failure_refund), Fraction(0))
    return cost


def _of_time(machine: Machine, prices: TimeBased, life: Sequence[Step]) -> Fraction:
    rate = Fraction(prices.rate)
    cost = Fraction(life[-1].after.at - life[0].after.at, 1000) * rate
    for name, duration in durations(machine, life).items():
        cost += Fraction(duration, 1000) * rate * (Fraction(prices.step_multipliers.get(name, 1)) - 1)
    cost = max(cost, Fraction(prices.minimum or 0))
    return cost if prices.maximum is None else min(cost, Fraction(prices.maximum))


def done(machine: Machine, life: Sequence[Step]) -> list[str]:
    """The steps that succeeded, or the states that were entered anew, as often as they were."""
    moves = [move for made in life for move in made.moves]
    if isinstance(machine.notes.definition, StateMachine):
        return [name for move in moves if move.attempt == 1 for name in move.entered]
    wanted = (move for move in moves if move.target == "succeeded" and move.source != "cancelling")
    return list(dict.fromkeys(move.region for move in wanted))


def durations(machine: Machine, life: Sequence[Step]) -> Counter[str]:
    """For how many ms each step or state was at work."""
    found: Counter[str] = Counter()
    for earlier, later in pairwise(life):
        for name in _working(machine, earlier.after):
            found[name] += later.after.at - earlier.after.at
    return found


def _working(machine: Machine, snapshot: Snapshot) -> list[str]:
    if isinstance(machine.notes.definition, StateMachine):
        return [name for local in active(snapshot) for name in machine.notes.active[local]]
    states = zip(machine.regions, active(snapshot), strict=True)
    return [
        region.name
        for region, state in states
        if state != "cancelling" and state.partition(".")[0] not in AT_REST and region.name != "workflow"
    ]


def _blocks(machine: Machine) -> set[str]:
    definition, found = machine.notes.definition, set()
    waiting = [] if isinstance(definition, StateMachine) else list(definition.steps)
    while waiting:
        step = waiting.pop()
        waiting += [inner for _, inner in step.inner()]
        found |= {step.id} if step.type == "parallel" else set()
    return found
