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
from statewf.checker.runs import Run, Space
from statewf.compiler import Notes
from statewf.compiler.workflow import CAUSES, NOW
from statewf.definition.model import path_text
from statewf.definition.properties import Property, Sometimes
from statewf.machine.explore import Ending, Exploration, explore
from statewf.machine.fsm import Machine


def explored(machine: Machine, limit: int, questions: Sequence[Question] = ()) -> Exploration:
    """All runs of a machine, as far as the limit allows; of what nobody asks for, one order for all if it must be."""
    conditions = [asked.condition for asked in questions if asked.condition is not None]
    found = explore(machine, limit, watched=conditions)
    if found.whole or conditions or len(machine.regions) == 1:
        return found
    seen = frozenset(region for asked in questions for region in asked.regions)
    return explore(machine, limit, Ending((*CAUSES, NOW), seen))


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
            yield _finding(notes, place, "violated-property", "error", f"{text}: {_how(found.run)}", trace)
        case "possible":
            only = "if data are such" if found.told is not None else "if timers can come in that order"
            says = f"only {only}" if isinstance(asked, Sometimes) else f"{_how(found.run)}, {only}"
            yield _finding(notes, place, "possible-violation", "warning", f"{text}: {says}", trace)
        case "undetermined":
            message = f"{text}: not decided by the first {nodes:,} configurations, and there are more"
            yield _finding(notes, place, "undetermined", "error", message, hint="--limit allows more")
        case "proved" if found.idle:
            message = f"{text}: it says nothing, for no run ever comes to where it begins"
            yield _finding(notes, place, "idle-property", "warning", message)
        case "proved":
            pass


def _how(run: Run | None) -> str:
    """How a run violates a property."""
    assert run is not None, "a violation is shown by a run"
    match run.end:
        case "step":
            return "a run does so"
        case "ended":
            return "a run ends without"
        case "rests":
            return "a run may wait for ever before that"
        case "circles":
            return f"a run may go round for ever: {', '.join(move.label for move in run.loop)}"


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
