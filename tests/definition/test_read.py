"""Definitions as people write them, and what they are told when they err."""

from __future__ import annotations

import json

import pytest

from statewf.definition.document import document
from statewf.definition.model import (
    Absence,
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
from statewf.definition.pricing import Billing, PerExecution
from statewf.definition.read import read
from statewf.errors import DefinitionError, Diagnostic

ORDER = """
# the seed's machine, as it stands there
name: Order State Machine
type: $.ServiceType.Automation
subtype: state-machine

states:
  pending:
    on:
      VALIDATE: validating
      CANCEL: cancelled
  validating:
    on:
      VALIDATION_SUCCESS: validated
      VALIDATION_FAILED: validation-failed
    timeout: 30000
    timeoutTransition: validation-failed
  validated:
    on:
      PROCESS_PAYMENT: processing-payment
  processing-payment:
    on:
      PAYMENT_SUCCESS: paid
      PAYMENT_FAILED: payment-failed
    retry:
      maxAttempts: 3
      on: PAYMENT_FAILED
  paid:
    on:
      FULFILL: fulfilling
  fulfilling:
    on:
      SHIPPED: shipped
      FULFILLMENT_FAILED: fulfillment-failed
  shipped:
    on:
      DELIVERED: delivered
      RETURN_REQUESTED: returning
  delivered:
    terminal: true
  cancelled:
    terminal: true
  validation-failed:
    terminal: true
  payment-failed:
    terminal: true
  fulfillment-failed:
    on:
      RETRY: fulfilling

initialState: pending
"""


def found(text: str | bytes, source: str | None = None) -> list[Diagnostic]:
    with pytest.raises(DefinitionError) as caught:
        read(text, source=source)
    return list(caught.value.diagnostics)


def test_the_order_machine_of_the_seed() -> None:
    machine = read(ORDER, source="machines/order.yaml")
    assert isinstance(machine, StateMachine)
    assert machine.name == "Order State Machine"
    assert machine.initial_state == "pending"
    assert list(machine.states)[:3] == ["pending", "validating", "validated"]
    assert len(machine.states) == 12
    assert machine.states["pending"].on["CANCEL"] == (Transition("cancelled"),)
    assert machine.states["validating"].timeout == 30_000
    assert machine.states["processing-payment"].retry == Retry(3, "PAYMENT_FAILED")
    assert machine.states["delivered"] == State(terminal=True)
    assert machine.places.source == "machines/order.yaml"
    assert machine.places.line(("states", "validating", "timeout")) == 16


def test_yaml_and_json_read_equal() -> None:
    text = json.dumps(document(ORDER).value, indent=2)
    machine = read(text, source="order.json")
    assert machine == read(ORDER)
    assert machine.places.line(("states", "validating", "timeout")) == 17


EVERYTHING = """
initialState: a
description: all of it
unexpected: defer
errorHandling: {defaultRetryPolicy: {maxAttempts: 5, backoff: linear, baseDelay: 1s, maxDelay: P1D, jitter: full}}
pricing: {model: per-execution, baseRate: 1.5, stepRates: {draft: 0.25}}
billing: {customer: inputs.customer}
properties: [{absence: paid}]
states:
  a:
    description: the first
    on:
      GO: b
      STAY: {}
      ASK: [{target: b, guard: event.data.ok}, c, {actions: {type: emit, event: Asked}}]
    always: [{target: c, guard: "attempt > 3"}]
    timeout: 1h 30m
    timeoutTransition: b.inner
    retry: {maxAttempts: 3, on: [GO, $error], backoff: constant, baseDelay: 5, maxDelay: 10, jitter: none}
    onEntry:
      - {type: function, handler: mail, params: {to: [ann], n: 1}, retryPolicy: {maxAttempts: 2}}
      - {type: emit, event: Order.started, data: [1, {a: b}]}
    onExit: {type: assign, set: {n: context.n + 1, ok: true, none: ~, half: 0.5}}
    invoke: {handler: charge, params: {}, onDone: b, onError: [{guard: false, target: c}, c]}
    unexpected: ignore
  b:
    initial: inner
    states:
      inner: {on: {OUT: c}, invoke: look}
  c: {terminal: true, outcome: failure, onEntry: [], unexpected: reject}
"""


def test_everything_that_can_be_said() -> None:
    policy = RetryPolicy(5, "linear", 1_000, 86_400_000, "full")
    assert read(EVERYTHING) == StateMachine(
        "machine",
        "a",
        {
            "a": State(
                {
                    "GO": "b",
                    "STAY": Transition(),
                    "ASK": [Transition("b", guard="event.data.ok"), "c", Transition(actions=Emit("Asked"))],
                },
                always=[Transition("c", guard="attempt > 3")],
                timeout=5_400_000,
                timeout_transition="b.inner",
                retry=Retry(3, ["GO", "$error"], "constant", 5, 10, "none"),
                on_entry=[
                    Function("mail", {"to": ["ann"], "n": 1}, RetryPolicy(2)),
                    Emit("Order.started", [1, {"a": "b"}]),
                ],
                on_exit=Assign({"n": "context.n + 1", "ok": True, "none": None, "half": 0.5}),
                invoke=Invoke("charge", on_done="b", on_error=[Transition("c", guard=False), "c"]),
                unexpected="ignore",
                description="the first",
            ),
            "b": State(states={"inner": State({"OUT": "c"}, invoke="look")}, initial="inner"),
            "c": State(terminal=True, outcome="failure", unexpected="reject"),
        },
        unexpected="defer",
        error_handling=ErrorHandling(policy),
        description="all of it",
        pricing=PerExecution(base_rate=1.5, step_rates={"draft": "0.25"}),
        billing=Billing("inputs.customer"),
        properties=[Absence("paid")],
    )


@pytest.mark.parametrize(
    ("source", "name", "expected"),
    [
        (None, None, "machine"),
        ("machines/order.yaml", None, "order"),
        ("C:\\machines\\order.v2.yaml", None, "order.v2"),
        ("order", None, "order"),
        ("machines/order.yaml", "other", "other"),
    ],
)
def test_the_name_may_come_from_elsewhere(source: str | None, name: str | None, expected: str) -> None:
    text = "initialState: a\nstates: {a: {}}"
    assert read(text, source=source, name=name).name == expected
    assert read(f"name: own\n{text}", source=source, name=name).name == "own"


def test_a_file_name_that_is_no_name_is_told() -> None:
    (diagnostic,) = found("initialState: a\nstates: {a: {}}", source="$x.yaml")
    assert (diagnostic.code, diagnostic.path) == ("bad-name", "$.name")


@pytest.mark.parametrize("kind", ["Automation", "$.ServiceType.Automation", "ServiceType.Automation"])
def test_the_types_of_the_seed_are_accepted(kind: str) -> None:
    assert read(f"type: {kind}\nsubtype: state-machine\ninitialState: a\nstates: {{a: {{}}}}").name == "machine"


HEAD = "initialState: a\nstates:\n  a:\n    "  # what stands in a state of these stands on line 4

WRONG_STATES = [
    # names and keys
    ("timout: 3", "unknown-key", "$.states.a.timout", "did you mean timeout?"),
    ("on_entry: []", "unknown-key", "$.states.a.on_entry", "did you mean onEntry?"),
    ("finale: true", "unknown-key", "$.states.a.finale", "did you mean final?"),
    ("zzz: 1", "unknown-key", "$.states.a.zzz", "known here: on, always, timeout"),
    ("on: {E: {goto: b}}", "unknown-key", "$.states.a.on.E.goto", "did you mean target?"),
    ("on: {E: {target: b, cond: x}}", "unknown-key", "$.states.a.on.E.cond", "did you mean guard?"),
    ("on: {a/b: c}", "bad-name", "$.states.a.on['a/b']", ""),
    ("on: {$e: c}", "bad-name", "$.states.a.on['$e']", ""),
    ("on: {'': c}", "bad-name", "$.states.a.on['']", ""),
    ('on: {E: "a\\nb"}', "bad-name", "$.states.a.on.E", ""),
    ("on: {E: $cancelled}", "bad-name", "$.states.a.on.E", ""),
    ("on: {E: {target: ' '}}", "bad-name", "$.states.a.on.E.target", ""),
    (f"on: {{E: {'x' * 201}}}", "bad-name", "$.states.a.on.E", ""),
    ("on: {404: b}", "bad-key", "$.states.a.on['404']", '"404"'),
    # kinds of values
    ("on: [E]", "wrong-type", "$.states.a.on", ""),
    ("on:", "wrong-type", "$.states.a.on", "leave the key out"),
    ("on: {E: 5}", "wrong-type", "$.states.a.on.E", ""),
    ("on: {E: }", "wrong-type", "$.states.a.on.E", "{}"),
    ("on: {E: [b, ~]}", "wrong-type", "$.states.a.on.E[1]", "{}"),
    ("on: {E: []}", "empty-list", "$.states.a.on.E", "{}"),
    ("on: {E: {target: []}}", "bad-target", "$.states.a.on.E.target", "leave the key out"),
    ("on: {E: {target: [b, c, b]}}", "bad-target", "$.states.a.on.E.target", "name it once"),
    ("on: {E: {target: [b, 5]}}", "wrong-type", "$.states.a.on.E.target", ""),
    ("on: {E: {target: {b: 1}}}", "wrong-type", "$.states.a.on.E.target", ""),
    ("on: {E: {target: b, internal: yes}}", "wrong-type", "$.states.a.on.E.internal", ""),
    ('terminal: "yes"', "wrong-type", "$.states.a.terminal", ""),
    ("terminal: yes", "wrong-type", "$.states.a.terminal", ""),
    ("terminal: 1", "wrong-type", "$.states.a.terminal", ""),
    ("description: 5", "wrong-type", "$.states.a.description", ""),
    ("description:", "wrong-type", "$.states.a.description", "leave the key out"),
    ("unexpected: deffer", "bad-choice", "$.states.a.unexpected", "did you mean defer?"),
    ("unexpected: [defer]", "wrong-type", "$.states.a.unexpected", ""),
    ("terminal: true\n    outcome: ok", "bad-choice", "$.states.a.outcome", "one of success, failure"),
    # durations and counts
    ("timeoutTransition: b\n    timeout: -5", "bad-duration", "$.states.a.timeout", "30s"),
    ("timeoutTransition: b\n    timeout: 5 parsecs", "bad-duration", "$.states.a.timeout", "30s"),
    ("timeoutTransition: b\n    timeout: 1.5", "bad-duration", "$.states.a.timeout", "30s"),
    ("timeoutTransition: b\n    timeout: true", "bad-duration", "$.states.a.timeout", "30s"),
    ("timeoutTransition: b\n    timeout: [5]", "wrong-type", "$.states.a.timeout", "30s"),
    ("timeoutTransition: b\n    timeout: 9999999999999", "bad-duration", "$.states.a.timeout", "30s"),
    ("timeoutTransition: b\n    timeout: .inf", "not-finite", "$.states.a.timeout", ""),
    ("retry: {on: E, maxAttempts: 0}", "out-of-range", "$.states.a.retry.maxAttempts", ""),
    ("retry: {on: E, maxAttempts: 1000001}", "out-of-range", "$.states.a.retry.maxAttempts", ""),
    ("retry: {on: E, maxAttempts: true}", "wrong-type", "$.states.a.retry.maxAttempts", ""),
    ('retry: {on: E, maxAttempts: "3"}', "wrong-type", "$.states.a.retry.maxAttempts", ""),
    ("retry: {on: E, maxAttempts: 2.0}", "wrong-type", "$.states.a.retry.maxAttempts", ""),
    # parts of a state
    ("retry: {on: E}", "missing-key", "$.states.a.retry", "maxAttempts: 3"),
    ("retry: {maxAttempts: 3}", "missing-key", "$.states.a.retry", "PAYMENT_FAILED"),
    ("retry: {maxAttempts: 3, on: []}", "bad-retry", "$.states.a.retry.on", "PAYMENT_FAILED"),
    ("retry: {maxAttempts: 3, on: [E, $e]}", "bad-name", "$.states.a.retry.on[1]", ""),
    ("retry: {maxAttempts: 3, on: E, jitter: ful}", "bad-choice", "$.states.a.retry.jitter", "full"),
    ("retry: 3", "wrong-type", "$.states.a.retry", ""),
    ("invoke: {params: {}}", "missing-key", "$.states.a.invoke", "handler"),
    ("invoke: {handler: h, params: [1]}", "wrong-type", "$.states.a.invoke.params", ""),
    ("invoke: {handler: h, onDone: 5}", "wrong-type", "$.states.a.invoke.onDone", ""),
    ("invoke: 5", "wrong-type", "$.states.a.invoke", ""),
    ("onEntry: notify", "wrong-type", "$.states.a.onEntry", "type: function"),
    ("onEntry: [{handler: h}]", "missing-key", "$.states.a.onEntry[0]", "add type: function"),
    ("onEntry: [{foo: h}]", "missing-key", "$.states.a.onEntry[0]", "one of function, emit, assign, raise"),
    ("onEntry: {type: functoin}", "bad-choice", "$.states.a.onEntry.type", "did you mean function?"),
    ("onEntry: {type: [emit]}", "wrong-type", "$.states.a.onEntry.type", ""),
    ("onEntry: {type: emit}", "missing-key", "$.states.a.onEntry", "event: Order.paid"),
    ("onEntry: {type: emit, event: E, handler: h}", "unknown-key", "$.states.a.onEntry.handler", "type, event"),
    ("onEntry: {type: assign, set: {a: [1]}}", "wrong-type", "$.states.a.onEntry.set.a", "in quotes"),
    ("onEntry: {type: assign, set: {a: x ====}}", "bad-expression", "$.states.a.onEntry.set.a", ""),
    ("onEntry: {type: raise}", "missing-key", "$.states.a.onEntry", "event: Order.paid"),
    ("onEntry: {event: GO}", "missing-key", "$.states.a.onEntry", "add type: emit"),
    ("onEntry: {type: assign}", "missing-key", "$.states.a.onEntry", "set: {paid: true}"),
    ("onEntry: {type: function, handler: h, retryPolicy: {}}", "missing-key", "$.states.a.onEntry.retryPolicy", ""),
    # conditions
    ("on: {E: {guard: a = b}}", "bad-expression", "$.states.a.on.E.guard", "==="),
    ("on: {E: {guard: eval(x)}}", "unknown-function", "$.states.a.on.E.guard", ""),
    ("on: {E: {guard: ''}}", "bad-expression", "$.states.a.on.E.guard", ""),
    ("on: {E: {guard: }}", "wrong-type", "$.states.a.on.E.guard", "leave the key out"),
    ("on: {E: {guard: {a: 1}}}", "wrong-type", "$.states.a.on.E.guard", ""),
    # what goes together
    ("outcome: success", "outcome-without-terminal", "$.states.a.outcome", "terminal: true"),
    ("terminal: false\n    outcome: success", "outcome-without-terminal", "$.states.a.outcome", "terminal: true"),
    ("timeout: 30s", "incomplete-timeout", "$.states.a.timeout", "name the state"),
    ("timeoutTransition: b", "incomplete-timeout", "$.states.a.timeoutTransition", "timeout: 30s"),
    ("states: {b: {}}", "incomplete-compound", "$.states.a.states", "entered first"),
    ("initial: b", "incomplete-compound", "$.states.a.initial", "inner states"),
    ("parallel: true", "incomplete-compound", "$.states.a.parallel", "side by side"),
    ("onDone: b", "incomplete-compound", "$.states.a.onDone", "finished"),
    (
        "states: {b: {}}\n    parallel: true\n    initial: b",
        "parallel-conflict",
        "$.states.a.initial",
        "remove initial",
    ),
    ("history: deeper", "bad-choice", "$.states.a.history", "deep"),
    (
        "states: {b: {}}\n    initial: b\n    retry: {maxAttempts: 1, on: E}",
        "retry-on-compound",
        "$.states.a.retry",
        "",
    ),
    ("always: {}", "empty-transition", "$.states.a.always", "target"),
    ("always: [b, {guard: x}]", "empty-transition", "$.states.a.always[1]", "target"),
    *[
        (f"terminal: true\n    {key}: {value}", "terminal-conflict", f"$.states.a.{key}", f"remove {key}")
        for key, value in [
            ("on", "{E: b}"),
            ("always", "b"),
            ("timeout", "5"),
            ("timeoutTransition", "b"),
            ("retry", "{maxAttempts: 1, on: E}"),
            ("invoke", "h"),
            ("states", "{b: {}}"),
            ("initial", "b"),
            ("onExit", "{type: emit, event: E}"),
            ("final", "true"),
            ("history", "deep"),
            ("parallel", "true"),
            ("onDone", "b"),
        ]
    ],
    *[
        (f"final: true\n    {key}: {value}", "final-conflict", f"$.states.a.{key}", f"remove {key}")
        for key, value in [
            ("on", "{E: b}"),
            ("always", "b"),
            ("timeout", "5"),
            ("states", "{b: {}}"),
            ("invoke", "h"),
        ]
    ],
    *[
        (f"history: deep\n    {key}: {value}", "history-conflict", f"$.states.a.{key}", f"remove {key}")
        for key, value in [
            ("on", "{E: b}"),
            ("final", "true"),
            ("states", "{b: {}}"),
            ("onEntry", "[{type: raise, event: E}]"),
        ]
    ],
]


@pytest.mark.parametrize(("state", "code", "path", "hint"), WRONG_STATES, ids=[row[0][:60] for row in WRONG_STATES])
def test_one_mistake_in_a_state(state: str, code: str, path: str, hint: str) -> None:
    (diagnostic,) = found(HEAD + state)
    assert (diagnostic.code, diagnostic.path) == (code, path)
    assert diagnostic.line == 4 + state.count("\n")
    assert hint in (diagnostic.hint or "")


WRONG_WHOLES = [
    ("initialState: a", "no-states", "$", 1, "initialState and states"),
    ("initialState: a\nstates: {}", "no-states", "$.states", 2, None),
    ("initialState: a\nstates: [a]", "wrong-type", "$.states", 2, None),
    ("initialState: a\nstates:\n  a:", "wrong-type", "$.states.a", 3, "write {} for an empty one"),
    ("initialState: a\nstates:\n  a/b: {}", "bad-name", "$.states['a/b']", 3, None),
    ("\nstates: {a: {}}", "missing-key", "$", 2, "name the state it starts in, as in initialState: pending"),
    ("initialState: 5\nstates: {a: {}}", "wrong-type", "$.initialState", 1, None),
    ("initialState: a\nstates: {a: {}}\nname: ''", "bad-name", "$.name", 3, None),
    ("initialState: a\nstates: {a: {}}\nerrorHandling: {x: 1}", "unknown-key", "$.errorHandling.x", 3, None),
    ("initialState: a\nstates: {a: {}}\nintial: b", "unknown-key", "$.intial", 3, "did you mean initialState?"),
    ("initialState: a\nstates: {a: {}}\ntype: Payment", "bad-choice", "$.type", 3, None),
    ("initialState: a\nstates: {a: {}}\ntype: [Automation]", "bad-choice", "$.type", 3, None),
    ("initialState: a\nstates: {a: {}}\nsubtype: workflow", "subtype-mismatch", "$.subtype", 3, None),
    ("initialState: a\nstates: {a: {}}\nsubtype: worklow", "bad-choice", "$.subtype", 3, "did you mean workflow?"),
    ("initialState: a\nstates: {a: {}}\nsubtype: 5", "wrong-type", "$.subtype", 3, None),
    ("initialState: a\nstates: {a: {}}\nsteps: []", "states-and-steps", "$.steps", 3, None),
    ("initialState: a\nstates: {a: {}}\ncontext: {n: .inf}", "not-finite", "$.context.n", 3, None),
    ("- a", "wrong-type", "$", 1, None),
    ("just text", "wrong-type", "$", 1, None),
    ("", "empty", "$", None, None),
    ("a: [", "bad-syntax", "$", 1, None),
]


@pytest.mark.parametrize(
    ("text", "code", "path", "line", "hint"), WRONG_WHOLES, ids=[repr(row[0])[:60] for row in WRONG_WHOLES]
)
def test_one_mistake_in_the_whole(text: str, code: str, path: str, line: int | None, hint: str | None) -> None:
    (diagnostic,) = found(text)
    assert (diagnostic.code, diagnostic.path, diagnostic.line) == (code, path, line)
    if hint is not None:
        assert diagnostic.hint is not None
        assert hint in diagnostic.hint


def test_a_file_of_something_else() -> None:
    assert [diagnostic.code for diagnostic in found("services: {web: {image: nginx}}")] == [
        "no-states",
        "missing-key",
        "unknown-key",
    ]


TEN_MISTAKES = """\
initalState: pending
states:
  pending:
    on: {VALIDATE: validating, CANCEL: }
    timout: 30s
  validating:
    timeout: thirty
    terminal: "no"
    retry: {maxAttempts: 0, on: OK, backoff: fast}
  paid:
    terminal: true
    on: {REFUND: {target: refunded, guard: amount > }}
  paid:
    onEntry: {type: emti, event: Paid}
    404: x
"""

TEN_TOLD = [
    ("missing-key", "$", 1),
    ("unknown-key", "$.initalState", 1),
    ("wrong-type", "$.states.pending.on.CANCEL", 4),
    ("unknown-key", "$.states.pending.timout", 5),
    ("incomplete-timeout", "$.states.validating.timeout", 7),
    ("bad-duration", "$.states.validating.timeout", 7),
    ("wrong-type", "$.states.validating.terminal", 8),
    ("out-of-range", "$.states.validating.retry.maxAttempts", 9),
    ("bad-choice", "$.states.validating.retry.backoff", 9),
    ("duplicate-key", "$.states.paid", 13),
    ("bad-choice", "$.states.paid.onEntry.type", 14),
    ("bad-key", "$.states.paid['404']", 15),
    ("unknown-key", "$.states.paid['404']", 15),
]


def test_all_mistakes_are_told_at_once_in_the_order_of_lines() -> None:
    told = found(TEN_MISTAKES, source="order.yaml")
    assert [(diagnostic.code, diagnostic.path, diagnostic.line) for diagnostic in told] == TEN_TOLD


def test_json_tells_the_same_at_its_own_lines() -> None:
    value = document(ORDER).value
    value["states"]["validating"]["timeout"] = "thirty"
    value["states"]["paid"]["onn"] = {}
    value["states"]["shipped"]["on"]["DELIVERED"] = {"guard": "a =="}
    text = json.dumps(value, indent=2)
    told = found(text, source="order.json")
    lines = text.split("\n")
    assert [(diagnostic.code, lines[(diagnostic.line or 0) - 1].split(":")[0].strip()) for diagnostic in told] == [
        ("bad-duration", '"timeout"'),
        ("unknown-key", '"onn"'),
        ("bad-expression", '"guard"'),
    ]


def test_the_source_is_told() -> None:
    with pytest.raises(DefinitionError) as caught:
        read("a: 1", source="order.yaml")
    assert str(caught.value).startswith("order.yaml: line 1, $: there are neither states nor steps")


def test_reading_leaves_no_trace_of_the_text_in_comparing() -> None:
    assert read(ORDER, source="a.yaml") == read(f"\n\n{ORDER}", source="b.yaml", name="x")
