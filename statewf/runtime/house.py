"""What an executor has while it is open, whoever owns the store: `owner`, `guest` and `seat` share it."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from statewf.history import Store
from statewf.machine.fsm import Machine
from statewf.machine.snapshot import Step
from statewf.runtime.audience import Audience
from statewf.runtime.bell import Bell
from statewf.runtime.live import Lives
from statewf.runtime.machines import Machines
from statewf.runtime.metrics import Metrics
from statewf.runtime.perform import Means

Observer = Callable[[Machine, Step], None]


@attrs.frozen
class House:
    """Without `means` nothing is performed here. `patience` is how many seconds another process has for an answer."""

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
