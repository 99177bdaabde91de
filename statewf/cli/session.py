"""A live run on the terminal: a line a step as it is kept, and events from a script or a person."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
import click

from statewf.cli.common import print_json, read_json
from statewf.cli.tables import changes, console, happened, moment, short
from statewf.errors import DataError, EventRejected
from statewf.machine.record import row

if TYPE_CHECKING:
    from statewf.machine.fsm import Machine
    from statewf.machine.snapshot import Step
    from statewf.runtime import Instance


class Session:
    """What `run` shows and does; with `as_json` it stays quiet until the one document at the end."""

    def __init__(self, as_json: bool, *, name_instances: bool = False) -> None:
        self._as_json = as_json
        self._name_instances = name_instances
        self._out = console()
        self._rejected: list[str] = []

    def observe(self, _: Machine, step: Step) -> None:
        """Show a step that was kept."""
        if self._as_json:
            return
        document = row(step)
        who = f"{step.after.instance}  " if self._name_instances else ""
        what = changes(document).replace("\n", "; ")
        time = moment(document["at"]).split()[1]
        line = f"{time}  {who}{happened(document):<20} {what}  {short(document['data'])}"
        self._out.print(line.rstrip(), markup=False, soft_wrap=True)

    async def drive(self, instance: Instance, script: Sequence[str] | None) -> int:
        """Send what the script or the person says until the instance ends or nothing can happen; the exit code."""
        self._say(f"{instance.id}  {instance.state}")
        if script is None:
            await self._ask(instance)
        else:
            for event in script:
                await self._send(instance, event, None)
        await self._rest(instance)
        return self._finish(instance)

    async def _ask(self, instance: Instance) -> None:
        person = sys.stdin.isatty() and not self._as_json
        while True:
            await self._rest(instance, until_asked=True)
            if instance.done:
                return
            if person:
                click.echo(f"{instance.state} accepts {', '.join(instance.allowed) or 'nothing'}", err=True)
                click.echo("event> ", nl=False, err=True)
            line = await anyio.to_thread.run_sync(sys.stdin.readline, abandon_on_cancel=True)
            if not line:
                return
            event, _, data = line.strip().partition(" ")
            if event:
                try:
                    await self._send(instance, event, read_json(data.strip() or None, "the event's data"))
                except DataError as error:
                    click.echo(f"{error}", err=True)

    async def _send(self, instance: Instance, event: str, data: Any) -> None:
        """Send an event when it is accepted, or when waiting cannot change that it is not."""
        await instance.until(lambda: event in instance.allowed or not instance.snapshot.flight.calls)
        try:
            await instance.send(event, data)
        except EventRejected as error:
            self._rejected.append(event)
            if not self._as_json:
                click.echo(f"{error}", err=True)

    async def _rest(self, instance: Instance, *, until_asked: bool = False) -> None:
        """Wait while something is in flight; before asking a person, only for what would block an event."""

        def resting() -> bool:
            flight = instance.snapshot.flight
            if until_asked:
                return instance.done or not flight.calls
            return not flight.calls and (instance.done or not flight.deadlines)

        await instance.until(resting)

    def _finish(self, instance: Instance) -> int:
        outcome = instance.outcome(self._rejected)
        if self._as_json:
            print_json(outcome.document)
        elif instance.done:
            self._say(f"{instance.id}  ended in {outcome.state} ({'success' if outcome.success else 'failure'})")
        else:
            waits = f"; it accepts {', '.join(instance.allowed)}" if instance.allowed else ""
            click.echo(f"{instance.id} is still in {outcome.state}{waits}", err=True)
        return 0 if outcome.success else 1

    def _say(self, line: str) -> None:
        if not self._as_json:
            self._out.print(line, markup=False, soft_wrap=True)
