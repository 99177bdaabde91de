"""Rules about steps that never run, and STEP_RULES, the list of all rules about step workflows that compile.

A rule is a pure function of a `Ground`. All it finds are warnings, for what is wrong keeps a workflow from being compiled. One
fault gives one finding: of what lies within a step that never begins nothing is told.

Below: `ground`, and the other families of rules, `timing` and `waits`. Above: the checker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from statewf.checker.findings import Finding
from statewf.checker.steps.ground import Ground, answer, decided_before, taken
from statewf.checker.steps.timing import dead_timeout, retry_never_fits, unused_retry, wait_never_fits
from statewf.checker.steps.waits import waits_forever
from statewf.compiler.plan import Planned
from statewf.compiler.settling import leftover, lineage
from statewf.expr import Expression

StepRule: TypeAlias = Callable[[Ground], Iterator[Finding]]

ANSWERS = {"yes": "always holds", "no": "never holds", "fault": "has no answer"}


def dead_step(ground: Ground) -> Iterator[Finding]:
    """A step that a constant condition, or a race, keeps from ever beginning; told once for all within it, or behind it."""
    living = frozenset(node.number for node in ground.living)
    for node in ground.plan.nodes.values():
        block = node.parent
        if block is not None and block.number not in living:
            continue
        if node.number in living:
            lost = [branch.id for branch in node.inner if node.chooses and branch not in taken(node)]
            yield from _lost(ground, node, "condition", node.step.condition, lost)
        elif (earlier := decided_before(node)) is not None and block is not None:
            if decided_before(earlier) is None:
                message = f"{node.id} can never begin: {earlier.id}, for which it waits, decides {block.id}"
                hint = "let it begin with the others, or choose another strategy"
                yield ground.warning("dead-step", (*node.path, "dependsOn"), message, hint)
        elif block is None or not block.chooses or node in taken(block):
            yield from _lost(ground, node, "when", node.step.when, [node.id])


def _lost(
    ground: Ground, node: Planned, key: str, told: Expression | None, lost: Sequence[str]
) -> Iterator[Finding]:
    """That some steps never begin, by what a condition of a step answers always."""
    said = answer(told)
    if told is not None and said is not None and lost:
        fails = f", so {node.id} always fails" if said == "fault" else ""
        message = f"{' and '.join(lost)} can never begin: the {key} {told.text} {ANSWERS[said]}{fails}"
        yield ground.warning("dead-step", (*node.path, key), message, "mend it, or remove what never begins")


def shadowed_guard(ground: Ground) -> Iterator[Finding]:
    """A `match` that never holds: its event is never taken."""
    for node in ground.living:
        match, said = node.step.match, answer(node.step.match)
        if match is not None and said in ("no", "fault"):
            message = f"the match {match.text} {ANSWERS[said]}, so {node.step.event} is never taken"
            yield ground.warning("shadowed-guard", (*node.path, "match"), message, "mend it, or remove the step")


def compensation_never_runs(ground: Ground) -> Iterator[Finding]:
    """A compensation of a step behind whose success nothing can happen any more; or none is wanted at all.

    The workflow is completed at once when its last step succeeds. Somebody may cancel it before that: then a function
    may succeed all the same, when its handler was not in time to stop, and is undone; others are over at once.
    """
    if ground.workflow.error_handling.compensation_strategy == "none":
        if ground.plan.chain:
            path, message = ("errorHandling", "compensationStrategy"), "no compensation ever runs: none is wanted"
            yield ground.warning("compensation-never-runs", path, message, "remove this, or the compensations")
        return
    ending = [node for node in _last(ground) if node.step.compensation is not None and _ends_at_once(node)]
    if ending and not any(_lags(node) for node in ground.plan.nodes.values()):
        for node in ending:
            message = f"{node.id} is never undone: when it has succeeded, the workflow is completed"
            yield ground.warning("compensation-never-runs", (*node.path, "compensation"), message, "remove it")


def _last(ground: Ground) -> Iterator[Planned]:
    """The step for which all others are waited, if there is one, and what ends together with it."""
    ends = [root for root in ground.plan.roots if not root.before]
    living = frozenset(node.number for node in ground.living)
    for node in ends if len(ends) == 1 else []:  # which grows
        if node.number in living:
            yield node
            ends += node.inner if node.chooses else []


def _ends_at_once(node: Planned) -> bool:
    """Whether a step that is cancelled never succeeds, and one that failed is not undone."""
    return node.step.type != "function" and node.step.on_error != "rollback"


def _lags(node: Planned) -> bool:
    """Whether a handler may still be ending when others go on: until then the workflow is not completed."""
    *_, root = lineage(node)
    return node.step.type == "function" and leftover(root, node)


STEP_RULES: tuple[StepRule, ...] = (
    waits_forever,
    dead_step,
    shadowed_guard,
    dead_timeout,
    wait_never_fits,
    retry_never_fits,
    unused_retry,
    compensation_never_runs,
)
