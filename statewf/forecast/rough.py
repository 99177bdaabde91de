"""Best and worst case where too much can happen to look at all of it: the bounds of the checker, and prices by what can be charged.

No life is outside of them; but that they can be reached is not said, and what is assumed of durations makes them no
narrower.

Below: `cases`, the checker's bounds. Above: `whole`, which asks here when `extremes` has no answer.
"""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import assert_never

from statewf.checker.bounds import bounds
from statewf.definition.model import StateMachine
from statewf.definition.pricing import PerExecution, TimeBased
from statewf.forecast.assumptions import Assumptions
from statewf.forecast.cases import Extreme, Range, price_of_time
from statewf.machine.fsm import CANCELLED, Machine
from statewf.machine.snapshot import blank
from statewf.pricing import Usage
from statewf.pricing.money import rounded
from statewf.values.decimals import EXACT


def rough(machine: Machine, said: Assumptions) -> tuple[Extreme, ...]:
    """Safe bounds of each end, but of being cancelled: nobody cancels in a forecast."""
    states = (item for region in machine.regions for item in region.states.items())
    outcomes = {name: state.terminal for name, state in states if state.terminal is not None}
    by_hand = CANCELLED if isinstance(machine.notes.definition, StateMachine) else "cancelled"
    found = []
    for end in bounds(machine).ends:
        outcome, duration = outcomes[end.state], Range(end.least, end.greatest)
        if end.state != by_hand:
            found.append(Extreme(end.state, outcome, duration, _prices(machine, said, outcome, duration)))
    return tuple(sorted(found, key=lambda case: (case.state, case.outcome)))


def _prices(machine: Machine, said: Assumptions, outcome: str, duration: Range[int]) -> Range[Decimal] | None:
    prices = machine.notes.definition.pricing
    match prices:
        case None:
            return None
        case _ if outcome == "failure":
            nothing = rounded(Decimal(0), prices.currency)
            return Range(nothing, nothing)
        case TimeBased():
            ended = blank(machine, "any")._replace(inputs=said.inputs, ended=outcome)
            return price_of_time(prices, Usage(machine, said.volume, snapshot=ended), duration)
        case PerExecution():
            return _per_execution(machine, prices)
        case _:
            assert_never(prices)


def _per_execution(machine: Machine, prices: PerExecution) -> Range[Decimal]:
    """At least the lower rate with all that may be taken off and no step done; at most the higher one with all steps done.

    Of a state machine there is no limit: nothing says here how often a state is entered.
    """
    rates = [rate for rate in (prices.rate, prices.base_rate) if rate is not None]
    if prices.rates is not None:
        rates = [prices.rates.automated, prices.rates.human_review]
    with localcontext(EXACT):
        least = min(rates, default=Decimal(0)) * (1 - (prices.parallel_discount or 0))
        if prices.discounts is not None:
            least *= 1 - max((tier.discount for tier in prices.discounts.volume), default=0)
        least = max(least - (prices.failure_refund or 0), Decimal(0))
        most = max(rates, default=Decimal(0)) + sum(prices.step_rates.values())
    unlimited = prices.step_rates and isinstance(machine.notes.definition, StateMachine)
    return Range(rounded(least, prices.currency), None if unlimited else rounded(most, prices.currency))
