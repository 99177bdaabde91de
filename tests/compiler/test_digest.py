"""The digest of a step workflow covers all that it does and costs, and nothing that people merely read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings

from statewf.compiler import compile_definition
from statewf.compiler.emit import machine_digest
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
from statewf.definition.pricing import Billing, PerExecution
from statewf.definition.read import read
from statewf.definition.write import to_json, to_yaml
from tests.definition import strategies

generated = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def silent(step: Step) -> Step:
    """The step without a word for people, nor within it."""
    return attrs.evolve(
        step,
        description=None,
        steps=tuple(silent(inner) for inner in step.steps),
        then=step.then and silent(step.then),
        else_=step.else_ and silent(step.else_),
    )


@generated
@given(strategies.workflows())
def test_the_digest_ignores_what_people_read_and_the_checker_proves(workflow: Workflow) -> None:
    steps = tuple(silent(step) for step in workflow.steps)
    quiet = attrs.evolve(workflow, description=None, properties=(), steps=steps)
    assert machine_digest(quiet) == machine_digest(workflow)


@generated
@given(strategies.workflows())
def test_the_digest_is_that_of_what_is_written(workflow: Workflow) -> None:
    digests = {machine_digest(read(text)) for text in (to_yaml(workflow), to_json(workflow))}
    assert digests == {machine_digest(workflow)}


@generated
@given(strategies.workflows())
def test_every_workflow_whose_names_lead_somewhere_compiles(workflow: Workflow) -> None:
    machine = compile_definition(workflow)
    ids = [step.id for step in everything(workflow.steps)]
    assert [region.name for region in machine.regions] == ["workflow", *ids]


def everything(steps: tuple[Step, ...]) -> Iterator[Step]:
    for step in steps:
        yield step
        yield from everything(tuple(inner for _, inner in step.inner()))


PLAIN = Step("a")
BLOCK = Step("a", type="parallel", steps=[Step("b"), Step("c")])
CHOICE = Step("a", type="condition", condition="inputs.a", then=Step("b"), else_=Step("c"))
TASK = Step("a", type="human-task")
EVENT = Step("a", type="event", event="PAID")

# a step, and what is changed of it; one at least for each attribute
CHANGES: list[tuple[Step, dict[str, Any]]] = [
    (PLAIN, {"id": "z"}),
    (PLAIN, {"name": "A"}),
    (PLAIN, {"type": "human-task"}),
    (PLAIN, {"when": False}),
    (PLAIN, {"required": False}),
    (PLAIN, {"depends_on": ()}),
    (PLAIN, {"timeout": 0}),
    (PLAIN, {"handler": "h"}),
    (PLAIN, {"params": {"a": None}}),
    (PLAIN, {"retry_policy": RetryPolicy(2)}),
    (attrs.evolve(PLAIN, retry_policy=RetryPolicy(2)), {"retry_policy": RetryPolicy(2, non_retryable="E")}),
    (PLAIN, {"on_error": "rollback"}),
    (attrs.evolve(PLAIN, on_error="human-review"), {"review": Review()}),
    (PLAIN, {"compensation": Compensation(CompensationAction("undo"))}),
    (BLOCK, {"strategy": "any"}),
    (BLOCK, {"strategy": Quorum(1)}),
    (BLOCK, {"max_concurrency": 1}),
    (BLOCK, {"steps": [Step("c"), Step("b")]}),
    (CHOICE, {"condition": "inputs.b"}),
    (CHOICE, {"then": Step("b", timeout=5)}),
    (CHOICE, {"else_": None}),
    (TASK, {"assign_to": "ann"}),
    (TASK, {"details": {"a": 1}}),
    (TASK, {"escalation_policy": EscalationPolicy(5, "ben")}),
    (TASK, {"on_reject": "continue"}),
    (Step("a", type="wait", duration=5), {"duration": 6}),
    (EVENT, {"event": "SENT"}),
    (EVENT, {"match": True}),
]


@pytest.mark.parametrize(("step", "change"), CHANGES, ids=[", ".join(change) for _, change in CHANGES])
def test_the_digest_covers_what_a_step_does(step: Step, change: dict[str, Any]) -> None:
    for around in (lambda inner: Workflow("w", inner), nested):
        assert machine_digest(around(step)) != machine_digest(around(attrs.evolve(step, **change)))


def nested(step: Step) -> Workflow:
    block = Step("block", type="parallel", steps=step)
    return Workflow("w", Step("choice", type="condition", condition=True, then=Step("t"), else_=block))


def test_every_attribute_of_a_step_is_tried() -> None:
    tried = {name for _, change in CHANGES for name in change}
    assert tried | {"description"} == {field.name for field in attrs.fields(Step)}


WHOLE = Workflow("w", PLAIN)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "v"},
        {"steps": Step("z")},
        {"timeout": 5},
        {"cancel_grace": 5},
        {"error_handling": WorkflowErrors(RetryPolicy(2))},
        {"error_handling": WorkflowErrors(compensation_strategy="none")},
        {"error_handling": WorkflowErrors(notify_on_failure=True)},
        {"pricing": PerExecution(1)},
        {"billing": Billing("inputs.a")},
    ],
    ids=str,
)
def test_the_digest_covers_what_the_whole_does_and_costs(change: dict[str, Any]) -> None:
    assert machine_digest(attrs.evolve(WHOLE, **change)) != machine_digest(WHOLE)


def test_said_defaults_are_as_good_as_unsaid_ones() -> None:
    said = read("name: w\nsteps: [{id: a, type: function, required: true, params: {}}]\ncancelGrace: 10s")
    assert machine_digest(said) == machine_digest(WHOLE)
