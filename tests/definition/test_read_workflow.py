"""Step workflows as people write them."""

from __future__ import annotations

import json

from statewf.definition.document import document
from statewf.definition.model import (
    Compensation,
    CompensationAction,
    EscalationPolicy,
    Existence,
    Quorum,
    RetryPolicy,
    Review,
    Step,
    Workflow,
    WorkflowErrors,
)
from statewf.definition.pricing import Billing, PerExecution
from statewf.definition.read import read

INVOICE = """
# the seed's words, as they stand there
name: Invoice Processing
type: $.ServiceType.Automation
subtype: workflow
steps:
  - id: extract
    name: Extract Invoice Data
    type: function
    required: true
    timeout: 30000
    retryPolicy: {maxAttempts: 3, backoff: exponential, baseDelay: 1000, maxDelay: 30000}
    onError: retry
  - id: approve
    onError: notify-manager
  - id: process-payment
    dependsOn: [approve]
    onError: rollback
    compensation:
      steps:
        - {action: reverse-approval, stepId: approve}
        - {action: notify-failure, params: {reason: payment-failed}}
  - id: approval-routing
    type: condition
    condition: results["extract"].autoApprove === true
    then: {id: auto-approve}
    else:
      id: human-approval
      type: human-task
      timeout: 86400000
      assignTo: results["extract"].approver
      escalationPolicy: {timeout: 43200000, escalateTo: manager}
errorHandling:
  defaultRetryPolicy: {maxAttempts: 2}
  compensationStrategy: reverse-order
  notifyOnFailure: true
pricing: {model: per-execution, rate: 2.0}
"""


def test_the_words_of_the_seed() -> None:
    assert read(INVOICE) == Workflow(
        "Invoice Processing",
        [
            Step(
                "extract",
                "Extract Invoice Data",
                timeout=30_000,
                retry_policy=RetryPolicy(3, "exponential", 1_000, 30_000),
                on_error="retry",
            ),
            Step("approve", on_error="notify-manager"),
            Step(
                "process-payment",
                depends_on="approve",
                on_error="rollback",
                compensation=Compensation(
                    [
                        CompensationAction("reverse-approval", "approve"),
                        CompensationAction("notify-failure", params={"reason": "payment-failed"}),
                    ]
                ),
            ),
            Step(
                "approval-routing",
                type="condition",
                condition='results["extract"].autoApprove === true',
                then=Step("auto-approve"),
                else_=Step(
                    "human-approval",
                    type="human-task",
                    timeout="24h",
                    assign_to='results["extract"].approver',
                    escalation_policy=EscalationPolicy("12h", "manager"),
                ),
            ),
        ],
        error_handling=WorkflowErrors(RetryPolicy(2), "reverse-order", notify_on_failure=True),
        pricing=PerExecution(2),
    )


EVERYTHING = """
description: the other half
timeout: 1h 30m
cancelGrace: PT5S
errorHandling: {compensationStrategy: parallel}
billing: {customer: inputs.customer}
properties: [{existence: workflow:completed}]
steps:
  id: block
  type: parallel
  description: of all
  when: inputs.on
  required: false
  strategy: {quorum: 2}
  maxConcurrency: 3
  steps:
    - {id: pause, type: wait, duration: 30s, dependsOn: []}
    - {id: paid, type: event, event: ORDER_PAID, match: event.data.ok, dependsOn: pause, onError: log-and-continue}
    - id: on
      type: human-task
      details: {total: [1, ~]}
      onReject: continue
      onError: human-review
      review: {assignTo: ann, timeout: 2d}
    - id: call
      handler: no
      params: {"on": off}
      dependsOn: [pause, paid]
      retryPolicy: {maxAttempts: 5, jitter: full, nonRetryable: [CardStolen, NotFound]}
      compensation: {steps: {action: undo, timeout: 500ms}}
"""


def test_everything_else_that_can_be_said() -> None:
    block = Step(
        "block",
        type="parallel",
        description="of all",
        when="inputs.on",
        required=False,
        strategy=Quorum(2),
        max_concurrency=3,
        steps=[
            Step("pause", type="wait", duration=30_000, depends_on=()),
            Step(
                "paid",
                type="event",
                event="ORDER_PAID",
                match="event.data.ok",
                depends_on="pause",
                on_error="log-and-continue",
            ),
            Step(
                "on",
                type="human-task",
                details={"total": [1, None]},
                on_reject="continue",
                on_error="human-review",
                review=Review("ann", 172_800_000),
            ),
            Step(
                "call",
                handler="no",
                params={"on": "off"},
                depends_on=["pause", "paid"],
                retry_policy=RetryPolicy(5, jitter="full", non_retryable=["CardStolen", "NotFound"]),
                compensation=Compensation(CompensationAction("undo", timeout=500)),
            ),
        ],
    )
    assert read(EVERYTHING, source="flows/half.yaml") == Workflow(
        "half",
        block,
        timeout=5_400_000,
        cancel_grace=5_000,
        error_handling=WorkflowErrors(compensation_strategy="parallel"),
        description="the other half",
        billing=Billing("inputs.customer"),
        properties=[Existence("workflow:completed")],
    )


def test_yaml_and_json_read_equal() -> None:
    for text in (INVOICE, EVERYTHING):
        assert read(json.dumps(document(text).value), format="json") == read(text)


def test_a_constant_condition_is_taken() -> None:
    workflow = read("steps: [{id: a, type: condition, condition: false, when: 0, then: {id: b}}]")
    assert workflow == Workflow("machine", Step("a", type="condition", condition=False, when=0, then=Step("b")))
