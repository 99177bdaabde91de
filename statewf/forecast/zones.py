"""Zones: what is known of points in time from what must lie between them.

A difference-bound matrix (Dill 1989) over whole ms: `bounds[i][j]` is the most that point i lies after point j, inf
if nothing says so. Point 0 is now, point 1 the start of the instance, the others are when what is pending began.
Kept closed: no bound follows more narrowly from two others.

Below: nothing. Above: `extremes`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from operator import le
from typing import TypeAlias

Zone: TypeAlias = tuple[tuple[float, ...], ...]

NOW, START = 0, 1
BEGIN: Zone = ((0.0, 0.0), (0.0, 0.0))  # it starts now


def later(zone: Zone, least: Sequence[float], most: Sequence[float]) -> Zone | None:
    """The zone in which now is a later point: after each point i at least `least[i]`, at most `most[i]` (ms).

    None: there is none. The former now is no point of it any more.
    """
    size = range(len(zone))
    # what the bounds say of the new point x and each other one: x lies at most after[i] after it, it at most before[i] after x
    after = [min(most[j] + zone[j][i] for j in size) for i in size]
    before = [min(zone[i][j] - least[j] for j in size) for i in size]
    if any(after[i] + before[i] < 0 for i in size):
        return None
    narrowed = [[min(zone[i][j], before[i] + after[j]) for j in size] for i in size]
    rest = range(START, len(zone))
    return (
        (0.0, *(after[i] for i in rest)),
        *((before[i], *(narrowed[i][j] for j in rest)) for i in rest),
    )


def arranged(zone: Zone, points: Sequence[int]) -> Zone:
    """The zone with now, the start, and these points, of which some may be now."""
    chosen = (NOW, START, *points)
    return tuple(tuple(zone[i][j] for j in chosen) for i in chosen)


def lasted(zone: Zone) -> tuple[float, float]:
    """How long it has lasted by now, at least and at most."""
    return -zone[START][NOW], zone[NOW][START]


def apart(zone: Zone) -> Zone:
    """The zone without the start: what decides what can come next."""
    others = [i for i in range(len(zone)) if i != START]
    return tuple(tuple(zone[i][j] for j in others) for i in others)


def within(zone: Zone, other: Zone) -> bool:
    """Whether all that is in a zone is in another one of the same points."""
    return all(all(map(le, row, wider)) for row, wider in zip(zone, other, strict=True))


def hull(zone: Zone, other: Zone) -> Zone:
    """The least zone that holds both, of the same points; it may hold more."""
    return tuple(tuple(map(max, row, wider)) for row, wider in zip(zone, other, strict=True))


def unbounded(zone: Zone) -> Zone:
    """The zone with a start that may be any time ago, but no less than it is."""
    return tuple(
        tuple(inf if j == START and i != START else bound for j, bound in enumerate(row))
        for i, row in enumerate(zone)
    )
