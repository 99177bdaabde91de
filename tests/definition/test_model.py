"""Definitions made in Python: the same short forms, and the same refusals."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import attrs
import pytest

from statewf.definition.model import (
    Assign,
    Emit,
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
