"""The product of a workflow: small ones told whole, and the laws of all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statewf.compiler import compile_definition
from statewf.files import loads
from statewf.machine.flatten import Flat, _numbered, flatten
from statewf.machine.fsm import Machine


def compiled(text: str) -> Machine:
    return compile_definition(loads(text))


def table(flat: Flat, *, without: tuple[str, ...] = ()) -> dict[str, list[tuple[str, str]]]:
    """For each state what leads where, but for ways of some triggers and what can only be reached by them."""
    ways: dict[str, list[tuple[str, str]]] = {state.name: [] for state in flat.states}
    for way in flat.transitions:
        if way.trigger not in without:
            ways[way.source].append((way.trigger, way.target))
    met = list(flat.initial)
    for name in met:
        met += (target for _, target in ways[name] if target not in met)
    return {name: ways[name] for name in met}


def test_what_is_taken_at_once_has_no_trigger() -> None:
    flat = flatten(
        compiled(
            "{initialState: a, states: {a: {always: [{target: b, guard: inputs.x}], on: {GO: b}}, b: {terminal: true}}}"
        )
    )
    assert table(flat, without=("$cancel",)) == {"a": [("GO", "b"), ("", "b")], "b": []}


def test_a_state_machine_is_its_table() -> None:
    flat = flatten(
        compiled("""
            initialState: draft
            states:
              draft: {on: {SEND: sent}, timeout: 1d, timeoutTransition: dropped}
              sent: {terminal: true}
              dropped: {terminal: true, outcome: failure}
        """)
    )
    assert table(flat, without=("$cancel",)) == {
        "draft": [("SEND", "sent"), ("$timeout:draft", "dropped")],
        "sent": [],
        "dropped": [],
    }
    assert {state.name: state.terminal for state in flat.states} == {
        "draft": None,
        "sent": "success",
        "dropped": "failure",
        "$cancelled": "failure",
    }
    assert (flat.initial, flat.cut) == (("draft",), ())


CANCELS = ("cancel", "cancel now")


def test_two_steps_at_once_interleave() -> None:
    flat = flatten(compiled("steps: [{id: a, dependsOn: []}, {id: b, dependsOn: [], required: false}]"))
    assert flat.initial == ("a:running b:running",)
    assert not flat.cut
    both, only_a, only_b = (
        "completed a:succeeded b:succeeded",
        "completed a:succeeded b:failed",
        "failed a:failed b:succeeded",
    )
    assert table(flat, without=CANCELS) == {
        "a:running b:running": [
            ("a returned", "b:running"),
            ("a failed", "failing b:cancelling"),
            ("b returned", "a:running b:succeeded"),
            ("b failed", "a:running b:failed"),
        ],
        "b:running": [("b returned", both), ("b failed", only_a)],
        "failing b:cancelling": [
            ("b returned", only_b),
            ("b failed", "failed a:failed b:cancelled"),
            ("b $grace", "failed a:failed b:cancelled"),
        ],
        "a:running b:succeeded": [("a returned", both), ("a failed", only_b)],
        "a:running b:failed": [("a returned", only_a), ("a failed", "failed a:failed b:failed")],
        **{key: [] for key in (both, only_a, only_b, "failed a:failed b:cancelled", "failed a:failed b:failed")},
    }


def test_a_retry_counts_its_attempts_and_waits_for_the_end_of_the_late() -> None:
    flat = flatten(compiled("steps: [{id: a, timeout: 5s, retryPolicy: {maxAttempts: 2}}]"))
    assert table(flat, without=CANCELS) == {
        "a:running": [
            ("a returned", "completed"),
            ("a failed", "a:backoff"),
            ("a failed for good", "failed"),
            ("a $timeout", "a:cancelling.$late"),
        ],
        "a:backoff": [("a $retry", "a:running/2")],
        "a:cancelling.$late": [
            ("a returned", "completed"),
            ("a failed", "a:backoff"),
            ("a failed for good", "failed"),
            ("a $grace", "a:backoff"),
        ],
        "a:running/2": [
            ("a returned", "completed"),
            ("a failed", "failed"),
            ("a $timeout", "a:cancelling.$late/2"),
        ],
        "a:cancelling.$late/2": [("a returned", "completed"), ("a failed", "failed"), ("a $grace", "failed")],
        "completed": [],
        "failed": [],
    }


def test_a_condition_goes_either_way_or_cannot_be_told() -> None:
    flat = flatten(
        compiled("""
            steps:
              - {id: c, type: condition, condition: inputs.x > 1, then: {id: t}, else: {id: e, required: false}}
              - {id: sure, type: condition, condition: 1 > 2, then: {id: never}}
        """)
    )
    *told, fault = flat.initial
    assert fault.startswith("failed c:failed "), "an inputs.x that is text"
    assert told == ["t:running", "e:running"]
    ways = table(flat, without=CANCELS)
    assert [trigger for trigger, _ in ways["t:running"]] == ["t returned", "t failed"]
    assert not any("never:running" in state.name for state in flat.states), "what reads nothing is answered"


def test_the_same_condition_has_the_same_answer_as_long_as_its_data_are_the_same() -> None:
    flat = flatten(
        compiled("steps: [{id: a, when: inputs.x}, {id: b, when: inputs.x}, {id: c, when: results.a.y}]")
    )
    assert flat.initial == ("a:running", "completed a:skipped b:skipped c:skipped"), (
        "what was skipped found nothing"
    )
    ways = table(flat, without=CANCELS)
    assert ways["a:running"] == [
        ("a returned", "b:running"),
        ("a failed", "failed a:failed b:cancelled c:cancelled"),
    ]
    assert [target for trigger, target in ways["b:running"] if trigger == "b returned"] == [
        "c:running",
        "completed a:succeeded b:succeeded c:skipped",
    ]


def test_an_event_that_comes_early_is_remembered_once_for_each_who_may_take_it() -> None:
    flat = flatten(compiled("steps: [{id: a}, {id: e, type: event, event: GO}]"))
    assert table(flat, without=CANCELS) == {
        "a:running": [
            ("a returned", "e:running"),
            ("a answered GO", "completed"),
            ("a failed", "failed"),
            ("GO", "a:running +GO"),
        ],
        "e:running": [("GO", "completed")],
        "a:running +GO": [
            ("a returned", "completed"),
            ("a answered GO", "completed"),
            ("a failed", "failed"),
            ("GO", "a:running +GO"),
        ],
        "completed": [],
        "failed": [],
    }


def test_people_decide_cancel_and_undo() -> None:
    flat = flatten(
        compiled("""
            steps:
              - {id: a, onError: human-review, compensation: {steps: [{action: undo-a}]}}
              - {id: t, type: human-task}
        """)
    )
    ways = table(flat)
    assert ways["a:review"] == [
        ("a approved", "t:assigned"),
        ("a rejected", "failed"),
        ("a retry", "a:running"),
        ("cancel", "cancelled a:cancelled t:cancelled"),
        ("cancel now", "cancelled a:cancelled t:cancelled"),
    ]
    rejected = "compensating.$some a:compensating"
    assert ways["t:assigned"] == [
        ("t approved", "completed"),
        ("t rejected", rejected),
        ("cancel", "compensating.$cancelled.$some a:compensating"),
        ("cancel now", "cancelled a:succeeded t:cancelled"),
    ]
    assert ways[rejected] == [
        ("a returned", "compensated"),
        ("a failed", "compensation-failed a:compensation-failed t:failed"),
        ("cancel now", "compensation-failed a:compensation-failed t:failed"),
    ]


def test_who_is_tried_again_after_a_review_waits_for_a_place() -> None:
    flat = flatten(
        compiled("""
            steps:
              - id: block
                type: parallel
                maxConcurrency: 1
                steps: [{id: a, onError: human-review}, {id: b, onError: human-review}]
        """)
    )
    ways = table(flat, without=CANCELS)
    assert ("a retry", "block:running a:waiting.$again b:running") in ways["a:review b:running"]
    assert ways["block:running a:waiting.$again b:running"] == [
        ("b returned", "block:running a:running b:succeeded"),
        ("b failed", "a:running b:review"),
    ]
    both = {"a:running", "b:running"}
    assert not any(both <= set(state.name.split()) for state in flat.states), "there is one place"


def test_a_name_that_does_not_tell_is_numbered() -> None:
    """Places differ, and no local state says so: who stands in line first."""
    flat = flatten(
        compiled("""
            steps:
              - id: block
                type: parallel
                maxConcurrency: 1
                steps:
                  - {id: a, retryPolicy: {maxAttempts: 2}}
                  - {id: b, retryPolicy: {maxAttempts: 2}}
                  - {id: c, retryPolicy: {maxAttempts: 2}}
        """)
    )
    names = [state.name for state in flat.states]
    assert len(set(names)) == len(names)
    assert any(name.endswith(" (2)") for name in names)


@given(st.lists(st.sampled_from(["x", "x (2)", "x (2) (2)", "y"])))
def test_a_number_is_given_to_repeated_names_alone_and_none_is_given_twice(names: list[str]) -> None:
    numbered = _numbered(names)
    assert len(set(numbered)) == len(names)
    for name in names:
        assert numbered[names.index(name)] == name


@pytest.mark.parametrize("limit", [1, 7, 50])
def test_a_limit_is_kept_and_told(limit: int) -> None:
    machine = compiled("steps: [{id: a, dependsOn: []}, {id: b, dependsOn: []}, {id: c, dependsOn: []}]")
    whole, part = flatten(machine), flatten(machine, limit)
    assert not whole.cut
    assert len(whole.states) > 50
    assert len(part.states) == limit
    assert part.cut
    assert (whole.whole, part.whole) == (True, False)
    inner = {state.name for state in part.states}
    assert {name for way in part.transitions for name in (way.source, way.target)} <= inner
    assert {state.name for state in part.states if state.terminal}.isdisjoint(part.cut)


def test_what_is_too_much_is_cut_and_does_not_last_for_ever() -> None:
    """Thirty guards are asked before the first snapshot: two to the thirtieth beginnings."""
    steps = ", ".join(f"{{id: s{n}, dependsOn: [], required: false, when: inputs.x{n}}}" for n in range(30))
    flat = flatten(compiled(f"steps: [{steps}]"), 100)
    assert len(flat.states) == 100
    assert not flat.whole
    assert set(flat.cut) == {state.name for state in flat.states if not state.terminal}
