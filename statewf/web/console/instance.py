"""The page of an instance: where it is, or was after any of its steps; what it takes now; all that happened to it.

Below: `desk`, `pictures`. Above: `app`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import attrs
from litestar import Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect

from statewf.definition.model import StateMachine, Workflow
from statewf.diagram import drawing
from statewf.errors import StatewfError
from statewf.history.documents import shown as document_of
from statewf.machine.fsm import Machine
from statewf.machine.naming import base
from statewf.machine.record import Receipt, row, state_of
from statewf.machine.snapshot import Snapshot, Step, region_state
from statewf.pricing import Bill, bill, usage_of
from statewf.runtime.progress import progress
from statewf.values.frozen import thaw
from statewf.web.console.asked import asked
from statewf.web.console.desk import KEY, Desk, Given
from statewf.web.console.pictures import shown
from statewf.web.console.typed import fields, from_json
from statewf.web.console.words import present
from statewf.web.paths import path, query
from statewf.web.problems import Problem, problem_of
from statewf.web.service import Service
from statewf.web.shelf import within

if TYPE_CHECKING:
    from statewf.forecast.remaining import Estimate

AROUND = 50  # rows of the history to both sides of where one looks
PATIENCE = 0.5  # seconds that a page waits to be told how long an instance still takes


@attrs.frozen
class Place:
    """Where in the history one looks: after step `at` of `last`; of the newest one, whatever is kept then."""

    at: int
    last: int
    pinned: bool

    @property
    def before(self) -> int | None:
        """The step before it."""
        return self.at - 1 if self.at > 1 else None

    @property
    def after(self) -> int | None:
        """The step after it."""
        return self.at + 1 if self.at < self.last else None


@get("/instances/{instance:str}", include_in_schema=False)
async def instance(instance: FromPath[str], request: Request[Any, Any, Any], desk: Given) -> Response[str]:
    """An instance; `at` says after which of its steps."""
    at = request.query_params.get("at", "")
    pinned = int(at) if at.isascii() and at.isdecimal() and len(at) < 10 else None
    told = request.query_params.get("told")
    return await _page(desk, instance, pinned, request.query_params.getall("fold", []), told=told)


@post("/instances/{instance:str}/send", include_in_schema=False)
async def send(instance: FromPath[str], request: Request[Any, Any, Any], desk: Given) -> Response[Any]:
    """Send an event; the same form twice sends one."""
    given = await fields(request, "event", "data", KEY)
    event, key = given["event"], given[KEY] or None
    try:
        data = from_json(given["data"], f"the data of {event}")
        receipt = await desk.service.given(instance, lambda it: it.send(instance, event, data, key=key))
    except StatewfError as error:
        return await _page(desk, instance, problem=problem_of(error), given=given)
    return _there(instance, receipt)


@post("/instances/{instance:str}/cancel", include_in_schema=False)
async def cancel(instance: FromPath[str], request: Request[Any, Any, Any], desk: Given) -> Response[Any]:
    """End an instance."""
    now = (await fields(request, "now"))["now"] == "yes"
    try:
        receipt = await desk.service.given(instance, lambda it: it.cancel(instance, now=now))
    except StatewfError as error:
        return await _page(desk, instance, problem=problem_of(error))
    return _there(instance, receipt)


def _there(instance: FromPath[str], receipt: Receipt) -> Redirect:
    """Back to the page, which shows what came of it; what came of nothing is told."""
    told = None if receipt.disposition == "accepted" else receipt.disposition
    return Redirect(path("instances", instance) + query(told=told), status_code=303)


async def _page(
    desk: Desk,
    instance: str,
    pinned: int | None = None,
    fold: Sequence[str] = (),
    *,
    told: str | None = None,
    problem: Problem | None = None,
    given: Mapping[str, str] | None = None,
) -> Response[str]:
    service = desk.service
    card, machine, every = await service.travelled(instance)
    place = _place(pinned, len(every))
    steps = every[: place.at]
    after = steps[-1].after
    known = card._replace(state=state_of(after), ended=after.ended, updated=after.at)
    here = path("instances", instance)
    picture = await shown(
        service,
        lambda: drawing(machine, steps=steps),
        fold,
        lambda shut: here + query(at=place.at if place.pinned else None, fold=shut),
        f"where {instance} is in the picture of {machine.name}",
        {},
    )
    estimate = None if place.pinned else await _estimate(service, machine, every)
    content = {
        "told": told if told in ("deferred", "ignored", "duplicate") else None,
        "given": given or {},
        "key": uuid4().hex,
        "card": known,
        "is_workflow": isinstance(machine.notes.definition, Workflow),
        "document": document_of(known, machine, after),
        "inputs": thaw(after.inputs),
        "at": place,
        "rows": _rows(every, place),
        "picture": picture,
        "hints": (await service.shelf.made(("asked", machine.digest), lambda: asked(machine))).events,
        "progress": _progress(machine, after),
        "attempt": _attempt(machine, after),
        "estimate": estimate,
        "likely_end": None if estimate is None else present() + estimate.mean,
        "bill": await asyncio.to_thread(_bill, machine, steps, after.at if place.pinned else present()),
    }
    address = here + query(at=place.at if place.pinned else None, fold=list(fold))
    stream = path("api", "instances", instance, "stream")
    return await desk.page(
        "instance.html", instance, content, place="instances", here=address, stream=stream, problem=problem
    )


async def _estimate(service: Service, machine: Machine, steps: tuple[Step, ...]) -> Estimate | None:
    """How long it still takes, if that is known by now."""
    try:
        return await within(PATIENCE, service.estimate(machine, steps))
    except StatewfError:
        return None  # the page is of use without it


def _bill(machine: Machine, steps: Sequence[Step], at: int) -> Bill | None:
    return bill(usage_of(machine, steps), at=at)


def _place(pinned: int | None, last: int) -> Place:
    if pinned is None:
        return Place(last, last, pinned=False)
    return Place(min(max(pinned, 1), last), last, pinned=True)


def _rows(steps: Sequence[Step], place: Place) -> list[dict[str, Any]]:
    """The rows around there, the newest first."""
    first, last = max(0, place.at - AROUND - 1), min(len(steps), place.at + AROUND)
    return [thaw(row(step)) for step in reversed(steps[first:last])]


def _progress(machine: Machine, snapshot: Snapshot) -> float | None:
    """Which share of its steps a workflow has settled."""
    if not isinstance(machine.notes.definition, Workflow):
        return None
    return float(progress(machine, snapshot)["progress"])


def _attempt(machine: Machine, snapshot: Snapshot) -> tuple[int, int] | None:
    """Which attempt at its state a machine makes, and how many there are, where there is more than one."""
    definition = machine.notes.definition
    if not isinstance(definition, StateMachine):
        return None
    local, attempt, _ = region_state(snapshot.regions, 0)
    notes = machine.notes
    rows = machine.regions[0].states
    below = [way.below for name in (local, base(local)) if name in rows for way in rows[name].transitions()]
    most = max((one for one in below if one is not None), default=1)
    return (attempt, most) if most > 1 and notes.active.get(base(local)) is not None else None
