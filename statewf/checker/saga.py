"""The saga matrix: for every point of failure which steps are undone, in which order, and how sure that is.

A point of failure is a step whose failure fails the workflow; and the workflow's timeout and a cancel, which can come
at any moment. What is told of it holds whatever the conditions say, and for every order in which steps that do not
wait for each other are over.

Below: the `outcomes` of steps; the compiler's plan and how it undoes. Above: whoever shows a matrix.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from typing import Any, Literal, TypeAlias

import attrs

from statewf.checker.steps.outcomes import End, Outcomes
from statewf.compiler.plan import Plan, Planned, plan
from statewf.compiler.workflow import CAUSES
from statewf.definition.model import RetryPolicy, Workflow
from statewf.definition.workflow import CompensationStrategy
from statewf.machine.fsm import Machine

Certainty: TypeAlias = Literal["always", "unless skipped", "perhaps"]
Cause: TypeAlias = Literal["step", "timeout", "cancel"]

ENDS: dict[Cause, str] = {"step": "failing", "timeout": "timing-out", "cancel": "cancelling"}
BAD = "compensation-failed"


@attrs.frozen
class Undone:
    """A step that is undone, by these actions, one after another. `own`: because it rolls back, before all others."""

    step: str
    certainty: Certainty
    actions: tuple[str, ...]
    own: bool = False

    def document(self) -> dict[str, Any]:
        """The step as JSON."""
        own = {"own": True} if self.own else {}
        return {"step": self.step, "certainty": self.certainty, "actions": list(self.actions), **own}


@attrs.frozen
class Point:
    """A point of failure: a step, or what stops the whole. `undone` is in order.

    `ends` are the states in which the workflow can end then, if no action fails for good.
    """

    cause: Cause
    step: str | None
    undone: tuple[Undone, ...]
    ends: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """The point as JSON; `step` only where it is one."""
        step = {"step": self.step} if self.step is not None else {}
        return {
            "cause": self.cause,
            **step,
            "undone": [one.document() for one in self.undone],
            "ends": list(self.ends),
        }


@attrs.frozen
class Saga:
    """The points of failure in document order; `steps` are all that can be undone, by their actions, in order.

    `policy` is how an action that fails is tried again.
    """

    steps: dict[str, tuple[str, ...]]
    points: tuple[Point, ...]
    strategy: CompensationStrategy
    policy: RetryPolicy | None = None

    @property
    def attempts(self) -> int:
        """How often an action is tried, at most."""
        return self.policy.max_attempts if self.policy is not None else 1

    def sentences(self) -> Iterator[str]:
        """What else is to be known of it: the order, and what happens if an action fails."""
        several = any(len(actions) > 1 for actions in self.steps.values())
        if len(self.steps) > 1:
            yield self._order(several)
        elif several:
            yield "The actions run one after another."
        yield self._failing()

    def _order(self, several: bool) -> str:
        own = any(one.own for point in self.points for one in point.undone)
        first = "; a step that rolls back is undone before all others" if own else ""
        if self.strategy == "parallel":
            each = ", each by one action after another" if several else ""
            return f"All are undone at once{each}{first}."
        return f"They are undone one after another, in this order{first}."

    def _failing(self) -> str:
        rest = " the rest still run," if sum(map(len, self.steps.values())) > 1 else ""
        if self.attempts == 1:
            lost = "An action that fails is not tried again: it is noted"
        else:
            never = " or ".join(self.policy.non_retryable) if self.policy is not None else ""
            but = f", but not again after {never}" if never else ""
            lost = (
                f"An action that fails is tried up to {self.attempts} times{but}; one that fails for good is noted"
            )
        return f"{lost},{rest} and the workflow ends in {BAD}, as it does if cancel --now cuts the undoing short."

    def document(self) -> dict[str, Any]:
        """The matrix as JSON."""
        never = list(self.policy.non_retryable) if self.policy is not None else []
        return {
            "strategy": self.strategy,
            "steps": [{"step": step, "actions": list(actions)} for step, actions in self.steps.items()],
            "points": [point.document() for point in self.points],
            "ifActionFails": {"attempts": self.attempts, "nonRetryable": never, "end": BAD},
        }


def saga(machine: Machine, ends: Container[str] | None = None) -> Saga | None:
    """The matrix of a compiled workflow; None where there is nothing that could be undone.

    `ends` are the states in which it can end, if somebody knows: no others are told then.
    """
    definition = machine.notes.definition
    if not isinstance(definition, Workflow) or definition.error_handling.compensation_strategy == "none":
        return None
    planned = plan(definition)
    if not planned.chain:
        return None
    errors = definition.error_handling
    steps = {node.id: _actions(node) for node in planned.chain}
    points = tuple(_points(planned)) if ends is None else tuple(_ending(_points(planned), ends))
    return Saga(steps, points, errors.compensation_strategy, errors.default_retry_policy)


def nothing(machine: Machine) -> str:
    """Why there is no matrix of a machine."""
    definition = machine.notes.definition
    if not isinstance(definition, Workflow):
        return "a state machine undoes nothing: its transitions say what follows a failure"
    if definition.error_handling.compensation_strategy == "none":
        return "nothing is undone: compensationStrategy is none"
    return "nothing can be undone: no step has a compensation"


def _points(planned: Plan) -> Iterator[Point]:
    outcomes = Outcomes(planned)
    for node in planned.nodes.values():
        if _fails_the_whole(node) and outcomes.fails(node):
            yield _point("step", node, planned, outcomes)
    if planned.workflow.timeout is not None:
        yield _point("timeout", None, planned, outcomes)
    yield _point("cancel", None, planned, outcomes)


def _ending(points: Iterable[Point], ends: Container[str]) -> Iterator[Point]:
    """The points from which it can end so."""
    for point in points:
        if left := tuple(end for end in point.ends if end in ends):
            yield attrs.evolve(point, ends=left)


def _fails_the_whole(node: Planned) -> bool:
    return node.step.on_error == "rollback" or (node.parent is None and not node.tolerant)


def _point(cause: Cause, failing: Planned | None, planned: Plan, outcomes: Outcomes) -> Point:
    undone = []
    if failing is not None and failing.step.on_error == "rollback" and failing.step.compensation is not None:
        undone.append(Undone(failing.id, "always", _actions(failing), own=True))
    for node in planned.chain:
        certainty = _certainty(outcomes.ends(node, failing))
        if certainty is not None:
            undone.append(Undone(node.id, certainty, _actions(node)))
    untouched, compensated = CAUSES[ENDS[cause]]
    surely = any(one.certainty == "always" for one in undone)
    ends = dict.fromkeys((*((compensated,) if undone else ()), *(() if surely else (untouched,))))
    return Point(cause, failing.id if failing is not None else None, tuple(undone), tuple(ends))


def _certainty(ends: frozenset[End]) -> Certainty | None:
    if "succeeded" not in ends:
        return None
    if "not" in ends:
        return "perhaps"
    return "unless skipped" if "skipped" in ends else "always"


def _actions(node: Planned) -> tuple[str, ...]:
    assert node.step.compensation is not None, "it is one of those that can be undone"
    return tuple(action.action for action in node.step.compensation.steps)
