"""Finding what is wrong with a definition before it runs.

`check` gives a `Report`: findings, and what became of each property. The structural findings are told from the graph
alone: from the ground `findings`; `edges` and `graph`, what a table allows; the rules, one function each, in `shadows`,
`timing` and `lint`. Properties are asked of all runs: `atoms`, `monitors`, `runs`, `properties`, `proving`.

Stands on `compiler`; beside `simulator`, `diagram` and `history`, of which it knows nothing. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from statewf.checker.findings import Finding, Report
from statewf.checker.graph import graph_of
from statewf.checker.lint import RULES
from statewf.compiler import Notes, compile_definition
from statewf.compiler.plan import plan
from statewf.compiler.tree import grow
from statewf.definition.model import Definition, Workflow
from statewf.errors import CompileError
from statewf.machine.fsm import Machine

if TYPE_CHECKING:
    from statewf.checker.properties import Verdict as Verdict
    from statewf.checker.properties import holds as holds

__all__ = ["Finding", "Report", "Verdict", "check", "faults", "holds"]

MOST_CONFIGURATIONS = 60_000  # explored for the sake of properties; without any, COUNTED are
COUNTED = 1_000


def check(subject: Definition | Machine, *, limit: int | None = None) -> Report:
    """All that is wrong, or may be, with a definition; of one that does not compile, why it does not.

    `limit` is how many configurations are explored, at most, to decide its properties.
    """
    if isinstance(subject, Machine):
        return _proved(subject, limit)
    try:
        return _proved(compile_definition(subject), limit)
    except CompileError as error:
        found = (Finding(d.code, "error", d.path, d.message, (), d.line, d.hint) for d in error.diagnostics)
        of_steps = isinstance(subject, Workflow)
        written = steps_written(subject) if isinstance(subject, Workflow) else len(grow(subject).nodes)
        return Report(subject.name, written, 0, 0, 0, tuple(found), of_steps)


def faults(machine: Machine) -> tuple[Finding, ...]:
    """What is wrong with a machine although it compiled: it must not run."""
    if isinstance(machine.notes.definition, Workflow):
        return ()  # all that is known to be wrong with a workflow keeps it from being compiled
    return tuple(finding for finding in _checked(machine).findings if finding.severity == "error")


def __getattr__(name: str) -> Any:
    """What speaks of runs is loaded when it is asked for: whoever starts an instance needs the structure alone."""
    if name not in ("Verdict", "holds"):
        raise AttributeError(f"module 'statewf.checker' has no attribute {name!r}")
    from statewf.checker import properties

    return getattr(properties, name)


def _proved(machine: Machine, limit: int | None) -> Report:
    """The report on its structure, and on all its runs."""
    from statewf.checker.proving import prove

    report = _checked(machine)
    of_steps = report.of_steps
    asks = bool(machine.notes.definition.properties)
    if not (of_steps or asks) or not report.ok:
        return report
    proof = prove(machine, limit or (MOST_CONFIGURATIONS if asks else COUNTED))
    found = proof.found
    return attrs.evolve(
        report,
        configurations=len(found.configurations) if of_steps else report.configurations,
        bounded=not found.whole,
        findings=(*report.findings, *proof.findings),
        verdicts=proof.verdicts,
    )


def _checked(machine: Machine) -> Report:
    assert isinstance(machine.notes, Notes), "a machine that no compiler made"
    if isinstance(machine.notes.definition, Workflow):
        return _figures(machine, machine.notes.definition)
    graph = graph_of(machine)
    rows = graph.region.states.values()
    return Report(
        name=machine.name,
        states=len(graph.tree.nodes),
        compiled_states=len(rows),
        configurations=graph.configurations,
        transitions=sum(len(row.transitions()) for row in rows),
        findings=tuple(finding for rule in RULES for finding in rule(graph)),
    )


def _figures(machine: Machine, workflow: Workflow) -> Report:
    """The report of a workflow that compiled: what is wrong with its structure keeps it from being compiled."""
    rows = [row for region in machine.regions for row in region.states.values()]
    transitions = sum(len(row.transitions()) for row in rows)
    return Report(machine.name, steps_written(workflow), len(rows), 0, transitions, (), of_steps=True)


def steps_written(workflow: Workflow) -> int:
    """How many steps there are, those within others too."""
    planned = plan(workflow)
    return len(planned.nodes) + len(planned.doubles)
