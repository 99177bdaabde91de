"""Finding what is wrong with a definition before it runs.

`check` gives a `Report` of findings. For now these are the structural ones of state machines: what can be
told from the graph alone, with guards left free. Of a workflow it tells what keeps it from being compiled,
and counts what a run can visit. From the ground: `findings`; `edges` and `graph`, what a table allows; the
rules, one function each, in `shadows`, `timing` and `lint`; `product`, the counts of a workflow.

Stands on `compiler`; beside `simulator`, `diagram` and `history`, of which it knows nothing. Pure.
"""

from __future__ import annotations

from statewf.checker.findings import Finding, Report
from statewf.checker.graph import graph_of
from statewf.checker.lint import RULES
from statewf.checker.product import checked_workflow, steps_written
from statewf.compiler import Notes, compile_definition
from statewf.compiler.tree import grow
from statewf.definition.model import Definition, Workflow
from statewf.errors import CompileError
from statewf.machine.fsm import Machine

__all__ = ["Finding", "Report", "check", "faults"]


def check(subject: Definition | Machine) -> Report:
    """All that is wrong, or may be, with a definition; of one that does not compile, why it does not."""
    if isinstance(subject, Machine):
        return _checked(subject)
    try:
        return _checked(compile_definition(subject))
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


def _checked(machine: Machine) -> Report:
    assert isinstance(machine.notes, Notes), "a machine that no compiler made"
    if isinstance(machine.notes.definition, Workflow):
        return checked_workflow(machine, machine.notes.definition)
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
