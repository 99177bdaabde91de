"""What a definition says somewhere, gathered: the transitions and actions of a state, and who asks for the past.

Below: `tree`, `hearing`. Above: `states`, and the checker.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from statewf.compiler.hearing import numbered
from statewf.compiler.tree import Node, Path, Tree
from statewf.definition import model


def histories(tree: Tree) -> tuple[tuple[Node, ...], frozenset[Node]]:
    """The histories that something leads to, and those that something within their own state does."""
    asked: dict[Node, None] = {}
    lasting: set[Node] = set()
    for node in tree.nodes.values() if tree.product else ():
        begins = tree.goals(node) if node.state.states else ()
        named = (tree.find(name, node) for way in transitions(node.state) for name in way.targets)
        for target in (*begins, *named):
            if target is not None and target.state.history is not None and target.parent is not None:
                asked[target] = None
                if node.within(target.parent) and target not in begins:
                    lasting.add(target)
    return tuple(sorted(asked, key=lambda node: node.order)), frozenset(lasting)


def placed(node: Node) -> Iterator[tuple[Path, model.Transition]]:
    """The transitions that a state declares for events, with their places; `timeoutTransition` is none of them."""
    state, path = node.state, node.path
    for event, listed in state.on.items():
        yield from numbered((*path, "on", event), listed)
    yield from numbered((*path, "always"), state.always)
    yield from numbered((*path, "onDone"), state.on_done)


def actions(state: model.State) -> Iterator[model.Action]:
    """All actions of a state and of its transitions."""
    yield from (*state.on_entry, *state.on_exit)
    for way in transitions(state):
        yield from way.actions


def transitions(state: model.State) -> Iterator[model.Transition]:
    """All transitions of a state, its timeout's too."""
    invoke: Mapping[str, tuple[model.Transition, ...]] = (
        {"done": state.invoke.on_done, "error": state.invoke.on_error} if state.invoke is not None else {}
    )
    for listed in (*state.on.values(), state.always, state.on_done, *invoke.values()):
        yield from listed
    if state.timeout_transition is not None:
        yield model.Transition(state.timeout_transition)
