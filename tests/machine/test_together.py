"""What people are asked and what is told of it, word for word."""

from __future__ import annotations

from statewf.compiler import compile_definition
from statewf.files import loads
from statewf.machine.effects import CancelTimer, CloseTask, Effect, Emit, OpenTask, SetTimer, Task
from statewf.machine.events import AnyEvent, Decided, Failed, Fired
from statewf.machine.fsm import Machine
from statewf.machine.snapshot import Step
from statewf.machine.step import start, step
from statewf.values.frozen import Json, freeze_object


def compiled(text: str) -> Machine:
    return compile_definition(loads(text))


def follow(machine: Machine, made: Step, event: AnyEvent) -> Step:
    following = step(machine, made.after, event)
    assert isinstance(following, Step)
    return following


def about_tasks(made: Step) -> list[Effect]:
    """The effects but for what is told of the end of the whole."""
    return [
        effect
        for effect in made.effects
        if isinstance(effect, OpenTask | CloseTask | SetTimer | CancelTimer)
        or (isinstance(effect, Emit) and not effect.event.startswith("Service"))
    ]


def emit(event: str, data: dict[str, Json]) -> Emit:
    return Emit(event, freeze_object(data, "the data"))


ASKED = compiled("""
steps:
  - id: t
    type: human-task
    assignTo: inputs.who
    details: {form: A1}
    timeout: 10s
    escalationPolicy: {timeout: 4s, escalateTo: inputs.boss}
""")
FORM = freeze_object({"form": "A1"}, "the details")


def test_a_task_is_opened_given_to_somebody_else_and_closed() -> None:
    task = Task("i/t/1", "i", "t", "ann", FORM, 10_007)
    begun = start(ASKED, {"who": "ann", "boss": "bob"}, instance="i", at=7)
    assert about_tasks(begun) == [
        SetTimer("t", "$timeout:assigned", 10_007),
        OpenTask(task),
        emit(
            "HumanTask.created",
            {"id": "i/t/1", "requestId": "i", "stepId": "t", "assignedTo": "ann", "details": FORM, "dueAt": 10_007},
        ),
        emit(
            "Notification.send",
            {
                "userId": "ann",
                "type": "approval-required",
                "data": freeze_object(
                    {"taskId": "i/t/1", "requestId": "i", "details": FORM, "dueDate": 10_007}, "the data"
                ),
            },
        ),
        SetTimer("t", "$escalate", 4_007),
    ]
    escalated = follow(ASKED, begun, Fired("t", "$escalate", 4_007))
    assert about_tasks(escalated) == [
        OpenTask(task._replace(assigned_to="bob")),
        emit("HumanTask.escalate", {"taskId": "i/t/1", "escalateTo": "bob", "reason": "timeout"}),
    ]
    decided = follow(ASKED, escalated, Decided("i/t/1", "approved", "bob", "fine", {"n": 1}, 5_000))
    result = {
        "approved": True,
        "decision": "approved",
        "comments": "fine",
        "reviewedBy": "bob",
        "reviewedAt": 5_000,
        "result": freeze_object({"n": 1}, "the result"),
    }
    of: dict[str, Json] = {"requestId": "i", "stepId": "t"}
    said: dict[str, Json] = {
        "decision": "approved",
        "comments": "fine",
        "completedBy": "bob",
        "completedAt": 5_000,
    }
    assert about_tasks(decided) == [
        CancelTimer("t", "$timeout:assigned"),
        CloseTask("i/t/1"),
        emit("HumanTask.completed", {"taskId": "i/t/1", **of, **said}),
        emit("Workflow.resume", {**of, "result": freeze_object(result, "the result")}),
    ]
    assert dict(decided.after.book.results) == {"t": result}
    assert not decided.after.book.tasks


def test_a_review_tells_what_went_wrong_and_is_a_task_of_its_own() -> None:
    flow = compiled("steps: [{id: a, onError: human-review, review: {assignTo: ann, timeout: 1s}}]")
    begun = start(flow, instance="i")
    failed = follow(flow, begun, Failed(min(begun.after.flight.calls), "Oops", "it is broken"))
    (task,) = failed.after.book.tasks.values()
    assert task == Task("i/a/1/review", "i", "a", "ann", task.details, 1_000)
    assert task.details == {
        "error": "Oops",
        "message": "it is broken",
        "attempts": 1,
        "decisions": ("approved", "rejected", "retry"),
    }
    again = follow(flow, failed, Decided(task.id, "retry"))
    assert not again.after.book.errors, "it is forgotten"
    approved = follow(flow, failed, Decided(task.id, "approved", result=5))
    assert (dict(approved.after.book.results), approved.after.ended) == ({"a": 5}, "success")


def test_a_question_for_nobody_known_is_anybodys_and_says_why() -> None:
    flow = compiled(
        "steps: [{id: t, type: human-task, assignTo: 1 / inputs.n}, {id: u, type: human-task, assignTo: inputs.who, dependsOn: []}]"
    )
    begun = start(flow, {"n": 0})
    assert [task.assigned_to for _, task in sorted(begun.after.book.tasks.items())] == [None, None]
    (note,) = begun.notes
    assert (note.kind, note.text.partition(":")[0]) == ("fault", "assignTo 1 / inputs.n")
