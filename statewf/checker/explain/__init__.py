"""Why an instance accepts an event now, or why not, and the shortest way to where it would.

A function of (machine, snapshot, event). What is told of now is what the real `step` says of it; each transition that
may take the event, and each step that waits for it, is told with its condition and the values of what that reads.

Below: `foresight`, which finds the way. Above: the command line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import attrs

from statewf.checker.explain.foresight import MOST_CONFIGURATIONS, Foresight, foresee
from statewf.compiler import Notes
from statewf.compiler.advice import listed
from statewf.compiler.hearing import Hearing
from statewf.compiler.plan import Planned, plan
from statewf.compiler.tree import grow
from statewf.definition.model import StateMachine, Workflow
from statewf.definition.words import nearest
from statewf.errors import DataError, Diagnostic
from statewf.expr import UNDEFINED, Expression, Fault
from statewf.expr.syntax import Index, Member, Name, Node, show
from statewf.expr.syntax import Literal as Written
from statewf.machine.events import Event
from statewf.machine.fsm import Machine, Transition
from statewf.machine.macrostep import Macrostep
from statewf.machine.naming import base, known
from statewf.machine.record import row, state_of
from statewf.machine.snapshot import RegionState, Rejected, Snapshot, Step, region_state
from statewf.machine.step import step
from statewf.values.frozen import EMPTY, Object, settled, thaw

FULL = "full"  # what a block is whose places are all taken


class Awaited(NamedTuple):
    """A step that another one waits for, and where it is."""

    step: str
    state: str


@attrs.frozen
class Candidate:
    """A transition that may take the event, or a step of a workflow that waits for it.

    `state` is where it stands; `target` is where a transition leads, None if it stays. `values` are those of what the
    guard reads. `fault`: why it has no answer. A step that does not run yet `waits_for` others.
    """

    state: str
    step: str | None = None
    target: str | None = None
    guard: str | None = None
    values: tuple[tuple[str, Any], ...] = ()
    holds: bool = False
    fault: str | None = None
    waits_for: tuple[Awaited, ...] = ()

    def document(self) -> dict[str, Any]:
        """The candidate as JSON, which has no word for undefined: what is so has a list of its own."""
        of_step = self.step is not None
        where = {"step": self.step, "state": self.state} if of_step else {"state": self.state}
        return {
            **where,
            **({} if of_step else {"transition": self.target}),
            "guard": self.guard,
            "values": {name: thaw(value) for name, value in self.values if value is not UNDEFINED},
            "undefined": [name for name, value in self.values if value is UNDEFINED],
            "holds": self.holds,
            **({"fault": self.fault} if self.fault is not None else {}),
            **({"waitsFor": [awaited.step for awaited in self.waits_for]} if of_step else {}),
        }


@attrs.frozen
class Explanation:
    """What becomes of an event that is sent now, why, and what has to happen for it to be accepted.

    `data` are those of the event, None if any will do at the end of the way. `reason` is that of a rejection, as `Rejected`
    has it. `changes` are those that the event would make, as in a history row. `known_in` are the states that know the
    event, where the present one does not. `limit` is that of the search.
    """

    instance: str
    event: str
    data: Object | None
    state: str
    disposition: Literal["accepted", "deferred", "ignored", "rejected"]
    reason: str | None
    message: str
    changes: tuple[Mapping[str, Any], ...]
    candidates: tuple[Candidate, ...]
    known_in: tuple[str, ...]
    foresight: Foresight
    limit: int

    @property
    def accepted(self) -> bool:
        """Whether it would be accepted now."""
        return self.disposition == "accepted"

    def document(self) -> dict[str, Any]:
        """The explanation as JSON, as `statewf explain --json` prints it."""
        legs = self.foresight.legs
        supposed = [text for leg in legs or () for text in leg.supposed]
        return {
            "instance": self.instance,
            "event": self.event,
            "state": self.state,
            "accepted": self.accepted,
            "disposition": self.disposition,
            "reason": self.reason,
            "message": self.message,
            "changes": [dict(change) for change in self.changes],
            "candidates": [candidate.document() for candidate in self.candidates],
            "knownIn": list(self.known_in),
            "way": None if legs is None else [leg.label for leg in legs],
            "supposed": list(dict.fromkeys((*supposed, *self.foresight.supposed))),
            "overwriting": self.foresight.overwriting,
            "complete": self.foresight.complete,
        }


def explain(
    machine: Machine,
    snapshot: Snapshot,
    event: str,
    data: Object | None = None,
    limit: int = MOST_CONFIGURATIONS,
) -> Explanation:
    """Why the event is accepted at that snapshot, or why not; `limit` is how many configurations are looked at for a way.

    Without `data` it has none now, and whatever it needs at the end of the way. Raises DataError when the machine does
    not know the event.
    """
    heard = machine.known(event)
    if heard not in machine.listeners:
        raise DataError([_unknown(machine, event)])
    sent = Event(event, data or EMPTY, snapshot.at)
    made = step(machine, snapshot, sent)
    accepted = isinstance(made, Step) and made.disposition == "accepted"
    candidates = tuple(_candidates(machine, snapshot, sent, heard))
    return Explanation(
        instance=snapshot.instance,
        event=event,
        data=data,
        state=state_of(snapshot),
        disposition=made.disposition if isinstance(made, Step) else "rejected",
        reason=made.reason if isinstance(made, Rejected) else None,
        message=_message(machine, snapshot, made, candidates),
        changes=tuple(row(made)["changes"]) if isinstance(made, Step) and accepted else (),
        candidates=candidates,
        known_in=() if candidates else _known_in(machine, heard),
        foresight=Foresight(()) if accepted else foresee(machine, snapshot, event, data, limit),
        limit=limit,
    )


def _unknown(machine: Machine, event: str) -> Diagnostic:
    names = {name.lower(): name for name in machine.listeners}
    alike = nearest(event.lower(), names)
    hint = f"did you mean {names[alike]}?" if alike else listed("there is", machine.listeners)
    return Diagnostic("unknown-event", f"{machine.name} knows no event {event}", hint=hint)


def _message(machine: Machine, snapshot: Snapshot, made: Step | Rejected, candidates: Sequence[Candidate]) -> str:
    """What becomes of it, in a few words."""
    match made:
        case Rejected():
            return made.message
        case Step(disposition="ignored"):
            return f"{_where(machine, snapshot)} ignores it"
        case Step(disposition="deferred"):
            return f"{_where(machine, snapshot)} does not take it now: it would be kept until something does"
        case Step():
            takers = [candidate.step for candidate in candidates if candidate.step and candidate.holds]
            if takers:
                return f"{', '.join(takers)} would take it"
            moved = made.moves
            return (
                f"it would lead to {known(moved[-1].target)}" if moved else f"it would stay in {state_of(snapshot)}"
            )


def _where(machine: Machine, snapshot: Snapshot) -> str:
    return machine.name if _is_of_steps(machine) else state_of(snapshot)


def _is_of_steps(machine: Machine) -> bool:
    return isinstance(_notes(machine).definition, Workflow)


def _notes(machine: Machine) -> Notes:
    assert isinstance(machine.notes, Notes), "a machine that no compiler made"
    return machine.notes


def _known_in(machine: Machine, heard: str) -> tuple[str, ...]:
    """The states of a state machine that know the event: where several are active at once, those that declare it."""
    definition = _notes(machine).definition
    tree = grow(definition) if isinstance(definition, StateMachine) else None
    if tree is not None and tree.product:
        hearing = Hearing(tree)
        return tuple(name for name, node in tree.nodes.items() if hearing.answers(node, heard))
    rows = machine.regions[0].states.items()
    return tuple(dict.fromkeys(known(name) for name, row in rows if row.on.get(heard)))


# --- who may take it


def _candidates(machine: Machine, snapshot: Snapshot, sent: Event, heard: str) -> Iterator[Candidate]:
    """Of each transition, or step, that may take an event of which the table knows this name."""
    definition = _notes(machine).definition
    if isinstance(definition, Workflow):
        nodes = plan(definition).nodes
        for number in machine.listeners[heard]:
            yield _step(machine, snapshot, sent, number, nodes[machine.regions[number].name])
        return
    here = region_state(snapshot.regions, 0)
    for transition in machine.regions[0].states[here[0]].on.get(heard, ()):
        candidate = _judged(machine, snapshot, sent, here, transition)
        yield candidate
        if candidate.holds:
            return  # the first that holds is taken


def _judged(
    machine: Machine, snapshot: Snapshot, sent: Event, here: RegionState, transition: Transition
) -> Candidate:
    """A transition, and whether it holds."""
    state, attempt, _ = here
    target = None if transition.target is None else known(transition.target)
    candidate = Candidate(base(state), target=target)
    if transition.below is not None:  # a retry, which has no guard
        counted, values = f"attempt < {transition.below}", (("attempt", attempt),)
        return attrs.evolve(candidate, guard=counted, values=values, holds=transition.may(attempt))
    guard = transition.guard
    if guard is None:
        return attrs.evolve(candidate, holds=True)
    scope = Macrostep(machine, snapshot, sent, sent.at).scope(here, sent.name, sent.data)
    candidate = attrs.evolve(candidate, guard=guard.text, values=tuple(_values(guard, scope)))
    try:
        return attrs.evolve(candidate, holds=guard.holds(scope))
    except Fault as fault:
        return attrs.evolve(candidate, fault=str(fault))


def _values(guard: Expression, scope: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What a condition reads, as it is written, and the value of each."""
    for root, *keys in guard.reads:
        node: Node = Name(str(root))
        for key in keys:
            node = Member(node, key) if isinstance(key, str) else Index(node, Written(key))
        yield show(node), settled(Expression(show(node), node).evaluate(scope))


def _step(machine: Machine, snapshot: Snapshot, sent: Event, number: int, node: Planned) -> Candidate:
    """A step that waits for the event, now or at another time."""
    here = region_state(snapshot.regions, number)
    listening = machine.regions[number].states[here[0]].on.get(sent.name, ())
    if listening:
        return attrs.evolve(_judged(machine, snapshot, sent, here, listening[0]), step=node.id, target=None)
    waits = tuple(_waits_for(machine, snapshot, node)) if base(here[0]) == "waiting" else ()
    return Candidate(base(here[0]), step=node.id, waits_for=waits)


def _waits_for(machine: Machine, snapshot: Snapshot, node: Planned) -> Iterator[Awaited]:
    """What a waiting step waits for: steps that did not settle, else the block around it."""
    states = {
        other.id: base(region_state(snapshot.regions, machine.numbers[other.id])[0])
        for other in (*node.after, *([node.parent] if node.parent else ()))
    }
    unsettled = [other for other in node.after if not _settled(other, states[other.id])]
    for other in unsettled:
        yield Awaited(other.id, states[other.id])
    if not unsettled and node.parent is not None:
        in_line = node.pool is not None and states[node.parent.id] == "running"
        yield Awaited(node.parent.id, FULL if in_line else states[node.parent.id])


def _settled(node: Planned, state: str) -> bool:
    return state in ("succeeded", "skipped") or (state == "failed" and node.tolerant)
