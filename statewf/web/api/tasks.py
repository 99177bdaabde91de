"""Tasks of people: what waits for a decision, and deciding it.

Above: `app`. Below: `service`, `documents`.
"""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Response, get, post
from litestar.openapi.spec import Example
from litestar.params import Body, Parameter, QueryParameter

from statewf.history.documents import answered, task_document
from statewf.machine.record import state_of
from statewf.machine.snapshot import allowed
from statewf.web.api import examples
from statewf.web.api.answers import gives, problems
from statewf.web.api.documents import Answer, DecisionBody, TaskDocument
from statewf.web.api.given import Given

Part = Annotated[str, Parameter(description="A task's id is instance/step/visit.", examples=[Example(value="1")])]


@get(
    "/api/tasks",
    tags=["tasks"],
    responses={200: gives(list[TaskDocument], "the tasks", [examples.TASK]), **problems()},
    summary="What waits for people",
)
async def tasks(
    service: Given,
    instance: Annotated[str | None, Parameter(description="Only those of this instance.")] = None,
    assigned_to: Annotated[
        str | None, QueryParameter(name="assignedTo", description="Only those of this person.")
    ] = None,
    limit: Annotated[int, Parameter(ge=1, le=1_000, description="How many at most.")] = 100,
) -> list[TaskDocument]:
    """The open tasks, the oldest first."""
    found = await service.reader.ask(
        lambda store: store.tasks(instance=instance, assigned_to=assigned_to, limit=limit)
    )
    told: Any = [task_document(task) for task in found]
    return told  # type: ignore[no-any-return]  # a list of documents


@post(
    "/api/tasks/{instance:str}/{step:str}/{visit:str}",
    tags=["tasks"],
    responses={
        201: gives(
            Answer, "it is decided", examples.answer("accepted", event="$decided", state="running", allowed=[])
        ),
        **problems(404, 409, 413, 422, 504),
    },
    summary="Decide a task",
)
async def decide(
    instance: Part,
    step: Part,
    visit: Part,
    data: Annotated[DecisionBody, Body(examples=[Example(value={"decision": "approved", "by": "ann"})])],
    service: Given,
) -> Response[Answer]:
    """Decide a task, once: `approved`, `rejected`, or any other word."""
    receipt = await service.executor.complete(
        f"{instance}/{step}/{visit}", data.decision, by=data.by, comments=data.comments, result=data.result
    )
    machine, snapshot = service.executor.machine_of(instance), service.executor.snapshot(instance)
    told: Any = answered(instance, receipt, state_of(snapshot), allowed(machine, snapshot))
    return Response(told, status_code=201)
