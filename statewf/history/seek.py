"""What is looked for, as the condition of a query.

Above: `sqlite`, which asks. It scans: an index on states would cost each step more than looking costs now and then.
"""

from __future__ import annotations

import re

import attrs

from statewf.history.port import Wanted

_CONDITIONS = {
    "name": "name = :name",
    "state": "state = :state",
    "outcome": "ended = :outcome",
    "text": "(id LIKE :text ESCAPE '\\' OR request_id LIKE :text ESCAPE '\\' OR inputs LIKE :text ESCAPE '\\')",
    "since": "created >= :since",
    "until": "created < :until",
    "before": "number < :before",
}


def sought(wanted: Wanted, before: int | None) -> tuple[str, dict[str, object]]:
    """The condition with which a query of instances goes on, and the values that it names."""
    pattern = None if wanted.text is None else f"%{_literal(wanted.text)}%"
    given = {**attrs.asdict(wanted), "text": pattern, "before": before}
    conditions = [condition for name, condition in _CONDITIONS.items() if given[name] is not None]
    return f" WHERE {' AND '.join(conditions)}" if conditions else "", given


def _literal(text: str) -> str:
    """Text within a pattern that stands for nothing but itself."""
    return re.sub(r"[%_\\]", r"\\\g<0>", text)
