"""How long a run of a state machine takes, and how many attempts it makes: paths through the graph of its states.

Time passes in three ways: in a state until its timeout, between two attempts, and while nobody knows how long an event
or a handler keeps it waiting, which may also be no time at all. Timers are punctual, guards are free, and somebody may
cancel at any moment. An *attempt* is an entry of a state that has a `retry`; that is what is counted.

All bounds are safe: no run takes less than the least or more than the greatest. For machines without timeouts of
compound states, and if guards are free indeed, they are exact: some run takes that long, or as nearly as one wants
(jitter). Such a timeout cuts what lies within it, and what leads on by it comes no sooner than after it; but whether a
run can be at that very place at that very moment is not asked. One thing is not told: a circle in which no time can
pass, because the timeouts on it are 0, is taken for one without end.

Below: `moves`, `spans`, the search among states. Above: the package.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from heapq import heappop, heappush
from itertools import count

import attrs

from statewf.checker.bounds.moves import Moves, is_entry
from statewf.checker.bounds.spans import NOTHING, Bounds, End, Leg, Span, endless, lasting, longest, shortest
from statewf.checker.states.edges import Edge
from statewf.checker.states.graph import Graph
from statewf.checker.states.search import components
from statewf.checker.states.timing import least
from statewf.machine.fsm import RAISE, TIMEOUT, Arm, Op
from statewf.machine.naming import known


def state_bounds(graph: Graph) -> Bounds:
    """The bounds of a compiled state machine."""
    moves = Moves(graph)
    latest = _Latest(moves)
    soonest, fewest = _soonest(moves), _fewest(moves)
    most = _most(moves, latest.groups)
    ends = [name for name in moves.states if moves.terminal(name)]
    told = tuple(
        End(
            state=name,
            least=soonest[name],
            greatest=latest.arrival[name].ms,
            fewest=fewest[name],
            most=most[name],
            way=(*latest.arrival[name].legs(), Leg(name, 0)),
            why=latest.arrival[name].why,
            often="" if most[name] is not None else "a circle of attempts",
        )
        for name in sorted(ends, key=list(graph.region.states).index)
    )
    whole = longest(latest.leaving[name] for name in moves.states)
    return Bounds(told, whole.ms, whole.legs(), whole.why, dict(_each(moves, latest)))


def _each(moves: Moves, latest: _Latest) -> Iterator[tuple[str, int | None]]:
    """How often each state is tried at most, whatever is remembered meanwhile; None: there is no bound."""
    alike: dict[str, list[str]] = defaultdict(list)
    for name in filter(moves.counted, moves.states):
        alike[known(name)].append(name)
    for state, names in alike.items():
        again = len(names) > 1 or names[0] in latest.circling
        yield state, None if again else moves.attempts(names[0])


# --- how long at most


class _Latest:
    """When each state is entered and left, at the latest; worked out group by group, the states of a circle together."""

    def __init__(self, moves: Moves) -> None:
        self.moves = moves
        self.arrival: dict[str, Span] = {}
        self.leaving: dict[str, Span] = {}
        self.deadlines: dict[str, dict[str, Span]] = {}  # by state, of the timers around it
        self.groups = _in_order(moves)
        self.circling: set[str] = set()  # the states that can be entered again and again
        into: dict[str, list[Edge]] = defaultdict(list)
        for edges in moves.states.values():
            for edge in edges:
                into[edge.target or ""].append(edge)
        for group in self.groups:
            self.reckon(group, [edge for name in group for edge in into[name]])

    def reckon(self, group: Sequence[str], into: Sequence[Edge]) -> None:
        """Give each state of a group its times. All that leads into it from outside is known by now."""
        members = frozenset(group)
        outside = [edge for edge in into if edge.source not in members]
        inside = [edge for edge in into if edge.source in members]
        arrived = longest([*([NOTHING] if self.moves.first in members else []), *map(self.taken, outside)])
        kept = self.held(group, inside)
        deadlines = {timer: self.deadline(timer, timeout, members, outside) for timer, timeout in kept}
        left = arrived.then(longest(map(self.dwelling, group)))  # who only takes own events has not left
        if any(map(is_entry, inside)):
            self.circling |= members
            for_ever = arrived if arrived.ms is None else endless(*self.circle(group, inside))
            left = arrived = shortest([for_ever, *deadlines.values()])
        for name in group:
            self.arrival[name] = arrived
            self.deadlines[name] = deadlines
            self.leaving[name] = shortest([left, *deadlines.values()])

    def taken(self, edge: Edge) -> Span:
        """When an edge is taken, at the latest."""
        return self.leaving[edge.source]

    def held(self, group: Sequence[str], inside: Sequence[Edge]) -> list[tuple[str, int]]:
        """The timers around all states of a group that run on while one goes from one of them to another."""
        armed = {timer for edge in inside for timer in _armed(edge.transition.entry)}
        others = [dict(self.moves.around(name)) for name in group[1:]]
        around = self.moves.around(group[0])
        return [pair for pair in around if pair[0] not in armed and all(pair[0] in timers for timers in others)]

    def deadline(self, timer: str, timeout: int, members: frozenset[str], into: Sequence[Edge]) -> Span:
        """When a timer around a group comes due, at the latest."""
        allowed = lasting(timer, timeout)
        set_anew = [allowed] if self.moves.first in members else []
        for edge in into:
            source = edge.source
            if timer in self.deadlines[source] and timer not in _armed(edge.transition.entry):
                set_anew.append(self.deadlines[source][timer])
            else:
                set_anew.append(self.leaving[source].then(allowed))
        return longest(set_anew)

    def dwelling(self, name: str) -> Span:
        """How long a run may stay in a state, all its attempts and the waits between them taken together."""
        moves = self.moves
        if moves.terminal(name) or moves.passing(name):
            return NOTHING
        timeout, times = moves.limit(name), moves.attempts(name)
        if timeout is None:
            return endless(known(name), _waiting(moves, name))
        waits = least(attrs.evolve(moves.delay(name), jitter=False), times - 1)
        label = known(name) if times == 1 else f"{known(name)} ({times} attempts)"
        return lasting(label, times * timeout + waits)

    def circle(self, group: Sequence[str], inside: Sequence[Edge]) -> tuple[str, str]:
        """A state from which one comes back to it, and the way round, which no timeout around it ends if there is such."""
        entries = [edge for edge in inside if is_entry(edge)]
        endless = [edge for edge in entries if not self.moves.graph.running(edge)] or entries
        closing = min(endless, key=lambda edge: (edge.target != edge.source, group.index(edge.target or "")))
        after: dict[str, list[str]] = defaultdict(list)
        for edge in inside:
            after[edge.source].append(edge.target or "")
        before = {closing.target or "": ""}
        queue = list(before)
        for name in queue:  # grows while it is read
            fresh = [other for other in dict.fromkeys(after[name]) if other not in before]
            before.update(dict.fromkeys(fresh, name))
            queue += fresh
        way = [closing.source]
        while way[-1] != closing.target:
            way.append(before[way[-1]])
        names = [known(name) for name in (*reversed(way), way[-1])]
        seen = [name for at, name in enumerate(names) if at < 2 or name != names[at - 1]]
        return names[0], f"a cycle: {' → '.join(seen)}"


def _waiting(moves: Moves, name: str) -> str:
    """What may keep a run in a state for ever."""
    called = [node.state.invoke.handler for node in moves.graph.nodes(name) if node.state.invoke is not None]
    if called:
        return f"{known(name)} waits for the handler {called[0]}, which has no timeout"
    listed = (edge.trigger.removeprefix(RAISE) for edge in moves.states[name] if edge.trigger)
    events = list(dict.fromkeys(event for event in listed if not event.startswith("$")))
    if not events:
        return f"nothing leads out of {known(name)}"
    return f"{known(name)} waits for {events[0] if len(events) == 1 else 'an event'}"


def _armed(ops: Iterable[Op]) -> Iterator[str]:
    """The states whose timeouts are set."""
    return (op.timer.removeprefix(TIMEOUT) for op in ops if isinstance(op, Arm) and op.timer.startswith(TIMEOUT))


def _in_order(moves: Moves) -> list[tuple[str, ...]]:
    """The groups of states that lead to each other, each behind all that lead to it."""

    def after(name: str) -> Iterator[str]:
        return (edge.target for edge in moves.states[name] if edge.target is not None)

    groups = components(moves.states, after)
    of = {name: number for number, group in enumerate(groups) for name in group}
    following = [
        {of[other] for name in group for other in after(name)} - {number} for number, group in enumerate(groups)
    ]
    waiting = [0] * len(groups)
    for others in following:
        for other in others:
            waiting[other] += 1
    queue = [of[moves.first]]
    for number in queue:  # grows while it is read
        for other in sorted(following[number]):
            waiting[other] -= 1
            if not waiting[other]:
                queue.append(other)
    return [groups[number] for number in queue]


# --- how long at least, and how often


def _soonest(moves: Moves) -> Mapping[str, int]:
    """When each state can be entered, at the soonest: by the first that can happen, again and again."""
    begun = {TIMEOUT + timer: 0 for timer in _armed(moves.graph.region.start.entry)}
    lengths = {node.name: node.state.timeout or 0 for node in moves.graph.tree.nodes.values()}

    def taken(edge: Edge, at: int) -> int:
        name = edge.source
        if edge.trigger.startswith(TIMEOUT):
            timer = edge.trigger.removeprefix(TIMEOUT)
            since = at if timer == name else begun[edge.trigger]
            then = max(at, since + lengths[timer])
        else:
            then = at + least(moves.delay(name), moves.needed(edge) - 1)
        for timer in _armed(edge.transition.entry):
            begun[TIMEOUT + timer] = min(then, begun.get(TIMEOUT + timer, then))
        return then

    return _least(moves, taken)


def _fewest(moves: Moves) -> Mapping[str, int]:
    """How many attempts have been made by the time a state is entered, at least."""

    def made(edge: Edge, before: int) -> int:
        return before + (moves.needed(edge) if is_entry(edge) and moves.counted(edge.source) else 0)

    return _least(moves, made)


def _least(moves: Moves, beyond: Callable[[Edge, int], int]) -> dict[str, int]:
    """The least figure for each state, if `beyond` tells what an edge makes of that of its source (Dijkstra)."""
    found = {moves.first: 0}
    serial = count()
    heap = [(0, next(serial), moves.first)]
    while heap:
        figure, _, name = heappop(heap)
        if figure > found[name]:
            continue
        for edge in moves.states[name]:
            there = beyond(edge, figure)
            if edge.target is not None and there < found.get(edge.target, there + 1):
                found[edge.target] = there
                heappush(heap, (there, next(serial), edge.target))
    return found


def _most(moves: Moves, groups: Sequence[Sequence[str]]) -> Mapping[str, int | None]:
    """How many attempts have been made by the time a state is entered, at most; None: there is no bound."""
    found: dict[str, int | None] = {moves.first: 0}
    for group in groups:
        members = frozenset(group)
        circling = any(is_entry(e) and e.target in members for name in group for e in moves.states[name])
        before = [found.get(name, 0) for name in group]
        if None in before or (circling and any(map(moves.counted, group))):
            most = None
        else:
            most = max(figure for figure in before if figure is not None)
        for name in group:
            found[name] = most
            here = moves.attempts(name) if moves.counted(name) else 0
            for edge in moves.states[name]:
                target = edge.target or ""
                known = found.get(target, 0)
                found[target] = None if most is None or known is None else max(known, most + here)
    return found
