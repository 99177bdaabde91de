"""The table: regions of local states, and what each transition between them does.

All the cleverness of a definition (compound states, retries, timeouts) is gone here: the compiler has
written out, for each pair of source and target, which timers to disarm and arm, which calls to close
and open, and which actions run. `step` only looks up.

A *trigger* is the name of an event, or one of the machine's own, which start with `$`:

    $timeout:S   the timeout of state S came due        $retry:S   the backoff of S is over
    $done:S      the call that S invoked came back      $error:S   ... failed
    $raise:E     the machine takes its own event E, which it raised some time ago
    $cancel      somebody wants the instance to end
    $decided     the region's task was decided

Regions pull triggers of each other: `$ready`, `$skip`, ...; `compiler.steps` tells which.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container, Iterator, Mapping
from functools import cached_property
from typing import Any, Literal, NamedTuple, TypeAlias

import attrs

from statewf.expr import Expression
from statewf.machine.effects import Finish
from statewf.values.frozen import EMPTY, Json, Object

# All regions, in chunks of which a changed copy shares every one but one. A chunk is flat: the states of
# CHUNK regions one after another. Plain tuples of atoms, because the garbage collector forgets those at
# first sight and walks everything else again and again: in a history that is kept, half of a step's cost.
Regions: TypeAlias = tuple[tuple[str | int, ...], ...]
CHUNK = 64

# The moves of a step, one after another and flat for the same reason: of each the fields of `snapshot.Move`.
Track: TypeAlias = tuple[str | int | tuple[str, ...], ...]

SEMANTICS = 4  # raised whenever the meaning of `step` changes; part of every machine's digest

CANCEL, CANCEL_NOW = "$cancel", "$cancel-now"
DECIDED = "$decided"
CANCELLED = "$cancelled"  # the reserved terminal state of a cancelled state machine
TIMEOUT, RETRY, DONE, ERROR, RAISE = "$timeout:", "$retry:", "$done:", "$error:", "$raise:"


@attrs.frozen
class Delay:
    """How long to wait: `base` ms, growing with the attempt n, at most `cap`.

    exponential: base * 2^(n-1); linear: base * n; constant: base. With `jitter` the delay lies evenly
    between 0 and that, by a hash of who waits: the same on every replay.
    """

    base: int
    growth: Literal["constant", "linear", "exponential"] = "constant"
    cap: int | None = None
    jitter: bool = False
    fixed: int | None = attrs.field(init=False, eq=False, repr=False)  # ms, where nothing has to be reckoned

    @fixed.default
    def _fixed(self) -> int | None:
        return self.base if self.growth == "constant" and self.cap is None and not self.jitter else None

    def after(self, attempt: int, who: str) -> int:
        """Milliseconds after attempt number `attempt` (from 1) of `who`."""
        match self.growth:
            case "constant":
                delay = self.base
            case "linear":
                delay = self.base * attempt
            case "exponential":
                delay = self.base << min(attempt - 1, 64)  # 2^64 ms is past any cap and still cheap
        if self.cap is not None:
            delay = min(delay, self.cap)
        return _share(delay, f"{who}/{attempt}") if self.jitter else delay


def _share(delay: int, who: str) -> int:
    number = int.from_bytes(hashlib.blake2b(who.encode(), digest_size=8).digest(), "big")
    return delay * number >> 64


@attrs.frozen
class Assign:
    """Set names of the context; all values are computed before any is set."""

    values: tuple[tuple[str, Expression], ...]


Values: TypeAlias = "tuple[tuple[str, Expression | Values], ...]"  # names, and what each says


@attrs.frozen
class Tell:
    """Emit an event to subscribers: `data`, or what `values` say; without either, the context."""

    event: str
    data: Json = None
    values: Values = ()


@attrs.frozen
class Do:
    """Queue a function action of state `step`. `slot` tells it from the other actions of the same visit.

    A timer that leaves the state `within` stops it, by which a transition came to be done, or else `step`.
    """

    step: str
    handler: str
    slot: str
    params: Object = EMPTY
    max_attempts: int = 1
    delay: Delay = Delay(0)
    within: str = ""


@attrs.frozen
class Open:
    """Call a handler on behalf of state `owner`, after the actions that are queued.

    `step` is what the handler is told of who calls; `at_once`: not after the queue. `slot` tells
    the call of a compound state from that of the state within it, entered in the same visit.
    """

    owner: str
    step: str
    handler: str
    params: Object = EMPTY
    slot: str = ""
    at_once: bool = False


@attrs.frozen
class Close:
    """Recall the call of state `owner`, if it is open."""

    owner: str


@attrs.frozen
class Arm:
    """Set the timer of that name, which is also the trigger it pulls."""

    timer: str
    delay: Delay


@attrs.frozen
class Disarm:
    """Cancel the timer of that name, if it is set."""

    timer: str


# --- what regions do to each other, in machines that have several


@attrs.frozen
class Pull:
    """Pull a trigger of another region within this macrostep.

    In turn, or `first` (what is decided by it must be known to all others), or `last`: when nothing else is left.
    """

    region: str
    trigger: str
    turn: Literal["next", "first", "last"] = "next"


@attrs.frozen
class Count:
    """Count a counter of another region down; at zero it is pulled as a trigger."""

    region: str
    counter: str
    turn: Literal["next", "last"] = "next"


@attrs.frozen
class Stop:
    """Recall the call of state `owner`, but wait for its end; pull `otherwise` if none is open."""

    owner: str
    otherwise: str


@attrs.frozen
class Enter:
    """Ask for one of the places of region `block`; `$go` is pulled when there is one."""

    block: str


@attrs.frozen
class Leave:
    """Give the place back; the next in line gets it."""

    block: str


@attrs.frozen
class Keep:
    """Keep the trigger's data as the region's result; an object also goes into the context.

    Of two results that set the same name the one of the higher `rank` stands, whichever came first.
    """

    rank: int


@attrs.frozen
class Gather:
    """Make the region's result of those of its `members`, or of the one that the trigger tells of."""

    how: Literal["condition", "all", "any", "first", "quorum"]
    members: tuple[str, ...] = ()


@attrs.frozen
class Blame:
    """Keep what went wrong: what the trigger's data says, or that of the step it tells of, or these words."""

    error: str = ""
    message: str = ""


@attrs.frozen
class Complete:
    """Put the region on the list of completed steps, or on that of the `failed` ones."""

    failed: bool = False


@attrs.frozen
class Chose:
    """Note which branch the region takes."""

    branch: str


@attrs.frozen
class Undone:
    """Note what came of an action that undoes the region's step; without words, the trigger's data tell the error."""

    action: str
    success: bool
    message: str = ""


@attrs.frozen
class Ask:
    """Open a task of the region; `assign_to` is a plain name or says who it is. `due` is its timeout, ms.

    A `review` asks what becomes of a failure, and tells of it; it is another task of the same visit.
    """

    assign_to: Expression | str | None
    details: Object = EMPTY
    due: int | None = None
    review: bool = False


@attrs.frozen
class Escalate:
    """Give the region's task to somebody else."""

    to: Expression | str


@attrs.frozen
class Resolve:
    """Close the region's task as decided. The decision is the region's result, of a `review` what came with it."""

    rank: int
    review: bool = False


@attrs.frozen
class Withdraw:
    """Close the region's task, if it is open."""


Op: TypeAlias = (
    Assign
    | Tell
    | Do
    | Open
    | Close
    | Arm
    | Disarm
    | Pull
    | Count
    | Stop
    | Enter
    | Leave
    | Keep
    | Gather
    | Blame
    | Complete
    | Chose
    | Undone
    | Ask
    | Escalate
    | Resolve
    | Withdraw
)


def is_pattern(name: str) -> bool:
    """Whether a name in `on` stands for more than one event: `*` for all, `mouse.*` for `mouse` and what begins so."""
    return name == "*" or name.endswith(".*")


def fitting(event: str, known: Container[str]) -> Iterator[str]:
    """The patterns among those known that an event fits, the most exact first."""
    part = event
    while part:
        if f"{part}.*" in known:
            yield f"{part}.*"
        part = part.rpartition(".")[0]
    if "*" in known:
        yield "*"


def opens(op: Op, owner: str) -> bool:
    """Whether `op` is the call that state `owner` invokes."""
    return isinstance(op, Open) and op.owner == owner


@attrs.frozen
class Transition:
    """What one trigger does in one local state.

    Order: `exit` (old context), the merge of the event's data if `merges`, `actions`, `entry`.
    Without `target` nothing is left or entered. It holds if the attempt is less than `below` (a retry)
    and `guard` is true; if it is `faulty`, when the guard cannot be told. `attempt` says what becomes of the counter;
    `anew`: whether this is a new visit. Of the written states within local states those are `left`, innermost first, and
    those `entered`, outermost first. `paths` are the places where it was written, for people.
    """

    trigger: str
    target: str | None = None
    guard: Expression | None = None
    faulty: bool = False
    below: int | None = None
    merges: bool = True
    attempt: Literal["reset", "keep", "bump"] = "reset"
    anew: bool = True
    exit: tuple[Op, ...] = ()
    actions: tuple[Op, ...] = ()
    entry: tuple[Op, ...] = ()
    left: tuple[str, ...] = ()
    entered: tuple[str, ...] = ()
    paths: tuple[tuple[str | int, ...], ...] = attrs.field(default=(), eq=False, repr=False)

    def may(self, attempt: int) -> bool:
        """Whether the counter allows it."""
        return self.below is None or attempt < self.below

    @property
    def plain(self) -> bool:
        """Whether it always holds and does nothing but move and set timers."""
        always = self.guard is None and self.below is None
        anew = self.attempt == "reset" and self.anew and self.merges
        quiet = all(isinstance(op, Disarm) for op in self.exit) and not self.actions
        timed = all(isinstance(op, Arm) and op.delay.fixed is not None for op in self.entry)
        return self.target is not None and always and anew and quiet and timed


@attrs.frozen
class LocalState:
    """One row of the table: for each trigger the transitions to try, in order.

    `always` are tried after every change; `terminal` is the outcome if nothing leads on;
    `unexpected` says what becomes of an event that none of them takes.
    """

    name: str
    on: Mapping[str, tuple[Transition, ...]] = attrs.field(factory=dict)
    always: tuple[Transition, ...] = ()
    terminal: Literal["success", "failure"] | None = None
    unexpected: Literal["reject", "ignore", "defer"] = "reject"
    events: tuple[str, ...] = attrs.field(init=False, eq=False, repr=False)

    @events.default
    def _events(self) -> tuple[str, ...]:
        return tuple(trigger for trigger in self.on if not trigger.startswith("$"))

    @cached_property
    def accepts(self) -> bool:
        """Whether some event leads on from here; guards may still say no."""
        return any(self.on[event] for event in self.events)

    @cached_property
    def _uncounted(self) -> tuple[str, ...] | None:
        """The events that lead on, if no counter has a say in that."""
        counted = any(t.below is not None for event in self.events for t in self.on[event])
        return None if counted else tuple(event for event in self.events if self.on[event])

    def allowed(self, attempt: int) -> tuple[str, ...]:
        """The events that lead on from here at that attempt; guards may still say no."""
        if self._uncounted is not None:
            return self._uncounted
        return tuple(event for event in self.events if any(t.may(attempt) for t in self.on[event]))

    def transitions(self) -> tuple[Transition, ...]:
        """All that leave or stay in this state, in document order."""
        return (*(t for listed in self.on.values() for t in listed), *self.always)


@attrs.frozen
class Region:
    """One flat machine; `start` enters its first state. One that `rests` is there already, which is no step.

    `counters` say from where each is counted down, `places` how many regions may be within at a time. `timers` in
    order decide between those of one instant, if that is not the order in which the table sets them.
    """

    name: str
    start: Transition
    states: Mapping[str, LocalState]
    rests: bool = False
    counters: Mapping[str, int] = attrs.field(factory=dict)
    places: int = 0
    timers: tuple[str, ...] = ()


class Short(NamedTuple):
    """A plain transition, ready made: all of its step that does not depend on the instance.

    `transition` is None if it sets no timers.
    """

    target: str
    ended: str
    path: Track
    effects: tuple[Finish, ...]
    transition: Transition | None


def _ready(region: Region, source: str, transition: Transition) -> Short:
    target = transition.target
    assert target is not None, "a plain transition moves"
    outcome = region.states[target].terminal
    effects = (Finish(target, outcome),) if outcome else ()
    timed = transition if transition.exit or transition.entry else None
    return Short(target, outcome or "", (region.name, source, target, 1, transition.entered), effects, timed)


@attrs.frozen
class Machine:
    """A compiled definition.

    Regions are known by their place in `regions`. `listeners` tells which of them know an event,
    `fallback` those that answer for an unknown one, `eventless` those with `always` transitions. `context` is what
    the data are at first, under the inputs.
    `notes` is opaque to `step`: names, lines, the definition; for pictures, messages and bills.
    """

    name: str
    digest: str
    regions: tuple[Region, ...]
    listeners: Mapping[str, tuple[int, ...]]
    fallback: tuple[int, ...]
    eventless: tuple[int, ...] = ()
    context: Object = EMPTY
    semantics: int = SEMANTICS
    notes: Any = attrs.field(default=None, eq=False, repr=False)
    numbers: Mapping[str, int] = attrs.field(init=False, eq=False, repr=False)
    ranks: Mapping[tuple[str, str], int] = attrs.field(init=False, eq=False, repr=False)
    nowhere: Regions = attrs.field(init=False, eq=False, repr=False)
    short: Mapping[str, Mapping[str, Short]] = attrs.field(init=False, eq=False, repr=False)

    @short.default
    def _short(self) -> dict[str, dict[str, Short]]:
        """Most of most machines: what events do that do little, by state; only where nothing can follow."""
        if len(self.regions) != 1 or self.eventless:
            return {}
        (region,) = self.regions
        return {
            name: {
                event: _ready(region, name, state.on[event][0])
                for event in state.events
                if state.on[event][0].plain
            }
            for name, state in region.states.items()
        }

    @numbers.default
    def _numbers(self) -> dict[str, int]:
        return {region.name: number for number, region in enumerate(self.regions)}

    @ranks.default
    def _ranks(self) -> dict[tuple[str, str], int]:
        """The document order of all timers, which decides between those of one instant."""
        timers = {(region.name, timer): None for region in self.regions for timer in region.timers}
        timers |= dict.fromkeys((region.name, op.timer) for region, op in self._ops() if isinstance(op, Arm))
        return {timer: rank for rank, timer in enumerate(timers)}

    @nowhere.default
    def _nowhere(self) -> Regions:
        """Every region at rest, before the start."""
        flat = tuple(
            part for region in self.regions for part in ((region.start.target or "") if region.rests else "", 1, 0)
        )
        return tuple(flat[i : i + 3 * CHUNK] for i in range(0, len(flat), 3 * CHUNK))

    @cached_property
    def calm(self) -> Machine:
        """The same without `always` transitions: what is left when they run in a circle."""
        return attrs.evolve(self, eventless=())

    @cached_property
    def _patterns(self) -> frozenset[str]:
        return frozenset(filter(is_pattern, self.listeners))

    def known(self, event: str) -> str:
        """The name by which the table knows an event: its own, or the most exact pattern that it fits."""
        if event in self.listeners or not self._patterns:
            return event
        return next(fitting(event, self._patterns), event)

    @cached_property
    def starting(self) -> tuple[int, ...]:
        """The regions that do something at the start."""
        return tuple(number for number, region in enumerate(self.regions) if not region.rests)

    @cached_property
    def listening(self) -> tuple[int, ...]:
        """The regions that know some event at some time."""
        return tuple(sorted({number for numbers in self.listeners.values() for number in numbers}))

    @cached_property
    def hearing(self) -> frozenset[int]:
        """The same, of a machine with several regions: there the book knows which of them accept something now."""
        return frozenset(self.listening if len(self.regions) > 1 else ())

    def handlers(self) -> tuple[str, ...]:
        """The names of all handlers the machine may call, in document order."""
        return tuple(dict.fromkeys(op.handler for _, op in self._ops() if isinstance(op, Do | Open)))

    def asking(self) -> tuple[str, ...]:
        """The names of all regions that may open a task, in document order."""
        return tuple(dict.fromkeys(region.name for region, op in self._ops() if isinstance(op, Ask)))

    def operations(self) -> Iterator[Op]:
        """All that transitions do, in document order."""
        return (op for _, op in self._ops())

    def _ops(self) -> Iterator[tuple[Region, Op]]:
        for region in self.regions:
            for transition in (region.start, *(t for s in region.states.values() for t in s.transitions())):
                for op in (*transition.exit, *transition.actions, *transition.entry):
                    yield region, op


def with_transitions(machine: Machine, change: Callable[[Transition], Transition]) -> Machine:
    """The machine with other transitions; what `change` leaves as it is stays the very same."""
    regions = tuple(_changed(region, change) for region in machine.regions)
    same = all(new is old for new, old in zip(regions, machine.regions, strict=True))
    return machine if same else attrs.evolve(machine, regions=regions)


def _changed(region: Region, change: Callable[[Transition], Transition]) -> Region:
    start = change(region.start)
    if start is region.start and all(change(t) is t for s in region.states.values() for t in s.transitions()):
        return region  # most are, in a large workflow
    states = {
        name: attrs.evolve(
            state,
            on={trigger: tuple(map(change, listed)) for trigger, listed in state.on.items()},
            always=tuple(map(change, state.always)),
        )
        for name, state in region.states.items()
    }
    return attrs.evolve(region, start=start, states=states)
