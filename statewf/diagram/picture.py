"""The picture model: what is drawn, and nothing of how. Renderers know only this.

Nodes are the states by their full names; a compound state is a node that others name as their `parent`.
Edges join two nodes and carry a line for each transition between them.

Below: nothing of the house. Above: `views` makes pictures of machines; `mermaid` and `dot` write them down.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Literal, TypeAlias

import attrs

Kind: TypeAlias = Literal["normal", "waiting", "success", "failure", "final", "history", "compound"]
Cause: TypeAlias = Literal["event", "timeout", "retry", "always", "cancel"]


@attrs.frozen
class Node:
    """A state. `lines` tell what it does: entry and exit actions, what it invokes, internal transitions.

    `kind`: a terminal state is a `success` or a `failure`, a `final` one finishes the state around it, a `history`
    only leads on, `waiting` lies between two attempts. In one that is `parallel` all inner states are active; of another
    compound state, `initial` is the inner state that is entered first. `status` tells what an instance
    does here now, where being active does not say it all.
    """

    name: str
    title: str
    kind: Kind = "normal"
    lines: tuple[str, ...] = ()
    parent: str | None = None
    initial: str | None = None
    parallel: bool = False
    active: bool = False
    visited: bool = False
    status: str | None = None
    warmth: int = 0  # in a picture of many instances: how much of their time is spent there, 0 to 4


@attrs.frozen
class Line:
    """One transition in words: what causes it, on what condition, and what it does on the way."""

    cause: Cause
    trigger: str
    guard: str | None = None
    wait: str | None = None
    actions: tuple[str, ...] = ()

    @property
    def parts(self) -> tuple[str, ...]:
        """The pieces of its text, each of which may have a row of its own."""
        guard = (f"[{self.guard}]",) if self.guard is not None else ()
        wait = (f"after backoff {self.wait}",) if self.wait is not None else ()
        actions = (f"/ {', '.join(self.actions)}",) if self.actions else ()
        return (self.trigger, *wait, *guard, *actions)

    @property
    def text(self) -> str:
        """The whole in one row."""
        return " ".join(self.parts)


@attrs.frozen
class Edge:
    """All transitions from one node to another; `taken`: the instance went this way."""

    source: str
    target: str
    lines: tuple[Line, ...]
    taken: bool = False

    @property
    def cause(self) -> Cause:
        """What all of its transitions have in common; mixed ones are drawn like an event's."""
        first, *others = dict.fromkeys(line.cause for line in self.lines)
        return "event" if others else first


@attrs.frozen(slots=False)
class Picture:
    """A machine as a drawing: its name, the node it starts in (if it is one), nodes and edges in document order.

    `whole`: nothing was left out for being too much.
    """

    name: str
    initial: str | None
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    whole: bool = True

    @cached_property
    def by_name(self) -> dict[str, Node]:
        """The nodes by full name."""
        return {node.name: node for node in self.nodes}

    @cached_property
    def _by_parent(self) -> dict[str | None, list[Node]]:
        found: dict[str | None, list[Node]] = {}
        for node in self.nodes:
            found.setdefault(node.parent, []).append(node)
        return found

    def inside(self, parent: str | None) -> list[Node]:
        """The nodes directly inside a compound one, or at the top."""
        return self._by_parent.get(parent, [])

    def around(self, name: str) -> Iterator[str]:
        """The node itself, then the compound ones around it, innermost first."""
        here: str | None = name
        while here is not None:
            yield here
            here = self.by_name[here].parent

    def leaf(self, name: str) -> str:
        """Where one is after entering this node: its initial one, and that one's initial one."""
        node = self.by_name[name]
        first = self.inside(name)[0].name if node.parallel else node.initial
        return name if first is None else self.leaf(first)

    def last(self, name: str) -> str:
        """The last state inside a compound one that can be left, in document order; of another, itself."""
        inner = self.inside(name)
        going_on = [node for node in inner if node.kind not in ("success", "failure", "final", "history")] or inner
        return self.last(going_on[-1].name) if going_on else name

    def inward(self, edge: Edge) -> bool:
        """Whether it leads from a compound node to itself or into itself: there is no border to cross."""
        return self.by_name[edge.source].kind == "compound" and edge.source in self.around(edge.target)

    def inner_edges(self, name: str) -> list[Edge]:
        """The edges of a compound node that lead to itself or into itself."""
        return [edge for edge in self.edges if edge.source == name and self.inward(edge)]

    def outward(self, edge: Edge) -> bool:
        """Whether it leads to a compound node from itself or from one inside."""
        return self.by_name[edge.target].kind == "compound" and edge.target in self.around(edge.source)
