"""What the process noted, held against what the store kept. Each finding is a line: what is wrong, and where."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import anyio
import attrs

from tests.runtime.killed.histories import Kept
from tests.runtime.killed.jobs import Job
from tests.runtime.killed.notes import STORE, Notes

SIDE_FILES = ("", "-wal", "-journal")  # what is kept of a database; `-shm` is made again from these


@attrs.define
class Evidence:
    """What is known of one folder: the notes, what was kept when it was looked at last, and before each life."""

    folder: Path
    notes: Notes
    kept: Kept = attrs.field(factory=Kept)
    before: list[dict[str, int]] = attrs.field(factory=lambda: [{}])  # by life: the last row of each instance then

    @classmethod
    def of(cls, folder: Path) -> Evidence:
        return cls(folder, Notes(folder))

    def look(self) -> None:
        """Look at what is kept now that nobody is at it, in a copy: the next life is to find it as it was left."""
        self.notes.read()
        copy = self.folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir()
        for side in SIDE_FILES:
            if (file := self.folder / f"{STORE}{side}").exists():
                shutil.copy(file, copy)
        anyio.run(self.kept.look, copy / STORE)
        self.before.append({instance: history.seq for instance, history in self.kept.histories.items()})

    def hit(self) -> Iterator[str]:
        """What the kill hit that ended the latest life."""
        notes, kept, before = self.notes, self.kept, self.before[self.notes.life - 1]
        if notes.silent:
            yield "opening"
        for (key, attempt), lives in notes.begun.items():
            if notes.life in lives and kept.of(key).over(key, attempt) is None:
                yield "reply not kept" if notes.life in notes.done[key, attempt] else "in a call"
        if kept.cards.keys() - before.keys() - set(notes.started.values()):
            yield "start not told"
        for name, history in kept.histories.items():
            if any(seq > before.get(name, 0) and (name, key) not in notes.told for key, seq in history.given()):
                yield "event not told"

    # --- what holds at any time

    def findings(self) -> Iterator[str]:
        """What should not be."""
        yield from self.kept.wrong
        yield from self.notes.changed
        yield from self._forgotten()
        yield from self._answered()
        for call, lives in self.notes.begun.items():
            yield from self._begun(*call, lives)
        for visit, keys in self.notes.keys.items():
            if len(keys) > 1:
                yield f"{visit} was called under {len(keys)} keys: {', '.join(sorted(keys))}"

    def _forgotten(self) -> Iterator[str]:
        """What was acknowledged, and is not kept."""
        cards = self.kept.cards
        for request, instance in self.notes.started.items():
            if instance not in cards or cards[instance].request_id != request:
                yield f"{request} was told that it is {instance}: {cards.get(instance)}"
        for instance, state in self.notes.ended.items():
            if instance in cards and not (cards[instance].ended and cards[instance].state == state):
                yield f"{instance} was told to have ended in {state}, and is in {cards[instance].state}"
        for (instance, what), seq in self.notes.told.items():
            if instance not in cards or (what, seq) not in self.kept.histories[instance].given():
                yield f"{instance} acknowledged {what} as row {seq}, and has no such row"

    def _answered(self) -> Iterator[str]:
        """Replies in histories that the ledger knows nothing of."""
        for history in self.kept.histories.values():
            for call, (seq, life) in history.replies.items():
                for verb, lives in (("began", self.notes.begun[call]), ("ended", self.notes.done[call])):
                    if life not in lives:
                        yield f"row {seq} of {history.instance} answers {call} of life {life}, which never {verb}"

    def _begun(self, key: str, attempt: int, lives: list[int]) -> Iterator[str]:
        """A call that was begun before it was kept, twice in one life, or again although it was over."""
        call = f"{key}, attempt {attempt},"
        if key.partition("/")[0] not in self.kept.cards or not self.kept.of(key).visited(key, attempt):
            yield f"{call} was begun in life {lives}, and no history knows it"
            return
        if len(lives) > len(set(lives)):
            yield f"{call} was begun twice in one life: {lives}"
        over = self.kept.of(key).over(key, attempt)
        for life in lives:
            if over is not None and over <= self.before[life - 1].get(key.partition("/")[0], 0):
                yield f"{call} was begun in life {lives}, although it was over in row {over}, before life {life}"

    # --- what holds at the end

    def loose_ends(self, jobs: Sequence[Job]) -> Iterator[str]:
        """What is not as it has to be when all is done."""
        cards = {card.request_id: card for card in self.kept.cards.values()}
        if len(self.kept.cards) != len(jobs):
            yield f"there are {len(self.kept.cards)} instances of {len(jobs)} jobs"
        for job in jobs:
            if (card := cards.get(job.request)) is None:
                yield f"{job.request} was never started"
            elif not (card.ended and card.state == job.state == (told := self.notes.ended.get(card.id))):
                yield f"{card.id} ({job.request}) had to end in {job.state}: it is in {card.state}, and told {told}"
            else:
                yield from self._given(job, card.id)

    def _given(self, job: Job, instance: str) -> Iterator[str]:
        """Whether each event of a job happened and was acknowledged, each once, and no task was decided twice."""
        given = [what for what, _ in self.kept.histories[instance].given()]
        sent = [what for what in given if "/" not in what]
        if sorted(sent) != sorted(key for _, key, _ in job.sent()):
            yield f"{instance} has the events {sent}, and was sent {job.events}"
        if len(given) > len(set(given)):
            yield f"{instance} has something twice: {given}"
        if untold := [what for what in sent if (instance, what) not in self.notes.told]:
            yield f"{instance} never acknowledged {untold}"
