"""Instances: starting them, finding them, looking at one, giving it events.

Above: `app`. Below: `service`, `documents`.
"""

from __future__ import annotations

import asyncio
import time
from itertools import islice
from typing import Annotated, Any, Literal

from litestar import Response, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example
from litestar.params import Body, Parameter, QueryParameter

from statewf.diagram import drawing, text
from statewf.errors import StatewfError
from statewf.history import Card
from statewf.history.documents import answered, listed, shown
from statewf.history.port import Wanted
from statewf.machine.fsm import Machine
from statewf.machine.record import Receipt, state_of
from statewf.machine.snapshot import Snapshot, allowed
from statewf.pricing import bill, usage_of
from statewf.web.api import examples
from statewf.web.api.answers import gives, problems
from statewf.web.api.documents import (
    Answer,
    CancelBody,
    EventBody,
    HistoryPage,
    InstanceDocument,
    InstancePage,
    StartBody,
)
from statewf.web.api.given import Given
from statewf.web.api.machines import MEDIA
from statewf.web.paths import path
from statewf.web.service import Service

Id = Annotated[str, Parameter(description="The id of an instance.", examples=[Example(value="order-5d2c8a1b9e07")])]
Moment = Annotated[int | None, Parameter(ge=0, le=2**53, description="Milliseconds since the epoch.")]
STATUS = {"accepted": 201, "deferred": 202, "ignored": 200, "duplicate": 208}
GIVEN = {
    200: gives(Answer, "ignored: nothing changed, as the machine says", examples.answer("ignored")),
    201: gives(Answer, "accepted: a step was made of it, and kept", examples.answer("accepted")),
    202: gives(
        Answer, "deferred: it is kept, and offered again after each change of state", examples.answer("deferred")
    ),
    208: gives(
        Answer,
        "duplicate: the same key was used for the same before; what was told then",
        examples.answer("duplicate"),
    ),
}


@get(
    "/api/instances",
    tags=["instances"],
    responses={200: gives(InstancePage, "those that were found", examples.INSTANCES), **problems()},
    summary="Find instances",
)
async def instances(
    service: Given,
    machine: Annotated[str | None, Parameter(description="Of machines of that name.")] = None,
    where: Annotated[str | None, QueryParameter(name="state", description="In that state.")] = None,
    outcome: Annotated[
        Literal["running", "success", "failure"] | None, Parameter(description="How they ended, or that they run.")
    ] = None,
    text: Annotated[
        str | None, Parameter(max_length=200, description="In the id, the request id or the inputs, as JSON.")
    ] = None,
    since: Moment = None,
    until: Moment = None,
    cursor: Annotated[
        str | None, Parameter(pattern="^[0-9]{1,18}$", description="What an earlier page gave as `next`.")
    ] = None,
    limit: Annotated[int, Parameter(ge=1, le=1_000, description="How many at most.")] = 100,
) -> InstancePage:
    """The instances for which all of that is so, the newest first. They were started from `since` on and before `until`."""
    wanted = Wanted(machine, where, "" if outcome == "running" else outcome, text, since, until)
    before = None if cursor is None else int(cursor)
    found = await service.reader.ask(lambda store: store.search(wanted, before=before, limit=limit + 1))
    page: Any = [listed(card, card.due) for card in found[:limit]]
    return {"instances": page, "next": str(found[limit - 1].number) if len(found) > limit else None}


@post(
    "/api/instances",
    tags=["instances"],
    responses={
        200: gives(InstanceDocument, "there is one of that request, and this is it", examples.INSTANCE_WHOLE),
        201: gives(
            InstanceDocument,
            "it was started, by this request or another one at the same time",
            examples.INSTANCE_WHOLE,
        ),
        **problems(404, 409, 410, 413, 422, 504),
    },
    summary="Start an instance",
)
async def start(
    data: Annotated[
        StartBody,
        Body(examples=[Example(value={"machine": "order", "inputs": {"order": "ORD-1"}, "requestId": "ORD-1"})]),
    ],
    service: Given,
) -> Response[InstanceDocument]:
    """Start an instance of a machine; the same `requestId` again is the same instance, finished or not."""
    requested = data.request_id
    before = (
        None
        if requested is None
        else await service.reader.ask(lambda store: store.request(data.machine, requested))
    )
    handle = await service.executor.start(data.machine, data.inputs, request_id=requested, restart=data.restart)
    card = await service.card(handle.id)
    found = _document(card, handle.machine, handle.snapshot)
    was_there = isinstance(before, Card) and before.id == handle.id
    return Response(
        found, status_code=200 if was_there else 201, headers={"location": path("api", "instances", handle.id)}
    )


@get(
    "/api/instances/{instance:str}",
    tags=["instances"],
    responses={200: gives(InstanceDocument, "the instance", examples.INSTANCE_WHOLE), **problems(404, 410)},
    summary="An instance",
)
async def instance(
    instance: Id,
    service: Given,
    estimate: Annotated[
        bool, Parameter(description="Whether to reckon how long it still takes, which takes time.")
    ] = False,
) -> InstanceDocument:
    """Where an instance is, and what it may do next."""
    card = await service.card(instance)
    found = _document(card, service.executor.machine_of(instance), service.executor.snapshot(instance))
    if estimate:
        _, machine, steps = await service.travelled(instance)
        left = await service.estimate(machine, steps)
        found["estimatedTimeRemaining"] = None if left is None else left.mean
    return found


@get(
    "/api/instances/{instance:str}/history",
    tags=["instances"],
    responses={200: gives(HistoryPage, "some of its rows", examples.HISTORY), **problems(404, 410)},
    summary="What happened to an instance",
)
async def history(
    instance: Id,
    service: Given,
    after: Annotated[int, Parameter(ge=0, le=2**53, description="Only rows with a greater number.")] = 0,
    limit: Annotated[int, Parameter(ge=1, le=1_000, description="How many at most.")] = 100,
) -> HistoryPage:
    """The history of an instance, row by row."""
    await service.card(instance)
    found: Any = await service.reader.ask(lambda store: list(islice(store.rows(instance, after), limit + 1)))
    return {"rows": found[:limit], "next": found[limit - 1]["seq"] if len(found) > limit else None}


@get(
    "/api/instances/{instance:str}/cost",
    tags=["instances"],
    responses={200: gives(dict[str, Any], "the bill", examples.COST), **problems(404, 410)},
    summary="The bill of an instance",
)
async def cost(instance: Id, service: Given) -> dict[str, Any]:
    """The bill of an instance, line by line; before its end, what it would be by now."""
    _, machine, steps = await service.travelled(instance)
    made = bill(usage_of(machine, steps), at=time.time_ns() // 1_000_000)
    if made is None:
        raise StatewfError(f"{machine.name} costs nothing: its definition has no pricing, or none that holds today")
    return {"instance": instance, **made.document()}


@get(
    "/api/instances/{instance:str}/picture",
    tags=["instances"],
    responses={
        200: ResponseSpec(bytes, description="the picture", media_type="image/svg+xml", generate_examples=False),
        **problems(404, 410),
    },
    summary="Where an instance is, drawn",
)
async def picture(
    instance: Id,
    service: Given,
    form: Annotated[
        Literal["svg", "mermaid", "dot"], QueryParameter(name="format", description="What it is written in.")
    ] = "svg",
) -> Response[bytes]:
    """The picture of its machine, with where the instance is and the way that it came."""
    _, machine, steps = await service.travelled(instance)
    drawn = await asyncio.to_thread(lambda: text(drawing(machine, steps=steps), form))
    return Response(drawn.encode(), media_type=MEDIA[form])


@post(
    "/api/instances/{instance:str}/events",
    tags=["instances"],
    responses={**GIVEN, **problems(404, 409, 410, 413, 422, 504)},
    summary="Send an event",
)
async def send(
    instance: Id,
    data: Annotated[
        EventBody, Body(examples=[Example(value={"event": "VALIDATE", "data": {"total": 30}, "key": "evt-1"})])
    ],
    service: Given,
) -> Response[Answer]:
    """Send a named event, and hear what became of it when that is kept. While an action of the instance runs, this waits."""
    receipt = await service.given(instance, lambda it: it.send(instance, data.event, data.data, key=data.key))
    return _answer(service, instance, receipt)


@post(
    "/api/instances/{instance:str}/cancel",
    tags=["instances"],
    responses={
        201: gives(Answer, "it ends", examples.answer("accepted", event="$cancel", state="$cancelled", allowed=[])),
        **problems(404, 409, 410, 413, 504),
    },
    summary="Cancel an instance",
)
async def cancel(
    instance: Id, data: Annotated[CancelBody, Body(examples=[Example(value={"now": False})])], service: Given
) -> Response[Answer]:
    """End an instance, at once: this waits for no action. A workflow undoes what it did, unless `now`."""
    receipt = await service.given(instance, lambda it: it.cancel(instance, now=data.now))
    return _answer(service, instance, receipt)


def _document(card: Any, machine: Machine, snapshot: Snapshot) -> InstanceDocument:
    now = card._replace(state=state_of(snapshot), ended=snapshot.ended, updated=snapshot.at)
    document: Any = shown(now, machine, snapshot)
    return document  # type: ignore[no-any-return]  # it has the members that are listed there


def _answer(service: Service, instance: str, receipt: Receipt) -> Response[Answer]:
    machine, snapshot = service.executor.machine_of(instance), service.executor.snapshot(instance)
    told: Any = answered(instance, receipt, state_of(snapshot), allowed(machine, snapshot))
    return Response(told, status_code=STATUS[receipt.disposition])
