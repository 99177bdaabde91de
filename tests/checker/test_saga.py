"""The saga matrix says what real runs undo: held against all runs of small workflows, and against played ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import statewf as wf
from statewf.checker.saga import Point, Saga, nothing, saga
from statewf.compiler import compile_definition
from statewf.definition.model import Workflow
from statewf.files import load, loads
from statewf.machine.effects import Call
from statewf.machine.events import Cancel
from statewf.simulator import simulate
from tests import flows
from tests.checker.sagas import explored, free, observed, undoable, why
from tests.machine import workflows as small

generated = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
MACHINES = sorted((Path(__file__).parents[2] / "machines").glob("*.yaml"))
FEW, MANY = 400, 2_000  # configurations that are looked at; most small workflows have less
MARKS = {"always": "✓", "unless skipped": "○", "perhaps": "?"}


def saga_of(definition: wf.StateMachine | Workflow) -> Saga:
    found = saga(compile_definition(definition))
    assert found is not None
    return found


def name_of(point: Point) -> str:
    return point.step or point.cause


# --- held against all runs


def hold(matrix: Saga, seen: dict[str, set[frozenset[str]]]) -> None:
    """What is told to be certain is, and nothing else is undone than what is told."""
    points = {name_of(point): point for point in matrix.points}
    for name, runs in seen.items():
        told = {one.step: one.certainty for one in points[name].undone}
        for done in runs:
            assert done <= set(told), name
            assert done >= {step for step, certainty in told.items() if certainty == "always"}, name


def hold_exactly(matrix: Saga, seen: dict[str, set[frozenset[str]]]) -> None:
    """And all that is told happens: what is not certain in some run, and in another not."""
    assert {name_of(point) for point in matrix.points} == set(seen)
    hold(matrix, seen)
    for point in matrix.points:
        for one in point.undone:
            done = {one.step in run for run in seen[name_of(point)]}
            assert done == ({True} if one.certainty == "always" else {True, False}), (point, one)


@generated
@given((small.workflows() | flows.flows(rich=True).map(lambda flow: flow.workflow)).map(undoable))
def test_no_run_undoes_anything_else(workflow: Workflow) -> None:
    machine = compile_definition(workflow)
    hold(saga_of(workflow), observed(machine, explored(machine, FEW)))


@generated
@given(small.workflows().map(undoable).map(free))
def test_and_all_that_is_told_happens_in_some_run(workflow: Workflow) -> None:
    machine = compile_definition(workflow)
    found = explored(machine, MANY)
    assume(found.whole)
    hold_exactly(saga_of(workflow), observed(machine, found))


# --- held against played runs


@generated
@given(flows.flows(rich=True), st.none() | st.integers(0, 3 * flows.LONG))
def test_what_a_run_undoes_is_in_its_row_in_that_order(flow: flows.Flow, stopped: int | None) -> None:
    machine = compile_definition(flow.workflow)
    matrix = saga(machine)
    events = () if stopped is None else (Cancel(at=stopped),)
    outcome = simulate(machine, attrs.evolve(flow.scenario(), events=events))
    assume(matrix is not None and outcome.steps[-1].after.ended == "failure")
    assert matrix is not None
    (point,) = (point for point in matrix.points if name_of(point) == why(machine, outcome.steps))
    told = [(entry["step"], entry["action"]) for entry in outcome.output["compensations"]]
    expected = [(one.step, action) for one in point.undone for action in one.actions]
    undone = {step for step, _ in told}
    assert undone >= {one.step for one in point.undone if one.certainty == "always"}
    wanted = [pair for pair in expected if pair[0] in undone]
    assert told == wanted if matrix.strategy == "reverse-order" else sorted(told) == sorted(wanted)
    good = all(entry["success"] for entry in outcome.output["compensations"])
    assert outcome.state in (point.ends if good else ("compensation-failed",))
    calls = [effect.handler for step in outcome.steps for effect in step.effects if isinstance(effect, Call)]
    assert all(1 <= calls.count(action) <= matrix.attempts for _, action in told)


# --- cases


def rows(definition: wf.StateMachine | Workflow) -> dict[str, str]:
    """The matrix in short: `✓a ?b`, and `own a` for what is undone because it rolls back."""
    return {
        name_of(point): " ".join(f"{'own ' * one.own}{MARKS[one.certainty]}{one.step}" for one in point.undone)
        for point in saga_of(definition).points
    }


def written(steps: str) -> Workflow:
    """A workflow in which each step that is marked with a star can be undone."""
    definition = loads(f"steps:\n{steps}")
    assert isinstance(definition, Workflow)
    return definition


U = "compensation: {steps: [{action: undo}]}"


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        pytest.param(
            f"  - {{id: a, {U}}}\n  - {{id: b, {U}}}\n  - {{id: c, {U}}}",
            {"a": "", "b": "✓a", "c": "✓b ✓a", "cancel": "?c ?b ?a"},
            id="a chain",
        ),
        pytest.param(
            f"  - {{id: a, when: inputs.a, {U}}}\n  - {{id: b, required: false, {U}}}\n  - {{id: c}}",
            {"a": "", "c": "?b ○a", "cancel": "?b ?a"},
            id="skipped, and tolerated",
        ),
        pytest.param(
            f"  - {{id: a, {U}}}\n  - {{id: b, dependsOn: [], {U}}}\n  - {{id: c, dependsOn: [b]}}",
            {"a": "?b", "b": "?a", "c": "✓b ?a", "cancel": "?b ?a"},
            id="beside each other",
        ),
        pytest.param(
            f"  - {{id: w, type: wait, duration: 1s, timeout: 2s, {U}}}\n  - {{id: e, type: event, event: E}}",
            {"cancel": "?w"},
            id="what cannot fail",
        ),
        pytest.param(
            f"  - {{id: w, type: wait, duration: 2s, timeout: 2s, {U}}}\n  - {{id: e, type: event, event: E}}",
            {"w": "", "cancel": ""},
            id="a wait that cannot succeed",
        ),
        pytest.param(
            f"  - {{id: h, type: human-task, onReject: continue, {U}}}",
            {"cancel": ""},
            id="what ends it is never undone",
        ),
        pytest.param(
            f"  - id: p\n    type: parallel\n    steps: [{{id: a, {U}}}, {{id: w, type: wait, duration: 1s, {U}}}]\n"
            "  - {id: b}",
            {"p": "✓w", "b": "✓w ✓a", "cancel": "?w ?a"},
            id="a block waits for all its branches",
        ),
        pytest.param(
            f"  - id: p\n    type: parallel\n    timeout: 1s\n    steps: [{{id: a, {U}}}, "
            f"{{id: w, type: wait, duration: 1s, {U}}}]",
            {"p": "?w ?a", "cancel": "?w ?a"},
            id="or for none of them, when its time is up",
        ),
        pytest.param(
            f"  - id: p\n    type: parallel\n    strategy: any\n    {U}\n    steps: [{{id: a, {U}}}, {{id: b, {U}}}]\n"
            "  - {id: c}",
            {"p": "", "c": "?b ?a ✓p", "cancel": "?b ?a ?p"},
            id="any fails if all fail",
        ),
        pytest.param(
            f"  - id: p\n    type: parallel\n    strategy: first\n    steps: [{{id: a, {U}}}, "
            f"{{id: h, type: human-task, {U}}}]\n  - {{id: c}}",
            {"p": "?a", "c": "?h ?a", "cancel": "?h ?a"},
            id="a loser that succeeds nevertheless, if it has a handler",
        ),
        pytest.param(
            f"  - id: p\n    type: parallel\n    strategy: {{quorum: 2}}\n    steps: [{{id: a, {U}}}, {{id: b, {U}}}, "
            f"{{id: w, type: wait, duration: 2, timeout: 1, {U}}}]\n  - {{id: c}}",
            {"p": "?b ?a", "c": "✓b ✓a", "cancel": "?b ?a"},
            id="a quorum that needs all that can succeed",
        ),
        pytest.param(
            f"  - id: c\n    type: condition\n    condition: inputs.x\n    then: {{id: a, {U}}}\n"
            f"    else: {{id: b, {U}}}\n    {U}\n  - {{id: d}}",
            {"c": "", "d": "○b ○a ✓c", "cancel": "?b ?a ?c"},
            id="one branch of two",
        ),
        pytest.param(
            f"  - id: c\n    type: condition\n    condition: inputs.x\n    then: {{id: a, onError: rollback, {U}}}\n"
            f"    else: {{id: b, {U}}}",
            {"c": "", "a": "own ✓a", "cancel": "?b ?a"},
            id="the branch that was not taken",
        ),
        pytest.param(
            f"  - id: p\n    type: parallel\n    steps: [{{id: a, onError: rollback, {U}}}, {{id: b, dependsOn: a, {U}}}, "
            f"{{id: d, {U}}}]\n  - {{id: c, onError: rollback, {U}}}",
            {"p": "?d ?b ✓a", "a": "own ✓a ?d", "c": "own ✓c ✓d ✓b ✓a", "cancel": "?c ?d ?b ?a"},
            id="rolling back",
        ),
        pytest.param(
            f"  - id: p\n    type: parallel\n    onError: human-review\n    steps: [{{id: a, {U}}}]\n  - {{id: c}}",
            {"p": "", "c": "?a", "cancel": "?a"},
            id="a block that was approved, although it failed",
        ),
        pytest.param(
            f"  - id: p\n    type: parallel\n    strategy: any\n    {U}\n    steps: [{{id: w, type: wait, duration: 1s}}, "
            f"{{id: a, dependsOn: w, onError: rollback}}]\n  - {{id: c, type: wait, duration: 1s}}",
            {"cancel": "?p"},
            id="what is never reached never fails",
        ),
        pytest.param(
            f"  - id: p\n    type: parallel\n    strategy: any\n    {U}\n    steps: [{{id: a}}, "
            "{id: w, type: wait, duration: 1s, dependsOn: a}]\n  - {id: b}",
            {"p": "", "b": "✓p", "cancel": "?p"},
            id="any fails if one fails and nothing is left",
        ),
        pytest.param(
            "  - id: p\n    type: parallel\n    strategy: any\n    steps: [{id: v, type: wait, duration: 1s, when: "
            f"inputs.v, {U}}}, {{id: w, type: wait, duration: 1s, when: inputs.w, {U}}}]\n  - {{id: c}}",
            {"c": "?w ?v", "cancel": "?w ?v"},
            id="any is skipped if all are skipped",
        ),
        pytest.param(
            "  - id: c\n    type: condition\n    condition: inputs.x\n    then: {id: p, type: parallel, steps: "
            f"[{{id: a}}, {{id: w, type: wait, duration: 1s, {U}}}]}}",
            {"c": "✓w", "cancel": "?w"},
            id="a condition fails with the branch it took",
        ),
        pytest.param(
            "  - id: p\n    type: parallel\n    when: 1 / inputs.n > 0\n    steps: [{id: a}, {id: w, type: wait, "
            f"duration: 1s, {U}}}]\n  - {{id: c}}",
            {"p": "?w", "c": "○w", "cancel": "?w"},
            id="a block that fails before it begins",
        ),
        pytest.param(
            f"  - {{id: w, type: wait, duration: 2s, timeout: 1s, onError: human-review, {U}}}\n  - {{id: c}}",
            {"w": "", "c": "✓w", "cancel": "?w"},
            id="a step that succeeds only if it is approved",
        ),
    ],
)
def test_what_is_undone(steps: str, expected: dict[str, str]) -> None:
    definition = written(steps)
    assert rows(definition) == expected
    machine = compile_definition(definition)
    hold_exactly(saga_of(definition), observed(machine, explored(machine, MANY)))


def test_the_points_are_in_document_order_then_what_stops_the_whole() -> None:
    definition = loads(f"timeout: 1h\nsteps:\n  - {{id: z, dependsOn: [b]}}\n  - {{id: b, dependsOn: [], {U}}}")
    assert rows(definition) == {"z": "✓b", "b": "", "timeout": "?b", "cancel": "?b"}
    assert [point.ends for point in saga_of(definition).points] == [
        ("compensated",),
        ("failed",),
        ("timed-out",),
        ("cancelled",),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("initialState: a\nstates: {a: {terminal: true}}", "a state machine undoes nothing"),
        ("steps: [{id: a}]", "no step has a compensation"),
        (f"errorHandling: {{compensationStrategy: none}}\nsteps: [{{id: a, {U}}}]", "compensationStrategy is none"),
    ],
)
def test_where_nothing_can_be_undone_there_is_no_matrix(text: str, said: str) -> None:
    machine = compile_definition(loads(text))
    assert saga(machine) is None
    assert said in nothing(machine)


TWO = "compensation: {steps: [{action: undo}, {action: tell}]}"


@pytest.mark.parametrize(
    ("errors", "steps", "expected"),
    [
        (
            "{}",
            f"[{{id: a, {U}}}]",
            "An action that fails is not tried again: it is noted, and the workflow ends in compensation-failed, ",
        ),
        (
            "{defaultRetryPolicy: {maxAttempts: 3, nonRetryable: [Gone, Lost]}}",
            f"[{{id: a, {TWO}}}]",
            (
                "The actions run one after another. An action that fails is tried up to 3 times, but not again after Gone "
                "or Lost; one that fails for good is noted, the rest still run, and the workflow "
                "ends in compensation-failed, "
            ),
        ),
        (
            "{defaultRetryPolicy: {maxAttempts: 2}, compensationStrategy: parallel}",
            f"[{{id: a, {TWO}}}, {{id: b, onError: rollback, {U}}}]",
            (
                "All are undone at once, each by one action after another; a step that rolls back is undone before all "
                "others. An action that fails is tried up to 2 times; one that fails for good is noted, the rest still "
                "run, and the workflow ends in compensation-failed, "
            ),
        ),
    ],
)
def test_what_happens_if_an_action_fails(errors: str, steps: str, expected: str) -> None:
    told = " ".join(saga_of(loads(f"errorHandling: {errors}\nsteps: {steps}")).sentences())
    assert told == f"{expected}as it does if cancel --now cuts the undoing short."


def test_an_action_is_tried_as_often_as_is_told_and_the_rest_still_run() -> None:
    definition = loads(
        f"errorHandling: {{defaultRetryPolicy: {{maxAttempts: 3}}}}\nsteps: [{{id: a, {U}}}, {{id: b, "
        "compensation: {steps: [{action: bad}, {action: good}]}}, {id: c}]"
    )
    handlers: dict[str, Any] = {"c": {"fail": "no"}, "bad": {"fail": "no"}}
    outcome = simulate(definition, {"handlers": handlers})
    matrix = saga_of(definition)
    (point,) = (point for point in matrix.points if point.step == "c")
    assert [entry["action"] for entry in outcome.output["compensations"]] == [
        action for one in point.undone for action in one.actions
    ]
    calls = [effect.handler for step in outcome.steps for effect in step.effects if isinstance(effect, Call)]
    assert calls.count("bad") == matrix.attempts == 3
    assert outcome.state == matrix.document()["ifActionFails"]["end"]


def test_the_document_tells_all_of_it() -> None:
    definition = loads(f"steps: [{{id: a, when: inputs.a, {U}}}, {{id: b, onError: rollback, {TWO}}}]")
    undone_a = {"step": "a", "certainty": "unless skipped", "actions": ["undo"]}
    undone_b = {"step": "b", "certainty": "always", "actions": ["undo", "tell"], "own": True}
    perhaps = [
        {"step": "b", "certainty": "perhaps", "actions": ["undo", "tell"]},
        {**undone_a, "certainty": "perhaps"},
    ]
    assert saga_of(definition).document() == {
        "strategy": "reverse-order",
        "steps": [{"step": "b", "actions": ["undo", "tell"]}, {"step": "a", "actions": ["undo"]}],
        "points": [
            {"cause": "step", "step": "a", "undone": [], "ends": ["failed"]},
            {"cause": "step", "step": "b", "undone": [undone_b, undone_a], "ends": ["compensated"]},
            {"cause": "cancel", "undone": perhaps, "ends": ["cancelled"]},
        ],
        "ifActionFails": {"attempts": 1, "nonRetryable": [], "end": "compensation-failed"},
    }


# --- machines of ours


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "order_fulfilment",
            {
                "validate": "",
                "payment": "",
                "inventory": "✓payment",
                "shipping": "✓reserve ✓payment",
                "cancel": "?reserve ?payment",
            },
        ),
        (
            "employee_onboarding",
            {
                "register": "",
                "provision": "?desk ?laptop ?payroll ?account ✓register",
                "payroll": "own ✓payroll ?desk ?laptop ?account ✓register",
                "contract": "?desk ✓laptop ✓payroll ✓account ✓register",
                "cancel": "?desk ?laptop ?payroll ?account ?register",
            },
        ),
    ],
)
def test_the_matrix_of_a_machine(name: str, expected: dict[str, str]) -> None:
    (path,) = (path for path in MACHINES if path.stem == name)
    assert rows(load(path)) == expected


@pytest.mark.parametrize("path", MACHINES, ids=lambda path: path.stem)
def test_every_machine_of_ours_has_a_matrix_or_a_reason(path: Path) -> None:
    machine = compile_definition(load(path))
    matrix = saga(machine)
    if matrix is None:
        assert nothing(machine)
    else:
        assert matrix.points[-1].cause == "cancel"
        assert list(matrix.steps)
