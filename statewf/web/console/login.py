"""The page to log in, for a service with a token.

What a browser is given is a cookie that no script reads and no other site has sent. Below: `lock`, `desk`. Above: `app`.
"""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, get, post
from litestar.datastructures import Cookie
from litestar.response import Redirect

from statewf.web.console.desk import Given
from statewf.web.console.typed import fields
from statewf.web.lock import cookie_of
from statewf.web.problems import Problem


@get("/login", include_in_schema=False)
async def login(request: Request[Any, Any, Any], desk: Given) -> Response[Any]:
    """Ask for the token; where none is needed there is nothing to ask."""
    target = _ours(request.query_params.get("next", ""))
    if desk.lock is None:
        return Redirect(target, status_code=303)
    return await desk.page("login.html", "Log in", {"next": target}, place="login")


@post("/login", include_in_schema=False)
async def enter(request: Request[Any, Any, Any], desk: Given) -> Response[Any]:
    """Let in whoever brings the token."""
    given = await fields(request, "next", "token")
    target = _ours(given["next"])
    if desk.lock is None:
        return Redirect(target, status_code=303)
    if not desk.lock.opens(given["token"]):
        problem = Problem(403, "wrong-token", "that is not the token of this service", "whoever runs it knows it")
        return await desk.page(
            "login.html", "Log in", {"next": target}, place="login", here="/login", problem=problem
        )
    return Redirect(target, status_code=303, cookies=[_cookie(request, desk.lock.session)])


@post("/logout", include_in_schema=False)
async def leave(request: Request[Any, Any, Any]) -> Response[Any]:
    """Forget who it was."""
    return Redirect("/login", status_code=303, cookies=[_cookie(request, "", 0)])


def _cookie(request: Request[Any, Any, Any], value: str, seconds: int | None = None) -> Cookie:
    headers = request.headers  # behind a proxy the browser alone knows how it came
    secure = request.url.scheme == "https" or headers.get("origin", "").startswith("https://")
    name = cookie_of(headers.get("host", ""))
    return Cookie(key=name, value=value, max_age=seconds, httponly=True, samesite="strict", secure=secure)


def _ours(target: str) -> str:
    """Where to go from there: a path of our own, or the first page."""
    return target if target.startswith("/") and not target.startswith(("//", "/\\")) else "/"
