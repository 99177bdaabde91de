"""Where one instance is, between two macrosteps; and `Step`, one move from here to there.

Everything in flight is here (deadlines, unanswered calls, queued actions, deferred events), so that
recovery needs no other book. Snapshots are values: they share all that a step did not touch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

from statewf.machine.book import BLANK, Book
from statewf.machine.effects import Call, Effect
from statewf.machine.events import AnyEvent, CallId, Event, Returned
from statewf.machine.fsm import CHUNK, Do, Machine, Open, Regions, Track
from statewf.values.frozen import EMPTY, Json, Map, Object

# Where one region is: (state, attempt, visit). `attempt` counts entries by retry, `visit` entries anew.
RegionState: TypeAlias = tuple[str, int, int]


class Move(NamedTuple):
    """A region entered a local state; `source` is empty at the start.

    `entered` tells what that means to people: the written states that it entered, outermost first, or where a step
    came to. It is empty where a move is only a turn.
    """

    region: str
    source: str
    target: str
    attempt: int
    entered: tuple[str, ...]


class Queued(NamedTuple):
    """An action (or the call of an `invoke`) that waits its turn, with the context it was queued in."""

    op: Do | Open
    region: str
    key: str
    attempt: int
    context: Map[str, Json] | None
    call: CallId | None = None  # open now; at most the first of the queue is


class Flight(NamedTuple):
    """What is in flight: due, unanswered, queued or put off. A snapshot shares it while it stays the same.

    `invoked` finds an open call by its (region, owner); it says nothing that `calls` does not.
    `raised` are events that handlers answered with; they are taken before external events.
    """

    deadlines: Map[tuple[str, str], int]
    calls: Map[CallId, Call]
    invoked: Map[tuple[str, str], CallId]
    queue: tuple[Queued, ...]
    raised: tuple[Event, ...]
    deferred: tuple[Event, ...]


class Snapshot(NamedTuple):
    """One instance. `seq` counts its steps, `at` is the time of the last, `ended` the outcome if any.

    `book` is what its regions know of each other; empty where there is one region.
    """

    instance: str
    seq: int
    at: int
    inputs: Object
    context: Map[str, Json]
    regions: Regions
    flight: Flight
    ended: str
    book: Book


_NONE: Map[Any, Any] = Map()
IDLE = Flight(_NONE, _NONE, _NONE, (), (), ())

Disposition: TypeAlias = Literal["accepted", "deferred", "ignored"]


NoteKind: TypeAlias = Literal["fault", "action-failed", "refused", "recalled", "livelock", "taken", "deferred"]


class Note(NamedTuple):
    """Something worth telling besides the moves: a faulting guard, a failed action, an event of an earlier row.

    `event` is the name of an answer that was refused or deferred, or of the earlier event that was taken.
    """

    kind: NoteKind
    text: str
    event: str = ""


MOVE = len(Move._fields)


def moves(path: Track) -> tuple[Move, ...]:
    """The moves of a path."""
    return tuple(Move(*path[i : i + MOVE]) for i in range(0, len(path), MOVE))  # type: ignore[arg-type]


def heard(event: AnyEvent, notes: Sequence[Note]) -> str:
    """The name of the event that a step heard of, if any: one that was sent, or answered with and not refused."""
    match event:
        case Event():
            return event.name
        case Returned(_, _, _, Event(name)) if all(note.kind != "refused" for note in notes):
            return name
    return ""


class Step(NamedTuple):
    """One macrostep: what happened, what it changed, and what is to be done now.

    `path` holds the moves one after another, flat for the same reason as `Regions`; read `moves`.
    """

    before: Snapshot
    event: AnyEvent
    after: Snapshot
    effects: tuple[Effect, ...]
    path: Track
    disposition: Disposition = "accepted"
    notes: tuple[Note, ...] = ()

    @property
    def moves(self) -> tuple[Move, ...]:
        """Which region entered which state, in order."""
        return moves(self.path)


class Rejected(NamedTuple):
    """An event that was refused: nothing changed.

    `reason`: `terminal` (the instance ended), `unexpected` (the state does not know the event), `guard`
    (it does, but no guard holds), `full` (too many deferred), `busy` (an action is still running; ask
    again when it is done), `stale` (a reply or timer nobody waits for), `started` (twice),
    `unstarted` (not yet).
    """

    event: AnyEvent
    reason: Literal["terminal", "unexpected", "guard", "full", "busy", "stale", "started", "unstarted"]
    message: str
    allowed: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()


def blank(machine: Machine, instance: str) -> Snapshot:
    """Before the start: every region is nowhere, or at rest."""
    return Snapshot(instance, 0, 0, EMPTY, _NONE, machine.nowhere, IDLE, "", BLANK)


def fits(machine: Machine, snapshot: Snapshot) -> bool:
    """Whether it can be a snapshot of that machine, as far as names and shapes go: one that was read may be damaged."""
    shape = blank(machine, snapshot.instance).regions
    if not snapshot.seq:
        return snapshot.regions == shape
    if [len(chunk) for chunk in snapshot.regions] != [len(chunk) for chunk in shape]:
        return False
    here = (region_state(snapshot.regions, number) for number in range(len(machine.regions)))
    placed = zip(machine.regions, here, strict=True)
    flight = snapshot.flight
    return (
        all(
            state in region.states and type(attempt) is type(visit) is int
            for region, (state, attempt, visit) in placed
        )
        and all(name in machine.ranks or not name[0] for name in flight.deadlines)
        and all(type(at) is int for at in (snapshot.at, snapshot.seq, *flight.deadlines.values()))
        and all(call.region in machine.numbers for call in flight.calls.values())
        and all(queued.region in machine.numbers for queued in flight.queue)
        and all(number in machine.hearing for number in snapshot.book.awaiting)
    )


def region_state(regions: Regions, number: int) -> RegionState:
    """Where the region of that number is."""
    at = number % CHUNK * 3
    return regions[number // CHUNK][at : at + 3]  # type: ignore[return-value]


def moved(regions: Regions, there: Mapping[int, RegionState]) -> Regions:
    """The same regions, but for those that are elsewhere now, by number."""
    chunks: dict[int, list[str | int]] = {}
    for number, state in there.items():
        major, at = number // CHUNK, number % CHUNK * 3
        chunk = chunks.get(major)
        if chunk is None:
            chunk = chunks[major] = list(regions[major])
        chunk[at : at + 3] = state
    whole = list(regions)
    for major, chunk in chunks.items():
        whole[major] = tuple(chunk)
    return tuple(whole)


def active(snapshot: Snapshot) -> tuple[str, ...]:
    """The local state of every region, in the order of the machine."""
    return tuple(str(state) for chunk in snapshot.regions for state in chunk[::3])


def allowed(machine: Machine, snapshot: Snapshot) -> tuple[str, ...]:
    """The events that some region knows where it is now, in document order; guards may still say no."""
    if snapshot.ended or not snapshot.seq:
        return ()
    if len(machine.regions) == 1:
        name, attempt, _ = region_state(snapshot.regions, 0)
        return machine.regions[0].states[name].allowed(attempt)
    found: dict[str, None] = {}
    for number in sorted(snapshot.book.awaiting):
        name, attempt, _ = region_state(snapshot.regions, number)
        found |= dict.fromkeys(machine.regions[number].states[name].allowed(attempt))
    return tuple(found)


def due(machine: Machine, snapshot: Snapshot) -> list[tuple[int, str, str]]:
    """Every armed timer as (deadline, region, timer), the next first."""
    armed = sorted((at, machine.ranks.get(name, -1), name) for name, at in snapshot.flight.deadlines.items())
    return [(at, *name) for at, _, name in armed]
