"""Watching one run for a property: small automata that read letters, and say when it is violated.

A *pattern* reads the letters within its scope; `Scoped` opens and closes the scope. Both are values and
functions of a state: the same monitor follows many runs at once, as a search does.

    after Q            from the first Q on, what comes behind it
    until R            up to the first R, or to the end if there is none
    after Q until R    from each Q to the next R, or to the end

Dwyer, Avrunin, Corbett: Patterns in Property Specifications for Finite-State Verification (1999).
Below: nothing. Above: `question`, and the search for runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import attrs

Hits: TypeAlias = tuple[bool, ...]  # of the pattern's atoms, which happen now
VIOLATED = -1


@attrs.frozen
class Pattern:
    """How one pattern reads: a number is its state, 0 at first; `read` may say VIOLATED.

    `owed(state)`: something is missing when the scope ends, or the run; `awaited(state)`: also when it goes on for ever.
    """

    read: Callable[[int, Hits], int]
    owed: Callable[[int], bool] = lambda _: False
    awaited: Callable[[int], bool] = lambda _: False


def _absence(state: int, hits: Hits) -> int:
    seen = state | sum(1 << place for place, hit in enumerate(hits) if hit)
    return VIOLATED if seen == (1 << len(hits)) - 1 else seen


def _existence(state: int, hits: Hits) -> int:
    return int(state or any(hits))


def _precedence(state: int, hits: Hits) -> int:
    first, then = hits
    return VIOLATED if then and not (state or first) else int(state or first)


def _response(state: int, hits: Hits) -> int:
    trigger, *answers = hits
    return 0 if any(answers) else int(state or trigger)


def _always(_: int, hits: Hits) -> int:
    return 0 if all(hits) else VIOLATED  # of a step, which may open its scope once more, there are none


def _is_zero(state: int) -> bool:
    return state == 0


ABSENCE = Pattern(_absence)
EXISTENCE = Pattern(_existence, owed=_is_zero)
PRECEDENCE = Pattern(_precedence)
RESPONSE = Pattern(_response, owed=bool, awaited=bool)
ALWAYS = Pattern(_always)
EVENTUALLY = Pattern(_existence, owed=_is_zero, awaited=_is_zero)


class State(NamedTuple):
    """Where a monitor is: its scope not open yet, open, or over; and its pattern."""

    scope: int
    pattern: int


CLOSED, OPEN, OVER = 0, 1, 2


@attrs.frozen
class Monitor:
    """A pattern in its scope. Letters begin with whether `after` and `until` happen, if there are such."""

    pattern: Pattern
    after: bool = False
    until: bool = False

    @property
    def start(self) -> State:
        """Before anything happened."""
        return State(CLOSED if self.after else OPEN, 0)

    def read(self, state: State, letter: Hits) -> State | None:
        """The state after a letter; None if the property is violated."""
        opens, closes = self.after and letter[0], self.until and letter[int(self.after)]
        if state.scope == OPEN and closes:
            if self.pattern.owed(state.pattern):
                return None
            state = State(CLOSED if self.after else OVER, 0)
        elif state.scope == OPEN:
            return self._within(state, letter[int(self.after) + int(self.until) :])
        return State(OPEN, 0) if state.scope == CLOSED and opens else state

    def look(self, state: State, *, holds: bool) -> State | None:
        """The same for a snapshot, of which a condition holds or not."""
        return self._within(state, (holds,)) if state.scope == OPEN else state

    def _within(self, state: State, hits: Hits) -> State | None:
        there = self.pattern.read(state.pattern, hits)
        return None if there == VIOLATED else State(OPEN, there)

    def owed(self, state: State) -> bool:
        """Whether it is violated if the run ends here."""
        return state.scope == OPEN and self.pattern.owed(state.pattern)

    def awaited(self, state: State) -> bool:
        """Whether it is violated if the run goes on for ever, and nothing changes that."""
        return state.scope == OPEN and self.pattern.awaited(state.pattern)
