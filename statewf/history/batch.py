"""Steps as the rows of one transaction: of each table all rows at once, of each instance only where it is in the end.

Above: `sqlite`, which writes them. Below: `codec`. A statement for many rows costs a third of many statements.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import attrs

from statewf.errors import StoreConflict
from statewf.history.codec import encode_step, encode_task
from statewf.history.port import Answer, Card, Entry
from statewf.machine.effects import CloseTask, Effect, Emit, OpenTask, Task
from statewf.machine.snapshot import Snapshot
from statewf.values.canonical import compact

Row = tuple[Any, ...]


@attrs.define
class Change:
    """What becomes of one instance: from `first`, the number of its first new step, to the last."""

    first: int
    card: Card
    after: Snapshot
    weight: int = 0


@attrs.define
class Batch:
    """The rows of some steps, by table."""

    changes: dict[int, Change] = attrs.field(factory=dict)
    requests: list[Row] = attrs.field(factory=list)
    restarts: list[Row] = attrs.field(factory=list)
    history: list[Row] = attrs.field(factory=list)
    log: list[Row] = attrs.field(factory=list)
    keys: list[Row] = attrs.field(factory=list)
    emitted: list[Row] = attrs.field(factory=list)
    tasks: dict[str, Task | None] = attrs.field(factory=dict)  # None: closed
    answers: dict[str, list[Answer]] = attrs.field(factory=dict)  # by the instance that they tell of

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Batch:
        """The rows of these steps."""
        batch = cls()
        for entry in entries:
            batch._take(entry)
        return batch

    def _take(self, entry: Entry) -> None:
        card, step = entry.card, entry.step
        body = compact(encode_step(step))
        change = self.changes.get(card.number)
        if change is None:
            change = self.changes[card.number] = Change(card.seq, card, step.after)
        elif card.seq != change.card.seq + 1:
            raise StoreConflict(card.id, f"{card.id} was changed by somebody else (at step {change.card.seq})")
        else:
            change.card, change.after = card, step.after
        change.weight += len(body)
        self.history.append((card.number, card.seq, body))
        self.log.append((card.number, card.seq))
        if card.seq == 1 and card.request_id is not None:
            (self.restarts if entry.restart else self.requests).append((card.name, card.request_id, card.id))
        if entry.key is not None:
            told = compact(attrs.astuple(entry.key.receipt, recurse=False))
            self.keys.append((card.number, entry.key.key, entry.key.digest, told))
        if entry.answer is not None:
            self.answers.setdefault(card.id, []).append(entry.answer)
        if step.effects:
            self._tell(card, step.after.at, step.effects)

    def _tell(self, card: Card, at: int, effects: Iterable[Effect]) -> None:
        emitted = 0
        for effect in effects:
            match effect:
                case Emit(event, data):
                    self.emitted.append((f"{card.id}/{card.seq}/{emitted}", card.id, event, compact(data), at))
                    emitted += 1
                case OpenTask(task):
                    self.tasks[task.id] = task
                case CloseTask(closed):
                    self.tasks[closed] = None
                case _:
                    pass

    # --- the parameters of the statements, in the order that they name them

    def begun(self) -> list[Row]:
        """The instances that start in it."""
        rows = []
        for change in self.changes.values():
            if change.first == 1:
                number, *before, inputs, created = change.card[:7]
                rows.append((number, *before, compact(inputs), created, *change.card[7:], change.weight))
        return rows

    def advanced(self) -> list[Row]:
        """The instances that were there before, and at which step."""
        return [
            (card.updated, card.seq, card.state, card.ended, card.due, card.busy, weight, card.number, first - 1)
            for first, card, weight in ((c.first, c.card, c.weight) for c in self.changes.values())
            if first > 1
        ]

    def opened(self) -> list[Row]:
        """The tasks that are open in the end."""
        return [
            (task.id, task.instance, compact(task.assigned_to), compact(encode_task(task)))
            for task in self.tasks.values()
            if task is not None
        ]

    def closed(self) -> list[Row]:
        """Those that are not."""
        return [(name,) for name, task in self.tasks.items() if task is None]
