"""Running machines durably: the only floor with tasks, threads and a clock.

Its law: append the step durably, acknowledge, then perform its effects; on restart replay, then offer
again every unanswered call. `live` is one instance in memory, `ledger` keeps steps and undoes what
could not be kept, `perform` calls handlers, `timers` and `outbox` wait for time and subscribers, and
`executor` is the face of it all.
"""

from statewf.machine.work import Work
from statewf.runtime.executor import Executor
from statewf.runtime.instance import Instance, Outcome
from statewf.runtime.metrics import Meter, Metrics

__all__ = ["Executor", "Instance", "Meter", "Metrics", "Outcome", "Work"]
