"""Opening a store with handlers, and running the async verbs on it so that failures come out plainly.

Below: the executor. Above: `drive`, whose verbs are what is run here, and `remote`.
"""

from __future__ import annotations

import logging
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from statewf.errors import Diagnostic, EventRejected, HandlersError, StatewfError

if TYPE_CHECKING:
    from statewf.cli.handle import Live
    from statewf.machine.fsm import Machine
    from statewf.machine.snapshot import Snapshot, Step
    from statewf.runtime import Executor
    from statewf.runtime.handlers import Handler
    from statewf.runtime.house import Observer
    from statewf.runtime.metrics import Metrics

T = TypeVar("T")

PATIENCE = 1.0  # seconds before somebody is told what is being waited for
ENGINE = "temporalio"  # whose log is told, too


@asynccontextmanager
async def executor(
    db: str,
    handlers: str | None,
    observe: Observer | None = None,
    *,
    resume: bool = False,
    metrics: Metrics | None = None,
) -> AsyncIterator[Executor]:
    """An executor on `db` with the handlers of that module. None for `handlers`: it only keeps.

    It leaves open calls alone, unless it is to `resume` all: `serve` does.
    """
    from statewf.runtime import Executor

    known = None if handlers is None else found(handlers)
    async with Executor(db, known, observe=observe, resume=resume, metrics=metrics) as owner:
        yield owner


@asynccontextmanager
async def told_who_answers(executor: Executor, *, quiet: bool) -> AsyncIterator[None]:
    """Say whom is waited for, if it takes long and is another process."""
    import anyio

    async def tell() -> None:
        await anyio.sleep(PATIENCE)
        if not (quiet or executor.owns):
            told = f"waiting for {executor.owner}, which owns the store; Ctrl-C ends that"
            click.echo(click.style(told, dim=True), err=True)

    async with anyio.create_task_group() as group:
        group.start_soon(tell)
        yield
        group.cancel_scope.cancel()


def tell_who_performs(executor: Executor) -> None:
    """Say so, where handlers were given and are not used: another process owns the store."""
    if not executor.owns:
        click.echo(f"{executor.owner} owns the store, and performs", err=True)


def found(handlers: str) -> dict[str, Handler]:
    """The handlers that `--handlers` names; empty text names none. Raises HandlersError with the reason."""
    if not handlers:
        return {}
    from statewf.runtime.handlers import import_handlers

    path, _, name = handlers.partition(":")
    if path.endswith(".py") or "/" in path:
        module = ".".join(Path(path).with_suffix("").parts)
        meant = f"{module}:{name}" if name else module
        hint = f"as in an import statement: --handlers {meant}, from the folder where that can be imported"
        raise HandlersError([Diagnostic("bad-handlers", f"{path} is a file, but a module is wanted", hint=hint)])
    try:
        return import_handlers(handlers)
    except SystemExit as error:
        message = f"{path} cannot be imported: it ends the program (SystemExit: {error})"
        raise HandlersError([Diagnostic("bad-handlers", message)]) from None


def equip(machine: Machine, handlers: str | None) -> None:
    """Make sure that a machine can be performed with these handlers. Raises HandlersError that lists the missing.

    A call that nobody answers would be waited for in vain.
    """
    from statewf.runtime.handlers import missing

    error = missing(machine, found(handlers or ""))
    if error is None:
        return
    if handlers:
        raise error
    hint = "--handlers MODULE says where they are"
    raise HandlersError(Diagnostic(d.code, d.message, d.path, d.line, hint) for d in error.diagnostics)


def equip_beside(owner: Executor, machine: Machine, handlers: str | None) -> None:
    """The same, where no handlers need to be given beside another process, which owns the store and performs."""
    if handlers is not None or owner.owns:
        equip(machine, handlers)


def advice(machine: Machine, error: EventRejected) -> str | None:
    """What may help somebody whose event was refused."""
    from statewf.definition.words import nearest

    if error.reason == "busy":
        return "perform it first: statewf serve --handlers MODULE --until-idle; or send with --handlers"
    heard = machine.known(error.event)
    if error.reason != "unexpected" or heard in machine.listeners or heard.startswith("$"):
        return None
    known = {event.lower(): event for event in machine.listeners}
    alike = nearest(error.event.lower(), known)
    return f"did you mean {known[alike]}?" if alike else f"{machine.name} has no event {error.event}"


# --- waiting


def busy(snapshot: Snapshot) -> bool:
    """Whether something runs that will move an instance on: a call, an action, the wait before a retry."""
    from statewf.machine.fsm import RETRY

    flight = snapshot.flight
    return bool(flight.calls or flight.queue or any(timer.startswith(RETRY) for _, timer in flight.deadlines))


def resting(snapshot: Snapshot) -> bool:
    """Whether nothing runs and no timer is set: only an event from outside can move an instance on."""
    return not busy(snapshot) and (bool(snapshot.ended) or not snapshot.flight.deadlines)


def waits_for(snapshot: Snapshot) -> list[str]:
    """The handlers whose calls and queued actions an instance waits for, each once."""
    queued = [waiting.op.handler for waiting in snapshot.flight.queue if waiting.call is None]
    calls = snapshot.flight.calls
    waiting = Counter([*(calls[number].handler for number in sorted(calls)), *queued])
    return [f"{handler} ({count} calls)" if count > 1 else handler for handler, count in waiting.items()]


def ready(instance: Live, event: str) -> bool:
    """Whether an event is accepted now, or nothing runs that could change that it is not."""
    return (event in instance.allowed and not instance.snapshot.flight.queue) or not busy(instance.snapshot)


# --- running


def owned(verb: Callable[[], Coroutine[Any, Any, T]], *, quiet: bool = False) -> T:
    """Run an async verb; an error that task groups wrapped comes out as itself.

    `quiet`: standard output is for the one JSON document, and what handlers print goes to standard error.
    """
    import anyio

    failure: list[BaseException] = []

    async def guarded() -> T | None:
        try:
            return await verb()
        except BaseExceptionGroup as group:  # caught within: the event loop would print it
            failure.append(_worst(group))
            return None

    with ExitStack() as stack:
        stack.enter_context(_logged())
        if quiet and sys.stderr is not None:
            stack.enter_context(redirect_stdout(sys.stderr))
        result = anyio.run(guarded)
    if failure:
        raise failure[0]
    return result  # type: ignore[return-value]  # None stands for a failure, which was raised


def _worst(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error of a group that is to be told: an interruption, one of ours, or else the first."""
    leaves = list(_leaves(group))
    for kind in (KeyboardInterrupt, StatewfError):
        for leaf in leaves:
            if isinstance(leaf, kind):
                return leaf
    return leaves[0]


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def together(*observers: Observer) -> Observer:
    """Who tells each of these every step."""

    def told(machine: Machine, step: Step) -> None:
        for observer in observers:
            observer(machine, step)

    return told


async def until_stopped() -> None:
    """Wait for SIGINT or SIGTERM."""
    import anyio

    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            return


class _Lines(logging.Formatter):
    """A line a record, without tracebacks."""

    def format(self, record: logging.LogRecord) -> str:
        told = f"{record.levelname.lower()}: {record.getMessage()}"
        if record.exc_info and record.name.startswith(ENGINE):  # it leaves the reason to the traceback
            return f"{told}: {record.exc_info[1]}"
        return told


@contextmanager
def _logged() -> Iterator[None]:
    """Warnings of the runtime, and of an engine, as lines on standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines())
    loggers = [logging.getLogger(name) for name in ("statewf", "asyncio", ENGINE)]
    for logger in loggers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
