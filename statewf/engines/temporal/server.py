"""The server as an executor asks it: updates, signals, queries and lists, with its errors in our words.

Below: `wire`. Above: `executor`, which says what is asked, and what the answers mean.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

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
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from statewf.engines.temporal import wire
from statewf.errors import EventRejected, StatewfError, StoreError, Unknown, UnknownInstance
from statewf.values.canonical import digest

PAUSES = (0.1, 0.2, 0.4, *[0.8] * 40)  # seconds until something is sent again that a run could not take just then
LOOK = 5.0  # seconds between looks whether an instance is over whose workflow is not
ANSWER = timedelta(seconds=10)  # that a worker has to answer a query
LONGEST_ID = 200  # characters of an update's id; of a longer key it is the digest
MEMO = "statewf"  # what is remembered of a start: the digest of its inputs, the request, when it was
MS = 1_000_000  # ns
CONNECT = "Failed client connect"
FLOODED = "limit for signal events"
IN_FLIGHT = "in-flight updates"
STATE, OUTCOME = SearchAttributeKey.for_keyword(wire.STATE), SearchAttributeKey.for_keyword(wire.OUTCOME)
BROKEN = (  # it did not end by itself, and counts as failed: it may have a successor
    WorkflowExecutionStatus.FAILED,
    WorkflowExecutionStatus.TERMINATED,
    WorkflowExecutionStatus.TIMED_OUT,
    WorkflowExecutionStatus.CANCELED,
)
NOT_NOW = (RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED)
NOBODY = (
    RPCStatusCode.DEADLINE_EXCEEDED,
    RPCStatusCode.CANCELLED,
    RPCStatusCode.FAILED_PRECONDITION,
)  # without a worker


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
    mark: str = attrs.field(repr=False)  # of what it was begun with


class _NotReady(StatewfError):
    """The workflow is just continued as new, or was interrupted in a task: it is to be asked once more, by the same id."""


class Server:
    """A server, with the workflows at one task queue. A worker has `patience` seconds to answer a query."""

    def __init__(self, client: Client, task_queue: str, patience: float) -> None:
        self._client = client
        self._task_queue = task_queue
        self._patience = patience

    def _handle(self, instance: str) -> WorkflowHandle[Any, Any]:
        return self._client.get_workflow_handle(instance)

    # --- one instance

    async def start(
        self, name: str, begin: wire.Begin, instance: str, mark: str, request_id: str | None, *, anew: bool
    ) -> bool:
        """Start a workflow, if there was none of that id, or `anew`; whether it was started. Raises Unknown, StoreError."""
        known = TypedSearchAttributes(
            [SearchAttributePair(STATE, "")]
        )  # so that it is listed before a worker takes it up
        policy = WorkflowIDReusePolicy.ALLOW_DUPLICATE if anew else WorkflowIDReusePolicy.REJECT_DUPLICATE
        memo = {MEMO: {"mark": mark, "request": request_id, "created": time.time_ns() // MS}}
        try:
            with told(request_id):
                await self._client.start_workflow(
                    name,
                    begin,
                    id=instance,
                    task_queue=self._task_queue,
                    id_reuse_policy=policy,
                    memo=memo,
                    search_attributes=known,
                )
        except WorkflowAlreadyStartedError:
            return False
        return True

    async def update(
        self, instance: str, name: str, document: Mapping[str, Any], event: str, key: str
    ) -> Mapping[str, Any]:
        """What an update was answered. Raises what it was refused by, UnknownInstance, Unknown, StoreError."""
        update = key if len(key) <= LONGEST_ID else digest(key)
        pauses = iter(PAUSES)
        with told(key):
            while (pause := next(pauses, None)) is not None:
                try:
                    handle = self._handle(instance)
                    answer: dict[str, Any] = await handle.execute_update(
                        name, document, id=update, result_type=dict
                    )
                except WorkflowUpdateFailedError as error:
                    if not _is_crowded(error):
                        raise _refused(error) from error
                    pauses = iter(PAUSES)  # who waits for an action waits for as long as it takes
                except WorkflowUpdateRPCTimeoutOrCancelledError as error:
                    raise Unknown(key, f"the Temporal server gave no answer: {error}") from error
                except RPCError as error:
                    if IN_FLIGHT in error.message:
                        pauses = iter(PAUSES)  # likewise
                    elif not isinstance(gone := await self._gone(instance, event, error), _NotReady):
                        raise gone from error
                else:
                    return answer
                await asyncio.sleep(pause)
        raise Unknown(key, f"{instance} was not ready, again and again: nobody took {event}")

    async def signal(self, instance: str, document: Mapping[str, Any], event: str, key: str | None) -> None:
        """Send a signal. Raises EventRejected of one that has ended, UnknownInstance, Unknown, StoreError."""
        with told(key):
            for pause in PAUSES:
                try:
                    await self._handle(instance).signal("send", document)
                except RPCError as error:
                    if FLOODED not in error.message:
                        raise await self._gone(instance, event, error) from error
                    await asyncio.sleep(pause)  # who sends without end keeps it from going on anew
                else:
                    return
        raise Unknown(key, f"{instance} is flooded with signals: the server took no more of them, nor this one")

    async def query(self, instance: str, name: str, *args: Any) -> Any:
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
                        queue = (await self._handle(instance).describe()).task_queue
                        raise StoreError(f"no worker at the task queue {queue} answers for {instance}") from error
                await asyncio.sleep(PAUSES[0])  # it was with one that died, and the server does not know by now

    async def rows(self, instance: str, after: int) -> Sequence[dict[str, Any]]:
        """The history rows of an instance behind that number, page by page. Raises as `query` does."""
        rows: list[dict[str, Any]] = []
        while page := await self.query(instance, "history", rows[-1]["seq"] if rows else after):
            rows += page
        return tuple(rows)

    async def ended(self, instance: str, over: Callable[[], Awaitable[bool]]) -> None:
        """Wait until a workflow has ended, or the instance is `over` all the same, which is looked at now and then.

        Raises UnknownInstance, StoreError when it did not end by itself.
        """
        closed = asyncio.create_task(self._closed(instance))
        try:
            while not (await asyncio.wait((closed,), timeout=LOOK))[0]:
                if await over():
                    return
            await closed
        finally:
            closed.cancel()

    async def _closed(self, instance: str) -> None:
        with told():
            try:
                await self._handle(instance).result()
            except WorkflowFailureError as error:
                raise StoreError(f"the workflow {instance} did not end by itself: {error.cause}") from error
            except RPCError as error:
                raise await self._gone(instance, "", error) from error

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

    # --- what is known of them

    async def listed(self, instance: str) -> Listed:
        """What is known of one instance. Raises UnknownInstance, StoreError."""
        with told():
            try:
                return await _listed(await self._handle(instance).describe())
            except RPCError as error:
                raise await self._gone(instance, "", error) from error

    async def list(
        self, conditions: Mapping[str, Sequence[str] | None], limit: int | None = None
    ) -> Sequence[Listed]:
        """The instances of this task queue whose attributes are one of these each, or any but none (None); the newest first."""
        asked = [f"TaskQueue = {_quoted(self._task_queue)}", "ExecutionStatus != 'ContinuedAsNew'"]
        asked += [_condition(name, values) for name, values in conditions.items()]
        found: dict[str, Listed] = {}
        with told():
            async for one in self._client.list_workflows(" AND ".join(asked), limit=limit):
                found.setdefault(one.id, await _listed(one))  # what was started again is that
        return list(found.values())


async def _listed(known: WorkflowExecution) -> Listed:
    memo = await known.memo_value(MEMO, {})
    began = known.start_time.timestamp() * 1000
    updated = None if known.close_time is None else int(known.close_time.timestamp() * 1000)
    state, outcome = (known.typed_search_attributes.get(key, "") for key in (STATE, OUTCOME))
    times = int(memo.get("created", began)), updated
    ended = outcome or ("failure" if known.status in BROKEN else "")
    return Listed(known.id, known.workflow_type, memo.get("request"), *times, state, ended, memo.get("mark", ""))


def _is_crowded(error: WorkflowUpdateFailedError) -> bool:
    """Whether so many wait for an action that this one is to come again."""
    return isinstance(error.cause, ApplicationError) and error.cause.type == wire.CROWDED


def _refused(error: WorkflowUpdateFailedError) -> Exception:
    """What an update was refused by, in our words."""
    match error.cause:
        case ApplicationError(details=[Mapping() as refusal, *_]):
            try:
                wire.receipt_of(refusal)
            except StatewfError as refused:
                return refused
    return StoreError(f"the workflow could not take it: {error.cause}")


def _condition(name: str, values: Sequence[str] | None) -> str:
    """That an attribute is one of these values, or any."""
    if values is None:
        return f"{name} IS NOT NULL"
    return f"({' OR '.join(f'{name} = {_quoted(wire.word(value))}' for value in values)})"


def _quoted(text: str) -> str:
    """Text in a query of Temporal."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


@contextmanager
def told(key: str | None = None) -> Iterator[None]:
    """Errors of the server in our words. Raises Unknown where it may have taken what it was asked, StoreError."""
    try:
        yield
    except RPCError as error:
        if error.status in NOT_NOW:
            raise Unknown(key, f"the Temporal server cannot be reached: {error.message}") from error
        raise StoreError(f"the Temporal server refused: {error.message}") from error
    except RuntimeError as error:  # of a client that was to connect when it is used first
        if CONNECT not in str(error):
            raise
        raise Unknown(key, "the Temporal server cannot be reached: nobody answers at its address") from error
