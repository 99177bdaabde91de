"""A process that dies at one boundary, counted: its store, its handlers, and what it acknowledges.

Dead, it writes nothing more, begins no handler and is stopped; what a handler says then is not heard. What a trial
is to know is noted in its `evidence`. Above: `faults`, which has one process go on where another died.
"""

from __future__ import annotations

import inspect
import sqlite3
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any, cast

import anyio
import attrs

from statewf.errors import StoreError
from statewf.history import Entry, Sqlite, Store
from statewf.machine.record import Receipt, event_name
from statewf.runtime import Executor, Instance, Work
from statewf.runtime.handlers import Handler
from statewf.testing.trial import Acknowledged, Evidence, named

GONE = "the process died"
WRITES = {
    "append": "the commit",
    "claim": "the claim of the lease",
    "renew": "a sign of life",
    "release": "the release of the lease",
    "question": "a question to the owner",
    "ask": "a request to the owner",
    "answer": "an answer to a request",
    "withdraw": "the withdrawal of a request",
    "deploy": "the deployment",
    "subscribe": "a subscription",
    "tell": "an event that tells how far it is",
    "delivered": "the note that a subscriber was told",
    "purge": "a purge",
}


class Killed(BaseException):
    """The process died at this boundary."""


@attrs.define(eq=False)
class Process:
    """One life of a program, which ends at the boundary of that number, the first being 1; 0: it is not killed.

    `passed` are its boundaries, so many of them in its `recovery`: until it began again the calls that it found open
    (`owed`), and made a commit. `closing` is the task that closes its executor, as soon as one does.
    """

    life: int
    dies_at: int
    owed: set[tuple[str, int]]
    passed: list[str] = attrs.field(factory=list)
    recovery: int = 0
    committed: bool = False
    dead: bool = False
    closing: anyio.TaskInfo | None = None
    scope: anyio.CancelScope = attrs.field(factory=anyio.CancelScope)

    def passes(self, boundary: str) -> None:
        """Pass a boundary, or die there."""
        if self.dead:
            raise Killed(boundary)
        self.passed.append(boundary)
        if self.owed or not self.committed:
            self.recovery = len(self.passed)
        if len(self.passed) == self.dies_at:
            self.dead = True
            self.scope.cancel()
            raise Killed(boundary)


running: ContextVar[Process | None] = ContextVar("running", default=None)  # the process that this code is part of


# --- its store


class Doomed:
    """A store as a process sees it that may die before, within and after whatever it writes there.

    The port has many methods, and of those that read there is nothing to say: they are the store's own.
    """

    shared = False  # nobody else is there to write to it: it need not be looked at every other second

    def __init__(self, store: Store, process: Process, evidence: Evidence) -> None:
        self._store = store
        self._process = process
        self._evidence = evidence
        self._statements: _Statements | None = None
        if isinstance(store, Sqlite):
            self._statements = _Statements(store.database.connection, process)
            store.database.connection = cast("sqlite3.Connection", self._statements)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        return self._doomed(name, method) if name in WRITES else method

    def close(self) -> None:
        """Close it. That a process died, the system knows at once: its lease is over."""
        if self._process.dead:
            self._store.release(self._store.lease().epoch)
        self._store.close()

    def _doomed(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        """A method that writes."""

        def write(*args: Any, **options: Any) -> Any:
            try:
                return self._write(name, lambda: method(*args, **options), args)
            except Killed:
                closes = self._process.closing == anyio.get_current_task()
                if closes:  # and is prepared for a store that fails, for nothing else
                    raise StoreError(GONE) from None
                raise

        return write

    def _write(self, name: str, method: Callable[[], Any], args: Sequence[Any]) -> Any:
        what = WRITES[name] if name != "append" else f"the commit of {_steps(args[0])}"
        self._process.passes(f"before {what}")
        if self._statements is not None:
            self._statements.belong_to = what
        told = method()
        if name == "append":
            self._evidence.keep(args[0])
        self._process.passes(f"after {what}")
        self._process.committed |= name == "append"
        return told


class _Statements:
    """The connection of a SQLite store: between two statements of a transaction the process may die, too."""

    belong_to = ""

    def __init__(self, connection: sqlite3.Connection, process: Process) -> None:
        self._connection = connection
        self._process = process

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, statement: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        self._passes(statement)
        return self._connection.execute(statement, values)

    def executemany(self, statement: str, rows: Sequence[Any]) -> sqlite3.Cursor:
        self._passes(statement)
        return self._connection.executemany(statement, rows)

    def _passes(self, statement: str) -> None:
        """Before one that writes; what a dead process left undone is rolled back."""
        keeps = not statement.lstrip().startswith(("SELECT", "ROLLBACK"))
        if self._connection.in_transaction and keeps and not self._process.dead:
            self._process.passes(f"within {self.belong_to}, before {' '.join(statement.split()[:3])}")


def _steps(entries: Sequence[Entry]) -> str:
    """What a commit keeps, in words that are the same in each trial."""
    cards = ((entry.card, event_name(entry.step.event)) for entry in entries)
    return " and ".join(f"step {card.seq} of {card.name} {card.number} ({event})" for card, event in cards)


# --- its handlers


def watched(handler: Handler, process: Process, evidence: Evidence) -> Handler:
    """The handler, before and after which the process may die. A plain one gets no thread: so each run is the same."""

    async def call(work: Work) -> Any:
        try:
            process.passes(f"before {named(work)}")
            evidence.begin(work, process.life)
            process.owed.discard((work.key, work.attempt))
            return await _answer(handler, work, process, evidence)
        except BaseException:
            if process.dead:  # a handler that is killed did not fail: nobody is there to hear of it
                await anyio.sleep_forever()
            raise

    return call


async def _answer(handler: Handler, work: Work, process: Process, evidence: Evidence) -> Any:
    def ends() -> None:
        evidence.end(work, process.life)
        process.passes(f"after {named(work)}, before its reply is taken")

    try:
        result = handler(work)
        if inspect.isawaitable(result):
            result = await result
    except Exception:  # anything else is not its end, but that it is stopped
        ends()
        raise
    ends()
    return result


# --- what it is told


def note_answers(executor: Executor, evidence: Evidence) -> None:
    """Have the executor note whatever it acknowledges. Its handles on instances ask it, too."""
    start, send, cancel, complete = executor.start, executor.send, executor.cancel, executor.complete

    def note(instance: str, event: str, key: str | None, told: Receipt) -> Receipt:
        evidence.acknowledged.append(Acknowledged(instance, event, key, told.seq))
        return told

    async def starting(
        name: str, inputs: Any = None, *, request_id: str | None = None, restart: bool = False
    ) -> Instance:
        started = await start(name, inputs, request_id=request_id, restart=restart)
        evidence.start(name, None if restart else request_id, started.id)
        return started

    async def sending(instance: str, event: str, data: Any = None, *, key: str | None = None) -> Receipt:
        return note(instance, event, key, await send(instance, event, data, key=key))

    async def cancelling(instance: str, *, now: bool = False) -> Receipt:
        return note(instance, "$cancel", None, await cancel(instance, now=now))

    async def completing(
        task: str,
        decision: str,
        *,
        by: str | None = None,
        comments: str | None = None,
        result: Any = None,
    ) -> Receipt:
        told = await complete(task, decision, by=by, comments=comments, result=result)
        return note(task.partition("/")[0], "$decided", task, told)

    executor.start = starting  # type: ignore[method-assign]  # of this one executor, which is ours
    executor.send = sending  # type: ignore[method-assign]  # likewise
    executor.cancel = cancelling  # type: ignore[method-assign]  # likewise
    executor.complete = completing  # type: ignore[method-assign]  # likewise
