"""What is written reads back as it was, in YAML and JSON, in order and to the last type."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from statewf.definition.model import (
    Assign,
    Compensation,
    CompensationAction,
    Definition,
    Emit,
    Function,
    Invoke,
    Quorum,
    Retry,
    State,
    StateMachine,
    Step,
    Transition,
    Workflow,
    WorkflowErrors,
)
from statewf.definition.read import read
from statewf.definition.write import to_document, to_json, to_yaml

from . import strategies


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(strategies.machines | strategies.workflows())
def test_what_is_written_reads_back(machine: Definition) -> None:
    plain, as_yaml, as_json = to_document(machine), to_yaml(machine), to_json(machine)
    for again in (read(as_yaml, format="yaml"), read(as_json, format="json")):
        assert again == machine
        assert repr(again) == repr(machine)  # order, and 1 against 1.0 against true
    assert json.loads(json.dumps(plain)) == plain
    assert to_yaml(read(as_yaml)) == as_yaml
    # readers of YAML 1.1 read the same, but for the key `on`
    assert yaml.safe_load(as_yaml) == _with_true_for_on(plain)


def _with_true_for_on(value: Any) -> Any:
    match value:
        case dict():
            return {True if key == "on" else key: _with_true_for_on(item) for key, item in value.items()}
        case list():
            return [_with_true_for_on(item) for item in value]
        case _:
            return value


@given(strategies.texts | st.text(st.characters(exclude_categories=["Cs"])))
@settings(deadline=None)
def test_any_text_can_be_key_and_value(text: str) -> None:
    machine = StateMachine("m", "a", {"a": State()}, context={text: text, "list": [text, [text]]})
    assert read(to_yaml(machine)) == machine


@pytest.mark.parametrize("length", [499, 500, 501, 1023, 1024, 1025, 5000])
def test_long_keys(length: int) -> None:
    data = {"k" * length: {"a": 1}, "é\n" * length: [1, {"b": 2}]}
    machine = StateMachine("m", "a", {"a": State()}, context={"x": [data, {"x": data}]})
    assert read(to_yaml(machine)) == machine


def test_the_shortest_form() -> None:
    machine = StateMachine(
        "order",
        "a",
        {
            "a": State(
                {"GO": "b", "STAY": [Transition()], "ASK": [Transition("b", guard="event.data.ok"), "c"]},
                timeout="30s",
                timeout_transition="c",
                retry=Retry(3, "GO"),
                invoke=Invoke("charge"),
                on_entry=[Emit("Order.started"), Function("mail", {"to": ["ann"]})],
                on_exit=Assign({"left": True, "count": "context.count + 1", "x": None}),
            ),
            "b": State(always="c", invoke=Invoke("x", on_done="c"), description="one\ntwo\n"),
            "c": State(terminal=True, outcome="failure"),
        },
        description="yes",
    )
    assert to_yaml(machine) == SHORTEST
    assert read(SHORTEST) == machine


SHORTEST = """\
name: order
description: "yes"
initialState: a
states:
  a:
    on:
      GO: b
      STAY: {}
      ASK:
        - target: b
          guard: event.data.ok
        - c
    timeout: 30000
    timeoutTransition: c
    retry:
      maxAttempts: 3
      on: GO
    onEntry:
      - type: emit
        event: Order.started
      - type: function
        handler: mail
        params:
          to:
            - ann
    onExit:
      type: assign
      set:
        left: true
        count: context.count + 1
        x: null
    invoke: charge
  b:
    description: |
      one
      two
    always: c
    invoke:
      handler: x
      onDone: c
  c:
    terminal: true
    outcome: failure
"""


def test_the_shortest_form_of_steps() -> None:
    workflow = Workflow(
        "expense",
        [
            Step("one", description="first", depends_on=()),
            Step(
                "choice",
                "A Choice",
                type="condition",
                condition=False,
                then=Step("wait", type="wait", duration="30s"),
                else_=Step("block", type="parallel", strategy=Quorum(1), steps=Step("in", when="inputs.a")),
                depends_on="one",
            ),
            Step("pay", compensation=Compensation(CompensationAction("refund")), depends_on=["one", "choice"]),
        ],
        error_handling=WorkflowErrors(notify_on_failure=True),
        cancel_grace=0,
    )
    assert to_yaml(workflow) == SHORTEST_STEPS
    assert read(SHORTEST_STEPS) == workflow


SHORTEST_STEPS = """\
name: expense
errorHandling:
  notifyOnFailure: true
cancelGrace: 0
steps:
  - id: one
    description: first
    dependsOn: []
  - id: choice
    name: A Choice
    type: condition
    dependsOn: one
    condition: false
    then:
      id: wait
      type: wait
      duration: 30000
    else:
      id: block
      type: parallel
      strategy:
        quorum: 1
      steps:
        - id: in
          when: inputs.a
  - id: pay
    dependsOn:
      - one
      - choice
    compensation:
      steps:
        - action: refund
"""
