"""Replay: from a snapshot and the events since, the steps again. `step` is pure, so they are the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from statewf.machine.events import AnyEvent
from statewf.machine.fsm import Machine
from statewf.machine.snapshot import Snapshot, Step, blank
from statewf.machine.step import step


def replay(machine: Machine, events: Iterable[AnyEvent], since: Snapshot | None = None) -> Iterator[Step]:
    """The steps that these events made, from `since` or from before the start.

    Raises ValueError at an event that is refused: it cannot have made a step of this machine.
    """
    snapshot = since if since is not None else blank(machine, "local")
    for event in events:
        made = step(machine, snapshot, event)
        if not isinstance(made, Step):
            raise ValueError(f"step {snapshot.seq + 1} does not replay: {made.message}")
        yield made
        snapshot = made.after
