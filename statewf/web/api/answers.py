"""What is answered under which status, for the OpenAPI document: what was asked for, or a problem; each with an example.

Above: the routes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example

from statewf.errors import Archived, KeyConflict, StoreBusy, StoreError
from statewf.web.api.documents import ProblemDocument
from statewf.web.problems import FROM_US, HINTS, LOOK_UP, MEDIA_TYPE, Problem

MEANS: Mapping[int, tuple[str, Problem]] = {
    400: (
        "what was sent does not fit this document",
        Problem(
            400,
            "invalid",
            "$.machine: Object missing required field",
            LOOK_UP,
        ),
    ),
    401: (
        "the token is missing, or is another one",
        Problem(
            401,
            "unauthorized",
            "whoever asks has to bring the token",
            "send the token as Authorization: Bearer TOKEN",
        ),
    ),
    403: (
        "a page of somebody else asks",
        Problem(403, "foreign-origin", "a page of somebody else cannot change anything here", FROM_US),
    ),
    404: (
        "there is none",
        Problem(
            404,
            "unknown-instance",
            "there is no instance order-5d2c8a1b9e07",
            "GET /api/instances lists what there is",
        ),
    ),
    409: (
        "it cannot be now, and nothing changed",
        Problem(
            409,
            "rejected",
            "SHIPPED was rejected (unexpected): pending does not accept it; allowed now: VALIDATE, CANCEL",
            "it accepts VALIDATE, CANCEL now",
            {
                "event": "SHIPPED",
                "disposition": "rejected",
                "reason": "unexpected",
                "allowed": ["VALIDATE", "CANCEL"],
                "faults": [],
            },
        ),
    ),
    410: (
        "it was archived",
        Problem(
            410, "archived", "order-5d2c8a1b9e07 ended in delivered (success), and was archived", HINTS[Archived]
        ),
    ),
    413: ("the body is too large", Problem(413, "request-entity-too-large", "Request Entity Too Large", LOOK_UP)),
    422: (
        "what was sent reads, but is wrong",
        Problem(
            422, "key-conflict", "the key evt-1 was used before for another event or other data", HINTS[KeyConflict]
        ),
    ),
    500: (
        "a bug, or a damaged store",
        Problem(500, "store-error", "orders.db is damaged: its history cannot be read", HINTS[StoreError]),
    ),
    503: (
        "not just now: try again",
        Problem(503, "store-busy", "another process writes to the store just now", HINTS[StoreBusy]),
    ),
    504: (
        "nobody knows whether the owner of the store took it",
        Problem(
            504, "unknown", "the owner of the store gives no answer", "ask again with the same key or requestId"
        ),
    ),
}
ALWAYS = (400, 401, 403, 500, 503)


def problems(*statuses: int) -> dict[int, ResponseSpec]:
    """The problems of a route: these, and those that every route may answer with."""
    return {status: _spec(status) for status in sorted({*ALWAYS, *statuses})}


def gives(kind: Any, means: str, example: Any) -> ResponseSpec:
    """What was asked for: what it looks like, what it means, and one of it."""
    return ResponseSpec(kind, description=means, examples=[_example(example)], generate_examples=False)


def _spec(status: int) -> ResponseSpec:
    means, example = MEANS[status]
    shown = [_example(example.document)]
    return ResponseSpec(
        ProblemDocument, description=means, media_type=MEDIA_TYPE, examples=shown, generate_examples=False
    )


def _example(value: Any) -> Example:
    """An example, written down already: of others the library leaves out what is null."""
    return Example(value=msgspec.Raw(msgspec.json.encode(value)))
