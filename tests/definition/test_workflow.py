"""Step workflows made in Python: short forms, and what no file may say Python may not either."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import attrs
import pytest

from statewf.compiler import compile_definition
from statewf.definition.model import (
    Compensation,
    CompensationAction,
    EscalationPolicy,
    Quorum,
    RetryPolicy,
    Review,
    Step,
    Workflow,
    WorkflowErrors,
)
from statewf.definition.pricing import Discounts, PerExecution, Tier, TimeBased
from statewf.definition.shape import STEP_FITTING, STEP_KEYS
from statewf.definition.words import camel
from statewf.errors import DataError, DefinitionError, ExpressionError
from statewf.values.frozen import Object


def test_short_forms() -> None:
    step = Step(
        "pay",
        depends_on="cart",
        timeout=timedelta(seconds=30),
        when="inputs.total > 0",
        params={"to": ["ann"]},
        retry_policy=RetryPolicy(3, non_retryable="CardStolen"),
        compensation=Compensation(CompensationAction("refund", timeout="1m")),
    )
    assert step.type == "function"
    assert step.depends_on == ("cart",)
    assert step.timeout == 30_000
    assert step.when is not None
    assert step.params == {"to": ("ann",)}
    assert isinstance(step.params, Object)
    assert step.retry_policy == RetryPolicy(3, "exponential", 1_000, 30_000, "none", ["CardStolen"])
    assert step.compensation == Compensation([CompensationAction("refund", timeout=60_000)])
    assert Step("block", type="parallel", steps=Step("one")).steps == (Step("one"),)
    assert Workflow("w", Step("one")) == Workflow("w", [Step("one")])


def test_defaults_are_those_of_the_design() -> None:
    step = Step("a")
    assert (step.required, step.depends_on, step.strategy, step.on_reject) == (True, None, "all", "fail")
    workflow = Workflow("w", step)
    assert workflow.cancel_grace == 10_000
    assert workflow.error_handling == WorkflowErrors(None, "reverse-order", notify_on_failure=False)


def test_what_is_within_a_step_has_its_place() -> None:
    choice = Step("c", type="condition", condition=False, then=Step("t"), else_=Step("e"))
    block = Step("b", type="parallel", steps=[Step("x"), Step("y")])
    assert [(path, inner.id) for path, inner in choice.inner()] == [(("then",), "t"), (("else",), "e")]
    assert [(path, inner.id) for path, inner in block.inner()] == [(("steps", 0), "x"), (("steps", 1), "y")]
    assert list(Step("a").inner()) == []


@pytest.mark.parametrize("constant", [False, True, 0, 1.5])
def test_a_constant_condition_counts_as_said(constant: float) -> None:
    step = Step("c", type="condition", condition=constant, then=Step("t"))
    assert step.condition is not None
    assert step.condition.constant
    with pytest.raises(DefinitionError, match="a function step cannot have condition"):
        Step("c", condition=constant)


WRONG: list[tuple[Callable[[], Any], str]] = [
    (lambda: Step(""), "bad-name"),
    (lambda: Step(" "), "bad-name"),
    (lambda: Step("a/b"), "bad-name"),
    (lambda: Step("$a"), "bad-name"),
    (lambda: Step("a\n"), "bad-name"),
    (lambda: Step("a" * 201), "bad-name"),
    (lambda: Step("workflow"), "reserved-id"),
    (lambda: Step(5), "wrong-type"),  # type: ignore[arg-type]
    (lambda: Step("a", name=5), "wrong-type"),  # type: ignore[arg-type]
    (lambda: Step("a", type="sub"), "bad-choice"),  # type: ignore[arg-type]
    (lambda: Step("a", type=None), "wrong-type"),  # type: ignore[arg-type]
    (lambda: Step("a", on_error="rolback"), "bad-choice"),  # type: ignore[arg-type]
    (lambda: Step("a", required=1), "wrong-type"),  # type: ignore[arg-type]
    (lambda: Step("a", when="a ="), "bad-expression"),
    (lambda: Step("a", timeout=-1), "bad-duration"),
    (lambda: Step("a", timeout=timedelta(days=-1)), "bad-duration"),
    (lambda: Step("a", depends_on=[""]), "bad-name"),
    (lambda: Step("a", params={"a": {1}}), "not-json"),
    (lambda: Step("a", type="parallel", steps=Step("b"), strategy="some"), "bad-choice"),  # type: ignore[arg-type]
    (lambda: Step("a", type="parallel", steps=Step("b"), strategy=2), "wrong-type"),  # type: ignore[arg-type]
    (lambda: Step("a", type="parallel", steps=Step("b"), strategy=None), "wrong-type"),  # type: ignore[arg-type]
    (lambda: Step("a", type="parallel", steps=Step("b"), max_concurrency=0), "out-of-range"),
    (lambda: Step("a", type="parallel"), "missing-key"),
    (lambda: Step("a", type="condition", condition="x"), "missing-key"),
    (lambda: Step("a", type="condition", then=Step("b")), "missing-key"),
    (lambda: Step("a", type="wait"), "missing-key"),
    (lambda: Step("a", type="event"), "missing-key"),
    (lambda: Step("a", type="wait", duration=0, retry_policy=RetryPolicy(1)), "no-attempts"),
    (lambda: Step("a", type="wait", duration=0, on_error="retry"), "no-attempts"),
    (lambda: Step("a", review=Review("ann")), "review-without-human"),
    (lambda: Step("a", strategy="any"), "step-conflict"),
    (lambda: Step("a", on_reject="continue"), "step-conflict"),
    (lambda: Step("a", steps=[Step("b")]), "step-conflict"),
    (lambda: Step("a", depends_on=5), "wrong-type"),  # type: ignore[arg-type]
    (lambda: Step("a", depends_on={"b": 1}), "wrong-type"),
    (lambda: Quorum(0), "out-of-range"),
    (lambda: Quorum(2.0), "wrong-type"),  # type: ignore[arg-type]
    (lambda: Quorum(10**6 + 1), "out-of-range"),
    (lambda: RetryPolicy(3, base_delay="soon"), "bad-duration"),
    (lambda: RetryPolicy(3, base_delay="5m"), "base-above-max"),
    (lambda: RetryPolicy(3, max_delay=500), "base-above-max"),
    (lambda: RetryPolicy(3, jitter="some"), "bad-choice"),  # type: ignore[arg-type]
    (lambda: RetryPolicy(3, non_retryable=[5]), "wrong-type"),  # type: ignore[list-item]
    (lambda: Compensation([]), "no-steps"),
    (lambda: CompensationAction(""), "bad-name"),
    (lambda: CompensationAction("undo", step_id=""), "bad-name"),
    (lambda: EscalationPolicy("1h", 5), "wrong-type"),  # type: ignore[arg-type]
    (lambda: Review(timeout="x"), "bad-duration"),
    (lambda: WorkflowErrors(compensation_strategy="reverse"), "bad-choice"),  # type: ignore[arg-type]
    (lambda: WorkflowErrors(notify_on_failure="no"), "wrong-type"),  # type: ignore[arg-type]
    (lambda: Workflow("w", []), "no-steps"),
    (lambda: Workflow("", Step("a")), "bad-name"),
    (lambda: Workflow("w", Step("a"), cancel_grace=-1), "bad-duration"),
    (lambda: Workflow("w", Step("a"), pricing={"rate": 1}), "wrong-type"),  # type: ignore[arg-type]
    (lambda: PerExecution(float("nan")), "out-of-range"),
    (PerExecution, "no-rate"),
    (lambda: PerExecution(1, 2), "rate-twice"),
    (lambda: TimeBased(1, 3, 2), "minimum-above-maximum"),
    (lambda: Discounts([Tier(5, 0.1), Tier(9, 0.1)]), "tiers-overlap"),
]


@pytest.mark.parametrize(("make", "code"), WRONG)
def test_what_no_file_may_say_python_may_not_either(make: Callable[[], Any], code: str) -> None:
    with pytest.raises((DefinitionError, DataError, ExpressionError)) as caught:
        make()
    assert [diagnostic.code for diagnostic in caught.value.diagnostics] == [code]


PARTS: list[tuple[Callable[[], Any], str]] = [
    (lambda: Step("a", retry_policy={"maxAttempts": 2}), "retry_policy must be a RetryPolicy, found an object"),  # type: ignore[arg-type]
    (lambda: Step("a", compensation="undo"), 'compensation must be a Compensation, found "undo"'),  # type: ignore[arg-type]
    (lambda: Step("a", on_error="human-review", review="ann"), 'review must be a Review, found "ann"'),  # type: ignore[arg-type]
    (
        lambda: Step("a", type="human-task", escalation_policy={"timeout": 5}),  # type: ignore[arg-type]
        "escalation_policy must be an EscalationPolicy, found an object",
    ),
    (lambda: Step("a", type="parallel", steps=["x"]), 'steps[0] must be a Step, found "x"'),  # type: ignore[list-item]
    (lambda: Step("a", type="parallel", steps="x"), 'steps must be a Step, found "x"'),  # type: ignore[arg-type]
    (lambda: Step("a", type="parallel", steps={"x": Step("x")}), "steps must be a Step, found an object"),  # type: ignore[dict-item]
    (lambda: Step("a", type="condition", condition="x", then="b"), 'then must be a Step, found "b"'),  # type: ignore[arg-type]
    (
        lambda: Step("a", type="condition", condition="x", then=Step("b"), else_=["c"]),  # type: ignore[arg-type]
        "else_ must be a Step, found a list",
    ),
    (lambda: Compensation("refund"), 'steps must be a CompensationAction, found "refund"'),  # type: ignore[arg-type]
    (lambda: Compensation([None]), "steps[0] must be a CompensationAction, found null"),  # type: ignore[list-item]
    (lambda: Workflow("w", None), "steps must be a Step, found null"),  # type: ignore[arg-type]
    (lambda: Workflow("w", [Step("a"), {"id": "b"}]), "steps[1] must be a Step, found an object"),  # type: ignore[list-item]
    (lambda: Workflow("w", Step), "steps must be a Step, found a Python type"),  # type: ignore[arg-type]
    (
        lambda: Workflow("w", Step("a"), error_handling={}),  # type: ignore[arg-type]
        "error_handling must be a WorkflowErrors, found an object",
    ),
    (
        lambda: WorkflowErrors({"maxAttempts": 2}),  # type: ignore[arg-type]
        "default_retry_policy must be a RetryPolicy, found an object",
    ),
]


@pytest.mark.parametrize(("make", "message"), PARTS, ids=[row[1] for row in PARTS])
def test_a_part_of_another_class_is_refused_where_it_is_given(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        make()
    (diagnostic,) = caught.value.diagnostics
    assert (diagnostic.code, diagnostic.message) == ("wrong-type", message)
    wanted = message.partition(",")[0].rpartition(" ")[2]
    assert diagnostic.hint == f"make it with wf.{wanted}(...)"


@pytest.mark.parametrize(
    "around",
    [
        lambda n, step: Step(f"s{n}", type="parallel", steps=step),
        lambda n, step: Step(f"s{n}", type="condition", condition=True, then=step),
        lambda n, step: Step(f"s{n}", type="condition", condition=True, then=Step(f"t{n}"), else_=step),
    ],
)
def test_steps_are_nested_a_hundred_deep_and_no_deeper(around: Callable[[int, Step], Step]) -> None:
    step = Step("innermost")
    for n in range(99):
        step = around(n, step)
    assert compile_definition(Workflow("w", step)).name == "w"
    with pytest.raises(DefinitionError, match="steps nested deeper than 100 levels"):
        around(100, step)


def test_a_step_tells_all_that_does_not_go_together() -> None:
    with pytest.raises(DefinitionError) as caught:
        Step("a", type="event", duration=0, retry_policy=RetryPolicy(1), on_error="retry", review=Review())
    assert [(diagnostic.code, diagnostic.path) for diagnostic in caught.value.diagnostics] == [
        ("step-conflict", "$.duration"),
        ("no-attempts", "$.retryPolicy"),
        ("missing-key", "$.event"),
        ("no-attempts", "$.onError"),
        ("review-without-human", "$.review"),
    ]
    assert all(diagnostic.hint for diagnostic in caught.value.diagnostics)


def test_every_key_of_a_step_goes_with_all_types_or_with_one() -> None:
    keys = {camel(field.name) for field in attrs.fields(Step)}
    assert {key for fitting in STEP_FITTING.values() for key in fitting} == keys
    owned = [key for listed in STEP_KEYS.values() for key in listed]
    assert len(owned) == len(set(owned))


def test_values_do_not_change() -> None:
    step = Step("a")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        step.id = "b"  # type: ignore[misc]
    assert attrs.evolve(step, id="b") == Step("b")
