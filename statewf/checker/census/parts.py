"""A workflow as it is read by the sweep: its steps one after another, each with the kinds of letters it can have.

Letters that mean the same to others are of one kind, and counted together. The letter of a block comes before those of the
steps in it, and says how they stand together.

Below: `units`, the plan. Above: `sweep`, which reads.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

import attrs

from statewf.checker.census.plain import plain, plain_names
from statewf.checker.census.units import Letter, Marks, Role, TooMuch, passed_over, study
from statewf.checker.words.atoms import Atom
from statewf.compiler.plan import Plan, Planned, in_turn
from statewf.compiler.signals import BRANCH_FAILED
from statewf.definition.model import Step
from statewf.expr import Expression
from statewf.machine.naming import base

# How the steps of one list stand together: none has begun; all were cancelled before, or passed over; they run; they
# were cancelled when the whole began to end, or before that, when their block was out of time
Mode: TypeAlias = Literal["waiting", "blocked", "skipped", "run", "ending", "late"]


class Guise(NamedTuple):
    """A way in which a letter may have come about; of a block also how those in it stand together.

    If they run: whether all have `settled`, and whether a required one `failed`.
    """

    role: Role
    within: Mode = "run"
    settled: bool | None = None
    failed: bool | None = None


class Kind(NamedTuple):
    """Letters that mean the same to others."""

    guises: frozenset[Guise]
    quiet: bool
    runs: bool
    moves: bool


class Here(NamedTuple):
    """A step is at that state now."""

    region: str
    state: str


Alphabet: TypeAlias = tuple[tuple[Kind, int], ...]  # and how many letters there are of each kind
Spots: TypeAlias = tuple[tuple[int, str, int], ...]  # the place of a region in a plain step, a state, and its mark


@attrs.frozen(eq=False)
class Part:
    """A step as it is read: first its own letter, then, of a block, those in it.

    Of those that some step waits for together one status is known, as long as such a step is yet to come. `asks` is the place
    of its own among these; `carries` are those known afterwards: where each was, None for a new one, and whether this
    step is one of them. `sudden`: it may fail in the very step in which it begins.
    """

    alphabet: Alphabet
    tolerant: bool
    asks: int | None
    carries: tuple[tuple[int | None, bool], ...]
    inner: tuple[Part, ...] | None
    top: bool
    sudden: bool


class Reader:
    """Makes the parts of a workflow; equal steps are studied once. The marks of what is looked for are seen."""

    def __init__(self, planned: Plan, sought: Sequence[Atom | Here]) -> None:
        self.whole = planned.workflow
        self.sought = tuple(sought)
        self.known: dict[tuple[Step, bool, Marks, Spots], tuple[Alphabet, frozenset[Expression], bool]] = {}
        self.supposed: dict[Expression, Planned] = {}

    def parts(self, siblings: Sequence[Planned]) -> tuple[Part, ...]:
        order = list(in_turn(siblings))
        return tuple(
            self.part(node, asks, carries) for node, (asks, carries) in zip(order, _remembering(order), strict=True)
        )

    def part(self, node: Planned, asks: int | None, carries: tuple[tuple[int | None, bool], ...]) -> Part:
        alphabet, sudden = self.alphabet(node)
        inner = self.parts(node.inner) if _stands_apart(node.step) else None
        sudden = sudden or any(part.sudden for part in inner or ())
        return Part(alphabet, node.tolerant, asks, carries, inner, node.parent is None, sudden)

    def alphabet(self, node: Planned) -> tuple[Alphabet, bool]:
        """The letters of a step, and whether it may fail as soon as it begins."""
        shell = _stands_apart(node.step)
        step = plain(node.step, shell=shell)
        names = plain_names(node.step, shell=shell)
        own = [(one, 1 << at) for at, one in enumerate(self.sought) if one.region in names]
        marks = tuple(
            (attrs.evolve(one, region=names[one.region]), bit) for one, bit in own if isinstance(one, Atom)
        )
        places = list(names)  # its regions are in the same order
        spots = tuple((places.index(one.region), one.state, bit) for one, bit in own if isinstance(one, Here))
        if (step, shell, marks, spots) not in self.known:
            unit = study(step, self.whole, marks, shell=shell)
            letters = dict(unit.letters)
            over = passed_over(step, self.whole, shell=shell)
            seen = sum(bit for atom, bit in marks if atom.state == "skipped")
            letters[over] = letters.get(over, frozenset()) | {Role("skipped", seen=seen)}
            letters = {letter: _placed(letter, roles, spots) for letter, roles in letters.items()}
            kinds = (_shell_kinds if shell else _kinds)(letters, step)
            self.known[step, shell, marks, spots] = (tuple(Counter(kinds).items()), unit.parts, unit.sudden)
        alphabet, parts, sudden = self.known[step, shell, marks, spots]
        if any(self.supposed.setdefault(part, node) is not node for part in parts):
            raise TooMuch  # what one step knows of data by then, another one knows, too
        return alphabet, sudden


def _remembering(order: Sequence[Planned]) -> Iterator[tuple[int | None, tuple[tuple[int | None, bool], ...]]]:
    """For each step of a list, in the order of reading, what it asks and what is known after it."""
    groups = [frozenset(other.number for other in node.after) for node in order]
    last = {group: at for at, group in enumerate(groups)}
    of: dict[int, list[frozenset[int]]] = {}
    for group in last:
        for number in group:
            of.setdefault(number, []).append(group)
    known: list[frozenset[int]] = []
    for at, node in enumerate(order):
        asks = known.index(groups[at]) if groups[at] else None
        fresh = [group for group in of.get(node.number, ()) if group not in known]
        kept = [group for group in (*known, *fresh) if last[group] > at]
        place = {group: place for place, group in enumerate(known)}
        yield asks, tuple((place.get(group), node.number in group) for group in kept)
        known = kept


def _placed(letter: Letter, roles: frozenset[Role], spots: Spots) -> frozenset[Role]:
    """The roles of a letter, with the marks of where it is."""
    seen = sum(bit for place, state, bit in spots if base(letter.states[place][0]) == state)
    return frozenset(role._replace(seen=role.seen | seen) for role in roles) if seen else roles


def _stands_apart(step: Step) -> bool:
    """Whether what lies in a block can be read step by step."""
    in_all = step.type == "parallel" and step.strategy == "all" and step.max_concurrency is None
    return in_all and step.on_error != "human-review"


def _kinds(letters: Mapping[Letter, frozenset[Role]], _: Step) -> Iterator[Kind]:
    for letter, roles in letters.items():
        yield Kind(frozenset(map(Guise, roles)), letter.quiet, letter.runs, letter.moves)


def _shell_kinds(letters: Mapping[Letter, frozenset[Role]], step: Step) -> Iterator[Kind]:
    begun = {letter.supposed for letter, roles in letters.items() if any(role.stand == "open" for role in roles)}
    for letter, roles in letters.items():
        guises = frozenset(guise for role in roles for guise in _guises(letter, role, begun, step))
        yield Kind(guises, letter.quiet, letter.runs, letter.moves)


def _guises(letter: Letter, role: Role, begun: Container[object], step: Step) -> Iterator[Guise]:
    """How those in a block stand together, by what the block itself is at."""
    match role.stand:
        case "waiting" | "blocked" | "skipped":
            yield Guise(role, role.stand)
        case "open":
            yield Guise(role, "run", settled=False, failed=letter.state == BRANCH_FAILED)
        case "ok" if letter.state == "skipped":
            yield Guise(role, "skipped")
        case "ok":
            yield Guise(role, "run", settled=True, failed=False)
        case "failed" if letter.supposed in begun:
            yield Guise(role, "run", settled=True, failed=True)
            if step.timeout is not None:
                yield Guise(role, "late", settled=False)
        case "failed":
            yield Guise(role, "blocked")  # its own condition has no answer: nothing in it began
        case "stopped":
            yield Guise(role, "ending", settled=False)
