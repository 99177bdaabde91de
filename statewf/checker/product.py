"""The figures of a workflow: what is written, what was compiled, and how many configurations a run can visit.

Below: the machine's `explore`. Above: `check`.
"""

from __future__ import annotations

from statewf.checker.findings import Report
from statewf.compiler.plan import plan
from statewf.definition.model import Workflow
from statewf.machine.explore import explore
from statewf.machine.fsm import Machine

MOST_CONFIGURATIONS = 1_000  # what lies beyond is not counted: the product grows faster than the workflow


def checked_workflow(machine: Machine, workflow: Workflow) -> Report:
    """The report of a workflow that compiled."""
    rows = [row for region in machine.regions for row in region.states.values()]
    found = explore(machine, MOST_CONFIGURATIONS)
    return Report(
        name=machine.name,
        states=steps_written(workflow),
        compiled_states=len(rows),
        configurations=len(found.configurations),
        transitions=sum(len(row.transitions()) for row in rows),
        findings=(),
        of_steps=True,
        bounded=not found.whole,
    )


def steps_written(workflow: Workflow) -> int:
    """How many steps there are, those within others too."""
    planned = plan(workflow)
    return len(planned.nodes) + len(planned.doubles)
