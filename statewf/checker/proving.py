"""Proving the properties of a machine: all runs are explored, and each property becomes a verdict and perhaps a finding.

Below: `words`, `runs`, `census`, and the exploration. Above: the package.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import attrs

from statewf.checker.census.proofs import proved
from statewf.checker.findings import Finding
from statewf.checker.runs.deadlock import deadlock
from statewf.checker.runs.search import Space
from statewf.checker.runs.verdict import Verdict, verdict, visible
from statewf.checker.words.atoms import NoSuchAtom
from statewf.checker.words.functions import Asked, PropertyFails, of_known, watched_at
from statewf.checker.words.question import Question, question
from statewf.compiler import Notes
from statewf.compiler.workflow import CAUSES, NOW
from statewf.definition.model import Workflow, path_text
from statewf.definition.properties import Predicate, Property, Sometimes
from statewf.expr import Expression
from statewf.machine.explore import Ending, Exploration, explore
from statewf.machine.fsm import Machine
from statewf.machine.lens import assigned_names
from statewf.machine.snapshot import moves as moved

FEW = 4  # moves that are told
SMALL = 2_000  # configurations that are few enough to be looked at once more


def explored(machine: Machine, limit: int, questions: Sequence[Question] = ()) -> Exploration:
    """All runs of a machine, as far as the limit allows; every order of everything, if that is not too much."""
    conditions = [asked.condition for asked in questions if isinstance(asked.condition, Expression)]
    functions = [asked.condition for asked in questions if callable(asked.condition)]
    if functions:
        return _watching(machine, limit, conditions, functions)
    if conditions or len(machine.regions) == 1 or any(asked.by_function for asked in questions):
        return explore(machine, limit, watched=conditions)
    seen = frozenset(region for asked in questions for region in asked.regions)
    found = explore(machine, limit, Ending((*CAUSES, NOW), seen))
    if not found.whole or len(found.snapshots) > SMALL:
        return found
    whole = explore(machine, min(SMALL, limit))
    return whole if whole.whole else found


def _watching(
    machine: Machine, limit: int, conditions: Sequence[Expression], functions: Sequence[Predicate]
) -> Exploration:
    """All runs, told apart also by what these functions of a snapshot read: who read something new is asked once more.

    In the end no function read what is not watched. So it would have done the same in all snapshots of a node.
    """
    assigned = assigned_names(machine)
    asked = Asked()
    while True:
        known = len(asked.read)
        found = explore(machine, limit, watched=[*conditions, *map(watched_at, asked.read)])
        for snapshot in found.snapshots:
            scope = visible(machine, snapshot)
            for function in functions:
                with suppress(PropertyFails):  # it is told when it is asked in earnest
                    of_known(function, scope, assigned, asked)
        if len(asked.read) == known:
            return found


@attrs.frozen
class Proof:
    """What was explored, if anything had to be; the verdicts, and the findings that follow from them."""

    found: Exploration | None
    verdicts: tuple[Verdict, ...]
    findings: tuple[Finding, ...]


class _Place(NamedTuple):
    """Where a property stands: in the document of the definition, or among those that are asked for besides."""

    where: str
    line: int | None = None


def prove(machine: Machine, limit: int, also: Sequence[Property] | None = None, *, wide: bool = False) -> Proof:
    """What becomes of a machine: of the properties in its definition, or of those that are `also` asked for.

    Of a `wide` one what can be proved by a sweep is, and runs are looked at for the rest only.
    """
    notes = machine.notes
    assert isinstance(notes, Notes), "a machine that no compiler made"
    asked: list[tuple[_Place, Question]] = []
    findings: list[Finding] = []
    for place, written in _written(notes) if also is None else _besides(also):
        try:
            asked.append((place, question(machine, written)))
        except NoSuchAtom as error:
            findings.append(_finding(place, "unknown-atom", "error", str(error), hint=error.hint))
    known = {place: found for place, one in asked if (found := proved(machine, one))} if wide else {}
    rest = [one for place, one in asked if place not in known]
    space = Space(explored(machine, limit, rest)) if rest or not wide else None
    if space is not None and also is None:
        findings += deadlock(machine, space)
    nodes = 0 if space is None else len(space.found.snapshots)
    verdicts = []
    for place, one in asked:
        try:
            found = known.get(place)
            if found is None:
                assert space is not None, "what is not proved is looked for"
                found = verdict(machine, space, one)
            verdicts.append(found)
            findings += _told(notes, place, one.asked, found, nodes)
        except PropertyFails as error:
            findings.append(_finding(place, "property-fails", "error", str(error), hint=error.hint))
    return Proof(None if space is None else space.found, tuple(verdicts), tuple(findings))


def _written(notes: Notes) -> Iterator[tuple[_Place, Property]]:
    """The properties of a definition."""
    for number, asked in enumerate(notes.definition.properties):
        path = ("properties", number)
        yield _Place(path_text(path), notes.definition.places.line(path)), asked


def _besides(also: Sequence[Property]) -> Iterator[tuple[_Place, Property]]:
    for number, asked in enumerate(also):
        yield _Place(f"also[{number}]"), asked


def _told(notes: Notes, place: _Place, asked: Property, found: Verdict, nodes: int) -> Iterator[Finding]:
    """The finding that a verdict is worth, if it is."""
    text = found.text if found.name is None else f"{found.name}: {found.text}"
    trace = () if found.run is None else tuple(move.label for move in found.run.moves)
    match found.answer:
        case "refuted" if isinstance(asked, Sometimes):
            yield _finding(place, "violated-property", "error", f"{text}: no run comes to that")
        case "refuted":
            how = _how(found, notes)
            yield _finding(place, "violated-property", "error", f"{text}: {how}", trace)
        case "possible":
            how = "it does" if isinstance(asked, Sometimes) else _how(found, notes)
            yield _finding(place, "possible-violation", "warning", f"{text}: {how}, {_if(found)}", trace)
        case "undetermined":
            message = f"{text}: not decided by the first {nodes:,} configurations, and there are more"
            yield _finding(place, "undetermined", "error", message, hint="--limit allows more")
        case "proved" if found.idle:
            message = f"{text}: it says nothing, for no run ever comes to where it begins"
            yield _finding(place, "idle-property", "warning", message)
        case "proved":
            pass


def _how(found: Verdict, notes: Notes) -> str:
    """How a run violates a property."""
    run = found.run
    assert run is not None, "a violation is shown by a run"
    match run.end:
        case "step":
            return f"a run does so{_last(run.moves[-1].path, notes)}"
        case "ended":
            return f"a run ends in {run.moves[-1].path[-2]} without"
        case "rests":
            return "a run may wait for ever before that"
        case "circles":
            return f"a run may go round for ever: {', '.join(move.label for move in run.loop)}"


def _last(path: tuple[str | int, ...], notes: Notes) -> str:
    """The moves of the last step, if they are few; of a state machine nobody knows the name of the region."""
    of_steps = isinstance(notes.definition, Workflow)
    moves = [f"{f'{move.region} ' * of_steps}{move.source or '∅'} → {move.target}" for move in moved(path)]
    return f" ({', '.join(moves)})" if 0 < len(moves) <= FEW else ""


def _if(found: Verdict) -> str:
    """On what it depends."""
    if found.told is None:
        return "if timers can come in that order"
    supposed = dict.fromkeys(text for told in found.told for text in told.supposed)
    return f"if {' and '.join(supposed)}" if supposed else "if what it reads is so"


def _finding(
    place: _Place,
    rule: str,
    severity: Any,
    message: str,
    trace: tuple[str, ...] = (),
    hint: str | None = None,
) -> Finding:
    return Finding(rule, severity, place.where, message, trace, place.line, hint)
