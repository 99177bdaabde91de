"""What can become of each step, in few words: when it starts, how it ends, and what that means to the others.

It is told from the definition, as the compiler reads it (`plan`); the tests hold it against real runs.

Below: the compiler's plan. Above: the package.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias, assert_never

from statewf.compiler.plan import Plan, Planned
from statewf.definition.model import Quorum, Step, Workflow
from statewf.values.duration import spoken

COLUMNS = ("starts", "succeeds", "fails", "timeout", "skipped", "cancelled", "undone")

Words: TypeAlias = Mapping[str, str]  # of a step, by column; what cannot happen has none


def step_rows(plan: Plan) -> Iterator[tuple[str, str, Words]]:
    """Id, kind and words of each step, in document order."""
    workflow = plan.workflow
    for node in plan.nodes.values():
        words = {
            "starts": _starts(node),
            "succeeds": _succeeds(node.step),
            "fails": _fails(node, workflow),
            "timeout": _timeout(node.step),
            "skipped": "; ".join(_skipped(node)),
            "cancelled": _cancelled(node.step, workflow),
            "undone": _undone(node.step, workflow),
        }
        yield node.id, node.step.type if node.step.required else f"{node.step.type}, not required", words


# --- the beginning


def _starts(node: Planned) -> str:
    parts = [_after(node)]
    if node.step.when is not None:
        parts.append(f"if {node.step.when.text}")
    if node.pool is not None and node.parent is not None:
        parts.append(f"at most {node.parent.step.max_concurrency} at a time")
    return ", ".join(parts)


def _after(node: Planned) -> str:
    if node.after:
        return f"after {', '.join(other.id for other in node.after)}"
    if node.parent is None:
        return "at once"
    return f"if {_choice(node, taken=True)}" if node.parent.chooses else f"with {node.parent.id}"


def _choice(branch: Planned, *, taken: bool) -> str:
    """What decides that a branch is taken, or not."""
    assert branch.parent is not None, "a branch lies in a condition"
    condition = branch.parent.step.condition
    assert condition is not None, "the definition's shape says so"
    return condition.text if (branch is branch.parent.inner[0]) is taken else f"not ({condition.text})"


def _skipped(node: Planned) -> Iterator[str]:
    """What may lead to a step's being skipped."""
    yield from _skipped_from_outside(node)
    if _alone(node) and node.step.condition is not None:
        yield f"unless {node.step.condition.text}"
    yield from _skipped_from_within(node)


def _skipped_from_outside(node: Planned) -> Iterator[str]:
    """Then all within it is skipped as well."""
    if node.step.when is not None:
        yield f"unless {node.step.when.text}"
    if node.parent is not None and node.parent.chooses:
        yield f"if {_choice(node, taken=False)}"
    if node.parent is not None and any(_skipped_from_outside(node.parent)):
        yield f"with {node.parent.id}"


def _skipped_from_within(node: Planned) -> Iterator[str]:
    """A condition is skipped with the branch it took, and a block when nothing is left that it could wait for."""
    if branches := [inner.id for inner in node.inner if node.chooses and _skips_itself(inner)]:
        yield f"with {' or '.join(branches)}"
    elif node.step.type == "parallel" and node.step.strategy != "all" and all(map(_skips_itself, node.inner)):
        yield "if all within it are"


def _skips_itself(node: Planned) -> bool:
    """Whether it may be skipped though nobody outside says so."""
    return node.step.when is not None or _alone(node) or any(_skipped_from_within(node))


def _alone(node: Planned) -> bool:
    """Whether it is a condition without `else`."""
    return node.chooses and len(node.inner) == 1


# --- the end


def _succeeds(step: Step) -> str:
    match step.type:
        case "function":
            return f"when {step.handler or step.id} returns"
        case "parallel":
            return _enough(step)
        case "condition":
            return "with its branch"
        case "human-task":
            return "when decided" if step.on_reject == "continue" else "when decided, unless rejected"
        case "wait":
            return f"after {spoken(step.duration or 0)}"
        case "event":
            return f"on {step.event}{f' if {step.match.text}' if step.match is not None else ''}"
        case _:
            assert_never(step.type)


def _enough(step: Step) -> str:
    match step.strategy:
        case "all":
            return "when all within are over"
        case "any":
            return "with the first success"
        case "first":
            return "if the first to settle does"
        case Quorum(quorum):
            return f"with {quorum} successes"
        case _:
            assert_never(step.strategy)


def _fails(node: Planned, workflow: Workflow) -> str:
    """What becomes of it then."""
    if not _may_fail(node.step):
        return ""
    default = workflow.error_handling.default_retry_policy if node.step.type == "function" else None
    policy = node.step.retry_policy or default
    most = policy.max_attempts if policy is not None else 1
    return f"again up to attempt {most}, then {_loss(node)}" if most > 1 else _loss(node)


def _may_fail(step: Step) -> bool:
    """Whether anything may go wrong with it: a `when` that cannot be told does so, too."""
    if step.type in ("function", "parallel", "condition") or step.when is not None or step.timeout is not None:
        return True
    return step.type == "human-task" and step.on_reject == "fail"


def _loss(node: Planned) -> str:
    """What it means to the others that it failed for good."""
    match node.step.on_error:
        case "human-review":
            review = node.step.review
            whom = review.assign_to if review is not None and review.assign_to is not None else "somebody"
            within = (
                f" within {spoken(review.timeout)}" if review is not None and review.timeout is not None else ""
            )
            return f"{whom} decides{within}: again, go on, or {_judged(node)}"
        case "rollback":
            return "the workflow fails"
        case "notify-manager":
            return f"Notification.send, {_judged(node)}"
        case _:
            return _judged(node)


def _judged(node: Planned) -> str:
    """What whoever it lies in makes of its failure."""
    parent = node.parent
    if parent is None:
        return "the others go on" if node.tolerant else "the workflow fails"
    if parent.chooses or parent.step.strategy == "all":
        return f"{parent.id} goes on" if node.tolerant else f"{parent.id} fails"
    if isinstance(parent.step.strategy, Quorum):
        return f"{parent.id} fails if {parent.step.strategy.quorum} successes are out of reach"
    first = parent.step.strategy == "first"
    return f"{parent.id} fails if {'this is the first to settle' if first else 'all within it do'}"


def _timeout(step: Step) -> str:
    """When time is up: a function's attempt, or the whole of another step, has failed then."""
    told = []
    if step.escalation_policy is not None:
        policy = step.escalation_policy
        told.append(f"after {spoken(policy.timeout)}: given to {policy.escalate_to}")
    if step.timeout is not None:
        told.append(f"after {spoken(step.timeout)}: {'the attempt' if step.type == 'function' else 'it'} fails")
    return "; ".join(told)


def _cancelled(step: Step, workflow: Workflow) -> str:
    match step.type:
        case "function":
            return f"its handler has {spoken(workflow.cancel_grace)} to end"
        case "human-task":
            return "its task is withdrawn"
        case "parallel" | "condition":
            return "with all within it"
        case _:
            return "at once"


def _undone(step: Step, workflow: Workflow) -> str:
    if step.compensation is None or workflow.error_handling.compensation_strategy == "none":
        return ""
    return f"by {', '.join(action.action for action in step.compensation.steps)}"
