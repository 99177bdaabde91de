"""Virtual time for machines of transitions: what stands in for the Timer of its Timeout states."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import attrs


@attrs.define(eq=False)
class Timer:
    """As threading.Timer, but it is the clock that calls."""

    clock: Clock
    interval: float
    function: Callable[..., object]
    args: tuple[Any, ...]
    due: int = 0
    daemon: bool = False

    def start(self) -> None:
        self.due = self.clock.now + round(self.interval * 1000)
        self.clock.running.append(self)

    def cancel(self) -> None:
        if self in self.clock.running:
            self.clock.running.remove(self)

    def is_alive(self) -> bool:
        return self in self.clock.running


@attrs.define(eq=False)
class Clock:
    """Time that passes when it is told to. Timers due at one instant fire in the order of `rank`."""

    rank: Callable[[str], Any] = str
    now: int = 0
    running: list[Timer] = attrs.field(factory=list)

    def advance(self, milliseconds: int) -> None:
        until = self.now + milliseconds
        while due := [timer for timer in self.running if timer.due <= until]:
            timer = min(due, key=lambda timer: (timer.due, self.rank(_name(timer))))
            self.running.remove(timer)
            self.now = timer.due
            timer.function(*timer.args)
        self.now = until


def _name(timer: Timer) -> str:
    """What a timer calls: the callback of its state."""
    return str(timer.function.__self__.on_timeout[0])  # type: ignore[attr-defined]  # a bound method of the state


@contextmanager
def virtual_time(rank: Callable[[str], Any] = str) -> Iterator[Clock]:
    """Let the timers of transitions be those of a clock."""
    clock = Clock(rank)
    timer = lambda interval, function, args: Timer(clock, interval, function, args)  # noqa: E731
    with patch("transitions.extensions.states.Timer", timer):
        yield clock
