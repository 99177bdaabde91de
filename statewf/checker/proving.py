"""Proving the properties of a machine: all runs are explored, and each property becomes a verdict and perhaps a finding.

Below: `properties`, `runs`, the exploration. Above: `check`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import attrs

from statewf.checker.atoms import NoSuchAtom
from statewf.checker.findings import Finding
from statewf.checker.properties import Question, Verdict, question, verdict
from statewf.checker.runs import Space
from statewf.compiler import Notes
from statewf.compiler.workflow import CAUSES, NOW
from statewf.definition.model import Workflow, path_text
from statewf.definition.properties import Property, Sometimes
from statewf.machine.explore import Ending, Exploration, explore
from statewf.machine.fsm import Machine
from statewf.machine.snapshot import moves as moved

FEW = 4  # moves that are told
SMALL = 2_000  # configurations that are few enough to be looked at once more


def explored(machine: Machine, limit: int, questions: Sequence[Question] = ()) -> Exploration:
    """All runs of a machine, as far as the limit allows; every order of everything, if that is not too much."""
    conditions = [asked.condition for asked in questions if asked.condition is not None]
    if conditions or len(machine.regions) == 1:
        return explore(machine, limit, watched=conditions)
    seen = frozenset(region for asked in questions for region in asked.regions)
    found = explore(machine, limit, Ending((*CAUSES, NOW), seen))
    if not found.whole or len(found.snapshots) > SMALL:
        return found
    whole = explore(machine, min(SMALL, limit))
    return whole if whole.whole else found


@attrs.frozen
class Proof:
    """What was explored, the verdicts, and the findings that follow from them."""

    found: Exploration
    verdicts: tuple[Verdict, ...]
    findings: tuple[Finding, ...]


def prove(machine: Machine, limit: int) -> Proof:
    """What becomes of the properties in the definition of a machine."""
    notes = machine.notes
    assert isinstance(notes, Notes), "a machine that no compiler made"
    asked: list[tuple[int, Question]] = []
    findings: list[Finding] = []
    for place, written in enumerate(notes.definition.properties):
        try:
            asked.append((place, question(machine, written)))
        except NoSuchAtom as error:
            findings.append(_finding(notes, place, "unknown-atom", "error", str(error), hint=error.hint))
    space = Space(explored(machine, limit, [one for _, one in asked]))
    verdicts = []
    for place, one in asked:
        verdicts.append(verdict(machine, space, one))
        findings += _told(notes, place, one.asked, verdicts[-1], len(space.found.snapshots))
    return Proof(space.found, tuple(verdicts), tuple(findings))


def _told(notes: Notes, place: int, asked: Property, found: Verdict, nodes: int) -> Iterator[Finding]:
    """The finding that a verdict is worth, if it is."""
    text = found.text if found.name is None else f"{found.name}: {found.text}"
    trace = () if found.run is None else tuple(move.label for move in found.run.moves)
    match found.answer:
        case "refuted" if isinstance(asked, Sometimes):
            yield _finding(notes, place, "violated-property", "error", f"{text}: no run comes to that")
        case "refuted":
            how = _how(found, notes)
            yield _finding(notes, place, "violated-property", "error", f"{text}: {how}", trace)
        case "possible":
            how = "it does" if isinstance(asked, Sometimes) else _how(found, notes)
            yield _finding(notes, place, "possible-violation", "warning", f"{text}: {how}, {_if(found)}", trace)
        case "undetermined":
            message = f"{text}: not decided by the first {nodes:,} configurations, and there are more"
            yield _finding(notes, place, "undetermined", "error", message, hint="--limit allows more")
        case "proved" if found.idle:
            message = f"{text}: it says nothing, for no run ever comes to where it begins"
            yield _finding(notes, place, "idle-property", "warning", message)
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
    notes: Notes,
    place: int,
    rule: str,
    severity: Any,
    message: str,
    trace: tuple[str, ...] = (),
    hint: str | None = None,
) -> Finding:
    path = ("properties", place)
    line = notes.definition.places.line(path)
    return Finding(rule, severity, path_text(path), message, trace, line, hint)
