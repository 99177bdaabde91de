"""How many configurations a workflow has, exactly, without going to any of them.

A configuration is a *word*: the letters of all steps one after another (see `units`), and what the workflow is at. Steps
know little of each other, so which words there are can be told in one sweep over the steps in the order of their
dependencies. An automaton reads the word and guesses how it came about: how each step stood when the whole, or a block, began
to end. It remembers only what steps yet to come need: whether those they wait for had settled; and of each block that is
being read, how it stands and what of that its steps have yet to show. Several guesses may fit one word, so what is counted
are sets of guesses (the subset construction), each word once.

Why that is exact. While nothing ends, a step goes on by itself once those it waits for have settled, and what it does
hinders nobody: so any letters of the begun ones go together. When a block or the whole ends, each step is cancelled
where it is, and from then on goes on by itself again. The whole ends because one required step failed, or from outside
while something still ran. Undoing goes along one fixed order, or is everywhere at once. Of a workflow of which that is
not so nothing is said: `study` refuses conditions over what others did, `Reader` such as two steps share, `Prepared` awaited
events, rollbacks, and a step that may fail the whole in the very step in which others would begin. What shares places, or
is decided by counting, is one unit with what lies in it.

Below: `parts`. Above: `counts`, which says what is wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Literal, NamedTuple, TypeAlias

import attrs

from statewf.checker.census.parts import Guise, Kind, Mode, Part
from statewf.checker.census.units import Role, TooMuch

MOST = 5_000  # sets of guesses at one place

Status: TypeAlias = Literal["on", "unsettled", "blocked"]  # what those who wait for a step know of it
By: TypeAlias = Literal["nothing", "step", "outside"]


@attrs.frozen
class Aim:
    """Words that are wanted: of a workflow that runs, or how it came to end, and how far it is.

    `by` says what made it end: a step that failed, or something from outside; `quiet` whether all is quiet (None: either).
    `undoing`: letters as they are, with nothing to undo, while it is undone, when it was, when that was cut short; `bad`
    whether undoing went wrong. `lingered`: it went on after it began to end. `still`: nothing moves by itself, or nothing at
    all. Of what is looked for it `has` some marks, all of them, and `lacks` others. `passed` are the states that the workflow
    itself has entered.
    """

    by: By = "nothing"
    quiet: bool | None = None
    undoing: Literal["any", "none", "on", "over", "cut"] = "any"
    bad: bool | None = None
    lingered: bool = False
    still: Literal["", "resting", "stuck"] = ""
    has: int = 0
    lacks: int = 0
    passed: frozenset[str] = frozenset()

    def passing(self, *states: str) -> Aim:
        """The same, of a workflow that has entered these states, too."""
        return attrs.evolve(self, passed=self.passed.union(states))


class Frame(NamedTuple):
    """How the steps of one list stand together, what is still asked of those that were read, and what they have yet to show."""

    mode: Mode
    known: tuple[Status, ...] = ()
    settled: bool = True
    failed: bool = False
    wants: tuple[bool | None, bool | None] = (None, None)


class Guess(NamedTuple):
    """How a word may have come about, as far as it was read.

    `alarmed`: something was not quiet when the whole began to end; `lingered`: or afterwards. `culprit`: the step that failed
    was met. `undone`: one that is being undone, or was. `loud`: something is not quiet.
    """

    aim: int
    frames: tuple[Frame, ...]
    alarmed: bool
    lingered: bool
    loud: bool
    culprit: bool = False
    undone: bool = False
    bad: bool = False
    seen: int = 0


Guesses: TypeAlias = frozenset[Guess]


class Sweep:
    """Counts the words of the parts that fit one of some aims."""

    def __init__(self, parts: Sequence[Part], aims: Sequence[Aim], *, in_turn: bool) -> None:
        self.parts = parts
        self.aims = tuple(aims)
        self.in_turn = in_turn  # undoing goes from step to step
        self.led: dict[tuple[object, ...], tuple[tuple[Guesses, int], ...]] = {}

    def count(self) -> int:
        table = self.read(self.parts, {frozenset(self.begun()): 1})
        return sum(number for guesses, number in table.items() if any(map(self.fits, guesses)))

    def begun(self) -> Iterator[Guess]:
        for number, aim in enumerate(self.aims):
            frame = Frame("run" if aim.by == "nothing" else "ending")
            yield Guess(number, (frame,), aim.by != "outside", not aim.lingered, aim.quiet is not False)

    def fits(self, guess: Guess) -> bool:
        """Whether a word that was read to its end is wanted."""
        aim = self.aims[guess.aim]
        return (
            guess.alarmed
            and guess.lingered
            and guess.loud
            and guess.culprit == (aim.by == "step")
            and guess.undone == (aim.undoing in ("on", "over", "cut"))
            and aim.bad in (None, guess.bad)
            and aim.has == guess.seen
        )

    def read(self, parts: Sequence[Part], table: dict[Guesses, int]) -> dict[Guesses, int]:
        for part in parts:
            table = self.after(table, partial(self.letters, part))
            if part.inner is not None:
                table = self.read(part.inner, table)
                table = self.after(table, self.closed)
        return table

    def after(
        self, table: dict[Guesses, int], led: Callable[[Guesses], Iterable[tuple[Guesses, int]]]
    ) -> dict[Guesses, int]:
        found: dict[Guesses, int] = {}
        for guesses, number in table.items():
            for there, times in led(guesses):
                found[there] = found.get(there, 0) + number * times
        if len(found) > MOST:
            raise TooMuch
        return found

    def letters(self, part: Part, guesses: Guesses) -> tuple[tuple[Guesses, int], ...]:
        """Where its letters lead. Like parts lead alike, which is worth remembering."""
        key = (id(part.alphabet), part.tolerant, part.asks, part.carries, part.inner is None, part.top, guesses)
        if key not in self.led:
            found: dict[Guesses, int] = {}
            for kind, times in part.alphabet:
                there = frozenset(
                    after
                    for guess in guesses
                    for guise in kind.guises
                    for after in self.step(part, guess, guise, kind)
                )
                if there:
                    found[there] = found.get(there, 0) + times
            self.led[key] = tuple(found.items())
        return self.led[key]

    def step(self, part: Part, guess: Guess, guise: Guise, kind: Kind) -> Iterator[Guess]:
        """What a guess becomes when that letter is read in that guise, if they go together."""
        aim, role, frame = self.aims[guess.aim], guise.role, guess.frames[-1]
        undone = self.undoing(aim, role, guess)
        told = _told(part, frame, role, aim.by)
        if undone is None or told is None or (guess.culprit and told.culprit):
            return
        if role.seen & aim.lacks or (aim.still and (kind.runs or (aim.still == "stuck" and kind.moves))):
            return
        if aim.quiet and not kind.quiet and role.undoing in ("none", "due"):
            return
        frame = _seen(frame, part, told)
        if (frame.wants[0] and not frame.settled) or (frame.wants[1] is False and frame.failed):
            return
        within = "late" if frame.mode == "late" and guise.within == "ending" else guise.within
        inner = () if part.inner is None else (Frame(within, wants=(guise.settled, guise.failed)),)
        yield Guess(
            guess.aim,
            (*guess.frames[:-1], frame, *inner),
            guess.alarmed or told.alarmed,
            guess.lingered or (role.lingered and role.stand in ("ok", "failed", "stopped")),
            guess.loud or not kind.quiet,
            guess.culprit or told.culprit,
            undone,
            guess.bad or (role.bad and aim.bad is not None),
            guess.seen | (role.seen & aim.has),
        )

    def undoing(self, aim: Aim, role: Role, guess: Guess) -> bool | None:
        """Whether by then something was met that is being undone, or was; None if that cannot be.

        In the order of reading, what is undone first comes last.
        """
        met, in_turn = guess.undone, self.in_turn
        match role.undoing, aim.undoing:
            case ("none", _) | ("due", "any"):
                return met
            case "due", "on" | "cut":
                return None if met or not in_turn else met
            case ("on", "on") | ("cut", "cut"):
                return None if met and in_turn else True
            case "over", "over":
                return True
            case "over", "on" | "cut":
                return None if in_turn and not met else met
            case _:
                return None

    def closed(self, guesses: Guesses) -> Iterator[tuple[Guesses, int]]:
        """The end of a block: what it is at has to fit how those in it stand."""
        there = frozenset(guess._replace(frames=guess.frames[:-1]) for guess in guesses if _shown(guess.frames[-1]))
        if there:
            yield there, 1


class _Told(NamedTuple):
    """What a letter tells of its step: its status for those who wait for it, None where nobody ever begins."""

    status: Status | None = None
    failed: bool = False
    culprit: bool = False
    alarmed: bool = False


def _told(part: Part, frame: Frame, role: Role, by: str) -> _Told | None:
    """What a letter tells in that role, in that frame; None if it cannot be there."""
    if frame.mode in ("waiting", "blocked", "skipped"):
        return _Told() if role.stand == frame.mode else None
    ready = "on" if part.asks is None else frame.known[part.asks]
    runs, ends = frame.mode == "run", frame.mode == "ending"
    match ready, role.stand:
        case "blocked", "blocked":
            return _Told("blocked")
        case "unsettled", "waiting" if runs:
            return _Told("unsettled")
        case "unsettled", "blocked" if not runs:
            return _Told("unsettled", alarmed=ends)
        case "on", "open" if runs:
            return _Told("unsettled")
        case "on", "stopped" if not runs:
            return _Told("unsettled", alarmed=ends or role.lingered)
        case "on", "ok":
            return _Told("on", alarmed=role.lingered)
        case "on", "failed" if part.tolerant:
            return _Told("on", alarmed=role.lingered)
        case "on", "failed" if not part.top:
            return _Told("blocked", failed=True, alarmed=role.lingered)
        case "on", "failed" if by == "step":
            return _Told("unsettled", culprit=True)
        case _:
            return None


def _seen(frame: Frame, part: Part, told: _Told) -> Frame:
    """The frame when a letter was read in it."""
    known = frame.known
    if told.status is not None:
        known = tuple(_worse(known, place, told.status if concerns else "on") for place, concerns in part.carries)
    failed = frame.failed or (told.failed and frame.mode == "run")
    return Frame(frame.mode, known, frame.settled and told.status != "unsettled", failed, frame.wants)


def _worse(known: Sequence[Status], place: int | None, status: Status) -> Status:
    """What is known of several steps when one more was read: they block, or have not settled, if one does."""
    both = {status, "on" if place is None else known[place]}
    return "blocked" if "blocked" in both else "unsettled" if "unsettled" in both else "on"


def _shown(frame: Frame) -> bool:
    """Whether the steps of a block have shown all that it wants."""
    settled, failed = frame.wants
    return settled in (None, frame.settled) and failed in (None, frame.failed)
