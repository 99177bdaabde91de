"""All that can be reached under some assumptions, symbolically: where it may be, and when it may have come there.

Below: `flow`, `zones`. Above: `extremes`.

A timed automaton: a *stage* is a node with what is pending there, and a zone of all the times at which that can
have begun (so no time has to be chosen before it is known what it is to be compared with). Of stages that differ in
nothing but how long it took to come there, many are taken together, which may make a range too wide, never too
narrow. If it comes round to where it was, and that takes longer each time, there is no end to it: after more rounds
than a zone has points nothing grows that does not grow for ever.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import reduce
from itertools import count
from math import inf
from typing import NamedTuple

import attrs

from statewf.forecast.chain import Chain, Node, Way
from statewf.forecast.flow import Dues, Flow, Possible
from statewf.forecast.outlook import Label, label
from statewf.forecast.slots import FREE, NEVER, RECALLED, Lottery
from statewf.forecast.zones import BEGIN, NOW, Zone, apart, arranged, hull, later, unbounded, within

AT_ONCE = (0, 0)


@attrs.frozen(eq=False)
class Stage:
    """Where it may be.

    `dues` are what is pending, with the least and greatest time that takes (ms; None: it happens at any time).

    The points of the `zone`, after its own two, are when those began that take some time, in their order. `source`:
    from where.
    """

    node: Node
    dues: Dues
    zone: Zone
    source: Stage | None


class Edge(NamedTuple):
    """One thing that happens next: on which way, and to which stage."""

    way: Way
    target: Stage


def _possible(lottery: Lottery) -> list[Possible]:
    """What may come of a lottery: each outcome between its least and its greatest duration; those without one at any time."""
    found: dict[Possible, None] = {}
    for outcome, spread in enumerate(lottery.spreads):
        least, greatest = spread.bounds
        found[Possible(1, FREE, None) if greatest is None else Possible(1, outcome, (least, greatest))] = None
    if not lottery.sums or lottery.sums[-1] < 1:
        found[Possible(1, NEVER, None)] = None
    return list(found)


def _free(lottery: Lottery) -> list[int]:
    """The outcomes that have no greatest duration."""
    return [outcome for outcome, spread in enumerate(lottery.spreads) if spread.bounds[1] is None]


def _before(stage: Stage | None) -> Iterator[Stage]:
    """The stage, and those on the way there."""
    while stage is not None:
        yield stage
        stage = stage.source


@attrs.define(eq=False)
class Reach:
    """All that can be reached, with what leads where. `ends` are the stages in which it has ended."""

    flow: Flow
    begin: list[Edge] = attrs.field(factory=list)
    edges: dict[Stage, list[Edge]] = attrs.field(factory=dict)
    ends: dict[Label, list[Stage]] = attrs.field(factory=lambda: defaultdict(list))
    _known: dict[tuple[Node, Dues], list[Stage]] = attrs.field(factory=lambda: defaultdict(list))

    def find(self) -> None:
        """Find all stages. Raises TooLarge."""
        for _, way in self.flow.ways(self.flow.chain.start):
            self.begin += self.arrivals(way, None, (), BEGIN)
        queue = [edge.target for edge in self.begin]
        for stage in queue:  # grows while it is read
            if stage not in self.edges:
                self.edges[stage] = [
                    edge for number in range(len(stage.dues)) for edge in self.happening(stage, number)
                ]
                queue += [edge.target for edge in self.edges[stage]]
                if stage.node.ended:
                    self.ends[label(stage.node)].append(stage)

    def happening(self, stage: Stage, number: int) -> Iterator[Edge]:
        """What happens if that of what is pending is next."""
        due = stage.dues[number]
        if due is None:
            return
        self.flow.toil()
        timed = [other for other in stage.dues if other is not None and other.when is not None]
        least = [0, -inf, *(due.when[0] if other is due else -inf for other in timed)]
        most = [
            inf,
            inf,
            *(other.when[1] - (other.order < due.order) for other in timed),
        ]  # the others are not over yet
        zone = later(stage.zone, least, most)
        if zone is None:
            return
        outcomes = [due.outcome] if due.outcome != FREE else _free(stage.node.slots[number].lottery)
        for outcome in outcomes:
            for _, way in self.flow.ways(self.flow.chain.branch(stage.node, number, outcome)):
                yield from self.arrivals(way, stage, stage.dues, zone)

    def arrivals(self, way: Way, source: Stage | None, before: Dues, zone: Zone) -> Iterator[Edge]:
        """Where a way leads that is taken now."""
        points = dict(
            zip((at for at, due in enumerate(before) if due is not None and due.when is not None), count(2))
        )
        fresh = {one.place for one in way.fresh if one.lottery is not None}
        recalled = {one.place for one in way.fresh if one.lottery is None}
        for _, dues in self.flow.drawn(way, before):
            began = [
                NOW if at in fresh or (at in recalled and due.outcome == RECALLED) else points[way.kept[at]]
                for at, due in enumerate(dues)
                if due is not None and due.when is not None
            ]
            yield Edge(way, self.stage(way.target, dues, arranged(zone, began), source))

    def stage(self, node: Node, dues: Dues, zone: Zone, source: Stage | None) -> Stage:
        """The stage that holds all of that: one that is known, or a new one."""
        known = self._known[node, dues]
        for stage in known:
            if within(zone, stage.zone):
                return stage
        alike = [stage for stage in known if apart(stage.zone) == apart(zone)]
        if len(alike) > len(zone):
            zone = reduce(hull, (stage.zone for stage in alike), zone)
            if sum(stage in alike for stage in _before(source)) > len(zone):
                zone = unbounded(zone)
        self.flow.toil(len(alike))
        known.append(stage := Stage(node, dues, zone, source))
        return stage


def reached(chain: Chain, work: int) -> Reach:
    """All that can be reached in a chain. Raises TooLarge if that takes more work."""
    found = Reach(Flow(chain, _possible, AT_ONCE, work))
    found.find()
    return found
