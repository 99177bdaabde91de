"""Under which statuses problems come, for the OpenAPI document.

Above: the routes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example

from statewf.web.api.documents import ProblemDocument
from statewf.web.problems import MEDIA_TYPE, Problem

MEANS: Mapping[int, tuple[str, Problem]] = {
    400: (
        "what was sent does not fit this document",
        Problem(
            400,
            "invalid",
            "$.machine: Object missing required field",
            "GET /api/openapi.json says what is expected",
        ),
    ),
    401: (
        "the token is missing, or is another one",
        Problem(401, "unauthorized", "whoever asks has to bring the token"),
    ),
    403: (
        "a page of somebody else asks",
        Problem(403, "foreign-origin", "a page of somebody else cannot change anything here"),
    ),
    404: ("there is none", Problem(404, "unknown-instance", "there is no instance order-5d2c8a1b9e07")),
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
        Problem(410, "archived", "order-5d2c8a1b9e07 ended in delivered (success), and was archived"),
    ),
    413: ("the body is too large", Problem(413, "request-entity-too-large", "Request Entity Too Large")),
    422: (
        "what was sent reads, but is wrong",
        Problem(422, "key-conflict", "the key evt-1 was used before for another event or other data"),
    ),
    500: (
        "a bug, or a damaged store",
        Problem(500, "store-error", "orders.db is damaged: its history cannot be read"),
    ),
    503: ("not just now: try again", Problem(503, "store-busy", "another process writes to the store just now")),
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


def _spec(status: int) -> ResponseSpec:
    means, example = MEANS[status]
    shown: Any = Example(value=example.document)
    return ResponseSpec(ProblemDocument, description=means, media_type=MEDIA_TYPE, examples=[shown])
