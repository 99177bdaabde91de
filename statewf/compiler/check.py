"""Every name in a definition that leads nowhere, told at once: targets, initial states, variables.

What this lets pass, `states` can compile without asking again.
"""

from __future__ import annotations

from collections.abc import Iterator

from statewf.compiler.asking import STATE, asked
from statewf.compiler.check_nesting import check_first, check_nesting, check_targets, told
from statewf.compiler.guess import Guess, closest, known_otherwise
from statewf.compiler.tree import Node, Path, Tree
from statewf.definition.model import Action, Assign, Emit, Invoke, State, Transition
from statewf.definition.pricing import CHARGE
from statewf.errors import Diagnostic
from statewf.expr import Expression

EVENT_NAMES = ("inputs", "context", "event", "attempt")
QUIET_NAMES = ("inputs", "context", "attempt")  # where no event has happened: `always`
ASK_STATE = "ask for one by its full name, as in includes(state, 'paying.card')"


def check(tree: Tree) -> list[Diagnostic]:
    """What must be mended before the definition can be compiled, in document order."""
    guess = Guess()
    found = list(check_first(tree))
    found += (_double(tree, node) for node in tree.doubles)
    for node in tree.nodes.values():
        found += check_nesting(tree, node)
        found += _state(tree, guess, node)
    return found


def _double(tree: Tree, node: Node) -> Diagnostic:
    hint = "full names are parent.child; call one of them something else"
    return told(tree, "duplicate-state", f"there is another state {node.name}", node.path, hint)


def _state(tree: Tree, guess: Guess, node: Node) -> Iterator[Diagnostic]:
    state, path = node.state, node.path
    for event, listed in state.on.items():
        yield from _transitions(tree, guess, node, listed, (*path, "on", event), EVENT_NAMES)
    yield from _transitions(tree, guess, node, state.on_done, (*path, "onDone"), EVENT_NAMES)
    yield from _transitions(tree, guess, node, state.always, (*path, "always"), QUIET_NAMES)
    if state.timeout_transition is not None:
        yield from _target(tree, guess, node, state.timeout_transition, (*path, "timeoutTransition"))
    if state.invoke is not None:
        yield from _invoke(tree, guess, node, state.invoke)
    for key, actions in (("onEntry", state.on_entry), ("onExit", state.on_exit)):
        yield from _actions(tree, actions, (*path, key), EVENT_NAMES)
    yield from _retry(tree, node, state)


def _invoke(tree: Tree, guess: Guess, node: Node, invoke: Invoke) -> Iterator[Diagnostic]:
    path = (*node.path, "invoke")
    yield from _transitions(tree, guess, node, invoke.on_done, (*path, "onDone"), EVENT_NAMES)
    yield from _transitions(tree, guess, node, invoke.on_error, (*path, "onError"), EVENT_NAMES)


def _retry(tree: Tree, node: Node, state: State) -> Iterator[Diagnostic]:
    if state.retry is not None and "$error" in state.retry.on and state.invoke is None:
        message = "retry.on says $error, but the state invokes nothing that could fail"
        yield told(tree, "unknown-name", message, (*node.path, "retry", "on"), "add invoke, or name an event")


def _transitions(
    tree: Tree, guess: Guess, node: Node, listed: tuple[Transition, ...], path: Path, names: tuple[str, ...]
) -> Iterator[Diagnostic]:
    for i, transition in enumerate(listed):
        here = (*path, i) if len(listed) > 1 else path
        for name in transition.targets:
            yield from _target(tree, guess, node, name, here)
        yield from check_targets(tree, node, transition, here)
        if transition.guard is not None:
            yield from _names(tree, transition.guard, (*here, "guard"), (*names, STATE))
            yield from _asked(tree, transition.guard, (*here, "guard"))
        yield from _actions(tree, transition.actions, (*here, "actions"), names)


def _target(tree: Tree, guess: Guess, node: Node, name: str, path: Path) -> Iterator[Diagnostic]:
    if tree.find(name, node) is None:
        inner = f".{name}"
        hidden = next((full for full in tree.nodes if full.endswith(inner)), None)
        hint = f"did you mean {hidden}?" if hidden else guess(name, tree.nodes)
        yield told(tree, "unknown-target", f"there is no state {name}", path, hint)


def _asked(tree: Tree, guard: Expression, path: Path) -> Iterator[Diagnostic]:
    for name in dict.fromkeys(asked(guard)):
        if name is None:
            yield told(tree, "unknown-name", "state is a list that can only be asked for a name", path, ASK_STATE)
        elif name not in tree.nodes or tree.nodes[name].state.history is not None:
            hint = closest(name, list(tree.nodes)) or ASK_STATE
            yield told(tree, "unknown-name", f"state never lists {name}", path, hint)


def _actions(tree: Tree, actions: tuple[Action, ...], path: Path, names: tuple[str, ...]) -> Iterator[Diagnostic]:
    for i, action in enumerate(actions):
        here = (*path, i) if len(actions) > 1 else path
        match action:
            case Assign(set=assigned):
                for key, expression in assigned.items():
                    yield from _names(tree, expression, (*here, "set", key), names)
            case Emit(event) if event == CHARGE and tree.definition.pricing is not None:
                message = f"{CHARGE} is told by its bill, once: whoever takes payments would hear of two"
                hint = "call it something else, or say what it costs without pricing"
                yield told(tree, "reserved-event", message, (*here, "event"), hint)
            case _:
                pass


def _names(tree: Tree, expression: Expression, path: Path, known: tuple[str, ...]) -> Iterator[Diagnostic]:
    for name in dict.fromkeys(str(read[0]) for read in expression.reads):
        if name not in known:
            if name == "event":
                hint: str | None = "always has no event; keep what you need in the context"
            else:
                usual = f"text stands in quotes: '{name}'; known are {', '.join(known)}"
                hint = known_otherwise(name, known) or closest(name, known) or usual
            yield told(tree, "unknown-name", f"{name} means nothing here", path, hint)
