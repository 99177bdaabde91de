"""Rules about transitions that can never be taken, and events that are never accepted.

A transition of a compound state is written once and holds in every state inside: it is at fault only if it
is dead in all of them. Why it is dead is its fate, see `edges`.

Below: `graph`, `raising`. Above: `rules`.
"""

from __future__ import annotations

from collections.abc import Iterator

from statewf.checker.findings import Finding
from statewf.checker.states.edges import Edge
from statewf.checker.states.graph import Graph
from statewf.checker.states.raising import unfinished
from statewf.compiler.gather import placed
from statewf.compiler.tree import Node, Path
from statewf.definition.model import path_text


def shadowed_transition(graph: Graph) -> Iterator[Finding]:
    """A transition before which another always holds, or an event where an `always` always leads on."""
    for path, edges in _dead(graph):
        edge = next((edge for edge in edges if edge.fate == "shadowed" and edge.by is not None), None)
        if edge is not None and edge.by is not None and not any(other.fate == "false" for other in edges):
            earlier = path_text(edge.by)
            message = f"{_doing(edge)} is never taken: {earlier} comes first and always holds"
            hint = f"give {earlier} a guard, or remove this one"
            yield graph.finding("shadowed-transition", "warning", path, message, hint=hint)
    yield from _left_out(graph)
    accepted = _accepted(graph)
    for event, places in _missed(graph).items():
        for node in places if event in accepted else ():
            message = f"{event} is never taken in {node.name}: an always that always holds comes first"
            path, hint = (*node.path, "on", event), "give that always a guard, or remove this"
            yield graph.finding("shadowed-transition", "warning", path, message, hint=hint)


def shadowed_guard(graph: Graph) -> Iterator[Finding]:
    """A guard that never holds, or that stood before: where it holds, the earlier one is taken."""
    for written, edges in _dead(graph):
        edge, fates = edges[0], {edge.fate for edge in edges}
        guard = edge.transition.guard
        path = (*written, "guard")
        if "false" in fates and guard is not None:
            message = f"the guard {guard.text} never holds, so {_doing(edge)} is never taken"
            hint = "mend it, or remove the transition"
            yield graph.finding("shadowed-guard", "warning", path, message, hint=hint)
        elif fates == {"repeated"} and guard is not None and edge.by is not None:
            message = f"{_doing(edge)} is never taken: {path_text(edge.by)} comes first with the same guard"
            hint = "change one of the guards, or remove this transition"
            yield graph.finding("shadowed-guard", "warning", path, message, hint=hint)


def event_never_accepted(graph: Graph) -> Iterator[Finding]:
    """An event that no state accepts in which a run ever waits."""
    accepted = _accepted(graph)
    for event, (node, *_) in _missed(graph).items():
        if event not in accepted:
            message = f"{event} is never accepted: no run ever waits in {node.name}"
            path, hint = (*node.path, "on", event), f"accept {event} in a state that waits, or remove it"
            yield graph.finding("event-never-accepted", "warning", path, message, hint=hint)


def _left_out(graph: Graph) -> Iterator[Finding]:
    """Where states are active side by side, a transition that is in no row: whatever holds, others are taken."""
    if not graph.tree.product:
        return
    listed = {path for edges in graph.rows.values() for edge in edges for path in edge.paths}
    told = tuple(path for path, _ in unfinished(graph))
    for node in graph.tree.nodes.values():
        for path, _ in placed(node) if node.name in graph.nodes_waiting else ():
            if path not in listed and path not in told and path[:-1] not in told:
                message = "this transition is never taken: its event never comes, or others always come first"
                hint = "give those a guard, or remove it"
                yield graph.finding("shadowed-transition", "warning", path, message, hint=hint)


def _dead(graph: Graph) -> Iterator[tuple[Path, list[Edge]]]:
    """The transitions that cannot be taken in any state where a run could try: where they are, and all their edges."""
    found: dict[Path, list[Edge]] = {}
    resting = frozenset(graph.resting)
    for local in graph.entered:
        for edge in graph.rows[local]:
            for path in edge.paths if local in resting or not edge.trigger else ():
                found.setdefault(path, []).append(edge)
    return ((path, edges) for path, edges in found.items() if not any(edge.open for edge in edges))


def _accepted(graph: Graph) -> frozenset[str]:
    """The triggers that something can answer to where a run waits."""
    return frozenset(edge.trigger for local in graph.resting for edge in graph.rows[local] if edge.open)


def _missed(graph: Graph) -> dict[str, list[Node]]:
    """For each event the states that name it and are entered, but in which no run ever waits, and that take none raised."""
    found: dict[str, list[Node]] = {}
    edges = (edge for local in graph.entered for edge in graph.rows[local] if edge.open)
    taken = {path[:length] for edge in edges for path in edge.paths for length in range(len(path) + 1)}
    for node in graph.tree.nodes.values():
        if node.name in graph.nodes_entered and node.name not in graph.nodes_resting:
            for event in node.state.on:
                if (*node.path, "on", event) not in taken:
                    found.setdefault(event, []).append(node)
    return found


def _doing(edge: Edge) -> str:
    return f"the transition to {edge.target}" if edge.target is not None else "this internal transition"
