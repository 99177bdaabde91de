"""The one workflow that interprets every machine: an instance is a workflow, `step` says what becomes of it.

A definition is input data and `step` is pure, so a new definition can never break a running one; what could, a change of
this file, is pinned (`VERSION`) and held by recorded histories in the tests.

- An event is an update: it is refused by the validator, before anything is recorded, or told with a receipt.
- A call is an activity; what follows from its end goes by the machine's own transitions, so that its retries are seen.
- The deadlines of a machine are one timer of the server, set for the next of them. One that moved later is not set anew: it
  rings once in vain, which is cheaper than setting it at each event.
- What is emitted goes out by one activity after another, in order.
- When the history grows long it is continued as new, with all that is known; never while an activity runs.

Runs on Temporal's own event loop: no clock, no chance, no thread, no set is gone through; and so needs no sandbox.
Below: `course`, which is all of it but time and calls. Above: `worker`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

import attrs
from temporalio import workflow
from temporalio.common import RawValue, RetryPolicy, SearchAttributeKey
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.exceptions import CancelledError as ActivityCancelled

from statewf.engines.temporal import wire
from statewf.engines.temporal.course import MOST_TIMERS, Course, compiled, used_for
from statewf.engines.temporal.policy import policy_of
from statewf.errors import EventRejected, StatewfError
from statewf.machine.effects import Call, Emit, Recall
from statewf.machine.events import AnyEvent, CallId, Cancel, Event, Failed, Returned, Start
from statewf.machine.fsm import SEMANTICS, Machine
from statewf.machine.record import event_name, receipt, state_of, succeeded, tasks_of
from statewf.machine.snapshot import Rejected, Snapshot, Step, allowed
from statewf.machine.work import cancelled
from statewf.runtime.requests import refusal
from statewf.values.frozen import Json, Object, freeze_object, thaw

MOST_UPDATES = 1_500  # of one run; the server takes 2,000
AT_ONCE = 100  # emitted events that are told in one activity
LONG = timedelta(days=3650)  # a call takes as long as it takes: its machine knows when that is too long

_STATE = SearchAttributeKey.for_keyword(wire.STATE)
_OUTCOME = SearchAttributeKey.for_keyword(wire.OUTCOME)
_TASKS = SearchAttributeKey.for_keyword_list(wire.TASKS)
_ASSIGNED = SearchAttributeKey.for_keyword_list(wire.ASSIGNED)
EMPTY: dict[SearchAttributeKey[Any], Any] = {_STATE: "", _OUTCOME: "", _TASKS: [], _ASSIGNED: []}


@attrs.define(eq=False)
class _Waiting:
    """An event that waits its turn. That of a signal was `heard`: nobody is there to be answered."""

    event: Event
    heard: bool
    answer: dict[str, Any] | None = None


@workflow.defn(dynamic=True, sandboxed=False)
class Interpreter:
    """An instance of a machine. Its workflow type is the name of the machine."""

    @workflow.init
    def __init__(self, args: Sequence[RawValue]) -> None:
        begin = workflow.payload_converter().from_payload(args[0].payload, wire.Begin)
        self._begin = begin
        self._id = workflow.info().workflow_id
        self._calls: dict[CallId, workflow.ActivityHandle[Any]] = {}
        self._outbox: list[dict[str, Any]] = []
        self._telling = False
        self._told: dict[SearchAttributeKey[Any], Any] = {}  # search attributes as they are
        self._changed = True
        self._updates = 0
        self._bug: ApplicationError | None = None
        self._line: deque[_Waiting] = deque()
        self._alarm: tuple[int, asyncio.Task[None]] | None = None
        self._known: Course | None = None
        with suppress(ApplicationError):  # `run` tells it, and why there is nothing to run
            self._known = self._begun()
            if self._known is not None and begin["carried"] is None:
                self._take(Start(freeze_object(begin["inputs"], "the inputs"), self._now()))
            elif self._known is not None:
                self._told = _where(self._known.machine, self._known.snapshot)  # they go along from run to run

    def _begun(self) -> Course | None:
        """What this run begins with; None if that is for another interpreter."""
        begin = self._begin
        if (begin["interpreter"], begin["semantics"]) != (wire.VERSION, SEMANTICS):
            return None
        try:
            machine = compiled(begin["definition"])
        except StatewfError as error:
            self._bug = ApplicationError(
                f"the definition cannot be read: {error}", type="Definition", non_retryable=True
            )
            raise self._bug from error
        if begin["carried"] is None:
            return Course(machine, self._id)
        return Course.resumed(machine, self._id, begin["inputs"], begin["carried"])

    @property
    def _course(self) -> Course:
        """The course of the instance. Raises RuntimeError, by which a task is tried again, until a worker has what it needs."""
        if self._known is None:
            begin, mine = self._begin, f"interpreter {wire.VERSION}, semantics {SEMANTICS}"
            theirs = f"interpreter {begin['interpreter']}, semantics {begin['semantics']}"
            raise RuntimeError(f"begun by {theirs}; this worker has {mine}: it waits for one that fits")
        return self._known

    @workflow.run
    async def run(self, args: Sequence[RawValue]) -> dict[str, Any]:  # noqa: ARG002  # Temporal gives them to both
        """Go on until it has ended; what it came to."""
        while True:
            if self._bug is not None:
                raise self._bug
            self._catch_up(self._now(), including=True)
            self._serve()
            if self._is_over():
                return self._outcome()
            if self._goes_on_anew():
                workflow.continue_as_new(arg={**self._begin, "carried": self._course.carried()})
            self._set_alarm()
            self._changed = False
            try:
                await workflow.wait_condition(lambda: self._changed or self._is_over() or self._goes_on_anew())
            except asyncio.CancelledError:  # of the workflow, by Temporal's own tools
                self._take(Cancel(self._now()))

    # --- what is asked of it

    @workflow.update(name="send")
    async def send(self, document: dict[str, Any]) -> dict[str, Any]:
        """Take an event, when no action runs."""
        self._updates += 1
        one = self._queue(wire.event_of(document))
        if one.answer is None:
            await workflow.wait_condition(lambda: one.answer is not None)
        return {**(one.answer or {}), "mark": used_for(one.event), "by": document.get("by")}

    @send.validator
    def may_send(self, document: dict[str, Any]) -> None:
        """Refuse what would be refused now; what has to wait for an action is told later."""
        self._refuse(lambda: self._refusal_of(wire.event_of(document)))

    @workflow.update(name="complete")
    def complete(self, document: dict[str, Any]) -> dict[str, Any]:
        """Take the decision of a task."""
        self._updates += 1
        return self._answered(wire.decision_of(document)._replace(at=self._now()))

    @complete.validator
    def may_complete(self, document: dict[str, Any]) -> None:
        self._refuse(lambda: self._refusal(wire.decision_of(document)._replace(at=self._now())))

    @workflow.update(name="cancel")
    def cancel(self, document: dict[str, Any]) -> dict[str, Any]:
        """End it, with undoing or without."""
        self._updates += 1
        return self._answered(Cancel(self._now(), bool(document.get("now"))))

    @cancel.validator
    def may_cancel(self, document: dict[str, Any]) -> None:
        self._refuse(lambda: self._refusal(Cancel(self._now(), bool(document.get("now")))))

    @workflow.signal(name="send")
    def send_signal(self, document: Any) -> None:
        """Take an event of which nobody awaits what becomes of it."""
        self._hear(lambda: wire.event_of(document))

    @workflow.signal(dynamic=True)
    def signal(self, name: str, args: Sequence[RawValue]) -> None:
        """Take the event of that name, with what the signal brings as its data."""
        converter = workflow.payload_converter()
        self._hear(lambda: Event(name, converter.from_payload(args[0].payload) if args else None))

    @workflow.query(name="state")
    def state(self) -> str:
        """The state it is in."""
        return state_of(self._course.snapshot)

    @workflow.query(name="allowed")
    def allowed(self) -> list[str]:
        """The events that lead on from here."""
        return list(allowed(self._course.machine, self._course.snapshot))

    @workflow.query(name="tasks")
    def tasks(self) -> list[dict[str, Any]]:
        """What people are to decide."""
        return [thaw(Object(task._asdict())) for task in tasks_of(self._course.machine, self._course.snapshot)]

    @workflow.query(name="history")
    def history(self, after: int = 0, most: int = wire.PAGE) -> list[dict[str, Any]]:
        """The history rows behind that number, as many as a query holds."""
        return self._course.history(after, most)

    @workflow.query(name="told")
    def told(self, document: dict[str, Any]) -> dict[str, Any] | None:
        """What an event with that key was told before, for who sends it again when it has ended."""
        try:
            known = self._course.told(wire.event_of(document))
        except StatewfError as error:
            return thaw(refusal(error))  # type: ignore[no-any-return]  # an object thaws to a dict
        return None if known is None else wire.written_receipt(known)

    @workflow.query(name="look")
    def look(self) -> dict[str, Any]:
        """All there is to know of where it is."""
        return {
            **self._course.look(),
            "digest": self._course.machine.digest,
            "inputs": self._begin["inputs"],
        }

    @workflow.query(name="definition")
    def definition(self) -> str:
        """The definition of its machine."""
        return self._begin["definition"]

    # --- taking events

    def _now(self) -> int:
        """Milliseconds since the epoch, by the history."""
        return workflow.time_ns() // 1_000_000

    def _take(self, event: AnyEvent) -> Step | Rejected:
        """Go on by an event. A bug ends the workflow, and says so: an error of another kind would be tried again for ever."""
        try:
            made = self._course.take(event)
            if isinstance(made, Step):
                self._changed = True
                self._perform(made)
        except Exception as error:
            told = f"{event_name(event)} could not be taken: {type(error).__name__}: {error}"
            self._bug, self._changed = ApplicationError(told, type="Bug", non_retryable=True), True
            raise self._bug from error
        return made

    def _catch_up(self, now: int, *, including: bool = False) -> None:
        """Fire the timers that were due before now, or just now."""
        for _ in range(MOST_TIMERS):
            fired = self._course.late(now, including=including)
            if fired is None:
                break
            self._take(fired)

    def _answered(self, event: AnyEvent) -> dict[str, Any]:
        """Take an event now; its receipt, or the refusal."""
        self._catch_up(event.at)
        made = self._take(event)
        if isinstance(made, Rejected):
            return thaw(refusal(_rejection(made)))  # type: ignore[no-any-return]  # an object thaws to a dict
        told = self._course.answer(made) if isinstance(event, Event) else receipt(self._course.machine, made)
        return wire.written_receipt(told)

    def _queue(self, event: Event, *, heard: bool = False) -> _Waiting:
        """Take a named event as soon as no action runs, first come, first served."""
        one = _Waiting(event, heard)
        self._line.append(one)
        self._serve()
        return one

    def _serve(self) -> None:
        """Take the events that wait, while no action runs."""
        while self._line and not self._course.snapshot.flight.queue:
            one = self._line.popleft()
            try:
                known = self._course.told(one.event)
                now = one.event.at_time(self._now())
                one.answer = wire.written_receipt(known) if known is not None else self._answered(now)
            except StatewfError as error:
                one.answer = thaw(refusal(error))
            if one.heard and "error" in one.answer:
                self._lament(one.answer["message"])

    def _hear(self, sent: Callable[[], Event]) -> None:
        """Take the event of a signal, if it is one: whatever else somebody sends must not keep the instance from going on."""
        try:
            event = sent()
        except Exception as error:
            self._lament(f"{type(error).__name__}: {error}")
        else:
            self._queue(event, heard=True)

    def _lament(self, why: object) -> None:
        """Tell in the log that a signal came to nothing, for there is nobody else to be told."""
        workflow.logger.warning("a signal to %s came to nothing: %s", self._id, why)

    # --- refusing, before anything is recorded

    def _refuse(self, refused: Callable[[], StatewfError | None]) -> None:
        """Raise what it would be refused by."""
        try:
            error = refused()
        except StatewfError as wrong:
            error = wrong
        if error is not None:
            raise ApplicationError(str(error), thaw(refusal(error)), type=type(error).__name__, non_retryable=True)

    def _refusal_of(self, event: Event) -> StatewfError | None:
        if self._course.told(event) is not None or self._line or self._course.snapshot.flight.queue:
            return None
        return self._refusal(event.at_time(self._now()))

    def _refusal(self, event: AnyEvent) -> StatewfError | None:
        made = self._course.refusal(event, event.at)
        return None if made is None else _rejection(made)

    # --- effects

    def _perform(self, made: Step) -> None:
        """Perform the effects of a step."""
        emitted = 0
        for effect in made.effects:
            match effect:
                case Call() if effect.id in made.after.flight.calls:
                    self._call(effect)
                case Recall(call, awaited):
                    handle = self._calls.get(call) if awaited else self._calls.pop(call, None)
                    if handle is not None:
                        handle.cancel()
                case Emit(event, data):
                    self._emit(event, data, f"{self._id}/{made.after.seq}/{emitted}", made.after.at)
                    emitted += 1
                case _:
                    pass  # deadlines are looked up in the snapshot, tasks told by search attributes
        self._tell_where()

    def _call(self, call: Call) -> None:
        retries = self._begin["retries"] == "temporal"
        policy = policy_of(self._course.machine, call) if retries else None
        handle = workflow.start_activity(
            call.handler,
            wire.written_work(call, self._id, self._course.snapshot.inputs, again=policy is not None),
            activity_id=f"{call.id.seq}.{call.id.nth}",
            start_to_close_timeout=LONG,
            heartbeat_timeout=timedelta(seconds=self._begin["heartbeat"]),
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            retry_policy=policy or RetryPolicy(),
            summary=call.step,
        )
        self._calls[call.id] = handle
        asyncio.create_task(self._await(call, handle, last=policy is not None))  # noqa: RUF006  # its handle is kept

    async def _await(self, call: Call, handle: workflow.ActivityHandle[Any], *, last: bool) -> None:
        """Wait for the end of a call, and go on by it. `last`: it was tried again by Temporal as often as it may be."""
        reply: Returned | Failed
        try:
            answer = await handle
            reply = wire.reply_of(call.id, answer, self._now())
        except ActivityError as error:
            reply = _failed(call.id, error, self._now(), last=last)
        except asyncio.CancelledError:
            reply = cancelled(call.id, self._now())
        self._calls.pop(call.id, None)
        self._changed = True
        self._catch_up(reply.at)
        self._take(reply)  # if nobody wants it any more, nothing comes of it
        self._serve()

    def _emit(self, event: str, data: Json, stable: str, at: int) -> None:
        self._outbox.append({"id": stable, "instance": self._id, "event": event, "data": thaw(data), "at": at})
        if not self._telling:
            self._telling = True
            asyncio.create_task(self._tell())  # noqa: RUF006  # `_telling` says that it runs

    async def _tell(self) -> None:
        """Tell subscribers what was emitted, in order, until all of it is told."""
        while self._outbox:
            some = self._outbox[:AT_ONCE]
            beat = timedelta(seconds=self._begin["heartbeat"])
            await workflow.execute_activity(
                wire.TELL, some, start_to_close_timeout=LONG, heartbeat_timeout=beat, retry_policy=RetryPolicy()
            )
            del self._outbox[: len(some)]
        self._telling = False
        self._changed = True

    def _tell_where(self) -> None:
        """Keep the search attributes as things are; only what changed is told."""
        told = _where(self._course.machine, self._course.snapshot)
        fresh = [key.value_set(value) for key, value in told.items() if value != self._told.get(key, EMPTY[key])]
        self._told = told
        if fresh:
            workflow.upsert_search_attributes(fresh)

    # --- time

    def _set_alarm(self) -> None:
        """Be woken at the next deadline, or before."""
        deadline = self._course.deadline
        if deadline is None or (self._alarm is not None and self._alarm[0] <= deadline):
            return
        if self._alarm is not None:
            self._alarm[1].cancel()
        self._alarm = deadline, asyncio.create_task(self._ring(deadline))

    async def _ring(self, deadline: int) -> None:
        await workflow.sleep(max(1, deadline - self._now()) / 1000)
        self._alarm = None
        self._changed = True

    # --- the end of a run

    def _is_over(self) -> bool:
        """Whether it has ended, and all that is left to do is done."""
        snapshot = self._course.snapshot
        return bool(snapshot.ended) and not (snapshot.flight.queue or snapshot.flight.calls) and self._is_quiet()

    def _is_quiet(self) -> bool:
        return not (self._calls or self._line or self._outbox or self._telling) and workflow.all_handlers_finished()

    def _goes_on_anew(self) -> bool:
        """Whether it is time for a new run, and nothing is under way in this one."""
        info = workflow.info()
        long = self._updates >= MOST_UPDATES or info.get_current_history_length() >= self._begin["longest"]
        return (long or info.is_continue_as_new_suggested()) and self._is_quiet()

    def _outcome(self) -> dict[str, Any]:
        """What it came to, for whoever waits for the workflow."""
        snapshot = self._course.snapshot
        told = {"state": state_of(snapshot), "success": succeeded(snapshot), "cost": self._course.cost}
        return {**told, "context": thaw(snapshot.context), "results": thaw(snapshot.book.results)}


def _where(machine: Machine, snapshot: Snapshot) -> dict[SearchAttributeKey[Any], Any]:
    """The search attributes of an instance that is there."""
    tasks = tasks_of(machine, snapshot) if snapshot.book.tasks else ()
    return {
        _STATE: wire.word(state_of(snapshot)),
        _OUTCOME: snapshot.ended,
        _TASKS: [wire.OPEN] if tasks else [],
        _ASSIGNED: wire.people(task.assigned_to for task in tasks),
    }


def _rejection(made: Rejected) -> EventRejected:
    return EventRejected(event_name(made.event), made.reason, made.message, made.allowed, made.faults)


def _failed(call: CallId, error: ActivityError, at: int, *, last: bool) -> Failed:
    """The reply of a call whose activity failed; `last`: no attempt is left to the machine."""
    match error.cause:
        case ApplicationError() as told:
            retryable = not last and (not told.details or bool(told.details[0]))
            return Failed(call, told.type or "Exception", told.message, at, retryable)
        case ActivityCancelled():
            return cancelled(call, at)
        case cause:
            return Failed(call, type(cause).__name__, str(cause), at, not last)
