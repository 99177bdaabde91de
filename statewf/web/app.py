"""The application: all routes, what they are given, and what becomes of their errors.

Below: `api`, `problems`, `guard`. Above: `serving`.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

from litestar import Litestar, Request, Response, Router
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme, Tag

from statewf.runtime.logs import Log
from statewf.web.api import instances, machines, operations, streams, tasks
from statewf.web.guard import Guard
from statewf.web.problems import MEDIA_TYPE, problem_of
from statewf.web.service import Service

log = Log("statewf.web")

LARGEST = 2_000_000  # bytes of a body
ROUTES = (
    *(machines.machines, machines.machine, machines.deploy, machines.check, machines.picture),
    *(
        instances.instances,
        instances.start,
        instances.instance,
        instances.history,
        instances.cost,
        instances.picture,
    ),
    *(instances.send, instances.cancel, tasks.tasks, tasks.decide, streams.stream, streams.stream_of_one),
    *(operations.document, operations.health, operations.ready, operations.stats, operations.metrics),
)
TAGS = (
    Tag("machines", "What is deployed, what a check says of it, its picture."),
    Tag("instances", "Starting, finding, looking, sending events."),
    Tag("tasks", "What waits for people, and deciding it."),
    Tag("streams", "Steps as they are kept, as server-sent events."),
    Tag("operations", "Whether it lives, and what it counts."),
)


def application(service: Service, hosts: Iterable[str], token: str | None = None) -> Guard:
    """The ASGI application of a service that may be asked for under these hosts, by whoever has the token, if there is one."""
    schemes: dict[str, Any] = {"token": SecurityScheme(type="http", scheme="bearer")}
    document = OpenAPIConfig(
        title="statewf",
        version=version("statewf"),
        description="Machines, their instances, and what happens to them. Errors are problem documents (RFC 9457).",
        openapi_router=Router("/api/openapi", route_handlers=(), include_in_schema=False),  # ours is a route
        use_handler_docstrings=True,
        tags=list(TAGS),
        components=Components(security_schemes=schemes if token is not None else {}),
        security=[{"token": []}] if token is not None else [],
    )
    inner = Litestar(
        ROUTES,
        dependencies={"service": Provide(lambda: service, sync_to_thread=False)},
        exception_handlers={Exception: _told},
        openapi_config=document,
        request_max_body_size=LARGEST,
        logging_config=None,
    )
    return Guard(inner, hosts, token)


def _told(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    problem = problem_of(error)
    if problem.code == "internal-error":
        log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return Response(problem.body, status_code=problem.status, media_type=MEDIA_TYPE, headers=problem.headers)
