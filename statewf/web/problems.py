"""What went wrong, as a problem document (RFC 9457), and under which status.

Below: errors. Above: `guard` and `app`, which answer with it. Nothing here knows the library that the routes are written with, but
its errors of HTTP.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import attrs
from litestar.exceptions import HTTPException, ValidationException

from statewf import errors
from statewf.errors import Diagnostic, EventRejected, InputError, StatewfError, Unknown
from statewf.values.canonical import canonical

MEDIA_TYPE = "application/problem+json"
SOON = 1  # seconds after which what was refused because of the moment may be tried again

STATUS: Mapping[type[StatewfError], int] = {
    EventRejected: 409,
    errors.RequestConflict: 409,
    errors.KeyConflict: 422,
    errors.Archived: 410,
    errors.UnknownInstance: 404,
    errors.UnknownMachine: 404,
    errors.UnknownTask: 404,
    InputError: 422,
    Unknown: 504,
    errors.StoreBusy: 503,
    errors.Closed: 503,
    errors.StoreError: 500,
    StatewfError: 400,
}
LOOK_UP = "GET /api/openapi.json says what there is, and what is expected"
FROM_US = "a program sends no Origin, nor Sec-Fetch-Site; a page of this service sends its own"
HINTS: Mapping[type[StatewfError], str] = {
    errors.KeyConflict: "give each event a key of its own, and the same key only to the same event again",
    errors.RequestConflict: "give each request a requestId of its own, and the same one only to the same inputs again",
    errors.UnknownInstance: "GET /api/instances lists what there is",
    errors.UnknownMachine: "GET /api/machines lists what there is; POST /api/machines deploys one",
    errors.UnknownTask: "GET /api/tasks lists what there is",
    Unknown: "ask again with the same key or requestId: that is never done twice",
    errors.StoreBusy: "ask again in a moment",
    errors.Closed: "ask again in a moment",
    errors.Archived: "its file, which `statewf archive` wrote, has all of it",
    errors.StoreError: "statewf verify tells what is wrong with a store",
    StatewfError: LOOK_UP,
}


@attrs.frozen
class Problem:
    """A status, and all that is told with it; `more` are members of its own, `beside` further headers."""

    status: int
    code: str
    detail: str
    hint: str
    more: Mapping[str, Any] = attrs.field(factory=dict)
    beside: Mapping[str, str] = attrs.field(factory=dict)

    @property
    def document(self) -> dict[str, Any]:
        """The problem document."""
        return {
            "type": f"urn:statewf:problem:{self.code}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "hint": self.hint,
            **self.more,
        }

    @property
    def body(self) -> bytes:
        """The same as JSON."""
        return canonical(self.document).encode()

    @property
    def headers(self) -> dict[str, str]:
        """What is said beside it."""
        soon = {"retry-after": str(SOON)} if self.status == HTTPStatus.SERVICE_UNAVAILABLE else {}
        return {**soon, **self.beside}


def problem_of(error: Exception) -> Problem:
    """What is told of an error. Of a bug only that it is one: the rest is for the log."""
    match error:
        case EventRejected():
            told = {"event": error.event, "disposition": "rejected", "reason": error.reason}
            lists = {"allowed": list(error.allowed), "faults": list(error.faults)}
            accepts = ", ".join(error.allowed)
            hint = f"it accepts {accepts} now" if accepts else "it takes nothing any more, or waits for an answer"
            return Problem(409, "rejected", str(error), hint, {**told, **lists})
        case InputError():
            first = error.diagnostics[0]
            return Problem(422, _kebab(error), str(error), first.hint or LOOK_UP, _mistakes(error.diagnostics))
        case StatewfError():
            kind = next(kind for kind in STATUS if isinstance(error, kind))
            return Problem(STATUS[kind], _kebab(error), str(error), HINTS.get(kind, LOOK_UP))
        case ValidationException():
            return _invalid(error)
        case HTTPException():
            detail = error.detail or _phrase(error.status_code)
            beside = dict(error.headers or {})  # which methods there are, say
            return Problem(error.status_code, _code(error.status_code), detail, LOOK_UP, {}, beside)
        case RecursionError():
            return Problem(
                400, "too-deep", "what was sent is nested too deeply", "a hundred levels are enough for anybody"
            )
        case _:
            hint = "it is a bug; the log of the service tells more"
            return Problem(500, "internal-error", "something went wrong that nobody foresaw", hint)


def _invalid(error: ValidationException) -> Problem:
    """What does not fit the OpenAPI document."""
    extra = error.extra if isinstance(error.extra, list) else []
    found = [
        Diagnostic("invalid", _said(str(one.get("message", ""))), _place(str(one.get("key", ""))))
        for one in extra
        if isinstance(one, dict)
    ]
    told = "; ".join(f"{one.path}: {one.message}" for one in found) or error.detail
    return Problem(400, "invalid", told, LOOK_UP, _mistakes(found))


def _said(message: str) -> str:
    """What is told of it: of a body that is not there the library tells the name that the routes give it."""
    return "a body is missing" if message == "'data'" else message


def _place(key: str) -> str:
    """Where that is: of a body, which the routes call `data`, without that name."""
    named = key.removeprefix("data").lstrip(".")
    return f"$.{named}" if named else "$"


def _mistakes(diagnostics: Any) -> dict[str, Any]:
    return {"errors": [attrs.asdict(one) for one in diagnostics]}


def _kebab(error: Exception) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", type(error).__name__).lower()


def _code(status: int) -> str:
    return _phrase(status).lower().replace(" ", "-")


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase
