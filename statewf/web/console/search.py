"""The page of instances: finding them, the newest first.

Below: `desk`. Above: `app`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from litestar import Request, Response, get

from statewf.history.port import Wanted
from statewf.web.console.desk import Given
from statewf.web.paths import query

MOST = 50  # instances on a page
FIELDS = ("text", "machine", "state", "outcome", "since", "until")
OUTCOMES = {"running": "", "success": "success", "failure": "failure"}
LONGEST = 200  # letters that are looked for
DAY = 86_400_000  # ms


@get("/instances", include_in_schema=False)
async def instances(request: Request[Any, Any, Any], desk: Given) -> Response[str]:
    """Those for which all of that is so. What no date is, or no place to go on from, is of no matter."""
    asked = {name: request.query_params.get(name, "").strip()[:LONGEST] for name in FIELDS}
    cursor = request.query_params.get("cursor", "")
    before = int(cursor) if cursor.isascii() and cursor.isdecimal() and len(cursor) < 19 else None
    until = _day(asked["until"])
    wanted = Wanted(
        asked["machine"] or None,
        asked["state"] or None,
        OUTCOMES.get(asked["outcome"]),
        asked["text"] or None,
        _day(asked["since"]),
        None if until is None else until + DAY,
    )
    reader = desk.service.reader
    found = await reader.ask(lambda store: store.search(wanted, before=before, limit=MOST + 1))
    names = await reader.ask(lambda store: store.names())
    census = await desk.service.counts.census()
    here = [count for count in census if asked["machine"] in ("", count.name)]
    more = query(**asked, cursor=found[MOST - 1].number) if len(found) > MOST else None
    stream = None if before is not None else f"/api/stream{query(machine=asked['machine'])}"
    given = {
        "asked": asked,
        "instances": found[:MOST],
        "names": names,
        "states": sorted({count.state for count in here}),
        "newest": before is None,
        "first": query(**asked),
        "more": more,
    }
    return await desk.page("instances.html", "Instances", given, place="instances", stream=stream)


def _day(text: str) -> int | None:
    """When a day begins, UTC, ms since the epoch."""
    try:
        return round(datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).timestamp() * 1000)
    except ValueError:
        return None
