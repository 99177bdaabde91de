"""Looking for a run that violates something: a search through what was explored, and a monitor that watches.

A run that violates a property does so at a step, by ending, by resting where only events from outside lead on, or
by going round for ever. *Fair* runs alone count: every call that stays open is answered in the end, and every
timer that stays set comes due; people and events from outside need never come. So a circle counts unless there
is a call or timer that stays as it is all around it.

A *certain* search goes no way on which something was supposed about data; what it finds, some data will do.

Below: `explore`, `monitors`. Above: `verdict`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Literal, NamedTuple, TypeAlias

import attrs

from statewf.checker.states.search import components
from statewf.checker.words.atoms import Watch
from statewf.checker.words.monitors import Monitor, State
from statewf.machine.explore import Exploration, Move, Pending, pending

Look = Callable[[int], bool]  # of a node: whether the condition holds there


@attrs.frozen
class Run:
    """A run that shows something: its moves from the start; `loop`, if it goes round for ever from there.

    `end` says how it shows it: by its last step, by ending, resting, or going round.
    """

    moves: tuple[Move, ...]
    end: Literal["step", "ended", "rests", "circles"]
    loop: tuple[Move, ...] = ()


Try: TypeAlias = tuple[str, int]  # its label, and which event it is


class Point(NamedTuple):
    """A node, and where the monitor is when a run is there."""

    node: int
    state: State


@attrs.frozen(eq=False)
class Space:
    """An exploration, made ready to be searched."""

    found: Exploration

    @cached_property
    def after(self) -> list[list[Move]]:
        """The moves from each node."""
        listed: list[list[Move]] = [[] for _ in self.found.snapshots]
        for move in self.found.moves:
            listed[move.source].append(move)
        return listed

    def ends(self, node: int) -> bool:
        """Whether the run has ended there."""
        return bool(self.found.snapshots[node].ended)

    def rests(self, node: int) -> bool:
        """Whether nothing leads on but events from outside, and people."""
        flight = self.found.snapshots[node].flight
        return not (flight.calls or flight.deadlines or self.ends(node))

    def open(self, node: int) -> frozenset[Pending]:
        """The calls and timers that are open there."""
        return pending(self.found.snapshots[node].flight)


class Search:
    """A search for a run that a monitor takes exception to."""

    def __init__(self, space: Space, monitor: Monitor, watch: Watch, look: Look | None, *, certain: bool) -> None:
        self._space = space
        self._monitor = monitor
        self._watch = watch
        self._look = look
        self._certain = certain
        self._came: dict[Point, tuple[Point | None, Move]] = {}  # from where, and by which move

    def violations(self) -> Iterator[Run]:
        """Runs that violate the property, each by another last move: the shortest first, those that go round last."""
        for before, move, state in self._walk(self._read):
            if state is None:
                yield Run((*self._way(before), move), "step")
                continue
            point = Point(move.target, state)
            if (end := self._end(point)) is not None:
                yield Run(self._way(point), end)
        yield from self._circles()

    def inevitable(self) -> bool:
        """Whether there is a violation whatever the answers are: for each, there is a way on to one.

        Backwards from the violations: a point is lost if one move of it is, or, where something is supposed on a move, all
        that it may lead to are. Where not everything was tried, and so some answers may be missing, nothing counts.
        """
        cut = frozenset(self._space.found.cut)
        before: dict[Point, list[tuple[Point | None, Try]]] = {}
        open_: dict[tuple[Point | None, Try], int] = {}
        lost: deque[tuple[Point | None, Try]] = deque()
        seen = [None, *self._every()]
        for point in seen:
            if point is not None and point.node in cut:
                continue
            for tried, moves in self._tries(point).items():
                ends = [self._read(self._monitor.start if point is None else point.state, move) for move in moves]
                there = [Point(move.target, end) for move, end in zip(moves, ends, strict=True) if end is not None]
                safe = [target for target in there if self._end(target) is None]
                open_[point, tried] = len(safe) + moves[0].refusable
                for target in safe:
                    before.setdefault(target, []).append((point, tried))
                if not open_[point, tried]:
                    lost.append((point, tried))
        gone: set[Point | None] = set()
        while lost:
            point, _ = lost.popleft()
            if point is None:
                return True
            if point not in gone:
                gone.add(point)
                for known in before.get(point, ()):
                    open_[known] -= 1
                    if not open_[known]:
                        lost.append(known)
        return False

    def _every(self) -> list[Point]:
        for _ in self._walk(self._read):
            pass
        return list(self._came)

    def _tries(self, point: Point | None) -> dict[Try, list[Move]]:
        """The moves from a point, by what is tried; those of one try differ in what is supposed."""
        found: dict[Try, list[Move]] = {}
        for move in self._space.found.initial if point is None else self._space.after[point.node]:
            found.setdefault((move.label, id(move.event)), []).append(move)
        return found

    def meeting(self) -> Run | None:
        """The shortest run to a snapshot in the open scope of which the condition holds."""
        assert self._look is not None, "a condition is looked for"
        for _, move, state in self._walk(self._heard):
            if state is not None and self._monitor.look(state, holds=self._look(move.target)) != state:
                return Run(self._way(Point(move.target, state)), "step")
        return None

    def _walk(
        self, read: Callable[[State, Move], State | None]
    ) -> Iterator[tuple[Point | None, Move, State | None]]:
        """Each point once, breadth first, with the move that led there; and each move at which there is no state."""
        queue: deque[tuple[Point | None, Move]] = deque((None, move) for move in self._space.found.initial)
        while queue:
            before, move = queue.popleft()
            if self._certain and move.free:
                continue
            state = read(self._monitor.start if before is None else before.state, move)
            if state is None:
                yield before, move, None
                continue
            point = Point(move.target, state)
            if point not in self._came:
                self._came[point] = (before, move)
                yield before, move, state
                queue.extend((point, following) for following in self._space.after[point.node])

    def _heard(self, state: State, move: Move) -> State | None:
        there: State | None = state
        for letter in self._watch.letters(move):
            there = None if there is None else self._monitor.read(there, letter)
        return there

    def _read(self, state: State, move: Move) -> State | None:
        heard = self._heard(state, move)
        if heard is None or self._look is None:
            return heard
        return self._monitor.look(heard, holds=self._look(move.target))

    def _end(self, point: Point) -> Literal["ended", "rests"] | None:
        if self._space.ends(point.node):
            return "ended" if self._monitor.owed(point.state) else None
        return "rests" if self._space.rests(point.node) and self._monitor.awaited(point.state) else None

    def _way(self, point: Point | None) -> tuple[Move, ...]:
        found: list[Move] = []
        while point is not None:
            point, move = self._came[point]
            found.append(move)
        return tuple(reversed(found))

    # --- going round

    def _circles(self) -> Iterator[Run]:
        waiting = [point for point in self._came if self._monitor.awaited(point.state)]
        among = set(waiting)
        for group in components(waiting, lambda point: (there for _, there in self._on(point, among))):
            members = set(group)
            inside = [move for point in group for move, _ in self._on(point, members)]
            if inside and self._is_fair(group, inside):
                yield Run(self._way(group[0]), "circles", self._around(group[0], members))

    def _on(self, point: Point, among: set[Point]) -> Iterator[tuple[Move, Point]]:
        """The moves that lead on from there to one of these."""
        for move in self._space.after[point.node]:
            if self._certain and move.free:
                continue
            state = self._read(point.state, move)
            if state is not None and (there := Point(move.target, state)) in among:
                yield move, there

    def _is_fair(self, group: Sequence[Point], inside: Sequence[Move]) -> bool:
        """Whether nothing stays as it is all around: what is open everywhere begins anew on the way."""
        everywhere = frozenset.intersection(*(self._space.open(point.node) for point in group))
        return everywhere <= {one for move in inside for one in move.anew}

    def _around(self, start: Point, among: set[Point]) -> tuple[Move, ...]:
        """The shortest way from a point back to it."""
        came: dict[Point, tuple[Point, Move]] = {}
        queue = deque([start])
        while start not in came:
            point = queue.popleft()
            for move, there in self._on(point, among):
                if there not in came:
                    came[there] = (point, move)
                    queue.append(there)
        found: list[Move] = []
        point = start
        while not found or point != start:
            point, move = came[point]
            found.append(move)
        return tuple(reversed(found))
