"""Replay: from a snapshot and the events since, the steps again. `step` is pure, so they are the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from statewf.machine.events import AnyEvent
from statewf.machine.fsm import Machine
from statewf.machine.snapshot import Snapshot, Step
from statewf.machine.step import step


def replay(machine: Machine, events: Iterable[AnyEvent], since: Snapshot) -> Iterator[Step]:
    """The steps that these events made from `since` on (`blank(machine, instance)`: from before the start).

    Raises ValueError at an event that is refused: it cannot have made a step of this machine.
    """
    snapshot = since
    for event in events:
        made = step(machine, snapshot, event)
        if not isinstance(made, Step):
            raise ValueError(f"step {snapshot.seq + 1} does not replay: {made.message}")  # noqa: TRY004  # the value is wrong, not its type
        yield made
        snapshot = made.after
