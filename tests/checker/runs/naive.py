"""A plain reference for the checker: every run over real data, one after another.

`explored` searches breadth first with the real `step`, in one *world*: with certain inputs. Nothing is supposed: every
event and every reply is tried with every data that a condition may tell apart, a call fails with one of two errors and
for good, every decision is taken, somebody cancels. A state is the whole snapshot but for times, numbers and visits; so
there are more of them than the checker has configurations, and they are cheaper to trust.

Times are left out, but for what is certain: of two timers that one region set, the one that was set no later, for less
long, comes due first. (Timers with a jitter are not thought of.)

Stands on `step` and the snapshots alone: nothing of `explore`, `suppose`, `lens`, `checker`. Above: `naive_properties`,
which asks for runs that violate something.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple, TypeAlias

import attrs

from statewf.expr import Expression
from statewf.machine.book import in_order
from statewf.machine.effects import Call, SetTimer
from statewf.machine.events import AnyEvent, Cancel, Decided, Event, Failed, Fired, Returned
from statewf.machine.fsm import Assign, Machine, Transition
from statewf.machine.snapshot import Move, Snapshot, Step
from statewf.machine.step import start, step
from statewf.values.frozen import Object

ERRORS = ("Error", "Bad")
MOST_WAITING = 2  # deferred events of a name in a state machine; in a workflow, one for each step that takes such
DECISION = ("event", "data", "decision")  # read of a decision, all of which are tried

Path: TypeAlias = tuple[str | int, ...]
Data: TypeAlias = tuple[Object, ...]
Timer: TypeAlias = tuple[str, str]  # region, name
# the timers that are set and for how long, ms: those of one step together, in the order of the steps
Clock: TypeAlias = tuple[tuple[tuple[Timer, int], ...], ...]

# --- the worlds


def reads(machine: Machine, asked: Sequence[Expression] = ()) -> dict[Path, None]:
    """What conditions read that nobody can know before."""
    guards = [transition.guard for transition in _transitions(machine) if transition.guard is not None]
    paths = dict.fromkeys(path for guard in (*guards, *asked) for path in guard.reads)
    return {path: None for path in paths if path[0] not in ("attempt", "attempts", "state") and path != DECISION}


def worlds(machine: Machine, asked: Sequence[Expression] = ()) -> Iterator[tuple[Object, Data]]:
    """All inputs that conditions may tell apart, with the data that events, replies and decisions may have.

    Names that the machine assigns are its own (docs/checking.md): no event has them.
    """
    ops = (op for t in _transitions(machine) for op in (*t.exit, *t.actions, *t.entry))
    own = {name for op in ops if isinstance(op, Assign) for name, _ in op.values}
    inputs: dict[str, None] = {}
    data: dict[str, None] = {}
    for path in reads(machine, asked):
        match path:
            case ("inputs", str(name)):
                inputs[name] = None
            case ("context", str(name)):
                inputs[name] = data[name] = None
            case ("event", "data", str(name)) | ("results", _, "result", str(name)) | ("results", _, str(name)):
                data[name] = None
    said = tuple(_combined(name for name in data if name not in own and name != "error"))
    return ((given, said) for given in _combined(inputs))


def _combined(names: Iterable[str]) -> Iterator[Object]:
    """Each of them true or false."""
    listed = tuple(names)
    return (Object(zip(listed, one, strict=True)) for one in product((True, False), repeat=len(listed)))


def _transitions(machine: Machine) -> Iterator[Transition]:
    for region in machine.regions:
        yield region.start
        yield from (transition for state in region.states.values() for transition in state.transitions())


# --- what can happen


def happenings(machine: Machine, snapshot: Snapshot, data: Data) -> Iterator[AnyEvent]:
    """Everything that can happen next, timers in any order; `step` may refuse some of it."""
    for number in snapshot.flight.calls:
        for datum in data:
            yield Returned(number, datum)
            yield from (Returned(number, None, 0, Event(name, datum)) for name in machine.listeners)
        yield from (Failed(number, error, "no", 0, again) for error in ERRORS for again in (True, False))
    yield from (Fired(*timer) for timer in snapshot.flight.deadlines)
    yield from (Event(name, datum) for name in machine.listeners for datum in data)
    for task in snapshot.book.tasks.values():
        decisions = ("approved", "rejected", "retry", "otherwise")
        yield from (
            Decided(task.id, decision, result=datum)
            for decision in decisions
            for datum in (None, *filter(None, data))
        )
    yield Cancel()
    yield Cancel(now=True)


def comes_later(machine: Machine, clock: Clock, timer: Timer) -> bool:
    """Whether another timer of its region certainly comes first: one set no later, for less long."""

    def length(one: Timer, delay: int) -> tuple[int, int]:
        return delay, machine.ranks.get(one, -1)  # of one instant, in document order

    before: dict[Timer, int] = {}
    for together in clock:
        before.update(together)
        if timer in before:
            own = length(timer, before[timer])
            return any(other[0] == timer[0] and length(other, delay) < own for other, delay in before.items())
    raise AssertionError("a timer that is not set")


def wound(clock: Clock, made: Step) -> Clock:
    """The timers after a step."""
    after = made.after
    fresh = {(e.region, e.timer): e.at - after.at for e in made.effects if isinstance(e, SetTimer)}
    stay = after.flight.deadlines
    kept = tuple(tuple(one for one in old if one[0] in stay and one[0] not in fresh) for old in clock)
    armed = tuple((timer, delay) for timer, delay in sorted(fresh.items()) if timer in stay)
    return tuple(together for together in (*kept, armed) if together)


# --- the search


class Edge(NamedTuple):
    """A step to another state: what happens on it, in words; `kept` are the calls and timers that it leaves alone."""

    event: AnyEvent
    target: int
    words: tuple[frozenset[str], ...]
    kept: frozenset[Timer]


@attrs.define(eq=False)
class Graph:
    """All states that a run in this world can come to, the first first. Not `whole`: there are more."""

    machine: Machine
    snapshots: list[Snapshot] = attrs.field(factory=list)
    after: list[list[Edge]] = attrs.field(factory=list)
    first: tuple[frozenset[str], ...] = ()
    whole: bool = True


def explored(machine: Machine, inputs: Object, data: Data, limit: int) -> Graph:
    """All that can happen with these inputs, up to so many states."""
    graph = Graph(machine)
    numbers: dict[Hashable, int] = {}
    clocks: list[Clock] = []

    def numbered(made: Step, clock: Clock) -> int:
        known = key(made.after, clock)
        if known not in numbers:
            numbers[known] = len(numbers)
            graph.snapshots.append(made.after)
            graph.after.append([])
            clocks.append(clock)
        return numbers[known]

    begun = start(machine, inputs)
    graph.first = words(machine, begun)
    numbered(begun, wound((), begun))
    for source, snapshot in enumerate(graph.snapshots):  # which grows
        if source >= limit:
            graph.whole = False
            break
        for event in () if snapshot.ended else happenings(machine, snapshot, data):
            if isinstance(event, Fired) and comes_later(machine, clocks[source], event[:2]):
                continue
            made = step(machine, snapshot, event)
            if not isinstance(made, Step):
                continue
            if _too_many(machine, made):
                graph.whole = graph.whole and len(machine.regions) > 1
                continue
            number = numbered(made, wound(clocks[source], made))
            graph.after[source].append(Edge(event, number, words(machine, made), kept(made)))
    return graph


def _too_many(machine: Machine, made: Step) -> bool:
    """Whether an event was deferred that nobody is left to take: else there is no end of them."""
    names = [event.name for event in made.after.flight.deferred]
    if len(names) <= len(made.before.flight.deferred):
        return False
    most = len(machine.listeners.get(names[-1], ())) if len(machine.regions) > 1 else MOST_WAITING
    return names.count(names[-1]) > most


def key(snapshot: Snapshot, clock: Clock) -> Hashable:
    """The whole snapshot, but for times, numbers and visits; and which timers were set before which."""
    flight, book = snapshot.flight, snapshot.book
    return (
        tuple(part for chunk in snapshot.regions for part in zip(chunk[::3], chunk[1::3], strict=True)),
        frozenset(
            (call.region, call.owner, call.handler, call.attempt, call.stopped) for call in flight.calls.values()
        ),
        tuple((queued.region, queued.op, queued.attempt, queued.call is None) for queued in flight.queue),
        tuple((event.name, event.data) for event in (*flight.raised, *flight.deferred)),
        len(flight.raised),
        frozenset(snapshot.context.items()),
        snapshot.ended,
        frozenset((name, _timeless(result)) for name, result in book.results.items()),
        frozenset(book.errors.items()),
        frozenset(book.counters.items()),
        tuple(map(in_order, (book.completed, book.failed, book.undone, book.path))),
        frozenset(book.ranks.items()),
        frozenset(
            (block, line.free, tuple(book.waiting[block, number] for number in range(line.first, line.last)))
            for block, line in book.lines.items()
        ),
        frozenset((region, task.assigned_to) for region, task in book.tasks.items()),
        clock,
    )


def _timeless(result: Any) -> Hashable:
    """A result without the time of a decision, also within the results of blocks."""
    if isinstance(result, Mapping):
        return frozenset((name, _timeless(value)) for name, value in result.items() if name != "reviewedAt")
    return tuple(map(_timeless, result)) if isinstance(result, tuple) else result


def kept(made: Step) -> frozenset[Timer]:
    """What is open before the step and after, and is the same call, the same setting of the timer."""
    before, after = made.before.flight, made.after.flight
    wound_up = {(e.region, e.timer) for e in made.effects if isinstance(e, SetTimer)}
    fired = {made.event[:2]} if isinstance(made.event, Fired) else set()
    timers = {timer for timer in before.deadlines if timer in after.deadlines and timer not in wound_up | fired}
    calls = {_of(call) for number, call in before.calls.items() if number in after.calls}
    return frozenset(timers | calls)


def _of(call: Call) -> Timer:
    return call.region, f"the call of {call.owner}"


# --- what happens, in words


def words(machine: Machine, made: Step) -> tuple[frozenset[str], ...]:
    """What properties may speak of, one after another: the event that was received, then what was entered."""
    heard = [frozenset({f"event:{name}"}) for name in _received(made)]
    entered = _steps if len(machine.regions) > 1 else _states
    return (*heard, *(frozenset(entered(move)) for move in made.moves))


def _received(made: Step) -> Iterator[str]:
    match made.event:
        case Event(name):
            yield name
        case Returned(_, _, _, Event(name)) if all(note.kind != "refused" for note in made.notes):
            yield name


def plain(state: str) -> str:
    """A state without what the compiler adds to it."""
    return state.partition(".$")[0]


def _states(move: Move) -> Iterator[str]:
    """The states that are entered, as `tests.compiler.naive` has them."""
    yield from move.entered


def _steps(move: Move) -> Iterator[str]:
    """A local state of a step; its turns are none. A step by its name alone: it succeeded."""
    there = plain(move.target)
    if plain(move.source) != there or move.source == move.target:
        yield f"{move.region}:{there}"
        if there == "succeeded":
            yield move.region
