"""What the checker says of one definition: findings, verdicts, bounds, and a few figures.

Below: `findings`, and the types of what else it holds. Above: the package, which fills it; whoever shows it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from statewf.checker.findings import Finding

if TYPE_CHECKING:  # whoever starts an instance needs no verdicts, nor what makes them
    from statewf.checker.bounds.spans import Bounds
    from statewf.checker.runs.verdict import Verdict


@attrs.frozen
class Report:
    """All that is to be said of one definition.

    `states` counts as people wrote them, compound ones too; `compiled_states` and `transitions` count the
    compiled table, with the waits between attempts and `$cancelled`; `configurations` is what a run can visit.
    For a workflow (`of_steps`) they count its steps, and the tables of all regions; its configurations may be more, unless
    that is `exact`. `visited` is how many configurations were looked at, once more in each way in which that was done, None if
    nothing was asked for which that is needed; `bounded`: not all were, although that was tried.
    `verdicts` say what became of the properties, in their order; `unasked` is how many were not asked, because of errors
    in the structure.
    """

    name: str
    states: int
    compiled_states: int
    configurations: int
    transitions: int
    findings: tuple[Finding, ...]
    of_steps: bool = False
    bounded: bool = False
    exact: bool = True
    visited: int | None = None
    verdicts: tuple[Verdict, ...] = ()
    bounds: Bounds | None = None  # how long it takes; None where that was not asked
    unasked: int = 0

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
            **({} if self.exact else {"exact": False}),
            **({} if self.visited is None else {"visited": self.visited}),
            **({"bounded": True} if self.bounded else {}),
            "findings": [finding.document() for finding in self.findings],
            **({} if self.bounds is None else {"bounds": self.bounds.document()}),
            **({"properties": [verdict.document() for verdict in self.verdicts]} if self.verdicts else {}),
            **({"unasked": self.unasked} if self.unasked else {}),
        }
