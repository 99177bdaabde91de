"""What is assumed of the world outside: what handlers answer, people decide, events come and conditions hold, how likely, and when.

Frozen values. Below: `spread`, and the words of scenarios, for an assumption is a scenario with chances. Above:
`assume`, which reads them from a document, `learn`, which makes them of histories, and `chain`, which goes by them.

What a list of chances leaves over is that nothing happens: a handler hangs, nobody decides, no event comes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Generic, TypeAlias, TypeVar

import attrs

from statewf.definition.places import Places
from statewf.definition.words import params
from statewf.expr import Expression
from statewf.forecast.spread import AT_ONCE, Spread
from statewf.simulator.scenario import Behaviour, Decision
from statewf.values.frozen import EMPTY, Object

T = TypeVar("T")


@attrs.frozen
class Returns:
    """The handler returns something, and nobody says what."""


Answer: TypeAlias = Behaviour | Returns

CERTAIN = 1 - 1e-9  # chances that people write as decimals need not add to 1 exactly


@attrs.frozen
class Likely(Generic[T]):
    """Something that may happen: how likely, and how long it takes. `stubborn`: a handler that cannot be recalled."""

    what: T
    chance: float = 1.0
    after: Spread = AT_ONCE
    stubborn: bool = False


@attrs.frozen
class Arrival:
    """An event that may come, where it is accepted: how likely that is the next one, when, and with which data.

    Without a `chance` it shares what the others leave over; without `data` nobody knows them.
    """

    chance: float | None = None
    after: Spread = AT_ONCE
    data: Object | None = attrs.field(default=None, converter=attrs.converters.optional(params))


Handlers: TypeAlias = "Mapping[str, tuple[Likely[Answer], ...]]"
Tasks: TypeAlias = "Mapping[str, tuple[Likely[Decision], ...]]"
Arrivals: TypeAlias = "Mapping[str, Arrival]"


@attrs.frozen
class Assumptions:
    """All that is assumed, by the names of handlers, steps with tasks, events and conditions.

    `states` says for single states which events come there, in place of `events`, and no others do. `conditions`
    are the chances that conditions hold which the data do not decide. `inputs` and `volume` are what an instance is
    started with, as in a scenario. `seen` is how often each was observed, of what was learnt: by kind and name,
    such as `handlers.charge`.
    """

    handlers: Handlers = attrs.field(factory=dict)
    tasks: Tasks = attrs.field(factory=dict)
    events: Arrivals = attrs.field(factory=dict)
    states: Mapping[str, Arrivals] = attrs.field(factory=dict)
    conditions: Mapping[Expression, float] = attrs.field(factory=dict)
    inputs: Object = attrs.field(default=EMPTY, converter=params)
    volume: int | None = None
    seen: Mapping[str, int] = attrs.field(factory=dict)
    places: Places = attrs.field(factory=Places, eq=False, repr=False)

    def under(self, said: Assumptions) -> Assumptions:
        """These, but for what somebody says."""
        return attrs.evolve(
            said,
            handlers={**self.handlers, **said.handlers},
            tasks={**self.tasks, **said.tasks},
            events={**self.events, **said.events},
            states={**self.states, **said.states},
            conditions={**self.conditions, **said.conditions},
            seen=self.seen,
        )


# --- what is assumed where nothing is said

UNSAID_HANDLER: tuple[Likely[Answer], ...] = (Likely(Returns()),)
UNSAID_TASK: tuple[Likely[Decision], ...] = (Likely(Decision("approved")),)
UNSAID_CONDITION = 0.5


def arriving(
    said: Arrivals, accepted: Iterable[str], *, idle: bool
) -> tuple[tuple[tuple[str, Likely[Arrival]], ...], tuple[str, ...]]:
    """Which of the accepted events may come next, and those among them of which nothing is said.

    What the chances leave over is shared by those without one. Is there none, then by those of which nothing is
    said, which come at once, and only where it is `idle`: where nothing is known to move it on, and no handler is
    at work that may.
    """
    known = {event: said[event] for event in accepted if event in said}
    left = max(0.0, 1 - sum(arrival.chance or 0.0 for arrival in known.values()))
    unsaid: tuple[str, ...] = ()
    if idle and left > 1 - CERTAIN and all(arrival.chance is not None for arrival in known.values()):
        unsaid = tuple(event for event in accepted if event not in said)
        known |= dict.fromkeys(unsaid, Arrival())
    sharing = sum(arrival.chance is None for arrival in known.values())
    chances = {e: a.chance if a.chance is not None else left / sharing for e, a in known.items()}
    return tuple((e, Likely(a, chances[e], a.after)) for e, a in known.items() if chances[e] > 0), unsaid
