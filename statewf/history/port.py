"""What a store promises, whichever it is.

- `append` is atomic and durable: when it returns, all of it is kept, also through a crash; when it
  raises StoreError, none of it is. An entry whose instance is not at the seq before it raises
  StoreConflict: somebody else wrote.
- Reading what is damaged raises StoreError, as everything does that goes wrong.
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


@attrs.frozen
class MachineRecord:
    """A deployed machine: its definition as canonical JSON text, by digest."""

    digest: str
    name: str
    semantics: int
    definition: str


class Card(NamedTuple):
    """What is known of an instance without loading it. Times are milliseconds since the epoch.

    `due` is its next deadline; `busy` says that calls are open, which a new owner must offer again.
    """

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


class Entry(NamedTuple):
    """One step to be kept, with the card after it, and the key of its event if it had one.

    `restart`: the first step of an instance that takes over the request id of an earlier one.
    """

    card: Card
    step: Step
    key: KeyRecord | None = None
    restart: bool = False


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
    """The port. Every method may raise StoreError."""

    def close(self) -> None: ...

    def deploy(self, record: MachineRecord) -> None:
        """Keep a machine and make it the current one of its name."""

    def machine(self, digest: str) -> MachineRecord | None: ...

    def current(self, name: str) -> MachineRecord | None:
        """The machine last deployed under that name."""

    def append(self, entries: Sequence[Entry]) -> None:
        """Keep steps, in order, all or nothing."""

    def version(self) -> int:
        """A number that changes when somebody else has written, and perhaps when this one has."""

    def card(self, instance: str) -> Card | None: ...

    def request(self, name: str, request_id: str) -> Card | None:
        """The instance that was started last with that request id."""

    def load(self, instance: str) -> Loaded | None:
        """What it takes to go on with an instance."""

    def events(self, instance: str) -> Iterator[AnyEvent]:
        """Everything that happened to an instance, from its start."""

    def rows(self, instance: str, after: int = 0) -> Iterator[dict[str, Any]]:
        """The history rows with a seq greater than `after`, as `machine.record.row` shows them."""

    def key(self, instance: str, key: str) -> KeyRecord | None: ...

    def cards(self, *, name: str | None = None, state: str | None = None, limit: int = 1_000) -> list[Card]:
        """Instances, the newest first."""

    def due(self, at: int, limit: int) -> list[str]:
        """Running instances with a deadline at or before `at`, the earliest first."""

    def next_due(self, after: int) -> int | None:
        """The earliest deadline later than that."""

    def tasks(self, *, instance: str | None = None, assigned_to: Json = None, limit: int = 1_000) -> list[Task]:
        """The open tasks, the oldest first; without `assigned_to` those of everybody."""

    def busy(self) -> list[str]:
        """Instances with open calls, the oldest first."""

    def subscribe(self, subscriber: str, event: str) -> None:
        """From now on keep that event until this subscriber was told; it starts with what is still kept."""

    def undelivered(self, subscriber: str, event: str, limit: int) -> list[Emitted]: ...

    def tell(self, instance: str, event: str, data: Json, at: int) -> None:
        """Put an event into the outbox that no step emitted. Durable, as an append is."""

    def delivered(self, subscriber: str, event: str, number: int) -> None:
        """The subscriber was told everything up to that number."""

    def purge(self, at: int) -> int:
        """Forget emitted events that everybody was told, or nobody asked for in time; how many."""
