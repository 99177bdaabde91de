"""Who stands before all routes: it lets in who may come in, and says what a browser may do with what it is given.

- The `Host` that is asked for must be one of ours: else a name that somebody points at this machine would let their page in.
- What changes something and comes from a page comes from a page of ours: `Origin`, and `Sec-Fetch-Site`, say so.
- Nor can such a page hold anything of ours, as a picture or a frame; it may lead here.
- A form comes from a page, and pages say from whose: a browser so old that it does not is not let in.
- With a token, whoever comes brings it, as `Authorization: Bearer`, or the cookie of a browser that has shown it. People who have
  neither are led to the page where one shows it.
- Long queries and large bodies are refused.

Below: `lock`, `problems`. Above: `app`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

from statewf.web.lock import Lock, cookie_of
from statewf.web.problems import FROM_US, LOOK_UP, MEDIA_TYPE, Problem

LONGEST_QUERY = 8_192  # characters
SAFE = ("GET", "HEAD", "OPTIONS")
OPEN = ("/health", "/ready", "/login")  # which tell nothing, and are asked by who has no token
FILES = "/assets/"  # likewise
BEARER = "bearer "
FORMS = (
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "text/plain",
)  # what a page can send without asking

# Nothing is fetched from anywhere else, nothing runs that is not a file of ours, and nobody puts us into a frame.
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}


class Guard:
    """An ASGI application before another one. `hosts` are the names, with ports, under which we may be asked for."""

    def __init__(self, inner: Any, hosts: Iterable[str], lock: Lock | None = None) -> None:
        self._inner = inner
        self._hosts = frozenset(host.lower() for host in hosts)
        self._lock = lock

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return

        async def guarded(message: Any) -> None:
            if message["type"] == "http.response.start":
                given = {name for name, _ in message["headers"]}
                more = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message["headers"] = [*message["headers"], *(pair for pair in more if pair[0] not in given)]
            await send(message)

        sent: Sequence[tuple[bytes, bytes]] = scope["headers"]
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in sent}
        problem = self._refused(scope, headers)
        if problem is None and scope["method"] == "HEAD" and not scope["path"].endswith("/stream"):
            await self._inner({**scope, "method": "GET"}, receive, guarded)  # the server leaves out the body
        elif problem is None:
            await self._inner(scope, receive, guarded)
        elif problem.status == 401 and _is_person(scope, headers):
            await _lead_to_login(scope, guarded)
        else:
            await _answer(problem, guarded)

    def _refused(self, scope: Any, headers: dict[str, str]) -> Problem | None:
        """Why whoever asks is not let in."""
        host = headers.get("host", "").lower()
        if host not in self._hosts:
            hint = "--allow-host says under which other names it may be asked for"
            return Problem(421, "unknown-host", "this service is not known under that name", hint)
        if scope["method"] not in SAFE and _is_foreign(headers, host):
            return Problem(403, "foreign-origin", "a page of somebody else cannot change anything here", FROM_US)
        if _is_embedded(headers):
            return Problem(
                403, "foreign-origin", "a page of somebody else can lead here, and hold nothing of ours", FROM_US
            )
        if len(scope["query_string"]) > LONGEST_QUERY:
            return Problem(414, "long-query", f"a query has {LONGEST_QUERY:,} characters at most", LOOK_UP)
        if self._lock is not None and not _is_open(scope["path"]) and not _is_known(self._lock, headers, host):
            hint = "send the token as Authorization: Bearer TOKEN"
            return Problem(401, "unauthorized", "whoever asks has to bring the token", hint)
        return None


def _is_open(path: str) -> bool:
    return path in OPEN or path.startswith(FILES)


def _is_known(lock: Lock, headers: dict[str, str], host: str) -> bool:
    given = headers.get("authorization", "")
    if given[: len(BEARER)].lower() == BEARER:
        return lock.opens(given[len(BEARER) :].strip())
    name = f"{cookie_of(host)}="  # of others' cookies, which may look like anything, nothing is read
    parts = (part.strip() for part in headers.get("cookie", "").split(";"))
    return any(lock.knows(part.removeprefix(name)) for part in parts if part.startswith(name))


def _is_embedded(headers: dict[str, str]) -> bool:
    """Whether a page of somebody else asks for it as a part of itself: that costs us work, and shows them nothing."""
    return (
        headers.get("sec-fetch-site") in ("cross-site", "same-site") and headers.get("sec-fetch-mode") != "navigate"
    )


def _is_person(scope: Any, headers: dict[str, str]) -> bool:
    """Whether a browser asks for a page."""
    return scope["method"] == "GET" and "text/html" in headers.get("accept", "")


def _is_foreign(headers: dict[str, str], host: str) -> bool:
    """Whether a page of somebody else has sent this. Programs that are no browsers say nothing of the kind, and send no forms."""
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if origin is None and site is None:
        return headers.get("content-type", "").partition(";")[0].strip().lower() in FORMS
    if site is not None and site not in ("same-origin", "none"):
        return True
    return origin is not None and origin.partition("://")[2].lower() != host


async def _lead_to_login(scope: Any, send: Any) -> None:
    asked = scope["raw_path"].decode("latin-1")  # in which names are still quoted
    if scope["query_string"]:
        asked += f"?{scope['query_string'].decode('latin-1')}"
    location = f"/login?next={quote(asked, safe='/')}"
    await send({"type": "http.response.start", "status": 303, "headers": [(b"location", location.encode())]})
    await send({"type": "http.response.body", "body": b""})


async def _answer(problem: Problem, send: Any) -> None:
    body = problem.body
    told = {"content-type": MEDIA_TYPE, "content-length": str(len(body)), **problem.headers}
    if problem.status == 401:
        told["www-authenticate"] = "Bearer"
    headers = [(name.encode(), value.encode()) for name, value in told.items()]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
