"""What an executor has while it is open, whoever owns the store: `owner`, `guest` and `seat` share it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import attrs

from statewf.errors import Closed, StoreBusy
from statewf.history import Store
from statewf.machine.fsm import Machine
from statewf.machine.snapshot import Step
from statewf.runtime.audience import Audience
from statewf.runtime.bell import Bell
from statewf.runtime.lease import described
from statewf.runtime.live import Lives
from statewf.runtime.machines import Machines
from statewf.runtime.metrics import Metrics
from statewf.runtime.patience import patiently
from statewf.runtime.perform import Means

T = TypeVar("T")
Observer = Callable[[Machine, Step], None]


@attrs.define
class House:
    """Without `means` nothing is performed here. `patience` is how many seconds another process has for an answer.

    `closed` says why nothing can be done here any more.
    """

    store: Store
    machines: Machines
    lives: Lives
    audience: Audience
    bell: Bell
    clock: Callable[[], int]
    means: Means | None
    patience: float
    observe: Observer | None
    metrics: Metrics | None
    resume: bool
    closed: Closed | None = None

    async def insist(self, write: Callable[[], T]) -> T:
        """Write when nobody else does. Raises StoreBusy that says who may be to blame, Closed."""

        def attempt() -> T:
            if self.closed is not None:
                raise self.closed
            return write()

        try:
            return await patiently(attempt, self.patience)
        except StoreBusy as busy:
            owner = described(self.store.lease().holder)
            hint = f"{owner} owns the store; should who writes be stopped, wake or end it"
            raise StoreBusy(f"{busy}, for {self.patience:g} s now: nothing was done ({hint})") from busy
