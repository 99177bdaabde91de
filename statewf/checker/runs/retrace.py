"""Going along a run that was found once more, step by step and with times, so that it can be shown and played.

What was found is a way from node to node, each of which was reached in some other way first. Here the real `step`
goes along it. Then each step gets a time: a timer comes due so long after it was set, no timer that stays set is
overdue, and nothing waits longer than it must. These are differences that must be at least so much, so a longest path
solves them, or shows that no times do: then the run would need its timers in an order in which they never come.

Below: `search`, `explore`, `tries`. Above: `verdict`, and the ways to show a run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs

from statewf.checker.runs.search import Run
from statewf.expr import Expression
from statewf.machine.effects import SetTimer
from statewf.machine.events import Fired
from statewf.machine.explore import Exploration, Move, Timer, vague_timers
from statewf.machine.fsm import Machine, Track
from statewf.machine.lens import lens
from statewf.machine.snapshot import Move as Moved
from statewf.machine.snapshot import Snapshot, Step, blank
from statewf.machine.snapshot import moves as moved
from statewf.machine.step import step
from statewf.machine.suppose import Answer, Supposer, Suppositions, standing, supposing
from statewf.machine.tries import tries


@attrs.frozen
class Told:
    """One step of a run: how it is called, what it did, and when it happens, in ms since the start.

    `supposed` is what had to be supposed of data, in words.
    """

    label: str
    step: Step
    at: int
    supposed: tuple[str, ...] = ()


def retraced(machine: Machine, found: Exploration, run: Run) -> tuple[Told, ...] | None:
    """The steps of a run, its loop once; None if they cannot come at such times."""
    moves = (*run.moves, *run.loop)
    steps = tuple(_steps(machine, found, moves))
    made_all = [made for made, _ in steps]
    times = _times(machine, made_all, apart=1) or _times(machine, made_all, apart=0)
    if times is None:
        return None
    along = zip(moves, steps, times, strict=True)
    return tuple(Told(move.label, made, at, supposed) for move, (made, supposed), at in along)


def _steps(machine: Machine, found: Exploration, moves: Sequence[Move]) -> Iterator[tuple[Step, tuple[str, ...]]]:
    """Each step, and what was supposed on it."""
    walker = _Walker(machine, found)
    snapshot = blank(machine, "any")
    known: Suppositions = {}
    for move in moves:
        made, after = walker.step(move, snapshot, known)
        news = (part for part, new in walker.supposer.known.items() if known.get(part) != new)
        yield made, tuple(spoken(part, walker.supposer.known[part].answer) for part in news)
        snapshot, known = made.after, after


class _Walker:
    """Goes the moves that were found once more, from snapshots that only look the same."""

    def __init__(self, machine: Machine, found: Exploration) -> None:
        self.supposer = Supposer(found.named)
        self._machine = supposing(machine, self.supposer)
        self._sight = lens(machine, found.watched)
        self._found = found

    def step(self, move: Move, snapshot: Snapshot, known: Suppositions) -> tuple[Step, Suppositions]:
        """What that move does here, and what is supposed after it."""
        many = len(self._machine.regions) > 1
        wanted = (self._found.configurations[move.target], self._found.supposed[move.target])
        possible = tries(self._machine, snapshot, self._found.words, named=self._found.named)
        for event in (one.event for one in possible if one.label == move.label):
            for _ in self.supposer.sequences(known):
                made = step(self._machine, snapshot, event)
                if isinstance(made, Step) and _way(made.path) == _way(move.path):
                    after = standing(self.supposer.known, made.after, many=many)
                    supposed = frozenset((part, supposition.answer) for part, supposition in after.items())
                    if (self._sight.configuration(made.after), supposed) == wanted:
                        return made, after
        raise AssertionError(f"{move.label} cannot be retraced")


def _way(path: Track) -> tuple[Moved, ...]:
    """The moves of a path without their attempts: where these count no more, they may be others."""
    return tuple(move._replace(attempt=0) for move in moved(path))


def spoken(part: Expression, answer: Answer) -> str:
    """What was supposed of a part of a condition."""
    return {"yes": part.text, "no": f"not {part.text}", "fault": f"{part.text} has no answer"}[answer]


# --- times


def _times(machine: Machine, steps: Sequence[Step], *, apart: int) -> list[int] | None:
    """The earliest time of each step, so many ms apart at least; None if there are none.

    At one instant a reply would go before an event, and both before a timer.
    """
    wanted = list(_differences(machine, steps, apart))
    times = [0] * len(steps)
    for _ in range(len(steps) + 1):
        changed = False
        for earlier, later, least in wanted:
            if times[earlier] + least > times[later]:
                times[later] = times[earlier] + least
                changed = True
        if not changed:
            return times
    return None


def _differences(machine: Machine, steps: Sequence[Step], apart: int) -> Iterator[tuple[int, int, int]]:
    """Pairs of steps with what must lie between them at least, ms; less than nothing: at most so much the other way."""
    vague = vague_timers(machine)
    armed: dict[Timer, tuple[int, int]] = {}  # at which step, and for how long
    for number, made in enumerate(steps):
        if number:
            yield number - 1, number, apart
        fired = (made.event.region, made.event.timer) if isinstance(made.event, Fired) else None
        for timer in made.before.flight.deadlines:
            if timer not in vague:
                since, delay = armed[timer]
                yield number, since, -delay
                if timer == fired:
                    yield since, number, delay
        for effect in made.effects:
            if isinstance(effect, SetTimer):
                armed[effect.region, effect.timer] = (number, effect.at - made.after.at)
