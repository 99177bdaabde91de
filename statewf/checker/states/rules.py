"""Rules about where a run can get to, and RULES, the list of all of them.

A rule is a pure function of a graph. One fault gives one finding: what follows from it alone is not told
again (a state behind an unreachable one, a wait in a dead end, a loop out of which nothing leads).

Below: `graph`, and the other families of rules, `shadows`, `raising` and `timing`. Above: the checker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from math import inf
from typing import TypeAlias

from statewf.checker.findings import Finding
from statewf.checker.states.edges import Edge
from statewf.checker.states.graph import Graph, total
from statewf.checker.states.raising import never_finished, raised_in_vain
from statewf.checker.states.search import components, shortest, way
from statewf.checker.states.shadows import event_never_accepted, shadowed_guard, shadowed_transition
from statewf.checker.states.timing import dead_timeout, retry_never_fits, unused_retry
from statewf.compiler.tree import Path
from statewf.machine.fsm import CANCEL, DONE, RAISE, RETRY, TIMEOUT, Disarm, Do, Transition
from statewf.machine.naming import SIDE_BY_SIDE, known

Rule: TypeAlias = Callable[[Graph], Iterator[Finding]]

MOST_NAMES = 8  # in one message; who reads more?
STARTS = 64  # how many states of a component a shortest cycle is sought from, so that a huge one takes no hours


# --- errors


def unreachable_state(graph: Graph) -> Iterator[Finding]:
    """A state that nothing leads to, told once for all that lie behind it or in it."""
    nodes = graph.tree.nodes
    if graph.tree.product:
        yield from _never_active(graph)
        return
    lost = frozenset(graph.ways) - graph.reachable
    alive = graph.nodes_reachable
    told: set[str] = set()
    for group in _first_lost(graph):
        around = [outer for outer in graph.nodes(group[0]) if outer.name not in alive]
        if not around or around[-1].name in told:
            continue
        node = around[-1]
        told.add(node.name)
        behind = [name for name in graph.beyond(group, lost) if name in nodes and not nodes[name].within(node)]
        members = frozenset(group)
        mates = [name for name in behind if name in members]
        others = [name for name in behind if name not in members]
        message = f"{node.name} can never be entered: "
        message += f"only {_listed(mates)} leads there" if mates else "no transition leads there"
        message += f"; so neither can {_listed(others)}" if others else ""
        hint = "add a transition to it, or remove it"
        yield graph.finding("unreachable-state", "error", node.path, message, hint=hint)


def _never_active(graph: Graph) -> Iterator[Finding]:
    """Of a table that has only what some chain of transitions leads to, the states that are not in it."""
    alive = graph.nodes_reachable
    for node in graph.tree.nodes.values():
        if node.name in alive or node.state.history or not all(n.name in alive for n in node.lineage()[1:]):
            continue
        message, hint = f"{node.name} can never be entered: no transition leads there", "add one, or remove it"
        yield graph.finding("unreachable-state", "error", node.path, message, hint=hint)


def _first_lost(graph: Graph) -> list[tuple[str, ...]]:
    """The groups of states that cannot be entered, and that no other such state leads to."""
    lost = [name for name in graph.ways if name not in graph.reachable]
    groups = components(lost, graph.ways.__getitem__)
    home = {name: number for number, group in enumerate(groups) for name in group}
    led = {home[after] for name in lost for after in graph.ways[name] if home.get(after, home[name]) != home[name]}
    return [group for number, group in enumerate(groups) if number not in led]


def dead_end(graph: Graph) -> Iterator[Finding]:
    """A state that is not terminal and from which nothing leads to another."""
    for name, *others in graph.traps:
        if not others and name not in graph.circling:
            message = f"{known(name)} is not terminal, and nothing in it leads to another state"
            hint = "mark it terminal: true, or give it a way out"
            path = graph.nodes(name)[0].path
            yield graph.finding("dead-end", "error", path, message, trace=graph.trace(name), hint=hint)


def no_way_to_terminal(graph: Graph) -> Iterator[Finding]:
    """States that lead only to one another; without any terminal state it is the fault of the machine."""
    ends = [leaf.name for leaf in graph.tree.leaves() if leaf.state.terminal]
    groups = [group for group in graph.traps if len(group) > 1 and graph.circling.isdisjoint(group)]
    if ends and graph.nodes_reachable.isdisjoint(ends):
        return  # that nothing leads to the terminal states is told by unreachable_state
    hint = "mark a state terminal: true" if not ends else "give one of them a way to a terminal state"
    if groups and not ends:
        message = "no state is terminal: what is started never ends"
        yield graph.finding("no-way-to-terminal", "error", ("states",), message, hint=hint)
        return
    for first, *others in groups:
        message = f"from {known(first)} no terminal state can be reached: "
        message += f"it leads only to {_listed(list(dict.fromkeys(map(known, others))))} and back"
        path, trace = graph.nodes(first)[0].path, graph.trace(first)
        yield graph.finding("no-way-to-terminal", "error", path, message, trace=trace, hint=hint)


def endless_always(graph: Graph) -> Iterator[Finding]:
    """A ring of `always` transitions each of which is certain to be taken."""
    for ring in graph.circles:
        if all(_is_always(path) for edge in ring for path in edge.paths):
            message = f"{_shown(graph, ring)} goes round for ever: each of these always transitions holds at once"
            trace, hint = graph.trace(ring[0].source), "give one of them a guard, or an event to wait for"
            yield graph.finding("endless-always", "error", ring[0].path, message, trace=trace, hint=hint)


def endless_raise(graph: Graph) -> Iterator[Finding]:
    """A ring of transitions that raise each other's events."""
    for ring in graph.circles:
        path = next((path for edge in ring for path in edge.paths if not _is_always(path)), None)
        if path is not None:
            message = (
                f"{_shown(graph, ring)} goes round for ever: events that the machine raises lead to themselves"
            )
            trace, hint = graph.trace(ring[0].source), "raise one of them where a guard may not hold, or later"
            yield graph.finding("endless-raise", "error", path, message, trace=trace, hint=hint)


def _is_always(path: Path) -> bool:
    """Whether an `always` stands there."""
    *around, last = path if isinstance(path[-1], str) else path[:-1]
    return last == "always" and around[-1] != "on"


# --- warnings


def waits_forever(graph: Graph) -> Iterator[Finding]:
    """A state that is only left if somebody sends an event, or if a guard happens to hold."""
    told: set[Path] = set()
    for local in graph.resting:
        leaf = graph.leaf(local)
        edges = [edge for edge in graph.rows[local] if edge.open and edge.trigger != CANCEL]
        ways = [edge for edge in edges if graph.leads_out(edge)]
        if leaf is None or local in graph.circling or not ways:
            continue
        if any(_moves_itself(edge, ways) for edge in edges) or _asks(graph, local):
            continue
        awaited = list(dict.fromkeys(edge.trigger for edge in ways if edge.trigger))
        if leaf.path in told:
            continue  # beside others, or with another past, it waits likewise
        told.add(leaf.path)
        reason = (
            f"only events from outside end it, {_listed(awaited)}"
            if awaited
            else "no guard of its always need hold"
        )
        message = f"{known(local)} may wait for ever: {reason}"
        hint = "add timeout and timeoutTransition"
        trace = graph.trace(local)
        yield graph.finding("waits-forever", "warning", leaf.path, message, trace=trace, hint=hint)


def _moves_itself(edge: Edge, ways: Sequence[Edge]) -> bool:
    """Whether something pulls this edge: a timer, the answer of a handler, which may be an event, or an own event that moves."""
    return edge.trigger.startswith((TIMEOUT, RETRY, DONE)) or (edge.trigger.startswith(RAISE) and edge in ways)


def _asks(graph: Graph, local: str) -> bool:
    """Whether an action is called on every way in: its handler may answer with an event."""
    entering = [edge.transition for edge in graph.into[local]]
    if graph.first == local:
        entering.append(graph.region.start)
    return all(_calls(transition) for transition in entering)


def _calls(transition: Transition) -> bool:
    return any(isinstance(op, Do) for op in (*transition.exit, *transition.actions, *transition.entry))


def unbounded_cycle(graph: Graph) -> Iterator[Finding]:
    """States that can be entered again and again, with no retry counter and no timeout around that ends it."""
    caught = graph.circling.union(*graph.traps)
    told: set[str] = set()
    for group in components(graph.entered, lambda local: [edge.source for edge in graph.into[local]]):
        members = frozenset(group)
        inner = [edge for local in group for edge in graph.into[local] if edge.source in members]
        back = [edge for edge in inner if edge.transition.attempt == "reset"]
        if not back or not caught.isdisjoint(group) or _timed(graph, group, inner):
            continue
        endless = [edge for edge in back if not graph.running(edge)]
        cycle = _shortest_cycle(group, inner, endless or back)
        message = f"{_shown(graph, cycle)} can be repeated without end"
        if message in told:
            continue  # with another past it is the same
        told.add(message)
        trace = graph.trace(cycle[0].source, cycle)
        hint = "bound it with retry and maxAttempts, or put its states into one with a timeout"
        last = next(names for edge in reversed(cycle) if (names := _leaves(graph, edge)))
        place = graph.tree.nodes[last[0]].path
        yield graph.finding("unbounded-cycle", "warning", place, message, trace=trace, hint=hint)


def _timed(graph: Graph, group: Sequence[str], inner: Iterable[Edge]) -> bool:
    """Whether a state around all of them has a timeout that runs on while they are gone through."""
    names = {node.name for node in graph.nodes(group[0]) if node.state.timeout is not None}
    for local in group:
        names &= {node.name for node in graph.nodes(local)}
    stopped = {op.timer for edge in inner for op in edge.transition.exit if isinstance(op, Disarm)}
    return any(TIMEOUT + name not in stopped for name in names)


def _shortest_cycle(group: Sequence[str], inner: Sequence[Edge], back: Sequence[Edge]) -> tuple[Edge, ...]:
    """A cycle with an edge of `back` in it, which resets the counter: it starts where that edge ends."""
    ways: dict[str, list[Edge]] = {local: [] for local in group}
    for edge in inner:
        ways[edge.source].append(edge)
    closing: dict[str, list[Edge]] = {}
    for edge in back:
        closing.setdefault(edge.target or edge.source, []).append(edge)
    best: tuple[Edge, ...] = ()
    for start in list(closing)[:STARTS]:
        arrivals = shortest(start, ways.__getitem__, within=total(best) if best else inf)
        cycles = [(*way(arrivals, edge.source), edge) for edge in closing[start] if edge.source in arrivals]
        best = min((best, *cycles) if best else cycles, key=total, default=best)
    return best


def _shown(graph: Graph, cycle: Sequence[Edge]) -> str:
    """`a -> b -> a`, the middle of a long one left out."""
    steps = [names for edge in cycle if (names := _leaves(graph, edge))]
    names = [SIDE_BY_SIDE.join(step) for step in (steps[-1], *steps)] if steps else [known(cycle[0].source)]
    return " -> ".join(names if len(names) <= MOST_NAMES else (*names[: MOST_NAMES - 2], "...", names[-1]))


def _leaves(graph: Graph, edge: Edge) -> list[str]:
    """The leaves that an edge enters."""
    nodes = graph.tree.nodes
    return [name for name in edge.transition.entered if name in nodes and not nodes[name].children]


def _listed(names: Sequence[str]) -> str:
    """`a, b and c`, of a long list the first few."""
    if len(names) > MOST_NAMES:
        names = (*names[: MOST_NAMES - 1], f"{len(names) - MOST_NAMES + 1} more")
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


RULES: tuple[Rule, ...] = (
    unreachable_state,
    dead_end,
    no_way_to_terminal,
    endless_always,
    endless_raise,
    waits_forever,
    unbounded_cycle,
    shadowed_transition,
    shadowed_guard,
    event_never_accepted,
    raised_in_vain,
    never_finished,
    dead_timeout,
    retry_never_fits,
    unused_retry,
)
