"""Machines: what is deployed, what a check says of it, its picture.

Above: `app`. Below: `service`, `documents`.
"""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any, Literal

from litestar import Response, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example
from litestar.params import Body, Parameter, QueryParameter

from statewf.compiler import compile_definition
from statewf.definition.model import Workflow
from statewf.files import loads
from statewf.history.port import Count
from statewf.machine.fsm import Machine
from statewf.web.api import examples
from statewf.web.api.answers import gives, problems
from statewf.web.api.documents import Counted, DefinitionBody, MachineDocument, MachineItem
from statewf.web.api.given import Given

Name = Annotated[str, Parameter(description="The name of a machine.", examples=[Example(value="order")])]
MEDIA = {"svg": "image/svg+xml", "mermaid": "text/plain", "dot": "text/plain"}
DOOR = "name: door\ninitialState: shut\nstates: { shut: { on: { OPEN: open } }, open: { terminal: true } }\n"


@get(
    "/api/machines",
    tags=["machines"],
    responses={200: gives(list[MachineItem], "the machines", [examples.MACHINE]), **problems()},
    summary="Which machines are deployed",
)
async def machines(service: Given) -> list[MachineItem]:
    """The machines that are deployed, in the order of their names, and how many instances of each are where."""
    names = await service.reader.ask(lambda store: store.names())
    census = await service.counts.census()
    return [_item(name, (await service.record(name)).digest, census) for name in names]


@get(
    "/api/machines/{name:str}",
    tags=["machines"],
    responses={200: gives(MachineDocument, "the machine", examples.MACHINE_WHOLE), **problems(404)},
    summary="A machine",
)
async def machine(name: Name, service: Given) -> MachineDocument:
    """A machine as it was deployed last under that name, whole."""
    record = await service.record(name)
    return _whole(
        record.digest, await service.shelf.machine(record), record.definition, await service.counts.census()
    )


@post(
    "/api/machines",
    tags=["machines"],
    responses={201: gives(MachineDocument, "it is deployed", examples.MACHINE_WHOLE), **problems(413, 422, 504)},
    summary="Deploy a machine",
)
async def deploy(
    data: Annotated[DefinitionBody, Body(examples=[Example(value={"text": DOOR})])], service: Given
) -> MachineDocument:
    """Deploy a definition under its name. Handlers are names in it, and never code: the service has them, or refuses it."""
    compiled = await asyncio.to_thread(lambda: compile_definition(loads(data.text)))
    deployed = await service.executor.deploy(compiled)
    record = await service.record(deployed.name)
    return _whole(record.digest, deployed, record.definition, await service.counts.census())


@get(
    "/api/machines/{name:str}/check",
    tags=["machines"],
    responses={200: gives(dict[str, Any], "what was found", examples.CHECK), **problems(404)},
    summary="What a check says",
)
async def check(name: Name, service: Given) -> dict[str, Any]:
    """What `statewf check --json` says of a machine: findings, properties and their verdicts."""
    return (await service.shelf.report(await service.record(name))).document()


@get(
    "/api/machines/{name:str}/stats",
    tags=["machines"],
    responses={200: gives(dict[str, Any], "the figures", examples.STATS), **problems(404)},
    summary="How instances went",
)
async def stats(name: Name, service: Given) -> dict[str, Any]:
    """What `statewf stats --json` says of a machine, of its newest instances: how often, how long. It is a minute old at most."""
    await service.record(name)
    return (await service.shelf.stats(name)).document()


@get(
    "/api/machines/{name:str}/forecast",
    tags=["machines"],
    responses={200: gives(dict[str, Any], "the forecast", examples.FORECAST), **problems(404)},
    summary="What is to be expected of an instance",
)
async def forecast(name: Name, service: Given) -> dict[str, Any]:
    """What `statewf forecast --from-history --json` says of a machine: ends, durations, prices, by what its newest instances went through."""
    return (await service.shelf.forecast(await service.record(name))).document()


@get(
    "/api/machines/{name:str}/picture",
    tags=["machines"],
    responses={
        200: ResponseSpec(bytes, description="the picture", media_type="image/svg+xml", generate_examples=False),
        **problems(404),
    },
    summary="The picture of a machine",
)
async def picture(
    name: Name,
    service: Given,
    form: Annotated[
        Literal["svg", "mermaid", "dot"], QueryParameter(name="format", description="What it is written in.")
    ] = "svg",
) -> Response[bytes]:
    """The picture of a machine as it was written, without any instance in it."""
    drawn = await service.shelf.picture(await service.record(name), form)
    return Response(drawn.encode(), media_type=MEDIA[form])


def _item(name: str, digest: str, census: list[Count]) -> MachineItem:
    counted: list[Counted] = [
        {"state": count.state, "outcome": count.ended or None, "instances": count.number}
        for count in census
        if count.name == name
    ]
    return {"name": name, "digest": digest, "states": counted}


def _whole(digest: str, machine: Machine, text: str, census: list[Count]) -> MachineDocument:
    definition = machine.notes.definition
    return {
        **_item(machine.name, digest, census),
        "kind": "steps" if isinstance(definition, Workflow) else "states",
        "description": definition.description,
        "definition": json.loads(text),
        "events": list(machine.listeners),
    }
