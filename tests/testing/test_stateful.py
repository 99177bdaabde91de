"""A real system beside its model: a right one passes, and each bug of a wrong one is told in its shortest story."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test

from statewf.errors import DataError, EventRejected
from statewf.machine.events import Event
from statewf.machine.fsm import Machine
from statewf.simulator import Driver
from statewf.testing.stateful import Adapter, Disagreement, state_machine
from tests.runtime.support import machine

ORDER = machine("""
name: order
initialState: open
states:
  open: {on: {PAY: {target: paid, guard: event.data.sum > 0}, CANCEL: cancelled}, timeout: 30s, timeoutTransition: late}
  paid: {on: {SHIP: shipped, CANCEL: cancelled, NOTE: {}}, unexpected: ignore}
  shipped: {terminal: true}
  cancelled: {terminal: true, outcome: failure}
  late: {terminal: true, outcome: failure}
""")
PAY = {"PAY": st.builds(lambda total: {"sum": total}, st.integers(0, 3))}
quick = settings(
    max_examples=200,
    stateful_step_count=20,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)


@attrs.define
class Shop:
    """A shop as somebody may have written it by hand. Its `bug` is what is wrong with it."""

    bug: str = ""
    status: str = ""
    age: float = 0
    closed: bool = False

    def start(self, inputs: dict[str, Any]) -> None:
        self.status = "open"

    def send(self, event: str, data: dict[str, Any]) -> bool:
        match self.status, event:
            case "open", "PAY" if data["sum"] > 0 or self.bug == "takes nothing for money":
                self.status = "paid"
            case "open", "CANCEL":
                self.status = "cancelled"
            case "paid", "CANCEL" if self.bug != "cannot be cancelled late":
                self.status = "cancelled"
            case "paid", "SHIP":
                self.status = "open" if self.bug == "opens again" else "shipped"
            case "paid", _:
                return self.bug != "refuses what is ignored" or event == "NOTE"
            case "shipped", "SHIP" if self.bug == "ships twice":
                pass
            case _:
                return False
        return True

    def advance(self, seconds: float) -> None:
        self.age += seconds
        if self.status == "open" and (self.age > 30 or (self.age == 30 and self.bug != "late by a little")):
            self.status = "late"

    def state(self) -> str:
        return self.status

    def close(self) -> None:
        self.closed = True


def run(adapter: Callable[[], Adapter]) -> None:
    run_state_machine_as_test(state_machine(ORDER, adapter, data=PAY), settings=quick)


def wrong(adapter: Callable[[], Adapter], subject: Machine, **options: Any) -> str:
    """The story of what was found to be wrong."""
    with pytest.raises(Disagreement) as caught:
        run_state_machine_as_test(state_machine(subject, adapter, **options), settings=quick)
    return str(caught.value)


def test_a_right_system_passes_and_each_one_is_closed() -> None:
    made: list[Shop] = []

    def adapter() -> Shop:
        made.append(Shop())
        return made[-1]

    run(adapter)
    assert {shop.status for shop in made} >= {"shipped", "cancelled", "late"}
    assert all(shop.closed for shop in made)


STORIES = {
    "takes nothing for money": """\
the system took PAY, and the model is in 'open', at the end of:
    start {}                                 open
    send PAY {"sum":0}                       refused (guard), open""",
    "cannot be cancelled late": """\
the system is in 'paid', and the model is in 'cancelled', at the end of:
    start {}                                 open
    send PAY {"sum":1}                       paid
    send CANCEL {}                           cancelled""",
    "opens again": """\
the system is in 'open', and the model is in 'shipped', at the end of:
    start {}                                 open
    send PAY {"sum":1}                       paid
    send SHIP {}                             shipped""",
    "ships twice": """\
the system took SHIP, and the model is in 'shipped', at the end of:
    start {}                                 open
    send PAY {"sum":1}                       paid
    send SHIP {}                             shipped
    send SHIP {}                             refused (terminal), shipped""",
    "late by a little": """\
the system is in 'open', and the model is in 'late', at the end of:
    start {}                                 open
    wait 30 s                                late""",
}


@pytest.mark.parametrize("bug", STORIES)
def test_a_bug_is_found_and_told_in_its_shortest_story(bug: str) -> None:
    assert wrong(lambda: Shop(bug), ORDER, data=PAY) == STORIES[bug]


def test_what_the_model_ignores_may_be_answered_either_way() -> None:
    run(lambda: Shop("refuses what is ignored"))


@attrs.define
class Mirror:
    """A system that is a machine of ours, driven from outside; all that an adapter can do."""

    machine: Machine
    driver: Driver = attrs.field(init=False)
    done: list[str] = attrs.field(factory=list)

    def start(self, inputs: dict[str, Any]) -> None:
        self.driver = Driver(self.machine, inputs)

    def send(self, event: str, data: dict[str, Any]) -> bool:
        try:
            self.driver.send(event, data)
        except EventRejected:
            return False
        return True

    def advance(self, seconds: float) -> None:
        self.driver.advance(seconds)

    def reply(self, handler: str, result: Any) -> None:
        self.driver.reply(result, handler=handler)

    def fail(self, handler: str, error: str) -> None:
        self.driver.reply(error=error, handler=handler)

    def complete(self, step: str, decision: str, result: Any) -> None:
        self.driver.complete(step, decision, result=result)

    def cancel(self) -> None:
        self.driver.cancel()

    def state(self) -> str:
        return self.driver.state

    def close(self) -> None:
        pass


CHARGED = """
name: charged
initialState: open
states:
  open: {on: {PAY: paying}}
  paying: {invoke: {handler: charge, onDone: paid, onError: open}, on: {DECLINED: declined}, timeout: 1m, timeoutTransition: open}
  paid: {terminal: true}
  declined: {terminal: true, outcome: failure}
"""
SIGNED = """
steps:
  - {id: ask, type: human-task, timeout: 1h, required: false}
  - {id: charge, timeout: 10s, retryPolicy: {maxAttempts: 2}}
  - {id: wait, type: event, event: DELIVERED}
"""


@pytest.mark.parametrize("text", [CHARGED, SIGNED])
def test_calls_tasks_timers_and_cancels_happen_to_both(text: str) -> None:
    subject = machine(text)
    charge = st.sampled_from([{"receipt": 1}, OSError("down"), *([Event("DECLINED")] if text is CHARGED else [])])
    made: list[Mirror] = []

    def adapter() -> Mirror:
        made.append(Mirror(subject))
        return made[-1]

    run_state_machine_as_test(state_machine(subject, adapter, results={"charge": charge}), settings=quick)
    seen = {mirror.driver.state for mirror in made}
    wanted = {"open", "paying", "paid", "declined", "$cancelled"}
    assert seen >= (wanted if text is CHARGED else {"running", "completed", "failed", "cancelled"})


def test_a_failure_that_is_not_seen_is_found() -> None:
    other = machine(CHARGED.replace("onError: open", "onError: declined"))
    assert (
        wrong(lambda: Mirror(other), machine(CHARGED))
        == """\
the system is in 'declined', and the model is in 'open', at the end of:
    start {}                                 open
    send PAY {}                              paying
    charge fails with Error                  open"""
    )


class Deaf(Mirror):
    """Hears of one kind of failure only."""

    def fail(self, handler: str, error: str) -> None:
        self.driver.reply(error="Error", handler=handler)
        if error == "OSError":
            self.driver.send("PAY")


def test_a_result_that_is_an_exception_is_a_failure() -> None:
    charged = machine(CHARGED)
    story = wrong(lambda: Deaf(charged), charged, results={"charge": st.just(OSError("down"))})
    assert story.splitlines()[-1] == "    charge fails with OSError                open"


@attrs.define
class Told(Shop):
    """A shop without a clock."""

    advance = None  # type: ignore[assignment]  # it cannot wait

    def timeout(self, state: str) -> None:
        self.status = {"open": "late"}[state] if not self.bug else "open"


def test_a_system_without_a_clock_is_told_of_timeouts() -> None:
    assert wrong(lambda: Told("no timeouts"), ORDER, data=PAY).splitlines()[1:] == [
        "    start {}                                 open",
        "    timeout of open                          late",
    ]


class Broken(Shop):
    def send(self, event: str, data: dict[str, Any]) -> bool:
        raise OSError("the shop is down")


class Silent(Shop):
    def send(self, event: str, data: dict[str, Any]) -> bool:
        return None  # type: ignore[return-value]  # that is the mistake


def test_what_the_adapter_raises_comes_with_the_story() -> None:
    with pytest.raises(OSError, match="the shop is down") as caught:
        run(Broken)
    assert next(note.splitlines()[0] for note in caught.value.__notes__) == "this happened at the end of:"
    with pytest.raises(TypeError, match="says True or False, not None"):
        run(Silent)


def test_a_mistake_is_told_at_once() -> None:
    with pytest.raises(DataError, match="did you mean PAY"):
        state_machine(ORDER, Shop, data={"PAYY": st.just({})})


def test_it_is_a_unittest_case_for_pytest() -> None:
    case = state_machine(ORDER, Shop, data=PAY).TestCase
    case.settings = quick
    case("runTest").runTest()
