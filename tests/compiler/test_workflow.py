"""What the world is told when a workflow ends, word for word."""

from __future__ import annotations

import pytest

from statewf.compiler import compile_definition
from statewf.files import loads
from statewf.machine.effects import Emit
from statewf.machine.events import AnyEvent, Cancel, Failed, Fired, Returned
from statewf.machine.fsm import Machine
from statewf.machine.snapshot import Step
from statewf.machine.step import start, step
from statewf.values.frozen import Json, Object


def told(text: str, *answers: AnyEvent | None) -> list[tuple[str, Json]]:
    """What is emitted on the way; None stands for a failure of the first open call."""
    machine: Machine = compile_definition(loads(text))
    made: Step = start(machine, {"x": 1}, instance="i")
    found = [effect for effect in made.effects if isinstance(effect, Emit)]
    for answer in answers:
        calls = made.after.flight.calls
        event = answer or Failed(min(calls), "Oops", "it is broken")
        following = step(
            machine, made.after, event._replace(call=min(calls)) if isinstance(event, Returned) else event
        )
        assert isinstance(following, Step)
        made = following
        found += [effect for effect in made.effects if isinstance(effect, Emit)]
    return [(effect.event, effect.data) for effect in found]


def found(result: Json) -> Returned:
    return Returned((0, 0), result)  # type: ignore[arg-type]  # `told` knows the call


def test_what_succeeded_is_delivered() -> None:
    text = "steps: [{id: a}, {id: b, required: false}]"
    outputs = {"success": False, "results": {"a": 7}, "completedSteps": ("a",), "failedSteps": ("b",)}
    assert told(text, found(7), None) == [("ServiceResult.deliver", {"requestId": "i", "outputs": outputs})]


def test_what_failed_is_told_with_what_there_was_and_what_was_undone() -> None:
    text = """
errorHandling: {notifyOnFailure: true}
steps:
  - {id: a, compensation: {steps: [{action: undo}]}}
  - {id: b, onError: notify-manager}
"""
    assert told(text, found(7), None, found(None)) == [
        (
            "Notification.send",
            {"type": "step-failed", "requestId": "i", "stepId": "b", "error": "it is broken"},
        ),
        (
            "ServiceRequest.fail",
            {
                "requestId": "i",
                "error": "it is broken",
                "failedStep": "b",
                "completedSteps": ("a",),
                "partialResults": {"a": 7},
                "compensations": ({"step": "a", "action": "undo", "success": True},),
            },
        ),
        (
            "Notification.send",
            {"type": "workflow-failed", "requestId": "i", "stepId": "b", "error": "it is broken"},
        ),
    ]


@pytest.mark.parametrize(
    ("text", "event", "message"),
    [
        ("steps: [{id: t, type: human-task}]", Cancel(), "it was cancelled"),
        ("steps: [{id: t, type: human-task}]", Cancel(now=True), "it was cancelled"),
        (
            "{timeout: 5s, steps: [{id: t, type: human-task}]}",
            Fired("workflow", "$timeout:running"),
            "the workflow was not done within 5000 ms",
        ),
    ],
)
def test_what_was_ended_from_outside_says_so(text: str, event: AnyEvent, message: str) -> None:
    name, data = told(text, event)[-1]
    assert name == "ServiceRequest.fail"
    assert isinstance(data, Object)
    assert {key: data[key] for key in ("error", "completedSteps")} == {"error": message, "completedSteps": ()}
