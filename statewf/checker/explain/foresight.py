"""What may become of an instance from where it is: the shortest way to where it would accept an event.

`explore` begins with nothing and knows nothing. This search begins at a snapshot, whose data are known (`knowing`); what
comes from outside afterwards is supposed, either way: the data of events, what handlers and people answer. Names that
the context holds already are taken to stay as they are; only if no way is found so, may such data change them, too
(`overwriting`). Of two timers the one that certainly comes due first does so first: of those that are set now by
their deadlines, of later ones as in `explore`. What can lead no more to where the event is taken is not gone into.

The search is A*: where the way behind and what is needed at least (`needs`) are together the least, it goes on first,
and so the first way found is a shortest one. Should too many places lie before that, it is looked for once more where
the least is needed, however long the way: what is found then is a way.

Below: `knowing`, `needs`, `explore` for what can happen, `lens`. Above: the package.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from heapq import heappop, heappush
from itertools import count
from typing import Any, NamedTuple, TypeAlias

import attrs

from statewf.checker.explain.knowing import context_names, context_paths, context_seen, knowing
from statewf.checker.explain.needs import needs
from statewf.checker.runs.retrace import spoken
from statewf.expr import Unknown
from statewf.machine.effects import SetTimer
from statewf.machine.events import AnyEvent, Decided, Event, Fired, Returned
from statewf.machine.explore import EFFORT, SEEN, Timer
from statewf.machine.fsm import Machine
from statewf.machine.lens import conditions, lens
from statewf.machine.snapshot import Snapshot, Step, region_state
from statewf.machine.step import step
from statewf.machine.suppose import MARK, Supposer, Suppositions, standing
from statewf.machine.tries import names, tries
from statewf.values.frozen import Object

MOST_CONFIGURATIONS = 20_000
MEANT = ("approved", "rejected", "retry")  # the decisions that mean something to a machine; `otherwise` is any text


@attrs.frozen
class Leg:
    """One thing that has to happen, and what has to be supposed of data for it to lead on, in words."""

    label: str
    supposed: tuple[str, ...] = ()


@attrs.frozen
class Foresight:
    """What was found: the `legs` of the way, or None if there is none among what was looked at.

    `supposed` is what the data of the event itself must be. `overwriting`: data from outside have to change what the
    context holds. `complete`: nothing was left out, so that without legs there is no way, and none is shorter than these.
    """

    legs: tuple[Leg, ...] | None
    supposed: tuple[str, ...] = ()
    overwriting: bool = False
    complete: bool = True


def foresee(
    machine: Machine, snapshot: Snapshot, event: str, data: Object | None, limit: int = MOST_CONFIGURATIONS
) -> Foresight:
    """The shortest way from there to where the event is accepted with these data; None: with whatever it needs.

    At most `limit` configurations are looked at, and if those were not enough as many for any way at all.
    """
    goal = _Goal(event, data)
    found = _Walk(machine, snapshot, goal, limit).search()
    if found.legs is None and found.complete and context_names(machine, snapshot.context):
        found = _Walk(machine, snapshot, goal, limit, overwriting=True).search()
    if found.legs is None and not found.complete and needs(machine, machine.known(event)).waits:
        found = _Walk(machine, snapshot, goal, limit, overwriting=found.overwriting, hasty=True).search()
        return attrs.evolve(found, complete=False)
    return found


# --- the search


class _Goal(NamedTuple):
    """The event that is to be accepted, and its data; None for any."""

    event: str
    data: Object | None


class _Armed(NamedTuple):
    """A timer that is set: after how many legs it was, and for how long, ms."""

    since: int
    delay: int


@attrs.frozen(eq=False)
class _Node:
    """Where the instance may be, and how it came there."""

    snapshot: Snapshot
    known: Suppositions
    armed: Mapping[Timer, _Armed]
    legs: tuple[Leg, ...] = ()
    doubts: int = 0  # how much was supposed on all of them


Rank: TypeAlias = tuple[int, ...]  # the least comes first


class _Walk:
    """The search in the making."""

    def __init__(
        self,
        machine: Machine,
        begin: Snapshot,
        goal: _Goal,
        limit: int,
        *,
        overwriting: bool = False,
        hasty: bool = False,
    ) -> None:
        self.named = names(machine, conditions(machine))
        self.supposer = Supposer(self.named)
        self.machine = knowing(machine, self.supposer)
        self.begin = begin
        self.goal = goal
        self.needs = needs(machine, machine.known(goal.event))
        self.names = context_names(machine, begin.context)
        self.overwriting = overwriting
        self.hasty = hasty
        self.lens = lens(machine)
        self.paths = context_paths(machine)
        self.limit = max(limit, 1)
        self.effort = self.limit * EFFORT
        self.seen: dict[Hashable, int] = {}  # with how many legs it was met, at least

    def search(self) -> Foresight:
        """The way to the first node in which the event is accepted; each is asked when its turn has come."""
        serial = count()
        begun = self.begin
        delays = {timer: _Armed(0, at - begun.at) for timer, at in begun.flight.deadlines.items()}
        root = _Node(begun, {}, delays)
        heap: list[tuple[Rank, int, _Node, Iterator[_Node] | None]] = [(self.rank(root), next(serial), root, None)]
        while heap:
            rank, turn, node, rest = heappop(heap)
            if rest is None:
                supposed = self.accepts(node)
                if supposed is not None:
                    return Foresight(node.legs, supposed, self.overwriting)
                rest = self.beyond(node)
            following = next(rest, None)
            if following is not None:
                heappush(heap, (rank, turn, node, rest))
                heappush(heap, (self.rank(following), next(serial), following, None))
        return Foresight(None, (), self.overwriting, not (self.is_spent() or self.supposer.exceeded))

    def is_spent(self) -> bool:
        """Whether a limit was reached."""
        return len(self.seen) >= self.limit or self.effort < 0

    def rank(self, node: _Node) -> Rank:
        """Where to go on: the least comes first."""
        if self.hasty:
            return self.needs.left(node.snapshot, events=1), len(node.legs), node.doubts
        left = self.needs.left(node.snapshot)
        return len(node.legs) + left, left, node.doubts

    def accepts(self, node: _Node) -> tuple[str, ...] | None:
        """The least that has to be supposed for the event to be accepted there; None if it is not."""
        event, data = self.goal
        sent = Event(event, self.outside(node.snapshot) if data is None else data)
        ways = []
        for _ in self.supposer.sequences(node.known):
            made = step(self.machine, node.snapshot, sent)
            if isinstance(made, Step) and made.disposition == "accepted":
                ways.append(self.new(node))
        return min(ways, key=len, default=None)

    def new(self, node: _Node) -> tuple[str, ...]:
        """What was supposed in this step, in words."""
        now = self.supposer.known.items()
        return tuple(spoken(part, said.answer) for part, said in now if node.known.get(part) != said)

    def beyond(self, node: _Node) -> Iterator[_Node]:
        """The nodes that were not met before, or further away, and can be reached by one thing that happens."""
        if node.snapshot.ended:
            return
        for tried in tries(self.machine, node.snapshot, named=self.named):
            if self.is_later(tried.event, node.armed):
                continue
            for event in self.versions(tried.event, node.snapshot):
                yield from self.lead(node, tried.label, event)

    def lead(self, node: _Node, label: str, event: AnyEvent) -> Iterator[_Node]:
        """Those that this leads to, until a limit is reached."""
        met = []  # all at once: others are looked at before the next is asked for
        for _ in self.supposer.sequences(node.known):
            if self.is_spent():
                break
            self.effort -= 1
            made = step(self.machine, node.snapshot, event)
            if isinstance(made, Step) and (there := self.met(node, label, made)):
                met.append(there)
        yield from met

    def met(self, before: _Node, label: str, made: Step) -> _Node | None:
        """The node that a step leads to, if it is new, or nearer than before, and the event may be accepted from there."""
        self.effort -= len(made.moves) + len(self.machine.regions) // SEEN
        after = made.after
        if not self.is_hopeful(after):
            return None
        known = standing(self.supposer.known, after, many=len(self.machine.regions) > 1)
        armed = _armed(before, made)
        supposed = frozenset((part, said.answer) for part, said in known.items())
        key = (
            self.lens.configuration(after),
            context_seen(self.paths, after.context),
            supposed,
            *self.order(armed),
        )
        length = len(before.legs) + 1
        if self.seen.get(key, length + 1) <= length:
            return None
        self.seen[key] = length
        leg = Leg(label, self.new(before))
        return _Node(after, known, armed, (*before.legs, leg), before.doubts + len(leg.supposed))

    def is_hopeful(self, snapshot: Snapshot) -> bool:
        """Whether somebody may yet take the event, as far as the table tells."""
        takers = self.lens.takers[self.machine.known(self.goal.event)]
        return any(region_state(snapshot.regions, number)[0] in hopeful for number, hopeful in takers)

    # --- what comes from outside

    def versions(self, event: AnyEvent, snapshot: Snapshot) -> Iterator[AnyEvent]:
        """What can be tried, with data of which nothing is known."""
        match event:
            case Event():
                yield event._replace(data=self.outside(snapshot))
            case Returned(_, _, _, Event() as answer):
                yield event._replace(answer=answer._replace(data=self.outside(snapshot)))
            case Returned(_, Object()):
                yield event._replace(result=self.outside(snapshot))
            case Returned() if len(self.machine.regions) > 1:
                yield event
                yield event._replace(result=self.outside(snapshot))  # which a workflow merges into its context
            case Decided(_, decision):
                anything: Any = Unknown()
                said = decision if decision in MEANT else anything
                yield event._replace(decision=said, by=anything, comments=anything, result=anything)
            case _:
                yield event

    def outside(self, snapshot: Snapshot) -> Object:
        """An object of which nothing is known; where it may overwrite, what it sets is not known any more."""
        held = [name for name in self.names if self.overwriting and name in snapshot.context]
        return Object({MARK: Unknown(), **{name: Unknown() for name in held}})

    # --- timers

    def is_later(self, event: AnyEvent, armed: Mapping[Timer, _Armed]) -> bool:
        """Whether it is a timer, and another one certainly comes first."""
        if not isinstance(event, Fired):
            return False
        timer = (event.region, event.timer)
        return any(self.is_before(other, timer, armed) for other in armed)

    def is_before(self, one: Timer, other: Timer, armed: Mapping[Timer, _Armed]) -> bool:
        first, second = armed[one], armed[other]
        told = first.since == second.since == 0 or one[0] == other[0]
        ranks = self.machine.ranks
        sooner = (first.delay, ranks.get(one, -1)) < (second.delay, ranks.get(other, -1))
        return told and first.since <= second.since and sooner

    def order(self, armed: Mapping[Timer, _Armed]) -> tuple[frozenset[Timer], frozenset[tuple[Timer, Timer]]]:
        """What decides which timer can come first: those set anew, and who certainly comes before one of them."""
        fresh = frozenset(timer for timer, set_ in armed.items() if set_.since)
        pairs = ((one, other) for other in fresh for one in armed if self.is_before(one, other, armed))
        return fresh, frozenset(pairs)


def _armed(before: _Node, made: Step) -> dict[Timer, _Armed]:
    """The timers that are set after a step."""
    deadlines, at = made.after.flight.deadlines, made.after.at
    kept = {timer: since for timer, since in before.armed.items() if timer in deadlines}
    anew = [(effect.region, effect.timer) for effect in made.effects if isinstance(effect, SetTimer)]
    since = len(before.legs) + 1
    return kept | {timer: _Armed(since, deadlines[timer] - at) for timer in anew if timer in deadlines}
