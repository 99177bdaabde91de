"""Machines of transitions are read: what its own examples are shaped like, and generated ones, run there and here."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transitions import MachineError
from transitions.extensions import HierarchicalMachine
from transitions.extensions import states as features

import statewf as wf
from statewf.definition.model import StateMachine
from statewf.errors import ConversionError
from statewf.interop.transitions import read, read_document, write
from tests.interop.timers import Clock, virtual_time

_extensions: Any = features  # its stubs do not know of Retry


@_extensions.add_state_features(_extensions.Timeout, _extensions.Retry, _extensions.Tags)
class Featured(HierarchicalMachine):
    """States with all that the library's extensions give them."""


class Thing:
    """A model whose conditions are its attributes; it notes what is called."""

    def __init__(self, **answers: bool) -> None:
        self.called: list[str] = []
        self.__dict__.update(answers)

    def note(self) -> None:
        self.called.append("note")

    def look(self) -> None:
        self.called.append("look")


MATTER = {
    "states": ["ice", "water", "steam"],
    "initial": "water",
    "transitions": [
        {"trigger": "melt", "source": "ice", "dest": "water"},
        {"trigger": "boil", "source": "water", "dest": "steam", "conditions": "is_hot", "unless": ["is_covered"]},
        ["cool", "*", "ice"],
    ],
}
COFFEE = {
    "states": ["asleep", {"name": "awake", "children": ["slow", "fast"], "on_enter": "note", "on_exit": "look"}],
    "initial": "asleep",
    "transitions": [
        ["drink", "asleep", "awake"],
        ["drink", ["awake", "awake_slow"], "awake_fast"],
        ["calm", "awake_fast", "awake_slow"],
        ["tire", "awake", "asleep"],
        ["again", "awake_fast", "="],
    ],
}
SIDES = {
    "states": [
        "off",
        {
            "name": "on",
            "parallel": [
                {
                    "name": "1",
                    "children": ["a", "b"],
                    "initial": "a",
                    "transitions": [["go", "a", "b"], ["go", "b", "a"]],
                },
                {
                    "name": "2",
                    "children": ["x", "y"],
                    "initial": "x",
                    "transitions": [["end", "x", "y"]],
                },
            ],
        },
    ],
    "initial": "off",
    "transitions": [["start", "off", "on"], ["stop", "on_1_b", "off"], ["anew", "on_1", "on_1"]],
}
WAITING = {
    "states": [
        "idle",
        {"name": "called", "timeout": 1.5, "on_timeout": "give_up"},
        {"name": "told", "timeout": 2, "on_timeout": ["look", "give_up"]},
        {"name": "tried", "retries": 2, "on_failure": "to_failed"},
        "failed",
    ],
    "initial": "idle",
    "transitions": [
        ["call", "idle", "called"],
        ["tell", "idle", "told"],
        ["give_up", ["called", "told"], "failed"],
        ["try", ["idle", "tried"], "tried"],
        ["back", "failed", "idle"],
    ],
}
EXAMPLES: dict[str, dict[str, Any]] = {"matter": MATTER, "coffee": COFFEE, "sides": SIDES, "waiting": WAITING}


def built(document: dict[str, Any], model: object) -> Any:
    return Featured(model=model, **document)


def again(definition: StateMachine) -> StateMachine:
    """Written, built, and read."""
    module: dict[str, Any] = {}
    exec(write(definition).text, module)
    return read(module["machine"]).definition


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_machine_and_its_configuration_are_read_alike_and_come_back_as_they_were(name: str) -> None:
    document = {**EXAMPLES[name], "name": name}
    from_object = read(built(document, Thing())).definition
    from_document = read_document(document).definition
    assert from_object == from_document
    assert again(from_object) == from_object
    wf.compile(from_object)


scripts = st.lists(st.sampled_from(["call", "tell", "try", "give_up", "back", "unheard", 400, 1500]), max_size=12)
of_example: dict[str, st.SearchStrategy[list[Any]]] = {
    "matter": st.lists(st.sampled_from(["melt", "boil", "cool", "unheard"]), max_size=10),
    "coffee": st.lists(st.sampled_from(["drink", "calm", "tire", "again"]), max_size=10),
    "sides": st.lists(st.sampled_from(["start", "stop", "anew", "go", "end"]), max_size=12),
    "waiting": scripts,
}


@pytest.mark.parametrize("name", EXAMPLES)
@given(st.data(), st.booleans(), st.booleans())
def test_an_example_runs_here_as_it_runs_there(name: str, drawn: st.DataObject, hot: bool, covered: bool) -> None:
    same_runs(EXAMPLES[name], drawn.draw(of_example[name]), {"is_hot": hot, "is_covered": covered})


def same_runs(document: dict[str, Any], script: list[Any], answers: dict[str, bool]) -> None:
    """Let the library and a Driver of what was read of its machine take the same events, and compare where they are and what they called."""
    noted: list[str] = []
    handlers = {name: lambda call: noted.append(call.handler) for name in ("look", "note")}
    with virtual_time() as clock:
        model = Thing(**answers)
        machine = built(document, model)
        driver = wf.Driver(read(machine).definition, answers, handlers=handlers)
        for event in script:
            assert _taken_there(model, clock, event) == _taken(driver, event)
            assert _leaves(model) == [name.removesuffix(".self") for name in driver.state.split("+")]
            assert model.called == noted


def _leaves(model: Any) -> list[str]:
    flat = _flat(model.state)
    return [name.replace("_", ".") for name in flat]


def _flat(state: Any) -> list[str]:
    return [state] if isinstance(state, str) else [name for one in state for name in _flat(one)]


def _taken_there(model: Any, clock: Clock, event: Any) -> bool:
    if isinstance(event, int):
        clock.advance(event)
        return True
    try:
        return bool(model.trigger(event))
    except (MachineError, AttributeError):
        return False


def _taken(driver: wf.Driver, event: Any) -> bool:
    if isinstance(event, int):
        driver.advance(event / 1000)
        return True
    try:
        driver.send(event)
    except wf.EventRejected:
        return False
    return True


# --- generated machines

NAMES = ("s0", "s1", "s1_a", "s1_b", "s2", "s2_c", "s2_c_d", "s2_c_e")
_way = st.tuples(st.sampled_from("ABC"), st.sampled_from([*NAMES, "*"]), st.sampled_from([*NAMES, "=", None]))
_asked = st.lists(st.sampled_from(["p", "q"]), max_size=1)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """A configuration with states within each other, conditions, and Timeout and Retry states."""

    def pick(*values: Any) -> Any:
        return draw(st.sampled_from(values))

    deeds = {"on_enter": "note", "on_exit": "look"}
    inner = {"name": "c", "children": ["d", "e"], **deeds, **pick({}, {"initial": "d"})}
    timed: dict[str, Any] = pick({}, {"timeout": 1, "on_timeout": pick("G", "to_s0", "note")})
    states = [
        "s0",
        {"name": "s1", "children": ["a", {"name": "b", **timed}], **deeds, **pick({}, {"initial": "b"})},
        {"name": "s2", "children": [inner], "initial": "c", **deeds},
        {
            "name": "s3",
            **pick(
                {}, {"retries": 2, "on_failure": pick("to_s0", "F", "note")}, {"timeout": 2, "on_timeout": "to_s1"}
            ),
        },
    ]
    ways: list[Any] = [
        {"trigger": trigger, "source": source, "dest": dest, "conditions": draw(_asked), "unless": draw(_asked)}
        for trigger, source, dest in draw(st.lists(_way, min_size=1, max_size=8))
    ]
    ways += [
        ["D", "*", "s3"],
        ["G", "s0", "s1"],
        ["G", "s1", "s1_a"],
        ["R", "s3", "s3"],
        ["F", "s3", pick("s1_a", "s2")],
    ]
    return {"states": states, "initial": "s0", "transitions": ways}


@given(documents(), st.lists(st.sampled_from([*"ABCDRFG", 500, 1000]), max_size=12), st.booleans(), st.booleans())
def test_what_is_read_runs_here_as_it_runs_there(
    document: dict[str, Any], script: list[Any], p: bool, q: bool
) -> None:
    try:
        told = read_document(document)
    except ConversionError as error:
        assert all("Retry by a transition" in d.message for d in error.diagnostics)  # noqa: PT017
        return
    assert again(told.definition) == told.definition
    if not any("not left there" in remark.message for remark in told.remarks):
        same_runs(document, script, {"p": p, "q": q})
