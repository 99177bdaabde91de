"""The table: regions of local states, and what each transition between them does.

All the cleverness of a definition (compound states, retries, timeouts) is gone here: the compiler has
written out, for each pair of source and target, which timers to disarm and arm, which calls to close
and open, and which actions run. `step` only looks up.

A *trigger* is the name of an event, or one of the machine's own, which start with `$`:

    $timeout:S   the timeout of state S came due        $retry:S   the backoff of S is over
    $done:S      the call that S invoked came back      $error:S   ... failed
    $cancel      somebody wants the instance to end
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, Literal, NamedTuple, TypeAlias

import attrs

from statewf.expr import Expression
from statewf.machine.effects import Finish
from statewf.values.frozen import EMPTY, Json, Object

SEMANTICS = 1  # raised whenever the meaning of `step` changes; part of every machine's digest

CANCEL = "$cancel"
CANCELLED = "$cancelled"  # the reserved terminal state of a cancelled state machine
TIMEOUT, RETRY, DONE, ERROR = "$timeout:", "$retry:", "$done:", "$error:"


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


@attrs.frozen
class Tell:
    """Emit an event to subscribers; without `data`, the context."""

    event: str
    data: Json = None


@attrs.frozen
class Do:
    """Queue a function action of state `step`. `slot` tells it from the other actions of the same visit."""

    step: str
    handler: str
    slot: str
    params: Object = EMPTY
    max_attempts: int = 1
    delay: Delay = Delay(0)


@attrs.frozen
class Open:
    """Call a handler on behalf of state `owner`, after the actions that are queued.

    `step` is what the handler is told of who calls; `slot` tells the call of a compound state from that of the state within it, entered in the same visit.
    """

    owner: str
    step: str
    handler: str
    params: Object = EMPTY
    slot: str = ""


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


Op: TypeAlias = Assign | Tell | Do | Open | Close | Arm | Disarm


def opens(op: Op, owner: str) -> bool:
    """Whether `op` is the call that state `owner` invokes."""
    return isinstance(op, Open) and op.owner == owner


@attrs.frozen
class Transition:
    """What one trigger does in one local state.

    Order: `exit` (old context), the merge of the event's data if `merges`, `actions`, `entry`.
    Without `target` nothing is left or entered. It holds if the attempt is less than `below` (a retry)
    and `guard` is true. `attempt` says what becomes of the counter; `anew`: whether this is a new visit.
    """

    trigger: str
    target: str | None = None
    guard: Expression | None = None
    below: int | None = None
    merges: bool = True
    attempt: Literal["reset", "keep", "bump"] = "reset"
    anew: bool = True
    exit: tuple[Op, ...] = ()
    actions: tuple[Op, ...] = ()
    entry: tuple[Op, ...] = ()

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

    def transitions(self) -> tuple[Transition, ...]:
        """All that leave or stay in this state, in document order."""
        return (*(t for listed in self.on.values() for t in listed), *self.always)


@attrs.frozen
class Region:
    """One flat machine; `start` enters its first state."""

    name: str
    start: Transition
    states: Mapping[str, LocalState]


class Short(NamedTuple):
    """A plain transition, ready made: all of its step that does not depend on the instance.

    `transition` is None if it sets no timers.
    """

    target: str
    ended: str
    path: tuple[str | int, ...]
    effects: tuple[Finish, ...]
    transition: Transition | None


def _ready(region: Region, source: str, transition: Transition) -> Short:
    target = transition.target
    assert target is not None, "a plain transition moves"
    outcome = region.states[target].terminal
    effects = (Finish(target, outcome),) if outcome else ()
    timed = transition if transition.exit or transition.entry else None
    return Short(target, outcome or "", (region.name, source, target, 1), effects, timed)


@attrs.frozen
class Machine:
    """A compiled definition.

    Regions are known by their place in `regions`. `listeners` tells which of them know an event,
    `fallback` those that answer for an unknown one, `eventless` those with `always` transitions.
    `notes` is opaque to `step`: names, lines, the definition; for pictures, messages and bills.
    """

    name: str
    digest: str
    regions: tuple[Region, ...]
    listeners: Mapping[str, tuple[int, ...]]
    fallback: tuple[int, ...]
    eventless: tuple[int, ...] = ()
    semantics: int = SEMANTICS
    notes: Any = attrs.field(default=None, eq=False, repr=False)
    numbers: Mapping[str, int] = attrs.field(init=False, eq=False, repr=False)
    ranks: Mapping[tuple[str, str], int] = attrs.field(init=False, eq=False, repr=False)
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
        timers = dict.fromkeys((region.name, op.timer) for region, op in self._ops() if isinstance(op, Arm))
        return {timer: rank for rank, timer in enumerate(timers)}

    @cached_property
    def calm(self) -> Machine:
        """The same without `always` transitions: what is left when they run in a circle."""
        return attrs.evolve(self, eventless=())

    @cached_property
    def listening(self) -> tuple[int, ...]:
        """The regions that know some event at some time."""
        return tuple(sorted({number for numbers in self.listeners.values() for number in numbers}))

    def handlers(self) -> tuple[str, ...]:
        """The names of all handlers the machine may call, in document order."""
        return tuple(dict.fromkeys(op.handler for _, op in self._ops() if isinstance(op, Do | Open)))

    def _ops(self) -> Iterator[tuple[Region, Op]]:
        for region in self.regions:
            for transition in (region.start, *(t for s in region.states.values() for t in s.transitions())):
                for op in (*transition.exit, *transition.actions, *transition.entry):
                    yield region, op
