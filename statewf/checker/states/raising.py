"""Rules about the events that a machine raises itself, and tells when a state is finished.

Below: `graph`, and the compiler's `hearing`, which knows who answers. Above: `rules`.
"""

from __future__ import annotations

from collections.abc import Iterator

from statewf.checker.findings import Finding
from statewf.checker.states.graph import Graph
from statewf.compiler.gather import placed
from statewf.compiler.guess import closest
from statewf.compiler.hearing import FINISHED, Hearing
from statewf.compiler.tree import Node, Path
from statewf.definition.model import Action, Raise
from statewf.machine.fsm import is_pattern


def raised_in_vain(graph: Graph) -> Iterator[Finding]:
    """An event that the machine raises, and no state of it answers to."""
    hearing = Hearing(graph.tree)
    named = [event for node in graph.tree.nodes.values() for event in node.state.on]
    told: set[str] = set()
    for node in graph.tree.nodes.values():
        for path, action in _doings(node):
            if isinstance(action, Raise) and not hearing.heard(action.event) and action.event not in told:
                told.add(action.event)
                message = f"{action.event} is raised, and no state takes it"
                hint = closest(action.event, named) or f"take it: on: {{ {action.event}: ... }}; emit tells others"
                yield graph.finding("raised-in-vain", "warning", path, message, hint=hint)


def never_finished(graph: Graph) -> Iterator[Finding]:
    """A transition for `done.state.S`, or `onDone`, that waits for what never comes: there is no S, or it has no end."""
    nodes = graph.tree.nodes
    compound = [name for name, node in nodes.items() if node.state.states]
    for path, name in unfinished(graph):
        node = nodes.get(name)
        if node is None:
            message = f"{FINISHED}{name} never comes: there is no state {name}"
            meant = next((full for full in compound if full.endswith(f".{name}")), None)
            hint = f"did you mean {FINISHED}{meant}?" if meant else closest(name, compound)
            hint = hint or "name a state with others in it"
        else:
            what = "not every part of it has a final state" if node.state.parallel else "it has no final state"
            message, hint = f"{name} is never finished: {what}", "mark where it ends final: true"
        yield graph.finding("never-finished", "warning", path, message, hint=hint)


def unfinished(graph: Graph) -> Iterator[tuple[Path, str]]:
    """The transitions that wait for a state to be finished that never is, each with the name of that state."""
    nodes = graph.tree.nodes
    for node in nodes.values():
        named = [event for event in node.state.on if event.startswith(FINISHED) and not is_pattern(event)]
        waits: list[tuple[Path, str]] = [
            ((*node.path, "on", event), event.removeprefix(FINISHED)) for event in named
        ]
        waits += [((*node.path, "onDone"), node.name)] if node.state.on_done else []
        yield from ((path, name) for path, name in waits if name not in nodes or not _finishes(nodes[name]))


def _finishes(node: Node) -> bool:
    """Whether it may be finished: some state right within it is final; of a parallel one, each within may be."""
    if node.state.parallel:
        return all(child.state.final or _finishes(child) for child in node.inner())
    return any(child.state.final for child in node.inner())


def _doings(node: Node) -> Iterator[tuple[Path, Action]]:
    """The actions of a state and of its transitions, each with where it stands."""
    state, path = node.state, node.path
    yield from (((*path, "onEntry"), action) for action in state.on_entry)
    yield from (((*path, "onExit"), action) for action in state.on_exit)
    yield from ((place, action) for place, way in placed(node) for action in way.actions)
