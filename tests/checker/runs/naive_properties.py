"""Properties by the words of the design, followed along the runs that `naive` found.

`sought` follows them with a monitor, and says how long the shortest run is that violates a property, and whether one goes
round for ever. Below: `naive`. Above: the test that holds the checker against both.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias, assert_never

from statewf.definition.properties import (
    Absence,
    Always,
    Eventually,
    Existence,
    Precedence,
    Property,
    Response,
    Sometimes,
)
from statewf.expr import Expression, Fault
from statewf.machine.fsm import Machine
from statewf.machine.snapshot import Snapshot, active, region_state
from statewf.values.frozen import Object
from tests.checker.runs.naive import Edge, Graph, plain


def holds(machine: Machine, snapshot: Snapshot, condition: Expression) -> bool:
    """Whether a condition holds in a snapshot; where it has no answer, it does not."""
    here = [plain(str(state)) for state in active(snapshot)]
    names = [region.name for region in machine.regions]
    attempts = [region_state(snapshot.regions, number)[1] for number in range(len(names))]
    if len(names) == 1:
        around = [here[0][:at] for at, letter in enumerate(f"{here[0]}.") if letter == "."]
        shown, counted = around, {here[0]: attempts[0]}
    else:
        shown = [f"{name}:{state}" for name, state in zip(names, here, strict=True) if state != "waiting"]
        counted = dict(zip(names, attempts, strict=True))
    data = {"inputs": snapshot.inputs, "context": snapshot.context, "results": snapshot.book.results}
    try:
        return condition.holds({"state": tuple(shown), "attempts": Object(counted), **data})
    except Fault:
        return False


# --- properties, by their words


class Watched(NamedTuple):
    """Where the scope is, `before`, `open` or `over`; and what was seen in it that has to be remembered."""

    scope: str
    seen: frozenset[str] = frozenset()


def begun(asked: Property) -> Watched:
    return Watched("before" if asked.after else "open")


def heard(asked: Property, watched: Watched, word: frozenset[str]) -> Watched | None:
    """What is remembered after a word; None: it violates the property.

    What ends the scope is outside of it, as is what begins it; one that was over begins again at the next `after`.
    """
    if watched.scope == "open" and asked.until in word:
        if is_missing(asked, watched):
            return None
        watched = begun(asked) if asked.after else Watched("over")
    elif watched.scope == "open":
        return _within(asked, watched.seen, word)
    return Watched("open") if watched.scope == "before" and asked.after in word else watched


def _within(asked: Property, seen: frozenset[str], word: frozenset[str]) -> Watched | None:
    match asked:
        case Absence(atoms):  # never; of two, never both
            seen |= word.intersection(atoms)
            return None if seen.issuperset(atoms) else Watched("open", seen)
        case Existence(atoms):
            return Watched("open", seen | word.intersection(atoms))
        case Precedence(first, then):  # no `then` before a `first`
            seen |= word & {first}
            return None if then in word and first not in seen else Watched("open", seen)
        case Response(trigger, eventually):  # after each trigger comes one of these
            return Watched("open", frozenset() if word.intersection(eventually) else seen | (word & {trigger}))
        case Always() | Sometimes() | Eventually():
            return Watched("open", seen)
        case _:
            assert_never(asked)


def looked(asked: Property, watched: Watched, *, so: bool) -> Watched | None:
    """What is remembered after a look at a snapshot, where the condition is so or not."""
    if watched.scope != "open":
        return watched
    match asked:
        case Always():
            return watched if so else None
        case Sometimes():  # the other way round: it is sought
            return None if so else watched
        case Eventually():
            return Watched("open", frozenset({"held"})) if so else watched
        case _:
            return watched


def is_missing(asked: Property, watched: Watched) -> bool:
    """Whether something is missing where the scope ends, or the run."""
    match asked:
        case Existence() | Eventually():
            return watched.scope == "open" and not watched.seen
        case Response():
            return watched.scope == "open" and bool(watched.seen)
        case _:
            return False


def is_awaited(asked: Property, watched: Watched) -> bool:
    """Whether something is missing if a run goes on for ever: `existence` speaks of runs that end."""
    return is_missing(asked, watched) and not isinstance(asked, Existence)


# --- looking for a run that violates one

Point: TypeAlias = tuple[int, Watched]


class Found(NamedTuple):
    """How many steps the shortest run has that violates a property and stops; whether one `circles` for ever."""

    length: int | None
    circles: bool

    def __bool__(self) -> bool:
        return self.length is not None or self.circles


def sought(graph: Graph, asked: Property) -> Found:
    """The runs that violate it; of `sometimes`, those that come to where it holds."""
    held: dict[int, bool] = {}

    def so(node: int) -> bool:
        if isinstance(asked, Always | Sometimes | Eventually) and node not in held:
            assert isinstance(asked.condition, Expression), "functions are not asked here"
            held[node] = holds(graph.machine, graph.snapshots[node], asked.condition)
        return held.get(node, False)

    def followed(watched: Watched | None, said: Iterable[frozenset[str]], node: int) -> Watched | None:
        for word in said:
            watched = None if watched is None else heard(asked, watched, word)
        return None if watched is None else looked(asked, watched, so=so(node))

    first = followed(begun(asked), graph.first, 0)
    if first is None:
        return Found(1, circles=False)
    lengths: dict[Point, int] = {(0, first): 1}
    ways: dict[Point, list[tuple[Point, Edge]]] = {}
    shortest: list[int] = []
    queue: deque[Point] = deque(lengths)
    while queue:
        point = node, watched = queue.popleft()
        if is_bad_end(graph, asked, point):
            shortest.append(lengths[point])
        ways[point] = []
        for edge in graph.after[node]:
            following = followed(watched, edge.words, edge.target)
            if following is None:
                shortest.append(lengths[point] + 1)
                continue
            there = (edge.target, following)
            ways[point].append((there, edge))
            if there not in lengths:
                lengths[there] = lengths[point] + 1
                queue.append(there)
    waiting = {point: ways[point] for point in ways if is_awaited(asked, point[1])}
    return Found(min(shortest, default=None), circles=any(map(is_fair, circles(waiting))))


def is_bad_end(graph: Graph, asked: Property, point: Point) -> bool:
    """Whether the run has ended there without, or may rest there: nothing leads on but people and events from outside."""
    snapshot = graph.snapshots[point[0]]
    if snapshot.ended:
        return is_missing(asked, point[1])
    return not (snapshot.flight.calls or snapshot.flight.deadlines) and is_awaited(asked, point[1])


def is_fair(inside: Sequence[Edge]) -> bool:
    """Whether no call and no timer stays open all around: it would be answered, it would come due."""
    return not frozenset.intersection(*(edge.kept for edge in inside))


def circles(ways: Mapping[Point, Sequence[tuple[Point, Edge]]]) -> Iterator[list[Edge]]:
    """The edges of each part in which everything leads to everything (Kosaraju: in order of leaving, then backwards)."""
    back: dict[Point, list[Point]] = {point: [] for point in ways}
    forth: dict[Point, list[Point]] = {}
    for point, listed in ways.items():
        forth[point] = [there for there, _ in listed if there in ways]
        for there in forth[point]:
            back[there].append(point)
    seen: set[Point] = set()
    order = [point for root in ways for point in left(root, forth, seen)]
    seen.clear()
    for root in reversed(order):
        part = set(left(root, back, seen))
        if inside := [edge for point in part for there, edge in ways[point] if there in part]:
            yield inside


def left(root: Point, ways: Mapping[Point, Sequence[Point]], seen: set[Point]) -> Iterator[Point]:
    """The points that were not seen and can be reached, each when all behind it are left, depth first."""
    stack = [] if root in seen else [(root, iter(ways[root]))]
    seen.add(root)
    while stack:
        point, rest = stack[-1]
        following = next((there for there in rest if there not in seen), None)
        if following is None:
            stack.pop()
            yield point
        else:
            seen.add(following)
            stack.append((following, iter(ways[following])))
