"""Finding what is wrong with a definition before it runs.

`check` gives a `Report`. Its `findings` about the structure come from what was compiled alone: `states`, `steps`,
`prices`. How many configurations there are is told by a `census`. Properties are put in `words`, asked of all `runs`,
and `proving` makes verdicts and findings of that. `bounds`, `saga`, `table` and `explain` answer questions of their own.

Stands on `compiler`; beside `simulator`, `diagram` and `history`, of which it knows nothing. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

import attrs

from statewf.checker.findings import Finding
from statewf.checker.prices import price_never_applies
from statewf.checker.report import Report
from statewf.checker.states.graph import graph_of
from statewf.checker.states.rules import RULES
from statewf.checker.steps.ground import ground_of
from statewf.checker.steps.rules import STEP_RULES
from statewf.compiler import Notes, compile_definition
from statewf.compiler.plan import plan
from statewf.compiler.tree import grow
from statewf.definition.model import Definition, Workflow
from statewf.definition.parts import several
from statewf.definition.properties import PATTERNS, Property
from statewf.errors import CompileError
from statewf.machine.fsm import Machine

if TYPE_CHECKING:
    from statewf.checker.runs.verdict import Verdict as Verdict
    from statewf.checker.runs.verdict import holds as holds
    from statewf.checker.words.functions import Happening as Happening
    from statewf.checker.words.functions import PropertyFails as PropertyFails
    from statewf.checker.words.functions import View as View

__all__ = ["Finding", "Happening", "PropertyFails", "Report", "Verdict", "View", "check", "faults", "holds"]

_OF_RUNS = {
    "Happening": "words.functions",
    "PropertyFails": "words.functions",
    "Verdict": "runs.verdict",
    "View": "words.functions",
    "holds": "runs.verdict",
}


def check(
    subject: Definition | Machine,
    *,
    limit: int | None = None,
    also: Property | Iterable[Property] = (),
    progress: Callable[[int], None] | None = None,
) -> Report:
    """All that is wrong, or may be, with a definition; of one that does not compile, why it does not.

    `limit` is how many configurations are explored, at most, to decide its properties. `also` are further ones, whose
    atoms and conditions may be functions: of a step (`Happening`), and of a snapshot (`View`). They come last, each at
    `also[n]`. `progress` is told how many configurations were found by then, where that takes long. Raises DefinitionError
    for what is no property.
    """
    listed = several("also", also, *PATTERNS.values())
    if isinstance(subject, Machine):
        return _asked(subject, limit, listed, progress, as_written=_as_written(subject))
    try:
        return _asked(compile_definition(subject), limit, listed, progress, as_written=True)
    except CompileError as error:
        found = (Finding(d.code, "error", d.path, d.message, (), d.line, d.hint) for d in error.diagnostics)
        of_steps = isinstance(subject, Workflow)
        written = steps_written(subject) if isinstance(subject, Workflow) else len(grow(subject).nodes)
        unasked = len(subject.properties) + len(listed)
        return Report(subject.name, written, 0, 0, 0, tuple(found), of_steps, unasked=unasked)


def faults(machine: Machine) -> tuple[Finding, ...]:
    """What is wrong with a machine although it compiled: it must not run."""
    if isinstance(machine.notes.definition, Workflow):
        return ()  # all that is known to be wrong with a workflow keeps it from being compiled
    return tuple(finding for finding in _checked(machine).findings if finding.severity == "error")


def __getattr__(name: str) -> Any:
    """What speaks of runs is loaded when it is asked for: whoever starts an instance needs the structure alone."""
    if name not in _OF_RUNS:
        raise AttributeError(f"module 'statewf.checker' has no attribute {name!r}")
    return getattr(import_module(f"statewf.checker.{_OF_RUNS[name]}"), name)


def _asked(
    machine: Machine,
    limit: int | None,
    also: Sequence[Property],
    progress: Callable[[int], None] | None,
    *,
    as_written: bool,
) -> Report:
    """The report on its structure, on how long it takes, and on all its runs."""
    from statewf.checker.bounds import bounds, never_completes
    from statewf.checker.proving import prove

    report = _checked(machine)
    if not report.ok:
        return attrs.evolve(report, unasked=len(machine.notes.definition.properties) + len(also))
    proof = prove(machine, limit, also, as_written=as_written, progress=progress)
    report = attrs.evolve(
        report,
        findings=(*report.findings, *proof.findings),
        verdicts=proof.verdicts,
        configurations=report.configurations or proof.configurations,
        exact=proof.exact,
        visited=proof.visited,
        bounded=proof.bounded,
    )
    if not as_written:
        return report
    reckoned = bounds(machine)
    if proof.ends is not None:
        reckoned = reckoned.among(proof.ends)
    workflow = machine.notes.definition
    never = tuple(never_completes(workflow, reckoned)) if isinstance(workflow, Workflow) else ()
    return attrs.evolve(report, bounds=reckoned, findings=(*report.findings, *never))


def _as_written(machine: Machine) -> bool:
    """Whether it is what its definition says: somebody may have changed it since."""
    assert isinstance(machine.notes, Notes), "a machine that no compiler made"
    return compile_definition(machine.notes.definition).regions == machine.regions


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
        findings=(
            *_once(finding for rule in RULES for finding in rule(graph)),
            *price_never_applies(machine.notes.definition),
        ),
    )


def _once(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Each of them once: one state may stand in many rows, beside others or with another past."""
    told: set[tuple[str, str, str]] = set()
    for finding in findings:
        said = (finding.rule, finding.where, finding.message)
        if said not in told:
            told.add(said)
            yield finding


def _figures(machine: Machine, workflow: Workflow) -> Report:
    """The report of a workflow that compiled: what is wrong with its structure keeps it from being compiled."""
    rows = [row for region in machine.regions for row in region.states.values()]
    transitions = sum(len(row.transitions()) for row in rows)
    ground = ground_of(plan(workflow))
    found = (*(finding for rule in STEP_RULES for finding in rule(ground)), *price_never_applies(workflow))
    return Report(machine.name, len(ground.plan.nodes), len(rows), 0, transitions, found, of_steps=True)


def steps_written(workflow: Workflow) -> int:
    """How many steps there are, those within others too."""
    planned = plan(workflow)
    return len(planned.nodes) + len(planned.doubles)
