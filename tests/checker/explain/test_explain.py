"""What is told of an event now is what the real `step` does, on generated machines and workflows; and case by case."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from statewf import loads
from statewf.checker.explain import Explanation, explain
from statewf.compiler import compile_definition
from statewf.definition.workflow import Workflow
from statewf.errors import DataError
from statewf.machine.events import Event, Returned
from statewf.machine.fsm import Machine
from statewf.machine.snapshot import Rejected, Snapshot, Step, region_state
from statewf.machine.step import start, step
from statewf.values.frozen import Object, freeze_object
from tests import worlds
from tests.machine.workflows import happenings, workflows


def objects(**choices: tuple[object, ...]) -> list[Object]:
    """All objects of these names and values; `...` stands for none."""
    rows = product(*choices.values())
    named = ({name: v for name, v in zip(choices, row, strict=True) if v is not ...} for row in rows)
    return [freeze_object(each, "data") for each in named]


SAID = objects(x=(..., True, False, 1), n=(..., 0, "a"))


def walked(machine: Machine, drawn: st.DataObject, given: Object, happening: Any) -> Snapshot:
    """Where an instance is after a few things that happened to it."""
    snapshot = start(machine, given).after
    for _ in range(drawn.draw(st.integers(0, 4))):
        if not snapshot.ended:
            made = step(machine, snapshot, drawn.draw(happening(snapshot)))
            snapshot = made.after if isinstance(made, Step) else snapshot
    return snapshot


# --- what is so now


def holds_to_step(machine: Machine, snapshot: Snapshot, found: Explanation, event: Event) -> None:
    """What is said of now is what the real `step` does, and each candidate speaks for itself."""
    made = step(machine, snapshot, event)
    assert found.accepted == (isinstance(made, Step) and made.disposition == "accepted")
    if isinstance(made, Rejected):
        assert (found.disposition, found.reason, found.message) == ("rejected", made.reason, made.message)
    else:
        assert (found.disposition, found.reason) == (made.disposition, None)
    if not snapshot.ended and not snapshot.flight.queue:
        assert found.accepted == any(candidate.holds for candidate in found.candidates)


@given(worlds.machines, worlds.data, worlds.data, st.data())
def test_what_is_told_of_a_machine_now_is_what_step_does(
    machine: Machine, given: Object, data: Object, drawn: st.DataObject
) -> None:
    snapshot = walked(machine, drawn, given, lambda here: worlds.happenings(machine, here))
    for event in machine.listeners:
        found = explain(machine, snapshot, event, data, limit=1)
        holds_to_step(machine, snapshot, found, Event(event, data, snapshot.at))
        asked = [candidate.holds for candidate in found.candidates]
        assert not any(asked[:-1]), "the first that holds is the last that is asked"
        known = machine.regions[0].states[region_state(snapshot.regions, 0)[0]].on.get(event, ())
        assert bool(found.candidates) == bool(known)


@given(workflows(), st.sampled_from(SAID), st.sampled_from(SAID), st.data())
def test_what_is_told_of_a_workflow_now_is_what_step_does(
    workflow: Workflow, given: Object, data: Object, drawn: st.DataObject
) -> None:
    machine = compile_definition(workflow)
    assume(machine.listeners)
    snapshot = walked(machine, drawn, given, lambda here: happenings(here, machine))
    for event, listening in machine.listeners.items():
        found = explain(machine, snapshot, event, data, limit=1)
        holds_to_step(machine, snapshot, found, Event(event, data, snapshot.at))
        assert [candidate.step for candidate in found.candidates] == [machine.regions[n].name for n in listening]


# --- case by case


def instance(text: str, given: Any = None, *happened: Any) -> tuple[Machine, Snapshot]:
    """An instance to which that happened: events by name, or results of the first open call."""
    machine = compile_definition(loads(text))
    snapshot = start(machine, given).after
    for one in happened:
        event = (
            Event(one) if isinstance(one, str) else Returned(min(snapshot.flight.calls), freeze_object(one, "it"))
        )
        made = step(machine, snapshot, event)
        assert isinstance(made, Step), made
        snapshot = made.after
    return machine, snapshot


def labels(found: Explanation) -> list[str] | None:
    return None if found.foresight.legs is None else [leg.label for leg in found.foresight.legs]


DOOR = """
states:
  closed: {on: {OPEN: open, LOCK: {target: locked, guard: event.data.code === inputs.code}}}
  open: {on: {CLOSE: closed}}
  locked: {terminal: true}
initialState: closed
"""


def test_an_accepted_event_says_where_it_leads_and_what_its_guard_read() -> None:
    found = explain(*instance(DOOR, {"code": 42}), "LOCK", freeze_object({"code": 42}, "it"))
    assert found.accepted
    assert found.message == "it would lead to locked"
    assert [change["to"] for change in found.changes] == ["locked"]
    (candidate,) = found.candidates
    assert candidate.values == (("event.data.code", 42), ("inputs.code", 42))
    assert (candidate.guard, candidate.holds, candidate.target) == (
        "event.data.code === inputs.code",
        True,
        "locked",
    )
    assert labels(found) == []


def test_a_guard_that_does_not_hold_is_told_with_what_it_read_and_what_it_needs() -> None:
    found = explain(*instance(DOOR, {"code": 42}), "LOCK").document()
    assert (found["accepted"], found["reason"], found["way"]) == (False, "guard", [])
    assert found["supposed"] == ["event.data.code === inputs.code"]
    (candidate,) = found["candidates"]
    assert (candidate["values"], candidate["undefined"]) == ({"inputs.code": 42}, ["event.data.code"])


def test_with_data_only_these_are_good() -> None:
    found = explain(*instance(DOOR, {"code": 42}), "LOCK", freeze_object({"code": 41}, "it"))
    assert (labels(found), found.foresight.complete) == (None, True)


def test_a_state_that_does_not_know_the_event_says_who_does() -> None:
    found = explain(*instance(DOOR), "CLOSE")
    assert (found.reason, found.candidates, found.known_in, labels(found)) == (
        "unexpected",
        (),
        ("open",),
        ["OPEN"],
    )


def test_an_event_is_explained_by_the_pattern_that_it_fits() -> None:
    text = (
        "{initialState: a, states: {a: {on: {GO: b}}, b: {on: {'m.*': {target: c, guard: event.data.ok}}}, c: {}}}"
    )
    found = explain(*instance(text), "m.x")
    assert (found.event, found.reason, found.known_in, labels(found)) == ("m.x", "unexpected", ("b",), ["GO"])
    assert found.foresight.supposed == ("event.data.ok",)
    with pytest.raises(DataError):
        explain(*instance(text), "n.x")


def test_of_several_parts_those_that_declare_an_event_know_it() -> None:
    part = "{ initial: x, states: { x: { on: { N: y } }, y: { on: { 'm.*': x } } } }"
    text = f"{{initialState: o, states: {{o: {{on: {{GO: p}}}}, p: {{parallel: true, on: {{OUT: o}}, states: {{l: {part}, r: {part}}}}}}}}}"
    for event, states in (("m.x", ("p.l.y", "p.r.y")), ("OUT", ("p",))):
        assert explain(*instance(text), event).known_in == states


def test_an_event_that_the_machine_does_not_know_is_a_mistake() -> None:
    with pytest.raises(DataError) as wrong:
        explain(*instance(DOOR), "close")
    assert [(d.code, d.hint) for d in wrong.value.diagnostics] == [("unknown-event", "did you mean CLOSE?")]
    with pytest.raises(DataError) as strange:
        explain(*instance(DOOR), "zzz")
    assert strange.value.diagnostics[0].hint == "there is OPEN, LOCK, CLOSE"


RETRIED = """
states:
  a:
    retry: {maxAttempts: 2, on: NO}
    on: {NO: [{target: b, guard: context.x / 0 > 1}, {target: c, guard: inputs.y}]}
  b: {terminal: true}
  c: {terminal: true}
initialState: a
"""


def test_a_counter_at_its_limit_and_a_fault_are_told() -> None:
    found = explain(*instance(RETRIED, {"x": 1}, "NO"), "NO")
    counter, fault, guard = found.candidates
    assert (counter.guard, counter.values, counter.holds) == ("attempt < 2", (("attempt", 2),), False)
    assert fault.fault == "division by zero: context.x / 0"
    assert (guard.holds, guard.fault) == (False, None)
    assert "fault" in fault.document()
    assert "fault" not in guard.document()


@pytest.mark.parametrize(
    ("policy", "disposition", "told"),
    [("defer", "deferred", "a does not take it now: it would be kept"), ("ignore", "ignored", "a ignores it")],
)
def test_what_is_deferred_or_ignored_is_not_accepted(policy: str, disposition: str, told: str) -> None:
    states = "states: {a: {on: {F: b}}, b: {on: {G: c}}, c: {terminal: true}}"
    found = explain(*instance(f"{{initialState: a, unexpected: {policy}, {states}}}"), "G")
    assert (found.disposition, found.accepted, labels(found)) == (disposition, False, ["F"])
    assert found.message.startswith(told)


def test_while_an_action_runs_the_way_is_its_end() -> None:
    text = (
        "{initialState: a, states: {a: {onEntry: {type: function, handler: f}, on: {G: b}}, b: {terminal: true}}}"
    )
    found = explain(*instance(text), "G")
    assert (found.reason, found.message, labels(found)) == ("busy", "f is still running", ["f returned"])


def test_what_has_ended_accepts_nothing_any_more() -> None:
    found = explain(*instance(DOOR, {}, "OPEN"), "OPEN")
    assert labels(found) == ["CLOSE"]
    machine, snapshot = instance("{initialState: a, states: {a: {on: {E: b}}, b: {terminal: true}}}", {}, "E")
    over = explain(machine, snapshot, "E")
    assert (over.reason, labels(over), over.foresight.complete) == ("terminal", None, True)


# --- workflows


def test_a_step_says_what_it_waits_for() -> None:
    text = """
steps:
  - {id: a, dependsOn: []}
  - {id: b, dependsOn: [], required: false}
  - {id: w, type: event, event: E, dependsOn: [a, b]}
"""
    found = explain(*instance(text), "E")
    (candidate,) = found.candidates
    assert (found.disposition, candidate.step, candidate.state) == ("deferred", "w", "waiting")
    assert candidate.waits_for == (("a", "running"), ("b", "running"))
    assert labels(found) == ["a returned", "b returned"]
    (later,) = explain(*instance(text, {}, {}), "E").candidates
    assert later.waits_for == (("b", "running"),)


def test_a_step_in_a_block_waits_for_its_block_or_for_a_place_in_it() -> None:
    text = """
steps:
  - id: a
  - id: block
    type: parallel
    maxConcurrency: 1
    steps: [{id: b}, {id: w, type: event, event: E}]
"""
    (before,) = explain(*instance(text), "E").candidates
    assert before.waits_for == (("block", "waiting"),)
    within = explain(*instance(text, {}, {}), "E")
    assert within.candidates[0].waits_for == (("block", "full"),)
    assert labels(within) == ["b returned"]


def test_a_step_in_a_block_waits_for_its_sibling_alone() -> None:
    inner = "{id: b}, {id: w, type: event, event: E, dependsOn: [b]}"
    (candidate,) = explain(*instance(f"steps: [{{id: block, type: parallel, steps: [{inner}]}}]"), "E").candidates
    assert candidate.waits_for == (("b", "running"),)


def test_a_match_is_told_with_what_it_read() -> None:
    text = "steps: [{id: a}, {id: w, type: event, event: E, match: event.data.of === results.a.id}, {id: c}]"
    found = explain(*instance(text, {}, {"id": 7}), "E", freeze_object({"of": 8}, "it"))
    (candidate,) = found.candidates
    assert (candidate.state, candidate.holds) == ("running", False)
    assert candidate.values == (("event.data.of", 8), ("results.a.id", 7))
    taken = explain(*instance(text, {}, {"id": 7}), "E", freeze_object({"of": 7}, "it"))
    assert (taken.accepted, taken.message) == (True, "w would take it")
    assert {change["region"] for change in taken.changes} == {"w", "c"}


def test_a_step_that_is_over_waits_for_nothing() -> None:
    text = "steps: [{id: w, type: event, event: E}, {id: v, type: event, event: F, when: inputs.x}, {id: c}]"
    found = explain(*instance(text, {}, "E"), "E")
    assert (found.reason, found.candidates[0].state, labels(found)) == ("unexpected", "succeeded", None)
    assert explain(*instance(text, {}, "E"), "F").candidates[0].state == "skipped"
