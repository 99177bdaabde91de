"""The page of tasks: what waits for people, and deciding it.

Below: `desk`. Above: `app`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from litestar import Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect

from statewf.errors import StatewfError
from statewf.history import Card, Store
from statewf.history.documents import task_document
from statewf.machine.effects import Task
from statewf.web.console.desk import Desk, Given
from statewf.web.console.typed import fields, from_json
from statewf.web.paths import path, query
from statewf.web.problems import Problem, problem_of

MOST = 100  # tasks on a page
FIELDS = ("decision", "word", "by", "comments", "result", "back", "for")


@get("/tasks", include_in_schema=False)
async def tasks(request: Request[Any, Any, Any], desk: Given) -> Response[str]:
    """The open tasks, the oldest first; of one person, if that is asked for."""
    return await _page(
        desk, request.query_params.get("for", "").strip(), decided=request.query_params.get("decided")
    )


@post("/tasks/{instance:str}/{step:str}/{visit:str}", include_in_schema=False)
async def decide(
    instance: FromPath[str], step: FromPath[str], visit: FromPath[str], request: Request[Any, Any, Any], desk: Given
) -> Response[Any]:
    """Decide a task, and go back to where that was asked for."""
    given = await fields(request, *FIELDS)
    task = f"{instance}/{step}/{visit}"
    decision = given["decision"] or given["word"]  # the word has a button of its own, which says nothing else
    try:
        result = from_json(given["result"], "the result") if given["result"] else None
        await desk.service.executor.complete(
            task, decision, by=given["by"] or None, comments=given["comments"] or None, result=result
        )
    except StatewfError as error:
        return await _page(desk, given["for"], problem_of(error), given, task)
    if given["back"] == "instance":
        return Redirect(path("instances", instance), status_code=303)
    return Redirect(f"/tasks{query(**{'for': given['for']}, decided=task)}", status_code=303)


async def _page(
    desk: Desk,
    person: str,
    problem: Problem | None = None,
    given: Mapping[str, str] | None = None,
    task: str | None = None,
    decided: str | None = None,
) -> Response[str]:

    def look(store: Store) -> tuple[list[Task], dict[str, Card | None]]:
        tasks = store.tasks(assigned_to=person or None, limit=MOST + 1)
        return tasks, {one.instance: store.card(one.instance) for one in tasks}

    found, cards = await desk.service.reader.ask(look)
    told = {
        "given": given or {},
        "wrong": task,
        "decided": decided,
        "person": person,
        "tasks": [task_document(one) for one in found[:MOST]],
        "cards": cards,
        "many": len(found) > MOST,
    }
    here = f"/tasks{query(**{'for': person})}"
    return await desk.page(
        "tasks.html", "Tasks", told, place="tasks", here=here, stream="/api/stream", problem=problem
    )
