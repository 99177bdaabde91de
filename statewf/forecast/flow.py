"""From node to node of a chain, with what is pending in their slots. What is drawn is followed in all its outcomes.

Below: `chain`. Above: `exact`, which goes by the chances of all outcomes, and `extremes`, which goes by what is
possible.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

from statewf.forecast.chain import Branch, Chain, Way
from statewf.forecast.slots import FREE, NEVER, RECALLED, Lottery, Slot


class Pending(NamedTuple):
    """What will happen in a slot: when, in the words of who goes along; which outcome; and what goes first at one instant."""

    when: Any
    rank: int
    tie: int
    turn: int
    outcome: int

    @property
    def order(self) -> tuple[int, int, int]:
        """Of two at one instant that with the lower one goes first."""
        return self[1:4]


Dues: TypeAlias = "tuple[Pending | None, ...]"  # of each slot what is pending; None: nothing


class Possible(NamedTuple):
    """An outcome of a lottery: how likely it is, and when it happens."""

    chance: float
    outcome: int
    when: Any


class TooLarge(Exception):
    """There are too many states, or durations without number."""


class Flow:
    """Goes from node to node. `possible` says what may come of a lottery, `at_once` when what happens at once does.

    `work` is how much is too much: then TooLarge is raised.
    """

    def __init__(
        self, chain: Chain, possible: Callable[[Lottery], list[Possible]], at_once: Any, work: int
    ) -> None:
        self.chain = chain
        self._possible = possible
        self._at_once = at_once
        self._work = work

    def toil(self, much: int = 1) -> None:
        """Count so much work. Raises TooLarge when it is too much in all."""
        self._work -= much
        if self._work < 0:
            raise TooLarge

    def ways(self, branch: Branch) -> Iterator[tuple[float, Way]]:
        """The ways that conditions leave open, and how likely."""
        if isinstance(branch, Way):
            yield 1.0, branch
            return
        for number, chance in enumerate(branch.chances):
            if chance:
                for inner, way in self.ways(self.chain.answered(branch, number)):
                    yield chance * inner, way

    def drawn(self, way: Way, before: Sequence[Pending | None]) -> list[tuple[float, Dues]]:
        """What may be pending where a way leads, and how likely, if that was pending before, as seen from then."""
        kept = tuple(before[place] if place >= 0 else None for place in way.kept)
        found: list[tuple[float, Dues]] = [(1.0, kept)]
        for turn, (place, rank, tie, lottery) in enumerate(way.fresh, len(before)):
            slot = way.target.slots[place]
            told_to_end = Pending(self._at_once, rank, tie, turn, RECALLED)
            drawn = () if lottery is None else _drawn(self._possible(lottery), rank, tie, turn)
            found = [
                (before * chance, (*dues[:place], due, *dues[place + 1 :]))
                for before, dues in found
                for chance, due in drawn or _recalled(slot, dues[place], told_to_end)
            ]
            self.toil(len(found))
        return [(chance, _in_turn(dues)) for chance, dues in found]


def _drawn(possible: list[Possible], rank: int, tie: int, turn: int) -> list[tuple[float, Pending | None]]:
    return [
        (chance, None if outcome == NEVER else Pending(when, rank, tie, turn, outcome))
        for chance, outcome, when in possible
    ]


def _recalled(slot: Slot, due: Pending | None, told_to_end: Pending) -> list[tuple[float, Pending | None]]:
    """What becomes of a call that is recalled; one that may do anything may do that still, if it is stubborn."""
    outcome = NEVER if due is None else due.outcome
    if outcome == FREE and any(slot.stubborn):
        return [(1.0, told_to_end), (1.0, due)]
    return [(1.0, told_to_end if slot.heeds(outcome) else due)]


def _in_turn(dues: Dues) -> Dues:
    """The same, with turns that tell the order and nothing else."""
    turns = sorted(due.turn for due in dues if due is not None)
    return tuple(None if due is None else due._replace(turn=turns.index(due.turn)) for due in dues)
