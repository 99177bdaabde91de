"""Classes as python-statemachine's documentation has them, read; and how they behave on both sides."""

# The library leaves some of itself untyped:
# mypy: disable-error-code="no-untyped-call, type-arg, untyped-decorator"
# ruff: noqa: N801  # its states are classes, too

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statemachine import Event, HistoryState, State, StateChart
from statemachine.contrib.timeout import timeout
from statemachine.contrib.weighted import weighted_transitions
from statemachine.exceptions import TransitionNotAllowed

import statewf as wf
from statewf.definition.model import Function, Invoke, Raise
from statewf.errors import ConversionError, EventRejected
from statewf.interop.statemachine import read, write
from statewf.simulator import Driver
from tests.interop.statemachine_examples import (
    EXAMPLES,
    Auto,
    Campaign,
    Enumerated,
    Journey,
    Loader,
    Mouse,
    Order,
    TrafficLight,
    Waiter,
    War,
)
from tests.interop.statemachines import loaded


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_is_the_same_when_it_is_read_written_and_read_again(example: type[StateChart[Any]]) -> None:
    definition = read(example).definition
    wf.compile(definition)
    written = write(definition)
    assert read(loaded(written.text)).definition == definition
    assert written.remarks == ()


def test_a_cycle_has_its_event_in_each_state() -> None:
    definition = read(TrafficLight).definition
    assert definition == wf.StateMachine(
        "TrafficLight",
        "green",
        {
            "green": wf.State({"cycle": "yellow", "slowdown": "yellow"}),
            "yellow": wf.State({"cycle": "red"}),
            "red": wf.State({"cycle": "green"}),
        },
        description="A light that goes round.",
    )


def test_conditions_callbacks_and_labels_are_read() -> None:
    definition = read(Order).definition
    waiting, processing = definition.states["waiting"], definition.states["processing"]
    assert waiting.description == "Waiting for payment"
    assert [way.guard and way.guard.text for way in waiting.on["pay"]] == [
        "context.paid_enough",
        "!context.paid_enough",
    ]
    (way,) = processing.on["process"]
    assert way.guard is not None
    assert way.guard.text == "context.address && !(context.blocked || context.stopped)"
    assert way.actions == (Function("pack"),)
    assert waiting.on["add"][0].actions == (Function("before_add"),)
    assert waiting.on_exit == (Function("on_exit_waiting"),)
    assert waiting.on_entry == processing.on_entry == (Function("on_enter_state"),)
    assert definition.states["shipping"].on["ship"][0].actions == (Function("after_ship"),)
    assert {remark.where for remark in read(Order).remarks} == {"Order.waiting", "Order.shipping"}


def test_a_callback_for_one_event_is_not_for_others_of_the_transition() -> None:
    class Two(StateChart):
        one = State(initial=True)
        two = State()
        go = one.to(two, event="run") | two.to(one)

        def on_run(self) -> None: ...

    on = read(Two).definition.states["one"].on
    assert on["run"] == (wf.Transition("two", actions=Function("on_run")),)
    assert on["go"] == (wf.Transition("two"),)


def test_an_event_from_any_state_is_read_in_each_that_can_be_left() -> None:
    states = read(Campaign).definition.states
    assert [name for name, state in states.items() if "cancel" in state.on] == ["draft", "producing"]


def test_what_lies_within_states_is_read() -> None:
    states = read(Journey).definition.states
    assert states["shire"].initial == "bag_end"
    assert states["road"].states["past"] == wf.State(history="deep")
    assert states["road"].states["lost"] == wf.State(final=True)
    assert states["road"].on_done == (wf.Transition("end"),)
    assert states["camp"].on == {"resume": (wf.Transition("road.past"),)}


def test_a_parallel_state_at_the_top_ends_the_machine_when_it_is_finished() -> None:
    imported = read(War)
    assert imported.definition.states["war"].on_done == (wf.Transition("finished"),)
    assert [remark.where for remark in imported.remarks] == ["War.war"]
    driver = Driver(imported.definition)
    driver.send("crown")
    driver.send("destroy")
    assert not driver.done
    driver.send("crown")
    assert driver.state == "finished"


def test_a_timeout_and_an_invoke_are_read() -> None:
    waiting = read(Waiter).definition.states["waiting"]
    assert (waiting.timeout, waiting.timeout_transition) == (2500, "late")
    assert list(waiting.on) == ["expired", "serve"]
    assert read(Loader).definition.states["loading"].invoke == Invoke("fetch", on_done="ready", on_error="failed")


def test_transitions_without_event_and_internal_ones_are_read() -> None:
    checked, idle = (read(Auto).definition.states[name] for name in ("checked", "idle"))
    assert checked.always == (wf.Transition("done", guard="context.ok", actions=Function("celebrate")),)
    assert checked.on["again"] == (wf.Transition(actions=Function("note")),)
    assert idle.on["start"] == (wf.Transition("checked", actions=Function("begin")),)


def test_an_event_that_stands_for_others_is_read_as_a_pattern() -> None:
    states = read(Mouse).definition.states
    assert list(states["near"].on) == ["mouse.moved", "moved", "*", "lost"]
    assert list(states["far"].on) == ["mouse.*", "all"]


def test_an_instance_is_read_like_its_class() -> None:
    assert read(TrafficLight()) == read(TrafficLight)


def test_what_is_no_class_of_python_statemachine_is_refused() -> None:
    for subject in (int, "text", StateChart):
        with pytest.raises(ConversionError):
            read(subject)


# --- the same events on both sides


def _theirs(machine: StateChart[Any]) -> str:
    active = [state for state in machine.configuration if not state.states]
    return "+".join(sorted(state.id for state in active))


def _ours(driver: Driver) -> str:
    return "+".join(sorted(leaf.rpartition(".")[2] for leaf in driver.state.split("+")))


@pytest.mark.parametrize("example", [TrafficLight, Campaign, Journey, Mouse, War, Order, Enumerated, Auto])
@given(seed=st.integers(0, 2**32), truths=st.sets(st.sampled_from(["paid_enough", "address", "blocked", "ok"])))
def test_a_class_that_is_read_does_what_it_did(
    example: type[StateChart[Any]], seed: int, truths: Iterable[str]
) -> None:
    random_events = random.Random(seed)
    counter = Counter()
    machine = example(listeners=[counter])
    for name in truths:
        setattr(machine, name, True)
    driver = Driver(read(example).definition, dict.fromkeys(truths, True))
    names = [str(event) for event in machine.events if not event.startswith(("done", "*"))] + ["mouse.left"]
    for event in random_events.choices(names, k=12):
        if machine.is_terminated:
            assert driver.done
            break
        assert _took(machine, counter, event) == _accepted(driver, event), event
        assert driver.state == "finished" or _ours(driver) == _theirs(machine)


class Counter:
    """Counts the transitions of a machine to which it listens."""

    taken = 0

    def after_transition(self) -> None:
        self.taken += 1


def _took(machine: StateChart[Any], counter: Counter, event: str) -> bool:
    before = counter.taken
    try:
        machine.send(event)
    except TransitionNotAllowed:
        return False
    return counter.taken > before


def _accepted(driver: Driver, event: str) -> bool:
    try:
        return driver.send(event).disposition == "accepted"
    except EventRejected:
        return False


# --- conditions as text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", "context.a"),
        ("!a", "!context.a"),
        ("a ^ b v not c", "context.a && context.b || !context.c"),
        ("a and (b or c)", "context.a && (context.b || context.c)"),
        ("total >= 10 and kind == 'gold'", 'context.total >= 10 && context.kind === "gold"'),
        ("1 < n <= 3", "1 < context.n && context.n <= 3"),
        ("n != 2.5 or x == None or y == True", "context.n !== 2.5 || context.x === null || context.y === true"),
        ("In('one')", 'includes(state, "one")'),
    ],
)
def test_a_condition_as_text_is_translated(text: str, expected: str) -> None:
    assert _guard(cond=text) == expected


def _guard(**given: Any) -> str | None:
    class Two(StateChart):
        one = State(initial=True)
        two = State()
        go = one.to(two, **given) | two.to(one)

    (way,) = read(Two).definition.states["one"].on["go"]
    return None if way.guard is None else way.guard.text


@pytest.mark.parametrize("text", ["a + 1", "a.b", "a is b", "f(1)", "In('nowhere')", "[a]", "(", "a == b'x'", ""])
def test_a_condition_that_cannot_be_translated_is_refused(text: str) -> None:
    with pytest.raises(ConversionError) as refused:
        _guard(cond=text)
    assert [d.code for d in refused.value.diagnostics] == ["unsupported"]


def test_a_callable_condition_is_known_by_its_name() -> None:
    def is_paid() -> bool:
        raise AssertionError("nothing is called")

    assert _guard(cond=is_paid) == "context.is_paid"
    assert _guard(unless=is_paid) == "!context.is_paid"
    assert _guard(cond=["a", is_paid], unless="b") == "context.a && context.is_paid && !context.b"


# --- what is refused, by name


def _refusal(chart: type[StateChart[Any]]) -> str:
    with pytest.raises(ConversionError) as refused:
        read(chart)
    return "; ".join(f"{d.path}: {d.message}" for d in refused.value.diagnostics)


class Lenient(StateChart):
    validate_disconnected_states = False


def test_a_lambda_has_no_name() -> None:
    class One(Lenient):
        one = State(initial=True, enter=lambda: None)
        go = one.to.itself()

    class Other(Lenient):
        one = State(initial=True)
        go = one.to.itself(cond=lambda: True)

    assert _refusal(One) == _refusal(Other).replace("Other", "One") == "One.one: a lambda cannot be converted"


def test_what_has_no_like_here_is_refused_by_name() -> None:
    class Child(StateChart):
        only = State(initial=True, final=True)

    class Many(Lenient):
        one = State(initial=True, invoke=Child)
        two = State(invoke=[timeout(1, on="a"), timeout(2, on="b")])
        three = State(invoke=timeout(1, on="c"))
        four = State()
        five = State()
        a = two.to(one) | one.to(two)
        b = two.to(one)
        c = three.to(one, cond="x")
        v = four.to(one, validators="check")
        error_execution = five.to(one)
        w = weighted_transitions(five, (one, 1), (two, 2))

        class six(State.Parallel):
            end = State(final=True)

        class seven(State.Compound):
            inner = State(initial=True)
            past = HistoryState()
            past.to(inner, on="call")

    told = _refusal(Many)
    for what in (
        "Many.one: invoke of Child",
        "Many.two: such a timeout",
        "Many.three: such a timeout",
        "Many.four: a validator",
        "Many.five: error.execution",
        "Many.six.end: a final state right within a parallel one",
        "Many.seven.past: a callback on the default transition of a history",
    ):
        assert what in told
    assert told.count("statemachine.contrib.weighted cannot be converted") == 2
    assert told.count("cannot be converted") == 9


def test_two_states_of_one_id_are_refused_for_python_statemachine_forgets_the_first() -> None:
    class Twins(Lenient):
        class both(State.Parallel, initial=True):
            class left(State.Compound):
                off = State(initial=True)
                on = State()
                switch = off.to(on)

            class right(State.Compound):
                off = State(initial=True)
                on = State()
                switch = off.to(on)

    assert len(Twins.states_map) == 5  # and not 7
    told = _refusal(Twins)
    assert "several states have the id off" in told
    assert "several states have the id on" in told


# --- what is told


def test_what_is_left_behind_is_told() -> None:
    class Watched(StateChart):
        one = State(initial=True)
        two = State()
        go = Event(one.to(two), delay=500)
        back = Event(two.to(one), internal=True)
        listeners = (object(),)

        def prepare_event(self) -> dict[str, Any]:
            return {}

    assert [remark.where for remark in read(Watched).remarks] == [
        "Watched",
        "Watched",
        "Watched.go",
        "Watched.back",
    ]


def test_an_internal_transition_of_a_part_to_itself_leaves_its_siblings_alone() -> None:
    class Both(StateChart):
        class p(State.Parallel):  # a state is called as its people call it
            class l(State.Compound):  # noqa: E742
                one = State(initial=True)
                two = State()
                go = one.to(two)
                note = two.to.itself(internal=True)

            class r(State.Compound):
                three = State(initial=True)
                four = State()
                up = three.to(four)
                down = four.to(three)

    machine, driver = Both(), Driver(read(Both).definition)
    for event in ("go", "up", "note"):
        machine.send(event)
        driver.send(event)
    assert driver.state == "p.l.two+p.r.four"
    assert {"three", "four"} <= set(machine.configuration_values)


def test_the_listeners_of_an_instance_are_left_behind_with_a_word() -> None:
    class Plain(StateChart):
        one = State(initial=True)
        two = State(final=True)
        go = one.to(two)

    assert read(Plain()).remarks == ()
    (remark,) = read(Plain(listeners=[object()])).remarks
    assert "listeners are left behind" in remark.message


def test_a_callback_that_is_an_event_raises_it() -> None:
    class Chain(StateChart):
        one = State(initial=True)
        two = State(enter="back")
        go = one.to(two)
        back = two.to(one)

    assert read(Chain).definition.states["two"].on_entry == (Raise("back"),)


def test_an_internal_transition_that_enters_again_without_leaving_keeps_what_is_done() -> None:
    class Again(StateChart):
        one = State(initial=True, enter="enter_one", exit="leave_one")
        go = one.to.itself(internal=True, on="note")

        def enter_one(self) -> None:
            told.append("enter")

        def leave_one(self) -> None:
            told.append("leave")

        def note(self) -> None:
            told.append("note")

    told: list[str] = []
    Again().send("go")
    assert told == ["enter", "note", "enter"]
    (way,) = read(Again).definition.states["one"].on["go"]
    assert way == wf.Transition(actions=[Function("note"), Function("enter_one")])


def test_nothing_of_a_class_is_called() -> None:
    def called(*_: object, **__: object) -> bool:
        raise AssertionError("it was called")

    class Trap(StateChart):
        one = State(initial=True, enter=called, exit=called, invoke=called)
        go = one.to.itself(cond=called, on=called, before=called)
        on_enter_state = called
        __init__ = called

    assert read(Trap).definition.states["one"].on_entry == (Function("on_enter_state"), Function("called"))
