"""Files that the process only appends to, a line at a time: each line survives the process that wrote it.

There are two. The `ledger` is what handlers did, the side effects of which the key is the idempotency key:

    opens LIFE PID                          a process begins; lives are counted from 1
    begin KEY ATTEMPT LIFE HANDLER
    end KEY ATTEMPT LIFE HANDLER            it returned or raised; there is no such line if it was cancelled

`acknowledged` is what a client was told, written after it was told, at every telling:

    started REQUEST INSTANCE LIFE
    sent INSTANCE KEY SEQ LIFE
    decided INSTANCE TASK SEQ LIFE
    ended INSTANCE STATE LIFE
"""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path
from typing import TypeAlias

import attrs

Attempt: TypeAlias = tuple[str, int]  # the key of a call, and its attempt

LEDGER, ACKNOWLEDGED = "ledger", "acknowledged"
STORE = "store.db"

# Bytes of every line: none lies across two pages of memory, so that a kill in the middle of a write leaves all
# of it or nothing, and who reads meanwhile sees whole lines.
WIDTH = 256


class Pen:
    """Appends lines to a file, each with one write, whichever thread it is in."""

    def __init__(self, file: Path) -> None:
        self._file = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def write(self, *words: object) -> None:
        line = " ".join(map(str, words)).ljust(WIDTH - 1) + "\n"
        written = os.write(self._file, line.encode())
        assert written == WIDTH, f"a line is longer than {WIDTH} bytes: {line}"


@attrs.define
class Lines:
    """The lines of a file that somebody else appends to, as words."""

    file: Path
    read_to: int = 0

    def new(self) -> list[list[str]]:
        """Those that were written since the last time."""
        if not self.file.exists():
            return []
        with self.file.open("rb") as file:
            file.seek(self.read_to)
            written = file.read()
        whole = written[: len(written) // WIDTH * WIDTH]
        self.read_to += len(whole)
        return [line.split() for line in whole.decode().splitlines()]


@attrs.define
class Notes:
    """What the process noted in all of its lives, the latest of which is `life`."""

    folder: Path
    life: int = 0
    silent: bool = True  # in this life, after its opening line
    begun: defaultdict[Attempt, list[int]] = attrs.field(factory=lambda: defaultdict(list))  # in which lives
    done: defaultdict[Attempt, list[int]] = attrs.field(factory=lambda: defaultdict(list))
    keys: defaultdict[str, set[str]] = attrs.field(factory=lambda: defaultdict(set))  # by visit and handler
    started: dict[str, str] = attrs.field(factory=dict)  # request: instance
    told: dict[tuple[str, str], int] = attrs.field(factory=dict)  # instance and the key of an event, or a task: row
    ended: dict[str, str] = attrs.field(factory=dict)  # instance: state
    changed: list[str] = attrs.field(factory=list)  # what was told again, but differently
    _ledger: Lines = attrs.field(init=False)
    _acknowledged: Lines = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._ledger, self._acknowledged = Lines(self.folder / LEDGER), Lines(self.folder / ACKNOWLEDGED)

    def read(self) -> int:
        """Read what is new; how many lines that was."""
        ledger, acknowledged = self._ledger.new(), self._acknowledged.new()
        for line in ledger:
            self._entry(*line)
        for line in acknowledged:
            self._acknowledgement(*line)
        return len(ledger) + len(acknowledged)

    def _entry(self, verb: str, *words: str) -> None:
        self.silent = verb == "opens"
        if verb == "opens":
            self.life = int(words[0])
            return
        key, attempt, life, handler = words
        (self.begun if verb == "begin" else self.done)[key, int(attempt)].append(int(life))
        self.keys["/".join([*key.split("/", 3)[:3], handler])].add(key)

    def _acknowledgement(self, verb: str, of: str, what: str, *words: str) -> None:
        self.silent = False
        was: object
        match verb:
            case "started":
                was, now = self.started.setdefault(of, what), what
            case "ended":
                was, now = self.ended.setdefault(of, what), what
            case _:
                was, now = self.told.setdefault((of, what), int(words[0])), words[0]
        if str(was) != now:
            self.changed.append(f"{of} was told {verb} {what} {was}, and then {now}")
