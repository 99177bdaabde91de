"""The states of a chain in time: a node, and when its slots are due. What is drawn is followed in all its outcomes.

Below: `chain`. Above: `exact`, which goes by the chances of all outcomes, and `extremes`, which goes by the shortest and longest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import inf
from typing import NamedTuple, TypeAlias

from statewf.forecast.chain import Branch, Chain, Node, Way
from statewf.forecast.slots import FREE, NEVER, RECALLED, Lottery, Slot

MOST_STATES = 20_000

Due: TypeAlias = "tuple[float, int, int, int, int] | None"  # in how many ms, rank, tie, turn, outcome; None: never


class Possible(NamedTuple):
    """An outcome of a lottery: how likely it is, and how long it takes (ms)."""

    chance: float
    outcome: int
    after: float


class State(NamedTuple):
    """A node, and when its slots are due, counted from now."""

    node: Node
    dues: tuple[Due, ...]


class TooLarge(Exception):
    """There are too many states, or durations without number."""


class Flow:
    """Goes from state to state. `possible` says what may come of a lottery; it may raise TooLarge. `work` is how much is too much."""

    def __init__(self, chain: Chain, possible: Callable[[Lottery], list[Possible]], work: int) -> None:
        self.chain = chain
        self._possible = possible
        self._work = work

    def begin(self) -> Iterator[tuple[float, Way, State]]:
        """Where lives begin, how likely, and the way there."""
        return self.after(State(self.chain.before, ()), 0, self.chain.start)

    def after(self, state: State, lasted: float, branch: Branch) -> Iterator[tuple[float, Way, State]]:
        """Where it is after what happened when the state had lasted so long, how likely, and the way there. Raises TooLarge."""
        passed = [due if due is None or due[0] == inf else (due[0] - lasted, *due[1:]) for due in state.dues]
        for chance, way in self._ways(branch):
            kept = [passed[place] if place >= 0 else None for place in way.kept]
            for drawn, dues in self._drawn(way, kept, len(passed)):
                self.toil()
                yield chance * drawn, way, State(way.target, _in_turn(dues))

    def toil(self, much: int = 1) -> None:
        """Count so much work. Raises TooLarge when it is too much in all."""
        self._work -= much
        if self._work < 0:
            raise TooLarge

    def _ways(self, branch: Branch) -> Iterator[tuple[float, Way]]:
        """The ways that conditions leave open."""
        if isinstance(branch, Way):
            yield 1.0, branch
            return
        for number, chance in enumerate(branch.chances):
            if chance:
                for inner, way in self._ways(self.chain.answered(branch, number)):
                    yield chance * inner, way

    def _drawn(self, way: Way, kept: list[Due], first: int) -> list[tuple[float, list[Due]]]:
        """All that can be drawn for what is fresh; its turns begin with `first`. Raises TooLarge."""
        drawn = [(1.0, kept)]
        for turn, (place, rank, tie, lottery) in enumerate(way.fresh, first):
            if lottery is None:
                drawn = [
                    (before, [*dues[:place], due, *dues[place + 1 :]])
                    for before, dues in drawn
                    for due in _told_to_end(way.target.slots[place], dues[place], (0, rank, tie, turn, RECALLED))
                ]
                continue
            possible: list[tuple[float, Due]] = [
                (chance, None if outcome == NEVER else (after, rank, tie, turn, outcome))
                for chance, outcome, after in self._possible(lottery)
            ]
            self.toil(len(drawn) * len(possible))
            drawn = [
                (before * chance, [*dues[:place], due, *dues[place + 1 :]])
                for before, dues in drawn
                for chance, due in possible
            ]
        return drawn


def _told_to_end(slot: Slot, due: Due, recalled: Due) -> tuple[Due, ...]:
    """What a call is about to do that is recalled; one that may do anything may do that, too, if it is stubborn."""
    outcome = NEVER if due is None else due[4]
    if outcome == FREE and any(slot.stubborn):
        return recalled, due
    return (recalled,) if slot.heeds(outcome) else (due,)


def _in_turn(dues: list[Due]) -> tuple[Due, ...]:
    """The same, with turns that tell the order and nothing else."""
    turns = sorted(due[3] for due in dues if due is not None)
    return tuple(None if due is None else (*due[:3], turns.index(due[3]), due[4]) for due in dues)
