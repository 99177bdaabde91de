"""What a store promises, whichever it is.

- `append` is atomic and durable: when it returns, all of it is kept, also through a crash; when it
  raises StoreError, none of it is. A step that does not follow what is kept raises StoreConflict, which
  names its instance.
- One owner at a time: a lease has an epoch, and only who names the present one may append. Whoever claims
  the lease makes a new epoch; the one before is told OwnerLost by whatever it wants to write next.
- Others ask the owner through the inbox. The answer is kept in the commit of the step that it tells of.
- Reading what is damaged raises StoreError, as everything does that goes wrong; StoreBusy when another
  process is writing just now: no method waits for long.
- What was appended is what is loaded, in order. A store keeps events and snapshots, never tables.
- Every method is synchronous and short; a store is used by one thread at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import attrs

from statewf.machine.effects import Task
from statewf.machine.events import AnyEvent
from statewf.machine.record import Receipt
from statewf.machine.snapshot import Snapshot, Step
from statewf.values.frozen import Json, Object

KEPT = 30 * 86_400_000  # ms that an emitted event waits for a first subscriber
ANSWERS_KEPT = 3_600_000  # ms that an answer in the inbox can be read
LOGGED = 1_000_000  # steps, the newest ones, that are known in the order in which they were kept
MOST_ASKED = 10_000  # requests without an answer: whoever has more to ask waits


@attrs.frozen
class MachineRecord:
    """A deployed machine: its definition as canonical JSON text, by digest."""

    digest: str
    name: str
    semantics: int
    definition: str


class Card(NamedTuple):
    """What is known of an instance without loading it. Times are milliseconds since the epoch.

    `number` is the store's own name for it. `due` is its next deadline; `busy` says that calls are open, which a
    new owner must offer again.
    """

    number: int
    id: str
    machine: str
    name: str
    request_id: str | None
    inputs: Object
    created: int
    updated: int
    seq: int
    state: str
    ended: str
    due: int | None
    busy: bool


@attrs.frozen
class KeyRecord:
    """The key of an event: a digest of what it was used for, and what its sender was told."""

    key: str
    digest: str
    receipt: Receipt


class Answer(NamedTuple):
    """What is told whoever asked through the inbox, and under which number."""

    number: int
    told: Json


class Entry(NamedTuple):
    """One step to be kept, with the card after it, and the key of its event if it had one.

    `restart`: the first step of an instance that takes over the request id of an earlier one. `answer` goes to
    whoever asked for the step; it is a conflict if they have withdrawn.
    """

    card: Card
    step: Step
    key: KeyRecord | None = None
    restart: bool = False
    answer: Answer | None = None


class Lease(NamedTuple):
    """Who owns the store; `holder` is empty if nobody does.

    `beat` changes with everything that the owner writes. `asked` counts the questions of others whether it lives;
    one of them can perform, and would have it, if `wanted`.
    """

    epoch: int
    holder: str
    beat: int
    asked: int
    wanted: bool


class Grave(NamedTuple):
    """What is remembered of a request whose instance was archived."""

    instance: str
    state: str
    ended: str
    at: int


@attrs.frozen
class Wanted:
    """Which instances are looked for; None: any.

    `outcome` is empty for those that have not ended; `text` is in the id, the request id or the JSON text of the inputs, whatever
    the case of its letters from a to z. They were started from `since` on and before `until`, ms since the epoch.
    """

    name: str | None = None
    state: str | None = None
    outcome: str | None = None
    text: str | None = None
    since: int | None = None
    until: int | None = None


class Count(NamedTuple):
    """How many instances of machines of that name are in a state; and whether, and how, they ended there."""

    name: str
    state: str
    ended: str
    number: int


class Kept(NamedTuple):
    """A step among those of all instances: its place in the order in which they were kept, whose it is, and its history row."""

    place: int
    instance: str
    name: str
    row: dict[str, Any]


@attrs.frozen
class Loaded:
    """An instance as it was kept: its latest snapshot, if there is one, and the events since."""

    card: Card
    snapshot: Snapshot | None
    events: tuple[AnyEvent, ...]


@attrs.frozen
class Emitted:
    """An event that a machine emitted. `id` is the same at every delivery; `number` orders them all."""

    number: int
    id: str
    instance: str
    event: str
    data: Json
    at: int


class Store(Protocol):
    """The port. Every method may raise StoreError. `shared`: other processes may write to it."""

    shared: bool

    def close(self) -> None: ...

    # --- who owns it

    def lease(self) -> Lease:
        """Who owns the store now."""

    def claim(self, holder: str, epoch: int, beat: int | None = None) -> int | None:
        """Make `holder` the owner, if that is still the epoch; the new epoch, or None if somebody was quicker.

        With a `beat`, also if the owner has shown since then that it lives.
        """

    def renew(self, epoch: int) -> None:
        """Say that the owner lives. Raises OwnerLost."""

    def release(self, epoch: int) -> None:
        """Nobody owns the store from now on, if that is still the epoch."""

    def question(self, epoch: int, *, wanted: bool) -> None:
        """Ask the owner of that epoch whether it lives, and to make room for who can perform, should it not."""

    # --- what others ask of the owner

    def ask(self, request: Json, at: int) -> int:
        """Put a request into the inbox; its number. Raises StoreBusy, also when there are too many already."""

    def asked(self, after: int, limit: int) -> list[tuple[int, Json]]:
        """The requests without an answer that have a greater number, the oldest first."""

    def answer(self, epoch: int, answer: Answer) -> None:
        """Answer a request of which no step came. Raises OwnerLost."""

    def answered(self, number: int) -> Json:
        """What the request of that number was answered; None if it was not yet."""

    def withdraw(self, number: int) -> bool:
        """Take a request back; whether it was not answered before."""

    # --- machines

    def deploy(self, record: MachineRecord) -> None:
        """Keep a machine and make it the current one of its name."""

    def machine(self, digest: str) -> MachineRecord | None: ...

    def current(self, name: str) -> MachineRecord | None:
        """The machine last deployed under that name."""

    def names(self) -> list[str]:
        """The names under which machines were deployed, in their order."""

    # --- steps

    def number(self) -> int:
        """A number that no instance has, for the next one. Only the owner asks."""

    def append(self, entries: Sequence[Entry], epoch: int) -> None:
        """Keep steps, in order, all or nothing. Raises StoreConflict, OwnerLost, StoreBusy."""

    def version(self) -> int:
        """A number that changes when somebody else has written, and perhaps when this one has."""

    # --- instances

    def card(self, instance: str) -> Card | None: ...

    def request(self, name: str, request_id: str) -> Card | Grave | None:
        """The instance that was started last with that request id, or what is remembered of it."""

    def grave(self, instance: str) -> Grave | None:
        """What is remembered of an instance that was archived; nothing, if it was the run of no request."""

    def load(self, instance: str) -> Loaded | None:
        """What it takes to go on with an instance."""

    def events(self, instance: str) -> Iterator[AnyEvent]:
        """Everything that happened to an instance, from its start."""

    def rows(self, instance: str, after: int = 0) -> Iterator[dict[str, Any]]:
        """The history rows with a seq greater than `after`, as `machine.record.row` shows them."""

    def key(self, instance: str, key: str) -> KeyRecord | None: ...

    def cards(self, *, name: str | None = None, state: str | None = None, limit: int = 1_000) -> list[Card]:
        """Instances, the newest first."""

    def search(self, wanted: Wanted, *, before: int | None = None, limit: int = 1_000) -> list[Card]:
        """Those that are wanted, the newest first; `before`: only those with a smaller number."""

    def census(self) -> list[Count]:
        """How many instances are where."""

    # --- what was kept, one step after another

    def last(self) -> int:
        """The place of the step that was kept last; 0 if there is none."""

    def since(self, place: int, limit: int) -> list[Kept]:
        """The steps that were kept after that one, in that order. Of very old ones, and of what was archived, there are none."""

    # --- what a new owner has to do

    def due(self, at: int, limit: int) -> list[str]:
        """Running instances with a deadline at or before `at`, the earliest first."""

    def next_due(self, after: int) -> int | None:
        """The earliest deadline later than that."""

    def tasks(self, *, instance: str | None = None, assigned_to: Json = None, limit: int = 1_000) -> list[Task]:
        """The open tasks, the oldest first; without `assigned_to` those of everybody."""

    def busy(self, after: int = 0, limit: int = 1_000) -> list[tuple[int, str]]:
        """Instances with open calls, as (number, id), those with a greater number, the oldest first."""

    # --- emitted events

    def subscribe(self, subscriber: str, event: str) -> None:
        """From now on keep that event until this subscriber was told; it starts with what is still kept."""

    def undelivered(self, subscriber: str, event: str, limit: int) -> list[Emitted]: ...

    def tell(self, instance: str, event: str, data: Json, at: int, epoch: int) -> None:
        """Put an event into the outbox that no step emitted. Durable, as an append is. Raises OwnerLost."""

    def delivered(self, subscriber: str, event: str, number: int) -> None:
        """The subscriber was told everything up to that number."""

    def purge(self, at: int, limit: int) -> int:
        """Forget what nobody waits for any more, that many at most of a kind; how many.

        That is emitted events that everybody was told, or nobody asked for in time, and old answers.
        """
