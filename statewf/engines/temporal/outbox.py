"""What an instance emits, told by one activity after another, in order. Runs in the workflow.

Below: `wire`. Above: `workflow`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from itertools import accumulate, takewhile
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

from statewf.engines.temporal import limits, wire

AT_ONCE = 100  # emitted events that are told in one activity
PATIENCE = 10.0  # seconds until somebody else is asked, where an activity cannot be made
LONG = timedelta(days=3650)  # a subscriber that fails is told again, for as long as it takes


class Outbox:
    """The emitted events of one run: those `waiting` were not told yet. `told` is called when all of them have been."""

    def __init__(self, heartbeat: float, told: Callable[[], None]) -> None:
        self.waiting: list[dict[str, Any]] = []
        self._heartbeat = timedelta(seconds=heartbeat)
        self._told = told
        self._telling = False

    @property
    def quiet(self) -> bool:
        """Whether there is nothing to be told."""
        return not self._telling

    def put(self, emitted: dict[str, Any]) -> None:
        """Tell that, too; of what is too large for the server, how large it was."""
        if (size := wire.size(emitted)) > limits.LARGEST:
            workflow.logger.warning("%s has %d bytes: it is told without its data", emitted["id"], size)
            emitted = {**emitted, "data": {"bytes": size}}
        self.waiting.append(emitted)
        if not self._telling:
            self._telling = True
            asyncio.create_task(self._tell())  # noqa: RUF006  # `_telling` says that it runs

    async def _tell(self) -> None:
        while self.waiting:
            some = self._some()
            try:
                await workflow.execute_activity(
                    wire.TELL,
                    some,
                    start_to_close_timeout=LONG,
                    heartbeat_timeout=self._heartbeat,
                    retry_policy=RetryPolicy(),
                )
            except ActivityError as error:  # of a worker that does not know of it
                workflow.logger.warning("%s cannot be told just now: %s", some[0]["id"], error.cause)
                await workflow.sleep(PATIENCE)
            else:
                del self.waiting[: len(some)]
        self._telling = False
        self._told()

    def _some(self) -> list[dict[str, Any]]:
        """As many as can be told at once, one at least."""
        sizes = accumulate(map(wire.size, self.waiting[:AT_ONCE]))
        count = sum(1 for _ in takewhile(lambda size: size <= limits.TOLD, sizes))
        return self.waiting[: max(1, count)]
