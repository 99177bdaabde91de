"""Definitions are written as modules for transitions: they come back equal, what cannot be said is named, names stay text."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given

import statewf as wf
from statewf.definition.model import Raise, RetryPolicy, State, StateMachine, Transition
from statewf.definition.pricing import PerExecution
from statewf.errors import CompileError, ConversionError
from statewf.interop.transitions import read, write
from tests.compiler.charts import charts
from tests.interop.test_transitions_run import built, convertible
from tests.worlds import definitions

SUBSCRIPTION = """
name: subscription
initialState: trial
context: { extended: false }
states:
  trial:
    on:
      SUBSCRIBE: active
      EXTEND:
        - { target: trial, guard: context.extended !== true, actions: { type: assign, set: { extended: true } } }
        - { actions: { type: emit, event: Trial.exhausted } }
    timeout: 14d
    timeoutTransition: expired
  active:
    initial: charging
    on: { CANCEL: ended }
    states:
      charging:
        onEntry: { type: function, handler: charge, params: { currency: EUR } }
        on: { PAID: current, REFUSED: overdue }
        retry: { maxAttempts: 4, on: REFUSED, baseDelay: 1h, maxDelay: 1d }
      current: { timeout: 30d, timeoutTransition: charging }
      overdue:
        onEntry: { type: function, handler: remind }
        on: { PAID: current }
        timeout: 7d
        timeoutTransition: ended
  expired: { terminal: true, outcome: failure }
  ended: { terminal: true }
"""

WRITTEN = '''"""A state machine for transitions, written by statewf.

`machine.start(handlers, inputs)` gives a model; `model.trigger("PAY", {"total": 30})` lets it take an event.
"""

from statewf import Assign, Emit, Function, Retry
from statewf.expr import parse
from statewf.interop.transitions.running import Machine

STATES = [
    {"name": "trial", "timeout": 1209600, "on_timeout": "$timeout:trial"},
    {
        "name": "active",
        "initial": "charging",
        "children": [
            {
                "name": "charging",
                "on_enter": [Function("charge", {"currency": "EUR"})],
                "retry": Retry(4, ["REFUSED"], base_delay=3600000, max_delay=86400000),
            },
            {"name": "current", "timeout": 2592000, "on_timeout": "$timeout:active.current"},
            {
                "name": "overdue",
                "on_enter": [Function("remind")],
                "timeout": 604800,
                "on_timeout": "$timeout:active.overdue",
            },
        ],
    },
    {"name": "expired", "final": True, "outcome": "failure"},
    {"name": "ended", "final": True},
]

TRANSITIONS = [
    {"trigger": "SUBSCRIBE", "source": "trial", "dest": "active"},
    {
        "trigger": "EXTEND",
        "source": "trial",
        "dest": "trial",
        "conditions": parse("context.extended !== true"),
        "actions": [Assign({"extended": "true"})],
    },
    {"trigger": "EXTEND", "source": "trial", "dest": None, "actions": [Emit("Trial.exhausted")]},
    {"trigger": "$timeout:trial", "source": "trial", "dest": "expired"},
    {"trigger": "CANCEL", "source": "active", "dest": "ended"},
    {"trigger": "PAID", "source": "active.charging", "dest": "active.current"},
    {"trigger": "REFUSED", "source": "active.charging", "dest": "active.overdue"},
    {"trigger": "$timeout:active.current", "source": "active.current", "dest": "active.charging"},
    {"trigger": "PAID", "source": "active.overdue", "dest": "active.current"},
    {"trigger": "$timeout:active.overdue", "source": "active.overdue", "dest": "ended"},
]

machine = Machine("subscription", STATES, TRANSITIONS, initial="trial", context={"extended": False})
'''


def back(definition: StateMachine) -> StateMachine:
    return read(built(definition)).definition


def test_a_module_reads_as_one_would_write_it() -> None:
    definition = wf.loads(SUBSCRIPTION)
    assert isinstance(definition, StateMachine)
    assert write(definition).text == WRITTEN
    assert back(definition) == definition


@given(definitions().map(convertible))
def test_a_machine_that_was_written_is_read_as_it_was(definition: StateMachine) -> None:
    assert tables(back(definition)) == tables(definition)
    assert back(back(definition)) == back(definition)


@given(charts().map(convertible))
def test_a_statechart_that_was_written_is_read_as_it_was(definition: StateMachine) -> None:
    try:
        expected = tables(definition)
    except CompileError:
        assume(False)
    assert tables(back(definition)) == expected
    assert back(back(definition)) == back(definition)


def tables(definition: StateMachine) -> Any:
    """What runs: the table without the places in the document."""
    return wf.compile(definition).regions


HOSTILE = [
    '"""\nimport os',
    "a\\",
    "'); __import__('os')",
    "{x!r}",
    "\u2028tail",
    "Emit(",
    "\U0001f600",
]


@pytest.mark.parametrize("name", [name for name in HOSTILE if name.isprintable()])
def test_no_name_becomes_code(name: str, tmp_path: Path) -> None:
    states = {name: State({name: Transition(name)}, description=name), "end": State(terminal=True)}
    definition = StateMachine(name, name, states, description=name)
    assert back(definition) == definition


@pytest.mark.parametrize("text", HOSTILE)
def test_no_description_or_data_becomes_code(text: str) -> None:
    states = {
        "a": State({"E": Transition("a", actions=[wf.Emit("T", {"x": [text, {text: None}]})])}, description=text)
    }
    definition = StateMachine(
        "m", "a", states, description=text, context={"t": text, "f": 1.5, "n": None, "b": True}
    )
    assert back(definition) == definition
    nodes = ast.walk(ast.parse(write(definition).text))
    called = {node.func.id for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert called == {"Emit", "Machine"}


REFUSED: dict[str, tuple[State, str]] = {
    "history": (State(states={"x": State(), "h": State(history="deep")}, initial="x"), "history: deep"),
    "invoke": (State(invoke="pay"), "invoke"),
    "defer": (State(unexpected="defer"), "unexpected: defer"),
    "no time": (State(timeout=0, timeout_transition="a"), "a timeout of 0"),
    "chance": (State(retry=wf.Retry(3, "E", base_delay=5, jitter="full")), "jitter"),
    "policy": (State(on_entry=wf.Function("f", retry_policy=RetryPolicy(3))), "retryPolicy"),
    "state": (State({"state": "a"}), "an event called state"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_transitions_cannot_do_is_refused_by_name(name: str) -> None:
    state, what = REFUSED[name]
    with pytest.raises(ConversionError) as caught:
        write(StateMachine("m", "a", {"a": state, "b": state}))
    told = caught.value.diagnostics
    assert [d.message for d in told] == [f"{what} cannot be converted"] * 2
    assert all(d.code == "unsupported" and d.path.startswith("$.states.") and d.hint for d in told)


def test_a_dot_in_a_name_and_what_holds_for_the_whole_machine_are_refused_too() -> None:
    handling = wf.ErrorHandling(RetryPolicy(2))
    definition = StateMachine("m", "a.b", {"a.b": State()}, unexpected="defer", error_handling=handling)
    with pytest.raises(ConversionError) as caught:
        write(definition)
    assert [d.path for d in caught.value.diagnostics] == [
        "$.unexpected",
        "$.errorHandling.defaultRetryPolicy",
        "$.states['a.b']",
    ]


def test_what_is_left_out_is_told() -> None:
    definition = StateMachine("m", "a", {"a": State()}, properties=[wf.Absence("a")], pricing=PerExecution(1))
    assert [remark.where for remark in write(definition).remarks] == ["properties", "pricing"]


def test_a_model_may_be_drawn_and_asked_like_any_of_the_library() -> None:
    definition = StateMachine("m", "a", {"a": State({"GO": "b"}, on_exit=Raise("X")), "b": State(terminal=True)})
    model = built(definition).start()
    assert model.may_GO()
    assert not model.may_trigger("STOP")
    model.GO(why="now")
    assert model.state == "b"
    assert model.context == {"why": "now"}
