"""What may happen to an instance next, as events without data: what somebody waits for, and what is refused as a rule.

Stands on `machine`, as the explorer does, which asks the same and knows nothing of data and time. Above: `strategies`,
which draws one of them and gives it data.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from statewf.machine.effects import Call
from statewf.machine.events import AnyEvent, CallId, Cancel, Decided, Event, Failed, Fired, Returned, Start
from statewf.machine.fsm import Machine
from statewf.machine.record import tasks_of
from statewf.machine.snapshot import Snapshot, allowed, due
from statewf.values.frozen import EMPTY

NOBODYS = CallId(0, 0)  # steps count from 1: no call ever has this number
FEW = 8  # timers that are not set
DECISIONS = ("approved", "rejected", "retry")


class Chances(NamedTuple):
    """`likely`: what somebody waits for; `unlikely`: the unexpected, what comes too late or twice, and cancels.

    What comes and goes within a state stands last: all else keeps its place, and a walk can shrink.
    """

    likely: tuple[AnyEvent, ...]
    unlikely: tuple[AnyEvent, ...]


def chances(machine: Machine, snapshot: Snapshot, scripted: Container[str] = (), *, cancel: bool = True) -> Chances:
    """All that may happen there. Of handlers that are `scripted` none answers with an event by itself."""
    if not snapshot.seq:
        return Chances((Start(EMPTY),), ())
    welcome = allowed(machine, snapshot)
    strange = [name for name in machine.listeners if name not in welcome]
    free = [call for _, call in sorted(snapshot.flight.calls.items()) if call.handler not in scripted]
    likely = (*map(Event, welcome), *_due(machine, snapshot), *_replies(snapshot), *_answers(free, welcome))
    cancels = (Cancel(), Cancel(now=True)) if cancel else ()
    # cancels come first: they keep their numbers wherever they happen, so that shrinking finds them again
    return Chances(likely, (*cancels, *map(Event, strange), *_answers(free, strange), *_late(machine, snapshot)))


def breadth(machine: Machine) -> int:
    """About how many chances there are at most."""
    return 8 + 3 * len(machine.listeners) + 3 * len(machine.regions)


def _replies(snapshot: Snapshot) -> Iterator[Returned | Failed]:
    for number in sorted(snapshot.flight.calls):
        yield Returned(number, EMPTY)
        yield Failed(number, "Error", "")
        yield Failed(number, "Error", "", retryable=False)


def _answers(calls: Sequence[Call], names: Sequence[str]) -> Iterator[Returned]:
    return (Returned(call.id, answer=Event(name)) for call in calls for name in names)


def _due(machine: Machine, snapshot: Snapshot) -> Iterator[Fired | Decided]:
    """The next timer, for they fire in their order, as in life; and what can be decided."""
    yield from (Fired(region, timer, at) for at, region, timer in due(machine, snapshot)[:1])
    yield from (Decided(task.id, word) for task in tasks_of(machine, snapshot) for word in DECISIONS)


def _late(machine: Machine, snapshot: Snapshot) -> Iterator[AnyEvent]:
    """What came before, or would have."""
    yield Returned(NOBODYS)
    yield Decided("nobody's", "approved")
    yield Start(EMPTY)
    unset = (timer for timer in machine.ranks if timer not in snapshot.flight.deadlines)
    yield from (Fired(*timer) for timer in islice(unset, FEW))
