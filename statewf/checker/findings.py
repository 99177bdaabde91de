"""What the checker says: findings, and the report that holds them with a few figures.

Below: `properties`, whose verdicts a report holds. Above: the rules, which make findings; the command line, which shows them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import attrs

if TYPE_CHECKING:
    from statewf.checker.properties import Verdict
    from statewf.checker.spans import Bounds

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


@attrs.frozen
class Report:
    """All that is to be said of one definition.

    `states` counts as people wrote them, compound ones too; `compiled_states` and `transitions` count the
    compiled table, with the waits between attempts and `$cancelled`; `configurations` is what a run can visit.
    For a workflow (`of_steps`) they count its steps, and the tables of all regions. `visited` is how many configurations
    were looked at, None if nothing was asked for which that is needed; `bounded`: not all were, there are more.
    `verdicts` say what became of each property, in its order.
    """

    name: str
    states: int
    compiled_states: int
    configurations: int
    transitions: int
    findings: tuple[Finding, ...]
    of_steps: bool = False
    bounded: bool = False
    visited: int | None = None
    verdicts: tuple[Verdict, ...] = ()
    bounds: Bounds | None = None  # how long it takes; None where that was not asked

    @property
    def ok(self) -> bool:
        """Whether nothing worse than a warning was found."""
        return not any(finding.severity == "error" for finding in self.findings)

    def document(self) -> dict[str, Any]:
        """The report as JSON, as `statewf check --json` prints it; `bounded` only where it says something."""
        return {
            "ok": self.ok,
            "states": self.states,
            "compiledStates": self.compiled_states,
            "configurations": self.configurations,
            "transitions": self.transitions,
            **({} if self.visited is None else {"visited": self.visited}),
            **({"bounded": True} if self.bounded else {}),
            "findings": [finding.document() for finding in self.findings],
            **({} if self.bounds is None else {"bounds": self.bounds.document()}),
            **({"properties": [verdict.document() for verdict in self.verdicts]} if self.verdicts else {}),
        }
