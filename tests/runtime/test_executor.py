"""The executor's promises: acknowledged is kept, kept is performed, a crash loses nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import anyio.from_thread
import anyio.lowlevel
import pytest

from statewf.errors import (
    DataError,
    EventRejected,
    HandlersError,
    KeyConflict,
    NonRetryable,
    RequestConflict,
    StatewfError,
    UnknownInstance,
    UnknownMachine,
)
from statewf.history import Store
from statewf.machine.events import Event
from statewf.machine.work import Work
from tests.runtime.support import DOOR, EPOCH, PAYMENT, clock, executor, machine

pytestmark = [pytest.mark.anyio, pytest.mark.plain]

Place = Callable[[], Store | str]


async def pay(_: Work) -> Event:
    """Async, as all handlers here that a timeout waits for: virtual time jumps while a thread works."""
    return Event("PAID")


async def test_a_life_from_start_to_end(place: Place) -> None:
    async with executor(place()) as owner:
        await owner.deploy(DOOR)
        door = await owner.start("door", {"owner": "Ada"}, request_id="D-1")
        assert (door.state, door.allowed, door.done) == ("closed", ("OPEN", "LOCK"), False)
        receipt = await door.send("OPEN", {"by": "Bob"})
        assert (receipt.disposition, receipt.seq, receipt.state) == ("accepted", 2, "open")
        assert door.context == {"owner": "Ada", "by": "Bob"}
        await door.send("CLOSE")
        await door.send("LOCK", {"code": 42})
        outcome = await door.wait()
        assert (outcome.state, outcome.success) == ("locked", True)
        assert [row["event"] for row in door.history()] == ["$start", "OPEN", "CLOSE", "LOCK"]
        assert door.history()[1]["changes"] == [{"region": "main", "from": "closed", "to": "open", "attempt": 1}]
        assert [card.id for card in await owner.list(state="locked")] == [door.id]


async def test_a_refused_event_changes_nothing_and_says_why(place: Place) -> None:
    async with executor(place()) as owner:
        await owner.deploy(DOOR)
        door = await owner.start("door")
        with pytest.raises(EventRejected) as refused:
            await door.send("CLOSE", key="k")
        assert (refused.value.reason, refused.value.allowed) == ("unexpected", ("OPEN", "LOCK"))
        with pytest.raises(EventRejected) as refused:
            await door.send("LOCK", {"code": 1})
        assert refused.value.reason == "guard"
        assert len(door.history()) == 1
        assert (await door.send("OPEN", key="k")).disposition == "accepted"  # its key was not used up


async def test_the_same_key_is_the_same_event(place: Place) -> None:
    async with executor(place()) as owner:
        await owner.deploy(DOOR)
        door = await owner.start("door")
        first = await door.send("OPEN", {"by": "Ada"}, key="k")
        await door.send("CLOSE")
        again = await door.send("OPEN", {"by": "Ada"}, key="k")
        assert (again.disposition, again.seq, again.state) == ("duplicate", first.seq, "open")
        assert door.state == "closed"
        for event, data in (("OPEN", {"by": "Bob"}), ("CLOSE", {"by": "Ada"})):
            with pytest.raises(KeyConflict):
                await door.send(event, data, key="k")
        identity = door.id
    async with executor(place()) as owner:
        door = await owner.get(identity)
        assert (await door.send("OPEN", {"by": "Ada"}, key="k")).disposition == "duplicate"


async def test_the_same_key_at_once_is_taken_once(place: Place) -> None:
    async with executor(place()) as owner:
        await owner.deploy(DOOR)
        door = await owner.start("door")
        told: list[str] = []

        async def send() -> None:
            told.append((await door.send("OPEN", key="k")).disposition)

        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(send)
        assert sorted(told) == ["accepted", *["duplicate"] * 4]
        assert len(door.history()) == 2


async def test_the_same_request_is_the_same_instance(place: Place) -> None:
    async with executor(place()) as owner:
        await owner.deploy(DOOR)
        found: set[str] = set()

        async def request() -> None:
            found.add((await owner.start("door", {"n": 1}, request_id="r")).id)

        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(request)
        assert len(found) == 1
        with pytest.raises(RequestConflict):
            await owner.start("door", {"n": 2}, request_id="r")
        other = await owner.start("door", {"n": 1}, request_id="other")
        assert other.id not in found
    async with executor(place()) as owner:
        await owner.deploy(DOOR)
        assert {(await owner.start("door", {"n": 1}, request_id="r")).id} == found


async def test_restart_starts_a_successor_of_a_failed_run_only(place: Place) -> None:
    async with executor(place()) as owner:
        await owner.deploy(DOOR)
        first = await owner.start("door", request_id="r")
        assert (await owner.start("door", request_id="r", restart=True)).id == first.id
        await first.cancel()
        assert (first.state, first.done) == ("$cancelled", True)
        second = await owner.start("door", request_id="r", restart=True)
        assert second.id != first.id
        assert (await owner.start("door", request_id="r")).id == second.id
        with pytest.raises(EventRejected, match="ended"):
            await first.cancel()


async def test_handlers_are_called_and_their_answers_taken(place: Place) -> None:
    calls: list[Work] = []

    async def charge(call: Work) -> Event:
        calls.append(call)
        return Event("PAID", {"charge": "ch_1"})

    def thank(call: Work) -> dict[str, Any]:
        calls.append(call)
        return {"thanked": call.context["charge"]}

    async with executor(place(), {"charge": charge, "thank": thank}) as owner:
        await owner.deploy(PAYMENT)
        payment = await owner.start("payment", {"amount": 30})
        await payment.send("PAY", {"card": "4242"})
        outcome = await payment.wait()
        assert outcome.state == "paid"
        first, second = calls
        assert first.inputs == {"amount": 30}
        assert first.context == {"amount": 30, "card": "4242"}
        assert (first.attempt, first.step, first.instance) == (1, "paying", payment.id)
        assert first.key.startswith(f"{payment.id}/main/2")
        assert second.key != first.key
        assert [row.get("handler") for row in payment.history()] == [None, None, "charge", "thank"]


async def test_a_missing_handler_is_refused_at_deploy_with_the_whole_list(place: Place) -> None:
    async with executor(place(), {}) as owner:
        with pytest.raises(HandlersError) as refused:
            await owner.deploy(PAYMENT)
        assert [diagnostic.code for diagnostic in refused.value.diagnostics] == ["missing-handler"] * 2
        assert "charge" in str(refused.value)
        assert "thank" in str(refused.value)


async def test_what_was_in_flight_is_offered_again_with_the_same_key(place: Place) -> None:
    keys: list[str] = []

    async def hang(call: Work) -> None:
        keys.append(call.key)
        await anyio.sleep_forever()

    async def charge(call: Work) -> Event:
        keys.append(call.key)
        return Event("PAID", {"charge": "late"})

    async with executor(place(), {"charge": hang, "thank": lambda _: None}) as owner:
        await owner.deploy(PAYMENT)
        payment = await owner.start("payment")
        await payment.send("PAY")
        await anyio.sleep(1)
        assert payment.state == "paying"
    async with executor(place(), {"charge": charge, "thank": lambda _: None}) as owner:
        assert (await owner.wait(payment.id)).state == "paid"
    assert len(keys) == 2
    assert keys[0] == keys[1]


async def test_without_handlers_calls_stay_open_for_somebody_who_has_them(place: Place) -> None:
    async with executor(place()) as owner:
        await owner.deploy(PAYMENT)
        payment = await owner.start("payment")
        await payment.send("PAY")
        assert [call.handler for call in payment.snapshot.flight.calls.values()] == ["charge"]
    async with executor(place(), {"charge": pay, "thank": lambda _: None}) as owner:
        assert (await owner.wait(payment.id)).state == "paid"


async def test_timers_fire_in_virtual_time(place: Place) -> None:
    async with executor(place()) as owner:
        await owner.deploy(DOOR)
        door = await owner.start("door")
        await door.send("OPEN")
        await anyio.sleep(9.9)
        assert door.state == "open"
        await anyio.sleep(0.2)
        assert door.state == "alarm"
        assert door.history()[-1]["event"] == "$timeout:open"
        assert door.history()[-1]["at"] - door.history()[-2]["at"] == 10_000


async def test_a_timer_that_was_left_does_not_fire(place: Place) -> None:
    async with executor(place()) as owner:
        await owner.deploy(DOOR)
        door = await owner.start("door")
        await door.send("OPEN")
        await anyio.sleep(5)
        await door.send("CLOSE")
        await door.send("OPEN")
        await anyio.sleep(9)
        assert door.state == "open"
        await anyio.sleep(2)
        assert door.state == "alarm"


async def test_timers_that_fell_due_while_nobody_was_there_fire_on_opening_in_order(place: Place) -> None:
    async with executor(place()) as owner:
        await owner.deploy(DOOR)
        doors = [await owner.start("door") for _ in range(3)]
        for door in reversed(doors):
            await door.send("OPEN")
            await anyio.sleep(1)
    fired: list[str] = []
    await anyio.sleep(100)
    async with executor(place(), observe=lambda _, step: fired.append(step.after.instance)):
        await anyio.sleep(0.1)
    assert fired == [door.id for door in reversed(doors)]


async def test_an_overdue_timer_goes_before_the_event(place: Place) -> None:
    """The timers' own task may be late; who sends meanwhile must not overtake the deadline."""
    async with executor(place()) as owner:
        await owner.deploy(DOOR)
        door = await owner.start("door")
        await door.send("OPEN")
        identity = door.id
    await anyio.sleep(60)
    async with executor(place()) as owner:
        door = await owner.get(identity)
        await door.send("CLOSE")
        assert [row["event"] for row in door.history()][-2:] == ["$timeout:open", "CLOSE"]


async def test_a_call_is_recalled_when_its_state_is_left(place: Place) -> None:
    ended: list[str] = []

    async def charge(_: Work) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append("recalled")

    async with executor(place(), {"charge": charge, "thank": lambda _: None}) as owner:
        await owner.deploy(PAYMENT)
        payment = await owner.start("payment")
        await payment.send("PAY")
        await anyio.sleep(61)
        assert payment.state == "waiting"
        assert ended == ["recalled"]


ACTIONS = machine("""
name: actions
initialState: a
errorHandling: {defaultRetryPolicy: {maxAttempts: 3, baseDelay: 1s}}
states:
  a:
    on:
      GO:
        target: b
        actions:
          - {type: function, handler: first}
          - {type: function, handler: second}
  b: {on: {STOP: c}}
  c: {terminal: true}
""")


async def test_actions_run_one_at_a_time_and_events_wait_for_them(place: Place) -> None:
    order: list[str] = []

    async def first(_: Work) -> None:
        order.append("first begins")
        await anyio.sleep(5)
        order.append("first ends")

    async def second(_: Work) -> None:
        order.append("second")

    async with executor(place(), {"first": first, "second": second}) as owner:
        await owner.deploy(ACTIONS)
        instance = await owner.start("actions")
        await instance.send("GO")
        began = clock()
        await instance.send("STOP")
        order.append("stopped")
        assert clock() - began == 5_000
        assert order == ["first begins", "first ends", "second", "stopped"]
        assert instance.state == "c"


async def test_senders_take_their_turns_in_order(place: Place) -> None:
    counter = machine("""
name: counter
initialState: on
states:
  on:
    on: {ADD: {actions: [{type: function, handler: work}]}, STOP: off}
  off: {terminal: true}
""")

    async def work(_: Work) -> None:
        await anyio.sleep(1)

    async with executor(place(), {"work": work}) as owner:
        await owner.deploy(counter)
        instance = await owner.start("counter")

        async def add(n: int) -> None:
            await anyio.sleep(n / 1000)
            await instance.send("ADD", {"n": n})

        async with anyio.create_task_group() as group:
            for n in range(5):
                group.start_soon(add, n)
        sent = [row["data"]["n"] for row in instance.history() if row["event"] == "ADD"]
        assert sent == [0, 1, 2, 3, 4]


async def test_a_failing_action_is_retried_by_policy_then_recorded(place: Place) -> None:
    tries: list[int] = []

    async def first(call: Work) -> None:
        tries.append(clock() - EPOCH)
        raise ConnectionError(f"attempt {call.attempt}")

    async with executor(place(), {"first": first, "second": lambda _: None}) as owner:
        await owner.deploy(ACTIONS)
        instance = await owner.start("actions")
        began = clock() - EPOCH
        await instance.send("GO")
        await instance.send("STOP")
        assert [at - began for at in tries] == [0, 1000, 3000]
        notes = [note for row in instance.history() for note in row.get("notes", ())]
        assert notes == ["action-failed: first: ConnectionError: attempt 3"]


async def test_nonretryable_skips_the_remaining_attempts(place: Place) -> None:
    tries: list[int] = []

    def first(call: Work) -> None:
        tries.append(call.attempt)
        raise NonRetryable("never")

    async with executor(place(), {"first": first, "second": lambda _: None}) as owner:
        await owner.deploy(ACTIONS)
        instance = await owner.start("actions")
        await instance.send("GO")
        await instance.send("STOP")
        assert tries == [1]


@pytest.mark.parametrize("bad", [lambda _: object(), lambda _: float("nan"), lambda _: {1: 2}])
async def test_a_result_that_is_not_json_is_a_failed_call(place: Place, bad: Callable[[Work], Any]) -> None:
    async with executor(place(), {"first": bad, "second": lambda _: None}) as owner:
        await owner.deploy(ACTIONS)
        instance = await owner.start("actions")
        await instance.send("GO")
        await instance.send("STOP")
        (note,) = (note for row in instance.history() for note in row.get("notes", ()))
        assert "not JSON" in note


async def test_what_is_unknown_is_told(place: Place) -> None:
    async with executor(place()) as owner:
        with pytest.raises(UnknownMachine):
            await owner.start("nothing")
        with pytest.raises(UnknownInstance):
            await owner.get("nobody")
        with pytest.raises(UnknownInstance):
            await owner.send("nobody", "GO")
        await owner.deploy(DOOR)
        with pytest.raises(DataError):
            await owner.start("door", [1, 2])
        door = await owner.start("door")
        with pytest.raises(DataError):
            await door.send("OPEN", "text")


async def test_subscribers_are_told_in_order_and_at_least_once(place: Place) -> None:
    told: list[tuple[str, Any]] = []

    async with executor(place()) as owner:

        @owner.on("Alarm.raised", subscriber="guard")  # type: ignore[untyped-decorator]  # returns what it is given
        async def guard(emitted: Any) -> None:
            if not told:
                told.append(("refused", None))
                raise ConnectionError
            told.append((emitted.id, emitted.data))

        await owner.deploy(DOOR)
        door = await owner.start("door")
        await door.send("OPEN")
        await anyio.sleep(11)
        assert told == [("refused", None), (f"{door.id}/3/0", {"loud": True})]
        await door.send("CLOSE")
        await door.send("OPEN")
    await anyio.sleep(20)
    async with executor(place()) as owner:
        again: list[str] = []

        async def note(emitted: Any) -> None:
            again.append(emitted.id)

        owner.on("Alarm.raised", note, subscriber="guard")
        await anyio.sleep(1)
        assert again == [f"{door.id}/6/0"]


async def test_a_listener_registered_before_opening_is_told_too(place: Place) -> None:
    owner = executor(place())
    told: list[str] = []
    heard = anyio.Event()
    token = anyio.lowlevel.current_token()

    def listen(emitted: Any) -> None:
        told.append(emitted.event)
        anyio.from_thread.run_sync(heard.set, token=token)

    owner.on("Alarm.raised", listen, subscriber="s")
    async with owner:
        await owner.deploy(DOOR)
        door = await owner.start("door")
        await door.send("OPEN")
        await heard.wait()
    assert told == ["Alarm.raised"]


async def test_many_instances_at_once(place: Place) -> None:
    async with executor(place(), {"charge": pay, "thank": lambda _: None}) as owner:
        await owner.deploy(PAYMENT)

        async def live(n: int) -> None:
            payment = await owner.start("payment", {"n": n}, request_id=str(n))
            await payment.send("PAY")
            assert (await payment.wait()).context["n"] == n

        async with anyio.create_task_group() as group:
            for n in range(30):
                group.start_soon(live, n)
        assert {card.state for card in await owner.list()} == {"paid"}


async def test_a_closed_executor_says_so(place: Place) -> None:
    owner = executor(place())
    async with owner:
        await owner.deploy(DOOR)
        door = await owner.start("door")
    for act in (door.send("OPEN"), owner.get(door.id)):
        with pytest.raises(StatewfError, match="not open"):
            await act


async def test_an_observer_that_raises_harms_nobody(place: Place) -> None:
    def observe(*_: object) -> None:
        raise ZeroDivisionError

    async with executor(place(), observe=observe) as owner:
        await owner.deploy(DOOR)
        door = await owner.start("door")
        assert (await door.send("OPEN")).state == "open"
