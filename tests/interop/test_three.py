"""One machine in three engines: statewf, python-statemachine and transitions agree after each event.

Both modules are written from the same definition and run on the libraries themselves. What is compared is what all
three show: which states are active, and whether an event was accepted. What the libraries cannot say is left out of the
generated machines; the modules of the formats list that, and their own tests hold each to more (data, calls, what is
told).
"""

from __future__ import annotations

from typing import Any

from hypothesis import assume, example, given, note
from hypothesis import strategies as st
from transitions import MachineError
from transitions.core import listify

from statewf.compiler import compile_definition
from statewf.definition.model import Retry, State, StateMachine, Transition
from statewf.definition.write import to_yaml
from statewf.errors import CompileError, ConversionError, EventRejected
from statewf.interop import statemachine, transitions
from statewf.simulator import Driver
from tests import worlds
from tests.compiler.charts import charts
from tests.compiler.charts import data as chart_data
from tests.interop.statemachines import Virtual, loaded, mute, tamed
from tests.interop.test_transitions_run import built, convertible
from tests.interop.timers import Clock, virtual_time

Happening = tuple[str, Any]  # an event and its data, or "" and milliseconds

_time = st.tuples(st.just(""), st.sampled_from([1, 500, 1000, 1500, 3000]))
world_scripts = st.lists(st.tuples(st.sampled_from([*worlds.EVENTS, "E"]), worlds.data) | _time, max_size=12)
chart_scripts = st.lists(
    st.tuples(st.sampled_from(["A", "B", "C", "m.x", "m.y", "m", "Z"]), chart_data) | _time, max_size=10
)

CHECKOUT = StateMachine(
    "checkout",
    "shopping",
    {
        "shopping": State(
            {"CANCEL": "gone"},
            states={
                "cart": State({"NEXT": "paying"}, timeout=1500, timeout_transition="idle"),
                "paying": State(
                    {"FAILED": "cart", "PAID": Transition("gone", guard="event.data.ok === true")},
                    retry=Retry(2, "FAILED"),
                ),
                "idle": State({"NEXT": "cart"}),
            },
            initial="cart",
        ),
        "gone": State(terminal=True),
    },
)


class Three:
    """The same machine in each engine."""

    def __init__(self, definition: StateMachine, clock: Clock) -> None:
        self.ours = Driver(definition)
        self.clock = clock
        self.first = Virtual(loaded(statemachine.write(definition).text))
        self.second = built(definition).start({"f": _nothing, "g": _nothing, "h": _nothing, "k": _nothing})

    def happen(self, event: str, given: Any) -> list[bool]:
        """Whether each accepted it."""
        if not event:
            self.ours.advance(given / 1000)
            self.first.advance(given)
            self.clock.advance(given)
            return []
        return [
            self._sent(event, given),
            self.first.send(event, given) != "rejected",
            self._triggered(event, given),
        ]

    def _sent(self, event: str, given: Any) -> bool:
        try:
            self.ours.send(event, given)
        except EventRejected:
            return False
        return True

    def _triggered(self, event: str, given: Any) -> bool:
        try:
            self.second.trigger(event, given)
        except MachineError as error:
            assume("in a row" not in str(error))
            return False
        return True

    @property
    def states(self) -> list[str]:
        return [self.ours.state, self.first.state, "+".join(listify(self.second.state))]


def _nothing(_: object) -> None:
    """What handlers do here."""


def agree(definition: StateMachine, script: list[Happening]) -> None:
    try:
        machine = compile_definition(definition)
        assume(not any("same" not in remark.message for remark in statemachine.write(definition).remarks))
        transitions.write(definition)
    except (CompileError, ConversionError):
        assume(False)
        raise
    note(to_yaml(definition))
    ranks = machine.ranks
    _assume_rest(definition, script)
    with virtual_time(lambda timer: (ranks.get(("main", timer), -1), timer)) as clock:
        three = Three(definition, clock)
        assert len(set(three.states)) == 1
        for event, said in script:
            accepted = three.happen(event, said)
            note(f"{event or 'after'} {said}: {accepted} {three.states}")
            assert len(set(accepted)) <= 1
            assert len(set(three.states)) == 1


def _assume_rest(definition: StateMachine, script: list[Happening]) -> None:
    """The libraries would never come back from events that run in a circle."""
    driver = Driver(definition)
    for event, said in script:
        if event:
            try:
                driver.send(event, said)
            except EventRejected:
                continue
        else:
            driver.advance(said / 1000)
    assume(not any(told.kind == "livelock" for step in driver.history for told in step.notes))


@given(worlds.definitions().map(convertible).map(mute), world_scripts)
@example(
    CHECKOUT, [("NEXT", {}), ("FAILED", {}), ("PAID", {}), ("FAILED", {}), ("", 1500), ("NEXT", {}), ("CANCEL", {})]
)
@example(CHECKOUT, [("PAID", {}), ("NEXT", {}), ("PAID", {"ok": True}), ("CANCEL", {})])
def test_all_three_agree_on_lifecycles(definition: StateMachine, script: list[Happening]) -> None:
    agree(definition, script)


@given(charts().map(convertible).map(tamed), chart_scripts)
def test_all_three_agree_on_statecharts(definition: StateMachine, script: list[Happening]) -> None:
    agree(definition, script)
