"""Where an instance is and which way it came, in terms of the table: what a picture highlights.

Below: `machine`. Above: `views`, which translates local states to the nodes of its picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import assert_never

import attrs

from statewf.machine.events import Cancel, Decided, Event, Failed, Fired, Returned, Start
from statewf.machine.fsm import CANCEL, DECIDED, DONE, ERROR, Machine
from statewf.machine.snapshot import Move, Snapshot, Step, region_state

Way = tuple[str, str, str]  # from a local state, by a trigger, to a local state


@attrs.frozen
class Journey:
    """The way of one instance.

    `here`: the local states it is in, each with its attempt; `visited`: all that it entered; `taken`: the ways
    between them.
    """

    here: dict[str, int] = attrs.field(factory=dict)
    visited: frozenset[str] = frozenset()
    taken: frozenset[Way] = frozenset()


def journey(machine: Machine, snapshot: Snapshot | None, steps: Iterable[Step]) -> Journey:
    """What a snapshot, the steps, or both tell of an instance. Without a snapshot it is where the steps end."""
    visited: set[str] = set()
    taken: set[Way] = set()
    last = snapshot
    for step in steps:
        for move in step.moves:
            visited.add(local_name(machine, move.region, move.target))
            taken.add(_way(machine, step, move))
        last = snapshot or step.after
    here = _here(machine, last) if last is not None else {}
    return Journey(here, frozenset({*visited, *here}), frozenset(taken))


def local_name(machine: Machine, region: str, state: str) -> str:
    """A local state as pictures name it: with its region, if the machine has several."""
    return state if len(machine.regions) == 1 else f"{region}/{state}"


def _here(machine: Machine, snapshot: Snapshot) -> dict[str, int]:
    places = ((region, region_state(snapshot.regions, n)) for n, region in enumerate(machine.regions))
    return {local_name(machine, region.name, state): attempt for region, (state, attempt, _) in places if state}


def _way(machine: Machine, step: Step, move: Move) -> Way:
    """The way of a move. A step does not keep its triggers; the likeliest that leads there is the one."""
    region = machine.regions[machine.numbers[move.region]]
    source = region.states.get(move.source)
    leading = {way.trigger for way in source.transitions() if way.target == move.target} if source else set()
    trigger = next((trigger for trigger in _triggers(step) if trigger in leading), "")
    return local_name(machine, region.name, move.source), trigger, local_name(machine, region.name, move.target)


def _triggers(step: Step) -> Iterator[str]:
    """What can have moved a region in this step, the likeliest first; `always` has the empty name."""
    event, flight = step.event, step.before.flight
    match event:
        case Event():
            yield event.name
        case Returned():
            yield event.answer.name if event.answer else DONE + flight.calls[event.call].owner
        case Failed():
            yield ERROR + flight.calls[event.call].owner
        case Fired():
            yield event.timer
        case Decided():
            yield DECIDED
        case Cancel():
            yield CANCEL
        case Start():
            pass
        case _:
            assert_never(event)
    yield ""
    yield from (waiting.name for waiting in (*flight.raised, *flight.deferred))
