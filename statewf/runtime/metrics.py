"""What can be counted and measured of a running executor, for whatever library shows it.

`Metrics` is the port: two methods, which `prometheus_client`, OpenTelemetry and statsd all have under some name.
`Meter` is one that only remembers, `Guarded` one that harms nobody. `NAMES` says what the runtime tells.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol, TypeAlias

import attrs

from statewf.runtime.logs import Log

log = Log("statewf.metrics")

Labels: TypeAlias = Mapping[str, str]

NONE: Labels = MappingProxyType({})

# name -> what it says, and its labels
NAMES: Mapping[str, str] = MappingProxyType(
    {
        "statewf_steps_total": "steps that were kept, by machine",
        "statewf_rejected_total": "events that were refused, by machine and reason",
        "statewf_finished_total": "instances that ended, by machine and state",
        "statewf_commits_total": "commits, by outcome: kept or failed",
        "statewf_commit_seconds": "how long a commit took",
        "statewf_commit_steps": "how many steps it had",
        "statewf_calls_total": "calls of handlers, by handler and outcome: returned, failed or recalled",
        "statewf_call_seconds": "how long a handler took, by handler",
        "statewf_timer_late_seconds": "how long after its deadline a timer fired",
        "statewf_owner": "1 when this process became the owner of the store, -1 when it is it no more",
    }
)


class Metrics(Protocol):
    """Who is told. Both methods are called on the event loop, and must not wait."""

    def count(self, name: str, amount: int, labels: Labels) -> None:
        """A counter has grown (`statewf_owner` alone also falls)."""

    def observe(self, name: str, value: float, labels: Labels) -> None:
        """A value for a histogram."""


@attrs.define
class Guarded:
    """The same, but what they raise stops nothing: it is logged, once for each name that is told."""

    _metrics: Metrics
    _failed: set[str] = attrs.field(factory=set)

    def count(self, name: str, amount: int, labels: Labels) -> None:
        try:
            self._metrics.count(name, amount, labels)
        except Exception as error:
            self._complain(name, error)

    def observe(self, name: str, value: float, labels: Labels) -> None:
        try:
            self._metrics.observe(name, value, labels)
        except Exception as error:
            self._complain(name, error)

    def _complain(self, name: str, error: Exception) -> None:
        if name not in self._failed:
            self._failed.add(name)
            log.error("the metrics failed to take %s; that is not told again", name, exc_info=error)


BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 100.0)

Series: TypeAlias = "tuple[str, tuple[tuple[str, str], ...]]"


@attrs.define
class Histogram:
    """How many values were at most each of `BOUNDS`, the last count being of those above; their number and sum."""

    counts: list[int] = attrs.field(factory=lambda: [0] * (len(BOUNDS) + 1))
    count: int = 0
    total: float = 0.0

    def take(self, value: float) -> None:
        """One value more."""
        self.counts[bisect_left(BOUNDS, value)] += 1
        self.count += 1
        self.total += value


@attrs.define
class Meter:
    """Metrics that are remembered, by name and labels (`(name, value)` pairs, sorted)."""

    counters: dict[Series, int] = attrs.field(factory=dict)
    histograms: dict[Series, Histogram] = attrs.field(factory=dict)

    def count(self, name: str, amount: int, labels: Labels) -> None:
        series = (name, tuple(sorted(labels.items())))
        self.counters[series] = self.counters.get(series, 0) + amount

    def observe(self, name: str, value: float, labels: Labels) -> None:
        series = (name, tuple(sorted(labels.items())))
        self.histograms.setdefault(series, Histogram()).take(value)
