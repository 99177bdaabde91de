"""All that can become of a machine, whatever its data say: its configurations, and the ways between them.

The real `step` is asked, from the start on, what follows when each thing happens that can (`tries`). There are
no data: what a condition cannot know is supposed, either way (`suppose`), and a move on which something was
supposed is `free`. Times are left out, but for this: of two timers that one region set, the one that certainly
comes due first does so first.

What is found is a graph. A node is a configuration (`lens`) and what is supposed by then. Of what steps do each by
itself while a workflow is about to end, one order may stand for all: see `Ending`.

Below: `step`, `suppose`, `tries`, `lens`. Above: `flatten`, and the checker.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container, Hashable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeAlias

import attrs

from statewf.expr import Expression
from statewf.machine.effects import Call, SetTimer
from statewf.machine.events import AnyEvent, Decided, Fired
from statewf.machine.fsm import Arm, Machine, Track
from statewf.machine.lens import Configuration, conditions, lens
from statewf.machine.macrostep import MOST_ALWAYS
from statewf.machine.snapshot import MOVE, Flight, Note, Snapshot, Step, blank, heard, region_state
from statewf.machine.step import step
from statewf.machine.suppose import Answer, Supposer, Supposition, standing, supposing
from statewf.machine.tries import Try, decisions, names, tries, whose

EFFORT = 50  # how many moves each configuration of the limit is good for, in all of them together
SEEN = 100  # and so many regions looked at cost as much as one move
OFTEN = 200  # after so many nodes whoever waits is told how many there are

Progress: TypeAlias = Callable[[int], None]
Timer: TypeAlias = tuple[str, str]  # region, name
Pending: TypeAlias = tuple[str, str]  # a timer, or a region and whose call it is


class Among(Protocol):
    """Says what is tried."""

    def __call__(self, snapshot: Snapshot, tried: Try) -> bool:
        """Whether that is."""

    def regions(self, snapshot: Snapshot) -> Container[str] | None:
        """The regions whose answers, timers and decisions may be; None: all."""


class Move(NamedTuple):
    """A way from one node to another, by number: what happened, in words and as the event, and the moves it made.

    `free`: something was supposed on it; `refusable`: it would be refused otherwise. `path` is that of the step, flat,
    `notes` are its notes. `anew` are timers and calls that were open before and are again: set once more, called once more.
    """

    source: int
    label: str
    target: int
    free: bool
    event: AnyEvent
    path: Track
    notes: tuple[Note, ...]
    anew: frozenset[Pending]
    refusable: bool = False


@attrs.frozen
class Ending:
    """In these `states` of the first region all others end, each by itself, and begin nothing.

    What one of them does then neither helps nor hinders what another does, nor a cancel; all that anybody hears of it
    is that there is one less to wait for. So whatever happens afterwards can happen, too, if one of them goes first,
    unless it is the last, or among the `seen`, of which somebody asks when they move. Therefore of all that are neither
    the moves of one are looked at (an ample set, in the words of partial-order reduction); those of the seen as ever, so
    that a shortest run to what somebody asks for is still there. None of them comes back to a state where it was, so no
    move is put off for ever.
    """

    states: Container[str]
    seen: Container[str] = ()


@attrs.frozen
class Exploration:
    """What was found: snapshots, one of each node, in the order of finding, and the moves between them.

    `supposed` is what holds at each node as far as something had to be supposed, `orders` which of its timers comes before
    which. `initial` are the moves in which a run begins (their source is -1). `cut` are the nodes behind which more may lie:
    a limit was reached before everything was tried in them. `whole`: no limit was. `words` are what people decided besides the usual,
    `named` are events that were sent besides the patterns that they fit.
    `answered`: wherever something was tried, all answers to its conditions were, but for the `cut`. `reduced`: one order stands for all of
    what steps do while a workflow ends, so there are more configurations than these.
    """

    configurations: tuple[Configuration, ...]
    supposed: tuple[frozenset[tuple[Expression, Answer]], ...]
    orders: tuple[frozenset[tuple[Timer, Timer]], ...]
    snapshots: tuple[Snapshot, ...]
    moves: tuple[Move, ...]
    initial: tuple[Move, ...]
    cut: tuple[int, ...]
    whole: bool
    words: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    watched: tuple[Expression, ...] = ()
    reduced: bool = False
    answered: bool = True


def explore(
    machine: Machine,
    limit: int,
    ending: Ending | None = None,
    watched: Sequence[Expression] = (),
    among: Among | None = None,
    *,
    deep: bool = False,
    heard: Sequence[str] = (),
    progress: Progress | None = None,
) -> Exploration:
    """At most `limit` nodes, those that are nearest to the start; without an `ending`, every order of everything.

    Nodes differ also in what the `watched` conditions read. What is not `among` what may be tried does not happen. `deep`:
    one run is gone to its end, then others that leave it late; not those nodes that are nearest. Events that are `heard` by
    name are told from others that fit the same pattern. `progress` is told now and then how many nodes there are by then.
    """
    return _Walk(machine, limit, ending, watched, among, heard).walk(deep=deep, progress=progress)


# --- the walk


@attrs.frozen(eq=False)
class _Node:
    """Where a run may be. `delays` are those of the timers that are set, ms, `order` which of two comes first."""

    snapshot: Snapshot
    known: Mapping[Expression, Supposition]
    delays: Mapping[Timer, int]
    order: frozenset[tuple[Timer, Timer]]


Key: TypeAlias = tuple[Configuration, frozenset[tuple[Expression, Answer]], frozenset[tuple[Timer, Timer]]]


class _Walk:
    """The exploration in the making."""

    def __init__(
        self,
        machine: Machine,
        limit: int,
        ending: Ending | None,
        watched: Sequence[Expression],
        among: Among | None,
        heard: Sequence[str],
    ) -> None:
        asked = (*conditions(machine), *watched)
        self.named = names(machine, asked, heard)
        self.supposer = Supposer(self.named)
        self.machine = supposing(machine, self.supposer)
        self.watched = tuple(watched)
        self.lens = lens(machine, watched)
        self.words = decisions(asked)
        self.vague = vague_timers(machine)
        self.limit = max(limit, 1)
        self.effort = self.limit * EFFORT
        self.ending = ending
        self.among = among
        self.full = False  # a limit was reached: nothing more is tried
        self.refused = False  # what was tried last, with some answers
        self.numbers: dict[Key, int] = {}
        self.nodes: list[_Node] = []
        self.moves: dict[Move, None] = {}

    def walk(self, *, deep: bool, progress: Progress | None) -> Exploration:
        before = _Node(blank(self.machine, "any"), {}, {}, frozenset())
        (start,) = tries(self.machine, before.snapshot)
        initial = tuple(self.lead(-1, before, start))
        queue = deque(range(len(self.nodes)))
        cut: list[int] = []
        while queue:
            node = queue.popleft()
            known = len(self.nodes)
            if not self.nodes[node].snapshot.ended:
                if not self.full:
                    self.expand(node)
                if self.full:
                    cut.append(node)
            if progress is not None and node % OFTEN == 0:
                progress(len(self.nodes))
            fresh = range(known, len(self.nodes))
            if deep:
                queue.extendleft(reversed(fresh))
            else:
                queue.extend(fresh)
        configurations = tuple(configuration for configuration, _, _ in self.numbers)
        supposed = tuple(supposed for _, supposed, _ in self.numbers)
        orders = tuple(order for _, _, order in self.numbers)
        snapshots = tuple(node.snapshot for node in self.nodes)
        found = (configurations, supposed, orders, snapshots, tuple(self.moves), initial)
        whole = not (self.full or self.supposer.exceeded)
        answered = not self.supposer.exceeded
        return Exploration(
            *found, tuple(cut), whole, self.words, self.named, self.watched, self.ending is not None, answered
        )

    def expand(self, source: int) -> None:
        """Try all that can happen there."""
        node = self.nodes[source]
        among = self.among
        regions = None if among is None else among.regions(node.snapshot)
        possible = [
            tried
            for tried in tries(self.machine, node.snapshot, self.words, regions, self.named)
            if not _is_later(tried.event, node) and (among is None or among(node.snapshot, tried))
        ]
        led: dict[str, set[Hashable]] = {}
        for tried in self.without_orders(node, possible):
            moves = list(self.lead(source, node, tried))
            if self.refused:
                moves = [move._replace(refusable=True) for move in moves]
            there = {(move.target, move.path, heard(move.event, move.notes)) for move in moves}
            if not (tried.like and there <= led[tried.like]):
                self.moves.update(dict.fromkeys(moves))
            led.setdefault(tried.label, set()).update(there)

    def without_orders(self, node: _Node, possible: Sequence[Try]) -> Sequence[Try]:
        """What is to be tried there: all that is possible, but of the unseen regions that end by themselves one alone."""
        ending = self.ending
        if ending is None or region_state(node.snapshot.regions, 0)[0] not in ending.states:
            return possible
        unseen: dict[str, list[Try]] = {}
        others: list[Try] = []
        for tried in possible:
            region = "" if isinstance(tried.event, Decided) else whose(tried.event, node.snapshot)
            if region and region not in ending.seen:
                unseen.setdefault(region, []).append(tried)
            else:
                others.append(tried)
        for tried_of in unseen.values():
            if all(self.by_itself(node, one) for one in tried_of):
                return [*tried_of, *others]
        return possible

    def by_itself(self, node: _Node, tried: Try) -> bool:
        """Whether that moves one region only, and not the first."""
        first = self.machine.regions[0].name
        for _ in self.supposer.sequences(node.known):
            made = step(self.machine, node.snapshot, tried.event)
            if isinstance(made, Step) and (len(moved := set(made.path[::MOVE])) != 1 or first in moved):
                return False
        return True

    def lead(self, source: int, before: _Node, tried: Try) -> Iterator[Move]:
        """The ways that it leads, until the limit is reached."""
        self.refused = False
        if self.full:
            return
        for _ in self.supposer.sequences(before.known):
            made = step(self.machine, before.snapshot, tried.event)
            self.effort -= 1
            self.refused = self.refused or not isinstance(made, Step)
            if isinstance(made, Step):
                circled = any(note.kind == "livelock" for note in made.notes)
                self.effort -= len(made.moves) + len(self.machine.regions) // SEEN + circled * MOST_ALWAYS
                number = self.number(before, made)
                if number is not None:
                    free = self.supposer.asked > 0
                    yield Move(source, tried.label, number, free, tried.event, made.path, made.notes, anew(made))
            self.full = self.full or self.effort < 0
            if self.full:
                return

    def number(self, before: _Node, made: Step) -> int | None:
        """The number of the node that a step leads to, old or new; None if there are too many."""
        after = made.after
        known = standing(self.supposer.known, after, many=len(self.machine.regions) > 1)
        delays, order = self.timers(before, made)
        supposed = frozenset((guard, supposition.answer) for guard, supposition in known.items())
        key = (self.lens.configuration(after), supposed, order)
        number = self.numbers.get(key)
        if number is None and len(self.nodes) < self.limit:
            number = self.numbers[key] = len(self.nodes)
            self.nodes.append(_Node(after, known, delays, order))
        self.full = number is None
        return number

    def timers(self, before: _Node, made: Step) -> tuple[Mapping[Timer, int], frozenset[tuple[Timer, Timer]]]:
        """What is certain of the timers that are set now: one that was set earlier, for no longer, comes first."""
        deadlines, at = made.after.flight.deadlines, made.after.at
        if not deadlines:
            return {}, frozenset()
        armed = [(e.region, e.timer) for e in made.effects if isinstance(e, SetTimer)]
        fresh = {timer: deadlines[timer] - at for timer in armed if timer in deadlines}
        delays = {
            timer: delay for timer, delay in before.delays.items() if timer in deadlines and timer not in fresh
        }
        order = {pair for pair in before.order if pair[0] in delays and pair[1] in delays}
        for timer, delay in fresh.items():
            if timer not in self.vague:
                alike = ((other, much) for other, much in {**delays, **fresh}.items() if other[0] == timer[0])
                order.update(
                    (other, timer)
                    for other, much in alike
                    if other not in self.vague and (much, self._rank(other)) < (delay, self._rank(timer))
                )
        return {**delays, **fresh}, frozenset(order)

    def _rank(self, timer: Timer) -> int:
        return self.machine.ranks.get(timer, -1)


def vague_timers(machine: Machine) -> frozenset[Timer]:
    """The timers of which nobody can say how long they take."""
    return frozenset(
        (region.name, op.timer)
        for region in machine.regions
        for state in region.states.values()
        for transition in state.transitions()
        for op in transition.entry
        if isinstance(op, Arm) and op.delay.jitter
    )


def pending(flight: Flight) -> frozenset[Pending]:
    """The timers that are set and the calls that were not answered."""
    return frozenset(flight.deadlines) | {_open(call) for call in flight.calls.values()}


def anew(made: Step) -> frozenset[Pending]:
    """What was open before a step and is so after it, but not as it was: the timer was set again, the call is another."""
    fresh = {
        _open(effect) if isinstance(effect, Call) else (effect.region, effect.timer)
        for effect in made.effects
        if isinstance(effect, Call | SetTimer)
    }
    return pending(made.before.flight) & pending(made.after.flight) & fresh if fresh else frozenset()


def _open(call: Call) -> Pending:
    return call.region, f"call of {call.owner}"


def _is_later(event: AnyEvent, node: _Node) -> bool:
    """Whether it is a timer, and another one certainly comes first."""
    return isinstance(event, Fired) and any(later == (event.region, event.timer) for _, later in node.order)
