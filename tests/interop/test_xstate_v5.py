"""What v5 means, case by case; what is refused, and by which name; files that mean harm."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest

from statewf.definition.model import (
    Assign,
    Emit,
    Function,
    Raise,
    Retry,
    RetryPolicy,
    State,
    StateMachine,
    Step,
    Transition,
    Workflow,
)
from statewf.errors import ConversionError, Diagnostic
from statewf.interop.xstate import read, write
from tests.interop.test_xstate import driven, sent


def machine(**states: Any) -> dict[str, Any]:
    return {"id": "m", "initial": next(iter(states)), "states": states}


def mistakes(config: Any) -> tuple[Diagnostic, ...]:
    text = config if isinstance(config, str) else json.dumps(config, indent=1)
    with pytest.raises(ConversionError) as raised:
        read(text)
    return raised.value.diagnostics


# --- transitions


def around(way: dict[str, Any]) -> dict[str, Any]:
    """A state with two in it, which says when it is entered and left."""
    tell = {event: {"type": "xstate.emit", "params": {"event": {"type": event}}} for event in ("entered", "left")}
    inner = {"one": {"on": {"ON": "two"}}, "two": {}}
    return machine(
        a={"entry": tell["entered"], "exit": tell["left"], "initial": "one", "states": inner, "on": {"GO": way}}
    )


@pytest.mark.parametrize(
    ("way", "state", "told"),
    [
        ({"target": ".one"}, "a.one", ["entered"]),
        ({"target": "#m.a.one"}, "a.one", ["entered"]),
        ({"target": "a"}, "a.one", ["entered"]),
        ({"target": ".one", "reenter": True}, "a.one", ["entered", "left", "entered"]),
        ({"target": "a", "reenter": True}, "a.one", ["entered", "left", "entered"]),
        ({"reenter": True}, "a.two", ["entered"]),
        ({}, "a.two", ["entered"]),
    ],
)
def test_a_transition_is_internal_unless_it_reenters(way: dict[str, Any], state: str, told: list[str]) -> None:
    driver = driven(around(way))
    assert sent(driver, "ON", "GO") == ["a.two", state]
    assert [emitted.event for emitted in driver.emitted] == told


def test_the_most_exact_name_of_an_event_comes_first() -> None:
    on = {"*": "any", "mouse.*": "mouse", "mouse.click": "click", "no": {}}
    config = machine(idle={"on": on}, any={}, mouse={}, click={})
    seen = {event: sent(driven(config), event) for event in ("mouse.click", "mouse.move", "mouse", "key", "no")}
    assert seen == {
        "mouse.click": ["click"],
        "mouse.move": ["mouse"],
        "mouse": ["mouse"],
        "key": ["any"],
        "no": ["idle"],
    }


PAIR: dict[str, Any] = {
    "id": "m",
    "initial": "p",
    "states": {
        "p": {
            "type": "parallel",
            "states": {
                "l": {
                    "initial": "a",
                    "states": {"a": {"on": {"GO": "b", "OUT": "#m.q", "TELL": {"actions": "inner"}}}, "b": {}},
                },
                "r": {"initial": "c", "states": {"c": {"on": {"GO": "d", "OUT": "d"}}, "d": {}}},
            },
            "on": {"TELL": "q", "GO": {"actions": "outer"}},
        },
        "q": {},
    },
}


def test_regions_move_together_and_the_first_one_out_takes_the_others_with_it() -> None:
    assert sent(driven(PAIR), "GO") == ["p.l.b+p.r.d"]
    assert sent(driven(PAIR), "OUT") == ["q"]


def test_what_is_around_the_regions_is_taken_only_if_nothing_within_is() -> None:
    assert sent(driven(PAIR), "TELL") == ["p.l.a+p.r.c"]
    assert sent(driven(PAIR), "GO", "TELL") == ["p.l.b+p.r.d", "q"]


def test_that_condition_is_not_written_for_xstate_has_it_itself() -> None:
    imported = read(json.dumps(PAIR)).definition
    assert imported.states["p"].on["TELL"][0].guard is not None
    assert json.loads(write(imported).text)["states"]["p"]["on"]["TELL"] == "q"
    assert "includes" not in write(imported).text


def test_histories_remember_one_level_or_all() -> None:
    inner = {"y": {"initial": "one", "states": {"one": {"on": {"N": "two"}}, "two": {}}}}
    config = machine(
        x={
            "initial": "y",
            "states": {**inner, "h": {"type": "history"}, "d": {"type": "history", "history": "deep"}},
            "on": {"OFF": "off"},
        },
        off={"on": {"SHALLOW": "x.h", "DEEP": "x.d"}},
    )
    assert sent(driven(config), "N", "OFF", "SHALLOW")[-1].split(".$")[0] == "x.y.one"
    assert sent(driven(config), "N", "OFF", "DEEP")[-1].split(".$")[0] == "x.y.two"


def test_a_history_leads_to_its_target_at_first() -> None:
    inner = {"one": {}, "two": {}, "h": {"type": "history", "target": "two"}}
    config = machine(off={"on": {"ON": "x.h"}}, x={"initial": "one", "states": inner})
    assert sent(driven(config), "ON")[0].split(".$")[0] == "x.two"


def test_being_done_is_heard_by_key_and_by_event() -> None:
    inner = {"initial": "one", "states": {"one": {"on": {"N": "end"}}, "end": {"type": "final"}}}
    assert sent(driven(machine(x={**inner, "onDone": "after"}, after={})), "N") == ["after"]
    heard = {**machine(x=inner, after={}), "on": {"xstate.done.state.m.x": ".after"}}
    assert sent(driven(heard), "N") == ["m.after"]
    assert json.loads(write(read(json.dumps(heard)).definition).text) == heard


def test_where_the_machine_ends_its_own_exit_actions_are_done_last() -> None:
    config = {**machine(a={"exit": "one"}, end={"type": "final", "entry": "two", "exit": "three"}), "exit": "four"}
    end = read(json.dumps(config)).definition.states["end"]
    assert end.on_entry == tuple(map(Function, ("two", "three", "four")))


def test_a_terminal_state_further_within_leads_on_to_the_end_of_the_machine() -> None:
    inner = {"b": State({"E": "c"}), "c": State(terminal=True, outcome="failure")}
    definition = StateMachine("m", "a", {"a": State(states=inner, initial="b")}, unexpected="ignore")
    exported = write(definition)
    states = json.loads(exported.text)["states"]
    assert states["a"]["states"]["c"] == {"always": "#m.a-c"}
    assert states["a-c"] == {"type": "final", "meta": {"statewf": {"outcome": "failure"}}}
    assert [remark.where for remark in exported.remarks] == ["$.states.a.states.c"]


@pytest.mark.parametrize(
    ("state", "named"),
    [
        (State({"E": "a"}, retry=Retry(3, "E")), "retry"),
        (State(unexpected="defer"), "unexpected: defer"),
        (State(on_entry=Function("f", retry_policy=RetryPolicy(2))), "retryPolicy"),
        (State({"E": Transition("a", guard="attempt > 1")}), "a condition on attempt"),
        (State(on_entry=Emit("E", [1])), "emit of such data"),
        (State(on_entry=Function("xstate.log")), "the handler xstate.log"),
    ],
)
def test_what_xstate_cannot_hold_is_refused_by_its_name(state: State, named: str) -> None:
    with pytest.raises(ConversionError) as raised:
        write(StateMachine("m", "a", {"a": state}))
    (mistake,) = raised.value.diagnostics
    assert (mistake.code, mistake.message) == ("unsupported", f"{named} cannot be converted")


def test_a_workflow_is_no_machine_of_xstates() -> None:
    with pytest.raises(ConversionError):
        write(Workflow("w", Step("a")))


# --- time


def test_delays_with_guards_and_actions_are_asked_when_the_time_is_up() -> None:
    after = {"1000": [{"target": "b", "guard": "early"}, {"actions": "knock"}], "2000": "c"}
    config = machine(a={"after": after, "on": {"AGAIN": {"target": "a", "reenter": True}, "STAY": "a"}}, b={}, c={})
    early, late = driven(config, {"early": True}), driven(config)
    early.advance(1)
    late.advance(1)
    assert (early.state, late.state.split(".")[0]) == ("b", "a")
    sent(late, "STAY")
    late.advance(1)
    assert late.state == "c"
    again = driven(config)
    again.advance(1.5)
    sent(again, "AGAIN")
    again.advance(1.9)
    assert again.state.split(".")[0] == "a"
    again.advance(0.1)
    assert again.state == "c"


def test_a_delay_behind_one_that_leaves_the_state_is_left_out_with_a_word() -> None:
    after = {"5000": {"target": "c", "guard": "strict"}, "1000": "b"}
    imported = read(json.dumps(machine(a={"after": after}, b={}, c={"on": {"E": "a"}})))
    state = imported.definition.states["a"]
    assert (state.timeout, state.timeout_transition, state.on) == (1000, "b", {})
    assert [remark.where for remark in imported.remarks] == ["$.states.a.after['5000']"]


def test_named_delays_are_read_if_somebody_says_how_long_they_last() -> None:
    text = json.dumps(machine(a={"after": {"nap": "b"}}, b={}))
    assert read(text, delays={"nap": 300}).definition.states["a"].timeout == 300
    (mistake,) = mistakes(machine(a={"after": {"nap": "b"}}, b={}))
    assert mistake.path == "$.states.a.after.nap"
    assert "nap" in mistake.message


# --- guards and actions


@pytest.mark.parametrize(
    ("guard", "text"),
    [
        ("isPaid", "context.isPaid"),
        ({"type": "isOver", "params": {"n": 3}}, 'context["isOver({\\"n\\": 3})"]'),
        ({"type": "not", "guards": ["isPaid"]}, "!context.isPaid"),
        (
            {"type": "xstate.and", "params": {"guards": ["a", {"type": "not", "guard": "b"}]}},
            "context.a && !context.b",
        ),
        ({"type": "or", "guards": ["a", "b"]}, "context.a || context.b"),
        ({"type": "stateIn", "params": {"stateValue": "#m.x"}}, "includes(state, 'x')"),
        ({"type": "stateIn", "stateValue": {"x": "y"}}, "includes(state, 'x.y')"),
        ({"type": "expression", "params": {"text": "context.n > 1"}}, "context.n > 1"),
    ],
)
def test_a_guard_becomes_a_condition_and_comes_back(guard: Any, text: str) -> None:
    config = machine(x={"initial": "y", "states": {"y": {}}, "on": {"E": {"target": "x", "guard": guard}}})
    definition = read(json.dumps(config)).definition
    found = definition.states["x"].on["E"][0].guard
    assert found is not None
    assert found.text.replace('"', "'") == text.replace('"', "'")
    assert read(write(definition).text).definition == definition


def test_built_in_actions_are_read_if_they_say_what_they_do() -> None:
    said = [
        "log",
        {"type": "send", "params": {"to": 1}},
        {"type": "xstate.raise", "params": {"event": {"type": "R"}}},
        {"type": "xstate.emit", "event": {"type": "Told", "n": 1}},
        {"type": "xstate.assign", "params": {"assignment": {"n": 1, "list": [1, "a"]}}},
        {"type": "xstate.assign", "params": {"set": {"n": "context.n + 1"}}},
    ]
    definition = read(json.dumps(machine(a={"entry": said}))).definition
    assert definition.states["a"].on_entry == (
        Function("log"),
        Function("send", {"to": 1}),
        Raise("R"),
        Emit("Told", {"n": 1}),
        Assign({"n": 1, "list": '[1, "a"]'}),
        Assign({"n": "context.n + 1"}),
    )
    assert read(write(definition).text).definition == definition


def test_actions_of_initial_are_done_on_entry_where_nothing_else_leads_there() -> None:
    config = {**machine(a={"entry": "second"}), "initial": {"target": "a", "actions": "first"}}
    assert read(json.dumps(config)).definition.states["a"].on_entry == (Function("first"), Function("second"))
    config["states"]["a"]["on"] = {"AGAIN": {"target": "a", "reenter": True}}
    (mistake,) = mistakes(config)
    assert mistake.code == "unsupported"
    assert mistake.path == "$.initial.actions"


# --- what is refused


@pytest.mark.parametrize(
    ("state", "named"),
    [
        ({"on": {"E": {"target": "a", "cond": "f"}}}, "cond (this is XState v4)"),
        ({"on": {"E": {"target": "a", "in": "#x"}}}, "in (this is XState v4)"),
        ({"on": {"E": {"target": "a", "internal": False}}}, "internal (this is XState v4)"),
        ({"on": {"": "a"}}, 'the event "" (this is XState v4)'),
        ({"on": {"done.invoke.x": "a"}}, "the event done.invoke.x (this is XState v4)"),
        ({"activities": "beep"}, "activities (this is XState v4)"),
        ({"invoke": [{"src": "x"}, {"src": "y"}]}, "several invoked actors"),
        ({"invoke": {"src": "x", "onSnapshot": "a"}}, "onSnapshot"),
        ({"entry": [None]}, "an action that is a function"),
        ({"entry": {"type": "xstate.assign"}}, "xstate.assign"),
        ({"entry": {"type": "xstate.sendTo", "params": {}}}, "xstate.sendTo"),
        ({"on": {"E": {"target": "a", "guard": {"type": "xstate.and"}}}}, "the guard and"),
        ({"on": {"E": {"target": "a", "guard": None}}}, "a guard that is a function"),
        ({"on": {"xstate.after.1000.m.a": "a"}}, "the event xstate.after.1000.m.a"),
        ({"on": {"a.*.b": "a"}}, "the event a.*.b"),
        ({"type": "final", "on": {"E": "a"}}, "on of a final state"),
        (
            {"initial": "x", "states": {"x": {}}, "after": {"1": {"actions": "f"}}},
            "after that does more than leave a state",
        ),
    ],
)
def test_what_cannot_be_held_is_refused_by_its_name(state: dict[str, Any], named: str) -> None:
    found = mistakes(machine(a=state))
    assert [mistake.code for mistake in found] == ["unsupported"]
    assert found[0].message.startswith(named)
    assert found[0].line is not None
    assert found[0].hint


def test_all_mistakes_are_told_at_once_with_path_and_line() -> None:
    config = machine(
        a={"on": {"E": "nowhere", "F": "#gone", "G": ".in"}, "typo": 1},
        b={"id": "same", "type": "strange"},
        c={"id": "same", "entry": 7, "after": {"x": "a"}},
        d={"states": {"e": {}}},
    )
    text = json.dumps(config, indent=1)
    told = {mistake.path: mistake for mistake in mistakes(text)}
    assert {path: mistake.code for path, mistake in told.items()} == {
        "$.states.a.on.E": "unknown-target",
        "$.states.a.on.F": "unknown-target",
        "$.states.a.on.G": "unknown-target",
        "$.states.a.typo": "unknown-key",
        "$.states.b.type": "bad-choice",
        "$.states.c.id": "duplicate-id",
        "$.states.c.entry": "wrong-type",
        "$.states.c.after.x": "unsupported",
        "$.states.d": "unknown-initial",
    }
    lines = text.splitlines()
    assert '"nowhere"' in lines[(told["$.states.a.on.E"].line or 0) - 1]
    assert '"typo"' in lines[(told["$.states.a.typo"].line or 0) - 1]


def test_the_definition_that_a_machine_shows_of_itself_is_no_config() -> None:
    (mistake,) = mistakes({"id": "m", "key": "m", "order": -1, "transitions": [], "states": {}})
    assert "toJSON" in mistake.message


# --- files that mean harm


@pytest.mark.parametrize(
    "text",
    ["", "[]", "nul", '{"id": 1e999}', "{" * 200, '{"states": ' * 150 + "1" + "}" * 150, '{"id": "\\ud800"}'],
)
def test_what_is_no_config_is_told(text: str) -> None:
    assert mistakes(text)


@pytest.mark.parametrize("junk", [None, 7, "x", [], [[]], {}, {"": {}}, [None, {"a": []}], True])
def test_junk_anywhere_is_told_or_read_and_never_a_traceback(junk: Any) -> None:
    for key in (
        "id",
        "initial",
        "states",
        "type",
        "on",
        "always",
        "after",
        "invoke",
        "entry",
        "onDone",
        "meta",
        "history",
    ):
        config = machine(a={"initial": "b", "states": {"b": {}}, key: junk}, c={key: junk})
        for broken in (
            config,
            {**config, key: junk},
            machine(a={"on": {"E": {key: junk, "guard": junk, "actions": junk}}}),
        ):
            with contextlib.suppress(ConversionError):
                read(json.dumps(broken))


def test_code_in_a_config_is_a_name_and_nothing_more() -> None:
    code = "() => process.exit(1)"
    config = machine(
        a={"entry": code, "on": {"E": {"target": "a", "guard": code}}, "invoke": {"src": code, "onError": {}}}
    )
    definition = read(json.dumps(config)).definition
    assert definition.states["a"].on_entry == (Function(code),)
    driver = driven(config)
    driver.send("E")
    assert driver.state == "a"
    bad = {"type": "expression", "params": {"text": "__import__('os').system('true')"}}
    (mistake,) = mistakes(machine(a={"on": {"E": {"target": "a", "guard": bad}}}))
    assert mistake.code == "unknown-function"


def test_a_deep_and_a_wide_config_are_read_in_time() -> None:
    deep: dict[str, Any] = {}
    for _ in range(45):
        deep = {"initial": "s", "states": {"s": deep}}
    assert read(json.dumps({"id": "m", **deep})).definition
    wide = machine(**{f"s{i}": {"on": {"N": f"s{(i + 1) % 3000}"}} for i in range(3000)})
    assert len(read(json.dumps(wide)).definition.states) == 3000
