"""What happens to an instance by and by where it is, and how likely, and when, under some assumptions: its slots.

Answers of open calls, timers that are set, decisions of open tasks, the next event. A slot has a lottery, of which
is drawn what happens in it.

Below: `assumptions`. Above: `chain`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from itertools import accumulate, chain, count
from typing import Any

import attrs

from statewf.compiler import Notes
from statewf.compiler.tree import grow
from statewf.definition.model import Definition, StateMachine
from statewf.expr import Unknown
from statewf.forecast.assumptions import (
    CERTAIN,
    UNSAID_HANDLER,
    UNSAID_TASK,
    Answer,
    Arrival,
    Arrivals,
    Assumptions,
    Likely,
    Returns,
    arriving,
)
from statewf.forecast.spread import Constant, Spread, Uniform
from statewf.machine.effects import ACTION, Call, Task
from statewf.machine.events import AnyEvent, Event, Fired, Returned
from statewf.machine.explore import vague_timers
from statewf.machine.fsm import Arm, Do, Machine, Op, Transition, is_pattern, with_transitions
from statewf.machine.macrostep import BACKOFF
from statewf.machine.snapshot import Snapshot, region_state
from statewf.machine.suppose import anything
from statewf.machine.work import cancelled
from statewf.simulator.scenario import Hang, Send, decided, reply
from statewf.simulator.world import EVENT, REPLY, TIMER

RECALLED = -1  # the outcome of a call whose handler was told to end
NEVER = -2  # nothing happens there
FREE = -3  # any outcome, at any time: none was drawn

MOST_CALLS = 10_000  # whose slots are kept


@attrs.frozen(eq=False)
class Lottery:
    """What may happen next in a slot: for each outcome its chance, and how long it takes.

    The rest is that nothing does.
    """

    chances: tuple[float, ...]
    spreads: tuple[Spread, ...]
    sums: tuple[float, ...] = attrs.field(init=False, repr=False)
    sure: int | None = attrs.field(
        init=False, repr=False
    )  # how long the only outcome takes, where chance has no say

    @sums.default
    def _sums(self) -> tuple[float, ...]:
        sums = tuple(accumulate(self.chances))
        return (*sums[:-1], 1.0) if sums and sums[-1] >= CERTAIN else sums

    @sure.default
    def _sure(self) -> int | None:
        alone = self.sums == (1.0,) and isinstance(self.spreads[0], Constant)
        return self.spreads[0].at(0.0) if alone else None

    def draw(self, chance: Callable[[], float]) -> tuple[int, int]:
        """An outcome by its number, or `NEVER`, and how long it takes, ms.

        `chance` gives numbers from 0 to 1, without 1.
        """
        if self.sure is not None:
            return 0, self.sure
        outcome = bisect_right(self.sums, chance()) if self.sums != (1.0,) else 0
        if outcome == len(self.spreads):
            return NEVER, 0
        return outcome, self.spreads[outcome].at(chance())


@attrs.frozen(eq=False)
class Slot:
    """Something that happens by and by. `events` are its outcomes, as they happen.

    `ident` tells it from others of its snapshot, `sort` says what it is in any snapshot of its node. `rank` and
    `tie` say what goes first at one instant, as in the simulator. `recall` is how the handler of a call answers
    that is told to end, `stubborn` in which outcomes it is told in vain. `vague`: nothing is said of it.
    """

    ident: tuple[Any, ...]
    sort: tuple[Any, ...]
    rank: int
    events: tuple[AnyEvent, ...]
    lottery: Lottery
    tie: int = -1
    recall: AnyEvent | None = None
    stubborn: tuple[bool, ...] = ()
    vague: bool = False

    def heeds(self, outcome: int) -> bool:
        """Whether the handler of a call ends when it is told to, where this is what it was about to do."""
        return outcome < 0 or not self.stubborn[outcome]

    def event(self, outcome: int) -> AnyEvent:
        """What happens in that outcome."""
        if outcome == RECALLED:
            assert self.recall is not None, "only calls are recalled"
            return self.recall
        return self.events[outcome]


class Slots:
    """Finds the slots of snapshots.

    `unsaid` are those of whom something depended and nothing is assumed: `handlers.charge`.
    """

    def __init__(self, machine: Machine, assumptions: Assumptions) -> None:
        assert isinstance(machine.notes, Notes), "a machine that no compiler made"
        self.unsaid: dict[str, None] = {}
        self._machine = machine
        self._notes = machine.notes
        self._assumptions = assumptions
        self._jittery = _jittery(machine)
        self._declared = _declared(self._notes.definition)
        self._lotteries: dict[Hashable, Lottery] = {}
        self._calls: dict[Hashable, Slot] = {}

    def of(self, snapshot: Snapshot, dead: frozenset[str]) -> tuple[Slot, ...]:
        """What happens there by and by, in an order that is the same for all snapshots of a node."""
        if snapshot.ended:
            return ()
        flight, numbers = snapshot.flight, self._machine.numbers
        calls = sorted(map(self._call, flight.calls.values()), key=lambda slot: (slot.sort, slot.ident))
        timers = sorted(map(self._timer, flight.deadlines), key=lambda slot: (slot.tie, slot.sort))
        tasks = [
            self._task(task) for _, task in sorted(snapshot.book.tasks.items(), key=lambda one: numbers[one[0]])
        ]
        return (*calls, *timers, *tasks, *self._events(snapshot, dead))

    def _call(self, call: Call) -> Slot:
        """The slot of a call: the very same as long as the call is open, for there may be many at once."""
        known = call.id, call.region, call.owner, call.stopped, call.step, call.handler
        slot = self._calls.get(known)
        if slot is None:
            if len(self._calls) == MOST_CALLS:
                self._calls.clear()
            slot = self._calls[known] = self._slot(call)
        return slot

    def _slot(self, call: Call) -> Slot:
        vague = call.handler not in self._assumptions.handlers
        if vague:
            self.unsaid[f"handlers.{call.handler}"] = None
        likely = self._assumptions.handlers.get(call.handler, UNSAID_HANDLER)
        answers = [each for each in likely if not isinstance(each.what, Hang)]
        return Slot(
            ("call", call.id),
            ("call", call.region, call.owner, call.stopped, call.step, call.handler),
            REPLY,
            tuple(self._reply(each.what, call) for each in answers),
            self._lottery(answers),
            recall=cancelled(call.id, 0),
            stubborn=tuple(each.stubborn for each in answers),
            vague=vague,
        )

    def _reply(self, answer: Answer, call: Call) -> AnyEvent:
        merges = len(self._machine.regions) == 1 and call.owner != ACTION
        match answer:
            case Returns():
                unknown = anything() if merges else Unknown()
                return Returned(call.id, unknown)  # type: ignore[arg-type]  # it stands for any result
            case Send(event, data) if not data:
                return Returned(call.id, None, answer=Event(event, anything()))
            case _:
                told = reply(answer, call.id)
                assert told is not None, "who hangs has no outcome"
                return told

    def _timer(self, timer: tuple[str, str]) -> Slot:
        ident = ("timer", *timer)
        tie = self._machine.ranks.get(timer, -1)
        return Slot(ident, ident, TIMER, (Fired(*timer),), self._lottery((Likely(None),)), tie)

    def due(self, ident: Hashable, delay: int) -> Lottery:
        """When a timer comes due that is set now."""
        jitters = ident in self._jittery
        return self._lottery((Likely(None, after=Uniform(0, delay) if jitters else Constant(delay)),))

    def _task(self, task: Task) -> Slot:
        vague = task.step not in self._assumptions.tasks
        if vague:
            self.unsaid[f"tasks.{task.step}"] = None
        likely = self._assumptions.tasks.get(task.step, UNSAID_TASK)
        decisions = tuple(decided(each.what, task.id) for each in likely)
        return Slot(("task", task.id), ("task", task.step), EVENT, decisions, self._lottery(likely), vague=vague)

    def _events(self, snapshot: Snapshot, dead: frozenset[str]) -> Iterator[Slot]:
        """Of each step that waits for an event, or of each active state that accepts some, the next one.

        There is none while an action runs, for then they wait.
        """
        if snapshot.flight.queue:
            return
        many = len(self._machine.regions) > 1
        for number in sorted(snapshot.book.awaiting) if many else (0,):
            region = self._machine.regions[number]
            local, attempt, _ = region_state(snapshot.regions, number)
            accepted = self._accepted(region.states[local].allowed(attempt), dead)
            if many:
                yield from self._next(region.name, "", self._assumptions.events, accepted, idle=True)
                continue
            groups = self._groups(local, accepted)
            idle = not snapshot.flight.calls and not any(said for said, _ in groups.values())
            for owner, (said, events) in groups.items():
                yield from self._next(
                    region.name, owner, said, events, idle=idle or bool(said and not snapshot.flight.calls)
                )

    def _next(
        self, region: str, owner: str, said: Arrivals, accepted: Iterable[str], *, idle: bool
    ) -> Iterator[Slot]:
        """The next of these events, if one can come."""
        likely, unsaid = arriving(said, accepted, idle=idle)
        self.unsaid.update((f"events.{self._machine.known(event)}", None) for event in unsaid)
        if likely:
            events = tuple(_sent(event, each.what) for event, each in likely)
            lottery = self._lottery([each for _, each in likely], tuple(event for event, _ in likely))
            ident = ("event", region, owner)
            yield Slot(ident, ident, EVENT, events, lottery, vague=bool(unsaid))

    def _groups(self, local: str, accepted: Iterable[str]) -> dict[str, tuple[dict[str, Arrival], list[str]]]:
        """The events accepted in a local state, by the active state of whose they are, with what is said of them.

        That is the innermost one of which something is said of the event, or else the one that declares it. Where
        something is said of a state, no others come there.
        """
        states, active = self._assumptions.states, self._notes.active[local]
        groups: dict[str, tuple[dict[str, Arrival], list[str]]] = {}
        for event in accepted:
            declaring = next((name for name in active if self._declares(name, event)), active[0])
            speaking = [name for name in active if name in states]
            owner = next((name for name in speaking if event in states[name]), None)
            if owner is None and any(name == declaring or name.startswith(f"{declaring}.") for name in speaking):
                continue
            arrival = states[owner][event] if owner is not None else self._assumptions.events.get(event)
            said, events = groups.setdefault(owner or declaring, ({}, []))
            events.append(event)
            if arrival is not None:
                said[event] = arrival
        return groups

    def _declares(self, state: str, event: str) -> bool:
        return self._machine.known(event) in self._declared[state]

    def _accepted(self, allowed: Sequence[str], dead: frozenset[str]) -> tuple[str, ...]:
        """The events that can come: of those that fit a pattern the ones that are spoken of, or one that stands for them.

        For all that have no name (`*`) one stands only where no other event comes.
        """
        said = dict.fromkeys(
            (*self._assumptions.events, *(e for told in self._assumptions.states.values() for e in told))
        )
        fitting = (event for event in said if event not in allowed and self._machine.known(event) in allowed)
        events = [*(event for event in allowed if not is_pattern(event)), *fitting]
        for pattern in filter(is_pattern, allowed):
            if not any(self._machine.known(event) == pattern for event in said) and (pattern != "*" or not events):
                events.append(sample(self._machine, pattern))
        return tuple(event for event in events if event not in dead)

    def _lottery(self, likely: Sequence[Likely[Any]], names: tuple[str, ...] = ()) -> Lottery:
        """The same for the same chances."""
        lottery = Lottery(tuple(each.chance for each in likely), tuple(each.after for each in likely))
        return self._lotteries.setdefault((names, lottery.chances, lottery.spreads), lottery)


def sample(machine: Machine, pattern: str) -> str:
    """An event that fits a pattern, and none that is more exact."""
    stem, dot = ("any", "") if pattern == "*" else (pattern.removesuffix(".*"), ".")
    names = chain([stem], (f"{stem}{dot}{number}" for number in count(1)))
    return next(name for name in names if machine.known(name) == pattern)


def _declared(definition: Definition) -> dict[str, frozenset[str]]:
    """The events that each written state declares, those on which it is tried again among them."""
    if not isinstance(definition, StateMachine):
        return {}
    states = {node.name: node.state for node in grow(definition).nodes.values()}
    return {name: frozenset((*s.on, *(s.retry.on if s.retry is not None else ()))) for name, s in states.items()}


def _sent(event: str, arrival: Arrival) -> Event:
    return Event(event, anything() if arrival.data is None else arrival.data)


# --- timers that are due at any time up to their delay


def _jittery(machine: Machine) -> frozenset[Hashable]:
    """The timers that come due at any time up to their delay."""
    actions = any(isinstance(op, Do) and op.delay.jitter for op in machine.operations())
    own = (("timer", "", BACKOFF),) if actions else ()
    return frozenset((*(("timer", *timer) for timer in vague_timers(machine)), *own))


def without_jitter(machine: Machine) -> Machine:
    """The machine, with delays of which none is cut short by a hash: it is drawn how long they are."""

    def steady(op: Op) -> Op:
        if isinstance(op, Arm | Do) and op.delay.jitter:
            return attrs.evolve(op, delay=attrs.evolve(op.delay, jitter=False))
        return op

    def changed(transition: Transition) -> Transition:
        exit_, actions, entry = (
            tuple(map(steady, ops)) for ops in (transition.exit, transition.actions, transition.entry)
        )
        if (exit_, actions, entry) == (transition.exit, transition.actions, transition.entry):
            return transition
        return attrs.evolve(transition, exit=exit_, actions=actions, entry=entry)

    return with_transitions(machine, changed)
