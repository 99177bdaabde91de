"""What will become of an instance, in figures: how likely each end is, when it comes, and what it costs.

Below: `chain`. Above: `crowd` and `exact`, which find the figures, and whoever shows them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal
from itertools import accumulate
from math import fsum, sqrt
from typing import Any, Generic, Literal, NamedTuple, TypeAlias, TypeVar

import attrs

from statewf.forecast.chain import Chain, Node
from statewf.machine.naming import base
from statewf.machine.record import state_of
from statewf.machine.snapshot import active
from statewf.pricing import Usage, bill

V = TypeVar("V", int, Decimal)

ROUNDING = 1e-9  # what a sum of probabilities may be off
CONFIDENCE = 1.96  # standard errors to both sides, of 95 %

Outcome: TypeAlias = Literal["success", "failure", "waiting", "endless", "cut"]


class Label(NamedTuple):
    """An end.

    `waiting`: it has none, for it waits in that state for ever; `endless`: nor has it one, for it runs in a circle.
    `cut`: nobody looked further, so many steps it had made.
    """

    state: str
    outcome: Outcome


@attrs.frozen
class Figures(Generic[V]):
    """A distribution: its mean, what a half, nine of ten and 99 of a hundred stay within, the least and the greatest."""

    mean: float
    p50: V
    p90: V
    p99: V
    least: V
    greatest: V


def figures(weights: Mapping[V, float]) -> Figures[V] | None:
    """The figures of values, each with its weight; None where there are none.

    A quantile is the least value that at least so much of the weight stays within (nearest rank, not interpolated).
    """
    if not weights:
        return None
    ordered = sorted(weights)
    sums = list(accumulate(weights[value] for value in ordered))
    p50, p90, p99 = (ordered[bisect_left(sums, share * sums[-1] * (1 - ROUNDING))] for share in (0.5, 0.9, 0.99))
    mean = fsum(float(value) * weight for value, weight in weights.items()) / sums[-1]
    return Figures(mean, p50, p90, p99, ordered[0], ordered[-1])


@attrs.frozen
class Bin:
    """A part of a histogram: from where to where (ms; None: without end), and which share lies there."""

    begin: int
    end: int | None
    share: float


_SECOND, _MINUTE, _HOUR, _DAY = 1_000, 60_000, 3_600_000, 86_400_000
_WIDTHS = (
    *(base * ten for ten in (1, 10, 100) for base in (1, 2, 5)),
    *(base * unit for unit in (_SECOND, _MINUTE) for base in (1, 2, 5, 10, 15, 30)),
    *(base * _HOUR for base in (1, 2, 3, 6, 12)),
    *(base * ten * _DAY for ten in (1, 10, 100, 1000, 10_000) for base in (1, 2, 5)),
)  # ms


def histogram(weights: Mapping[int, float], most: int = 12) -> list[Bin]:
    """Durations in about so many bins of one width, which people find round; what is beyond 99 % is in the last."""
    known = figures(weights)
    if known is None:
        return []
    begin = known.least
    width = next((w for w in _WIDTHS if (known.p99 - begin // w * w) // w < most), _WIDTHS[-1])
    begin = begin // width * width
    last = (known.p99 - begin) // width
    whole = fsum(weights.values())
    shares: dict[int, float] = defaultdict(float)
    for value, weight in weights.items():
        shares[min((value - begin) // width, last + 1)] += weight / whole
    bins = [Bin(begin + n * width, begin + (n + 1) * width, shares[n]) for n in range(last + 1)]
    return bins if not shares[last + 1] else [*bins, Bin(begin + (last + 1) * width, None, shares[last + 1])]


@attrs.define(eq=False)
class Tally:
    """What was counted, in lives or in probability: of each end the durations (ms) and prices, where failures came from.

    `time` is how long each state was there, or each step at work, ms times weight.
    """

    durations: dict[Label, dict[int, float]] = attrs.field(factory=lambda: defaultdict(lambda: defaultdict(float)))
    prices: dict[Label, dict[Decimal, float]] = attrs.field(factory=lambda: defaultdict(lambda: defaultdict(float)))
    blame: dict[tuple[str, str], float] = attrs.field(factory=lambda: defaultdict(float))
    time: dict[str, float] = attrs.field(factory=lambda: defaultdict(float))

    def end(self, label: Label, duration: int, price: Decimal | None, culprit: str, weight: float = 1.0) -> None:
        """Count one more that ended so."""
        self.durations[label][duration] += weight
        if price is not None:
            self.prices[label][price] += weight
        if culprit:
            self.blame[label.state, culprit] += weight


def label(node: Node) -> Label:
    """The end of who goes no further than to that node."""
    state = state_of(node.snapshot)
    match node.snapshot.ended:
        case "":
            steps = [name for name in node.busy if name != state]
            return Label(f"{state} ({', '.join(steps)})" if steps else state, "waiting")
        case "success":
            return Label(state, "success")
        case _:
            return Label(state, "failure")


def culprit(chain: Chain, before: Node, node: Node) -> str:
    """Where it was when it failed: the state it left for the end, or the step for which it failed; of a good end nothing."""
    if node.snapshot.ended != "failure":
        return ""
    if len(chain.machine.regions) == 1:
        return ", ".join(before.busy)
    failed = node.snapshot.book.failed
    if failed:
        return failed[0]
    states = zip(chain.machine.regions[1:], active(node.snapshot)[1:], strict=True)
    return next((region.name for region, state in states if base(state) == "cancelled"), "")


def total(usage: Usage) -> Decimal | None:
    """What an execution costs that has ended so; None without a price list."""
    made = bill(usage)
    return made.total if made is not None else None


@attrs.frozen
class End:
    """One of the ends: its probability, and when it comes (ms) and what it costs, if it does."""

    state: str
    outcome: Outcome
    probability: float
    duration: Figures[int] | None
    price: Figures[Decimal] | None


@attrs.frozen
class Outlook:
    """What will become of an instance.

    `duration` (ms) and `price` are of all that end. `time` is how long each state lasts in all, or each step is at
    work, on average (ms), the longest first; `blame` how likely which failure comes from where, as (end, state or
    step). `durations` are all there are of those that end (ms), each with its weight. `method` is `exact`, or
    `simulated` by so many `runs` with that `seed`; `size` how many nodes the chain had. `unsaid` are those of whom
    it depends and nothing was assumed.
    """

    machine: str
    method: Literal["exact", "simulated"]
    ends: tuple[End, ...]
    duration: Figures[int] | None
    price: Figures[Decimal] | None
    currency: str | None
    time: Mapping[str, float]
    blame: Mapping[tuple[str, str], float]
    durations: Mapping[int, float] = attrs.field(repr=False)
    size: int
    unsaid: tuple[str, ...]
    runs: int | None = None
    seed: int | None = None

    @property
    def success(self) -> float:
        """How likely it ends well."""
        return fsum(end.probability for end in self.ends if end.outcome == "success")

    def margin(self, probability: float) -> float:
        """What a probability may be off, with a confidence of 95 %."""
        return CONFIDENCE * sqrt(probability * (1 - probability) / self.runs) if self.runs else 0.0

    def document(self) -> dict[str, Any]:
        """The outlook as JSON: durations in ms, amounts as decimal text."""
        return {
            "machine": self.machine,
            "method": self.method,
            "runs": self.runs,
            "seed": self.seed,
            "nodes": self.size,
            "success": self.success,
            "ends": [
                {
                    "state": end.state,
                    "outcome": end.outcome,
                    "probability": end.probability,
                    "margin": self.margin(end.probability),
                    "duration": _document(end.duration),
                    "price": _document(end.price),
                }
                for end in self.ends
            ],
            "duration": _document(self.duration),
            "price": _document(self.price),
            "currency": self.currency,
            "histogram": [attrs.asdict(each) for each in histogram(self.durations)],
            "time": dict(self.time),
            "failures": [{"end": end, "at": at, "probability": share} for (end, at), share in self.blame.items()],
            "unsaid": list(self.unsaid),
        }


def _document(known: Figures[int] | Figures[Decimal] | None) -> dict[str, Any] | None:
    if known is None:
        return None
    told = attrs.asdict(known)
    return {key: str(value) if isinstance(value, Decimal) else value for key, value in told.items()}


def outlook(
    chain: Chain,
    tally: Tally,
    method: Literal["exact", "simulated"],
    runs: int | None = None,
    seed: int | None = None,
) -> Outlook:
    """The outlook of what was counted, the likeliest end first; `runs` is what all weights add to, else 1."""
    whole = runs or 1
    found = sorted(tally.durations, key=lambda label: (-fsum(tally.durations[label].values()), label))
    ends = tuple(
        End(
            *label,
            min(1.0, fsum(tally.durations[label].values()) / whole),
            figures(tally.durations[label]) if label.outcome in ("success", "failure") else None,
            figures(tally.prices[label]),
        )
        for label in found
    )
    definition = chain.notes.definition
    durations = _joined(tally.durations[label] for label in found if label.outcome in ("success", "failure"))
    return Outlook(
        machine=chain.machine.name,
        method=method,
        ends=ends,
        duration=figures(durations),
        price=figures(_joined(tally.prices[label] for label in found)),
        currency=definition.pricing.currency if definition.pricing is not None else None,
        time={name: tally.time[name] / whole for name in sorted(tally.time, key=lambda n: (-tally.time[n], n))},
        blame={at: tally.blame[at] / whole for at in sorted(tally.blame, key=lambda a: (-tally.blame[a], a))},
        durations=durations,
        size=len(chain),
        unsaid=chain.unsaid,
        runs=runs,
        seed=seed,
    )


def _joined(listed: Any) -> dict[Any, float]:
    joined: dict[Any, float] = defaultdict(float)
    for weights in listed:
        for value, weight in weights.items():
            joined[value] += weight
    return joined
