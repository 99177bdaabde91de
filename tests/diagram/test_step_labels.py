"""The small words in the box of a step."""

from __future__ import annotations

import pytest

from statewf.definition.model import RetryPolicy
from statewf.definition.workflow import (
    Compensation,
    CompensationAction,
    EscalationPolicy,
    Quorum,
    Review,
    Step,
)
from statewf.diagram.step_labels import step_lines

UNDO = Compensation((CompensationAction("refund"), CompensationAction("tell")))
INNER = (Step("x"), Step("y"), Step("z"))


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (Step("pay"), ()),
        (Step("pay", handler="pay"), ()),
        (Step("pay", handler="charge"), ("calls charge",)),
        (Step("pay", timeout="5s"), ("within 5s",)),
        (Step("pay", retry_policy=RetryPolicy(3), on_error="retry"), ("3 attempts",)),
        (Step("pay", retry_policy=RetryPolicy(3), timeout="5s"), ("3 attempts, 5s each",)),
        (Step("pay", retry_policy=RetryPolicy(1), timeout="5s"), ("within 5s",)),
        (Step("pay", when="inputs.a", on_error="rollback"), ("when inputs.a", "on error: rollback")),
        (Step("pay", on_error="human-review"), ("on error: human-review",)),
        (Step("pay", on_error="human-review", review=Review("ann")), ("on error: human-review by ann",)),
        (Step("pay", compensation=UNDO), ("undo: refund, tell",)),
        (Step("all", type="parallel", steps=INNER), ()),
        (Step("any", type="parallel", steps=INNER, strategy="any", timeout="5m"), ("any", "within 5m")),
        (
            Step("some", type="parallel", steps=INNER, strategy=Quorum(2), max_concurrency=2),
            ("quorum 2 of 3", "at most 2 at a time"),
        ),
        (Step("if", type="condition", condition="inputs.total > 3", then=Step("x")), ("inputs.total > 3",)),
        (Step("ask", type="human-task"), ()),
        (
            Step(
                "ask",
                type="human-task",
                assign_to="inputs.boss",
                escalation_policy=EscalationPolicy("12h", "ceo"),
                timeout="1d",
                on_reject="continue",
            ),
            ("asks inputs.boss", "after 12h: ceo", "may be rejected", "within 1d"),
        ),
        (Step("rest", type="wait", duration="90m"), ("waits 1h 30m",)),
        (
            Step("paid", type="event", event="PAID", match="event.data.ok", timeout="3d"),
            ("on PAID", "if event.data.ok", "within 3d"),
        ),
    ],
)
def test_what_is_told_of_a_step(step: Step, expected: tuple[str, ...]) -> None:
    assert step_lines(step, None) == expected


def test_steps_without_a_policy_have_that_of_the_workflow() -> None:
    default = RetryPolicy(2)
    assert step_lines(Step("pay", timeout="5s"), default) == ("2 attempts, 5s each",)
    assert step_lines(Step("pay", retry_policy=RetryPolicy(4)), default) == ("4 attempts",)
    assert step_lines(Step("ask", type="human-task"), default) == ()
