"""How long a machine takes at least and at most, to each of its ends, and how often it tries.

Of a state machine `states` tells what is reckoned and how exact it is, of a workflow `steps`. Time is that
of a run whose timers are punctual: an owner that is down when a timer comes due adds the time until it is back.

Below: `states`, `steps`, `spans`. Above: the checker, which fills in a report.
"""

from __future__ import annotations

from collections.abc import Iterator

from statewf.checker.bounds.spans import Bounds
from statewf.checker.bounds.states import state_bounds
from statewf.checker.bounds.steps import step_bounds
from statewf.checker.findings import Finding
from statewf.checker.states.graph import graph_of
from statewf.compiler import Notes
from statewf.compiler.plan import plan
from statewf.definition.model import Workflow
from statewf.machine.fsm import Machine


def never_completes(workflow: Workflow, reckoned: Bounds) -> Iterator[Finding]:
    """That no run of a workflow completes, as far as it is known in which states it ends."""
    if reckoned.of("completed") is None:
        *others, last = [end.state for end in reckoned.ends] or ["nothing"]
        ends = f"{', '.join(others)} or {last}" if others else last
        message = f"no run completes: it ends in {ends}, whatever happens"
        hint = "some step that it needs always fails, or takes longer than there is time"
        yield Finding("never-completes", "error", "$.steps", message, (), workflow.places.line(("steps",)), hint)


def bounds(machine: Machine) -> Bounds:
    """The bounds of a compiled machine."""
    assert isinstance(machine.notes, Notes), "a machine that no compiler made"
    definition = machine.notes.definition
    return step_bounds(plan(definition)) if isinstance(definition, Workflow) else state_bounds(graph_of(machine))
