"""Best and worst cases: the values, and what a time that is known at least and at most costs.

Below: the price lists. Above: `extremes` and `rough`, which find them.
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any, Generic, TypeVar

import attrs

from statewf.definition.pricing import TimeBased
from statewf.forecast.outlook import total
from statewf.pricing import Usage

LONG = 10**15  # ms: 30,000 years

T = TypeVar("T")


@attrs.frozen
class Range(Generic[T]):
    """What something is at least and at most; None: there is no greatest."""

    least: T
    greatest: T | None


@attrs.frozen
class Extreme:
    """An end with its range of durations (ms) and, if it has a price, of prices."""

    state: str
    outcome: str
    duration: Range[int]
    price: Range[Decimal] | None

    def document(self) -> dict[str, Any]:
        """The same as JSON."""
        return {
            "state": self.state,
            "outcome": self.outcome,
            "duration": attrs.asdict(self.duration),
            "price": None if self.price is None else _told(self.price),
        }


def _told(price: Range[Decimal]) -> dict[str, str | None]:
    return {"least": str(price.least), "greatest": None if price.greatest is None else str(price.greatest)}


def price_of_time(prices: TimeBased, ended: Usage, duration: Range[int]) -> Range[Decimal]:
    """What so much time costs. A step with a price of its own may take all of it, or none."""
    longest = LONG if duration.greatest is None else duration.greatest
    cheap = Counter({name: longest for name, factor in prices.step_multipliers.items() if factor < 1})
    dear = Counter({name: longest for name, factor in prices.step_multipliers.items() if factor > 1})
    least = charged(attrs.evolve(ended, at=duration.least, spent=cheap))
    most = charged(attrs.evolve(ended, at=longest, spent=dear))
    bounded = duration.greatest is not None or prices.maximum is not None or not most
    return Range(least, most if bounded else None)


def charged(usage: Usage) -> Decimal:
    """What an execution costs that has ended so. There is a price list."""
    amount = total(usage)
    assert amount is not None, "there are prices"
    return amount
