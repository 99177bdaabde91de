"""How far something is that takes its time, for whoever waits for it.

Above: the verbs. Below: `rich`, imported when there is somebody to look.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

Moved: TypeAlias = Callable[[int, int | None], None]  # is told how much is done, and of how much if that is known


@contextmanager
def bar(doing: str, *, quiet: bool, patience: float = 0) -> Iterator[Moved]:
    """A bar on standard error, at a terminal, of what takes longer than that many seconds; it goes when all is done."""
    if quiet or sys.stderr is None or not sys.stderr.isatty() or os.environ.get("TERM", "dumb") == "dumb":
        yield lambda _, __: None
        return
    from rich.console import Console
    from rich.progress import Progress

    shown = Progress(console=Console(stderr=True), transient=True)
    task = shown.add_task(doing, total=None)
    begun = time.monotonic()

    def moved(done: int, every: int | None) -> None:
        if time.monotonic() - begun >= patience:
            shown.start()
        told = doing if every is not None else f"{doing}: {done:,}"
        shown.update(task, completed=done, total=every, description=told)

    try:
        yield moved
    finally:
        shown.stop()
