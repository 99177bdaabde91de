"""The nested states of a definition as a tree, and the way between two of them.

Pure geometry, under `check` and `states`: which state a name means where it is written, and which
states are left and entered on the way (the SCXML rule for external transitions: everything up to
the innermost compound state that properly contains both ends is left and entered again).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import attrs

from statewf.definition.model import State, StateMachine

Path = tuple[str | int, ...]

BACKOFF = ".$backoff"  # what the state between two attempts of a state is called, after that state


@attrs.frozen(eq=False)
class Node:
    """A state where it stands. `name` is its full name (`parent.child`), `path` its place in the document."""

    name: str
    path: Path
    state: State
    parent: Node | None
    children: dict[str, Node] = attrs.field(factory=dict, repr=False)

    def lineage(self) -> tuple[Node, ...]:
        """Itself, its parent, and so on outward."""
        return (self, *self.parent.lineage()) if self.parent else (self,)

    def leaf(self) -> Node:
        """The state that is really entered with this one: its initial, and that one's initial."""
        initial = self.state.initial
        return self.children[initial].leaf() if initial is not None else self


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
        """The states one can be in."""
        return (node for node in self.nodes.values() if not node.state.states)

    def find(self, name: str, source: Node) -> Node | None:
        """What a target means where it is written: a sibling, else sought outward, or a whole path."""
        for node in source.lineage():
            siblings = node.parent.children if node.parent else self.roots
            if name in siblings:
                return siblings[name]
        return self.nodes.get(name)


def grow(definition: StateMachine) -> Tree:
    """The tree of a definition."""
    nodes: dict[str, Node] = {}
    doubles: list[Node] = []

    def plant(states: Mapping[str, State], parent: Node | None, path: Path) -> dict[str, Node]:
        planted = {}
        for name, state in states.items():
            full = f"{parent.name}.{name}" if parent else name
            node = Node(full, (*path, name), state, parent)
            planted[name] = node
            if nodes.setdefault(full, node) is not node:
                doubles.append(node)
            node.children.update(plant(state.states, node, (*path, name, "states")))
        return planted

    roots = plant(definition.states, None, ("states",))
    return Tree(definition, roots, nodes, tuple(doubles))


def way(source: Node, declared: Node, target: Node) -> tuple[tuple[Node, ...], tuple[Node, ...]]:
    """What is left (innermost first) and entered (outermost first) from the leaf `source`.

    `declared` is the state that holds the transition: `source` or one around it.
    """
    around = [node for node in declared.lineage()[1:] if node in target.lineage()[1:]]
    kept = around[0].lineage() if around else ()
    left = tuple(node for node in source.lineage() if node not in kept)
    entered = tuple(node for node in reversed(target.leaf().lineage()) if node not in kept)
    return left, entered
