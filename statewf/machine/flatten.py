"""The whole machine as one flat FSM: for export, pictures and small proofs.

A state machine is flat already: `flatten` gives its table. Of a workflow it gives the product of the
regions, as far as a limit allows: one flat state is one configuration of all regions.

Below: `explore`, which finds the configurations. Above: pictures and exports.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

import attrs

from statewf.machine.explore import Exploration, explore
from statewf.machine.fsm import Machine, Region
from statewf.machine.snapshot import Snapshot, active, region_state

MOST_STATES = 5_000


@attrs.frozen
class FlatState:
    """One state of the product. `regions` are the local states, in the order of the machine's regions.

    The name is short and unique: what waits for something (`charge:running ship:backoff/2`), or the end
    (`completed`); a little more where that does not tell it from others. `terminal` is the outcome if nothing leads on.
    """

    name: str
    regions: tuple[str, ...]
    terminal: Literal["success", "failure"] | None = None


@attrs.frozen
class FlatTransition:
    """One way on, by the names of its states; `target` is the source itself where nothing is left.

    `trigger` is an event (`APPROVE`), or says what happened: `charge returned`, `charge failed`,
    `charge $timeout`, `review approved`, `cancel`. Several ways of one trigger: a guard decides, or data.
    In the table of a state machine it is the trigger there (`$timeout:paid`; empty for `always`).
    """

    source: str
    trigger: str
    target: str


@attrs.frozen
class Flat:
    """The product. `initial`: where a run can begin; several where the first guards decide.

    `cut` are the states behind which more may lie: the limit was reached before all that can happen in them
    was tried. `whole`: no limit was reached, and nothing is left out.
    """

    initial: tuple[str, ...]
    states: tuple[FlatState, ...]
    transitions: tuple[FlatTransition, ...]
    cut: tuple[str, ...] = ()
    whole: bool = True


def flatten(machine: Machine, limit: int = MOST_STATES) -> Flat:
    """The machine as one flat FSM of at most `limit` states. Guards are free: every answer has its way.

    The table of a state machine is given whole, whatever the limit.
    """
    return _table(machine.regions[0]) if len(machine.regions) == 1 else _product(machine, limit)


def _table(region: Region) -> Flat:
    states = tuple(FlatState(name, (name,), row.terminal) for name, row in region.states.items())
    ways = dict.fromkeys(
        FlatTransition(name, transition.trigger, transition.target or name)
        for name, row in region.states.items()
        for transition in row.transitions()
    )
    return Flat((region.start.target or "",), states, tuple(ways))


def _product(machine: Machine, limit: int) -> Flat:
    found = explore(machine, limit)
    names = _names(machine, found)
    states = tuple(map(_state, names, found.snapshots))
    moves = dict.fromkeys(FlatTransition(names[m.source], m.label, names[m.target]) for m in found.moves)
    initial = dict.fromkeys(names[move.target] for move in found.initial)
    return Flat(tuple(initial), states, tuple(moves), tuple(names[number] for number in found.cut), found.whole)


def _state(name: str, snapshot: Snapshot) -> FlatState:
    terminal: Literal["success", "failure"] | None = None
    if snapshot.ended:
        terminal = "success" if snapshot.ended == "success" else "failure"
    return FlatState(name, active(snapshot), terminal)


# --- names


def _names(machine: Machine, found: Exploration) -> list[str]:
    """A name for each, no longer than tells it from all others; where no words do, a number."""
    short = [_name(machine, snapshot, _at_work(machine, snapshot)) for snapshot in found.snapshots]
    often = Counter(short)
    everywhere = range(1, len(machine.regions))
    waiting = [configuration.deferred for configuration in found.configurations]
    longer = [
        _name(machine, snapshot, everywhere, deferred) if often[name] > 1 else name
        for name, snapshot, deferred in zip(short, found.snapshots, waiting, strict=True)
    ]
    return _numbered(longer)


def _name(machine: Machine, snapshot: Snapshot, shown: Iterable[int], deferred: Sequence[str] = ()) -> str:
    """Where some regions are, if they are not where they began; the first region's state where it says more."""
    whole, *_ = active(snapshot)
    words = [] if whole == machine.regions[0].start.target else [whole]
    for number in shown:
        region = machine.regions[number]
        state, attempt, _ = region_state(snapshot.regions, number)
        if state != region.start.target:
            words.append(f"{region.name}:{state}" if attempt == 1 else f"{region.name}:{state}/{attempt}")
    return " ".join((*words, *(f"+{event}" for event in deferred))) or whole


def _at_work(machine: Machine, snapshot: Snapshot) -> list[int]:
    """The regions, but for the first, that wait for something from outside."""
    flight = snapshot.flight
    regions = {call.region for call in flight.calls.values()} | {region for region, _ in flight.deadlines}
    numbers = {machine.numbers[region] for region in regions.union(snapshot.book.tasks) if region}
    for number in machine.listening:
        state = machine.regions[number].states[region_state(snapshot.regions, number)[0]]
        if any(state.on[event] for event in state.events):
            numbers.add(number)
    return sorted(numbers - {0})


def _numbered(names: Sequence[str]) -> list[str]:
    """The names, but for repeated ones, which get a number; none is given twice."""
    given = dict.fromkeys(names)
    found: dict[str, None] = {}
    for name in names:
        number = 1
        fresh = name
        while fresh in found or (number > 1 and fresh in given):
            number += 1
            fresh = f"{name} ({number})"
        found[fresh] = None
    return list(found)
