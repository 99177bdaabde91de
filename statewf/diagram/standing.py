"""What became of each step of a workflow's instance: what a picture of it is coloured by.

Below: `compiler` (its plan) and `machine`. Above: `flows`. It is to workflows what `journey` is to state
machines, but a snapshot tells all: no step is left behind without a trace of how it ended.
"""

from __future__ import annotations

import attrs

from statewf.compiler.plan import Plan, Planned
from statewf.diagram.flow import Fate
from statewf.machine.naming import base
from statewf.machine.snapshot import Snapshot, region_state

FATES: dict[str, Fate] = {
    "waiting": "ahead",
    "running": "running",
    "backoff": "running",
    "cancelling": "running",
    "compensating": "running",
    "review": "asked",
    "assigned": "asked",
    "escalated": "asked",
    "succeeded": "succeeded",
    "failed": "failed",
    "skipped": "skipped",
    "cancelled": "cancelled",
    "compensated": "undone",
    "compensation-failed": "not-undone",
}


@attrs.frozen
class Standing:
    """Where one step is. `visit` is 0 as long as it has not begun, whatever became of it since."""

    node: Planned
    state: str
    attempt: int
    visit: int

    @property
    def fate(self) -> Fate:
        """What it is coloured by."""
        if self.state == "running" and self.node.step.type in ("wait", "event"):
            return "asked"
        return FATES[self.state]

    @property
    def status(self) -> str | None:
        """What is worth telling besides its colour."""
        tells_itself = self.state in ("waiting", "succeeded")
        if self.state == "backoff":
            return f"waiting for attempt {self.attempt + 1}"
        if self.attempt == 1 or self.state == "skipped":
            return None if tells_itself else self.state
        return f"attempt {self.attempt}" if tells_itself else f"{self.state}, attempt {self.attempt}"


@attrs.frozen
class Standings:
    """Where a whole workflow is: its own state, and that of each step by id."""

    workflow: str
    steps: dict[str, Standing]

    def reached(self, node: Planned) -> bool:
        """Whether it was its turn: it began, or was judged without beginning."""
        here = self.steps[node.id]
        if here.visit:
            return True
        judged = here.fate in ("skipped", "failed") and (
            node.parent is None or self.steps[node.parent.id].visit > 0
        )
        return judged and (node.parent is None or node.parent.step.type != "condition")

    def over(self, node: Planned) -> bool:
        """Whether it went on from there: not where it was cancelled, or still is."""
        return self.reached(node) and self.steps[node.id].state in (
            *("succeeded", "failed", "skipped"),
            *("compensating", "compensated", "compensation-failed"),
        )


def standings(plan: Plan, snapshot: Snapshot) -> Standings | None:
    """Where the instance is whose snapshot this is; None before its start."""
    if not snapshot.seq:
        return None
    found: dict[str, Standing] = {}
    for number, node in enumerate(plan.nodes.values(), 1):  # region 0 is the workflow
        state, attempt, visit = region_state(snapshot.regions, number)
        found[node.id] = Standing(node, base(state), attempt, visit)
    return Standings(base(region_state(snapshot.regions, 0)[0]), found)
