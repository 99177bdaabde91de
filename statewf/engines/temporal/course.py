"""One instance on its way: where it is, what happened, which keys were used; as data that a next run can go on with.

Nothing here knows Temporal: it is the pure part of the workflow, which only adds time and calls. Below: `step`, the
codec of histories, bills. Above: `workflow`.
"""

from __future__ import annotations

import json
import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import attrs

from statewf.compiler.kept import compile_kept
from statewf.engines.temporal import limits, wire
from statewf.errors import KeyConflict
from statewf.history.codec import decode_snapshot, encode_snapshot, encode_step
from statewf.machine.events import AnyEvent, Decided, Event, Fired, Returned, Start
from statewf.machine.fsm import Machine
from statewf.machine.record import Receipt, receipt
from statewf.machine.snapshot import Rejected, Snapshot, Step, blank, due
from statewf.machine.step import step
from statewf.pricing import Usage, charged, cost, is_priced
from statewf.values.canonical import compact, digest
from statewf.values.frozen import Object, thaw

MEASURED = 100_000  # bytes that are brought until it is measured anew how much there is
ROW = 16  # bytes of what stands beside packed rows
TIMES = 2  # as much as is brought may be remembered: in context and in results
MARK = 16  # hexadecimal digits by which it is told whether a key was used for the same


@lru_cache(maxsize=256)
def compiled(definition: str) -> Machine:
    """The machine of a definition as JSON text; many instances have the same. Raises InputError."""
    return compile_kept(definition).machine


class Course:
    """The course of one instance. `lost` is how many rows of the beginning were too many to be kept."""

    def __init__(self, machine: Machine, instance: str) -> None:
        self.machine = machine
        self.snapshot: Snapshot = blank(machine, instance)
        self.lost = 0
        self._packed: list[tuple[int, str]] = []  # how many rows, and these
        self._rows: list[dict[str, Any]] = []  # those that are not packed yet
        self._loose = 0  # bytes of them
        self._keys: dict[str, tuple[str, Receipt]] = {}
        self._usage = Usage(machine) if is_priced(machine) else None
        self._size = 0  # bytes of what it knew when that was measured
        self._brought = 0  # bytes since then

    # --- going on

    def take(self, event: AnyEvent) -> Step | Rejected:
        """Go on by an event. A step that ends what is to be paid has the charge among its effects."""
        made = step(self.machine, self.snapshot, event)
        if isinstance(made, Rejected):
            return made
        if self._usage is not None:
            made = charged(self._usage, made)
        self.snapshot = made.after
        self._keep(encode_step(made))
        self._brought += _weight(event)
        if self._brought > MEASURED:
            self._size, self._brought = self._measured(), 0
        return made

    def late(self, now: int, *, including: bool = False) -> Fired | None:
        """The timer that is to fire next, of those that were due before now, or just now."""
        return _late(self.machine, self.snapshot, now, including=including)

    def refusal(self, event: AnyEvent, now: int) -> Rejected | None:
        """Why the event would be refused now, after the timers that are late. Nothing changes."""
        snapshot = self.snapshot
        for _ in range(limits.TIMERS):
            if (fired := _late(self.machine, snapshot, now, including=False)) is None:
                break
            made = step(self.machine, snapshot, fired)
            assert isinstance(made, Step), "an armed timer fires"
            snapshot = made.after
        made = step(self.machine, snapshot, event)
        return made if isinstance(made, Rejected) else None

    def has_room(self, event: AnyEvent) -> bool:
        """Whether what an event brings can be remembered. Nothing changes; what is there is measured only where that is in doubt."""
        size = _weight(event)
        if size == 0 or self._size + TIMES * (self._brought + size) <= limits.REMEMBERED:
            return True
        return self._measured() + TIMES * size <= limits.REMEMBERED

    def _measured(self) -> int:
        return wire.size([encoded(encode_snapshot(self.snapshot)), thaw(self.snapshot.inputs)])

    @property
    def deadline(self) -> int | None:
        """When the next timer is due, ms since the epoch."""
        deadlines = self.snapshot.flight.deadlines
        return min(deadlines.values()) if deadlines else None

    @property
    def cost(self) -> str | None:
        """What it costs, as decimal text, if it has ended and costs anything."""
        return None if self._usage is None else cost(self._usage)

    # --- keys

    def told(self, event: Event) -> Receipt | None:
        """What an event with that key was told before. Raises KeyConflict if the key stood for something else."""
        if event.key is None or event.key not in self._keys:
            return None
        mark, known = self._keys[event.key]
        if mark != used_for(event):
            raise KeyConflict(f"the key {event.key} was used before for another event or other data")
        return attrs.evolve(known, disposition="duplicate")

    def answer(self, made: Step) -> Receipt:
        """What the sender of a step's event is told, and who sends it again."""
        told = receipt(self.machine, made)
        event = made.event
        if isinstance(event, Event) and event.key is not None:
            self._keys[event.key] = used_for(event), told
            if len(self._keys) > limits.KEYS:
                del self._keys[next(iter(self._keys))]
        return told

    # --- what was before

    def history(self, after: int, most: int) -> list[dict[str, Any]]:
        """The rows from the one after that number, as a store keeps them; not more bytes than `most`, but one row at least."""
        found: list[dict[str, Any]] = []
        size = 0
        for row in map(encoded, self._behind(after)):
            size += wire.size(row)
            if found and size > most:
                break
            found.append(row)
        return found

    def _behind(self, after: int) -> Iterator[Mapping[str, Any]]:
        first = self.lost + 1
        for count, packed in self._packed:
            if first + count > after + 1:
                yield from unpacked(packed)[max(0, after + 1 - first) :]
            first += count
        yield from self._rows[max(0, after + 1 - first) :]

    def _keep(self, row: dict[str, Any]) -> None:
        self._rows.append(row)
        self._loose += len(compact(row))
        if self._loose > limits.PACK:
            self._pack(limits.ROWS_HERE)

    def _pack(self, room: int) -> None:
        """Pack what is loose, and leave behind the oldest for which there is no room."""
        if self._rows:
            self._packed.append((len(self._rows), packed(self._rows)))
            self._rows, self._loose = [], 0
        while self._packed and sum(len(text) + ROW for _, text in self._packed) > room:
            self.lost += self._packed.pop(0)[0]

    def look(self) -> dict[str, Any]:
        """Where it is, as plain JSON."""
        return encoded({"snapshot": encode_snapshot(self.snapshot), "lost": self.lost, "cost": self.cost})

    # --- from run to run

    def carried(self, room: int) -> dict[str, Any] | None:
        """All of it as plain JSON, for the next run: as many of the rows and keys as there is room for, in bytes, the newest ones.

        None if there is no room even without them.
        """
        usage = None if self._usage is None else self._usage.document()
        plain = encoded({"snapshot": encode_snapshot(self.snapshot), "usage": usage})
        room -= wire.size(plain) + limits.SPARE
        if room < 0:
            return None
        keys = [[key, mark, *attrs.astuple(told)] for key, (mark, told) in self._keys.items()]
        while len(kept := packed(keys)) > room // 2 and keys:
            keys = keys[len(keys) // 2 + 1 :]
        self._pack(min(limits.ROWS, room - len(kept)))
        return {**plain, "rows": self._packed, "lost": self.lost, "keys": kept}

    @classmethod
    def resumed(cls, machine: Machine, instance: str, inputs: Object, document: Mapping[str, Any]) -> Course:
        """The same course in the next run."""
        course = cls(machine, instance)
        course.snapshot = decode_snapshot(document["snapshot"], instance, inputs)
        course._size = course._measured()
        course._packed = [(count, text) for count, text in document["rows"]]
        course.lost = document["lost"]
        for key, mark, event, disposition, seq, state, allowed, notes in unpacked(document["keys"]):
            course._keys[key] = mark, Receipt(event, disposition, seq, state, tuple(allowed), tuple(notes))
        if document["usage"] is not None:
            course._usage = Usage.restored(machine, course.snapshot, document["usage"])
        return course


def _late(machine: Machine, snapshot: Snapshot, now: int, *, including: bool) -> Fired | None:
    armed = due(machine, snapshot) if snapshot.flight.deadlines else ()
    if not armed or armed[0][0] > now or (armed[0][0] == now and not including):
        return None
    _, region, timer = armed[0]
    return Fired(region, timer, now)


def _weight(event: AnyEvent) -> int:
    """How many bytes an event brings that the instance may have to remember."""
    match event:
        case (
            Event(data=brought)
            | Returned(answer=Event(data=brought))
            | Returned(result=brought)
            | Decided(result=brought)
            | Start(inputs=brought)
        ):
            return wire.size(thaw(brought)) if brought else 0
        case _:
            return 0


def used_for(event: Event) -> str:
    """By what it is told whether a key is used for the same again."""
    return digest([event.name, event.data])[:MARK]


def encoded(document: Mapping[str, Any]) -> dict[str, Any]:
    """A document as the plain JSON that goes over the wire."""
    plain: dict[str, Any] = json.loads(compact(document))
    return plain


def packed(rows: list[Any]) -> str:
    """Rows in a tenth of their size."""
    return b64encode(zlib.compress(compact(rows).encode())).decode()


def unpacked(text: str) -> list[Any]:
    """The rows again."""
    rows: list[Any] = json.loads(zlib.decompress(b64decode(text)))
    return rows
