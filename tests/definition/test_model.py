"""Definitions made in Python: the same short forms, and the same refusals."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import attrs
import pytest

from statewf.compiler import compile_definition
from statewf.definition.model import (
    Assign,
    Emit,
    ErrorHandling,
    Function,
    Invoke,
    Retry,
    RetryPolicy,
    State,
    StateMachine,
    Transition,
)
from statewf.definition.words import camel
from statewf.errors import DataError, DefinitionError, ExpressionError
from statewf.values.frozen import Object


def test_short_forms() -> None:
    state = State(
        {"GO": "b", "ASK": ["b", Transition("c", guard="x > 1")]},
        always="c",
        timeout=timedelta(seconds=30),
        timeout_transition="b",
        invoke="charge",
        on_entry=Emit("Started"),
    )
    assert state.on["GO"] == (Transition("b"),)
    assert state.on["ASK"][1].guard is not None
    assert state.always == (Transition("c"),)
    assert state.timeout == 30_000
    assert state.invoke == Invoke("charge")
    assert state.on_entry == (Emit("Started"),)


def test_params_are_frozen() -> None:
    params = {"to": ["ann"]}
    action = Function("mail", params)
    params["to"].append("ben")
    assert action.params == {"to": ("ann",)}
    assert isinstance(action.params, Object)


WRONG: list[tuple[Callable[[], Any], str]] = [
    (lambda: State(terminal="yes"), "wrong-type"),  # type: ignore[arg-type]
    (lambda: State(terminal=True, on={"E": "b"}), "terminal-conflict"),
    (lambda: State(outcome="success"), "outcome-without-terminal"),
    (lambda: State(timeout=5), "incomplete-timeout"),
    (lambda: State(timeout_transition="b"), "incomplete-timeout"),
    (lambda: State(initial="b"), "incomplete-compound"),
    (lambda: State(states={"b": State()}), "incomplete-compound"),
    (lambda: State(states={"b": State()}, initial="b", retry=Retry(1, "E")), "retry-on-compound"),
    (lambda: State(always=Transition(guard="x")), "empty-transition"),
    (lambda: State({"E": []}), "empty-list"),
    (lambda: State({"a/b": "c"}), "bad-name"),
    (lambda: State(timeout=-1, timeout_transition="b"), "bad-duration"),
    (lambda: State(timeout=10**400, timeout_transition="b"), "bad-duration"),
    (lambda: State(timeout=float("inf"), timeout_transition="b"), "bad-duration"),  # type: ignore[arg-type]
    (lambda: State(description=5), "wrong-type"),  # type: ignore[arg-type]
    (lambda: State(description="\ud800"), "not-unicode"),
    (lambda: State(unexpected="no"), "bad-choice"),  # type: ignore[arg-type]
    (lambda: Retry(0, "E"), "out-of-range"),
    (lambda: Retry(1, []), "bad-retry"),
    (lambda: Retry(2, "E", base_delay="5m"), "base-above-max"),
    (lambda: Retry(2, "E", backoff="linear", max_delay=0), "base-above-max"),
    (lambda: RetryPolicy(True), "wrong-type"),
    (lambda: RetryPolicy(1, "slow"), "bad-choice"),  # type: ignore[arg-type]
    (lambda: StateMachine("m", "a", {}), "no-states"),
    (lambda: StateMachine("", "a", {"a": State()}), "bad-name"),
    (lambda: Transition("x\x00"), "bad-name"),
    (lambda: StateMachine("..", "a", {"a": State()}), "bad-name"),
    (lambda: Function("h", [1]), "wrong-type"),  # type: ignore[arg-type]
    (lambda: Emit("E", {1: 2}), "not-json"),
    (lambda: Emit("E", float("nan")), "not-finite"),
    (lambda: Assign({"a": [1]}), "wrong-type"),
    (lambda: Assign({"a": "1 +"}), "bad-expression"),
]


@pytest.mark.parametrize(("make", "code"), WRONG)
def test_what_no_file_may_say_python_may_not_either(make: Callable[[], Any], code: str) -> None:
    with pytest.raises((DefinitionError, DataError, ExpressionError)) as caught:
        make()
    assert caught.value.diagnostics[0].code == code


PARTS: list[tuple[Callable[[], Any], str]] = [
    (lambda: State(retry={"maxAttempts": 2}), "retry must be a Retry, found an object"),  # type: ignore[arg-type]
    (lambda: State(invoke=5), "invoke must be an Invoke, found 5"),  # type: ignore[arg-type]
    (lambda: State(on=["E"]), "on must be a dict, found a list"),  # type: ignore[arg-type]
    (lambda: State(on={"E": 5}), "transitions must be a str or Transition, found 5"),  # type: ignore[dict-item]
    (lambda: State(on={"E": ["a", 5]}), "transitions[1] must be a str or Transition, found 5"),  # type: ignore[list-item]
    (lambda: State(always={"target": "a"}), "transitions must be a str or Transition, found an object"),
    (lambda: State(on_entry="mail"), 'actions must be a Function, Emit, Assign or Raise, found "mail"'),  # type: ignore[arg-type]
    (lambda: State(on_exit=[None]), "actions[0] must be a Function, Emit, Assign or Raise, found null"),  # type: ignore[list-item]
    (lambda: State(states={"b": "c"}, initial="b"), 'states["b"] must be a State, found "c"'),  # type: ignore[dict-item]
    (lambda: Function("f", retry_policy=3), "retry_policy must be a RetryPolicy, found 3"),  # type: ignore[arg-type]
    (lambda: Assign("a"), 'set must be a dict, found "a"'),  # type: ignore[arg-type]
    (lambda: Retry(2, 5), "expected the name of an event or a list, found 5"),  # type: ignore[arg-type]
    (lambda: ErrorHandling({}), "default_retry_policy must be a RetryPolicy, found an object"),  # type: ignore[arg-type]
    (lambda: StateMachine("m", "a", None), "states must be a dict, found null"),  # type: ignore[arg-type]
    (lambda: StateMachine("m", "a", {"a": {}}), 'states["a"] must be a State, found an object'),  # type: ignore[dict-item]
    (
        lambda: StateMachine("m", "a", {"a": State()}, error_handling=RetryPolicy(2)),  # type: ignore[arg-type]
        "error_handling must be an ErrorHandling, found a Python RetryPolicy",
    ),
    (lambda: compile_definition({}), "expected a StateMachine or a Workflow, found an object"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("make", "message"), PARTS, ids=[row[1] for row in PARTS])
def test_a_part_of_another_class_is_refused_where_it_is_given(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        make()
    assert [(one.code, one.message) for one in caught.value.diagnostics] == [("wrong-type", message)]


def test_states_are_nested_a_hundred_deep_and_no_deeper() -> None:
    state = State()
    for _ in range(99):
        state = State(states={"s": state}, initial="s")
    assert compile_definition(StateMachine("m", "s", {"s": state})).name == "m"
    with pytest.raises(DefinitionError, match="states nested deeper than 100 levels"):
        State(states={"s": state}, initial="s")


def test_the_first_delay_may_be_as_long_as_the_longest() -> None:
    assert RetryPolicy(2, base_delay=30_000).base_delay == RetryPolicy(2).max_delay
    assert not Retry(2, "E", max_delay=0).waits  # there is no delay that could be cut


def test_a_state_tells_all_that_does_not_go_together() -> None:
    with pytest.raises(DefinitionError) as caught:
        State({"E": []}, terminal=True, timeout=0, always=Transition())
    assert [(diagnostic.code, diagnostic.path) for diagnostic in caught.value.diagnostics] == [
        ("terminal-conflict", "$.on"),
        ("terminal-conflict", "$.always"),
        ("terminal-conflict", "$.timeout"),
        ("empty-transition", "$.always[0]"),
        ("empty-list", "$.on.E"),
    ]


def test_values_do_not_change() -> None:
    machine = StateMachine("m", "a", {"a": State()})
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        machine.name = "other"  # type: ignore[misc]
    assert attrs.evolve(machine, name="other").states == machine.states


def test_camel() -> None:
    assert [camel(word) for word in ("on", "on_entry", "default_retry_policy")] == [
        "on",
        "onEntry",
        "defaultRetryPolicy",
    ]


def test_the_package_is_light() -> None:
    code = "import sys, statewf.definition; print(sorted({'cattrs', 'yaml'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
