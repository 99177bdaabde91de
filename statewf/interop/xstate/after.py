"""Delays: a state of ours has one timeout, with one target and no guard; XState has any number of both.

One delay that simply leads away is a timeout. Everything else is compiled into states within the one that waits,
which must have none of its own: `waiting` and one for each delay, which says so with an event that the state itself
answers, as XState's own timers do. So guards are asked when the time is up, whoever stays has not been left, and the
next delay runs on. Written again, such a state is one with `after`.

Below: the model. Above: `reading`, `writing`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import attrs

from statewf.definition.model import Raise, State, Transition

WAITING = "waiting"


def event(delay: int, name: str) -> str:
    """What tells the state of that full name that so many milliseconds are over."""
    return f"after.{delay}.{name}"


def clock(name: str, delays: Mapping[int, Sequence[Transition]]) -> dict[str, Any]:
    """What a state must have to answer to its delays: states, the first of them, and transitions by event."""
    marks = sorted(delays)
    keys = [WAITING, *(f"after-{mark}" for mark in marks)]
    states = {key: State(on_entry=Raise(event(mark, name))) for key, mark in zip(keys[1:], marks, strict=True)}
    states = {WAITING: State(), **states}
    for before, now, (key, following) in zip([0, *marks], marks, pairwise(keys), strict=False):
        states[key] = attrs.evolve(states[key], timeout=now - before, timeout_transition=following)
    on = {event(mark, name): tuple(delays[mark]) for mark in marks}
    return {"states": states, "initial": WAITING, "on": on}


def delays_of(state: State, name: str) -> dict[int, tuple[Transition, ...]] | None:
    """The delays that such a state answers to; None if it is another."""
    if state.initial != WAITING or WAITING not in state.states:
        return None
    marks = [key.removeprefix("after-") for key in state.states if key != WAITING]
    if not marks or not all(mark.isascii() and mark.isdigit() for mark in marks):
        return None
    delays = {int(mark): state.on.get(event(int(mark), name), ()) for mark in marks}
    if not all(delays.values()) or clock(name, delays)["states"] != state.states:
        return None
    return delays
