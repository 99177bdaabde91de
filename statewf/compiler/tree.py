"""The nested states of a definition as a tree: which state a name means where it is written.

Under `check`, `ways` and `states`. Where a state stands is all that is told here; `ways` goes from one to another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

import attrs

from statewf.definition.model import State, StateMachine, named

Path = tuple[str | int, ...]


@attrs.frozen(eq=False)
class Node:
    """A state where it stands. `name` is its full name (`parent.child`), `path` its place in the document.

    `order` counts the states in document order: one around others comes before them.
    """

    name: str
    path: Path
    state: State
    parent: Node | None
    order: int = 0
    children: dict[str, Node] = attrs.field(factory=dict, repr=False)
    _lineage: tuple[Node, ...] = attrs.field(init=False, repr=False)

    @_lineage.default
    def _outward(self) -> tuple[Node, ...]:
        return (self, *(self.parent.lineage() if self.parent else ()))

    def lineage(self) -> tuple[Node, ...]:
        """Itself, its parent, and so on outward."""
        return self._lineage

    def within(self, other: Node) -> bool:
        """Whether it lies in another state, or is that one."""
        return other in self._lineage

    def inner(self) -> Iterator[Node]:
        """The states right within in which one can be."""
        return (child for child in self.children.values() if child.state.history is None)

    def histories(self) -> Iterator[Node]:
        """Those right within that only remember."""
        return (child for child in self.children.values() if child.state.history is not None)


@attrs.frozen(eq=False)
class Tree:
    """All states of a machine; `roots` by name, `nodes` by full name in document order.

    `doubles` are states whose full name another one bears already (`a.b`, and `b` within `a`).
    """

    definition: StateMachine
    roots: Mapping[str, Node]
    nodes: Mapping[str, Node]
    doubles: tuple[Node, ...] = ()

    def leaves(self) -> Iterator[Node]:
        """The states without others in them that one can be in."""
        return (node for node in self.nodes.values() if not (node.state.states or node.state.history))

    @cached_property
    def product(self) -> bool:
        """Whether where one is takes more than one leaf to tell: some are active side by side, or remembered."""
        return any(node.state.parallel or node.state.history for node in self.nodes.values())

    def find(self, name: str, source: Node) -> Node | None:
        """What a target means where it is written: a sibling, else sought outward, a whole path, or one within."""
        for node in source.lineage():
            siblings = node.parent.children if node.parent else self.roots
            if name in siblings:
                return siblings[name]
        return self.nodes.get(name) or self.beginning(name, source)

    def beginning(self, name: str, node: Node) -> Node | None:
        """What `initial` means in a state: one within, by its name or its path from there, or by a whole path."""
        found = self.nodes.get(f"{node.name}.{name}") or self.nodes.get(name)
        return found if found is not None and found is not node and found.within(node) else None

    def first(self) -> tuple[Node, ...]:
        """The states in which the machine starts, as far as they exist."""
        return tuple(self.nodes[name] for name in named(self.definition.initial_state) if name in self.nodes)

    def goals(self, node: Node) -> tuple[Node, ...]:
        """The states within that are entered with a compound one, if nothing else is said; of a history likewise.

        `check` has seen to it that they exist.
        """
        around = node.parent if node.state.history else node
        assert around is not None, "check() let a history pass that is in nothing"
        names = named(node.state.initial)
        if not names:  # all within a parallel state; a history says what the state around says
            return tuple(around.inner()) if around.state.parallel else self.goals(around)
        found = [self.beginning(name, around) for name in names]
        return tuple(goal for goal in found if goal is not None)


def grow(definition: StateMachine) -> Tree:
    """The tree of a definition."""
    nodes: dict[str, Node] = {}
    doubles: list[Node] = []
    planted_so_far = 0

    def plant(states: Mapping[str, State], parent: Node | None, path: Path) -> dict[str, Node]:
        nonlocal planted_so_far
        planted = {}
        for name, state in states.items():
            full = f"{parent.name}.{name}" if parent else name
            node = Node(full, (*path, name), state, parent, planted_so_far)
            planted_so_far += 1
            planted[name] = node
            if nodes.setdefault(full, node) is not node:
                doubles.append(node)
            node.children.update(plant(state.states, node, (*path, name, "states")))
        return planted

    roots = plant(definition.states, None, ("states",))
    return Tree(definition, roots, nodes, tuple(doubles))
