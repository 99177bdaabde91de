"""What those ask who run the service: whether it lives, whether it is ready, what can be counted.

Above: `app`. Below: `service`.
"""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, get

from statewf.errors import StoreError
from statewf.runtime.logs import Log
from statewf.web.api import examples
from statewf.web.api.answers import gives, problems
from statewf.web.api.documents import Counted, Health
from statewf.web.api.given import Given
from statewf.web.metrics import exposition

log = Log("statewf.web")

METRICS = "text/plain; version=0.0.4"


@get("/api/openapi.json", include_in_schema=False, media_type="application/vnd.oai.openapi+json")
async def document(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """The OpenAPI document, which says all of it."""
    return request.app.openapi_schema.to_schema()


@get(
    "/health",
    tags=["operations"],
    responses={200: gives(Health, "it lives", examples.HEALTH)},
    summary="Whether the service lives",
)
async def health(service: Given) -> Health:
    """It lives, or nothing would answer."""
    return {"status": "ok", "owns": service.executor.owns}


@get(
    "/ready",
    tags=["operations"],
    responses={
        200: gives(Health, "it can", examples.HEALTH),
        503: gives(Health, "it cannot", {"status": "the store cannot be read", "owns": False}),
    },
    summary="Whether the service can do its work",
)
async def ready(service: Given) -> Response[Health]:
    """Whether its store can be read. One that does not own it is ready, too: it asks the owner."""
    try:
        await service.reader.ask(lambda store: store.last())
    except StoreError as error:
        log.error("it is not ready: %s", error)  # whoever asks has shown no token
        return Response({"status": "the store cannot be read", "owns": False}, status_code=503)
    return Response({"status": "ok", "owns": service.executor.owns})


@get(
    "/api/stats",
    tags=["operations"],
    responses={200: gives(dict[str, list[Counted]], "how many, by machine", examples.COUNTS), **problems()},
    summary="How many instances are where",
)
async def stats(service: Given) -> dict[str, list[Counted]]:
    """How many instances are where, by machine."""
    found: dict[str, list[Counted]] = {}
    for count in await service.counts.census():
        counted: Counted = {"state": count.state, "outcome": count.ended or None, "instances": count.number}
        found.setdefault(count.name, []).append(counted)
    return found


@get(
    "/metrics",
    tags=["operations"],
    responses=problems(),
    media_type=METRICS,
    summary="Metrics, as Prometheus reads them",
)
async def metrics(service: Given) -> str:
    """What the runtime counts and measures in this process, in Prometheus' text format."""
    return exposition(service.meter)
