"""A written machine, run by transitions, does what the definition says: state, answer, data and deeds after each event."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from transitions import MachineError
from transitions.core import listify

from statewf import Driver, EventRejected
from statewf import Event as Answer
from statewf.definition import model
from statewf.definition.model import Function, Retry, State, StateMachine, Transition
from statewf.errors import CompileError
from statewf.interop.transitions.write import write
from statewf.values.frozen import thaw
from tests.compiler.charts import charts
from tests.compiler.charts import scripts as chart_scripts
from tests.interop.timers import Clock, virtual_time
from tests.worlds import EVENTS, data, definitions

scripts = st.lists(
    st.tuples(st.sampled_from([*EVENTS, "E"]), data) | st.tuples(st.just(""), st.sampled_from([1, 500, 1500])),
    max_size=12,
)


def convertible(definition: StateMachine) -> StateMachine:
    """The same without what transitions has no words for."""
    states = {name: _convertible(state) for name, state in definition.states.items()}
    unexpected = "reject" if definition.unexpected == "defer" else definition.unexpected
    return attrs.evolve(definition, states=states, unexpected=unexpected)


def _convertible(state: State) -> State:
    if state.history is not None:
        return State({"A": "s0"})
    retry = state.retry
    if retry is not None:
        retry = attrs.evolve(retry, jitter="none", on=[name for name in retry.on if name != "$error"] or ["A"])
    return attrs.evolve(
        state,
        on={name: _ways(listed) for name, listed in state.on.items()},
        always=_ways(state.always),
        on_done=_ways(state.on_done),
        on_entry=_actions(state.on_entry),
        on_exit=_actions(state.on_exit),
        invoke=None,
        retry=retry,
        unexpected=None if state.unexpected == "defer" else state.unexpected,
        states={name: _convertible(child) for name, child in state.states.items()},
    )


def _ways(listed: tuple[model.Transition, ...]) -> list[model.Transition]:
    return [attrs.evolve(way, actions=_actions(way.actions)) for way in listed]


def _actions(actions: tuple[model.Action, ...]) -> list[model.Action]:
    return [attrs.evolve(a, retry_policy=None) if isinstance(a, Function) else a for a in actions]


def built(definition: StateMachine) -> Any:
    """The machine that the written module makes."""
    module: dict[str, Any] = {}
    exec(write(definition).text, module)
    return module["machine"]


class _Handlers:
    """Handlers that note their calls; every third call of `g` is answered with an event, three times at most."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def note(self, name: str, call: Any) -> Answer | None:
        self.calls.append((name, dict(call.params), dict(call.context)))
        if name == "g" and len(self.calls) % 3 == 0 and len(self.calls) < 10:
            return Answer("B", {"ok": True})
        if name == "f" and len(self.calls) % 4 == 0:
            raise ValueError("it is meant to fail")
        return None

    def named(self) -> dict[str, Any]:
        return {"f": lambda call: self.note("f", call), "g": lambda call: self.note("g", call)}


def same_runs(definition: StateMachine, script: list[tuple[str, Any]], inputs: dict[str, Any]) -> None:
    """Let both take the script, and compare them after each step."""
    ours, theirs = _Handlers(), _Handlers()
    driver = Driver(definition, inputs, handlers=ours.named())
    ranks = driver.machine.ranks
    with virtual_time(lambda timer: (ranks.get(("main", timer), -1), timer)) as clock:
        machine = built(definition)
        try:
            there = machine.start(theirs.named(), inputs)
            _compare(driver, there, ours, theirs)
            for name, told in script:
                refused = _moved(driver, name, told)
                assert _moved_there(there, clock, name, told) == refused
                _compare(driver, there, ours, theirs)
        except MachineError as error:
            if "in a row" not in str(error):
                raise
            assert any(note.kind == "livelock" for step in driver.history for note in step.notes)


def _moved(driver: Driver, name: str, told: Any) -> bool:
    if not name:
        driver.advance(told / 1000)
        return False
    try:
        driver.send(name, told)
    except EventRejected:
        return True
    return False


def _moved_there(there: Any, clock: Clock, name: str, told: Any) -> bool:
    if not name:
        clock.advance(told)
        return False
    try:
        there.trigger(name, told)
    except MachineError as error:
        if "in a row" in str(error):
            raise
        return True
    return False


def _compare(driver: Driver, there: Any, ours: _Handlers, theirs: _Handlers) -> None:
    assert "+".join(listify(there.state)) == driver.state
    assert thaw(there.context) == driver.context
    assert [(name, thaw(value)) for name, value in there.emitted] == [(e.event, e.data) for e in driver.emitted]
    assert theirs.calls == ours.calls


@given(definitions().map(convertible), scripts, st.integers(0, 3))
def test_a_written_machine_runs_as_the_definition_does(
    definition: StateMachine, script: list[tuple[str, Any]], n: int
) -> None:
    same_runs(definition, script, {"n": n})


@given(charts().map(convertible), chart_scripts, st.integers(0, 3))
def test_a_written_statechart_runs_as_the_definition_does(
    definition: StateMachine, script: list[tuple[str, Any]], n: int
) -> None:
    try:
        Driver(definition, {"n": n})
    except CompileError:
        assume(False)
    same_runs(definition, script, {"n": n})


def test_between_two_attempts_nothing_of_the_state_runs_but_its_other_events() -> None:
    """What generated machines seldom come to: the wait of a `retry`, with all else that the state has."""
    tried = State(
        {"A": "end", "B": "end", "C": Transition()},
        always=Transition("end", guard="context.n > 0"),
        retry=Retry(3, "A", base_delay=100),
        timeout=50,
        timeout_transition="late",
    )
    around = State({"A": "late"}, states={"try": tried}, initial="try")
    ends = {"end": State(terminal=True), "late": State(terminal=True)}
    definition = StateMachine("m", "s", {"s": around, **ends})
    waits: list[tuple[str, Any]] = [("A", {}), ("", 60)]
    for script in (
        [*waits, ("A", {}), ("", 40), ("A", {}), ("", 200), ("A", {})],
        [*waits, ("B", {})],
        [*waits, ("C", {}), ("", 40), ("", 50)],
        [*waits, ("C", {"n": 1}), ("B", {})],
        [*waits, ("C", {"n": 1}), ("", 40)],
    ):
        same_runs(definition, script, {"n": 0})


def test_events_of_its_own_in_a_circle_are_an_error_there_and_undone_here() -> None:
    definition = StateMachine("m", "a", {"a": State({"GO": "b"}), "b": State(always="c"), "c": State(always="b")})
    model = built(definition).start()
    with pytest.raises(MachineError, match="1,000 transitions of its own in a row"):
        model.trigger("GO")
    driver = Driver(definition)
    driver.send("GO")
    assert driver.history[-1].notes[0].kind == "livelock"


def test_handlers_that_are_missing_are_told_at_the_start() -> None:
    definition = StateMachine("m", "a", {"a": State(on_entry=[Function("f"), Function("os.system")])})
    with pytest.raises(MachineError, match=r"there are no handlers for f, os\.system"):
        built(definition).start({"g": print})


def test_nobody_sends_that_a_state_is_finished() -> None:
    inner = State(
        {"X": Transition()}, states={"x": State({"F": "y"}), "y": State(final=True)}, initial="x", on_done="end"
    )
    definition = StateMachine("m", "s", {"s": inner, "end": State(terminal=True)})
    same_runs(definition, [("done.state.s", {}), ("done.state.x", {}), ("X", {}), ("F", {})], {})
    assert not built(definition).start().may_trigger("done.state.s")
