"""The transitions of a compiled table, each with where it was written and what becomes of it.

`step` tries the transitions of a trigger in order and takes the first that holds, so some can never be
taken, whatever the data: their *fate* says why. Guards that read anything are free: either answer may come.

    open       it can be taken
    false      its guard reads nothing and never holds
    repeated   its guard stands before it already: where it holds, the earlier one is taken
    shadowed   one before it always holds
    spent      it needs a smaller attempt than there can be
    outrun     its state is left at once by an `always` that always holds

A state is in the table with the transitions of the states around it, so one written transition is several
edges; and where states are active side by side one edge is all that is taken at once. `paths` tells.

Below: the machine's table. Above: `graph`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias

import attrs

from statewf.compiler.tree import Path
from statewf.expr import Expression, Fault
from statewf.machine.fsm import RETRY, Arm, LocalState, Transition

Fate: TypeAlias = Literal["open", "false", "repeated", "shadowed", "spent", "outrun"]


@attrs.frozen(eq=False)
class Edge:
    """One transition of the table.

    `by` is the place of the one that stands in its way, if its fate is of that kind. It can be taken from
    attempt `since` on, and `again` is what happens between one attempt and the next until then.
    """

    source: str
    transition: Transition
    fate: Fate
    by: Path | None
    since: int
    again: tuple[str, ...]

    @property
    def paths(self) -> tuple[Path, ...]:
        """Where it was written; it is nowhere that an event is forgotten which nobody takes."""
        return self.transition.paths

    @property
    def path(self) -> Path:
        """The first of these places."""
        return self.paths[0] if self.paths else ()

    @property
    def trigger(self) -> str:
        """The event that takes it, or one of the machine's own triggers; empty for `always`."""
        return self.transition.trigger

    @property
    def target(self) -> str | None:
        """Where it leads; None: it stays."""
        return self.transition.target

    @property
    def open(self) -> bool:
        """Whether it can be taken."""
        return self.fate == "open"

    @property
    def length(self) -> int:
        """How much has to happen to take it, for one who came to its source anew."""
        return (self.since - 1) * len(self.again) + bool(self.trigger)

    @property
    def events(self) -> tuple[str, ...]:
        """What has to happen."""
        return self.again * (self.since - 1) + ((self.trigger,) if self.trigger else ())


def row_edges(row: LocalState) -> tuple[Edge, ...]:
    """The edges that leave or stay in a local state, in document order."""
    always = tuple(_judged(row.name, row.always))
    outrun = any(_certain(transition) for transition in row.always)
    listed = (e for found in row.on.values() for e in _judged(row.name, found))
    if outrun:
        listed = (attrs.evolve(edge, fate="outrun") if edge.open else edge for edge in listed)
    return (*listed, *always)


def _judged(source: str, listed: Sequence[Transition]) -> Iterator[Edge]:
    """The transitions of one trigger, in the order in which `step` tries them."""
    closed: Path | None = None
    guards: dict[Expression | None, Path] = {}
    since = 1
    again: tuple[str, ...] = ()
    for transition in listed:
        path = transition.paths[0] if transition.paths else ()
        answer = settled(transition.guard)
        earlier = guards.get(transition.guard)
        fate: Fate = "open"
        if closed is not None:
            fate = "shadowed"
        elif answer is False:
            fate = "false"
        elif earlier is not None:
            fate = "repeated"
        elif transition.below is not None and transition.below <= since:
            fate = "spent"
        yield Edge(source, transition, fate, closed or earlier, since, again)
        if fate != "open":
            continue
        if transition.below is not None:
            if answer:
                since, again = transition.below, _again(transition)
        elif answer:
            closed = path
        else:
            guards[transition.guard] = path


def settled(guard: Expression | None) -> bool | None:
    """What a guard that reads nothing answers, always the same; None: it depends."""
    if guard is None:
        return True
    if not guard.constant:
        return None
    try:
        return guard.holds({})
    except Fault:
        return False  # as `step` has it


def _certain(transition: Transition) -> bool:
    return settled(transition.guard) is True


def _again(retry: Transition) -> tuple[str, ...]:
    """What happens between two attempts: the event, and the end of the wait if there is one."""
    waits = (op.timer for op in retry.entry if isinstance(op, Arm) and op.timer.startswith(RETRY))
    return (retry.trigger, *waits)
