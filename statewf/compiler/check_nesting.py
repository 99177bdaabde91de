"""What is wrong with states within each other: what they begin with, side by side, remembered, final.

Beside `check`, which calls it for each state. Below: `tree`, `places`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from statewf.compiler.guess import closest
from statewf.compiler.tree import Node, Path, Tree
from statewf.definition.model import Transition, named, path_text
from statewf.errors import Diagnostic
from statewf.machine.naming import SIDE_BY_SIDE, TURN


def told(tree: Tree, code: str, message: str, path: Path, hint: str | None) -> Diagnostic:
    """A mistake at a place of the document."""
    return Diagnostic(code, message, path_text(path), tree.definition.places.line(path), hint)


def check_first(tree: Tree) -> Iterator[Diagnostic]:
    """The mistakes in where the machine starts."""
    path, names = ("initialState",), named(tree.definition.initial_state)
    found = tree.first()
    known = [name for name, node in tree.nodes.items() if node.state.history is None]
    for name in names:
        if name not in known:
            hint = closest(name, known) or f"one of {', '.join(tree.roots)}"
            yield told(tree, "unknown-initial", f"there is no state {name} here to start in", path, hint)
    if len(found) == len(names):
        yield from _apart(tree, found, path)


def check_nesting(tree: Tree, node: Node) -> Iterator[Diagnostic]:
    """The mistakes of one state in what is around it and within."""
    state, path = node.state, node.path
    if state.initial is not None:
        yield from _initial(tree, node)
    if node.parent is None and state.history is not None:
        hint = "put it into the state whose past it remembers"
        yield told(tree, "misplaced-history", f"nothing is around {node.name} to be remembered", path, hint)
    if node.parent is None and state.final:
        hint = "write terminal: true to end the machine"
        yield told(tree, "misplaced-final", f"nothing is around {node.name} that it could finish", path, hint)
    if state.states and not any(True for _ in node.inner()):
        yield told(
            tree, "no-states", f"{node.name} has no state in it to be in", path, "add one besides its history"
        )
    if state.retry is not None and any(outer.state.parallel for outer in node.lineage()):
        message = "attempts are not counted in states that are active side by side with others"
        hint = "move it out of the parallel state, or call the handler as an action with retryPolicy"
        yield told(tree, "retry-in-parallel", message, (*path, "retry"), hint)
    marks = (SIDE_BY_SIDE, TURN) if tree.product else (TURN,)
    if mark := next((mark for mark in marks if mark in str(path[-1])), None):
        message = f"{mark} is kept for the names of states that are active at once, or remembered"
        yield told(tree, "bad-name", message, path, "choose another name")


def _initial(tree: Tree, node: Node) -> Iterator[Diagnostic]:
    """What a state begins with, or a history leads to, must lie within the state."""
    around = node if node.state.history is None else node.parent
    if around is None:
        return
    path, names = (*node.path, "initial"), named(node.state.initial)
    found = [tree.beginning(name, around) for name in names]
    for name, goal in zip(names, found, strict=True):
        if goal is None:
            known = [child.path[-1] for child in around.inner()]
            hint = closest(name, list(map(str, known))) or f"one of {', '.join(map(str, known))}"
            yield told(tree, "unknown-initial", f"there is no state {name} here to start in", path, hint)
        elif goal.state.history is not None and (node.state.history or goal.state.initial is None):
            message, hint = f"{name} remembers nothing at first", f"give {name} an initial of its own"
            yield told(tree, "unknown-initial", message, path, hint)
    goals = [goal for goal in found if goal is not None]
    if len(goals) == len(names):
        yield from _apart(tree, goals, path)


def check_targets(tree: Tree, node: Node, transition: Transition, path: Path) -> Iterator[Diagnostic]:
    """What is wrong with where a transition leads, taken together."""
    found = [tree.find(name, node) for name in transition.targets]
    targets = [target for target in found if target is not None]
    if len(targets) < len(found):
        return  # that is told already
    yield from _apart(tree, targets, path)
    outside = next((target for target in targets if not target.within(node)), None)
    if transition.internal and outside is not None:
        hint = f"an internal transition leads to {node.name} or to a state in it; remove internal: true"
        yield told(tree, "not-internal", f"{outside.name} lies outside of {node.name}", path, hint)


def _apart(tree: Tree, targets: Sequence[Node], path: Path) -> Iterator[Diagnostic]:
    """States that are entered at once must be able to be active at once."""
    for one, other in combinations(targets, 2):
        common = next((outer for outer in one.lineage() if other.within(outer)), None)
        if common is None or common in (one, other) or not common.state.parallel:
            message = f"{one.name} and {other.name} cannot be entered at once"
            hint = "only states in different parts of a parallel state are active side by side"
            yield told(tree, "conflicting-targets", message, path, hint)
            return
