"""What an instance emits, told by one activity after another, in order. Runs in the workflow.

Below: `wire`. Above: `workflow`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy

from statewf.engines.temporal import wire

AT_ONCE = 100  # emitted events that are told in one activity
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
        """Tell that, too."""
        self.waiting.append(emitted)
        if not self._telling:
            self._telling = True
            asyncio.create_task(self._tell())  # noqa: RUF006  # `_telling` says that it runs

    async def _tell(self) -> None:
        while self.waiting:
            some = self.waiting[:AT_ONCE]
            await workflow.execute_activity(
                wire.TELL,
                some,
                start_to_close_timeout=LONG,
                heartbeat_timeout=self._heartbeat,
                retry_policy=RetryPolicy(),
            )
            del self.waiting[: len(some)]
        self._telling = False
        self._told()
