"""What takes time to find out: each found out once, beside the event loop, and at hand from then on.

Of two who ask for the same at once, the second waits for the first. What is found in the store gets stale, and is looked for again.
Below: compiler, checker, diagram, forecast, `reader`. Above: `service`.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from concurrent.futures import ThreadPoolExecutor
from math import inf
from threading import Lock
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

import attrs

from statewf.checker import Report, check
from statewf.compiler.kept import compile_kept
from statewf.diagram import Format, draw, text
from statewf.diagram.flow import Flow
from statewf.diagram.picture import Picture
from statewf.history import MachineRecord
from statewf.machine.fsm import Machine
from statewf.machine.snapshot import Snapshot
from statewf.web.plate import Plate
from statewf.web.reader import Reader

if TYPE_CHECKING:  # whoever only sends events needs no forecasts
    from statewf.forecast import Forecast
    from statewf.forecast.remaining import Begun, Estimate, Remaining
    from statewf.forecast.stats import Stats
    from statewf.forecast.survey import Survey

T = TypeVar("T")

MOST = 200  # answers that are kept
WORKERS = 2  # threads that find them out
LIMIT = 20_000  # configurations that a check looks at: somebody waits for it
RUNS = 2_000  # lives that are drawn for a forecast, likewise
LOOKED_AT = 300  # instances from which it is learnt how others go
FRESH = 60  # seconds until what was learnt of them is stale


class Shelf:
    """Answers, by what was asked. `reader` looks into the store, where that may take long."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._answers: OrderedDict[Hashable, _Answer] = OrderedDict()
        self._pool = ThreadPoolExecutor(WORKERS, "statewf-shelf")  # whoever renders a page does not wait for these

    def close(self) -> None:
        """Nobody asks any more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    # --- for good

    async def machine(self, record: MachineRecord) -> Machine:
        """The machine of a record. Raises InputError, if an earlier version kept what is none any more."""
        return await self.made(("machine", record.digest), lambda: compile_kept(record.definition).machine)

    async def report(self, record: MachineRecord) -> Report:
        """What a check says of it."""
        machine = await self.machine(record)
        return await self.made(("report", record.digest), lambda: check(machine, limit=LIMIT))

    async def picture(self, record: MachineRecord, form: Format) -> str:
        """Its picture. Raises StatewfError if there is no Graphviz for an SVG."""
        machine = await self.machine(record)
        return await self.made(("picture", record.digest, form), lambda: draw(machine, form))

    async def plate(self, drawing: Picture | Flow) -> Plate:
        """A picture without any instance, to be marked. Raises StatewfError if there is no Graphviz."""
        return await self.made(drawing, lambda: Plate(text(drawing, "svg")))

    async def made(self, asked: Hashable, work: Callable[[], T], fresh: float = inf) -> T:
        """Whatever `work` makes in a thread, by a name that says all of what it depends on; made anew after so many seconds.

        Raises what `work` does.
        """

        async def in_thread() -> T:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)

        return await self._found(asked, in_thread, fresh)

    # --- of its instances, for a while

    async def survey(self, name: str) -> Survey:
        """What the newest instances of machines of that name went through."""
        from statewf.forecast.observe import observed

        return await self._found(
            ("survey", name), lambda: self._reader.ask(lambda store: observed(store, name, LOOKED_AT)), FRESH
        )

    async def stats(self, name: str) -> Stats:
        """The same as figures."""
        from statewf.forecast.stats import stats

        survey = await self.survey(name)
        return await self.made(("stats", name), lambda: stats(name, survey), FRESH)

    async def forecast(self, record: MachineRecord) -> Forecast:
        """What will become of an instance, by what others went through."""
        from statewf.forecast import forecast
        from statewf.forecast.learn import learned

        machine, survey = await self.machine(record), await self.survey(record.name)
        return await self.made(
            ("forecast", record.digest), lambda: forecast(machine, learned(machine, survey), runs=RUNS), FRESH
        )

    async def remaining(self, machine: Machine) -> Estimates:
        """How long instances still take, by what others took."""
        from statewf.forecast.learn import learned
        from statewf.forecast.remaining import Remaining

        survey = await self.survey(machine.name)

        def make() -> Estimates:
            return Estimates(Remaining(machine, learned(machine, survey)))

        return await self.made(("remaining", machine.digest), make, FRESH)

    # --- keeping it

    async def _found(self, asked: Hashable, work: Callable[[], Coroutine[Any, Any, T]], fresh: float = inf) -> T:
        known = self._answers.get(asked)
        if known is None or known.failed:
            known = self._answers[asked] = _Answer.begun(work())
        elif known.is_older(fresh):
            known = self._answers[asked] = _Answer.begun(work(), known.task)
        self._answers.move_to_end(asked)
        if len(self._answers) > MOST:
            self._answers.popitem(last=False)
        return await cast("Awaitable[T]", asyncio.shield(known.best))


@attrs.define(eq=False)
class _Answer:
    """What is found out, since when (seconds, on a clock that does not jump), and what was known before."""

    task: asyncio.Task[Any]
    before: asyncio.Task[Any] | None = None
    since: float | None = None

    @classmethod
    def begun(cls, work: Coroutine[Any, Any, Any], before: asyncio.Task[Any] | None = None) -> Self:
        """Begin to find it out."""
        made = cls(asyncio.create_task(work), before)
        made.task.add_done_callback(made._ended)
        return made

    def _ended(self, _: asyncio.Task[Any]) -> None:
        self.since = time.monotonic()
        if not self.failed:
            self.before = None

    @property
    def failed(self) -> bool:
        """Whether it went wrong: then it is tried again."""
        return self.task.done() and (self.task.cancelled() or self.task.exception() is not None)

    def is_older(self, seconds: float) -> bool:
        """Whether it was found out so long ago."""
        return self.since is not None and time.monotonic() > self.since + seconds

    @property
    def best(self) -> asyncio.Task[Any]:
        """What there is of it: what was known before is better than nothing."""
        return self.before if self.before is not None and not self.task.done() else self.task


@attrs.frozen(eq=False)
class Estimates:
    """How long instances still take. What it stands on changes as it is asked, so that one thread at a time asks."""

    _remaining: Remaining
    _lock: Lock = attrs.field(factory=Lock)

    def now(self, snapshot: Snapshot, at: int, begun: Begun) -> Estimate | None:
        """For one that is there at that time (ms), where this began then. None: nobody can tell."""
        with self._lock:
            return self._remaining.now(snapshot, at, begun)


async def within(seconds: float, found: Coroutine[Any, Any, T]) -> T | None:
    """What is found by then; else None, and it is looked for all the same: whoever asks again finds it."""
    task = asyncio.ensure_future(found)
    done, _ = await asyncio.wait({task}, timeout=seconds)
    if done:
        return task.result()
    task.add_done_callback(lambda late: late.cancelled() or late.exception())  # nobody is there to hear of it
    return None
