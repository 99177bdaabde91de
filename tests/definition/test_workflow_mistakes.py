"""What people are told who err in a step workflow: each mistake once, at its line, with a way out."""

from __future__ import annotations

import pytest

from statewf.definition.read import read
from statewf.errors import DefinitionError, Diagnostic


def found(text: str | bytes) -> list[Diagnostic]:
    with pytest.raises(DefinitionError) as caught:
        read(text)
    return list(caught.value.diagnostics)


HEAD = "steps:\n  - id: a\n    "
WAIT, BLOCK, CHOICE = "type: wait\n    duration: 5", "type: parallel\n    steps: [{id: b}]", "type: condition"
CHOICE += "\n    condition: x\n    then: {id: b}"

# what a step says; the code, the path below the step, and part of the hint; it is always on the last line
WRONG_STEPS = [
    ("timout: 5", "unknown-key", ".timout", "did you mean timeout?"),
    ("onErr: rollback", "unknown-key", ".onErr", "did you mean onError?"),
    ("retry: {}", "unknown-key", ".retry", "did you mean retryPolicy?"),
    ("needs: b", "unknown-key", ".needs", "did you mean dependsOn?"),
    ("after: b", "unknown-key", ".after", "did you mean dependsOn?"),
    ("if: x", "unknown-key", ".if", "did you mean when?"),
    ("type: condition\n    condition: x\n    then: {id: b}\n    if: x", "unknown-key", ".if", "did you mean when?"),
    ("depends_on: b", "unknown-key", ".depends_on", "did you mean dependsOn?"),
    ("retries: 3", "unknown-key", ".retries", "did you mean retryPolicy?"),
    ("do: x", "unknown-key", ".do", "did you mean handler?"),
    ("call: x", "unknown-key", ".call", "did you mean handler?"),
    ("action: x", "unknown-key", ".action", "did you mean handler?"),
    ("on_error: rollback", "unknown-key", ".on_error", "did you mean onError?"),
    ("guard: x", "unknown-key", ".guard", "did you mean when?"),
    ("type: wait\n    duration: 5\n    delay: 5", "unknown-key", ".delay", "did you mean duration?"),
    ("uses: x", "unknown-key", ".uses", "did you mean handler?"),
    (f"{WAIT}\n    on: GO", "unknown-key", ".on", "compensation, duration"),
    ("type: wiat", "bad-choice", ".type", "did you mean wait?"),
    ("type: sub", "bad-choice", ".type", "one of function, parallel, condition, human-task, wait, event"),
    ("type: 5", "wrong-type", ".type", ""),
    ("type: [wait]", "wrong-type", ".type", ""),
    ("type: {wait: 5}", "wrong-type", ".type", ""),
    ("onError: rolback", "bad-choice", ".onError", "did you mean rollback?"),
    ("onError: explode", "bad-choice", ".onError", "one of retry, human-review"),
    (f"{BLOCK}\n    strategy: frist", "bad-choice", ".strategy", "did you mean first?"),
    (f"{BLOCK}\n    strategy: most", "bad-choice", ".strategy", "one of all, any, first"),
    (f"{BLOCK}\n    strategy: 2", "wrong-type", ".strategy", "{quorum: 2}"),
    (f"{BLOCK}\n    strategy: quorum", "wrong-type", ".strategy", "{quorum: 2}"),
    (f"{BLOCK}\n    strategy: {{}}", "missing-key", ".strategy", "quorum: 2"),
    (f"{BLOCK}\n    strategy: {{quorum: 0}}", "out-of-range", ".strategy.quorum", ""),
    (f"{BLOCK}\n    strategy: {{quorum: 1.5}}", "wrong-type", ".strategy.quorum", ""),
    (f"{BLOCK}\n    maxConcurrency: 0", "out-of-range", ".maxConcurrency", ""),
    (f"{BLOCK}\n    maxConcurrency: true", "wrong-type", ".maxConcurrency", ""),
    ("retryPolicy: 3", "wrong-type", ".retryPolicy", "{maxAttempts: 3}"),
    ("retryPolicy: {}", "missing-key", ".retryPolicy", "maxAttempts: 3"),
    ("retryPolicy: {maxAttempts: 0}", "out-of-range", ".retryPolicy.maxAttempts", ""),
    ("retryPolicy: {maxAttempts: 2, backoff: expo}", "bad-choice", ".retryPolicy.backoff", "exponential"),
    ("retryPolicy: {maxAttempts: 2, nonRetryable: [5]}", "wrong-type", ".retryPolicy.nonRetryable[0]", ""),
    ("retryPolicy: {maxAttempts: 2, baseDelay: 5m}", "base-above-max", ".retryPolicy.baseDelay", "maxDelay: 5m"),
    (
        "retryPolicy:\n      maxAttempts: 2\n      maxDelay: 2h\n      baseDelay: 1d",
        "base-above-max",
        ".retryPolicy.baseDelay",
        "maxDelay: 1d",
    ),
    (
        "retryPolicy:\n      maxAttempts: 2\n      maxDelay: 500",
        "base-above-max",
        ".retryPolicy.maxDelay",
        "baseDelay: 500ms",
    ),
    ("required: 'no'", "wrong-type", ".required", ""),
    ("when: a = b", "bad-expression", ".when", "==="),
    ("when: [1]", "wrong-type", ".when", "in quotes"),
    ("when: ", "wrong-type", ".when", "leave the key out"),
    ("dependsOn: ", "wrong-type", ".dependsOn", "leave the key out"),
    ("dependsOn: [b, 5]", "wrong-type", ".dependsOn[1]", ""),
    ("dependsOn: {b: 1}", "wrong-type", ".dependsOn", ""),
    ("dependsOn: [$b]", "bad-name", ".dependsOn[0]", ""),
    ("timeout: soon", "bad-duration", ".timeout", "30s"),
    ("timeout: -1", "bad-duration", ".timeout", "30s"),
    ("timeout: 1e15", "bad-duration", ".timeout", ""),
    ("params: [1]", "wrong-type", ".params", ""),
    ("handler: ''", "bad-name", ".handler", ""),
    ("compensation: refund", "wrong-type", ".compensation", "{action: refund}"),
    ("compensation: {steps: []}", "no-steps", ".compensation", "action: refund"),
    ("compensation: {steps: [refund]}", "wrong-type", ".compensation.steps[0]", "{action: refund}"),
    ("compensation: {steps: [{stepId: a}]}", "missing-key", ".compensation.steps[0]", "action: refund"),
    ("compensation: {strategy: none, steps: {action: x}}", "unknown-key", ".compensation.strategy", "steps"),
    ("review: {}", "review-without-human", ".review", "onError: human-review"),
    ("onError: rollback\n    review: {assignTo: ann}", "review-without-human", ".review", "human-review"),
    ("onError: human-review\n    review: ann", "wrong-type", ".review", "{assignTo: ann"),
    ("type: human-task\n    assignTo: [ann]", "wrong-type", ".assignTo", ""),
    (
        "type: human-task\n    escalationPolicy: {timeout: 5}",
        "missing-key",
        ".escalationPolicy",
        "escalateTo: manager",
    ),
    ("type: human-task\n    escalationPolicy: {escalateTo: b}", "missing-key", ".escalationPolicy", "timeout: 12h"),
    ("type: human-task\n    onReject: retry", "bad-choice", ".onReject", "one of fail, continue"),
    # what goes together
    (f"{WAIT}\n    retryPolicy: {{maxAttempts: 2}}", "no-attempts", ".retryPolicy", "only function steps"),
    (f"{WAIT}\n    onError: retry", "no-attempts", ".onError", "only function steps"),
    (f"{BLOCK}\n    onError: retry", "no-attempts", ".onError", "only function steps"),
    (f"{WAIT}\n    handler: h", "step-conflict", ".handler", "type: function"),
    (f"{WAIT}\n    params: {{}}", "step-conflict", ".params", "type: function"),
    (f"{BLOCK}\n    then: {{id: c}}", "step-conflict", ".then", "type: condition"),
    (f"{CHOICE}\n    duration: 0", "step-conflict", ".duration", "type: wait"),
    (f"{CHOICE}\n    onReject: fail", "step-conflict", ".onReject", "type: human-task"),
    ("strategy: all", "step-conflict", ".strategy", "type: parallel"),
    ("steps: []", "step-conflict", ".steps", "type: parallel"),
    ("condition: false", "step-conflict", ".condition", "type: condition"),
    ("match: 0", "step-conflict", ".match", "type: event"),
    ("event: E", "step-conflict", ".event", "type: event"),
    # what a step must have
    ("type: parallel\n    steps: []", "no-steps", ".steps", "what runs at once"),
    ("type: parallel\n    steps: ", "wrong-type", ".steps", "{id: payment}"),
    ("type: parallel\n    steps: [b]", "wrong-type", ".steps[0]", "{id: payment}"),
    ("type: parallel\n    steps: {b: {}, c: {}}", "wrong-type", ".steps", "- id: payment"),
    ("type: condition\n    condition: x\n    then: b", "wrong-type", ".then", "{id: payment}"),
    ("type: condition\n    condition: x\n    then: [{id: b}]", "wrong-type", ".then", "type: parallel"),
    ("type: condition\n    condition: x\n    then: {}", "missing-key", ".then", "id: payment"),
    ("type: wait\n    duration: ", "wrong-type", ".duration", ""),
    ("type: wait\n    duration: false", "bad-duration", ".duration", "30s"),
]


@pytest.mark.parametrize(("step", "code", "path", "hint"), WRONG_STEPS, ids=[row[0][-60:] for row in WRONG_STEPS])
def test_one_mistake_in_a_step(step: str, code: str, path: str, hint: str) -> None:
    (diagnostic,) = found(HEAD + step)
    assert (diagnostic.code, diagnostic.path) == (code, "$.steps[0]" + path)
    assert diagnostic.line == 3 + step.count("\n")
    assert hint in (diagnostic.hint or "")


@pytest.mark.parametrize(
    ("step", "needs", "hint"),
    [
        ("type: parallel", "a parallel step needs steps", "at once"),
        ("type: condition\n    condition: false", "a condition step needs then", "which step"),
        ("type: condition\n    then: {id: b}", "a condition step needs condition", "inputs.total > 100"),
        ("type: wait", "a wait step needs duration", "30s"),
        ("type: event", "an event step needs event", "ORDER_PAID"),
    ],
)
def test_what_a_type_needs_is_told_at_the_step(step: str, needs: str, hint: str) -> None:
    (diagnostic,) = found(HEAD + step)
    assert (diagnostic.code, diagnostic.path, diagnostic.line) == ("missing-key", "$.steps[0]", 2)
    assert diagnostic.message == needs
    assert hint in (diagnostic.hint or "")


def test_the_condition_of_a_condition_is_meant_by_if() -> None:
    told = found(f"{HEAD}type: condition\n    then: {{id: b}}\n    if: inputs.x")
    assert [(one.path, one.line, one.hint) for one in told if one.code == "unknown-key"] == [
        ("$.steps[0].if", 5, "did you mean condition?")
    ]


@pytest.mark.parametrize(
    ("delays", "message", "hint"),
    [
        ("baseDelay: 5m", "baseDelay is 5m, but maxDelay 30s, as it is unless said otherwise", "maxDelay: 5m"),
        ("baseDelay: 5m, maxDelay: 1m", "baseDelay is 5m, but maxDelay 1m", "maxDelay: 5m"),
        ("baseDelay: 60001, maxDelay: 1m", "baseDelay is 60001ms, but maxDelay 1m", "maxDelay: 60001ms"),
        ("maxDelay: 0", "maxDelay is 0ms, but baseDelay 1s, as it is unless said otherwise", "baseDelay: 0ms"),
    ],
)
def test_delays_that_would_be_cut_are_told_with_what_holds_unless_said_otherwise(
    delays: str, message: str, hint: str
) -> None:
    (diagnostic,) = found(f"{HEAD}retryPolicy: {{maxAttempts: 3, {delays}}}")
    assert (diagnostic.code, diagnostic.message) == ("base-above-max", message)
    assert (diagnostic.hint or "").endswith(hint)


def test_delays_are_told_beside_all_else_that_is_wrong() -> None:
    told = found(
        "initialState: a\nstates:\n  a:\n    retry:\n      on: E\n      maxAttempts: 0\n      baseDelay: 5m\n"
        "    onEntry: {type: function, handler: h, retryPolicy: {maxDelay: 1}}\n"
    )
    assert [(one.code, one.path, one.line) for one in told] == [
        ("out-of-range", "$.states.a.retry.maxAttempts", 6),
        ("base-above-max", "$.states.a.retry.baseDelay", 7),
        ("base-above-max", "$.states.a.onEntry.retryPolicy.maxDelay", 8),
        ("missing-key", "$.states.a.onEntry.retryPolicy", 8),
    ]


@pytest.mark.parametrize("name", ['""', '" "', "a/b", "/", "$a", '"a\\n"', '"\\u0007"', '"\\u2028"', "a" * 201])
def test_ids_that_are_no_names(name: str) -> None:
    (diagnostic,) = found(f"steps:\n  - id: ok\n  - id: {name}")
    assert (diagnostic.code, diagnostic.path, diagnostic.line) == ("bad-name", "$.steps[1].id", 3)


def test_the_id_of_the_whole_is_taken() -> None:
    (diagnostic,) = found("steps:\n  - id: a\n    type: parallel\n    steps:\n      - id: workflow")
    assert (diagnostic.code, diagnostic.path, diagnostic.line) == ("reserved-id", "$.steps[0].steps[0].id", 5)
    assert diagnostic.hint == "call the step otherwise, as in id: run-workflow"
    assert read("name: workflow\nsteps: [{id: a}]").name == "workflow"


WRONG_WHOLES = [
    ("steps: []", "no-steps", "$.steps", 1, "id: a"),
    ("steps:", "wrong-type", "$.steps", 1, "{id: payment}"),
    ("steps: {}", "missing-key", "$.steps", 1, "id: payment"),
    ("steps: pay", "wrong-type", "$.steps", 1, "{id: payment}"),
    ("steps:\n  - pay", "wrong-type", "$.steps[0]", 2, "{id: payment}"),
    ("steps:\n  - name: Pay", "missing-key", "$.steps[0]", 2, "id: payment"),
    ("steps:\n  pay: {type: wait}", "wrong-type", "$.steps", 1, "- id: payment"),
    ("steps: [{id: a}]\ninitialState: a", "unknown-key", "$.initialState", 2, "known here"),
    ("steps: [{id: a}]\nerrorHandlig: {}", "unknown-key", "$.errorHandlig", 2, "did you mean errorHandling?"),
    ("steps: [{id: a}]\nunexpected: defer", "unknown-key", "$.unexpected", 2, "known here"),
    ("steps: [{id: a}]\nname: a/b", "bad-name", "$.name", 2, ""),
    ("steps: [{id: a}]\ntimeout: 5x", "bad-duration", "$.timeout", 2, "30s"),
    ("steps: [{id: a}]\ncancelGrace: -5", "bad-duration", "$.cancelGrace", 2, "30s"),
    ("steps: [{id: a}]\ntype: Payment", "bad-choice", "$.type", 2, "Automation"),
    ("steps: [{id: a}]\nsubtype: state-machine", "subtype-mismatch", "$.subtype", 2, "write workflow"),
    ("steps: [{id: a}]\nsubtype: worklow", "bad-choice", "$.subtype", 2, "did you mean workflow?"),
    (
        "steps: [{id: a}]\nerrorHandling: {compensationStrategy: revers-order}",
        "bad-choice",
        "$.errorHandling.compensationStrategy",
        2,
        "did you mean reverse-order?",
    ),
    (
        "steps: [{id: a}]\nerrorHandling:\n  defaultRetryPolicy: {}",
        "missing-key",
        "$.errorHandling.defaultRetryPolicy",
        3,
        "maxAttempts: 3",
    ),
    (
        "steps: [{id: a}]\nerrorHandling: {notifyOnFailure: 1}",
        "wrong-type",
        "$.errorHandling.notifyOnFailure",
        2,
        "",
    ),
    (
        "steps: [{id: a}]\ninitialState: a\nsubtype: workflow\nstates: {a: {}}",
        "states-and-steps",
        "$.steps",
        1,
        "keep one",
    ),
]


@pytest.mark.parametrize(
    ("text", "code", "path", "line", "hint"), WRONG_WHOLES, ids=[repr(row[0])[:60] for row in WRONG_WHOLES]
)
def test_one_mistake_in_the_whole(text: str, code: str, path: str, line: int, hint: str) -> None:
    (diagnostic,) = found(text)
    assert (diagnostic.code, diagnostic.path, diagnostic.line) == (code, path, line)
    assert hint in (diagnostic.hint or "")


MANY = """\
name: w
steps:
  - id: a
    typ: wait
    dependsOn: [b, 5]
  - id: workflow
    type: parallel
    retryPolicy: {maxAttempts: 0}
    steps:
      - id: $x
        strategy: any
      - type: condition
        condition: a ==
        else: {id: c, onError: rolback, timeout: soon}
  - id: t
    type: wiat
    duration: 5
"""


def test_all_mistakes_are_told_at_once_in_the_order_of_lines() -> None:
    assert [(diagnostic.code, diagnostic.path, diagnostic.line) for diagnostic in found(MANY)] == [
        ("unknown-key", "$.steps[0].typ", 4),
        ("wrong-type", "$.steps[0].dependsOn[1]", 5),
        ("reserved-id", "$.steps[1].id", 6),
        ("no-attempts", "$.steps[1].retryPolicy", 8),
        ("out-of-range", "$.steps[1].retryPolicy.maxAttempts", 8),
        ("bad-name", "$.steps[1].steps[0].id", 10),
        ("step-conflict", "$.steps[1].steps[0].strategy", 11),
        ("missing-key", "$.steps[1].steps[1]", 12),
        ("missing-key", "$.steps[1].steps[1]", 12),
        ("bad-expression", "$.steps[1].steps[1].condition", 13),
        ("bad-duration", "$.steps[1].steps[1].else.timeout", 14),
        ("bad-choice", "$.steps[1].steps[1].else.onError", 14),
        ("bad-choice", "$.steps[2].type", 16),
    ]
