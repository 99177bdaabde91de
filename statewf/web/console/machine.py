"""The page of a machine: its picture with how many are where, what it does with each event, what was proved, what is to be expected.

Below: `desk`, `pictures`. Above: `app`. What takes long to find out is left out until it is found.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any
from uuid import uuid4

from litestar import Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect

from statewf.checker.table import table_of
from statewf.diagram import drawing
from statewf.errors import StatewfError
from statewf.history import MachineRecord
from statewf.history.port import Count, Wanted
from statewf.machine.fsm import Machine
from statewf.machine.naming import known
from statewf.web.console.asked import asked
from statewf.web.console.desk import KEY, Desk, Given
from statewf.web.console.home import kind_of, tally
from statewf.web.console.pictures import shown
from statewf.web.console.typed import fields, from_json
from statewf.web.paths import path, query
from statewf.web.plate import Badge
from statewf.web.problems import Problem, problem_of
from statewf.web.service import Service
from statewf.web.shelf import within

NEWEST = 10  # instances that are shown
PATIENCE = 0.5  # seconds that a page waits for what takes long to find out
MOST_ROWS = 200  # of the table of events
MOST_COLUMNS = 30  # of it; of more only those cells are told from which something leads on


@get("/machines/{name:str}", include_in_schema=False)
async def machine(name: FromPath[str], request: Request[Any, Any, Any], desk: Given) -> Response[str]:
    """A machine."""
    return await _page(desk, name, request.query_params.getall("fold", []))


@post("/machines/{name:str}/start", include_in_schema=False)
async def start(name: FromPath[str], request: Request[Any, Any, Any], desk: Given) -> Response[Any]:
    """Start an instance; the same form twice starts one."""
    given = await fields(request, "inputs", "request", KEY)
    try:
        inputs = from_json(given["inputs"], "the inputs")
        requested = given["request"] or given[KEY] or None
        handle = await desk.service.executor.start(name, inputs, request_id=requested)
    except StatewfError as error:
        return await _page(desk, name, [], problem_of(error), given)
    return Redirect(path("instances", handle.id), status_code=303)


async def _page(
    desk: Desk,
    name: str,
    fold: Sequence[str],
    problem: Problem | None = None,
    given: Mapping[str, str] | None = None,
) -> Response[str]:
    service = desk.service
    record = await service.record(name)
    found = await service.shelf.machine(record)
    census = await service.counts.census()
    newest = await service.reader.ask(lambda store: store.search(Wanted(name), limit=NEWEST))
    here = path("machines", name)
    picture = await shown(
        service,
        lambda: drawing(found),
        fold,
        lambda shut: here + query(fold=shut),
        f"the picture of {name}",
        await _badges(service, found, census),
    )
    told = {
        "given": given or {},
        "key": f"console-{uuid4().hex}",
        "record": record,
        "machine": found,
        "definition": json.loads(record.definition),
        "kind": kind_of(found),
        "tally": tally(census, name),
        "settled": await service.counts.settled(name),
        "instances": newest,
        "picture": picture,
        "table": await service.shelf.made(("table", found.digest), lambda: table_of(found)),
        "most_rows": MOST_ROWS,
        "most_columns": MOST_COLUMNS,
        "asked": (await service.shelf.made(("asked", found.digest), lambda: asked(found))).inputs,
        **await _found_out(service, record),
    }
    stream = f"/api/stream{query(machine=name)}"
    return await desk.page("machine.html", name, told, place="machines", here=here, stream=stream, problem=problem)


async def _found_out(service: Service, record: MachineRecord) -> dict[str, Any]:
    """What takes long, as far as it is found out by now: what a check says, what is to be expected, how others went."""
    shelf = service.shelf
    wanted: dict[str, Coroutine[Any, Any, Any]] = {
        "report": shelf.report(record),
        "forecast": shelf.forecast(record),
        "stats": shelf.stats(record.name),
    }
    found = await asyncio.gather(*(within(PATIENCE, one) for one in wanted.values()), return_exceptions=True)
    for one in found:
        if isinstance(one, BaseException) and not isinstance(one, StatewfError):
            raise one
    unknown = next((str(one) for one in found if isinstance(one, StatewfError)), None)
    known = (None if isinstance(one, StatewfError) else one for one in found)
    return {**dict(zip(wanted, known, strict=True)), "unknown": unknown}


async def _badges(service: Service, machine: Machine, census: list[Count]) -> dict[str, list[Badge]]:
    """How many instances are in each state, or at each step."""
    if len(machine.regions) > 1:
        at = dict(await within(PATIENCE, service.counts.busy(machine.name)) or {})
        running = path("instances") + query(machine=machine.name, outcome="running")
        links = dict.fromkeys(at, running)
    else:
        at = _in_states(machine, census)
        links = {place: path("instances") + query(machine=machine.name, state=place) for place in at}
    return {
        place: [Badge(f"{number:,}", "count", links[place], title=f"{number:,} at {place}")]
        for place, number in at.items()
    }


def _in_states(machine: Machine, census: list[Count]) -> dict[str, int]:
    """How many are in each state as it was written: who is in one is in all around it."""
    around: dict[str, set[str]] = {}
    for local in machine.regions[0].states:
        around.setdefault(known(local), set()).update(machine.notes.active.get(local) or (local,))
    found: Counter[str] = Counter()
    for count in census:
        if count.name == machine.name:
            found.update(dict.fromkeys(around.get(count.state, ()), count.number))
    return dict(found)
