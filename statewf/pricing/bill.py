"""The bill of an execution, line by line.

Where the price lists of others are vague this is what holds, and why; each line of a bill says so again.

    what is charged        An execution that ended well. What fails or is cancelled is not charged: its customer got
                           nothing. Before the end a bill says what it would be by now.
    rates                  `humanReview` if a person was asked (a task was opened, and be it that nobody answered), else
                           `automated`: what is dear is the person.
    stepRates              Of each step that succeeded, once: attempts are our affair. Nested steps too, for an id is that
                           of one step in a file, and whoever gave it a price meant it. What succeeded in a block that
                           failed tolerably was done, and is charged. What was called off (a loser of `any`, `first` or
                           a quorum) is not, whatever its handler still does: that is a race, and nobody asked for it
                           any more. What was undone afterwards succeeded, but then the whole has failed. Of a state each
                           time it is entered.
    parallelDiscount       Off all of that, if a parallel step succeeded: the discount is for what runs at once, and what
                           it saves is time of the whole.
    discounts.volume       Off what is left then: one after the other, not added up, so that no two shares can come to
                           more than all of it. The order of the two makes no difference to the sum.
    failureRefund          Given back if some step failed and the workflow completed nevertheless; last, for it is an
                           amount and no share, and never more than is left. The seed's sample charges the refund itself
                           instead of the rate; a refund is what goes back, and with its figures (2 and 1) both come to 1.
    time-based             duration x rate, and for each step its duration x rate x (its multiplier - 1), which is less
                           than nothing below 1. A step that others wait for and one beside it both count, as in the
                           seed's sample; so steps beside each other can take off more than there is, and a bill is
                           never below nothing. Then it is at least `minimum` and at most `maximum`.

Only the total is rounded: rounded lines would not sum up to what they stand for. A bill tells the exact sum when that is
another. Below: `usage`, `money`, the price lists of definitions. Above: the package.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from decimal import Decimal, localcontext
from typing import Any, assert_never

import attrs

from statewf.compiler import Notes
from statewf.compiler.plan import plan
from statewf.definition.model import Definition, Workflow
from statewf.definition.places import shown
from statewf.definition.pricing import VOLUMES, Billing, PerExecution, Tier, TimeBased
from statewf.expr import UNDEFINED, Expression, Fault
from statewf.machine.fsm import Machine
from statewf.pricing.money import rounded
from statewf.pricing.usage import Usage
from statewf.values.decimals import EXACT, spelled
from statewf.values.frozen import Object

SECOND = Decimal(1000)  # ms
NOTHING = Decimal(0)


@attrs.frozen
class Line:
    """One part of a bill: what it is, the exact amount, and how that comes about."""

    what: str
    amount: Decimal
    how: str = ""

    def document(self) -> dict[str, str]:
        """The line as JSON; the amount is decimal text."""
        return {"what": self.what, "amount": spelled(self.amount), **({"how": self.how} if self.how else {})}


@attrs.frozen
class Bill:
    """What an execution costs: the sum of its `lines`, rounded.

    `final`: it has ended, and nothing changes that any more. `faults`: where billing has no answer.
    """

    currency: str
    lines: tuple[Line, ...]
    final: bool
    customer: str | float | None = None
    volume: int | None = None
    faults: tuple[str, ...] = ()

    @property
    def exact(self) -> Decimal:
        """The sum of the lines."""
        return _sum(self.lines)

    @property
    def total(self) -> Decimal:
        """The same in whole minor units of the currency, half even."""
        return rounded(self.exact, self.currency)

    def document(self) -> dict[str, Any]:
        """The bill as JSON, as `statewf cost --json` prints it."""
        return {
            "total": str(self.total),
            "exact": spelled(self.exact),
            "currency": self.currency,
            "final": self.final,
            "customer": self.customer,
            "volume": self.volume,
            "lines": [line.document() for line in self.lines],
        }


def bill(usage: Usage, at: int | None = None) -> Bill | None:
    """The bill of what was used; None without a price list, or before the start.

    `at` is now, in ms, for what is still running.
    """
    with localcontext(EXACT):
        return _bill(usage, at)


def _bill(usage: Usage, at: int | None) -> Bill | None:
    definition = _definition(usage)
    prices, snapshot = definition.pricing, usage.snapshot
    if prices is None or snapshot is None:
        return None
    customer, volume = _customer(usage), _volume(usage)
    match prices:
        case PerExecution():
            lines = tuple(_per_execution(usage, prices, volume))
        case TimeBased():
            lines = tuple(
                _time_based(usage, prices, usage.at if snapshot.ended or at is None else max(at, usage.at))
            )
        case _:
            assert_never(prices)
    if snapshot.ended == "failure":
        lines = (*lines, Line("not charged", -_sum(lines), "it did not end well"))
    if customer.why:
        lines = (*lines, Line("nobody to charge", NOTHING, customer.why))
    faults = tuple(said.why for said in (customer, volume) if said.fault)
    return Bill(prices.currency, lines, bool(snapshot.ended), customer.value, volume.value, faults)


def _sum(lines: Iterable[Line]) -> Decimal:
    with localcontext(EXACT):
        return sum((line.amount for line in lines), NOTHING)


def cost(usage: Usage) -> str | None:
    """The total as decimal text, of an execution that has ended; None of others, and without a price list."""
    made = bill(usage)
    return str(made.total) if made is not None and made.final else None


def counted(usage: Usage) -> Hashable:
    """What of a usage, besides times and the volume, decides the price: usages that are equal in this cost the same."""
    prices, snapshot = _definition(usage).pricing, usage.snapshot
    if not isinstance(prices, PerExecution) or snapshot is None:
        return None
    done = tuple(usage.done[name] for name in prices.step_rates)
    blocks = tuple(_parallel(usage)) if prices.parallel_discount is not None else ()
    refunded = prices.failure_refund is not None and bool(snapshot.book.failed)
    return done, blocks, refunded, usage.asked and prices.rates is not None


def is_timed(machine: Machine) -> bool:
    """Whether the price of an execution depends on how long it takes."""
    return isinstance(machine.notes, Notes) and isinstance(machine.notes.definition.pricing, TimeBased)


def _definition(usage: Usage) -> Definition:
    assert isinstance(usage.machine.notes, Notes), "a machine that no compiler made"
    return usage.machine.notes.definition


# --- by the execution


def _per_execution(usage: Usage, prices: PerExecution, volume: _Said) -> Iterator[Line]:
    lines = [*_base(usage, prices), *_steps(usage, prices)]
    yield from lines
    left = _sum(lines)
    if prices.parallel_discount is not None and (blocks := _parallel(usage)):
        off = left * prices.parallel_discount
        left -= off
        yield Line(
            "parallel discount", -off, f"{_percent(prices.parallel_discount)}, for {', '.join(blocks)} ran at once"
        )
    if prices.discounts is not None and volume.value is None:
        yield Line("no volume discount", NOTHING, volume.why)
    elif (tier := _tier(prices, volume.value)) is not None:
        off = left * tier.discount
        left -= off
        yield Line("volume discount", -off, f"{_percent(tier.discount)}, for a volume of {volume.value:,}")
    failed = () if usage.snapshot is None else tuple(usage.snapshot.book.failed.values())
    if prices.failure_refund is not None and failed:
        yield Line("failure refund", -min(left, prices.failure_refund), f"{', '.join(map(str, failed))} failed")


def _base(usage: Usage, prices: PerExecution) -> Iterator[Line]:
    if prices.rates is not None:
        asked = usage.asked
        amount = prices.rates.human_review if asked else prices.rates.automated
        yield Line("execution", amount, "a person was asked" if asked else "nobody was asked")
        return
    rate = prices.rate if prices.rate is not None else prices.base_rate
    if rate is not None:
        yield Line("execution", rate)


def _steps(usage: Usage, prices: PerExecution) -> Iterator[Line]:
    for name, rate in prices.step_rates.items():
        if times := usage.done[name]:
            yield Line(name, rate * times, f"{times} x {spelled(rate)}" if times > 1 else "")


def _parallel(usage: Usage) -> list[str]:
    """The parallel steps that succeeded."""
    definition = _definition(usage)
    if not isinstance(definition, Workflow):
        return []
    nodes = plan(definition).nodes.values()
    return [node.id for node in nodes if node.step.type == "parallel" and usage.done[node.id]]


def _tier(prices: PerExecution, volume: int | None) -> Tier | None:
    if prices.discounts is None or volume is None:
        return None
    fitting = (t for t in prices.discounts.volume if t.min <= volume and (t.max is None or volume <= t.max))
    return next(fitting, None)


def _percent(share: Decimal) -> str:
    return f"{spelled(share * 100)} %"


# --- by time


def _time_based(usage: Usage, prices: TimeBased, at: int) -> Iterator[Line]:
    seconds = (at - usage.began) / SECOND
    yield (whole := Line("time", seconds * prices.rate, f"{spelled(seconds)} s x {spelled(prices.rate)}"))
    due, busy = whole.amount, usage.busy(at)
    for name, factor in prices.step_multipliers.items():
        if busy[name]:
            more = busy[name] / SECOND
            amount = more * prices.rate * (factor - 1)
            due += amount
            yield Line(name, amount, f"{spelled(more)} s x {spelled(prices.rate)} x ({spelled(factor)} - 1)")
    least = prices.minimum or NOTHING
    if due < least:
        what = f"up to the minimum of {spelled(least)}" if least else "not below nothing"
        yield Line(what, least - due)
    elif prices.maximum is not None and due > prices.maximum:
        yield Line(f"down to the maximum of {spelled(prices.maximum)}", prices.maximum - due)


# --- whom, and how many


@attrs.frozen
class _Said:
    """What billing says, or `why` that is nothing; then it may be a `fault`."""

    value: Any = None
    why: str = ""
    fault: bool = False


def _customer(usage: Usage) -> _Said:
    """Whom to charge: text or a number, as billing says, or else what `inputs.customerId` is, if it is there."""
    billing = _definition(usage).billing or Billing()
    said = _asked(usage, "customer", billing.customer, "customerId")
    if isinstance(said.value, str | int | float) and not isinstance(said.value, bool):
        return _Said(said.value)
    absent = billing.customer is None and said.value is UNDEFINED
    return _Said() if absent else _unfit(said, "neither text nor a number")


def _volume(usage: Usage) -> _Said:
    """How many executions the customer has: a whole number, be it written 150.0; as billing says, or else `inputs.volume`."""
    if usage.volume is not None:
        return _Said(usage.volume)
    billing = _definition(usage).billing or Billing()
    said = _asked(usage, "volume", billing.volume, "volume")
    found = said.value
    if isinstance(found, float) and found.is_integer():
        found = int(found)
    if isinstance(found, int) and not isinstance(found, bool) and 0 <= found <= VOLUMES:
        return _Said(found)
    return _unfit(said, f"no whole number from 0 to {VOLUMES:,}")


def _asked(usage: Usage, key: str, expression: Expression | None, default: str) -> _Said:
    """What billing says under a key, or else an input; `why` tells whose answer it is, or the fault."""
    snapshot = usage.snapshot
    assert snapshot is not None, "a bill is of what has started"
    if expression is None:
        return _Said(snapshot.inputs.get(default, UNDEFINED), f"inputs.{default}")
    scope: Mapping[str, Any] = {
        "inputs": snapshot.inputs,
        "context": snapshot.context,
        "results": Object(sorted(snapshot.book.results.items())),
    }
    try:
        return _Said(expression.evaluate(scope), f"billing.{key}")
    except Fault as fault:
        return _Said(why=f"billing.{key}: {fault}", fault=True)


def _unfit(said: _Said, what: str) -> _Said:
    """Nothing, and why."""
    if said.fault:
        return said
    found = "is not there" if said.value is UNDEFINED else f"is {shown(said.value)}, {what}"
    return _Said(why=f"{said.why} {found}")
