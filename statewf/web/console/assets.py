"""The files that pages ask for, by name: what has no such name is not there.

Below: `render`. Above: `app`.
"""

from __future__ import annotations

from litestar import Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from statewf.web.console.desk import Given

KEPT = "public, max-age=31536000, immutable"  # pages ask for them by a print of what is in them


@get("/assets/{name:str}", include_in_schema=False)
async def asset(name: FromPath[str], desk: Given) -> Response[bytes]:
    """A file."""
    found = desk.console.assets.get(name)
    if found is None:
        raise NotFoundException(detail="there is no such file")
    return Response(found.body, media_type=found.media_type, headers={"cache-control": KEPT})
