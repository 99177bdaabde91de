"""Machines on Temporal (https://temporal.io), the engine of those who outgrow one machine of iron. Extra `temporal`.

`TemporalExecutor` has the interface of `Executor`. `workflow` is the one workflow that interprets every machine, `course` the
pure part of it, `activities` call handlers, `wire` says what goes back and forth.
"""

from statewf.engines.temporal.executor import TemporalExecutor
from statewf.engines.temporal.instance import TemporalInstance

__all__ = ["TemporalExecutor", "TemporalInstance"]
