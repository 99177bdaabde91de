"""The application: all routes, what they are given, and what becomes of their errors.

Below: `api`, `console`, `problems`, `guard`. Above: `serving`.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

from litestar import Litestar, Request, Response, Router
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme, Tag

from statewf.runtime.logs import Log
from statewf.web.api import instances, machines, operations, streams, tasks
from statewf.web.console import assets, home, inbox, instance, login, machine, play, search
from statewf.web.console.desk import Desk
from statewf.web.console.render import Console
from statewf.web.guard import Guard
from statewf.web.lock import Lock
from statewf.web.problems import MEDIA_TYPE, problem_of
from statewf.web.service import Service

log = Log("statewf.web")

Asked = Request[Any, Any, Any]

LARGEST = 2_000_000  # bytes of a body
ROUTES = (
    *(machines.machines, machines.machine, machines.deploy, machines.check, machines.picture),
    *(machines.stats, machines.forecast),
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
PAGES = (
    *(home.home, machine.machine, machine.start, play.simulate, search.instances),
    *(instance.instance, instance.send, instance.cancel, inbox.tasks, inbox.decide),
    *(login.login, login.enter, login.leave, assets.asset),
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
        openapi_router=Router("/api/openapi", route_handlers=(), include_in_schema=False),
        render_plugins=[JsonRenderPlugin(path="/")],  # all others are pages that fetch themselves from elsewhere
        use_handler_docstrings=True,
        tags=list(TAGS),
        components=Components(security_schemes=schemes if token is not None else {}),
        security=[{"token": []}] if token is not None else [],
    )
    lock = None if token is None else Lock(token)
    desk = Desk(service, Console(), lock)

    def told(request: Asked, error: Exception) -> Response[Any]:
        return _told(request, error, desk)

    inner = Litestar(
        (*ROUTES, *PAGES),
        dependencies={
            "service": Provide(lambda: service, sync_to_thread=False),
            "desk": Provide(lambda: desk, sync_to_thread=False),
        },
        exception_handlers={Exception: told},
        openapi_config=document,
        request_max_body_size=LARGEST,
        logging_config=None,
    )
    for name, schema in inner.openapi_schema.components.schemas.items():
        if name.endswith("Body"):
            schema.additional_properties = False  # bodies are read strictly, which the library does not say
    return Guard(inner, hosts, lock)


def _told(request: Asked, error: Exception, desk: Desk) -> Response[Any]:
    """A problem as a document, or as a page where a person looks at it."""
    problem = problem_of(error)
    if problem.code == "internal-error":
        reason = "".join(traceback.format_exception(error))  # which lines of a log leave out
        log.error("%s %s failed: %s", request.method, request.url.path, reason)
    if "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/api/"):
        return desk.told(problem)
    return Response(problem.body, status_code=problem.status, media_type=MEDIA_TYPE, headers=problem.headers)
