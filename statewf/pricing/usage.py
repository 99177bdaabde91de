"""What a bill counts, read off the steps of an instance one by one.

A *name* is the id of a step, nested ones too, or the full name of a state. Of a step it counts that it succeeded, of a
state each time that it is entered; a further attempt is no other time. A step is at work from when it begins until it
has settled, waits between attempts and for people included, a state from when it is entered until it is left.

A step that was called off (a loser of `any`, `first` or a quorum, or one in a block that timed out) counts until then:
whether its handler still succeeds is a race, and nobody asked for it any more.

Below: `machine`, the compiler's notes and words. Above: `bill`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from statewf.compiler import Notes
from statewf.compiler.signals import CANCELLING
from statewf.definition.model import StateMachine
from statewf.machine.effects import OpenTask
from statewf.machine.fsm import Machine
from statewf.machine.record import AT_REST
from statewf.machine.snapshot import Move, Snapshot, Step

WHOLE = "workflow"  # the region that is no step


@attrs.define(eq=False)
class Usage:
    """What was counted by now. Times are in ms; `began` and `at` are when it started, and last did something.

    `volume` is how many executions the customer has, if that is known otherwise than from the definition's billing.
    """

    machine: Machine
    volume: int | None = None
    began: int = 0
    at: int = 0
    snapshot: Snapshot | None = None  # where it is
    done: Counter[str] = attrs.field(factory=Counter)  # by name
    spent: Counter[str] = attrs.field(factory=Counter)  # ms by name, of what is over
    asked: bool = False  # whether a task was opened: a person was asked
    _since: dict[str, int] = attrs.field(factory=dict)  # when those began that are at work

    def read(self, step: Step) -> None:
        """Count what a step did."""
        self.count(step.moves, step.after, step.after.at, asks=any(isinstance(e, OpenTask) for e in step.effects))

    def count(self, moves: Iterable[Move], after: Snapshot, at: int, *, asks: bool) -> None:
        """Count these moves, made at that time, to where it is then; `asks`: a task was opened."""
        if self.snapshot is None:
            self.began = at
        if not (self.snapshot is not None and self.snapshot.ended):
            self.at = at  # what its last actions do afterwards takes no time of it
        self.snapshot = after
        self.asked = self.asked or asks
        of_states = isinstance(_notes(self.machine).definition, StateMachine)
        for move in moves:
            if of_states:
                self._entered(move, at)
            elif move.region != WHOLE:
                self._came(move, at)

    def fork(self) -> Usage:
        """The same, to be counted on by itself."""
        return attrs.evolve(self, done=self.done.copy(), spent=self.spent.copy(), since=self._since.copy())

    def document(self) -> dict[str, Any]:
        """What was counted, as JSON, for who goes on elsewhere; `restored` counts on from there."""
        counted = {"done": dict(self.done), "spent": dict(self.spent), "since": dict(self._since)}
        return {"began": self.began, "at": self.at, "asked": self.asked, **counted}

    @classmethod
    def restored(cls, machine: Machine, snapshot: Snapshot, document: Mapping[str, Any]) -> Usage:
        """What was counted to that snapshot, by its document."""
        began, at, asked = document["began"], document["at"], document["asked"]
        done, spent = Counter(document["done"]), Counter(document["spent"])
        return cls(machine, None, began, at, snapshot, done, spent, asked, dict(document["since"]))

    def busy(self, at: int) -> Counter[str]:
        """How long each has been at work by then, ms, what is not over included."""
        return self.spent + Counter({name: at - since for name, since in self._since.items()})

    def _entered(self, move: Move, at: int) -> None:
        active = _notes(self.machine).active[move.target]
        for name in [name for name in self._since if name not in active or name in move.entered]:
            self.spent[name] += at - self._since.pop(name)
        for name in move.entered:
            self._since[name] = at
            self.done[name] += move.attempt == 1

    def _came(self, move: Move, at: int) -> None:
        name = move.region
        for state in move.entered:
            if state not in AT_REST and state != CANCELLING:
                self._since.setdefault(name, at)
            elif name in self._since:
                self.spent[name] += at - self._since.pop(name)
            if state == "succeeded" and move.source != CANCELLING:
                self.done[name] = 1


def is_priced(machine: Machine) -> bool:
    """Whether an execution of the machine costs anything."""
    return isinstance(machine.notes, Notes) and machine.notes.definition.pricing is not None


def usage_of(machine: Machine, steps: Iterable[Step], volume: int | None = None) -> Usage:
    """What these steps come to."""
    usage = Usage(machine, volume)
    for step in steps:
        usage.read(step)
    return usage


def _notes(machine: Machine) -> Notes:
    assert isinstance(machine.notes, Notes), "a machine that no compiler made"
    return machine.notes
