"""What the rules about step workflows go by: which steps can begin at all, and what ends them from outside.

Below: the compiler's plan. Above: the rules, in `timing`, `waits` and `rules`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple, assert_never

import attrs

from statewf.checker.findings import Finding
from statewf.compiler.plan import Path, Plan, Planned
from statewf.definition.model import Quorum, Workflow, path_text
from statewf.expr import Expression, Fault


class End(NamedTuple):
    """Something that is over `after` so many ms at the latest, and what that is."""

    after: int
    name: str


@attrs.frozen(eq=False)
class Ground:
    """`living` are the steps that can begin, in document order; `around`, by number, the soonest timeout around a step."""

    plan: Plan
    living: tuple[Planned, ...]
    around: dict[int, End | None]

    @property
    def workflow(self) -> Workflow:
        """What was written."""
        return self.plan.workflow

    def warning(self, rule: str, path: Path, message: str, hint: str) -> Finding:
        """A finding at this place of the document."""
        line = self.workflow.places.line(path)
        return Finding(rule, "warning", path_text(path), message, (), line, hint)


def ground_of(plan: Plan) -> Ground:
    """The ground of a workflow that compiles."""
    around: dict[int, End | None] = {}
    for node in plan.nodes.values():  # blocks come before what lies within them
        around[node.number] = _soonest(plan.workflow, node.parent, around)
    return Ground(plan, tuple(_living(plan.roots)), around)


def _soonest(workflow: Workflow, block: Planned | None, around: dict[int, End | None]) -> End | None:
    """What ends whatever lies right within a block, or within none, at the latest; of two at once the inner one."""
    if block is None:
        return None if workflow.timeout is None else End(workflow.timeout, "the workflow")
    outer, timeout = around[block.number], block.step.timeout
    if timeout is None or (outer is not None and outer.after < timeout):
        return outer
    return End(timeout, block.id)


def _living(siblings: Sequence[Planned]) -> Iterator[Planned]:
    for node in siblings:
        if begins(node):
            yield node
            yield from _living(taken(node))


def begins(node: Planned) -> bool:
    """Whether a step can begin, for all that its `when` says, and what it waits for.

    Where a `when` has no answer somebody may be asked, and have the step begin all the same, unless it is a block.
    """
    said = answer(node.step.when)
    asked = node.step.on_error == "human-review" and not node.inner
    return said != "no" and (said != "fault" or asked) and decided_before(node) is None


def decided_before(node: Planned) -> Planned | None:
    """What a step of a race waits for, although that decides the race, so that nothing begins behind it.

    Of several the first. What may be skipped, or in a race for a success may fail tolerably, decides nothing then.
    """
    strategy = None if node.parent is None or node.parent.chooses else node.parent.step.strategy
    if strategy not in ("first", "any", Quorum(1)):
        return None
    alone = (other for other in node.after if not other.inner and other.step.when is None)
    return next((other for other in alone if strategy == "first" or not other.tolerant), None)


def taken(node: Planned) -> Sequence[Planned]:
    """The steps within one, but for the branch of a choice that is never taken."""
    said = answer(node.step.condition)
    match said:
        case "yes":
            return node.inner[:1]
        case "no":
            return node.inner[1:]
        case "fault":
            return ()
        case None:
            return node.inner
        case _:
            assert_never(said)


def answer(condition: Expression | None) -> Literal["yes", "no", "fault"] | None:
    """What a condition that reads nothing answers, always the same; None: it depends, or there is none."""
    if condition is None or not condition.constant:
        return None
    try:
        return "yes" if condition.holds({}) else "no"
    except Fault:
        return "fault"
