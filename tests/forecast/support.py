"""What the tests of the forecast share: generated spreads and assumptions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from statewf.forecast import (
    Arrival,
    Assumptions,
    Constant,
    Exponential,
    Likely,
    LogNormal,
    Returns,
    Sample,
    Spread,
    Uniform,
)
from statewf.machine.fsm import Machine
from statewf.simulator.scenario import Decision, Fail, Hang, Ok, Send

discrete: st.SearchStrategy[Spread] = st.one_of(
    st.integers(0, 90).map(Constant),
    st.lists(st.integers(0, 90), min_size=1, max_size=3).map(lambda listed: Sample(tuple(listed))),
)
spreads: st.SearchStrategy[Spread] = st.one_of(
    discrete,
    st.tuples(st.integers(0, 40), st.integers(0, 40)).map(lambda two: Uniform(min(two), max(two))),
    st.integers(0, 60).map(Exponential),
    st.tuples(st.integers(1, 40), st.integers(0, 90)).map(lambda two: LogNormal(two[0], sum(two))),
)


def chances(number: int) -> st.SearchStrategy[list[float]]:
    """So many chances; they add to at most 1, mostly to 1."""
    parts = st.lists(st.integers(1, 5), min_size=number + 1, max_size=number + 1)
    return st.tuples(parts, st.integers(0, 3)).map(
        lambda told: [
            part / (sum(told[0][:number]) + (told[0][number] if told[1] == 3 else 0)) for part in told[0][:number]
        ]
    )


@st.composite
def likely(draw: st.DrawFn, what: Sequence[Any], times: st.SearchStrategy[Spread]) -> tuple[Likely[Any], ...]:
    """Some of these, with chances."""
    chosen = draw(st.lists(st.sampled_from(what), min_size=1, max_size=3, unique=True))
    shares = draw(chances(len(chosen)))
    return tuple(
        Likely(each, share, draw(times), draw(st.booleans())) for each, share in zip(chosen, shares, strict=True)
    )


@st.composite
def assumptions(draw: st.DrawFn, machine: Machine, times: st.SearchStrategy[Spread] = spreads) -> Assumptions:
    """Assumptions of all that a machine calls, asks and hears of."""
    events = list(machine.listeners)
    does = [Returns(), Ok({"well": True}), Fail("down", "Down"), Fail("gone", "Gone", retryable=False), Hang()]
    does += [Send(event) for event in events]
    words = [Decision("approved"), Decision("rejected"), Decision("retry"), Decision("later")]
    told = draw(st.lists(st.sampled_from(events), unique=True)) if events else []
    shares = draw(chances(len(told) or 1))
    return Assumptions(
        handlers={name: draw(likely(does, times)) for name in machine.handlers()},
        tasks={name: draw(likely(words, times)) for name in machine.asking()},
        events={
            event: Arrival(draw(st.sampled_from([None, share])), draw(times))
            for event, share in zip(told, shares, strict=False)
        },
    )
