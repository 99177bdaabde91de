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
edges; `path` tells that they are one. `_places` follows `compiler.states`: same order, other matter.

Below: the compiler's tree and the machine's table. Above: `graph`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias, TypeVar

import attrs

from statewf.compiler.tree import BACKOFF, Node, Path
from statewf.definition.model import ERROR as FAILED
from statewf.definition.model import Transition as Written
from statewf.expr import Expression, Fault
from statewf.machine.fsm import CANCEL, DONE, ERROR, RETRY, TIMEOUT, LocalState, Transition

Item = TypeVar("Item")
Fate: TypeAlias = Literal["open", "false", "repeated", "shadowed", "spent", "outrun"]


@attrs.frozen(eq=False)
class Edge:
    """One transition of the table.

    `by` is the place of the one that stands in its way, if its fate is of that kind. It can be taken from
    attempt `since` on, and `again` is what happens between one attempt and the next until then.
    """

    source: str
    transition: Transition
    path: Path
    fate: Fate
    by: Path | None
    since: int
    again: tuple[str, ...]

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


def row_edges(row: LocalState, leaf: Node | None) -> tuple[Edge, ...]:
    """The edges that leave or stay in a local state, in document order; `leaf` is the written state it is of."""
    if leaf is None or row.terminal:
        return ()
    places = _places(leaf, waiting=row.name == leaf.name + BACKOFF)
    always = tuple(_judged(row.name, row.always, places.get("", ())))
    outrun = any(_certain(transition) for transition in row.always)
    listed = (e for trigger, found in row.on.items() for e in _judged(row.name, found, places[trigger]))
    if outrun:
        listed = (attrs.evolve(edge, fate="outrun") if edge.open else edge for edge in listed)
    return (*listed, *always)


def _judged(source: str, listed: Sequence[Transition], places: Sequence[Path]) -> Iterator[Edge]:
    """The transitions of one trigger, in the order in which `step` tries them."""
    closed: Path | None = None
    guards: dict[Expression | None, Path] = {}
    since = 1
    again: tuple[str, ...] = ()
    for transition, path in zip(listed, places, strict=True):
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
        yield Edge(source, transition, path, fate, closed or earlier, since, again)
        if fate != "open":
            continue
        if transition.below is not None:
            if answer:
                since, again = transition.below, _again(source, transition)
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


def _again(source: str, retry: Transition) -> tuple[str, ...]:
    """What happens between two attempts: the event, and the end of the wait if there is one."""
    return (retry.trigger,) if retry.target == source else (retry.trigger, RETRY + source)


# --- where a transition of the table was written


def _places(leaf: Node, *, waiting: bool) -> dict[str, list[Path]]:
    """For each trigger of a local state, where its transitions were written, in their order in the table.

    Between attempts the retried events are not in the table, so nobody asks where they were written.
    """
    places: dict[str, list[Path]] = {CANCEL: [leaf.path], RETRY + leaf.name: [(*leaf.path, "retry")]}
    for node in leaf.lineage():
        for trigger, path in _declared(node, outside=waiting and node is leaf):
            places.setdefault(trigger, []).append(path)
    retried = leaf.state.retry.on if leaf.state.retry is not None else ()
    for path, event in _numbered((*leaf.path, "retry", "on"), retried):
        trigger = ERROR + leaf.name if event == FAILED else event
        places.setdefault(trigger, []).insert(0, path)
    return places


def _declared(node: Node, *, outside: bool) -> Iterator[tuple[str, Path]]:
    """Trigger and place of each transition a state declares; `outside`: of those that hold between its attempts."""
    state, path = node.state, node.path
    for event, listed in state.on.items():
        yield from _each(event, listed, (*path, "on", event))
    if outside:
        return
    yield from _each("", state.always, (*path, "always"))
    if state.timeout_transition is not None:
        yield TIMEOUT + node.name, (*path, "timeoutTransition")
    if state.invoke is not None:
        here = (*path, "invoke")
        done = _each(DONE + node.name, state.invoke.on_done, (*here, "onDone"))
        yield from done if state.invoke.on_done else ((DONE + node.name, here),)
        yield from _each(ERROR + node.name, state.invoke.on_error, (*here, "onError"))


def _each(trigger: str, listed: Sequence[Written], path: Path) -> Iterator[tuple[str, Path]]:
    return ((trigger, place) for place, _ in _numbered(path, listed))


def _numbered(path: Path, listed: Sequence[Item]) -> Iterator[tuple[Path, Item]]:
    """Each item with its place; one that stands alone needs no number."""
    for number, item in enumerate(listed):
        yield ((*path, number) if len(listed) > 1 else path), item
