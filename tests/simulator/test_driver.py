"""The driver's own business: keys, answering by hand, time, what it shows, and handlers that never stop."""

from __future__ import annotations

from datetime import timedelta

import pytest

from statewf.definition.model import State, StateMachine
from statewf.errors import CompileError, DataError, EventRejected, HandlersError, KeyConflict, StatewfError
from statewf.machine.events import Event
from statewf.machine.fsm import Machine
from statewf.machine.work import Work
from statewf.simulator import Driver, world
from statewf.simulator.world import MOST_AT_ONCE

from .support import Recorder, drive, machine, play, refusal

ORDER = """
name: order
initialState: open
states:
  open: {on: {PAY: {target: paid, guard: "event.data.sum > 0"}, NOTE: {}}, timeout: 30s, timeoutTransition: late}
  paid: {onEntry: {type: emit, event: Paid, data: {thanks: [1]}}, on: {SHIP: shipped}}
  shipped: {terminal: true}
  late: {terminal: true, outcome: failure}
"""


def test_it_takes_a_machine_or_a_definition() -> None:
    definition = StateMachine("m", "a", {"a": State({"GO": "b"}), "b": State(terminal=True)})
    driver = Driver(definition)
    driver.send("GO")
    assert (driver.state, driver.done, driver.success) == ("b", True, True)
    assert isinstance(driver.machine, Machine)
    with pytest.raises(CompileError, match="nowhere"):
        Driver(StateMachine("m", "nowhere", {"a": State()}))


def test_what_it_shows() -> None:
    driver = drive(ORDER, {"items": [{"sku": "A"}]})
    assert repr(driver) == "<Driver order: open at 0 ms>"
    driver.advance(1.5)
    driver.send("PAY", {"sum": 3})
    assert (driver.state, driver.states, driver.now) == ("paid", {"main": "paid"}, 1_500)
    assert driver.allowed == ("SHIP",)
    assert driver.inputs == {"items": [{"sku": "A"}]}
    assert driver.context == {"items": [{"sku": "A"}], "sum": 3}
    assert driver.emitted == [("Paid", {"thanks": [1]}, 1_500)]
    assert [row["event"] for row in driver.rows] == ["$start", "PAY"]
    assert driver.history[-1].after is driver.snapshot
    assert not driver.done
    assert not driver.success


def test_what_it_shows_is_the_callers_own_to_change() -> None:
    driver = drive(ORDER, {"items": []})
    driver.context["items"].append(1)
    driver.rows.clear()
    driver.history.clear()
    assert driver.context == {"items": []}
    assert len(driver.rows) == len(driver.history) == 1


def test_receipts() -> None:
    driver = drive(ORDER)
    receipt = driver.send("PAY", {"sum": 1})
    assert (receipt.event, receipt.disposition, receipt.seq) == ("PAY", "accepted", 2)
    assert (receipt.state, receipt.allowed, receipt.notes) == ("paid", ("SHIP",), ())


def test_the_instance_and_the_start_have_a_name_and_a_time() -> None:
    driver = Driver(machine(ORDER), instance="o-1", at=1_000_000)
    driver.advance(timedelta(seconds=29))
    assert driver.state == "open"
    driver.advance(1)
    assert (driver.state, driver.snapshot.instance, driver.snapshot.at) == ("late", "o-1", 1_030_000)


# --- keys


def test_the_same_key_again_is_answered_as_before_and_changes_nothing() -> None:
    driver = drive(ORDER)
    first = driver.send("PAY", {"sum": 1}, key="k")
    driver.send("SHIP")
    before = driver.snapshot
    again = driver.send("PAY", {"sum": 1}, key="k")
    assert (again.disposition, again.seq, again.state, again.allowed) == ("duplicate", 2, "paid", first.allowed)
    assert driver.snapshot is before


@pytest.mark.parametrize(("name", "data"), [("PAY", {"sum": 2}), ("PAY", None), ("SHIP", {"sum": 1})])
def test_the_same_key_for_something_else_is_a_conflict(name: str, data: object) -> None:
    driver = drive(ORDER)
    driver.send("PAY", {"sum": 1}, key="k")
    before = driver.snapshot
    with pytest.raises(KeyConflict, match=r"'k' was used before.*PAY"):
        driver.send(name, data, key="k")
    assert driver.snapshot is before


def test_the_key_of_a_refused_event_is_not_used_up() -> None:
    driver = drive(ORDER)
    assert refusal(lambda: driver.send("PAY", {"sum": 0}, key="k")).reason == "guard"
    assert driver.send("PAY", {"sum": 1}, key="k").disposition == "accepted"


@pytest.mark.parametrize("data", [[1], "text", 7, {"a": object()}, {"n": float("nan")}, {1: 2}])
def test_data_must_be_a_json_object(data: object) -> None:
    driver = drive(ORDER)
    with pytest.raises(DataError):
        driver.send("PAY", data)
    assert len(driver.history) == 1


def test_inputs_must_be_a_json_object() -> None:
    with pytest.raises(DataError, match="the inputs must be an object"):
        drive(ORDER, [1])


# --- answering by hand

TWO_CALLS = """
initialState: a
states:
  a:
    initial: b
    invoke: {handler: outer, onDone: c}
    states: {b: {invoke: {handler: inner, onDone: d}}, d: {}}
  c: {terminal: true}
"""


def test_reply_answers_the_only_call_or_that_of_a_handler() -> None:
    driver = drive(TWO_CALLS)
    assert [call.handler for call in driver.calls] == ["outer", "inner"]
    receipt = driver.reply({"x": 1}, handler="inner")
    assert (receipt.state, driver.state, driver.context) == ("a.d", "a.d", {"x": 1})
    driver.reply()
    assert driver.done


@pytest.mark.parametrize(
    ("handler", "message"),
    [
        (None, "several calls are open; say which one: handler= one of outer, inner"),
        ("other", "no call of other is open in a.b; open are calls of outer, inner"),
    ],
)
def test_reply_tells_what_is_open(handler: str | None, message: str) -> None:
    driver = drive(TWO_CALLS)
    with pytest.raises(StatewfError) as told:
        driver.reply(handler=handler)
    assert str(told.value) == message


def test_reply_without_any_open_call() -> None:
    with pytest.raises(StatewfError, match="no call is open in open"):
        drive(ORDER).reply()


def test_a_reply_by_hand_that_is_not_json_is_the_callers_mistake() -> None:
    driver = drive(TWO_CALLS)
    with pytest.raises(DataError):
        driver.reply({1, 2}, handler="inner")
    assert len(driver.calls) == 2


# --- time


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), timedelta(seconds=-1)])
def test_time_does_not_run_backwards(seconds: float | timedelta) -> None:
    with pytest.raises(ValueError, match="time cannot pass"):
        drive(ORDER).advance(seconds)


def test_time_passes_without_anything_happening() -> None:
    driver = drive(ORDER)
    driver.send("PAY", {"sum": 1})
    driver.advance(100)
    driver.advance(0.0004)
    assert (driver.now, driver.snapshot.at) == (100_000, 0)
    driver.send("SHIP")
    assert driver.rows[-1]["at"] == 100_000


# --- handlers

RING = """
initialState: a
states:
  a: {invoke: ping, on: {PONG: b}}
  b: {invoke: ping, on: {PONG: a, STOP: c}}
  c: {terminal: true}
"""


def test_handlers_that_answer_for_ever_are_stopped() -> None:
    with pytest.raises(StatewfError, match=f"more than {MOST_AT_ONCE:,} replies and timers in a row at 0 ms"):
        drive(RING, ping=Recorder().handler(Event("PONG")))


def test_timers_of_no_time_are_stopped_too() -> None:
    driver = drive("{initialState: a, states: {a: {timeout: 0, timeoutTransition: a}}}")
    with pytest.raises(StatewfError, match=r"the last was \$timeout:a in a"):
        driver.advance(1)


def test_as_many_are_fine_when_somebody_asks_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world, "MOST_AT_ONCE", 10)
    driver = drive("{initialState: a, states: {a: {on: {GO: {actions: {type: function, handler: f}}}, invoke: h}}}")
    for _ in range(20):
        driver.send("GO")
    ring = drive(
        "{initialState: a, states: {a: {onEntry: {type: function, handler: f}, invoke: {handler: h, onDone: a}}}}"
    )
    for _ in range(20):
        ring.reply()
    assert (len(driver.history), len(ring.history)) == (41, 42)


def test_a_long_chain_of_answers_is_no_ring() -> None:
    log = Recorder()
    driver = drive(RING, ping=log.handler(*[Event("PONG")] * 999, Event("STOP")))
    assert (driver.state, len(log.calls)) == ("c", 1000)


def test_async_handlers_are_refused_at_once() -> None:
    async def ping(_: Work) -> None: ...

    with pytest.raises(HandlersError, match="ping is an async function"):
        drive(RING, ping=ping)


def test_a_plain_handler_that_returns_a_coroutine_fails() -> None:
    async def later() -> None: ...

    driver = drive(RING, ping=lambda _: later())
    assert driver.rows[-1]["data"]["error"] == "DataError"


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_what_is_no_failure_of_a_handler_goes_through(error: type[BaseException]) -> None:
    with pytest.raises(error):
        drive(RING, ping=Recorder().handler(error()))


def test_handlers_that_the_machine_never_calls_do_no_harm() -> None:
    assert drive(ORDER, other=Recorder().handler()).state == "open"


REVIEWED = """
name: reviewed
steps: [{id: a, onError: human-review, review: {assignTo: ann}, retryPolicy: {maxAttempts: 2, baseDelay: 1}}, {id: b}]
"""


def test_a_review_tells_what_failed_and_what_can_be_decided() -> None:
    driver = drive(REVIEWED)
    driver.reply(error="Jam", message="no paper")
    driver.advance(1)
    driver.reply(error="Jam", message="no toner")
    (task,) = driver.tasks
    decisions = ("approved", "rejected", "retry")
    assert task.details == {"error": "Jam", "message": "no toner", "attempts": 2, "decisions": decisions}


def test_what_is_tried_again_after_a_review_has_no_result_of_before() -> None:
    flow = "steps: [{id: ask, type: human-task, timeout: 1h, onError: human-review}]"
    driver = drive(flow)
    driver.complete("ask", "rejected")
    driver.complete("ask", "retry")
    assert not driver.snapshot.book.results
    assert not driver.snapshot.book.errors
    driver.advance(3600)
    driver.complete("ask", "rejected")
    assert driver.state == "failed"
    assert driver.results == {}


def test_the_first_to_fail_is_the_result_of_who_fails_by_it() -> None:
    flow = "steps: [{id: p, type: parallel, strategy: first, required: false, steps: [{id: x}, {id: y}]}]"
    driver = drive(flow)
    driver.reply(handler="x", error="Jam", message="no paper")
    assert driver.results["p"] == {
        "strategy": "first",
        "result": {"id": "x", "success": False, "error": "no paper"},
    }


def test_cancel_gives_a_receipt_once() -> None:
    driver = drive(ORDER)
    assert driver.cancel().state == "$cancelled"
    with pytest.raises(EventRejected, match="has ended"):
        driver.cancel()


def test_a_session_reads_as_a_story() -> None:
    driver = drive(ORDER)
    assert (
        play(driver, '+29 NOTE PAY PAY:{"sum":5} +1000 SHIP PAY') == "open open !guard paid paid shipped !terminal"
    )
