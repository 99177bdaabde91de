"""Who stands before all routes: it lets in who may come in, and says what a browser may do with what it is given.

- The `Host` that is asked for must be one of ours: else a name that somebody points at this machine would let their page in.
- What changes something and comes from a page comes from a page of ours: `Origin`, and `Sec-Fetch-Site`, say so.
- With a token, whoever comes brings it, as `Authorization: Bearer`. It is compared in constant time.
- Long queries and large bodies are refused.

Below: `problems`. Above: `app`.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Sequence
from typing import Any

from statewf.web.problems import MEDIA_TYPE, Problem

LONGEST_QUERY = 8_192  # characters
SAFE = ("GET", "HEAD", "OPTIONS")
OPEN = ("/health", "/ready")  # which tell nothing, and are asked by who has no token
BEARER = "bearer "

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

    def __init__(self, inner: Any, hosts: Iterable[str], token: str | None = None) -> None:
        self._inner = inner
        self._hosts = frozenset(host.lower() for host in hosts)
        self._token = token

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

        problem = self._refused(scope)
        if problem is None:
            await self._inner(scope, receive, guarded)
        else:
            await _answer(problem, guarded)

    def _refused(self, scope: Any) -> Problem | None:
        """Why whoever asks is not let in."""
        headers: Sequence[tuple[bytes, bytes]] = scope["headers"]
        known = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}
        host = known.get("host", "").lower()
        if host not in self._hosts:
            hint = "--allow-host says under which other names it may be asked for"
            return Problem(421, "unknown-host", "this service is not known under that name", hint)
        if scope["method"] not in SAFE and _is_foreign(known, host):
            return Problem(403, "foreign-origin", "a page of somebody else cannot change anything here")
        if len(scope["query_string"]) > LONGEST_QUERY:
            return Problem(414, "long-query", f"a query has {LONGEST_QUERY:,} characters at most")
        if self._token is not None and scope["path"] not in OPEN and not self._is_known(known):
            hint = "send the token as Authorization: Bearer TOKEN"
            return Problem(401, "unauthorized", "whoever asks has to bring the token", hint)
        return None

    def _is_known(self, headers: dict[str, str]) -> bool:
        assert self._token is not None
        given = headers.get("authorization", "")
        brought = given[len(BEARER) :].strip() if given[: len(BEARER)].lower() == BEARER else ""
        return hmac.compare_digest(brought.encode(), self._token.encode())


def _is_foreign(headers: dict[str, str], host: str) -> bool:
    """Whether a page of somebody else has sent this. Programs that are no browsers say nothing of the kind."""
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return True
    return origin is not None and origin.partition("://")[2].lower() != host


async def _answer(problem: Problem, send: Any) -> None:
    body = problem.body
    told = {"content-type": MEDIA_TYPE, "content-length": str(len(body)), **problem.headers}
    if problem.status == 401:
        told["www-authenticate"] = "Bearer"
    headers = [(name.encode(), value.encode()) for name, value in told.items()]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
