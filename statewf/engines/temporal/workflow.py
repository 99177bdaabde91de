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
from typing import Any

import attrs
from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

from statewf.engines.temporal import limits, wire
from statewf.engines.temporal.alarm import Alarm
from statewf.engines.temporal.calls import Calls, Reply
from statewf.engines.temporal.course import Course, compiled, used_for
from statewf.engines.temporal.outbox import Outbox
from statewf.engines.temporal.standing import Standing
from statewf.engines.temporal.updates import Updates
from statewf.errors import EventRejected, StatewfError
from statewf.machine.effects import Call, Emit, Recall
from statewf.machine.events import AnyEvent, Cancel, Event, Failed, Start
from statewf.machine.fsm import SEMANTICS
from statewf.machine.record import event_name, receipt, rejection, state_of, succeeded, tasks_of
from statewf.machine.snapshot import Rejected, Step, allowed
from statewf.runtime.requests import refusal
from statewf.values.frozen import Object, freeze_object, thaw

TOO_MUCH = f"the instance would remember more than {limits.REMEMBERED:,} bytes"
FULL = "too much has happened while a call runs, or for what it has to remember: it takes no more"


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
        self._id = workflow.info().workflow_id
        self._line: deque[_Waiting] = deque()
        self._changed = True
        self._is_last = False  # what there is to remember is too much for another run
        self._bug: ApplicationError | None = None
        self._alarm = Alarm(self._now, self._wake)
        self._known: Course | None = None
        try:
            given = workflow.payload_converter().from_payload(args[0].payload) if args else None
            self._begin = wire.begin_of(given)
            if 1 <= self._begin["interpreter"] <= wire.VERSION and self._begin["semantics"] == SEMANTICS:
                self._start()
        except Exception as error:  # `run` tells it
            wrong = ApplicationError(f"it cannot begin: {error}", type=type(error).__name__, non_retryable=True)
            self._bug = self._bug or wrong

    def _start(self) -> None:
        """Start the instance, or go on with it where the run before this one stopped."""
        begin, carried = self._begin, self._begin["carried"]
        machine, inputs = compiled(begin["definition"]), freeze_object(begin["inputs"], "the inputs")
        self._calls = Calls(begin, machine, self._id, inputs, self._now, self._wake)
        self._outbox = Outbox(begin["heartbeat"], self._wake)
        self._updates = Updates(() if carried is None else carried["answers"])
        if carried is None:
            self._known, self._standing = Course(machine, self._id), Standing(machine, None)
            self._take(Start(inputs, self._now()))
            return
        self._known = Course.resumed(machine, self._id, inputs, carried)
        snapshot = self._known.snapshot
        self._standing = Standing(machine, snapshot)
        for emitted in carried["outbox"]:
            self._outbox.put(emitted)
        self._calls.held |= {call: snapshot.flight.calls[call] for call in sorted(snapshot.flight.calls)}

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
            self._changed = False
            if self._bug is not None:
                raise self._bug
            course = self._course
            while self._calls.replies:
                reply = self._calls.replies.popleft()
                self._catch_up(reply.at)
                self._take(self._fitting(reply))  # if nobody wants it any more, nothing comes of it
            more = self._catch_up(self._now(), including=True)
            self._serve()
            self._standing.tell(course.snapshot)
            if self._is_over():
                return self._outcome()
            if self._goes_on_anew():
                self._go_on_anew()
            more |= self._calls.begin_held()
            more |= bool(self._line) and not course.snapshot.flight.queue
            self._alarm.set(course.deadline)
            try:
                if more:  # than one task of a workflow has time for
                    await workflow.sleep(limits.BREATH)
                else:
                    await workflow.wait_condition(lambda: self._changed or self._is_over() or self._goes_on_anew())
            except asyncio.CancelledError:  # of the workflow, by Temporal's own tools
                self._take(Cancel(self._now()))

    # --- what is asked of it

    @workflow.update(name="send")
    async def send(self, document: dict[str, Any]) -> dict[str, Any]:
        """Take an event, when no action runs."""
        if (known := self._updates.begun()) is not None:
            return known
        one = _Waiting(wire.event_of(document), heard=False)
        self._line.append(one)
        if self._line[0] is one:
            self._serve()
        if one.answer is None:
            await workflow.wait_condition(lambda: one.answer is not None)
        return self._updates.answered({**(one.answer or {}), "mark": used_for(one.event), "by": document.get("by")})

    @send.validator
    def may_send(self, document: dict[str, Any]) -> None:
        """Refuse what would be refused now; what has to wait for an action is told later."""
        self._refuse(lambda: self._refusal_of(wire.event_of(document)))

    @workflow.update(name="complete")
    def complete(self, document: dict[str, Any]) -> dict[str, Any]:
        """Take the decision of a task."""
        if (known := self._updates.begun()) is not None:
            return known
        return self._updates.answered(self._answered(wire.decision_of(document)._replace(at=self._now())))

    @complete.validator
    def may_complete(self, document: dict[str, Any]) -> None:
        self._refuse(lambda: self._refusal(wire.decision_of(document)._replace(at=self._now())))

    @workflow.update(name="cancel")
    def cancel(self, document: dict[str, Any]) -> dict[str, Any]:
        """End it, with undoing or without."""
        if (known := self._updates.begun()) is not None:
            return known
        return self._updates.answered(self._answered(Cancel(self._now(), bool(document.get("now")))))

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
    def history(self, after: int = 0, most: int = limits.PAGE) -> list[dict[str, Any]]:
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
        return {**self._course.look(), "digest": self._course.machine.digest, "inputs": self._begin["inputs"]}

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

    def _catch_up(self, now: int, *, including: bool = False) -> bool:
        """Fire the timers that were due before now, or just now; whether there are more than that many."""
        for _ in range(limits.TIMERS):
            fired = self._course.late(now, including=including)
            if fired is None:
                return False
            self._take(fired)
        return True

    def _answered(self, event: AnyEvent) -> dict[str, Any]:
        """Take an event now; its receipt, or the refusal."""
        self._catch_up(event.at)
        made = self._take(event)
        if isinstance(made, Rejected):
            return thaw(refusal(rejection(made)))  # type: ignore[no-any-return]  # an object thaws to a dict
        told = self._course.answer(made) if isinstance(event, Event) else receipt(self._course.machine, made)
        return wire.written_receipt(told)

    def _fitting(self, reply: Reply) -> Reply:
        """The reply; a failure, if the instance cannot remember so much."""
        if self._course.has_room(reply):
            return reply
        return Failed(
            reply.call, "DataError", f"{TOO_MUCH}, which is too much for Temporal", reply.at, retryable=False
        )

    def _wake(self) -> None:
        self._changed = True

    def _serve(self) -> None:
        """Take the events that wait, while no action runs: some of them."""
        for _ in range(limits.AT_ONCE):
            if not self._line or self._course.snapshot.flight.queue:
                return
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
            self._line.append(_Waiting(event, heard=True))
            self._wake()

    def _lament(self, why: object) -> None:
        """Tell in the log that a signal came to nothing, for there is nobody else to be told."""
        workflow.logger.warning("a signal to %s came to nothing: %s", self._id, why)

    # --- refusing, before anything is recorded

    def _refuse(self, refused: Callable[[], StatewfError | None]) -> None:
        """Raise what it would be refused by, but for one that was answered before."""
        try:
            error = None if self._updates.known is not None else refused()
        except StatewfError as wrong:
            error = wrong
        if error is not None:
            raise ApplicationError(str(error), thaw(refusal(error)), type=type(error).__name__, non_retryable=True)

    def _refusal_of(self, event: Event) -> StatewfError | None:
        if len(self._line) >= limits.WAITING:
            raise ApplicationError(wire.CROWDED, type=wire.CROWDED, non_retryable=True)
        if self._is_full():
            return EventRejected(event.name, "full", FULL)
        if not self._course.has_room(event):
            return EventRejected(event.name, "full", TOO_MUCH)
        if self._course.told(event) is not None or self._line or self._course.snapshot.flight.queue:
            return None
        return self._refusal(event.at_time(self._now()))

    def _refusal(self, event: AnyEvent) -> StatewfError | None:
        if not self._course.has_room(event):
            return EventRejected(event_name(event), "full", TOO_MUCH)
        made = self._course.refusal(event, event.at)
        return None if made is None else rejection(made)

    # --- effects

    def _perform(self, made: Step) -> None:
        """Perform the effects of a step."""
        emitted = 0
        for effect in made.effects:
            match effect:
                case Call() if effect.id in made.after.flight.calls:
                    self._calls.held[effect.id] = effect
                    self._wake()
                case Recall(call, awaited):
                    self._calls.recall(call, awaited=awaited)
                case Emit(event, data):
                    stable = f"{self._id}/{made.after.seq}/{emitted}"
                    told = {"id": stable, "instance": self._id, "event": event, "data": thaw(data)}
                    self._outbox.put({**told, "at": made.after.at})
                    emitted += 1
                case _:
                    pass  # deadlines are looked up in the snapshot, tasks told by search attributes

    # --- the end of a run

    def _is_over(self) -> bool:
        """Whether it has ended, and all that is left to do is done."""
        flight = self._course.snapshot.flight
        done = self._course.snapshot.ended and not (flight.queue or flight.calls)
        return bool(done) and self._is_quiet() and self._outbox.quiet

    def _is_quiet(self) -> bool:
        return self._calls.quiet and not self._line and workflow.all_handlers_finished()

    def _is_full(self) -> bool:
        """Whether this run takes no event any more, lest the server ends it."""
        return self._has_had(limits.FULL_UPDATES, limits.FULL_EVENTS, limits.FULL_BYTES)

    def _is_long(self, times: int = 1) -> bool:
        """Whether it is time for a new run; `times`: or so many times that."""
        if times == 1 and workflow.info().is_continue_as_new_suggested():
            return True
        return self._has_had(limits.UPDATES * times, self._begin["longest"] * times, limits.LONG_BYTES * times)

    def _has_had(self, updates: int, events: int, size: int) -> bool:
        """Whether this run has had so many updates, events of Temporal's history, or bytes of it."""
        now = workflow.info()
        length, weight = now.get_current_history_length(), now.get_current_history_size()
        return self._updates.count >= updates or length >= events or weight >= size

    def _goes_on_anew(self) -> bool:
        """Whether it is time for a new run, and nothing is under way in this one, but for who is told in vain again and again."""
        ready = self._is_long() and self._is_quiet() and (self._outbox.quiet or self._is_long(2))
        return ready and not self._is_last

    def _go_on_anew(self) -> None:
        """Go on as a new run, if it is not too much to be carried; then this run is the last."""
        begin: wire.Begin = {**self._begin, "interpreter": wire.VERSION, "carried": None}
        rest = {"outbox": self._outbox.waiting, "answers": self._updates.answers}
        carried = self._course.carried(limits.LARGEST - wire.size([begin, rest]))
        if carried is not None:
            workflow.continue_as_new(arg={**begin, "carried": {**carried, **rest}})
        self._is_last = True

    def _outcome(self) -> dict[str, Any]:
        """What it came to, for whoever waits for the workflow."""
        there = self._course.snapshot
        told = {"state": state_of(there), "success": succeeded(there), "cost": self._course.cost}
        found = {"context": thaw(there.context), "results": thaw(there.book.results)}
        return told | (found if wire.size(found) <= limits.OUTCOME else {})
