"""What there is to know of machines and takes time to find out: each found out once, beside the event loop.

Below: compiler, checker, diagram. Above: `service`.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar, cast

from statewf.checker import Report, check
from statewf.compiler.kept import compile_kept
from statewf.diagram import Format, draw
from statewf.history import MachineRecord
from statewf.machine.fsm import Machine

T = TypeVar("T")

MOST = 200  # answers that are kept
LIMIT = 20_000  # configurations that a check looks at: somebody waits for it


class Shelf:
    """Answers, by what was asked; of two who ask for the same at once, the second waits for the first."""

    def __init__(self) -> None:
        self._answers: OrderedDict[Hashable, asyncio.Task[Any]] = OrderedDict()

    async def machine(self, record: MachineRecord) -> Machine:
        """The machine of a record. Raises InputError, if an earlier version kept what is none any more."""
        return await self._found(("machine", record.digest), lambda: compile_kept(record.definition).machine)

    async def report(self, record: MachineRecord) -> Report:
        """What a check says of it."""
        machine = await self.machine(record)
        return await self._found(("report", record.digest), lambda: check(machine, limit=LIMIT))

    async def picture(self, record: MachineRecord, form: Format) -> str:
        """Its picture. Raises StatewfError if there is no Graphviz for an SVG."""
        machine = await self.machine(record)
        return await self._found(("picture", record.digest, form), lambda: draw(machine, form))

    async def drawn(self, draw: Callable[[], str]) -> str:
        """A picture that nobody else asks for. Raises StatewfError if there is no Graphviz for an SVG."""
        return await asyncio.to_thread(draw)

    async def _found(self, asked: Hashable, work: Callable[[], T]) -> T:
        task = self._answers.get(asked)
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            task = self._answers[asked] = asyncio.create_task(asyncio.to_thread(work))
            if len(self._answers) > MOST:
                self._answers.popitem(last=False)
        self._answers.move_to_end(asked)
        return await cast("Awaitable[T]", asyncio.shield(task))
