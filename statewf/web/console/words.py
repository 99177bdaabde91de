"""Values as people read them: what the templates call.

Times are told in UTC, as what knows no better: a script puts them into the zone of whoever looks, and lets those run that lie
ahead. Above: `render`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from statewf.values.canonical import compact
from statewf.values.duration import spoken

SHORT = 160  # letters of a value that stands in a line
REGION = "main"  # where a state machine is
TRIED = ("running", "succeeded", "failed", "compensating", "cancelling")  # where it matters how often it was tried


def present() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def lasting(ms: float) -> str:
    """A duration: no time at all is 0."""
    whole = round(ms)
    return spoken(whole) if whole else "0"


def moment(at: int) -> str:
    """A time of the wall clock."""
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def iso(at: int) -> str:
    """The same for machines."""
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def away(at: int) -> str:
    """How far from now that is."""
    left = at - present()
    told = lasting(abs(left) if abs(left) < 1_000 else abs(left) // 1_000 * 1_000)
    return f"in {told}" if left > 0 else f"{told} ago"


def timer(name: str) -> str:
    """A timer: those of a machine's own are named for what they do."""
    kind, _, of = name.partition(":")
    known = {"$timeout": "time limit of", "$retry": "next attempt at"}
    return f"{known[kind]} {of}" if kind in known and of else name


def pretty(value: Any) -> str:
    """JSON in lines."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def short(value: Any) -> str:
    """JSON in one line, cut where it is long; text has no quotes."""
    text = value if isinstance(value, str) else compact(value)
    text = " ".join(text.split())
    return text if len(text) <= SHORT else f"{text[: SHORT - 1]}…"


def changed(row: Mapping[str, Any]) -> list[str]:
    """What a row of a history changed: `validating → validated`, or `read succeeded`."""
    changes: Sequence[Mapping[str, Any]] = row["changes"]
    if all(change["region"] == REGION for change in changes):
        return [_move(change["from"], change["to"], change["attempt"]) for change in changes]
    last = {change["region"]: change for change in changes}
    return [f"{step} {_setting(change['to'], change['attempt'])}" for step, change in last.items()]


def _move(source: str | None, target: str, attempt: int) -> str:
    return f"{target}, attempt {attempt}" if attempt > 1 else f"{source or '·'} → {target}"


def _setting(state: str, attempt: int) -> str:
    return f"{state}, attempt {attempt}" if attempt > 1 and state in TRIED else state
