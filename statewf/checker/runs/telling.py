"""What became of a property, as a finding.

Below: `verdict`. Above: the checker's `proving`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from statewf.checker.findings import Finding, Severity
from statewf.checker.runs.verdict import Verdict
from statewf.compiler import Notes
from statewf.definition.model import Workflow
from statewf.definition.properties import Always, Property, Sometimes
from statewf.machine.fsm import Track
from statewf.machine.naming import base
from statewf.machine.snapshot import moves as moved

FEW = 4  # moves that are told


class Place(NamedTuple):
    """Where a property stands: in the document of the definition, or among those that are asked for besides."""

    where: str
    line: int | None = None


def violation(notes: Notes, place: Place, asked: Property, found: Verdict, nodes: int) -> Iterator[Finding]:
    """The finding that a verdict is worth, if it is; `nodes`: so many configurations were looked at, and there are more."""
    text = found.text if found.name is None else f"{found.name}: {found.text}"
    trace = () if found.run is None else tuple(move.label for move in found.run.moves)
    match found.answer:
        case "refuted" if isinstance(asked, Sometimes):
            yield finding_at(place, "violated-property", "error", f"{text}: no run comes to that")
        case "refuted":
            how = _how(asked, found, notes)
            yield finding_at(place, "violated-property", "error", f"{text}: {how}", trace)
        case "possible":
            how = "it does" if isinstance(asked, Sometimes) else _how(asked, found, notes)
            yield finding_at(place, "possible-violation", "warning", f"{text}: {how}, {_if(found)}", trace)
        case "undetermined":
            looked = f" by the first {nodes:,} configurations, and there are more" if nodes else ""
            message, hint = f"{text}: not decided{looked}", "--limit allows more" if nodes else None
            if found.run is not None:
                how = "it does" if isinstance(asked, Sometimes) else _how(asked, found, notes)
                message += f"; {how}, {_if(found)}"
            yield finding_at(place, "undetermined", "error", message, trace, hint)
        case "proved" if found.idle:
            message = f"{text}: it says nothing, for no run ever comes to where it begins"
            yield finding_at(place, "idle-property", "warning", message)
        case "proved":
            pass


def _how(asked: Property, found: Verdict, notes: Notes) -> str:
    """How a run violates a property."""
    run = found.run
    assert run is not None, "a violation is shown by a run"
    match run.end:
        case "step":
            does = "in a run it is not so" if isinstance(asked, Always) else "a run does so"
            return f"{does}{_last(run.moves[-1].path, notes)}"
        case "ended":
            return f"a run ends in {base(moved(run.moves[-1].path)[-1].target)} without"
        case "rests":
            return "a run may wait for ever before that"
        case "circles":
            return f"a run may go round for ever: {', '.join(move.label for move in run.loop)}"


def _last(path: Track, notes: Notes) -> str:
    """The moves of the last step, if they are few, as people know them; of a state machine nobody knows the name of the region."""
    of_steps = isinstance(notes.definition, Workflow)
    known = ((move.region, base(move.source), base(move.target)) for move in moved(path) if move.entered)
    moves = [f"{f'{region} ' * of_steps}{source or '∅'} → {target}" for region, source, target in known]
    return f" ({', '.join(moves)})" if 0 < len(moves) <= FEW else ""


def _if(found: Verdict) -> str:
    """On what it depends."""
    if found.told is None:
        return "if timers can come in that order"
    supposed = dict.fromkeys(text for told in found.told for text in told.supposed)
    return f"if {' and '.join(supposed)}" if supposed else "if what it reads is so"


def finding_at(
    place: Place,
    rule: str,
    severity: Severity,
    message: str,
    trace: tuple[str, ...] = (),
    hint: str | None = None,
) -> Finding:
    return Finding(rule, severity, place.where, message, trace, place.line, hint)
