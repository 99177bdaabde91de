"""How much has to happen at least before a step of a workflow can take an event: what makes the search go straight.

Whatever a step waits for has to settle first. A call, a task, a delay each needs something that happens to it alone, so
these can be counted. What may be skipped, or settled together with others, counts for nothing. So the number never is
too high, and a search that goes by the way behind it plus this number finds a shortest way.

Below: the compiler's plan. Above: `foresight`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import attrs

from statewf.compiler import Notes
from statewf.compiler.plan import Planned, plan
from statewf.compiler.settling import lineage
from statewf.compiler.signals import FINAL
from statewf.definition.model import Workflow
from statewf.machine.fsm import Machine
from statewf.machine.snapshot import Snapshot, region_state


@attrs.frozen(eq=False)
class Needs:
    """By the number of each region that may take the event: the steps that have to settle before it begins."""

    machine: Machine
    waits: Mapping[int, tuple[Planned, ...]]

    def left(self, snapshot: Snapshot, *, events: int = 0) -> int:
        """How much is left at least, for the nearest of them. `events`: how much an event that is awaited counts."""
        return min((self._all(steps, snapshot, events) for steps in self.waits.values()), default=0)

    def _all(self, steps: Iterable[Planned], snapshot: Snapshot, events: int) -> int:
        return sum(self._of(step, snapshot, events) for step in steps if self._state(step, snapshot) not in FINAL)

    def _of(self, node: Planned, snapshot: Snapshot, events: int) -> int:
        """How much one step needs to settle; one that may be skipped, or called off by a sibling, needs nothing."""
        step = node.step
        if self._state(node, snapshot).startswith("waiting"):
            lonely = node.chooses and len(node.inner) == 1
            if step.when is not None or lonely or (node.parent is not None and node.after):
                return 0
        match step.type:
            case "function" | "human-task" | "wait":
                return 1
            case "event":
                return events
            case "parallel" | "condition":
                return self._within(node, snapshot, events)

    def _within(self, block: Planned, snapshot: Snapshot, events: int) -> int:
        """How much a block needs: of all its branches, of the nearest one, or only its timeout."""
        unsettled = [branch for branch in block.inner if self._state(branch, snapshot) not in FINAL]
        inner = [self._of(branch, snapshot, events) for branch in unsettled]
        is_all = block.step.type == "parallel" and block.step.strategy == "all"
        total = sum(inner) if is_all else min(inner, default=0)
        return min(total, 1) if block.step.timeout is not None else total

    def _state(self, node: Planned, snapshot: Snapshot) -> str:
        return str(region_state(snapshot.regions, self.machine.numbers[node.id])[0])


def needs(machine: Machine, event: str) -> Needs:
    """What is needed for that event; of a state machine nothing is known."""
    assert isinstance(machine.notes, Notes), "a machine that no compiler made"
    if not isinstance(machine.notes.definition, Workflow):
        return Needs(machine, {})
    nodes = plan(machine.notes.definition).nodes
    takers = machine.listeners[event]
    return Needs(machine, {number: tuple(_before(nodes[machine.regions[number].name])) for number in takers})


def _before(node: Planned) -> Iterator[Planned]:
    """What it waits for, and what those wait for, and so on; the same of each block around it."""
    for around in lineage(node):
        found: dict[int, Planned] = {}
        queue = list(around.after)
        for other in queue:  # grows while it is read
            if other.number not in found:
                found[other.number] = other
                queue += other.after
        yield from found.values()
