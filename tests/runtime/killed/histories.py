"""What the store kept, read as anybody may: through an executor without handlers, and from history rows alone.

Nothing here asks the machine: which visits and attempts there were is counted from what rows say has changed.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, TypeAlias

import attrs

import statewf as wf
from statewf.history import Card
from tests.runtime.killed.notes import Attempt

Row: TypeAlias = dict[str, Any]

MAIN = "main"  # the region of a state machine; all others are of steps


@attrs.define
class History:
    """The history of one instance.

    `visits` says of a region, a visit and an attempt from which row to which it lasted, `replies` in which row a
    call was answered, and by which life.
    """

    instance: str
    rows: list[Row] = attrs.field(factory=list)
    visits: dict[tuple[str, str, int], tuple[int, int | None]] = attrs.field(factory=dict)
    replies: dict[Attempt, tuple[int, int]] = attrs.field(factory=dict)
    _here: dict[str, tuple[str, str, int]] = attrs.field(factory=dict)  # the visit that a region is at
    _count: dict[str, int] = attrs.field(factory=dict)  # its visits so far

    @property
    def seq(self) -> int:
        return len(self.rows)

    def grow(self, rows: list[Row]) -> Iterator[str]:
        """It has these rows by now; what is wrong with them."""
        if rows[: self.seq] != self.rows:
            yield f"the history of {self.instance} was written anew: {self.rows}, and now {rows}"
        if (numbers := [row["seq"] for row in rows]) != list(range(1, len(rows) + 1)):
            yield f"the history of {self.instance} has gaps: {numbers}"
        added, self.rows = rows[self.seq :], rows
        for row in added:
            for change in row["changes"]:
                self._note(row["seq"], change["region"], change["to"], change["attempt"])
            if "handler" in row:
                yield from self._answer(row)

    def _note(self, seq: int, region: str, to: str, attempt: int) -> None:
        if (left := self._here.pop(region, None)) is not None:
            self.visits[left] = (self.visits[left][0], seq)
        if (region == MAIN and "$" not in to) or to == "running":  # no waiting between attempts, no end
            self._count[region] = self._count.get(region, 0) + (attempt == 1)
            here = self._here[region] = (region, str(self._count[region]), attempt)
            self.visits[here] = (seq, None)

    def _answer(self, row: Row) -> Iterator[str]:
        seq, data = row["seq"], row["data"]
        if data.get("error") == "Cancelled":
            return
        mark = json.loads(data["message"]) if "error" in data else data.get("mark")
        if mark is None:
            yield f"row {seq} of {self.instance} is an answer that no handler gave: {row}"
            return
        call = (mark["key"], mark["attempt"])
        if call in self.replies:
            yield f"row {seq} of {self.instance} answers {call}, as row {self.replies[call][0]} does"
        self.replies[call] = (seq, mark["life"])

    def visited(self, key: str, attempt: int) -> bool:
        """Whether there was such a visit and, if the call is the visit's own, such an attempt."""
        region, visit, within = parts(key)
        return (region, visit, 1 if within else attempt) in self.visits

    def over(self, key: str, attempt: int) -> int | None:
        """The row in which a call was over: answered, or not wanted any more. None if there is none."""
        if reply := self.replies.get((key, attempt)):
            return reply[0]
        region, visit, within = parts(key)
        return None if within else self.visits.get((region, visit, attempt), (0, None))[1]

    def given(self) -> list[tuple[str, int]]:
        """The keys of the events that were sent, and the tasks that were decided, each with its row."""
        found = []
        for row in self.rows:
            if row["event"] == "$decided":
                found.append((row["data"]["task"], row["seq"]))
            elif row["event"][0] != "$" and "handler" not in row:
                found.append((row["data"]["key"], row["seq"]))
        return found


def parts(key: str) -> tuple[str, str, str]:
    """The region and visit of a key, and which call within the visit if it is not the visit's own."""
    _, region, visit, *within = key.split("/", 3)
    return region, visit, "".join(within)


@attrs.define
class Kept:
    """All instances, as they were when somebody looked last."""

    cards: dict[str, Card] = attrs.field(factory=dict)
    histories: dict[str, History] = attrs.field(factory=dict)
    wrong: list[str] = attrs.field(factory=list)  # with the store itself

    def of(self, key: str) -> History:
        """The history of the instance that a key belongs to."""
        instance = key.partition("/")[0]
        return self.histories.get(instance) or History(instance)

    async def look(self, store: Path) -> None:
        """Read what is new. No timer is due at the time that this executor takes it to be."""
        with closing(sqlite3.connect(store)) as db:
            (told,) = db.execute("PRAGMA integrity_check").fetchone()
            self.wrong += [] if told == "ok" else [f"{store}: {told}"]
        try:
            async with wf.Executor(store, clock=lambda: 0) as executor:
                self.cards = {card.id: card for card in await executor.list(limit=1_000_000)}
                for instance in self.cards:
                    await self._read(executor, instance)
        except wf.StatewfError as error:
            self.wrong.append(f"what is kept cannot be read: {error}")
        self.wrong += [f"{instance} is gone" for instance in self.histories if instance not in self.cards]

    async def _read(self, executor: wf.Executor, instance: str) -> None:
        """Read the history of an instance, if there is more of it by now, and have it replayed."""
        card, history = self.cards[instance], self.histories.setdefault(instance, History(instance))
        if card.seq != history.seq:
            handle = await executor.get(instance)
            self.wrong += history.grow(handle.history())
            if (card.seq, card.state) != (history.seq, handle.state):
                self.wrong.append(f"{card} is at row {history.seq} in {handle.state} by its history")
