"""A step without what makes no difference to where it can be, and the workflow of three in which it is studied.

Of steps that are equal when they are plain, one is studied for all.

Below: the definition. Above: `units`.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from statewf.definition.model import Compensation, CompensationAction, Step, Workflow
from statewf.values.frozen import EMPTY

BEFORE, BESIDE = "before", "beside"
INNER = ("inner", "another")  # in a shell: one of them can fail and the other still run


def plain(step: Step, *, shell: bool = False) -> Step:
    """The step without what makes no difference to where it can be, so that of equal steps one is studied.

    Of a `shell` what lies in it makes none.
    """
    if shell:
        step = attrs.evolve(step, steps=tuple(map(Step, INNER)))
    ids = plain_names(step)

    def renamed(step: Step) -> Step:
        policy, undone = step.escalation_policy, step.compensation
        return attrs.evolve(
            step,
            id=ids[step.id],
            name=None,
            description=None,
            handler=None,
            params=EMPTY,
            details=EMPTY,
            assign_to=None,
            depends_on=None
            if step.depends_on is None
            else tuple(ids[name] for name in step.depends_on if name in ids),
            review=None if step.review is None else attrs.evolve(step.review, assign_to=None),
            escalation_policy=None if policy is None else attrs.evolve(policy, escalate_to="somebody"),
            compensation=None if undone is None else Compensation([_action(one) for one in undone.steps]),
            steps=tuple(map(renamed, step.steps)),
            then=None if step.then is None else renamed(step.then),
            else_=None if step.else_ is None else renamed(step.else_),
        )

    return attrs.evolve(renamed(step), required=False, depends_on=(BEFORE,))


def plain_names(step: Step, *, shell: bool = False) -> dict[str, str]:
    """How the steps are called that are one step in the workflow and lie in it, when it is plain."""
    return {inner.id: f"s{number}" for number, inner in enumerate([step] if shell else steps_within(step))}


def _action(action: CompensationAction) -> CompensationAction:
    return CompensationAction("undo", timeout=action.timeout)


def steps_within(step: Step) -> Iterator[Step]:
    """The step, and all within it."""
    yield step
    for _, inner in step.inner():
        yield from steps_within(inner)


def among_three(step: Step, whole: Workflow) -> Workflow:
    """The workflow in which a step is studied."""
    others = Step(BEFORE, depends_on=(), required=False), Step(BESIDE, depends_on=())
    errors = attrs.evolve(whole.error_handling, notify_on_failure=False)
    grace = whole.cancel_grace
    return Workflow("three", (others[0], step, others[1]), error_handling=errors, cancel_grace=grace)
