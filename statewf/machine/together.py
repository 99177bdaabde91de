"""What regions do to each other, and what people are asked: the operations of machines with several regions.

Beside `macrostep`, which performs the operations of a single region and hands the others on to here. What the
regions know of each other is the `book`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypeAlias, assert_never

from statewf.expr import UNDEFINED, Expression, Fault
from statewf.machine import book
from statewf.machine.book import Draft
from statewf.machine.effects import Call, CloseTask, Effect, Emit, OpenTask, Recall, Task
from statewf.machine.events import CallId
from statewf.machine.fsm import (
    Ask,
    Blame,
    Chose,
    Complete,
    Count,
    Enter,
    Escalate,
    Gather,
    Keep,
    Leave,
    Machine,
    Pull,
    Resolve,
    Stop,
    Undone,
    Withdraw,
)
from statewf.machine.snapshot import Note, NoteKind, RegionState, Snapshot
from statewf.values.frozen import Json, Map, Object

Joint: TypeAlias = (
    Pull
    | Stop
    | Enter
    | Leave
    | Keep
    | Gather
    | Blame
    | Complete
    | Chose
    | Undone
    | Ask
    | Escalate
    | Resolve
    | Withdraw
)

GO = "$go"  # what a region waits for that stands in line


class Making(Protocol):
    """What of a macrostep these operations touch."""

    machine: Machine
    before: Snapshot
    at: int
    context: Map[str, Json]
    calls: Map[CallId, Call]
    invoked: Map[tuple[str, str], CallId]
    effects: list[Effect]
    notes: tuple[Note, ...]

    @property
    def book(self) -> Draft: ...

    def signal(self, region: str, trigger: str, source: str, turn: str) -> None: ...

    def scope(self, here: RegionState, trigger: str, data: Json) -> Mapping[str, object]: ...

    def tell(self, kind: NoteKind, text: str, event: str = "") -> None: ...


def interact(run: Making, op: Joint, region: str, where: RegionState, trigger: str, data: Json) -> None:
    """Perform one of these operations for a region."""
    match op:
        case Pull(other, pulled, turn):
            run.signal(other, pulled, region, turn)
        case Keep(rank):
            _keep(run, region, rank, data)
        case Complete(failed=True):
            run.book.failed = book.longer(run.book.failed, region)
        case Complete():
            run.book.completed = book.longer(run.book.completed, region)
        case Chose(branch):
            run.book.path = book.longer(run.book.path, f"{region}:{branch}")
        case Undone():
            _undone(run, op, region, data)
        case Stop(owner, otherwise):
            _stop(run, region, owner, otherwise)
        case Enter(block):
            places = run.machine.regions[run.machine.numbers[block]].places
            if run.book.enter(block, region, places):
                run.signal(region, GO, block, "next")
        case Leave(block):
            pass_on(run, block)
        case Gather(how, members):
            of = str(data["step"]) if isinstance(data, Object) and "step" in data else ""
            run.book.keep(region, book.gathered(run.book, how, members, of))
        case Blame():
            _blame(run, op, region, data)
        case Ask():
            _ask(run, op, region, where, trigger, data)
        case Escalate(to):
            _escalate(run, to, region, where, trigger, data)
        case Resolve(rank, review):
            _resolve(run, region, rank, review, data)
        case Withdraw():
            _withdraw(run, region)
        case _:
            assert_never(op)


def count(run: Making, op: Count, region: str) -> None:
    """Count a counter of another region down; the commonest of them all."""
    machine, other, counter = run.machine, op.region, op.counter
    left = run.book.counters.get((other, counter))
    if left is None:
        left = machine.regions[machine.numbers[other]].counters[counter]
    run.book.counters = run.book.counters.set((other, counter), left - 1)
    if left == 1:
        run.signal(other, counter, region, op.turn)


def pass_on(run: Making, block: str) -> None:
    """Give a place of a block to the next in line, who begins when all else is told: the block may be over by then."""
    following = run.book.leave(block)
    if following is not None:
        run.signal(following, GO, block, "last")


def _keep(run: Making, region: str, rank: int, data: Json) -> None:
    run.book.keep(region, data)
    if isinstance(data, Object):
        run.context = run.book.merge(run.context, data, rank)


def _undone(run: Making, op: Undone, region: str, data: Json) -> None:
    told: dict[str, Json] = {"step": region, "action": op.action, "success": op.success}
    if not op.success:
        told["error"] = op.message or (data["message"] if isinstance(data, Object) else "")
    run.book.undone = book.longer(run.book.undone, Object(told))


def _stop(run: Making, region: str, owner: str, otherwise: str) -> None:
    number = run.invoked.get((region, owner))
    if number is None:
        run.signal(region, otherwise, region, "next")
        return
    call = run.calls[number]
    if not call.stopped:
        run.calls = run.calls.set(number, call._replace(stopped=True))
        run.effects.append(Recall(number, awaited=True))


def _blame(run: Making, op: Blame, region: str, data: Json) -> None:
    """The words of the operation, or those of the trigger: of a failed call, or of the step it came from."""
    told = data if isinstance(data, Object) else Object()
    if op.error:
        message = op.message or (run.notes[-1].text if run.notes else op.error)
        error = Object({"error": op.error, "message": message})
    elif "step" in told:
        error = Object({"step": told["step"], **run.book.errors.get(str(told["step"]), {})})
    else:
        error = told
    run.book.errors = run.book.errors.set(region, error)


# --- tasks


def _ask(run: Making, op: Ask, region: str, where: RegionState, trigger: str, data: Json) -> None:
    instance = run.before.instance
    due = None if op.due is None else run.at + op.due
    person = _person(run, op.assign_to, where, trigger, data)
    slot, details = "", op.details
    if op.review:
        slot, details = "/review", Object({**run.book.errors[region], "attempts": where[1], **details})
    task = Task(f"{instance}/{region}/{where[2]}{slot}", instance, region, person, details, due)
    _give(run, task)
    shown = {"id": task.id, "requestId": instance, "stepId": region, "assignedTo": person}
    created = Object({**shown, "details": task.details, "dueAt": due})
    asked = Object({"taskId": task.id, "requestId": instance, "details": task.details, "dueDate": due})
    run.effects += (
        Emit("HumanTask.created", created),
        Emit("Notification.send", Object({"userId": person, "type": "approval-required", "data": asked})),
    )


def _escalate(run: Making, to: Expression | str, region: str, where: RegionState, trigger: str, data: Json) -> None:
    task = run.book.tasks[region]._replace(assigned_to=_person(run, to, where, trigger, data))
    _give(run, task)
    told = {"taskId": task.id, "escalateTo": task.assigned_to, "reason": "timeout"}
    run.effects.append(Emit("HumanTask.escalate", Object(told)))


def _give(run: Making, task: Task) -> None:
    run.book.tasks = run.book.tasks.set(task.step, task)
    run.effects.append(OpenTask(task))


def _resolve(run: Making, region: str, rank: int, review: bool, data: Json) -> None:
    task = run.book.tasks[region]
    assert isinstance(data, Object), "a decision has data"
    decision, by, at = data["decision"], data["by"], data["at"]
    result = data["result"]
    if not review:
        told = {"approved": decision == "approved", "decision": decision, "comments": data["comments"]}
        result = Object({**told, "reviewedBy": by, "reviewedAt": at})
        if data["result"] is not None:
            result = Object({**result, "result": data["result"]})
    _withdraw(run, region)
    if review and decision == "retry":
        run.book.forget(region)
    if not review or decision == "approved":
        _keep(run, region, rank, result)
    of = {"taskId": task.id, "requestId": task.instance, "stepId": region}
    said = {"decision": decision, "comments": data["comments"], "completedBy": by, "completedAt": at}
    resumed = {"requestId": task.instance, "stepId": region, "result": result}
    run.effects += (
        Emit("HumanTask.completed", Object({**of, **said})),
        Emit("Workflow.resume", Object(resumed)),
    )


def _withdraw(run: Making, region: str) -> None:
    if task := run.book.tasks.get(region):
        run.book.tasks = run.book.tasks.delete(region)
        run.effects.append(CloseTask(task.id))


def _person(run: Making, who: Expression | str | None, where: RegionState, trigger: str, data: Json) -> Json:
    """Who that is. An expression that finds nobody leaves the task to anybody."""
    if not isinstance(who, Expression):
        return who
    try:
        found = who.evaluate(run.scope(where, trigger, data))
    except Fault as fault:
        run.tell("fault", f"assignTo {who.text}: {fault}")
        return None
    return None if found is UNDEFINED else found
