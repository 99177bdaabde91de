"""A live run of a workflow: drawn or told while it goes on, decided by a script or a person where it has to be.

Beside `session`, which does the same for state machines. Above: `drive`, whose `run` is this. Below: `picture`.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import click

from statewf.cli.asking import MEANT, asked, slip, user
from statewf.cli.common import read_object
from statewf.cli.owner import PATIENCE, advice, busy, ready, waits_for
from statewf.cli.picture import WHOLE, Lines, Nothing, Screen, Steps, View, draws, what_failed
from statewf.cli.session import output, read_line
from statewf.cli.tables import clock, cut, some
from statewf.cli.tell import lines, rejection, wrapped
from statewf.errors import DataError, EventRejected
from statewf.machine.book import in_order
from statewf.machine.record import state_of, tasks_of
from statewf.machine.snapshot import due
from statewf.runtime.calling import in_thread

if TYPE_CHECKING:
    from anyio.abc import TaskGroup
    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

    from statewf.cli.handle import Before, Live
    from statewf.machine.effects import Task
    from statewf.machine.fsm import Machine
    from statewf.machine.snapshot import Snapshot

FRAME = 0.1  # seconds between two drawings
SHARE = 10  # times as long as a drawing took, until the next
FEW = 10  # failed steps that are named at the end
LONGEST_END = 1_000  # characters of the last line
SOON = 60_000  # ms: a deadline that is farther off is not waited for where people could go on, and none is here


class Flow:
    """What `run` shows and does of a workflow; `quiet` until `document` is there to be printed.

    `decisions` says what is decided of a step's tasks, one after another; `resume` in words what goes on with
    an instance that was left, and `where` what names the place of it on the command line. `estimate` makes, when that is to be
    shown, what says how many ms an instance still takes.
    """

    def __init__(
        self,
        resume: str,
        where: str,
        estimate: Callable[[], Callable[[Snapshot], int | None]],
        script: Sequence[str],
        decisions: Mapping[str, Sequence[str]],
        *,
        quiet: bool,
    ) -> None:
        self.document: dict[str, Any] = {}
        self._resume = resume
        self._where = where
        self._estimate = estimate
        self._script = deque(script)
        self._decisions = {step: deque(listed) for step, listed in decisions.items()}
        self._quiet = quiet
        self._person = not quiet and sys.stdin is not None and sys.stdin.isatty()
        self._instance: Live | None = None
        self._view: View = Nothing()
        self._rejected: list[str] = []
        self._seq = 0  # of the last step that was shown
        self._typed: MemoryObjectReceiveStream[str] | None = None  # what a person typed, once one was asked

    def left(self) -> str:
        """What to tell somebody who interrupted."""
        return f"; {self._instance.id} is kept, and {self._resume} goes on with it" if self._instance else ""

    # --- showing

    def _catch_up(self, instance: Live) -> None:
        if not self._quiet and instance.snapshot.seq > self._seq:
            self._tell(instance, instance.history(after=self._seq))

    def _tell(self, instance: Live, rows: Iterable[Mapping[str, Any]]) -> None:
        for told in rows:
            self._seq = told["seq"]
            with output():
                self._view.show(told, instance.snapshot)

    def _begin(self, instance: Live, machine: Machine, before: Before | None) -> None:
        """Say whether this is a new instance or an old one, which was where `before` says, and what it did until now."""
        self._instance = instance
        if self._quiet:
            return
        steps = Steps(machine)
        past = instance.history()
        for told in past:
            if before is not None and told["seq"] <= before.seq:
                steps.follow(told)
        with output():
            click.echo(f"{instance.id}  {f'goes on from {before.state}' if before is not None else 'started'}")
        self._view = Screen(steps, instance.id, self._estimate()) if draws() else Lines(steps)
        self._tell(instance, past)

    # --- driving

    async def drive(self, instance: Live, machine: Machine, before: Before | None) -> int:
        """Go on until the instance ends or nothing but people can move it; the exit code."""
        self._begin(instance, machine, before)
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._follow, instance)
                if isinstance(self._view, Screen):
                    group.start_soon(self._draw, instance)
                await self._through(instance, machine, group)
                await self._hand_in(instance, machine)
                group.cancel_scope.cancel()
            self._catch_up(instance)
            self._view.start()
            self._view.draw(instance.snapshot)
        finally:
            self._view.stop()
        return self._finish(instance)

    async def _follow(self, instance: Live) -> None:
        """Tell what happens as it happens, whoever does it: somebody may `complete` its tasks elsewhere."""
        while not self._quiet:
            await instance.until(lambda: instance.snapshot.seq > self._seq)
            self._catch_up(instance)

    async def _draw(self, instance: Live) -> None:
        """Draw again and again, but so that most of the time is left for the run."""
        while True:
            began = anyio.current_time()
            with output():
                self._view.draw(instance.snapshot)
            await anyio.sleep(max(FRAME, SHARE * (anyio.current_time() - began)))

    async def _through(self, instance: Live, machine: Machine, group: TaskGroup) -> None:
        while True:
            if not self._turn(instance):
                self._view.start()
                await self._wait(instance, partial(self._turn, instance))
            if instance.done:
                return
            if task := self._decidable(instance):
                await self._decide(instance, task, self._decisions[task.step].popleft(), None)
            elif self._script and ready(instance, self._script[0]):
                await self._send(instance, machine, self._script.popleft(), None)
            elif not self._person:
                return
            else:
                await self._ask(instance, machine, group)

    def _turn(self, instance: Live) -> bool:
        """Whether it is our turn: it ended, there is something to send or decide, or only people can go on."""
        if instance.done or self._decidable(instance):
            return True
        return ready(instance, self._script[0]) if self._script else self._asks(instance)

    def _asks(self, instance: Live) -> bool:
        """Whether it waits for people: for one who is here, or for others, and nothing else happens soon."""
        snapshot = instance.snapshot
        if busy(snapshot):
            return False
        someone = bool(snapshot.book.tasks or instance.allowed)
        if self._person:
            return someone
        deadlines = snapshot.flight.deadlines.values()
        return not deadlines or (someone and all(at - snapshot.at > SOON for at in deadlines))

    def _decidable(self, instance: Live) -> Task | None:
        """A task whose decision was given on the command line."""
        if not self._decisions:
            return None
        tasks = tasks_of(instance.machine, instance.snapshot)
        return next((task for task in tasks if self._decisions.get(task.step)), None)

    async def _wait(self, instance: Live, reached: Callable[[], bool]) -> None:
        """Wait until that is so; where nothing is drawn, say what for if it takes long."""
        with anyio.move_on_after(PATIENCE) as patience:
            await instance.until(reached)
        if patience.cancelled_caught:
            if isinstance(self._view, Lines):
                self._say_what_for(instance)
            await instance.until(reached)

    def _say_what_for(self, instance: Live) -> None:
        tasks = tasks_of(instance.machine, instance.snapshot)
        click.echo(click.style(f"{_awaited(instance)}; Ctrl-C leaves it", dim=True), err=True)
        for line in asked(tasks, self._where):
            click.echo(line, err=True)

    # --- a person

    async def _ask(self, instance: Live, machine: Machine, group: TaskGroup) -> None:
        """Ask whoever sits there, until that is answered or something else happens."""
        self._view.stop()
        self._catch_up(instance)
        self._prompt(instance)
        if self._typed is None:
            sender, self._typed = anyio.create_memory_object_stream[str]()
            group.start_soon(_listen, sender)
        line = await self._line(instance, self._typed)
        if line is None:
            click.echo(err=True)  # away from the prompt
        elif not line:
            self._person = False
        elif line.strip():
            await self._give(instance, machine, line.strip())

    def _prompt(self, instance: Live) -> None:
        tasks = tasks_of(instance.machine, instance.snapshot)
        for line in asked(tasks, self._where):
            click.echo(line, err=True)
        if instance.allowed:
            click.echo(f"it accepts {', '.join(instance.allowed)}", err=True)
        wanted = tasks[0].step if len(tasks) == 1 else "step and decision"
        words = [*([wanted] if tasks else []), *(["event"] if instance.allowed else [])]
        click.echo(f"{' or '.join(words)}> ", nl=False, err=True)

    async def _line(self, instance: Live, typed: MemoryObjectReceiveStream[str]) -> str | None:
        """What was typed, empty at the end; None if the instance moved on meanwhile."""
        seq = instance.snapshot.seq
        line: str | None = None
        async with anyio.create_task_group() as group:

            async def moved() -> None:
                await instance.until(lambda: instance.snapshot.seq != seq)
                group.cancel_scope.cancel()

            group.start_soon(moved)
            try:
                line = await typed.receive()
            except anyio.EndOfStream:
                line = ""
            group.cancel_scope.cancel()
        return line

    async def _give(self, instance: Live, machine: Machine, line: str) -> None:
        """Do what a line says: EVENT [JSON], [STEP] DECISION [COMMENTS]."""
        tasks = {task.step: task for task in tasks_of(instance.machine, instance.snapshot)}
        first, *rest = line.split(maxsplit=1)
        if tasks and first not in instance.allowed:
            task = tasks.get(first)
            if task is not None and rest:
                first, *rest = rest[0].split(maxsplit=1)
            elif task is None and len(tasks) == 1:
                task = next(iter(tasks.values()))
            else:
                click.echo(f"say STEP DECISION, such as {next(iter(tasks))} approved", err=True)
                return
            meant = slip(first) or next((word for word in (rest[0].split() if rest else ()) if word in MEANT), None)
            if meant is not None and first not in MEANT:
                click.echo(f"did you mean {task.step} {meant}?", err=True)
                return
            await self._decide(instance, task, first, rest[0] if rest else None)
            return
        try:
            data = read_object(rest[0] if rest else None, f"the data of {first}")
            await self._send(instance, machine, first, data)
        except DataError as error:
            for told in lines(error, err=True):
                click.echo(told, err=True)

    # --- what is given to the instance

    async def _decide(self, instance: Live, task: Task, decision: str, comments: str | None) -> None:
        self._catch_up(instance)  # whom it was for is told while it is open
        try:
            await instance.complete(task.id, decision, by=user(), comments=comments)
        except EventRejected as error:
            self._refused(f"{task.step}={decision}", rejection(error))

    async def _send(self, instance: Live, machine: Machine, event: str, data: Any) -> None:
        try:
            await instance.send(event, data)
        except EventRejected as error:
            self._refused(event, rejection(error, advice(machine, error)))

    async def _hand_in(self, instance: Live, machine: Machine) -> None:
        """What is left of what was given on the command line: nothing is dropped silently."""
        while instance.done and self._script:
            await self._send(instance, machine, self._script.popleft(), None)
        for step, left in self._decisions.items():
            for decision in left:
                click.echo(f"--decide {step}={decision} was not used: it was not asked that often", err=True)

    def _refused(self, what: str, told: str) -> None:
        self._rejected.append(what)
        if self._instance is not None:
            self._catch_up(self._instance)
        if not self._quiet:
            click.echo(told, err=True)

    # --- the end

    def _finish(self, instance: Live) -> int:
        outcome = instance.outcome(self._rejected)
        self.document = outcome.document
        if not self._quiet:
            with output():
                self._say_the_end(instance)
        return 0 if instance.snapshot.ended == "success" else 1

    def _say_the_end(self, instance: Live) -> None:
        snapshot = instance.snapshot
        if instance.done:
            click.echo(wrapped(f"{instance.id}  {ending(snapshot)}", "", err=False))
            return
        waits = f"; it accepts {', '.join(instance.allowed)}" if instance.allowed else ""
        click.echo(f"{instance.id} is still in {instance.state}{waits}", err=True)
        for line in asked(tasks_of(instance.machine, snapshot), self._where):
            click.echo(line, err=True)


def _awaited(instance: Live) -> str:
    """What it waits for: calls, people, or the next timer."""
    snapshot = instance.snapshot
    people = [*(task.step for task in tasks_of(instance.machine, snapshot)), *instance.allowed]
    if words := waits_for(snapshot) or people:
        return f"waiting for {some(words)}"
    timers = due(instance.machine, snapshot)
    return f"waiting for {timers[0][1]} until {clock(timers[0][0])}" if timers else "waiting"


def ending(snapshot: Snapshot) -> str:
    """How a workflow ended, in words."""
    failed = in_order(snapshot.book.failed)
    if snapshot.ended == "success":
        how = (
            f"though {', '.join(failed[:FEW])}{' and others' if len(failed) > FEW else ''} failed" if failed else ""
        )
        return f"ended in {state_of(snapshot)}{f', {how}' if failed else ' (success)'}"
    why = snapshot.book.errors.get(WHOLE)
    step = f"{why['step']}: " if why is not None and why.get("step") not in (None, WHOLE) else ""
    told = f": {step}{what_failed(snapshot.book, WHOLE)}" if why is not None else ""
    return cut(f"ended in {state_of(snapshot)} (failure){told}", LONGEST_END)


async def _listen(sender: MemoryObjectSendStream[str]) -> None:
    """Pass on what somebody types, until the end of that."""
    with sender:
        while True:
            try:
                line = await in_thread(read_line)
            except DataError as error:
                for told in lines(error, err=True):
                    click.echo(told, err=True)
                continue
            if not line:
                return
            await sender.send(line)
