"""What is written reads back as it was, in YAML and JSON, in order and to the last type."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from statewf.definition.document import document
from statewf.definition.model import Assign, Emit, Function, Invoke, Retry, State, StateMachine, Transition
from statewf.definition.read import read
from statewf.definition.write import to_document, to_json, to_yaml

from . import strategies

arbitrary = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))


@arbitrary
@given(strategies.machines)
def test_yaml_reads_back(machine: StateMachine) -> None:
    again = read(to_yaml(machine), format="yaml")
    assert again == machine
    assert repr(again) == repr(machine)  # order, and 1 against 1.0 against true


@arbitrary
@given(strategies.machines)
def test_json_reads_back(machine: StateMachine) -> None:
    again = read(to_json(machine), format="json")
    assert again == machine
    assert repr(again) == repr(machine)


@arbitrary
@given(strategies.machines)
def test_writing_is_stable_and_no_python_object_is_left(machine: StateMachine) -> None:
    written = to_document(machine)
    assert json.loads(json.dumps(written)) == written
    assert to_yaml(read(to_yaml(machine))) == to_yaml(machine)
    assert list(document(to_yaml(machine), format="yaml").value) == list(written)


@arbitrary
@given(strategies.machines)
def test_readers_of_yaml_1_1_read_the_same_but_for_the_key_on(machine: StateMachine) -> None:
    assert yaml.safe_load(to_yaml(machine)) == _with_true_for_on(to_document(machine))


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
    machine = StateMachine("m", "a", {"a": State()}, properties={text: text, "list": [text, [text]]})
    assert read(to_yaml(machine)) == machine


@pytest.mark.parametrize("length", [499, 500, 501, 1023, 1024, 1025, 5000])
def test_long_keys(length: int) -> None:
    data = {"k" * length: {"a": 1}, "é\n" * length: [1, {"b": 2}]}
    machine = StateMachine("m", "a", {"a": State()}, properties=[data, {"x": data}])
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
                on_exit=Assign({"left": True, "n": "context.n + 1", "x": None}),
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
        n: context.n + 1
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
