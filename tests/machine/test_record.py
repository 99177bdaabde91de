"""What people are shown: every kind of event by name and data, and how an instance is while it runs and at its end."""

from __future__ import annotations

from typing import Any

import pytest

from statewf.compiler import compile_definition
from statewf.files import loads
from statewf.machine.events import AnyEvent, CallId, Cancel, Decided, Event, Failed, Fired, Returned, Start
from statewf.machine.fsm import Machine
from statewf.machine.record import busy_regions, event_data, event_name, status, steps_of, tasks_of
from statewf.machine.snapshot import Snapshot, Step
from statewf.machine.step import start, step
from statewf.values.frozen import Object

CALL = CallId(1, 0)


@pytest.mark.parametrize(
    ("event", "name", "data"),
    [
        (Event("GO", {"n": 1}), "GO", {"n": 1}),
        (Start(Object({"n": 1})), "$start", {"n": 1}),
        (Returned(CALL, 5), "$returned", 5),
        (Returned(CALL, answer=Event("PAID", {"n": 1})), "PAID", {"n": 1}),
        (Failed(CALL, "Oops", "no"), "$failed", {"error": "Oops", "message": "no"}),
        (Fired("main", "$timeout:a"), "$timeout:a", None),
        (Decided("i/t/1", "approved"), "$decided", {"task": "i/t/1", "decision": "approved"}),
        (
            Decided("i/t/1", "rejected", "ann", "too dear", {"n": 1}),
            "$decided",
            {"task": "i/t/1", "decision": "rejected", "by": "ann", "comments": "too dear", "result": {"n": 1}},
        ),
        (Cancel(now=True), "$cancel", {"now": True}),
    ],
)
def test_every_event_has_a_name_and_data(event: AnyEvent, name: str, data: Any) -> None:
    assert (event_name(event), event_data(event)) == (name, data)


def after(machine: Machine, *events: AnyEvent) -> Snapshot:
    """Where these events lead."""
    snapshot = start(machine, instance="i").after
    for event in events:
        made = step(machine, snapshot, event)
        assert isinstance(made, Step)
        snapshot = made.after
    return snapshot


def compiled(text: str) -> Machine:
    return compile_definition(loads(text))


FLOW = compiled("""
steps:
  - {id: never, when: 1 > 2}
  - id: block
    type: parallel
    steps: [{id: z, type: human-task}, {id: y, timeout: 1s}, {id: x, type: human-task}]
  - {id: last, when: 1 > 2}
""")
WAITING = {"currentStep": "block", "currentSteps": ("block", "z", "x"), "state": "running"}
DECIDED = (Decided("i/z/1", "approved"), Decided("i/x/1", "approved"))


def test_steps_are_told_in_document_order_without_their_turns() -> None:
    snapshot = after(FLOW, Fired("y", "$timeout:running", 1_000))
    assert list(steps_of(FLOW, snapshot)) == [
        ("never", "skipped", 1),
        ("block", "running", 1),
        ("z", "assigned", 1),
        ("y", "cancelling", 1),
        ("x", "assigned", 1),
        ("last", "waiting", 1),
    ]
    assert busy_regions(FLOW, snapshot) == ("block", "z", "y", "x")
    assert [task.step for task in tasks_of(FLOW, snapshot)] == ["z", "x"]


def test_who_asks_again_is_told_where_it_is_or_what_it_came_to() -> None:
    assert status(FLOW, after(FLOW, Returned(CALL))) == (
        "ServiceProgress.status",
        {"requestId": "i", "status": "running", **WAITING},
    )
    event, told = status(FLOW, after(FLOW, Returned(CALL, 7), *DECIDED))
    assert (event, told["cached"], told["requestId"]) == ("ServiceResult.deliver", True, "i")
    outputs = told["outputs"]
    assert isinstance(outputs, Object)
    assert (outputs["success"], outputs["completedSteps"], outputs["failedSteps"]) == (True, ("block",), ())
    assert isinstance(results := outputs["results"], Object)
    assert (list(results), results["y"]) == (["block", "x", "y", "z"], 7)


def test_nothing_is_delivered_by_what_failed_or_has_no_steps() -> None:
    nobody = {"requestId": "i", "currentStep": None, "currentSteps": ()}
    failed = after(FLOW, Returned(CALL), Decided("i/z/1", "rejected"), DECIDED[1])
    assert status(FLOW, failed) == ("ServiceProgress.status", {**nobody, "status": "failed", "state": "failed"})
    toy = compiled("initialState: a\nstates: {a: {on: {GO: b}}, b: {terminal: true}}")
    assert status(toy, after(toy)) == ("ServiceProgress.status", {**nobody, "status": "running", "state": "a"})
    ended = after(toy, Event("GO"))
    assert status(toy, ended) == ("ServiceProgress.status", {**nobody, "status": "b", "state": "b"})
