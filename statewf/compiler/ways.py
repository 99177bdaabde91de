"""The way from where one is to where a transition leads: what is left, remembered and entered.

The algorithm of SCXML (W3C recommendation, appendix D) as functions of the tree, but for two rules. A transition
leaves and enters what lies in the innermost state that properly contains both its ends, also if that one is
parallel (SCXML goes on to a compound one): a region that is entered anew takes only its siblings with it, and not
all around them; XState and SCION have it so. And a history is an end of its own there, whatever it remembers:
otherwise a state could be entered that was never left.

Below: `tree`. Above: `choices`, which asks what is left, and `states`, which writes all of it out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import attrs

from statewf.compiler.tree import Node, Tree

Memory: TypeAlias = Mapping[Node, tuple[Node, ...]]  # of each history what was active when its state was last left


def in_order(nodes: Iterable[Node]) -> tuple[Node, ...]:
    """Each of them once, in document order."""
    return tuple(sorted(dict.fromkeys(nodes), key=lambda node: node.order))


def active(leaves: Iterable[Node]) -> tuple[Node, ...]:
    """The leaves and all states around them, in document order, as the leaves are."""
    return tuple(dict.fromkeys(node for leaf in leaves for node in reversed(leaf.lineage())))


def domain(source: Node, targets: Sequence[Node], *, internal: bool) -> Node | None:
    """The state that stays while all in it is left for what the targets say; None: everything is left."""
    if internal and all(target.within(source) for target in targets):
        return source
    around = (node for node in source.lineage()[1:] if all(node in target.lineage()[1:] for target in targets))
    return next(around, None)


def left(active: Sequence[Node], stays: Node | None) -> tuple[Node, ...]:
    """What is left within the state that stays: the innermost first, the last in the document first."""
    return tuple(node for node in reversed(active) if stays is None or (node is not stays and node.within(stays)))


def remembered(active: Sequence[Node], leaving: Iterable[Node]) -> dict[Node, tuple[Node, ...]]:
    """What the histories of the states that are left keep: what is active right within, or all that is innermost."""
    kept: dict[Node, tuple[Node, ...]] = {}
    for node in leaving:
        for history in node.histories():
            deep = history.state.history == "deep"
            inside = (other for other in active if other is not node and other.within(node))
            kept[history] = tuple(
                other for other in inside if (not other.state.states if deep else other.parent is node)
            )
    return kept


@attrs.define
class Entrance:
    """What is entered, in the making: targets are added one transition after another."""

    tree: Tree
    memory: Memory
    found: dict[Node, None] = attrs.field(factory=dict)

    def add(self, targets: Iterable[Node], stays: Node | None) -> None:
        """Go to these states, within the one that stays."""
        listed = tuple(targets)
        for target in listed:
            self.descend(target, stays)
        for target in listed:
            if target is not stays:
                self.ascend(target, stays)
        if stays is not None and stays.state.parallel:
            self.complete(stays, stays)

    def entered(self) -> tuple[Node, ...]:
        """All of it, in document order."""
        return in_order(self.found)

    def descend(self, node: Node, stays: Node | None) -> None:
        """Enter a state, and within it what it begins with."""
        if node.state.history is not None:
            assert node.parent is not None, "check() let a history pass that is in nothing"
            self.follow(self.memory.get(node) or self.tree.goals(node), node.parent)
            return
        if node is not stays:
            self.found[node] = None
        if node.state.parallel:
            self.complete(node, stays)
        elif node.state.states:
            self.follow(self.tree.goals(node), node)

    def follow(self, goals: Sequence[Node], node: Node) -> None:
        """Enter those within a state, and what lies between."""
        for goal in goals:
            self.descend(goal, None)
        for goal in goals:
            self.ascend(goal, node)

    def ascend(self, node: Node, stays: Node | None) -> None:
        """Enter the states around, up to the one that stays, and what is active beside."""
        for outer in node.lineage()[1:]:
            if outer is stays:
                return
            self.found[outer] = None
            if outer.state.parallel:
                self.complete(outer, stays)

    def complete(self, parallel: Node, stays: Node | None) -> None:
        """Enter those states right within a parallel one in which nothing is entered yet."""
        for child in parallel.inner():
            if not any(node.within(child) for node in self.found):
                self.descend(child, stays)


def finished(node: Node, active: Sequence[Node]) -> bool:
    """Whether a state has come to its end: it is final, or in a final one, or parallel and all within have."""
    if node.state.parallel:
        return all(finished(child, active) for child in node.inner())
    return any(child.state.final and child in active for child in (node, *node.inner()))


def finishing(final: Node, active: Sequence[Node]) -> Iterable[Node]:
    """The states that are finished by entering a final one: the one around, and parallel ones around that."""
    for outer in final.lineage()[1:]:
        if not finished(outer, active) or not (outer is final.parent or outer.state.parallel):
            return
        yield outer
