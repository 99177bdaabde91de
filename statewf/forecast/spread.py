"""How long something takes: a spread of durations, told by its quantiles, in ms.

Below: nothing. Above: `assumptions`, which say them, and `chain`, which draws of them.

A spread is its quantile function: `at(u)` is what a share `u` of all take at most. So one uniform number draws a
duration, and the same number draws the same one on every Python.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Protocol, TypeAlias

import attrs

_NINTH_DECILE = NormalDist().inv_cdf(0.9)
_LAST = 1 - 2**-53  # the greatest number below 1


class Spread(Protocol):
    """A spread of durations."""

    def at(self, share: float) -> int:
        """The duration that this share (0 to 1, exclusive of 1) stays within, whole ms."""

    @property
    def mean(self) -> float:
        """The expected duration, ms."""

    @property
    def points(self) -> Points | None:
        """The durations there are, each with its probability; None where there is a continuum of them."""

    @property
    def bounds(self) -> tuple[int, int | None]:
        """The least and the greatest duration; None: there is no greatest."""


Points: TypeAlias = tuple[tuple[float, int], ...]


@attrs.frozen
class Constant:
    """Always as long."""

    duration: int = 0

    def at(self, _: float) -> int:
        return self.duration

    @property
    def mean(self) -> float:
        return self.duration

    @property
    def points(self) -> Points:
        return ((1.0, self.duration),)

    @property
    def bounds(self) -> tuple[int, int]:
        return self.duration, self.duration


@attrs.frozen
class Sample:
    """One of these, each as likely: what was observed."""

    durations: tuple[int, ...]

    def at(self, share: float) -> int:
        return self.durations[int(share * len(self.durations))]

    @property
    def mean(self) -> float:
        return sum(self.durations) / len(self.durations)

    @property
    def points(self) -> Points:
        share = 1 / len(self.durations)
        return tuple((share * self.durations.count(each), each) for each in dict.fromkeys(self.durations))

    @property
    def bounds(self) -> tuple[int, int]:
        return min(self.durations), max(self.durations)


@attrs.frozen
class Uniform:
    """Between two durations, each as likely."""

    least: int
    most: int

    def at(self, share: float) -> int:
        return self.least + int(share * (self.most - self.least + 1))

    @property
    def mean(self) -> float:
        return (self.least + self.most) / 2

    @property
    def points(self) -> None:
        return None

    @property
    def bounds(self) -> tuple[int, int]:
        return self.least, self.most


@attrs.frozen
class Exponential:
    """As if it could end at any moment: the time between events of which nobody knows more than how often they come."""

    average: int

    def at(self, share: float) -> int:
        return round(-self.average * math.log1p(-share))

    @property
    def mean(self) -> float:
        return self.average

    @property
    def points(self) -> None:
        return None

    @property
    def bounds(self) -> tuple[int, None]:
        return 0, None


@attrs.frozen
class LogNormal:
    """Half of them take at most `median`, nine of ten at most `p90`: a long tail, as answers of people and services have."""

    median: int
    p90: int

    def at(self, share: float) -> int:
        if self.median == 0:
            return 0
        return round(self.median * math.exp(self._sigma * NormalDist().inv_cdf(max(share, 1 - _LAST))))

    @property
    def _sigma(self) -> float:
        return math.log(self.p90 / self.median) / _NINTH_DECILE

    @property
    def mean(self) -> float:
        return self.median * math.exp(self._sigma**2 / 2) if self.median else 0.0

    @property
    def points(self) -> None:
        return None

    @property
    def bounds(self) -> tuple[int, None]:
        return 0, None


AT_ONCE: Spread = Constant(0)
