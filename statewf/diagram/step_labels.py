"""The small words in the box of a step: what it does, how often it tries, and what becomes of it when it fails.

Below: `definition` and `labels`. Above: `flows`.
"""

from __future__ import annotations

from collections.abc import Iterator

from statewf.definition.model import RetryPolicy, Step
from statewf.definition.workflow import Quorum
from statewf.values.duration import spoken


def step_lines(step: Step, default: RetryPolicy | None) -> tuple[str, ...]:
    """All there is to say of a step besides its name; `default` is the policy of those that have none."""
    when = (f"when {step.when.text}",) if step.when is not None else ()
    return (*when, *_work(step, default), *_failing(step))


def _work(step: Step, default: RetryPolicy | None) -> Iterator[str]:
    match step.type:
        case "function":
            if step.handler not in (None, step.id):
                yield f"calls {step.handler}"
            yield from _attempts(step, step.retry_policy or default)
        case "parallel":
            yield from _block(step)
        case "condition":
            assert step.condition is not None, "the definition's shape says so"
            yield step.condition.text
        case "human-task":
            yield from _asking(step)
        case "wait":
            assert step.duration is not None, "the definition's shape says so"
            yield f"waits {spoken(step.duration)}"
        case "event":
            yield f"on {step.event}"
            if step.match is not None:
                yield f"if {step.match.text}"
    if step.type != "function" and step.timeout is not None:
        yield f"within {spoken(step.timeout)}"


def _attempts(step: Step, policy: RetryPolicy | None) -> Iterator[str]:
    """`3 attempts, 5s each`, or less where less is to be said."""
    most = policy.max_attempts if policy is not None else 1
    limit = None if step.timeout is None else spoken(step.timeout)
    if most > 1:
        yield f"{most} attempts" if limit is None else f"{most} attempts, {limit} each"
    elif limit is not None:
        yield f"within {limit}"


def _block(step: Step) -> Iterator[str]:
    if isinstance(step.strategy, Quorum):
        yield f"quorum {step.strategy.quorum} of {len(step.steps)}"
    elif step.strategy != "all":
        yield step.strategy
    if step.max_concurrency is not None:
        yield f"at most {step.max_concurrency} at a time"


def _asking(step: Step) -> Iterator[str]:
    if step.assign_to is not None:
        yield f"asks {step.assign_to}"
    if step.escalation_policy is not None:
        yield f"after {spoken(step.escalation_policy.timeout)}: {step.escalation_policy.escalate_to}"
    if step.on_reject == "continue":
        yield "may be rejected"


def _failing(step: Step) -> Iterator[str]:
    if step.on_error not in (None, "retry"):
        whom = f" by {step.review.assign_to}" if step.review and step.review.assign_to else ""
        yield f"on error: {step.on_error}{whom}"
    if step.compensation is not None:
        yield f"undo: {', '.join(action.action for action in step.compensation.steps)}"
