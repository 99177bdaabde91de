"""A store that forgets when it is closed: the contract of every store, for tests and scripts.

It keeps the very values; they are immutable, so nothing has to be copied or encoded. Of the snapshots only
the last of each instance: many of them would hold on to much that nobody asks for again.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from itertools import islice, takewhile
from string import ascii_lowercase, ascii_uppercase
from typing import Any

from statewf.errors import OwnerLost, StoreBusy, StoreConflict
from statewf.history.port import (
    ANSWERS_KEPT,
    KEPT,
    LOGGED,
    MOST_ASKED,
    Answer,
    Card,
    Count,
    Emitted,
    Entry,
    Grave,
    Kept,
    KeyRecord,
    Lease,
    Loaded,
    MachineRecord,
    Wanted,
)
from statewf.machine.effects import CloseTask, Emit, OpenTask, Task
from statewf.machine.events import AnyEvent
from statewf.machine.record import Trace, row_of, trace
from statewf.machine.snapshot import Snapshot
from statewf.values.canonical import compact
from statewf.values.frozen import Json


class Memory:
    """The store in memory."""

    shared = False

    def __init__(self) -> None:
        self._machines: dict[str, MachineRecord] = {}
        self._current: dict[str, str] = {}
        self._cards: dict[str, Card] = {}
        self._requests: dict[tuple[str, str], str] = {}
        self._traces: dict[str, list[Trace]] = {}
        self._log: deque[tuple[int, str, int]] = deque(maxlen=LOGGED)
        self._snapshots: dict[str, Snapshot] = {}
        self._keys: dict[tuple[str, str], KeyRecord] = {}
        self._outbox: dict[str, list[Emitted]] = {}
        self._cursors: dict[str, dict[str, int]] = {}  # event -> subscriber -> number
        self._tasks: dict[str, Task] = {}
        self._inbox: dict[int, tuple[Json, Json, int]] = {}  # request, answer, when it was asked
        self._lease = Lease(0, "", 0, 0, wanted=False)
        self._emitted = self._written = self._asked = self._numbers = 0

    def close(self) -> None:
        """Nothing to close: whoever holds this store may open it again."""

    # --- who owns it

    def lease(self) -> Lease:
        return self._lease

    def claim(self, holder: str, epoch: int, beat: int | None = None) -> int | None:
        if self._lease.epoch != epoch or beat not in (None, self._lease.beat):
            return None
        self._lease = Lease(epoch + 1, holder, self._lease.beat + 1, 0, wanted=False)
        return epoch + 1

    def renew(self, epoch: int) -> None:
        if self._lease.epoch != epoch or not self._lease.holder:
            raise OwnerLost("somebody else owns the store now")
        self._lease = self._lease._replace(beat=self._lease.beat + 1)

    def release(self, epoch: int) -> None:
        if self._lease.epoch == epoch:
            self._lease = self._lease._replace(holder="", wanted=False)

    def question(self, epoch: int, *, wanted: bool) -> None:
        lease = self._lease
        if lease.epoch == epoch:
            self._written += 1
            self._lease = lease._replace(asked=lease.asked + 1, wanted=wanted or lease.wanted)

    # --- what others ask of the owner

    def ask(self, request: Json, at: int) -> int:
        if (waiting := sum(answer is None for _, answer, _ in self._inbox.values())) >= MOST_ASKED:
            raise StoreBusy(f"{waiting:,} requests wait for the owner of the store already")
        self._asked += 1
        self._written += 1
        self._inbox[self._asked] = (request, None, at)
        return self._asked

    def asked(self, after: int, limit: int) -> list[tuple[int, Json]]:
        waiting = ((n, request) for n, (request, answer, _) in self._inbox.items() if answer is None and n > after)
        return list(islice(waiting, limit))

    def answer(self, epoch: int, answer: Answer) -> None:
        self.renew(epoch)
        self._tell(answer)

    def _tell(self, answer: Answer) -> None:
        if answer.number in self._inbox:
            request, _, at = self._inbox[answer.number]
            self._inbox[answer.number] = (request, answer.told, at)
            self._written += 1

    def answered(self, number: int) -> Json:
        return self._inbox[number][1] if number in self._inbox else None

    def withdraw(self, number: int) -> bool:
        return number in self._inbox and self._inbox[number][1] is None and self._inbox.pop(number) is not None

    # --- machines

    def deploy(self, record: MachineRecord) -> None:
        self._machines[record.digest] = record
        self._current[record.name] = record.digest

    def machine(self, digest: str) -> MachineRecord | None:
        return self._machines.get(digest)

    def current(self, name: str) -> MachineRecord | None:
        digest = self._current.get(name)
        return None if digest is None else self._machines[digest]

    def names(self) -> list[str]:
        return sorted(self._current)

    # --- steps

    def number(self) -> int:
        self._numbers += 1
        return self._numbers

    def append(self, entries: Sequence[Entry], epoch: int) -> None:
        self.renew(epoch)
        seqs: dict[str, int] = {}
        requests: set[tuple[str, str]] = set()
        for entry in entries:
            card = entry.card
            known = seqs.get(card.id, len(self._traces.get(card.id, ())))
            if card.seq != known + 1:
                raise StoreConflict(card.id, f"{card.id} was changed by somebody else (at step {known})")
            seqs[card.id] = card.seq
            if card.request_id is not None and card.seq == 1:
                request = card.name, card.request_id
                if (request in self._requests or request in requests) and not entry.restart:
                    raise StoreConflict(card.id, f"the request id {card.request_id} is taken")
                requests.add(request)
            if entry.answer is not None and self._inbox.get(entry.answer.number, (None, True))[1] is not None:
                raise StoreConflict(card.id, f"whoever asked for a step of {card.id} has withdrawn")
        self._written += 1
        for entry in entries:
            self._keep(entry)

    def _keep(self, entry: Entry) -> None:
        card, step = entry.card, entry.step
        self._cards[card.id] = card
        self._traces.setdefault(card.id, []).append(trace(step))
        self._log.append((self.last() + 1, card.id, card.seq))
        self._snapshots[card.id] = step.after
        if card.request_id is not None and card.seq == 1:
            self._requests[card.name, card.request_id] = card.id
        if entry.key is not None:
            self._keys[card.id, entry.key.key] = entry.key
        if entry.answer is not None:
            self._tell(entry.answer)
        emitted = 0
        for effect in step.effects:
            match effect:
                case Emit(event, data):
                    self._emit(f"{card.id}/{card.seq}/{emitted}", card.id, event, data, step.after.at)
                    emitted += 1
                case OpenTask(task):
                    self._tasks[task.id] = task
                case CloseTask(closed):
                    self._tasks.pop(closed, None)
                case _:
                    pass

    def _emit(self, stable: str, instance: str, event: str, data: Json, at: int) -> None:
        self._emitted += 1
        told = Emitted(self._emitted, stable, instance, event, data, at)
        self._outbox.setdefault(event, []).append(told)

    def version(self) -> int:
        return self._written

    def card(self, instance: str) -> Card | None:
        return self._cards.get(instance)

    # --- instances

    def request(self, name: str, request_id: str) -> Card | Grave | None:
        known = self._requests.get((name, request_id))
        return None if known is None else self._cards[known]

    def grave(self, instance: str) -> Grave | None:  # noqa: ARG002  # here nothing is archived
        return None

    def load(self, instance: str) -> Loaded | None:
        card = self._cards.get(instance)
        return None if card is None else Loaded(card, self._snapshots[instance], ())

    def events(self, instance: str) -> Iterator[AnyEvent]:
        return (kept.event for kept in self._traces.get(instance, ()))

    def rows(self, instance: str, after: int = 0) -> Iterator[dict[str, Any]]:
        return (row_of(kept) for kept in self._traces.get(instance, [])[after:])

    def key(self, instance: str, key: str) -> KeyRecord | None:
        return self._keys.get((instance, key))

    def cards(self, *, name: str | None = None, state: str | None = None, limit: int = 1_000) -> list[Card]:
        return self.search(Wanted(name=name, state=state), limit=limit)

    def search(self, wanted: Wanted, *, before: int | None = None, limit: int = 1_000) -> list[Card]:
        newest = (card for card in reversed(self._cards.values()) if before is None or card.number < before)
        return list(islice((card for card in newest if _is_wanted(card, wanted)), limit))

    def census(self) -> list[Count]:
        counted = Counter((card.name, card.state, card.ended) for card in self._cards.values())
        return [Count(*where, number) for where, number in sorted(counted.items())]

    # --- what was kept, one step after another

    def last(self) -> int:
        return self._log[-1][0] if self._log else 0

    def since(self, place: int, limit: int) -> list[Kept]:
        newer = reversed(list(takewhile(lambda kept: kept[0] > place, reversed(self._log))))
        return [
            Kept(place, instance, self._cards[instance].name, row_of(self._traces[instance][seq - 1]))
            for place, instance, seq in islice(newer, limit)
        ]

    def due(self, at: int, limit: int) -> list[str]:
        cards = (card for card in self._cards.values() if card.due is not None and card.due <= at)
        return [card.id for card in sorted(cards, key=lambda card: (card.due, card.number))[:limit]]

    def next_due(self, after: int) -> int | None:
        dues = (card.due for card in self._cards.values() if card.due is not None and card.due > after)
        return min(dues, default=None)

    def tasks(self, *, instance: str | None = None, assigned_to: Json = None, limit: int = 1_000) -> list[Task]:
        of = (task for task in self._tasks.values() if instance in (None, task.instance))
        wanted = (task for task in of if assigned_to is None or task.assigned_to == assigned_to)
        return list(islice(wanted, limit))

    def busy(self, after: int = 0, limit: int = 1_000) -> list[tuple[int, str]]:
        busy = ((card.number, card.id) for card in self._cards.values() if card.busy and card.number > after)
        return list(islice(busy, limit))

    # --- emitted events

    def subscribe(self, subscriber: str, event: str) -> None:
        self._cursors.setdefault(event, {}).setdefault(subscriber, 0)

    def undelivered(self, subscriber: str, event: str, limit: int) -> list[Emitted]:
        told = self._cursors.get(event, {}).get(subscriber, 0)
        return [emitted for emitted in self._outbox.get(event, ()) if emitted.number > told][:limit]

    def tell(self, instance: str, event: str, data: Json, at: int, epoch: int) -> None:
        self.renew(epoch)
        self._emit(f"{instance}/told/{self._emitted + 1}", instance, event, data, at)

    def delivered(self, subscriber: str, event: str, number: int) -> None:
        cursors = self._cursors[event]
        cursors[subscriber] = max(cursors[subscriber], number)

    def purge(self, at: int, limit: int) -> int:
        before = sum(map(len, self._outbox.values())) + len(self._inbox)
        for event, kept in self._outbox.items():
            cursors = self._cursors.get(event)
            told = min(cursors.values()) if cursors else 0
            gone = [
                emitted for emitted in kept if emitted.number <= told or (not cursors and emitted.at <= at - KEPT)
            ]
            self._outbox[event] = kept[len(gone[:limit]) :]  # they are the oldest
        for number, (_, answer, asked) in list(self._inbox.items())[:limit]:
            if answer is not None and asked <= at - ANSWERS_KEPT:
                del self._inbox[number]
        return before - sum(map(len, self._outbox.values())) - len(self._inbox)


def _is_wanted(card: Card, wanted: Wanted) -> bool:
    """Whether an instance is one of those that are looked for."""
    if wanted.text is not None:
        texts = (card.id, card.request_id or "", compact(card.inputs))
        if not any(_lower(wanted.text) in _lower(text) for text in texts):
            return False
    return (
        wanted.name in (None, card.name)
        and wanted.state in (None, card.state)
        and wanted.outcome in (None, card.ended)
        and (wanted.since is None or card.created >= wanted.since)
        and (wanted.until is None or card.created < wanted.until)
    )


def _lower(text: str) -> str:
    """The text with small letters from a to z."""
    return text.translate(_SMALL)


_SMALL = str.maketrans(ascii_uppercase, ascii_lowercase)
