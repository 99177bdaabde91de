"""What people type: the fields of forms, and JSON in them.

Below: `values`. Above: the pages with forms, the moves of a game.
"""

from __future__ import annotations

import json
from typing import Any

from litestar import Request
from litestar.exceptions import ClientException

from statewf.errors import DataError, Diagnostic
from statewf.values.canonical import compact
from statewf.values.frozen import freeze, thaw

FORM = "application/x-www-form-urlencoded"
LONG = 60  # letters of a text that are told again


async def fields(request: Request[Any, Any, Any], *names: str) -> dict[str, str]:
    """The fields of a form, without blanks around; what is not there is empty. Raises ClientException."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() not in (FORM, ""):
        raise ClientException(detail=f"a form is sent as {FORM}", status_code=415)
    try:
        form = await request.form()
    except ValueError as error:  # not UTF-8
        raise ClientException(detail=f"the form cannot be read: {error}") from None
    return {name: str(form.get(name, "")).strip() for name in names}


def from_json(text: str, what: str) -> Any:
    """What was typed as JSON; nothing is an empty object. Raises DataError, which says `what` it was to be."""
    if not text.strip():
        return {}
    try:
        read = json.loads(text)
    except (ValueError, RecursionError) as error:
        told = text if len(text) <= LONG else f"{text[:LONG]}…"
        wrong = Diagnostic("bad-json", f"{told} is no JSON: {error}", hint='such as {"total": 30}')
        raise DataError([wrong], what) from None
    return thaw(freeze(read))  # some of what Python reads is none


def in_short(text: str, what: str) -> str:
    """The same JSON, as short as it gets. Raises DataError."""
    return compact(from_json(text, what)) if text.strip() else ""
