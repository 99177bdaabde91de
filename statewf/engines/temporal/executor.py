"""The executor on Temporal: the interface of `Executor`, with a server in place of a store.

Without handlers it is a client; with them it is a worker, too. Below: `wire`, `server`, `worker`. Above: the command line.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self

import attrs
from temporalio.client import Client

from statewf.compiler import compile_definition
from statewf.compiler.kept import compile_kept
from statewf.definition.model import Definition
from statewf.definition.write import to_json
from statewf.engines.temporal import limits, wire
from statewf.engines.temporal.activities import Activities
from statewf.engines.temporal.attributes import prepare
from statewf.engines.temporal.course import compiled, used_for
from statewf.engines.temporal.instance import TemporalInstance, beginning, named
from statewf.engines.temporal.server import Listed, Server
from statewf.engines.temporal.subscribers import Subscribers
from statewf.engines.temporal.worker import worker
from statewf.errors import (
    EventRejected,
    KeyConflict,
    RequestConflict,
    StatewfError,
    StoreError,
    UnknownInstance,
    UnknownMachine,
    UnknownTask,
)
from statewf.history.codec import decode_event, decode_snapshot, shown
from statewf.machine.effects import Task
from statewf.machine.events import Decided, Event
from statewf.machine.fsm import SEMANTICS, Machine
from statewf.machine.record import Receipt, was_open
from statewf.machine.snapshot import Snapshot, Step, blank
from statewf.runtime.handlers import Handlers, missing
from statewf.runtime.instance import Outcome, outcome
from statewf.runtime.live import replayed
from statewf.runtime.logs import Log
from statewf.runtime.outbox import Listener
from statewf.runtime.progress import PROGRESS
from statewf.values.canonical import digest
from statewf.values.frozen import freeze, freeze_object, plain_text, thaw

log = Log("statewf.temporal")

QUEUE = "statewf"  # the task queue, where none is named
HEARTBEAT = 5.0  # seconds after which a worker that shows no sign of life counts as dead
LONGEST = 3_000  # events of Temporal's history, which suggests to go on anew at about 4,100, and ends at 51,200
PATIENCE = 30.0  # seconds; the server itself gives up on one worker after 10
LAST = 0.05  # seconds that threads of the SDK have for what failed: Python may crash if it ends before they do
CONCURRENCY = 1_000  # handlers that run at once
LEAST = 10  # events of a history
MOST_MACHINES = 1_000  # definitions that are kept in memory


class TemporalExecutor:
    """Runs machines on a Temporal server. An async context manager, on asyncio.

    With `handlers` it works at `task_queue` while it is open; without, others do. `retries`: "machine" (each attempt is a transition
    and stands in the history) or "temporal" (a function step's retryPolicy is Temporal's, and the machine hears of the last
    attempt). `heartbeat` is after how many seconds without a sign of life the call of a dead worker is offered again, `patience`
    for how many a worker is waited for that is to say where an instance is. An instance goes on anew when its history has more
    than `longest` events. `concurrency` bounds how many handlers run here at once; when it is closed, they have `grace` seconds to end.
    """

    def __init__(
        self,
        client: Client,
        handlers: Handlers | None = None,
        task_queue: str = QUEUE,
        *,
        retries: wire.Retries = "machine",
        heartbeat: float = HEARTBEAT,
        patience: float = PATIENCE,
        longest: int = LONGEST,
        concurrency: int = CONCURRENCY,
        grace: float = 0,
    ) -> None:
        if longest < LEAST:
            raise ValueError(f"a history of {longest} events is too short to do anything in: {LEAST} at least")
        self.client = client
        self.task_queue = task_queue
        self._handlers = handlers
        self._subscribers = Subscribers()
        self._retries: wire.Retries = retries
        self._heartbeat = heartbeat
        self._server = Server(client, task_queue, patience)
        self._longest = longest
        self._concurrency = concurrency
        self._grace = grace
        self._deployed: dict[str, tuple[Machine, str]] = {}
        self._machines: OrderedDict[str, Machine] = OrderedDict()  # by digest
        self._stack: AsyncExitStack | None = None

    async def __aenter__(self) -> Self:
        if self._stack is not None:
            raise StatewfError("the executor is open already")
        await prepare(self.client)
        async with AsyncExitStack() as stack:
            if self._handlers is not None:
                activities = Activities(self._handlers, self._subscribers)
                await stack.enter_async_context(
                    worker(self.client, self.task_queue, activities, self._concurrency, self._grace)
                )
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop to work. Nothing is lost: what was under way here is done by another worker, or the next time."""
        assert self._stack is not None
        stack, self._stack = self._stack, None
        await stack.__aexit__(kind, error, trace)
        await asyncio.sleep(LAST)

    # --- machines and instances

    async def deploy(self, machine: Machine | Definition) -> Machine:
        """Make a machine known under its name, here: it goes to the server with each start.

        Raises HandlersError that lists the missing handlers, DefinitionError if it could not be read again, StoreError if it is too
        large.
        """
        deployed = machine if isinstance(machine, Machine) else compile_definition(machine)
        if self._handlers is not None and (error := missing(deployed, self._handlers)):
            raise error
        text = to_json(deployed.notes.definition)
        if (size := wire.size(text)) > limits.DEFINITION:
            raise StoreError(f"{deployed.name} has {size:,} bytes; on Temporal it may have {limits.DEFINITION:,}")
        compile_kept(text)
        self._deployed[deployed.name] = deployed, text
        return deployed

    async def start(
        self, name: str, inputs: Any = None, *, request_id: str | None = None, restart: bool = False
    ) -> TemporalInstance:
        """Start an instance of the machine deployed under `name`, here.

        With a `request_id` that was used before it is the same instance, finished or not; `restart` starts a successor of
        one that ended in failure. Raises UnknownMachine, RequestConflict when the inputs differ, DataError, and StoreError when
        it was started, but no worker answers for it.
        """
        return await self.get(await self.begin(name, inputs, request_id=request_id, restart=restart))

    async def begin(
        self, name: str, inputs: Any = None, *, request_id: str | None = None, restart: bool = False
    ) -> str:
        """Start an instance likewise, and do not wait for a worker to take it up: its id."""
        frozen = freeze_object(inputs, "the inputs")
        if name not in self._deployed:
            raise UnknownMachine(f"no machine named {name} was deployed here")
        machine, text = self._deployed[name]
        instance = named(name, request_id)
        begin: wire.Begin = {
            "interpreter": wire.VERSION,
            "semantics": SEMANTICS,
            "definition": text,
            "inputs": thaw(frozen),
            "retries": self._retries,
            "heartbeat": self._heartbeat,
            "longest": self._longest,
            "carried": None,
        }
        if (size := wire.size(begin["inputs"])) > limits.INPUTS:
            raise StoreError(
                f"the inputs of {name} have {size:,} bytes; on Temporal they may have {limits.INPUTS:,}"
            )
        if (size := wire.size(begin)) > limits.LARGEST:
            raise StoreError(f"{name} and its inputs have {size:,} bytes; Temporal takes {limits.LARGEST:,}")
        mark = digest([name, frozen])
        anew = restart and request_id is not None and await self._failed(instance, mark, request_id)
        if not await self._server.start(name, begin, instance, mark, request_id, anew=anew):
            await self._same(instance, mark, request_id)
        self._remember(machine)
        return instance

    async def _same(self, instance: str, mark: str, request_id: str | None) -> Listed:
        """Make sure that what runs, or ran, there was begun with the same; what is known of it."""
        known = await self._server.listed(instance)
        if known.mark != mark:
            raise RequestConflict(f"{request_id} was requested before with other inputs ({instance})")
        return known

    async def _failed(self, instance: str, mark: str, request_id: str) -> bool:
        """Whether there was such an instance, which ended in failure."""
        try:
            return (await self._same(instance, mark, request_id)).ended == "failure"
        except UnknownInstance:
            return False

    def _remember(self, machine: Machine) -> None:
        self._machines[machine.digest] = machine
        self._machines.move_to_end(machine.digest)
        if len(self._machines) > MOST_MACHINES:
            self._machines.popitem(last=False)

    async def get(self, instance: str) -> TemporalInstance:
        """The handle of an instance, as it is now. Raises UnknownInstance."""
        machine, snapshot = await self.look(instance)
        return TemporalInstance(self, instance, machine, snapshot)

    async def look(self, instance: str) -> tuple[Machine, Snapshot]:
        """The machine of an instance, and where it is. Raises UnknownInstance."""
        document = await self._server.query(instance, "look")
        machine = self._machines.get(document["digest"])
        if machine is None:
            machine = compiled(await self._server.query(instance, "definition"))
        self._remember(machine)
        inputs = freeze_object(document["inputs"], "the inputs")
        return machine, decode_snapshot(document["snapshot"], instance, inputs)

    async def list(
        self, *, machine: str | None = None, state: str | None = None, limit: int = 1_000
    ) -> Sequence[Listed]:
        """What is known of the instances at this task queue, the newest first; the server is some moments behind."""
        named = {} if machine is None else {"WorkflowType": [machine]}
        return await self._server.list({wire.STATE: None if state is None else [state], **named}, limit)

    async def listed(self, instance: str) -> Listed:
        """What is known of one instance. Raises UnknownInstance."""
        return await self._server.listed(instance)

    # --- events

    async def send(self, instance: str, event: str, data: Any = None, *, key: str | None = None) -> Receipt:
        """Send a named event, and return when it is kept.

        While an action of the instance runs, this waits. The same `key` again gets the same receipt, marked duplicate.
        Raises EventRejected (nothing changed; reason and allowed events), KeyConflict, UnknownInstance, DataError, Unknown.
        """
        sent, by = Event(event, data, 0, key), secrets.token_hex(8)
        document = wire.written_event(sent, by)
        try:
            answer = await self._server.update(instance, "send", document, event, key or by)
            if "error" in answer and answer["by"] != by:  # an earlier one had to wait: a refusal uses up no key
                answer = await self._server.update(instance, "send", document, event, by)
        except EventRejected as rejected:
            known = None
            if key is not None and rejected.reason == "terminal":
                known = await self._server.query(instance, "told", document)
            if known is None:
                raise
            return wire.receipt_of(known)
        receipt = wire.receipt_of(answer)
        if key is None:
            return receipt
        if answer["mark"] != used_for(sent):
            raise KeyConflict(f"the key {key} was used before for another event or other data")
        return receipt if answer["by"] == by else attrs.evolve(receipt, disposition="duplicate")

    async def signal(self, instance: str, event: str, data: Any = None, *, key: str | None = None) -> None:
        """Send a named event, and return when the server has it; what becomes of it nobody is told but the worker's log.

        Raises UnknownInstance, EventRejected of one that has ended, DataError, Unknown.
        """
        document = wire.written_event(Event(event, data, 0, key), "")
        await self._server.signal(instance, document, event, key)

    async def cancel(self, instance: str, *, now: bool = False) -> Receipt:
        """End an instance, at once: this does not wait for an action. Raises EventRejected when it has ended."""
        answer = await self._server.update(instance, "cancel", {"now": now}, "$cancel", secrets.token_hex(8))
        return wire.receipt_of(answer)

    # --- tasks

    async def tasks(
        self, *, instance: str | None = None, assigned_to: Any = None, limit: int = 1_000
    ) -> Sequence[Task]:
        """The open tasks of people, the oldest instance first: of one, or of all at this task queue; of all people, or of one."""
        wanted = freeze(assigned_to)
        if instance is not None:
            listed = [instance]
        else:
            asked: dict[str, Sequence[str] | None] = {wire.TASKS: None, "ExecutionStatus": ["Running"]}
            if wanted is not None:
                asked[wire.ASSIGNED] = [wire.person(wanted), wire.ANYBODY]
            listed = [one.id for one in await self._server.list(asked)][::-1]
        found: list[Task] = []
        for one in listed:
            if len(found) >= limit:
                break
            try:
                tasks = map(wire.task_of, await self._server.query(one, "tasks"))
            except StoreError as error:  # one that no worker can interpret is no reason to hide the others
                if len(listed) == 1:
                    raise
                log.warning("the tasks of %s are not listed: %s", one, error)
            else:
                found += [task for task in tasks if wanted is None or task.assigned_to == wanted]
        return found[:limit]

    async def complete(
        self,
        task: str,
        decision: str,
        *,
        by: str | None = None,
        comments: str | None = None,
        result: Any = None,
    ) -> Receipt:
        """Decide a task: `approved`, `rejected`, or any other text; `result` is what else there is to say.

        Raises EventRejected when it is not open any more, or cannot be decided so, UnknownTask, DataError.
        """
        decided = wire.written_decision(Decided(task, decision, by, comments, result))
        instance = task.partition("/")[0]
        try:
            answer = await self._server.update(instance, "complete", decided, "$decided", secrets.token_hex(8))
            return wire.receipt_of(answer)
        except UnknownInstance:
            raise UnknownTask(f"there is no task {task}") from None
        except EventRejected:
            if not was_open(*await self.look(instance), task):
                raise UnknownTask(f"there is no task {task}") from None
            raise

    # --- what became of it

    async def history(self, instance: str, *, after: int = 0) -> Sequence[dict[str, Any]]:
        """The history rows of an instance, from the one after that number: `{"seq", "at", "event", "data", "changes"}`."""
        return [shown(row) for row in await self.rows(instance, after=after)]

    async def rows(self, instance: str, *, after: int = 0) -> Sequence[dict[str, Any]]:
        """The history rows as a store keeps them, of which `decode_event` makes the events again."""
        return await self._server.rows(instance, after)

    async def steps(self, instance: str) -> tuple[Machine, Sequence[Step]]:
        """The machine of an instance, and all its steps, made again of its events.

        Raises UnknownInstance, StoreError when its history is too long for its beginning to be kept.
        """
        machine, _ = await self.look(instance)
        rows = await self._server.rows(instance, 0)
        if (lost := beginning(instance, rows)) is not None:
            raise lost
        return machine, tuple(replayed(machine, map(decode_event, rows), blank(machine, instance)))

    async def wait(self, instance: str) -> Outcome:
        """Wait until an instance ended and its last actions are done.

        Raises UnknownInstance, StoreError when it was terminated, or its workflow failed.
        """
        await self._server.ended(instance, lambda: self._is_over(instance))
        return await self.outcome(instance)

    async def _is_over(self, instance: str) -> bool:
        """Whether nothing more happens to an instance, though its workflow goes on to tell subscribers."""
        if not (await self.listed(instance)).ended:
            return False
        _, snapshot = await self.look(instance)
        return bool(snapshot.ended) and not (snapshot.flight.queue or snapshot.flight.calls)

    async def outcome(self, instance: str, rejected: Sequence[str] = ()) -> Outcome:
        """What an instance has come to so far; `rejected` names events it refused. Raises UnknownInstance.

        Its `document` raises StoreError when the history is too long for its beginning to be kept.
        """
        machine, snapshot = await self.look(instance)
        rows = await self._server.rows(instance, 0)
        return outcome(machine, snapshot, map(decode_event, rows), rejected, beginning(instance, rows))

    def on(self, event: str, listener: Listener | None = None, *, subscriber: str) -> Any:
        """Subscribe to an emitted event, as a call or a decorator: at this worker, before it is opened.

        Deliveries are in order of an instance and at least once. All workers of a task queue have to have the same subscribers,
        for any of them may be the one that tells. Raises StatewfError for `WorkflowProgress.updated`, which no history keeps.
        """
        plain_text(subscriber, "the name of a subscriber")
        if event == PROGRESS:
            raise StatewfError(f"{PROGRESS} is not told on Temporal: `look` says how far an instance is")

        def subscribe(chosen: Listener) -> Listener:
            self._subscribers.add(event, subscriber, chosen)
            return chosen

        return subscribe if listener is None else subscribe(listener)
