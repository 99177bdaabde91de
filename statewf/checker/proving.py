"""Answering what is asked of all runs of a machine: each property becomes a verdict, and perhaps a finding.

The cheapest way that tells is taken. Of a wide workflow (`MANY`) much is proved by counting, and a run that violates
something is looked for among a few that come far. The rest needs all runs, as far as the limit allows.

Below: `words`, `runs`, `census`, and the exploration. Above: the package.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from typing import NamedTuple

import attrs

from statewf.checker.census.counts import ENDED, Census, census
from statewf.checker.census.proofs import told
from statewf.checker.findings import Finding
from statewf.checker.runs.deadlock import deadlock
from statewf.checker.runs.narrow import narrowly
from statewf.checker.runs.search import Space
from statewf.checker.runs.telling import Place, finding_at, violation
from statewf.checker.runs.verdict import Verdict, verdict, visible
from statewf.checker.words.atoms import NoSuchAtom
from statewf.checker.words.functions import Asked, PropertyFails, of_known, watched_at
from statewf.checker.words.question import Question, question
from statewf.compiler import Notes
from statewf.compiler.workflow import CAUSES, NOW
from statewf.definition.model import Workflow, path_text
from statewf.definition.properties import Predicate, Property, Sometimes
from statewf.expr import Expression
from statewf.machine.explore import Ending, Exploration, Progress, explore
from statewf.machine.fsm import Machine
from statewf.machine.lens import assigned_names
from statewf.machine.record import state_of

MOST = (
    60_000  # configurations that are explored for the sake of properties, in a machine of so many regions or less
)
REGIONS = 20
COUNTED = 1_000  # without any property
MANY = 10_000  # configurations: of more, what can be told without going to them is
SMALL = 2_000  # configurations that are few enough to be looked at twice


@attrs.frozen
class Proof:
    """What was found: verdicts, and the findings that follow from them.

    `configurations` is how many there are, as far as is known, and `visited` how many were looked at (None: none had to
    be); `bounded`: there are more. `ends` are the states in which a workflow can end; None: that was not found out.
    """

    verdicts: tuple[Verdict, ...] = ()
    findings: tuple[Finding, ...] = ()
    configurations: int = 0
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


class _Prover:
    """What is known of a machine by now, and how to find out the rest."""

    def __init__(self, machine: Machine, limit: int | None, *, as_written: bool, progress: Progress | None) -> None:
        assert isinstance(machine.notes, Notes), "a machine that no compiler made"
        self.machine = machine
        self.notes = machine.notes
        self._limit = limit
        self._as_written = as_written
        self._progress = progress
        self._looked = 0  # configurations among few runs

    @property
    def of_steps(self) -> bool:
        return isinstance(self.notes.definition, Workflow)

    @cached_property
    def counted(self) -> Census | None:
        """How many configurations a workflow has, if that can be told without going to them."""
        return census(self.machine) if self.of_steps and self._as_written else None

    @cached_property
    def wide(self) -> bool:
        """Whether a workflow is too large to go all its runs gladly."""
        if self.counted is not None:
            return self.counted.total > MANY
        return self.of_steps and not explore(self.machine, min(SMALL, self.limit)).whole

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
        known = {place: found for place, one in asked if (found := self.briefly(one))} if self.wide else {}
        rest = [one for place, one in asked if place not in known]
        space = self.space(rest, also=also)
        if space is not None and not also:
            findings += deadlock(self.machine, space)
        verdicts = []
        for place, one in asked:
            try:
                found = known.get(place) or verdict(self.machine, _there(space), one)
                verdicts.append(attrs.evolve(found, where=place.where))
                findings += violation(
                    self.notes, place, one.asked, found, 0 if space is None else len(space.found.snapshots)
                )
            except PropertyFails as error:
                findings.append(finding_at(place, "property-fails", "error", str(error), hint=error.hint))
        return _Answered(tuple(verdicts), tuple(findings), space)

    def briefly(self, asked: Question) -> Verdict | None:
        """The verdict on a property of a wide workflow, if it can be told without going all runs."""
        if self.counted is not None and (found := told(self.machine, asked)):
            return found
        sure = "proved" if isinstance(asked.asked, Sometimes) else "refuted"
        with suppress(PropertyFails):  # it is told when it is asked in earnest
            for few in narrowly(self.machine, asked, self.limit):
                self._looked += len(few.configurations)
                found = verdict(self.machine, Space(few), asked)
                if found.answer == sure:
                    return found
        return None

    def space(self, questions: Sequence[Question], *, also: bool) -> Space | None:
        """All runs, if somebody has to look at them."""
        if questions:
            return Space(explored(self.machine, self.limit, questions, self._progress))
        if also or not self.of_steps or self.counted is not None:
            return None
        return Space(explored(self.machine, min(COUNTED, self.limit)))

    def whole(self, own: _Answered, besides: _Answered) -> Proof:
        """All that was found out."""
        found = None if own.space is None else own.space.found
        verdicts, findings = (*own.verdicts, *besides.verdicts), (*own.findings, *besides.findings)
        counted = 0 if self.counted is None else self.counted.total
        if found is None:
            return Proof(verdicts, findings, counted, self._looked or None, ends=self.ends(None))
        gone = len(found.configurations)
        bounded = not found.whole or (found.reduced and not counted)
        return Proof(verdicts, findings, counted or gone, gone + self._looked, bounded, self.ends(found))

    def ends(self, found: Exploration | None) -> frozenset[str] | None:
        """The states in which a workflow can end, by counting or by looking; None if neither tells."""
        if self.counted is not None:
            return frozenset(ENDED).intersection(self.counted.by_state)
        if not self.of_steps or found is None or not found.whole:
            return None
        return frozenset(state_of(snapshot) for snapshot in found.snapshots if snapshot.ended)


def _there(space: Space | None) -> Space:
    assert space is not None, "what is not known is looked for"
    return space


# --- going all runs


def explored(
    machine: Machine, limit: int, questions: Sequence[Question] = (), progress: Progress | None = None
) -> Exploration:
    """All runs of a machine, as far as the limit allows; every order of everything, if that is not too much."""
    conditions = [asked.condition for asked in questions if isinstance(asked.condition, Expression)]
    functions = [asked.condition for asked in questions if callable(asked.condition)]
    if functions:
        return _watching(machine, limit, conditions, functions, progress)
    if conditions or len(machine.regions) == 1 or any(asked.by_function for asked in questions):
        return explore(machine, limit, watched=conditions, progress=progress)
    seen = frozenset(region for asked in questions for region in asked.regions)
    found = explore(machine, limit, Ending((*CAUSES, NOW), seen), progress=progress)
    if not found.whole or len(found.snapshots) > SMALL:
        return found
    whole = explore(machine, min(SMALL, limit))
    return whole if whole.whole else found


def _watching(
    machine: Machine,
    limit: int,
    conditions: Sequence[Expression],
    functions: Sequence[Predicate],
    progress: Progress | None,
) -> Exploration:
    """All runs, told apart also by what these functions of a snapshot read: who read something new is asked once more.

    In the end no function read what is not watched. So it would have done the same in all snapshots of a node.
    """
    assigned = assigned_names(machine)
    asked = Asked()
    while True:
        known = len(asked.read)
        watched = [*conditions, *map(watched_at, asked.read)]
        found = explore(machine, limit, watched=watched, progress=progress)
        for snapshot in found.snapshots:
            scope = visible(machine, snapshot)
            for function in functions:
                with suppress(PropertyFails):  # it is told when it is asked in earnest
                    of_known(function, scope, assigned, asked)
        if len(asked.read) == known:
            return found
