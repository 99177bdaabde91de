"""One thing that is wrong with a definition, or may be.

Below: nothing. Above: the rules, which make findings; the report, which holds them.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import attrs

Severity: TypeAlias = Literal["error", "warning"]


@attrs.frozen
class Finding:
    """One fault. `where` is its place in the document (`$.states.paid.on.SHIP`).

    `trace` is what has to happen after the start to get there: events, and triggers of the machine's own
    such as `$timeout:paid`. It is empty where the fault is in no particular run.
    """

    rule: str
    severity: Severity
    where: str
    message: str
    trace: tuple[str, ...] = ()
    line: int | None = None
    hint: str | None = None

    def document(self) -> dict[str, Any]:
        """The finding as JSON; `line` and `hint` only where they are known."""
        known = {"line": self.line, "hint": self.hint}
        return {
            "rule": self.rule,
            "severity": self.severity,
            "where": self.where,
            "message": self.message,
            "trace": list(self.trace),
            **{key: value for key, value in known.items() if value is not None},
        }
