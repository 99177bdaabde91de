"""An instance as the verbs drive it: of a store or on a Temporal server, which is all the same to them.

Above: `deliver`, which gives it something, and the two kinds of a live run, `session` and `flow`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from statewf.machine.fsm import Machine
    from statewf.machine.record import Receipt
    from statewf.machine.snapshot import Snapshot
    from statewf.runtime.instance import Outcome


class Placed(Protocol):
    """Where an instance is."""

    @property
    def id(self) -> str: ...
    @property
    def machine(self) -> Machine: ...
    @property
    def snapshot(self) -> Snapshot: ...
    @property
    def state(self) -> str: ...
    @property
    def allowed(self) -> Sequence[str]: ...
    @property
    def done(self) -> bool: ...


class Handle(Placed, Protocol):
    """One that is given something."""

    async def send(self, event: str, data: Any = None, *, key: str | None = None) -> Receipt: ...

    async def cancel(self, *, now: bool = False) -> Receipt: ...

    async def complete(
        self,
        task: str,
        decision: str,
        *,
        by: str | None = None,
        comments: str | None = None,
        result: Any = None,
    ) -> Receipt: ...


class Live(Placed, Protocol):
    """One that is followed as it goes on, and given what a run gives it."""

    async def send(self, event: str, data: Any = None) -> Receipt: ...

    async def complete(
        self, task: str, decision: str, *, by: str | None = None, comments: str | None = None
    ) -> Receipt: ...

    def history(self, *, after: int = 0) -> list[dict[str, Any]]: ...

    async def until(self, reached: Callable[[], bool]) -> None: ...

    def outcome(self, rejected: Sequence[str] = ()) -> Outcome: ...


class Before(NamedTuple):
    """Where an instance was when it was taken up again."""

    seq: int
    state: str
