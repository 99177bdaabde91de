"""What takes time to find out: each found out once, beside the event loop, and at hand from then on.

Of two who ask for the same at once, the second waits for the first. What is found in the store gets stale, and is looked for again.
Below: compiler, checker, diagram, forecast, `reader`. Above: `service`.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Generator, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import inf
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

import attrs

from statewf.checker import Report, check
from statewf.compiler.kept import compile_kept
from statewf.diagram import Format, draw, text
from statewf.diagram.flow import Flow
from statewf.diagram.picture import Picture
from statewf.history import MachineRecord
from statewf.machine.fsm import Machine
from statewf.machine.snapshot import Step
from statewf.web.plate import Plate
from statewf.web.reader import Reader

if TYPE_CHECKING:  # whoever only sends events needs no forecasts
    from statewf.forecast import Forecast
    from statewf.forecast.remaining import Estimate, Remaining
    from statewf.forecast.stats import Stats
    from statewf.forecast.survey import Survey

T = TypeVar("T")

MOST = 200  # answers that are kept
WORKERS = 2  # threads that find them out
MOST_ASKING = 8  # who wait for an estimate
LONGEST = 2.0  # seconds that one may take: lives of a machine that need not end are long
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
        self._drawing = ThreadPoolExecutor(1, "statewf-estimates")  # of one chain only one thread may draw lives
        self._asking = 0
        self._closed = False

    def close(self) -> None:
        """Nobody asks any more."""
        self._closed = True
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._drawing.shutdown(wait=False, cancel_futures=True)

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

    async def estimate(self, machine: Machine, steps: Sequence[Step]) -> Estimate | None:
        """How long an instance still takes, by what others took; None: nobody can tell, or too many ask at once."""
        from statewf.forecast.remaining import begun

        if self._asking >= MOST_ASKING:
            return None
        after = steps[-1].after
        self._asking += 1
        try:
            remaining, at = await self._remaining(machine), time.time_ns() // 1_000_000

            def draw() -> Estimate | None:
                return self._drawn(remaining.drawing(after, at, begun(machine, steps)))

            async def in_thread() -> Estimate | None:
                return await asyncio.get_running_loop().run_in_executor(self._drawing, draw)

            return await self._found(("estimate", after.instance, after.seq), in_thread, FRESH)
        finally:
            self._asking -= 1

    def _drawn(self, drawing: Generator[None, None, Estimate | None]) -> Estimate | None:
        """What comes of it, if that comes soon."""
        until = time.monotonic() + LONGEST
        while not self._closed and time.monotonic() < until:
            try:
                next(drawing)
            except StopIteration as done:
                return done.value  # type: ignore[no-any-return]  # what a generator returns has no type there
        return None

    async def _remaining(self, machine: Machine) -> Remaining:
        from statewf.forecast.learn import learned
        from statewf.forecast.remaining import Remaining

        survey = await self.survey(machine.name)
        return await self.made(
            ("remaining", machine.digest), lambda: Remaining(machine, learned(machine, survey)), FRESH
        )

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


async def within(seconds: float, found: Coroutine[Any, Any, T]) -> T | None:
    """What is found by then; else None, and it is looked for all the same: whoever asks again finds it."""
    task = asyncio.ensure_future(found)
    done, _ = await asyncio.wait({task}, timeout=seconds)
    if done:
        return task.result()
    task.add_done_callback(lambda late: late.cancelled() or late.exception())  # nobody is there to hear of it
    return None
