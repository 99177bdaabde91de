"""How far a workflow is: told to subscribers while it runs, the latest only, as often as one can look at it.

Unlike what machines emit, progress is derived, and best effort: it is not kept, and nobody misses what came
between two looks. Beside `outbox`, above `estimates`; below `executor`, which says when an instance has moved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import attrs

from statewf.definition.model import Workflow
from statewf.history import Emitted
from statewf.machine.fsm import Machine
from statewf.machine.naming import base
from statewf.machine.record import busy_regions
from statewf.machine.snapshot import Snapshot, region_state
from statewf.runtime.calling import Calling
from statewf.runtime.live import Live
from statewf.runtime.logs import Log
from statewf.runtime.outbox import Listener
from statewf.values.frozen import Object

if TYPE_CHECKING:
    from statewf.runtime.estimates import Estimates

log = Log("statewf.progress")

PROGRESS = "WorkflowProgress.updated"
PAUSE = 0.1  # seconds between two tellings of one instance
MOST = 1_000  # workflows that wait to be told of: with more, the listener is too slow, and the oldest go untold
SETTLED = ("succeeded", "failed", "skipped", "cancelled", "compensated", "compensation-failed")


def progress(machine: Machine, snapshot: Snapshot, remaining: int | None = None) -> Object:
    """What is running and what is done. `progress` is the share of the outermost steps that are settled, 0 to 1.

    `remaining` is how many ms it still takes, as far as somebody knows.
    """
    definition = machine.notes.definition
    assert isinstance(definition, Workflow), "a state machine has no steps"
    tops = [step.id for step in definition.steps]
    states = (region_state(snapshot.regions, machine.numbers[step])[0] for step in tops)
    settled = sum(base(state) in SETTLED for state in states)
    current = busy_regions(machine, snapshot)
    first = current[0] if current else None
    completed = snapshot.book.completed
    return Object(
        {
            "requestId": snapshot.instance,
            "currentStep": first,
            "currentStepName": machine.notes.names.get(first, first),
            "currentSteps": current,
            "completedSteps": tuple(completed[number] for number in range(len(completed))),
            "totalSteps": len(tops),
            "progress": settled / len(tops),
            "estimatedTimeRemaining": remaining,
        }
    )


@attrs.define(eq=False)
class Watching:
    """One subscriber of progress."""

    subscriber: str
    listener: Listener
    estimates: Estimates | None = None  # set while it runs
    _moved: dict[str, Live] = attrs.field(factory=dict)
    _told: dict[str, float] = attrs.field(factory=dict)  # when, in the loop's time
    _news: anyio.Event = attrs.field(factory=anyio.Event)

    def moved(self, live: Live) -> None:
        """That workflow went on."""
        if isinstance(live.machine.notes.definition, Workflow):
            self._moved[live.card.id] = live
            if self.estimates is not None:
                self.estimates.see(live.machine, live.kept)
            if len(self._moved) > MOST:
                del self._moved[next(iter(self._moved))]
            self._news.set()

    async def run(self) -> None:
        """Tell, until cancelled."""
        while True:
            await self._news.wait()
            now = anyio.current_time()
            self._told = {name: at for name, at in self._told.items() if now < at + PAUSE}
            ready = [name for name in self._moved if name not in self._told]
            for name in ready:
                if name in self._moved:  # while others were told it may have been dropped
                    await self._tell(self._moved.pop(name))
            if not self._moved:
                self._news = anyio.Event()
            elif not ready:
                await anyio.sleep(min(self._told[name] for name in self._moved) + PAUSE - now)

    async def _tell(self, live: Live) -> None:
        instance = live.card.id
        kept = live.kept
        estimate = await self.estimates.of(live.machine, kept) if self.estimates is not None else None
        data = progress(live.machine, kept, None if estimate is None else estimate.mean)
        if not kept.ended:
            self._told[instance] = anyio.current_time()
        emitted = Emitted(0, f"{instance}/progress/{kept.seq}", instance, PROGRESS, data, kept.at)
        _, error = await Calling(self.listener, emitted).outcome()
        if error is not None:
            told = "%s could not take the progress of %s"
            log.error(told, self.subscriber, instance, exc_info=error, instance=instance, seq=kept.seq)
