"""Answering what is asked of all runs of a machine: each property becomes a verdict, and perhaps a finding.

The cheapest way that tells is taken. If there are `MANY` configurations much is proved by counting, and a run that violates
something is looked for among a few that come far. Else, and for the rest, all runs are gone, as far as the limit allows.

Below: `words`, `runs`, `census`, and the exploration. Above: the package.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import tee
from typing import NamedTuple

import attrs

from statewf.checker.census.counts import ENDED, Census, census
from statewf.checker.census.proofs import by_counting
from statewf.checker.findings import Finding
from statewf.checker.runs.deadlock import deadlock
from statewf.checker.runs.exploring import explored
from statewf.checker.runs.narrow import narrowly, spoken_of
from statewf.checker.runs.search import Space
from statewf.checker.runs.telling import Place, finding_at, violation
from statewf.checker.runs.verdict import Verdict, verdict
from statewf.checker.words.atoms import NoSuchAtom
from statewf.checker.words.functions import PropertyFails
from statewf.checker.words.question import Question, question
from statewf.compiler import Notes
from statewf.definition.model import Workflow, path_text
from statewf.definition.properties import Property
from statewf.machine.explore import Exploration, Progress
from statewf.machine.fsm import Machine
from statewf.machine.record import state_of

MOST, REGIONS = (
    60_000,
    20,
)  # configurations that are explored for properties, in a machine of so many regions or less
COUNTED = 1_000  # without any property
MANY = 10_000  # configurations: of more, what can be told without going to them is


@attrs.frozen
class Proof:
    """What was found: verdicts, and the findings that follow from them.

    `configurations` is how many there are, if that is `exact`, or at least. `visited` is how many were looked at, those in
    several ways more than once (None: none had to be); `bounded`: not all were, although that was tried. `ends` are the
    states in which a workflow can end; None: that was not found out.
    """

    verdicts: tuple[Verdict, ...] = ()
    findings: tuple[Finding, ...] = ()
    configurations: int = 0
    exact: bool = True
    visited: int | None = None
    bounded: bool = False
    ends: frozenset[str] | None = None


def prove(
    machine: Machine,
    limit: int | None,
    also: Sequence[Property],
    *,
    as_written: bool,
    progress: Progress | None = None,
) -> Proof:
    """What becomes of a machine: of the properties in its definition, then of those that are `also` asked for.

    What the one come to does not hang on the others. A machine is `as_written` if it is what its definition says:
    otherwise nothing can be told from that. `progress` is told how many configurations were found, where that takes long.
    Raises nothing: what cannot be asked is a finding.
    """
    prover = _Prover(machine, limit, as_written=as_written, progress=progress)
    own = prover.answered(_written(prover.notes), also=False)
    return prover.whole(own, prover.answered(_besides(also), also=True) if also else _Answered())


def _written(notes: Notes) -> Iterator[tuple[Place, Property]]:
    """The properties of a definition."""
    for number, asked in enumerate(notes.definition.properties):
        path = ("properties", number)
        yield Place(path_text(path), notes.definition.places.line(path)), asked


def _besides(also: Sequence[Property]) -> Iterator[tuple[Place, Property]]:
    for number, asked in enumerate(also):
        yield Place(f"also[{number}]"), asked


class _Answered(NamedTuple):
    """What became of some properties, and all runs that were looked at for them."""

    verdicts: tuple[Verdict, ...] = ()
    findings: tuple[Finding, ...] = ()
    space: Space | None = None


@attrs.define
class _Decided:
    """What is known by now: the verdicts, by the place of the property, and the runs that were gone last.

    One that is undetermined has perhaps a run that shows something. `wrong` are functions without an answer.
    """

    verdicts: dict[Place, Verdict] = attrs.field(factory=dict)
    wrong: dict[Place, PropertyFails] = attrs.field(factory=dict)
    space: Space | None = None

    def rest(self, asked: Sequence[tuple[Place, Question]]) -> list[tuple[Place, Question]]:
        """Those that are not decided."""
        return [(place, one) for place, one in asked if not self._is_known(place)]

    def _is_known(self, place: Place) -> bool:
        verdict = self.verdicts.get(place)
        return place in self.wrong or (verdict is not None and verdict.answer != "undetermined")

    def by(self, asked: Sequence[tuple[Place, Question]], tell: Callable[[Question], Iterable[Verdict]]) -> None:
        """Ask for the rest of these until something decides."""
        for place, one in self.rest(asked):
            try:
                for verdict in tell(one):
                    known = self.verdicts.get(place)
                    if known is None or known.run is None or verdict.answer != "undetermined":
                        self.verdicts[place] = verdict
                    if self._is_known(place):
                        break
            except PropertyFails as error:
                self.wrong[place] = error


class _Prover:
    """What is known of a machine by now, and how to find out the rest."""

    def __init__(self, machine: Machine, limit: int | None, *, as_written: bool, progress: Progress | None) -> None:
        assert isinstance(machine.notes, Notes), "a machine that no compiler made"
        self.machine = machine
        self.notes = machine.notes
        self._limit = limit
        self._as_written = as_written
        self._progress = progress
        self._looked = 0  # configurations
        self._few: dict[object, Iterator[Exploration]] = {}

    @property
    def of_steps(self) -> bool:
        return isinstance(self.notes.definition, Workflow)

    @cached_property
    def counted(self) -> Census | None:
        """How many configurations a workflow has, if that can be told without going to them."""
        return census(self.machine) if self.of_steps and self._as_written else None

    @property
    def wide(self) -> bool:
        """Whether it is known that there are too many configurations to go to all of them gladly."""
        return self.counted is not None and self.counted.total > MANY

    @property
    def limit(self) -> int:
        """How many configurations are explored: less where each is large."""
        return self._limit or MOST * REGIONS // max(REGIONS, len(self.machine.regions))

    def answered(self, properties: Iterator[tuple[Place, Property]], *, also: bool) -> _Answered:
        """What becomes of these properties. Without any, a workflow that cannot be counted is looked at."""
        asked: list[tuple[Place, Question]] = []
        findings: list[Finding] = []
        for place, written in properties:
            try:
                asked.append((place, question(self.machine, written)))
            except NoSuchAtom as error:
                wrong = (error, *error.others)
                findings += (finding_at(place, "unknown-atom", "error", str(one), hint=one.hint) for one in wrong)
        found = self.decided(asked, look=not also and self.of_steps and self.counted is None)
        if found.space is not None and not also:
            findings += deadlock(self.machine, found.space)
        nodes = 0 if found.space is None or found.space.found.whole else len(found.space.found.snapshots)
        verdicts = []
        for place, one in asked:
            if (wrong_one := found.wrong.get(place)) is not None:
                findings.append(finding_at(place, "property-fails", "error", str(wrong_one), hint=wrong_one.hint))
            else:
                verdicts.append(attrs.evolve(found.verdicts[place], where=place.where))
                findings += violation(self.notes, place, one.asked, verdicts[-1], nodes)
        return _Answered(tuple(verdicts), tuple(findings), found.space)

    def decided(self, asked: Sequence[tuple[Place, Question]], *, look: bool) -> _Decided:
        """The verdicts, each by the cheapest way that tells; `look`: runs are gone in any case."""
        found = _Decided()
        if self.wide:
            found.by(asked, self.by_counting)
        elif asked or look:
            self.go(found, asked, min(MANY if asked else COUNTED, self.limit))
        if self.of_steps:
            found.by(asked, self.among_few)
        more = found.space is None or (not found.space.found.whole and self.limit > MANY)
        if more and (rest := found.rest(asked)):
            self.go(found, rest, self.limit)
        return found

    def go(self, found: _Decided, asked: Sequence[tuple[Place, Question]], limit: int) -> None:
        """All runs, as far as the limit allows, and what they tell."""
        space = Space(explored(self.machine, limit, [one for _, one in asked], self._progress))
        self._looked += len(space.found.configurations)
        found.space = space
        found.by(asked, lambda one: [verdict(self.machine, space, one)])

    def by_counting(self, asked: Question) -> Iterator[Verdict]:
        if (verdict := by_counting(self.machine, asked)) is not None:
            yield verdict

    def among_few(self, asked: Question) -> Iterator[Verdict]:
        """What few runs tell; those for one property serve for others that speak of the same."""
        key = (frozenset(spoken_of(self.machine, asked)), asked.condition)
        self._few[key], mine = tee(self._few.get(key) or self.counting(narrowly(self.machine, asked, self.limit)))
        for few in mine:
            yield verdict(self.machine, Space(few), asked)

    def counting(self, found: Iterator[Exploration]) -> Iterator[Exploration]:
        for few in found:
            self._looked += len(few.configurations)
            yield few

    def whole(self, own: _Answered, besides: _Answered) -> Proof:
        """All that was found out."""
        found = None if own.space is None else own.space.found
        verdicts, findings = (*own.verdicts, *besides.verdicts), (*own.findings, *besides.findings)
        seen = 0 if found is None else len(found.configurations)
        configurations = self.counted.total if self.counted is not None else seen
        bounded = found is not None and not (found.whole and (self.counted is not None or not found.reduced))
        exact = self.counted is not None or not bounded
        return Proof(verdicts, findings, configurations, exact, self._looked or None, bounded, self.ends(found))

    def ends(self, found: Exploration | None) -> frozenset[str] | None:
        """The states in which a workflow can end, by counting or by looking; None if neither tells."""
        if self.counted is not None:
            return frozenset(ENDED).intersection(self.counted.by_state)
        if not self.of_steps or found is None or not found.whole:
            return None
        return frozenset(state_of(snapshot) for snapshot in found.snapshots if snapshot.ended)
