"""A step workflow as a picture: boxes in the order of their dependencies, blocks around their branches.

A condition has no box around its branches: ways part at it, and go on from the ends of its branches. Where
many ways would cross (several ends, several steps behind), they meet in a point between.

Below: `compiler.plan`, `flow`, `standing`, `step_labels`. Above: `draw`.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from statewf.compiler.plan import Plan, Planned, plan
from statewf.definition.model import Workflow
from statewf.diagram.flow import END, MEET, START, Box, Fate, Flow, Link
from statewf.diagram.standing import Standings, standings
from statewf.diagram.step_labels import step_lines
from statewf.machine.snapshot import Snapshot

ENDS: dict[str, Fate] = {
    "completed": "succeeded",
    "failed": "failed",
    "timed-out": "failed",
    "compensated": "undone",
    "compensation-failed": "not-undone",
    "cancelled": "cancelled",
}


def flow(workflow: Workflow, snapshot: Snapshot | None = None) -> Flow:
    """The picture of a workflow; with a snapshot of an instance, what became of each step there."""
    planned = plan(workflow)
    seen = None if snapshot is None else standings(planned, snapshot)
    drawing = _Drawing(planned, seen, _exits(planned), _around(planned))
    boxes = (drawing.start(), *drawing.boxes(), drawing.end())
    return Flow(workflow.name, boxes, tuple(drawing.links()), seen.workflow if seen else None)


@attrs.frozen
class _Exit:
    """Where a step ends: at its box, or at those of its branches, or at the choice, where one has no step."""

    node: Planned
    label: str = ""


def _exits(plan: Plan) -> dict[str, tuple[_Exit, ...]]:
    found: dict[str, tuple[_Exit, ...]] = {}
    for node in reversed(plan.nodes.values()):  # what lies within comes after it, and so first here
        if node.step.type == "condition":
            branches = tuple(end for inner in node.inner for end in found[inner.id])
            found[node.id] = branches if node.step.else_ is not None else (*branches, _Exit(node, "else"))
        else:
            found[node.id] = (_Exit(node),)
    return found


def _around(plan: Plan) -> dict[str, str | None]:
    """The block around each step."""
    found: dict[str, str | None] = {}
    for node in plan.nodes.values():
        outer = node.parent
        if outer is None:
            found[node.id] = None
        else:
            found[node.id] = outer.id if outer.step.type == "parallel" else found[outer.id]
    return found


@attrs.frozen
class _Drawing:
    """A picture in the making."""

    plan: Plan
    seen: Standings | None
    exits: dict[str, tuple[_Exit, ...]]
    around: dict[str, str | None]

    # --- boxes

    def start(self) -> Box:
        return Box(START, "", "start")

    def end(self) -> Box:
        if self.seen is None:
            return Box(END, "", "end")
        return Box(END, "", "end", fate=ENDS.get(self.seen.workflow, "ahead"))

    def boxes(self) -> Iterator[Box]:
        for node in self.plan.nodes.values():
            yield self.box(node)
            if self.meets(node):
                yield Box(MEET + node.id, "", "meet", parent=self.around[node.id])

    def box(self, node: Planned) -> Box:
        step = node.step
        lines = step_lines(step, self.plan.workflow.error_handling.default_retry_policy)
        box = Box(node.id, step.name or step.id, step.type, lines, self.around[node.id], not step.required)
        if self.seen is None:
            return box
        here = self.seen.steps[node.id]
        return attrs.evolve(box, fate=here.fate, status=here.status)

    def meets(self, node: Planned) -> bool:
        """Whether the ways from it meet in a point."""
        return len(self.exits[node.id]) > 1 and len(node.before) > 1

    # --- links

    def links(self) -> Iterator[Link]:
        for node in self.plan.nodes.values():
            yield from self.ways_in(node)
            yield from self.branches(node)
            if self.meets(node):
                over = self.seen is not None and self.seen.over(node)
                yield from (self.way(end, MEET + node.id, come=over) for end in self.exits[node.id])
        completed = self.seen is not None and self.seen.workflow == "completed"
        for root in self.plan.roots:
            if not root.before:
                yield from (self.way(end, END, come=completed) for end in self.exits[root.id])

    def ways_in(self, node: Planned) -> Iterator[Link]:
        come = self.seen is not None and self.seen.reached(node)
        if node.parent is None and not node.after:
            yield Link(START, node.id, taken=come)
        for other in node.after:
            if self.meets(other):
                yield Link(MEET + other.id, node.id, taken=come)
            else:
                yield from (self.way(end, node.id, come=come) for end in self.exits[other.id])

    def branches(self, node: Planned) -> Iterator[Link]:
        if node.step.type == "condition":
            for inner, label in zip(node.inner, ("then", "else"), strict=False):
                yield Link(node.id, inner.id, label, self.seen is not None and self.seen.reached(inner))

    def way(self, end: _Exit, target: str, *, come: bool) -> Link:
        return Link(end.node.id, target, end.label, come and self.went(end))

    def went(self, end: _Exit) -> bool:
        """Whether an instance went on from there."""
        if self.seen is None or not self.seen.over(end.node):
            return False
        return not end.label or not self.seen.reached(end.node.inner[0])
