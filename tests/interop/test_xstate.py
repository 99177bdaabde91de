"""XState's configs: the examples of its own documentation, and the laws of going there and back."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest
from hypothesis import assume, given, note, settings
from hypothesis import strategies as st

import statewf as wf
from statewf.compiler.tree import Node, Tree, grow
from statewf.definition.model import StateMachine, Transition
from statewf.definition.write import to_yaml
from statewf.errors import CompileError, ConversionError, EventRejected
from statewf.interop.xstate import read, write
from statewf.simulator import Driver
from tests.compiler.charts import charts
from tests.interop.xstate_configs import configs
from tests.worlds import EVENTS, definitions

LIGHT: dict[str, Any] = {
    "id": "crossing",
    "initial": "green",
    "states": {
        "green": {"after": {"1000": "amber"}, "entry": "switch"},
        "amber": {"after": {"500": {"target": "red"}}},
        "red": {
            "initial": "walk",
            "states": {
                "walk": {"on": {"COUNTED": {"target": "hurry"}}},
                "hurry": {"on": {"COUNTED": "stay"}},
                "stay": {"type": "final"},
            },
            "onDone": "green",
        },
    },
    "on": {"OUTAGE": ".red.stay"},
}
TOGGLE: dict[str, Any] = {
    "id": "lamp",
    "initial": "dark",
    "context": {"times": 0},
    "states": {
        "dark": {"on": {"TOGGLE": "lit"}},
        "lit": {
            "entry": {"type": "count", "params": {"by": 1}},
            "on": {"TOGGLE": {"target": "dark", "guard": "allowed"}},
        },
    },
}
FETCH: dict[str, Any] = {
    "id": "fetch",
    "initial": "idle",
    "states": {
        "idle": {"on": {"FETCH": "loading"}},
        "loading": {
            "invoke": {
                "src": "getDog",
                "input": {"breed": "pug"},
                "onDone": {"target": "loaded", "actions": "keep"},
                "onError": [
                    {"target": "waiting", "guard": {"type": "fewerThan", "params": {"times": 3}}},
                    {"target": "failed"},
                ],
            }
        },
        "waiting": {"after": {"2000": {"target": "loading", "actions": "announce"}}},
        "loaded": {"type": "final"},
        "failed": {"on": {"RETRY": "loading"}},
    },
}
PLAYER: dict[str, Any] = {
    "id": "player",
    "type": "parallel",
    "states": {
        "track": {
            "initial": "paused",
            "states": {
                "paused": {"on": {"PLAY": "playing"}},
                "playing": {"on": {"STOP": "paused", "END": "over"}},
                "over": {"type": "final"},
            },
        },
        "volume": {
            "initial": "normal",
            "states": {
                "normal": {"on": {"MUTE": "muted"}},
                "muted": {"on": {"UNMUTE": "normal", "END": {"target": "over", "actions": "silence"}}},
                "over": {"type": "final"},
            },
        },
    },
}
CHECKOUT: dict[str, Any] = {
    "id": "checkout",
    "initial": "payment",
    "states": {
        "payment": {
            "initial": "method",
            "states": {
                "method": {
                    "initial": "cash",
                    "states": {
                        "cash": {"on": {"CHECK": "check"}},
                        "check": {"on": {"CASH": "cash"}},
                        "last": {"type": "history", "target": "cash"},
                    },
                    "on": {"NEXT": "#checkout.review"},
                },
            },
        },
        "review": {
            "on": {
                "BACK": "#checkout.payment.method.last",
                "ORDER": {"target": "done", "actions": ["order", "mail"]},
            }
        },
        "done": {"type": "final", "output": {"paid": True}},
    },
}
EXAMPLES = {"light": LIGHT, "toggle": TOGGLE, "fetch": FETCH, "player": PLAYER, "checkout": CHECKOUT}


def driven(config: dict[str, Any], inputs: dict[str, Any] | None = None) -> Driver:
    return Driver(read(json.dumps(config)).definition, inputs)


def sent(driver: Driver, *events: str) -> list[str]:
    seen = []
    for event in events:
        driver.send(event)
        seen.append(driver.state)
    return seen


# --- the examples


def test_a_traffic_light_goes_by_time_and_leaves_red_when_the_pedestrian_is_done() -> None:
    driver = driven(LIGHT)
    assert driver.state == "crossing.green"
    driver.advance(1)
    assert driver.state == "crossing.amber"
    driver.advance(0.5)
    assert driver.state == "crossing.red.walk"
    assert sent(driver, "COUNTED", "COUNTED") == ["crossing.red.hurry", "crossing.green"]
    assert sent(driver, "OUTAGE") == ["crossing.green"]


def test_a_toggle_asks_its_guard_by_name_and_knows_its_first_context() -> None:
    assert driven(TOGGLE).context == {"times": 0}
    assert sent(driven(TOGGLE, {"allowed": True}), "TOGGLE", "TOGGLE") == ["lit", "dark"]
    assert sent(driven(TOGGLE), "TOGGLE", "TOGGLE") == ["lit", "lit"]


def test_a_fetch_is_tried_again_while_the_guard_with_params_holds() -> None:
    driver = driven(FETCH, {'fewerThan({"times": 3})': True})
    driver.send("FETCH")
    assert driver.calls[0].params == {"breed": "pug"}
    driver.reply(error="Unreachable")
    assert driver.state == "waiting.waiting"
    driver.advance(2)
    assert driver.state == "loading"
    driver.reply({"dog": "Rex"})
    assert (driver.state, driver.done) == ("loaded", True)
    driver = driven(FETCH)
    driver.send("FETCH")
    driver.reply(error="Unreachable")
    assert driver.state == "failed"


def test_a_parallel_machine_moves_its_regions_at_once_and_ends_when_both_are_over() -> None:
    driver = driven(PLAYER)
    assert sent(driver, "PLAY", "MUTE") == [
        "player.track.playing+player.volume.normal",
        "player.track.playing+player.volume.muted",
    ]
    assert sent(driver, "END") == ["done"]
    assert driver.done


def test_a_checkout_comes_back_to_the_method_that_was_chosen() -> None:
    driver = driven(CHECKOUT)
    assert sent(driver, "CHECK", "NEXT")[0] == "payment.method.check"
    assert sent(driver, "BACK", "NEXT", "ORDER")[0].split(".$")[0] == "payment.method.check"
    assert driver.done


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_comes_back_as_it_was_read(name: str) -> None:
    config = EXAMPLES[name]
    definition = read(json.dumps(config)).definition
    assert read(write(definition).text).definition == definition


def test_what_is_held_as_it_is_is_written_as_it_was() -> None:
    bare = {**CHECKOUT, "states": {**CHECKOUT["states"], "done": {"type": "final"}}}
    written = json.loads(write(read(json.dumps(bare)).definition).text)
    assert written["states"]["review"] == bare["states"]["review"]
    assert written["states"]["payment"]["states"]["method"]["on"] == {"NEXT": "#checkout.review"}
    assert (
        json.loads(write(read(json.dumps(FETCH)).definition).text)["states"]["waiting"]
        == FETCH["states"]["waiting"]
    )
    assert json.loads(write(read(json.dumps(PLAYER)).definition).text) == PLAYER


# --- the laws


@settings(max_examples=150)
@given(configs())
def test_what_is_read_and_written_is_read_the_same(config: dict[str, Any]) -> None:
    try:
        definition = read(json.dumps(config)).definition
    except ConversionError:
        assume(False)
    text = write(definition).text
    note(text)
    assert read(text).definition == definition
    assert write(read(text).definition).text == text


def normal(definition: StateMachine) -> StateMachine:
    """The definition in which each state is named as shortly as can be, and nothing is said twice."""
    tree = grow(definition)

    def changed(node: Node) -> wf.State:
        state = node.state
        invoke = state.invoke and wf.Invoke(
            state.invoke.handler,
            state.invoke.params,
            _ways(tree, node, state.invoke.on_done),
            () if state.invoke.on_error == (Transition(),) else _ways(tree, node, state.invoke.on_error),
        )
        way = _ways(tree, node, (Transition(state.timeout_transition),))[0].target
        return wf.State(
            {event: _ways(tree, node, ways) for event, ways in state.on.items()},
            always=_ways(tree, node, state.always),
            timeout=state.timeout,
            timeout_transition=way if isinstance(way, str) else None,
            terminal=state.terminal,
            outcome=state.outcome,
            on_entry=state.on_entry,
            on_exit=state.on_exit,
            invoke=invoke,
            unexpected=state.unexpected,
            states={name: changed(child) for name, child in node.children.items()},
            initial=state.initial,
            parallel=state.parallel,
            history=state.history,
            final=state.final,
            on_done=_ways(tree, node, state.on_done),
            description=state.description,
        )

    states = {name: changed(node) for name, node in tree.roots.items()}
    return attrs.evolve(definition, states=states)


def _ways(tree: Tree, node: Node, ways: tuple[Transition, ...]) -> tuple[Transition, ...]:
    def short(name: str) -> str:
        target = tree.find(name, node)
        assert target is not None
        last = str(target.path[-1])
        return last if tree.find(last, node) is target else target.name

    def plain(way: Transition) -> Transition:
        still = way.internal and not node.state.states  # nothing is left or entered
        names = [] if still else [short(name) for name in way.targets]
        return attrs.evolve(way, target=names or None, internal=way.internal and not still)

    return tuple(map(plain, ways))


@settings(max_examples=150)
@given(definitions() | charts())
def test_a_definition_that_can_be_written_comes_back(definition: StateMachine) -> None:
    try:
        text = write(definition).text
    except (ConversionError, CompileError):
        assume(False)
    hops = any(node.state.terminal and node.parent for node in grow(definition).nodes.values())
    note(to_yaml(definition))
    note(text)
    back = read(text).definition
    if not hops:
        assert back == normal(definition)
    assert read(write(back).text).definition == back


@settings(max_examples=100)
@given(definitions(), st.lists(st.sampled_from([*EVENTS, "", "done", "error"]), max_size=8))
def test_a_definition_does_the_same_when_it_comes_back(definition: StateMachine, script: list[str]) -> None:
    try:
        back = read(write(definition).text).definition
    except ConversionError:
        assume(False)
    note(to_yaml(definition))
    note(to_yaml(back))
    hops = {
        node.name: node.name.replace(".", "-") for node in grow(definition).nodes.values() if node.state.terminal
    }
    one, other = Driver(definition, {"n": 1}), Driver(back, {"n": 1})
    for happening in ["start", *script]:
        if happening != "start":
            assert _happen(one, happening) == _happen(other, happening), happening
        assert hops.get(one.state, one.state) == other.state
        assert [told.event for told in one.emitted] == [told.event for told in other.emitted]
        assert dict(one.context) == dict(other.context)
        assert [call.handler for call in one.calls] == [call.handler for call in other.calls]


def _happen(driver: Driver, happening: str) -> str:
    if happening == "":
        driver.advance(1)
    elif happening in ("done", "error"):
        if driver.calls:
            driver.reply({}) if happening == "done" else driver.reply(error="Oops")
    else:
        try:
            return driver.send(happening, {"ok": True}).disposition
        except EventRejected as error:
            return error.reason
    return ""
