"""A live run on the terminal: a line a step as it is kept, and events from a script or a person.

Above: `drive`, whose `run` is this. Below: the handle of one instance, and `tables`, which shows steps.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import click

from statewf.cli.asking import asked
from statewf.cli.common import discard_output, in_store, read_object
from statewf.cli.owner import PATIENCE, advice, busy, ready, resting, waits_for
from statewf.cli.tables import clock, some, step
from statewf.cli.tell import lines, rejection
from statewf.errors import DataError, Diagnostic, EventRejected
from statewf.machine.effects import OpenTask
from statewf.machine.record import row, state_of
from statewf.machine.snapshot import due
from statewf.runtime.calling import in_thread

if TYPE_CHECKING:
    from statewf.cli.handle import Before, Live
    from statewf.machine.fsm import Machine
    from statewf.machine.snapshot import Snapshot, Step

LEAST, MOST, USUAL = 9, 24, 20  # characters of the column of events: at least `$returned` has to fit


def all_steps(db: str, _: Machine, made: Step) -> None:
    """Show a step of any instance, as `serve` does, and whom it asks to decide something."""
    opened = [effect.task for effect in made.effects if isinstance(effect, OpenTask)]
    with output():
        step(row(made), USUAL, who=made.after.instance)
        for line in asked(opened, in_store(db)):
            click.echo(f"    {line}")


@contextmanager
def output() -> Iterator[None]:
    """What is shown within; that nobody takes it any more is no reason to stop an instance."""
    try:
        yield
    except OSError as error:
        discard_output()
        click.echo(f"nothing more is shown: {error.strerror}", err=True)


def _widest(machine: Machine) -> int:
    """How wide the column of events has to be for what happens to a machine."""
    happens = (len(name) for region in machine.regions for state in region.states.values() for name in state.on)
    return min(MOST, max(LEAST, *happens))


class Session:
    """What `run` shows and does; `quiet` until `document` is there to be printed.

    Without a `script` of events they are asked for. `resume` says in words what goes on with an instance that was left.
    """

    def __init__(self, resume: str, script: Sequence[str] | None, *, quiet: bool) -> None:
        self.document: dict[str, Any] = {}
        self._script = script
        self._resume = resume
        self._quiet = quiet
        self._person = not quiet and sys.stdin is not None and sys.stdin.isatty()
        self._asking = False
        self._instance: Live | None = None
        self._events = USUAL  # characters of the column of events
        self._seq = 0  # of the last step that was shown
        self._rejected: list[str] = []

    # --- showing

    def _catch_up(self) -> None:
        """Show what happened to our instance since the last look, whoever did it."""
        instance = self._instance
        if self._quiet or instance is None or instance.snapshot.seq <= self._seq:
            return
        if self._asking:
            click.echo(err=True)  # away from the prompt, which comes again below
        with output():
            for told in instance.history(after=self._seq):
                self._seq = told["seq"]
                step(told, self._events)
        if self._asking and not instance.done:
            _prompt(instance.snapshot, instance.allowed)

    async def _follow(self, instance: Live) -> None:
        """Show what happens, as it happens."""
        while True:
            await instance.until(lambda: instance.snapshot.seq > self._seq)
            self._catch_up()
            if self._quiet:
                return

    def _begin(self, instance: Live, machine: Machine, before: Before | None) -> None:
        """Say whether this is a new instance or an old one, which was where `before` says, then what it did since."""
        self._instance = instance
        self._events = _widest(machine)
        self._seq = before.seq if before is not None else 0
        self._say(f"{instance.id}  {f'goes on from {before.state}' if before is not None else 'started'}")
        self._catch_up()

    def left(self) -> str:
        """What to tell somebody who interrupted."""
        return f"; {self._instance.id} is kept, and {self._resume} goes on with it" if self._instance else ""

    # --- driving

    async def drive(self, instance: Live, machine: Machine, before: Before | None) -> int:
        """Send what the script or the person says until the instance ends or nothing can happen; the exit code."""
        self._begin(instance, machine, before)
        async with anyio.create_task_group() as group:
            group.start_soon(self._follow, instance)
            if self._script is None:
                await self._ask(instance, machine)
            else:
                for event in self._script:
                    await self._wait(instance, partial(ready, instance, event))
                    await self._send(instance, machine, event, None)
            await self._wait(instance, lambda: resting(instance.snapshot))
            group.cancel_scope.cancel()
        self._catch_up()
        return self._finish(instance)

    async def _ask(self, instance: Live, machine: Machine) -> None:
        while True:
            await self._wait(instance, lambda: instance.done or not busy(instance.snapshot))
            if instance.done:
                return
            self._catch_up()
            line = await self._line(instance)
            if line is None:
                return
            event, *data = line.strip().split(maxsplit=1) or [""]
            if event:
                await self._give(instance, machine, event, "".join(data))

    async def _give(self, instance: Live, machine: Machine, event: str, data: str) -> None:
        """Send what a line says; a person may correct a slip, a script that is wrong ends."""
        try:
            await self._send(instance, machine, event, read_object(data or None, f"the data of {event}"))
        except DataError as error:
            if not self._person:
                raise
            for line in lines(error, err=True):
                click.echo(line, err=True)

    async def _line(self, instance: Live) -> str | None:
        """The next line of standard input; None at its end, or if the instance ends meanwhile."""
        if sys.stdin is None:
            return None
        if self._person:
            _prompt(instance.snapshot, instance.allowed)
        line = ""
        self._asking = self._person
        async with anyio.create_task_group() as group:

            async def ended() -> None:
                await instance.until(lambda: instance.done)
                group.cancel_scope.cancel()

            group.start_soon(ended)
            line = await in_thread(read_line)
            group.cancel_scope.cancel()
        self._asking = False
        return line or None

    async def _send(self, instance: Live, machine: Machine, event: str, data: Any) -> None:
        try:
            await instance.send(event, data)
        except EventRejected as error:
            self._rejected.append(event)
            self._catch_up()
            if not self._quiet:
                click.echo(rejection(error, advice(machine, error)), err=True)

    async def _wait(self, instance: Live, reached: Callable[[], bool]) -> None:
        """Wait until that is so, and say what for if it takes long."""
        with anyio.move_on_after(PATIENCE) as patience:
            await instance.until(reached)
        if patience.cancelled_caught:
            if not self._quiet:
                click.echo(click.style(f"{awaited(instance)}; Ctrl-C leaves it", dim=True), err=True)
            await instance.until(reached)

    def _finish(self, instance: Live) -> int:
        outcome = instance.outcome(self._rejected)
        self.document = outcome.document
        if instance.done:
            self._say(f"{instance.id}  ended in {outcome.state} ({'success' if outcome.success else 'failure'})")
        elif not self._quiet:
            waits = f"; it accepts {', '.join(instance.allowed)}" if instance.allowed else ""
            click.echo(f"{instance.id} is still in {outcome.state}{waits}", err=True)
        return 0 if outcome.success else 1

    def _say(self, line: str) -> None:
        if not self._quiet:
            with output():
                click.echo(line)


def _prompt(snapshot: Snapshot, accepted: Sequence[str]) -> None:
    names = ", ".join(accepted) or "nothing"
    click.echo(f"{click.style(state_of(snapshot), bold=True)} accepts {names}", err=True)
    click.echo("event> ", nl=False, err=True)


def read_line() -> str:
    """A line of standard input. Raises DataError if it is no text."""
    try:
        return sys.stdin.readline()
    except UnicodeDecodeError:
        mistake = Diagnostic("bad-encoding", "the line is not UTF-8 text")
        raise DataError([mistake], "standard input") from None


def awaited(instance: Live) -> str:
    """What an instance is waiting for: its calls, or its next timer."""
    snapshot = instance.snapshot
    calls = waits_for(snapshot)
    if calls:
        return f"waiting for {some(calls)}"
    timers = due(instance.machine, snapshot)
    return f"waiting for {timers[0][2]} at {clock(timers[0][0])}" if timers else "waiting"
