"""Finding what is wrong with a definition before it runs.

`check` gives a `Report` of findings. For now these are the structural ones of state machines: what can be
told from the graph alone, with guards left free. From the ground: `findings`; `edges` and `graph`, what a
table allows; the rules, one function each, in `shadows`, `timing` and `lint`.

Stands on `compiler`; beside `simulator`, `diagram` and `history`, of which it knows nothing. Pure.
"""

from __future__ import annotations

from statewf.checker.findings import Finding, Report
from statewf.checker.graph import graph_of
from statewf.checker.lint import RULES
from statewf.compiler import compile_definition
from statewf.compiler.tree import grow
from statewf.definition.model import Definition
from statewf.errors import CompileError
from statewf.machine.fsm import Machine

__all__ = ["Finding", "Report", "check"]


def check(subject: Definition | Machine) -> Report:
    """All that is wrong, or may be, with a definition; of one that does not compile, why it does not."""
    if isinstance(subject, Machine):
        return _checked(subject)
    try:
        return _checked(compile_definition(subject))
    except CompileError as error:
        found = (Finding(d.code, "error", d.path, d.message, (), d.line, d.hint) for d in error.diagnostics)
        return Report(subject.name, len(grow(subject).nodes), 0, 0, 0, tuple(found))


def _checked(machine: Machine) -> Report:
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
