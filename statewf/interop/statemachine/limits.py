"""What of a definition python-statemachine cannot do, and where it does something else.

Below: the compiler's `tree`, `ways` and `hearing`. Above: `write`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from statewf.compiler.hearing import Hearing, done_event
from statewf.compiler.tree import Node, Tree
from statewf.compiler.ways import domain
from statewf.definition.model import Action, Function, Raise, StateMachine, Transition, named, path_text
from statewf.errors import Diagnostic
from statewf.interop.conversion import Remark, unsupported
from statewf.interop.statemachine.ids import ATTRIBUTES, INSTANCE
from statewf.interop.statemachine.naming import is_own
from statewf.machine.fsm import fitting, is_pattern


def refused(tree: Tree) -> Iterator[Diagnostic]:
    """All that cannot be written."""
    definition = tree.definition
    if definition.unexpected == "defer":
        yield unsupported("unexpected: defer", "$.unexpected", "python-statemachine keeps no event for later")
    if len(named(definition.initial_state)) > 1:
        yield unsupported("initialState of several states", "$.initialState", "begin in the state around them")
    hearing = Hearing(tree)
    for node in tree.nodes.values():
        for what, hint in (*_kinds(tree, node, hearing), *_timing(node, hearing), *_deeds(definition, node)):
            yield unsupported(what, path_text(node.path), hint, definition.places.line(node.path))
        for event in node.state.on:
            for what, hint in _event(event):
                yield unsupported(what, path_text((*node.path, "on", event)), hint)


def _kinds(tree: Tree, node: Node, hearing: Hearing) -> Iterator[tuple[str, str]]:
    state, parent = node.state, node.parent
    if parent is None and node.name in INSTANCE:
        yield f"a state called {node.name}", "python-statemachine has an attribute of that name; rename the state"
    if state.unexpected not in (None, tree.definition.unexpected):
        yield f"unexpected: {state.unexpected} of one state", "python-statemachine has one rule for all states"
    if state.terminal and parent is not None:
        yield "a terminal state within another", "put it at the top: only there python-statemachine ends"
    if state.final and parent is not None and parent.state.parallel:
        yield "a final state right within a parallel one", "put it into a state there"
    if not state.parallel:
        return
    if any(child.state.parallel for child in node.inner()) and hearing.heard(done_event(node)):
        yield "the end of a parallel state with others right within", "put these into compound states"
    if parent is None and all(any(end.state.final for end in part.inner()) for part in node.inner()):
        ways = [way for way in state.on_done if way.guard is None and way.target and not way.internal]
        if not ways or any(_hears(inner, done_event(node)) for inner in tree.nodes.values() if inner.within(node)):
            hint = "let its onDone lead elsewhere: python-statemachine ends with a parallel state at the top"
            yield "a parallel state at the top that is finished, and stays", hint


def _hears(node: Node, event: str) -> bool:
    return event in node.state.on or any(fitting(event, node.state.on))


def _timing(node: Node, hearing: Hearing) -> Iterator[tuple[str, str]]:
    state = node.state
    if state.timeout == 0:
        yield "a timeout of no time", "use always"
    if state.retry is None or not state.retry.waits:
        return
    around = (outer for outer in node.lineage()[1:])
    if any(True for outer in around for _ in outer.histories()):
        yield "retry with waits under a history", "it would remember the wait; leave the delays out"
    for event in state.retry.on:
        if any(fitting(event, state.on)) or any(hearing.answers(outer, event) for outer in node.lineage()[1:]):
            yield (
                f"{event}, on which one waits for another attempt, and which is heard around, too",
                "rename one of them",
            )


def _deeds(definition: StateMachine, node: Node) -> Iterator[tuple[str, str]]:
    policy = definition.error_handling.default_retry_policy
    for action in every_action(node):
        if isinstance(action, Function) and (action.retry_policy or policy):
            yield f"retryPolicy of {action.handler}", "let the handler try again itself"
        if isinstance(action, Raise) and action.delay is not None:
            hint = "python-statemachine would take nothing else meanwhile; use the timeout of a state"
            yield f"{action.event}, raised with a delay,", hint


def _event(name: str) -> Iterator[tuple[str, str]]:
    if " " in name:
        yield "an event with a space in its name", "python-statemachine would take it for several"
    elif name in ATTRIBUTES:
        yield f"an event called {name}", "python-statemachine has an attribute of that name; rename the event"
    elif is_own(name):
        yield f"an event called {name}", "python-statemachine makes such events itself; rename it"
    elif name.endswith("."):
        yield "an event whose name ends with a dot", "python-statemachine leaves the dot out"


def every_way(node: Node) -> Iterator[Transition]:
    """The transitions of a state."""
    state = node.state
    yield from (way for ways in state.on.values() for way in ways)
    yield from (*state.always, *state.on_done)
    if state.invoke is not None:
        yield from (*state.invoke.on_done, *state.invoke.on_error)
    if state.timeout_transition is not None:
        yield Transition(state.timeout_transition)


def every_action(node: Node) -> Iterable[Action]:
    """The actions of a state and its transitions."""
    ways = (action for way in every_way(node) for action in way.actions)
    return (*node.state.on_entry, *node.state.on_exit, *ways)


def told(tree: Tree) -> Iterator[Remark]:
    """What is another's business in the class that is written, or is not quite the same there."""
    definition = tree.definition
    for what in ("properties", "pricing", "billing"):
        if getattr(definition, what):
            yield Remark(definition.name, f"{what} are left behind: python-statemachine has no use for them")
    if definition.error_handling.default_retry_policy is not None:
        yield Remark(definition.name, "defaultRetryPolicy is left behind: no action has use for it")
    for node in tree.nodes.values():
        for way in every_way(node):
            yield from _otherwise(tree, node, way)


def _otherwise(tree: Tree, node: Node, way: Transition) -> Iterator[Remark]:
    """Where python-statemachine leaves another state than we do."""
    targets = [found for name in way.targets if (found := tree.find(name, node)) is not None]
    if not targets:
        return
    stays = domain(node, targets, internal=way.internal)
    if stays is not None and stays.state.parallel:
        yield Remark(node.name, f"{stays.name} is left and entered again on the way to {', '.join(way.targets)}")
    elif way.internal and targets == [node]:
        to = "to where it begins" if node.state.states else "without a target"
        yield Remark(node.name, f"an internal transition to itself is written as one {to}, which is the same")
    for history in (target for target in targets if target.state.history and target.parent is not node):
        around = history.parent
        inside = around is not None and node.within(around)
        if inside and domain(node, tree.goals(history), internal=False) not in (around, stays):
            yield Remark(
                node.name, f"the first time, less is left on the way to {history.name}, the history around it"
            )


def is_prefix(event: str, names: Iterable[str]) -> bool:
    """Whether python-statemachine takes the event for a pattern of other names of the machine."""
    return not is_pattern(event) and any(other.startswith(f"{event}.") for other in names)
