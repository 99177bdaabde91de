"""What the compiler refuses in a workflow: each mistake with its place and a hint, all at once."""

from __future__ import annotations

import time

import pytest

from statewf.compiler import compile_definition
from statewf.compiler.check_steps import MOST_TOLD, check_steps
from statewf.compiler.guess import MOST_GUESSED
from statewf.compiler.plan import plan
from statewf.definition.workflow import Step, Workflow
from statewf.errors import CompileError, Diagnostic
from statewf.files import loads


def told(text: str) -> tuple[Diagnostic, ...]:
    with pytest.raises(CompileError) as error:
        compile_definition(loads(text))
    return tuple(error.value.diagnostics)


def test_all_is_told_at_once_and_in_document_order() -> None:
    text = """
steps:
  - id: a
    dependsOn: [b, nowhere]
    when: results.bb.ok
  - id: b
    dependsOn:
      - c
  - id: c
    when: resluts.a
    dependsOn: [a]
  - id: a
    type: condition
    condition: results.inner.x
    then:
      id: inner
      dependsOn: [c]
      compensation: {steps: [{action: undo, stepId: iner}]}
  - id: block
    type: parallel
    strategy: {quorum: 3}
    steps:
      - {id: left}
      - id: right
        when: results.left.ok
  - id: human
    type: human-task
    dependsOn: []
    assignTo: results.block.who
    escalationPolicy: {timeout: 1h, escalateTo: results.humna.by}
"""
    assert [(one.line, one.code, one.path) for one in told(text)] == [
        (4, "unknown-step", "$.steps[0].dependsOn[1]"),
        (4, "cyclic-dependency", "$.steps[0].dependsOn[0]"),
        (5, "unknown-step", "$.steps[0].when"),
        (10, "unknown-name", "$.steps[2].when"),
        (12, "duplicate-step", "$.steps[3].id"),
        (14, "unsettled-read", "$.steps[3].condition"),
        (17, "foreign-dependency", "$.steps[3].then.dependsOn[0]"),
        (18, "unknown-step", "$.steps[3].then.compensation.steps[0].stepId"),
        (21, "quorum-too-large", "$.steps[4].strategy.quorum"),
        (25, "unsettled-read", "$.steps[4].steps[1].when"),
        (29, "unsettled-read", "$.steps[5].assignTo"),
        (30, "unknown-step", "$.steps[5].escalationPolicy.escalateTo"),
    ]
    assert all(one.hint for one in told(text))


BLOCK = "{id: p, type: parallel, dependsOn: [], steps: [{id: x}, {id: y}]}"

MISTAKES = {
    "a dependency misspelt": (
        "[{id: first}, {id: b, dependsOn: [frist]}]",
        ("unknown-step", "there is no step frist", "did you mean first?"),
    ),
    "a dependency like nothing": (
        "[{id: first}, {id: b, dependsOn: [zzz]}]",
        ("unknown-step", "there is no step zzz", "in the same list there are first"),
    ),
    "a dependency of one who is alone": (
        "[{id: b, dependsOn: [zzz]}]",
        ("unknown-step", "there is no step zzz", "remove it"),
    ),
    "into a block": (
        f"[{BLOCK}, {{id: b, dependsOn: [x]}}]",
        (
            "foreign-dependency",
            "x is no sibling of b: dependsOn names steps of the same list",
            "let b depend on p, in which it lies",
        ),
    ),
    "out of a block": (
        "[{id: b, dependsOn: []}, {id: p, type: parallel, dependsOn: [], steps: [{id: x, dependsOn: [b]}]}]",
        (
            "foreign-dependency",
            "b is no sibling of x: dependsOn names steps of the same list",
            "let p depend on b",
        ),
    ),
    "out of a block that waits already": (
        "[{id: b}, {id: p, type: parallel, steps: [{id: x, dependsOn: [b]}]}]",
        (
            "foreign-dependency",
            "b is no sibling of x: dependsOn names steps of the same list",
            "p waits for b already; remove it",
        ),
    ),
    "on the block around": (
        "[{id: p, type: parallel, steps: [{id: x, dependsOn: [p]}]}]",
        (
            "foreign-dependency",
            "p is no sibling of x: dependsOn names steps of the same list",
            "steps within a block begin when it does; remove it",
        ),
    ),
    "on what lies within": (
        "[{id: p, type: parallel, dependsOn: [x], steps: [{id: x}]}]",
        (
            "foreign-dependency",
            "x is no sibling of p: dependsOn names steps of the same list",
            "it lies within this step; remove it",
        ),
    ),
    "one branch of a condition on the other": (
        "[{id: c, type: condition, condition: inputs.x, then: {id: t, dependsOn: [e]}, else: {id: e}}]",
        ("foreign-dependency", "of t and e only one is taken, so t cannot wait for e", "remove it"),
    ),
    "into the other branch of a condition": (
        f"[{{id: c, type: condition, condition: inputs.x, then: {BLOCK}, else: {{id: e, dependsOn: x}}}}]",
        ("foreign-dependency", "of p and e only one is taken, so e cannot wait for x", "remove it"),
    ),
    "the branch of a condition on itself": (
        "[{id: c, type: condition, condition: inputs.x, then: {id: t, dependsOn: [t]}}]",
        ("cyclic-dependency", "t waits for itself", "remove it"),
    ),
    "a dependency of a branch misspelt": (
        "[{id: c, type: condition, condition: inputs.x, then: {id: then, dependsOn: [elze]}, else: {id: else}}]",
        ("unknown-step", "there is no step elze", "remove it"),
    ),
    "the result of the other branch of a condition": (
        "[{id: c, type: condition, condition: inputs.x, then: {id: t, when: results.e.ok}, else: {id: e}}]",
        ("unsettled-read", "of t and e only one is taken, so t cannot read e", "read what came before c"),
    ),
    "an id given twice": (
        f"[{BLOCK}, {{id: x}}]",
        (
            "duplicate-step",
            "there is another step x, at $.steps[0].steps[0]",
            "an id is unique in the whole file; call one of them something else",
        ),
    ),
    "a quorum too large": (
        "[{id: p, type: parallel, strategy: {quorum: 3}, steps: [{id: x}, {id: y}]}]",
        ("quorum-too-large", "3 successes of 2 branches can never be", "at most 2"),
    ),
    "a quorum of more than one, of one": (
        "[{id: p, type: parallel, strategy: {quorum: 2}, steps: [{id: x}]}]",
        ("quorum-too-large", "2 successes of 1 branches can never be", "with one branch, a quorum of 1"),
    ),
    "undoing what is not there": (
        "[{id: pay, compensation: {steps: [{action: refund, stepId: payy}]}}]",
        ("unknown-step", "there is no step payy", "did you mean pay?"),
    ),
    "a step that waits for itself": (
        "[{id: a, dependsOn: [a]}]",
        ("cyclic-dependency", "a waits for itself", "remove it"),
    ),
    "a cycle": (
        "[{id: a, dependsOn: [c]}, {id: b, dependsOn: [a]}, {id: c, dependsOn: [b]}]",
        (
            "cyclic-dependency",
            "a waits for c, c waits for b, b waits for a",
            "remove one of these dependencies",
        ),
    ),
    "a cycle by place in the list": (
        "[{id: a, dependsOn: [b]}, {id: b}]",
        (
            "cyclic-dependency",
            "a waits for b, b waits for a",
            "b says nothing, so it waits for the step before it; dependsOn: [] begins at once",
        ),
    ),
    "a cycle within a block": (
        "[{id: p, type: parallel, steps: [{id: x, dependsOn: [y]}, {id: y, dependsOn: [x]}]}]",
        ("cyclic-dependency", "x waits for y, y waits for x", "remove one of these dependencies"),
    ),
    "a name that means nothing": (
        "[{id: a, when: inptus.total > 1}]",
        ("unknown-name", "inptus means nothing here", "did you mean inputs?"),
    ),
    "text without quotes": (
        "[{id: a, when: inputs.kind == business}]",
        (
            "unknown-name",
            "business means nothing here",
            "text stands in quotes: 'business'; known are inputs, results, context, completedSteps, failedSteps",
        ),
    ),
    "a step for its result": (
        "[{id: check-id}, {id: check}, {id: b, when: check.ok}]",
        ("unknown-name", "check means nothing here", "what a step found is results['check']"),
    ),
    "the event where none is": (
        "[{id: a, when: event.data.ok}]",
        ("unknown-name", "event means nothing here", "only the match of an event step sees the event"),
    ),
    "the data of the event by itself": (
        "[{id: a, type: event, event: E, match: data.n > 1}]",
        ("unknown-name", "data means nothing here", "the event's data is event.data"),
    ),
    "the name of the event by itself": (
        "[{id: a, type: event, event: E, match: name == 'E'}]",
        ("unknown-name", "name means nothing here", "the event's name is event.name"),
    ),
    "the data where no event is": (
        "[{id: a, when: data}]",
        (
            "unknown-name",
            "data means nothing here",
            "text stands in quotes: 'data'; known are inputs, results, context, completedSteps, failedSteps",
        ),
    ),
    "the attempt": (
        "[{id: a, type: event, event: E, match: attempt > 1}]",
        (
            "unknown-name",
            "attempt means nothing here",
            "a workflow's conditions know no attempt; handlers see it as call.attempt",
        ),
    ),
    "the result of no step": (
        "[{id: check-id}, {id: b, when: 'results[\"chekc-id\"].ok'}]",
        ("unknown-step", "there is no step chekc-id to read from", "did you mean check-id?"),
    ),
    "what nobody waits for": (
        "[{id: a}, {id: b, dependsOn: [], when: results.a.ok}]",
        ("unsettled-read", "a is not certain to have settled when b begins", "let b depend on a"),
    ),
    "what comes later": (
        "[{id: a, type: condition, condition: results.b.ok, then: {id: x}}, {id: b}]",
        ("unsettled-read", "b is not certain to have settled when a begins", "b waits for a, so it comes later"),
    ),
    "what runs beside it": (
        "[{id: p, type: parallel, steps: [{id: x}, {id: y, type: event, event: E, match: results.x.k == event.data}]}]",
        ("unsettled-read", "x is not certain to have settled when y begins", "let y depend on x"),
    ),
    "what lies in a block that nobody waits for": (
        f"[{BLOCK}, {{id: b, dependsOn: [], when: results.x.ok}}]",
        (
            "unsettled-read",
            "x is not certain to have settled when b begins",
            "let b depend on p, in which it lies",
        ),
    ),
    "a branch that may have lost": (
        "[{id: p, type: parallel, strategy: any, steps: [{id: x}, {id: y}]}, {id: b, when: results.x.ok}]",
        (
            "unsettled-read",
            "x may still be ending when p is over",
            "read results['p'], or let every branch end",
        ),
    ),
    "a branch that may have lost, in a block that nobody waits for": (
        "[{id: p, type: parallel, strategy: any, steps: [{id: x}]}, {id: b, dependsOn: [], when: results.x.ok}]",
        (
            "unsettled-read",
            "x is not certain to have settled when b begins",
            "let b depend on p and read results['p']; x may still be ending then",
        ),
    ),
    "a dependency on a branch that may have lost": (
        "[{id: p, type: parallel, strategy: any, steps: [{id: x}]}, {id: b, dependsOn: [x]}]",
        (
            "foreign-dependency",
            "x is no sibling of b: dependsOn names steps of the same list",
            "let b depend on p, in which it lies",
        ),
    ),
    "a branch that may be late": (
        "[{id: p, type: parallel, timeout: 1s, required: false, steps: [{id: x}]}, {id: b, when: results.x.ok}]",
        (
            "unsettled-read",
            "x may still be ending when p is over",
            "read results['p'], or let every branch end",
        ),
    ),
    "within what may be late, deep within what may fail": (
        "[{id: p, type: parallel, required: false, steps: [{id: q, type: parallel, timeout: 1, steps: [{id: x}]}]}, {id: b, when: results.x.ok}]",
        (
            "unsettled-read",
            "x may still be ending when p is over",
            "read results['p'], or let every branch end",
        ),
    ),
    "its own result": (
        "[{id: a, onError: human-review, review: {assignTo: results.a.boss}}]",
        (
            "unsettled-read",
            "a reads its own result, which it does not have yet",
            "read what came before",
        ),
    ),
    "what lies around": (
        "[{id: p, type: parallel, steps: [{id: x, when: results.p.ok}]}]",
        ("unsettled-read", "p is not over while x is at work", "read what came before"),
    ),
    "what lies within": (
        "[{id: c, type: condition, condition: results.x.ok, then: {id: x}}]",
        ("unsettled-read", "x is not over while c is at work", "read what came before"),
    ),
}


@pytest.mark.parametrize(("steps", "expected"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_told_with_its_reason_and_what_to_do(steps: str, expected: tuple[str, str, str]) -> None:
    found = told(f"name: w\nsteps:\n  {steps}")
    assert [(one.code, one.message, one.hint) for one in found] == [expected]
    assert found[0].line == 3


@pytest.mark.parametrize(
    "when",
    [
        "has(results, 'slow')",
        "includes(completedSteps, 'slow')",
        "!includes(failedSteps, 'slow')",
        "completedSteps[0] === 'slow'",
        "results[inputs.quick ? 'a' : 'slow'].ok",
        "(results ?? context)['slow'] && len(results) > 1 && results.slow.ok && inputs.kind === 'slow'",
    ],
)
def test_what_is_picked_by_a_text_is_read(when: str) -> None:
    (found,) = told(f"steps: [{{id: slow}}, {{id: a, dependsOn: []}}, {{id: b, dependsOn: a, when: {when!r}}}]")
    expected = ("unsettled-read", "slow is not certain to have settled when b begins", "let b depend on slow")
    assert (found.code, found.message, found.hint) == expected


@pytest.mark.parametrize(
    ("step", "path"),
    [
        ("{id: b, when: results.a.x}", "when"),
        ("{id: b, type: condition, condition: results.a.x, then: {id: c}}", "condition"),
        ("{id: b, type: event, event: GO, match: results.a.x}", "match"),
        ("{id: b, type: human-task, assignTo: results.a.x}", "assignTo"),
        (
            "{id: b, type: human-task, escalationPolicy: {timeout: 1h, escalateTo: results.a.x}}",
            "escalationPolicy.escalateTo",
        ),
        ("{id: b, onError: human-review, review: {assignTo: results.a.x}}", "review.assignTo"),
    ],
)
def test_whatever_reads_is_looked_at_where_it_stands(step: str, path: str) -> None:
    (found,) = told(f"steps: [{{id: a}}, {step[:-1]}, dependsOn: []}}]")
    assert (found.code, found.path) == ("unsettled-read", f"$.steps[1].{path}")


FINE = {
    "what came before": "[{id: a}, {id: m}, {id: b, when: results.a.ok}]",
    "what came before the block around": "[{id: a}, {id: p, type: parallel, steps: [{id: x, when: results.a.ok}]}]",
    "within a block that is over": f"[{BLOCK}, {{id: b, when: results.x.ok && results.p.successes > 1}}]",
    "a branch of a condition": (
        "[{id: c, type: condition, condition: inputs.x, then: {id: t}, else: {id: e}}, {id: b, when: results.t.ok}]"
    ),
    "within a block that fails when it is late": (
        "[{id: p, type: parallel, timeout: 1s, steps: [{id: x}]}, {id: b, when: results.x.ok}]"
    ),
    "a block whose winner counts": (
        "[{id: p, type: parallel, strategy: first, steps: [{id: x}]}, {id: b, when: results.p.result.success}]"
    ),
    "all that may be read": (
        "[{id: a, when: 'has(context, inputs.k) || len(completedSteps) > len(failedSteps) || results[inputs.k]'}]"
    ),
    "what is picked by a text, and was before": (
        '[{id: a}, {id: b, when: \'includes(completedSteps, "a") && has(results, "a") && !includes(failedSteps, "z")\'}]'
    ),
    "a text that is the id of a step, where nothing is picked": (
        '[{id: a}, {id: b, dependsOn: [], when: \'inputs.kind === "a" && inputs["a"]\'}]'
    ),
    "the event, where it is": "[{id: a, type: event, event: E, match: event.data.x == event.name}]",
    "a plain name that reads like one": "[{id: a, type: human-task, assignTo: ann.smith}]",
    "a plain name that does not parse": "[{id: a, type: human-task, assignTo: Ann Smith}]",
    "a dependency named twice": "[{id: a}, {id: b, dependsOn: [a, a], when: results.a.ok}]",
}


@pytest.mark.parametrize("steps", FINE.values(), ids=FINE)
def test_what_is_right_is_let_pass(steps: str) -> None:
    compile_definition(loads(f"name: w\nsteps: {steps}"))


def test_each_cycle_is_told_once() -> None:
    steps = (
        "[{id: a, dependsOn: [b, c]}, {id: b, dependsOn: [a]}, {id: c, dependsOn: [a]}, {id: d, dependsOn: [d, a]}]"
    )
    found = told(f"steps: {steps}")
    assert [(one.message, one.path) for one in found] == [
        ("a waits for b, b waits for a", "$.steps[0].dependsOn[0]"),
        ("a waits for c, c waits for a", "$.steps[0].dependsOn[1]"),
        ("d waits for itself", "$.steps[3].dependsOn[0]"),
    ]


def test_a_very_long_cycle_is_cut_short_and_found_soon() -> None:
    size = 3_000
    ring = [Step(f"s{n}", depends_on=[f"s{(n + 1) % size}"]) for n in range(size)]
    (found,) = check_steps(plan(Workflow("w", ring)))
    assert found.message.count(" waits for ") == MOST_TOLD
    assert f"({size - MOST_TOLD:,} more)" in found.message
    assert found.message.endswith(f"s{size - 1} waits for s0")


def test_the_names_in_a_hint_are_told_once_each() -> None:
    found = told("steps: [{id: a}, {id: p}, {id: a}, {id: x, dependsOn: [zzz]}]")
    assert [one.hint for one in found if one.code == "unknown-step"] == ["in the same list there are a, p"]


def test_thousands_of_mistyped_names_are_told_soon_the_first_with_what_was_meant() -> None:
    size = 2_000
    steps = [Step(f"order-{n}", depends_on=[f"ordr-{n - 1}"], when=f"results['oder-{n}']") for n in range(size)]
    began = time.process_time()
    found = check_steps(plan(Workflow("w", steps)))
    assert time.process_time() - began < 10  # all with all takes minutes
    assert len(found) == 2 * size
    assert found[2].hint == "did you mean order-0?"
    assert [one.hint for one in found[:MOST_GUESSED]].count(None) == 0
    assert found[-2].hint == "in the same list there are order-0, order-1, order-2, order-3, order-4, ..."
    assert found[-1].hint == "the steps are order-0, order-1, order-2, order-3, order-4, ..."
