"""The executor on Temporal: the interface of `Executor`, with a server in place of a store.

Without handlers it is a client; with them it is a worker, too. Below: `wire`, `server`, `worker`. Above: the command line.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from types import TracebackType
from typing import Any, Self

import attrs
from temporalio.client import (
    Client,
    WorkflowExecution,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowQueryFailedError,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import SearchAttributeKey, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from statewf.compiler import compile_definition
from statewf.compiler.kept import compile_kept
from statewf.definition.model import Definition
from statewf.definition.write import to_json
from statewf.engines.temporal import wire
from statewf.engines.temporal.course import compiled, used_for
from statewf.engines.temporal.instance import TemporalInstance
from statewf.engines.temporal.server import is_full, prepare, told
from statewf.engines.temporal.subscribers import Subscribers
from statewf.engines.temporal.worker import worker
from statewf.errors import (
    EventRejected,
    KeyConflict,
    RequestConflict,
    StatewfError,
    StoreError,
    Unknown,
    UnknownInstance,
    UnknownMachine,
    UnknownTask,
)
from statewf.history.codec import decode_event, decode_snapshot, shown
from statewf.machine.effects import Task
from statewf.machine.events import Decided, Event
from statewf.machine.fsm import SEMANTICS, Machine
from statewf.machine.record import Receipt, slug, was_open
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
LONGEST = (
    3_000  # events of a history: Temporal suggests to go on anew at about 4,100, and ends a workflow at 51,200
)
PATIENCE = 30.0  # seconds; the server itself gives up on one worker after 10
LARGEST = 1_500_000  # characters of a definition: a payload of Temporal holds 2 MB
MEMO = "statewf"  # what is remembered of a start: the digest of its inputs, the request, when it was
MS = 1_000_000  # ns
LAST = (
    0.05  # seconds that threads of the SDK have to be through with what failed: Python may crash if it ends before
)
MOST_MACHINES = 1_000  # definitions that are kept in memory
LONGEST_ID = 200  # characters of an update's id; of a longer key it is the digest
PAUSES = (0.1, 0.2, 0.4, *[0.8] * 40)  # seconds until something is sent again that a run could not take just then
ANSWER = timedelta(seconds=10)  # that a worker has to answer a query
NOBODY = (
    RPCStatusCode.DEADLINE_EXCEEDED,
    RPCStatusCode.CANCELLED,
    RPCStatusCode.FAILED_PRECONDITION,
)  # what a query is told without a worker


@attrs.frozen
class Listed:
    """What is known of an instance without asking it. Times are milliseconds since the epoch; `updated` is when it ended, None before."""

    id: str
    name: str
    request_id: str | None
    created: int
    updated: int | None
    state: str
    ended: str


class TemporalExecutor:
    """Runs machines on a Temporal server. An async context manager, on asyncio.

    With `handlers` it works at `task_queue` while it is open; without, others do. `retries`: "machine" (each attempt is a transition
    and stands in the history) or "temporal" (a function step's retryPolicy is Temporal's, and the machine hears of the last
    attempt). `heartbeat` is after how many seconds without a sign of life the call of a dead worker is offered again, `patience`
    for how many a worker is waited for that is to say where an instance is. An instance goes on anew when its history has more
    than `longest` events.
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
    ) -> None:
        self.client = client
        self.task_queue = task_queue
        self._handlers = handlers
        self._subscribers = Subscribers()
        self._retries: wire.Retries = retries
        self._heartbeat = heartbeat
        self._patience = patience
        self._longest = longest
        self._deployed: dict[str, tuple[Machine, str]] = {}
        self._machines: OrderedDict[str, Machine] = OrderedDict()  # by digest
        self._stack: AsyncExitStack | None = None

    async def __aenter__(self) -> Self:
        if self._stack is not None:
            raise StatewfError("the executor is open already")
        await prepare(self.client)
        async with AsyncExitStack() as stack:
            if self._handlers is not None:
                await stack.enter_async_context(
                    worker(self.client, self._handlers, self._subscribers, self.task_queue)
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

        Raises HandlersError that lists the missing handlers, DefinitionError if it is too large or could not be read again.
        """
        deployed = machine if isinstance(machine, Machine) else compile_definition(machine)
        if self._handlers is not None and (error := missing(deployed, self._handlers)):
            raise error
        text = to_json(deployed.notes.definition)
        if len(text) > LARGEST:
            raise StoreError(f"{deployed.name} has {len(text):,} characters; Temporal takes {LARGEST:,}")
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
        instance = _id(name, request_id)
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
        mark = digest([name, frozen])
        reuse = WorkflowIDReusePolicy.REJECT_DUPLICATE
        if restart and request_id is not None and await self._failed(instance, mark, request_id):
            reuse = WorkflowIDReusePolicy.ALLOW_DUPLICATE
        try:
            with told(request_id):
                memo = {MEMO: {"mark": mark, "request": request_id, "created": time.time_ns() // MS}}
                await self.client.start_workflow(
                    name, begin, id=instance, task_queue=self.task_queue, id_reuse_policy=reuse, memo=memo
                )
        except WorkflowAlreadyStartedError:
            await self._same(instance, mark, request_id)
        self._machines[machine.digest] = machine
        return instance

    async def _same(self, instance: str, mark: str, request_id: str | None) -> WorkflowExecutionStatus | None:
        """Make sure that what runs, or ran, there was begun with the same; how it is."""
        with told(request_id):
            known = await self.client.get_workflow_handle(instance).describe()
            if (await known.memo_value(MEMO, {})).get("mark") != mark:
                raise RequestConflict(f"{request_id} was requested before with other inputs ({instance})")
        return known.status

    async def _failed(self, instance: str, mark: str, request_id: str) -> bool:
        """Whether there was such an instance, which ended in failure."""
        try:
            await self._same(instance, mark, request_id)
            _, snapshot = await self.look(instance)
        except StoreError:
            return False
        return snapshot.ended == "failure"

    async def get(self, instance: str) -> TemporalInstance:
        """The handle of an instance, as it is now. Raises UnknownInstance."""
        machine, snapshot = await self.look(instance)
        return TemporalInstance(self, instance, machine, snapshot)

    async def look(self, instance: str) -> tuple[Machine, Snapshot]:
        """The machine of an instance, and where it is. Raises UnknownInstance."""
        document = await self._query(instance, "look")
        machine = self._machines.get(document["digest"])
        if machine is None:
            machine = compiled(await self._query(instance, "definition"))
            self._machines[document["digest"]] = machine
            if len(self._machines) > MOST_MACHINES:
                self._machines.popitem(last=False)
        inputs = freeze_object(document["inputs"], "the inputs")
        return machine, decode_snapshot(document["snapshot"], instance, inputs)

    async def list(
        self, *, machine: str | None = None, state: str | None = None, limit: int = 1_000
    ) -> Sequence[Listed]:
        """What is known of the instances at this task queue, the newest first; the server is some moments behind."""
        asked = [f"{wire.STATE} IS NOT NULL", self._mine]
        if machine is not None:
            asked.append(f"WorkflowType = {_quoted(machine)}")
        if state is not None:
            asked.append(f"{wire.STATE} = {_quoted(state)}")
        asked.append("ExecutionStatus != 'ContinuedAsNew'")
        with told():
            return [
                await _listed(one) async for one in self.client.list_workflows(" AND ".join(asked), limit=limit)
            ]

    async def listed(self, instance: str) -> Listed:
        """What is known of one instance. Raises UnknownInstance."""
        with told():
            try:
                return await _listed(await self._handle(instance).describe())
            except RPCError as error:
                raise await self._gone(instance, "", error) from error

    # --- events

    async def send(self, instance: str, event: str, data: Any = None, *, key: str | None = None) -> Receipt:
        """Send a named event, and return when it is kept.

        While an action of the instance runs, this waits. The same `key` again gets the same receipt, marked duplicate.
        Raises EventRejected (nothing changed; reason and allowed events), KeyConflict, UnknownInstance, DataError, Unknown.
        """
        sent, by = Event(event, data, 0, key), secrets.token_hex(8)
        document = wire.written_event(sent, by)
        try:
            answer = await self._update(instance, "send", document, event, key or by)
            if (
                "error" in answer and answer["by"] != by
            ):  # an earlier one was refused, which does not use up its key
                answer = await self._update(instance, "send", document, event, by)
        except EventRejected as rejected:
            if (
                key is None
                or rejected.reason != "terminal"
                or not (known := await self._query(instance, "told", document))
            ):
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
        with told(key):
            for pause in PAUSES:
                try:
                    await self._handle(instance).signal("send", document)
                except RPCError as error:
                    if not is_full(error):
                        raise await self._gone(instance, event, error) from error
                    await asyncio.sleep(pause)  # who sends without end keeps it from going on anew
                else:
                    return
        raise Unknown(key, f"{instance} is flooded with signals: the server took no more of them, nor this one")

    async def cancel(self, instance: str, *, now: bool = False) -> Receipt:
        """End an instance, at once: this does not wait for an action. Raises EventRejected when it has ended."""
        answer = await self._update(instance, "cancel", {"now": now}, "$cancel", secrets.token_hex(8))
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
            asked = f"{wire.TASKS} IS NOT NULL AND {self._mine} AND ExecutionStatus = 'Running'"
            if wanted is not None:
                asked += f" AND {wire.ASSIGNED} = {_quoted(wire.person(wanted))}"
            with told():
                listed = [one.id async for one in self.client.list_workflows(asked, limit=limit)][::-1]
        found: Any = []
        for one in listed:
            try:
                found += map(wire.task_of, await self._query(one, "tasks"))
            except StoreError as error:  # one that no worker can interpret is no reason to hide the others
                if len(listed) == 1:
                    raise
                log.warning("the tasks of %s are not listed: %s", one, error)
        return [task for task in found if wanted is None or task.assigned_to == wanted][:limit]

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
            answer = await self._update(instance, "complete", decided, "$decided", secrets.token_hex(8))
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
        return [shown(row) for row in await self._rows(instance, after)]

    async def steps(self, instance: str) -> tuple[Machine, Sequence[Step]]:
        """The machine of an instance, and all its steps, made again of its events.

        Raises UnknownInstance, StoreError when its history is too long for its beginning to be kept.
        """
        machine, _ = await self.look(instance)
        rows = await self._rows(instance, 0)
        if rows[0]["seq"] > 1:
            raise StoreError(f"{instance} has a long history, whose first {rows[0]['seq'] - 1:,} rows are not kept")
        return machine, tuple(replayed(machine, map(decode_event, rows), blank(machine, instance)))

    async def wait(self, instance: str) -> Outcome:
        """Wait until an instance ended and its last actions are done.

        Raises UnknownInstance, StoreError when it was terminated, or its workflow failed.
        """
        with told():
            try:
                await self._handle(instance).result()
            except WorkflowFailureError as error:
                raise StoreError(f"the workflow {instance} did not end by itself: {error.cause}") from error
            except RPCError as error:
                raise await self._gone(instance, "", error) from error
        return await self.outcome(instance)

    async def outcome(self, instance: str, rejected: Sequence[str] = ()) -> Outcome:
        """What an instance has come to so far; `rejected` names events it refused. Raises UnknownInstance."""
        machine, snapshot = await self.look(instance)
        return outcome(machine, snapshot, map(decode_event, await self._rows(instance, 0)), rejected)

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

    # --- asking the server

    @property
    def _mine(self) -> str:
        return f"TaskQueue = {_quoted(self.task_queue)}"

    def _handle(self, instance: str) -> WorkflowHandle[Any, Any]:
        return self.client.get_workflow_handle(instance)

    async def _update(
        self, instance: str, name: str, document: dict[str, Any], event: str, key: str
    ) -> Mapping[str, Any]:
        """What an update was answered. Raises what it was refused by."""
        update = key if len(key) <= LONGEST_ID else digest(key)
        with told(key):
            for pause in PAUSES:
                try:
                    handle = self._handle(instance)
                    answer: dict[str, Any] = await handle.execute_update(
                        name, document, id=update, result_type=dict
                    )
                    return answer
                except WorkflowUpdateFailedError as error:
                    raise _refused(error) from error
                except WorkflowUpdateRPCTimeoutOrCancelledError as error:
                    raise Unknown(key, f"the Temporal server gave no answer: {error}") from error
                except RPCError as error:
                    gone = await self._gone(instance, event, error)
                    if not isinstance(gone, _NotReady):
                        raise gone from error
                await asyncio.sleep(pause)
        raise Unknown(key, f"{instance} was not ready, again and again: nobody took {event}")

    async def _gone(self, instance: str, event: str, error: RPCError) -> Exception:
        """Why there is nobody to ask, or nobody yet."""
        if error.status == RPCStatusCode.FAILED_PRECONDITION:
            return _NotReady(instance)  # something else happened in the same moment: the server tries that again
        if error.status != RPCStatusCode.NOT_FOUND:
            return error
        try:
            known = await self._handle(instance).describe()
        except RPCError as worse:
            if worse.status != RPCStatusCode.NOT_FOUND:
                return worse
            return UnknownInstance(f"there is no instance {instance}")
        if known.status == WorkflowExecutionStatus.RUNNING:
            return _NotReady(instance)
        return EventRejected(event, "terminal", "the instance has ended")

    async def _query(self, instance: str, name: str, *args: Any) -> Any:
        """What a query was answered. Raises UnknownInstance, StoreError when no worker answers, for as long as there is patience."""
        late = time.monotonic() + self._patience
        with told():
            while True:
                try:
                    return await self._handle(instance).query(name, args=args, rpc_timeout=ANSWER)
                except WorkflowQueryFailedError as error:
                    raise StoreError(f"{instance} cannot be looked at: {error}") from error
                except RPCError as error:
                    if error.status == RPCStatusCode.NOT_FOUND:
                        raise UnknownInstance(f"there is no instance {instance}") from error
                    if error.status not in NOBODY:
                        raise
                    if time.monotonic() > late:
                        raise StoreError(f"no worker answers for {instance}: is one running?") from error
                await asyncio.sleep(PAUSES[0])  # it was with one that died, and the server does not know by now

    async def _rows(self, instance: str, after: int) -> Sequence[dict[str, Any]]:
        """The rows of an instance, page by page."""
        rows: Any = []
        while page := await self._query(instance, "history", rows[-1]["seq"] if rows else after):
            rows += page
        return tuple(rows)


async def _listed(known: WorkflowExecution) -> Listed:
    memo = await known.memo_value(MEMO, {})
    began = known.start_time.timestamp() * 1000
    updated = None if known.close_time is None else int(known.close_time.timestamp() * 1000)
    found = [
        known.typed_search_attributes.get(SearchAttributeKey.for_keyword(name), "")
        for name in (wire.STATE, wire.OUTCOME)
    ]
    created = int(memo.get("created", began))
    return Listed(known.id, known.workflow_type, memo.get("request"), created, updated, *found)


class _NotReady(StatewfError):
    """The workflow is just continued as new, or was interrupted in a task: it is to be asked once more, by the same id."""


def _refused(error: WorkflowUpdateFailedError) -> Exception:
    """What an update was refused by, in our words."""
    match error.cause:
        case ApplicationError(details=[Mapping() as told_by, *_]):
            try:
                wire.receipt_of(told_by)
            except StatewfError as refusal:
                return refusal
    return StoreError(f"the workflow could not take it: {error.cause}")


def _id(name: str, request_id: str | None) -> str:
    """The workflow's id: of the same request it is the same. A task's id begins with it, up to a slash."""
    if request_id is None:
        return f"{slug(name)}-{secrets.token_hex(6)}"
    return f"{slug(name)}:{request_id.replace('%', '%25').replace('/', '%2F')}"


def _quoted(text: str) -> str:
    """Text in a query of Temporal."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
