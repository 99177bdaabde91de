"""How long it takes and how often it is tried, at most, and which way takes that long: the values of `bounds`.

A `Span` is a greatest time. Spans are added up one after another, and the longest or the shortest of several is
chosen; where there is no greatest time, a span says why. Each remembers the way that takes so long, as nested pairs
that share their parts, so that adding costs the same however long the way is.

Below: durations as they are spoken. Above: `states` and `steps`, which reckon; the command line.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import attrs

from statewf.values.duration import milliseconds, spoken

TOLD = 4  # parts of a way that are told in one line
DAY, HOUR, MINUTE, SECOND = 86_400_000, 3_600_000, 60_000, 1_000  # ms
# how exactly a duration is spoken: one that is less than the first figure, in multiples of the second
GRAINS = ((SECOND, 1), (10 * SECOND, 10), (MINUTE, 100), (HOUR, SECOND), (DAY, MINUTE), (DAY, HOUR))


class Leg(NamedTuple):
    """One part of a way: what takes the time, and how long, in ms; None: for ever, or nobody knows."""

    label: str
    ms: int | None

    def __str__(self) -> str:
        return f"{self.label} {rounded_up(self.ms)}" if self.ms else self.label


Way: TypeAlias = "tuple[Leg | Way, ...]"


class Span(NamedTuple):
    """A greatest time in ms, or None and `why` there is none."""

    ms: int | None = 0
    way: Way = ()
    why: str = ""

    def then(self, other: Span) -> Span:
        """Both, one after the other."""
        if self.ms is None or not other.way:
            return self
        way = (self.way, other.way) if self.way else other.way
        return Span(None if other.ms is None else self.ms + other.ms, way, other.why)

    def legs(self) -> tuple[Leg, ...]:
        """The way, part by part."""
        return tuple(_flat(self.way))

    @property
    def size(self) -> tuple[bool, int]:
        """What to sort spans by."""
        return self.ms is None, self.ms or 0


NOTHING = Span()


def lasting(label: str, ms: int) -> Span:
    """What takes so long, at most."""
    return Span(ms, (Leg(label, ms),))


def endless(label: str, why: str) -> Span:
    """What may take for ever."""
    return Span(None, (Leg(label, None),), why)


def longest(spans: Iterable[Span]) -> Span:
    """The longest of them, of equals the first; nothing, if there is none."""
    return max(spans, key=_size, default=NOTHING)


def shortest(spans: Iterable[Span]) -> Span:
    """The shortest of them, of equals the first. There is one at least."""
    return min(spans, key=_size)


def _size(span: Span) -> tuple[bool, int]:
    return span.size


def _flat(way: Way) -> Iterator[Leg]:
    stack: list[Leg | Way] = [way]
    while stack:
        part = stack.pop()
        if isinstance(part, Leg):
            yield part
        else:
            stack += reversed(part)


# --- what is said of a machine


@attrs.frozen
class End:
    """What a run that ends in this terminal state has taken: `least` and `greatest` in ms, and so many attempts.

    `greatest` and `most` are None where there is no bound; `why` says then what may take for ever, `often` what may be
    tried for ever. `way` is the longest way there, or the one that may take for ever up to where it does.
    """

    state: str
    least: int
    greatest: int | None
    fewest: int
    most: int | None
    way: tuple[Leg, ...] = ()
    why: str = ""
    often: str = ""

    def document(self) -> dict[str, Any]:
        """As JSON; the reasons only where there is no bound."""
        return {
            "state": self.state,
            "least": self.least,
            "greatest": self.greatest,
            **({"why": self.why} if self.greatest is None else {}),
            "attempts": {
                "least": self.fewest,
                "greatest": self.most,
                **({"why": self.often} if self.most is None else {}),
            },
            "longest": [leg._asdict() for leg in self.way],
        }


@attrs.frozen
class Bounds:
    """How long a machine takes, and how often it tries.

    `ends` has the terminal states that can be reached, in document order, the reserved ones last. `greatest` is the
    time in ms within which every run ends, or None, and `why` there is none; `way` is the way that takes so long.
    `each` says how often one state or handler is tried in one run, at most; None: there is no bound.
    """

    ends: tuple[End, ...]
    greatest: int | None
    way: tuple[Leg, ...] = ()
    why: str = ""
    each: Mapping[str, int | None] = attrs.field(factory=dict)

    def of(self, state: str) -> End | None:
        """What is said of one terminal state; None if no run ends there."""
        return next((end for end in self.ends if end.state == state), None)

    def among(self, states: Container[str]) -> Bounds:
        """The bounds of a machine of which it is known that it ends in one of these states."""
        ends = tuple(end for end in self.ends if end.state in states)
        if len(ends) == len(self.ends) or not ends:
            return attrs.evolve(self, ends=ends)
        last = max(ends, key=lambda end: (end.greatest is None, end.greatest or 0))
        return Bounds(ends, last.greatest, last.way[:-1], last.why, self.each)

    def document(self) -> dict[str, Any]:
        """As JSON; `why` only where there is no bound."""
        return {
            "greatest": self.greatest,
            **({"why": self.why} if self.greatest is None else {}),
            "longest": [leg._asdict() for leg in self.way],
            "ends": [end.document() for end in self.ends],
            "attempts": dict(self.each),
        }

    def __str__(self) -> str:
        if self.greatest is None:
            return f"may take for ever: {self.why}"
        way = " → ".join(_telling(self.way))
        return f"always ends within {rounded_up(self.greatest)}" + (f" (longest: {way})" if way else "")


def rounded_up(ms: int) -> str:
    """A greatest time as people say it: of two units, like all durations, but never less than it is."""
    told = spoken(ms)
    if milliseconds(told) == ms:
        return told
    grain = next((grain for below, grain in GRAINS if ms < below), GRAINS[-1][1])
    return spoken(-(-ms // grain) * grain)


def _telling(way: Sequence[Leg]) -> Iterator[str]:
    """The parts of a way that matter most, in their order."""
    timed = [leg for leg in way if leg.ms]
    told = sorted(range(len(timed)), key=lambda at: -(timed[at].ms or 0))[:TOLD]
    for before, at in zip([-1, *sorted(told)], sorted(told), strict=False):
        if at - before > 1:
            yield "…"
        yield str(timed[at])
    if timed and len(timed) - 1 not in told:
        yield "…"
