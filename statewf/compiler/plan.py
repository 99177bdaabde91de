"""The steps of a workflow where they stand: who lies in whom, who waits for whom, in which order all is undone.

Pure geometry, under `steps` and `check_steps`, as `tree` is under `states`.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from functools import cached_property

import attrs

from statewf.definition.model import Step, Workflow

Path = tuple[str | int, ...]


@attrs.frozen(eq=False)
class Planned:
    """A step where it stands. `number` is its place in the document, over all levels, from 0.

    `after` are the siblings it waits for, `before` those that wait for it, `inner` the steps within it.
    """

    step: Step
    path: Path
    number: int
    parent: Planned | None
    after: list[Planned] = attrs.field(factory=list, repr=False)
    before: list[Planned] = attrs.field(factory=list, repr=False)
    inner: list[Planned] = attrs.field(factory=list, repr=False)

    @property
    def id(self) -> str:
        """The id of the step, which is the name of its region."""
        return self.step.id

    @property
    def tolerant(self) -> bool:
        """Whether others go on when it fails."""
        if self.step.on_error == "rollback":
            return False
        return not self.step.required or self.step.on_error == "log-and-continue"

    @property
    def rolls_back_within(self) -> bool:
        """Whether a step within it fails the whole workflow."""
        return any(node.step.on_error == "rollback" or node.rolls_back_within for node in self.inner)

    @property
    def chooses(self) -> bool:
        """Whether only one of the steps within it runs, so that none of them can wait for another."""
        return self.step.type == "condition"

    @property
    def pool(self) -> str | None:
        """The block whose places it needs, if they are limited."""
        limited = self.parent is not None and self.parent.step.max_concurrency is not None
        return self.parent.id if limited and self.parent is not None else None


@attrs.frozen(eq=False)
class Plan:
    """All steps of a workflow; `nodes` by id in document order. `doubles` bear an id that another one has."""

    workflow: Workflow
    roots: tuple[Planned, ...]
    nodes: dict[str, Planned]
    doubles: tuple[Planned, ...]

    @cached_property
    def chain(self) -> tuple[Planned, ...]:
        """The steps that can be undone, last done first: the exact reverse of the order in which they may start."""
        return tuple(node for node in reversed(list(_in_order(self.roots))) if node.step.compensation is not None)


def plan(workflow: Workflow) -> Plan:
    """The plan of a workflow. A dependency that is none of the siblings is left out; `check_steps` tells it."""
    nodes: dict[str, Planned] = {}
    doubles: list[Planned] = []

    def plant(listed: Sequence[tuple[Path, Step]], parent: Planned | None) -> list[Planned]:
        siblings: list[Planned] = []
        for path, step in listed:
            node = Planned(step, path, len(nodes) + len(doubles), parent)
            if nodes.setdefault(step.id, node) is not node:
                doubles.append(node)
            siblings.append(node)
            node.inner.extend(plant([((*path, *inner), found) for inner, found in step.inner()], node))
        for waiting in [[branch] for branch in siblings] if parent and parent.chooses else [siblings]:
            _link(waiting, in_turn=parent is None)
        return siblings

    roots = plant([(("steps", i), step) for i, step in enumerate(workflow.steps)], None)
    return Plan(workflow, tuple(roots), nodes, tuple(doubles))


def _link(siblings: Sequence[Planned], *, in_turn: bool) -> None:
    """Who waits for whom in one list; `in_turn`: for the one before it, where nothing is said."""
    known = {node.id: node for node in reversed(siblings)}
    for i, node in enumerate(siblings):
        if node.step.depends_on is not None:
            named = [known[name] for name in dict.fromkeys(node.step.depends_on) if name in known]
        else:
            named = [siblings[i - 1]] if in_turn and i else []
        node.after.extend(named)
        for other in named:
            other.before.append(node)


def in_turn(siblings: Sequence[Planned]) -> Iterator[Planned]:
    """One list of steps in the order of their dependencies, ties by document order.

    A step that is in a cycle, or behind one, does not come.
    """
    waiting = {node.number: len(node.after) for node in siblings}
    ready = [(node.number, node) for node in siblings if not node.after]
    heapq.heapify(ready)
    while ready:
        _, node = heapq.heappop(ready)
        yield node
        for other in node.before:
            waiting[other.number] -= 1
            if not waiting[other.number]:
                heapq.heappush(ready, (other.number, other))


def _in_order(siblings: Sequence[Planned]) -> Iterator[Planned]:
    """All steps of these lists in that order; each before those within it."""
    for node in in_turn(siblings):
        yield node
        yield from _in_order(node.inner)
