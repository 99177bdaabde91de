"""What becomes of each word of transitions, what is refused by name, and where what is read means something else."""

from __future__ import annotations

from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transitions import Machine
from transitions.extensions import GraphMachine, HierarchicalMachine
from transitions.extensions.states import Error, Volatile, add_state_features

import statewf as wf
from statewf.definition.model import Function, Raise, State, StateMachine, Transition
from statewf.errors import ConversionError
from statewf.interop.transitions import read, read_document, write
from statewf.interop.transitions.document import MACHINE_KEYS, STATE_KEYS, WAY_KEYS
from tests.interop.test_transitions_read import Featured, Thing


def definition(states: list[Any], *transitions: Any, **rest: Any) -> StateMachine:
    """What a configuration is read as."""
    return read_document({"states": states, "transitions": [*transitions], "initial": "a", **rest}).definition


def mistakes(document: object) -> list[tuple[str, str]]:
    with pytest.raises(ConversionError) as caught:
        read_document(document)
    return [(told.code, told.path) for told in caught.value.diagnostics]


# --- words


def test_conditions_are_asked_of_the_context() -> None:
    way = {"trigger": "go", "source": "a", "dest": "b", "conditions": ["ready", "paid"], "unless": "late"}
    (move,) = definition(["a", "b"], way).states["a"].on["go"]
    assert move.guard is not None
    assert move.guard.text == "context.ready && context.paid && !context.late"


def test_callbacks_are_actions_of_the_same_place_and_those_of_the_machine_stand_around_them() -> None:
    way = {"trigger": "go", "source": "a", "dest": "b", "prepare": "p", "before": ["f", "g"], "after": "h"}
    states = [{"name": "a", "on_exit": "out"}, {"name": "b", "on_enter": ["in", "here"]}]
    rest = {
        "before_state_change": "first",
        "after_state_change": "last",
        "prepare_event": "zeroth",
        "finalize_event": "end",
    }
    read = definition(states, way, **rest)
    names = ["zeroth", "first", "p", "f", "g", "h", "last", "end"]
    assert read.states["a"].on["go"] == (Transition("b", actions=[Function(name) for name in names]),)
    assert read.states["a"].on_exit == (Function("out"),)
    assert read.states["b"].on_entry == (Function("in"), Function("here"))


def test_a_final_state_ends_the_machine_or_the_state_around_it() -> None:
    inner = {"name": "w", "children": ["x", {"name": "y", "final": True}], "initial": "x", "on_final": "done"}
    read = definition(
        ["a", inner, {"name": "end", "final": True, "on_final": "bye"}], ["go", "*", "end"], on_final="all"
    )
    assert read.states["end"] == State(terminal=True, on_entry=[Function("bye"), Function("all")])
    assert read.states["w"].states["y"] == State(final=True)
    assert read.states["w"].on_done == (Transition(actions=[Function("done"), Function("all")]),)


def test_wildcards_reflexive_internal_and_ordered_transitions_are_written_out() -> None:
    read = definition(["a", "b"], ["here", "*", "="], ["stay", "*", None], ordered_transitions=True)
    for name, other in (("a", "b"), ("b", "a")):
        assert read.states[name].on == {
            "here": (Transition(name),),
            "stay": (Transition(),),
            "next_state": (Transition(other),),
        }


def test_a_timeout_leads_on_or_is_an_event_that_the_state_sends_itself() -> None:
    ways = (["late", "b", "a"], {"trigger": "maybe", "source": "c", "dest": "a", "conditions": "q"})
    states = [
        "a",
        {"name": "b", "timeout": 1.5, "on_timeout": "late"},
        {"name": "c", "timeout": 2, "on_timeout": ["maybe", "call"]},
    ]
    read = definition(states, *ways)
    assert (read.states["b"].timeout, read.states["b"].timeout_transition) == (1500, "a")
    assert read.states["c"].on_entry == (Raise("timeout.c", 2000),)
    assert read.states["c"].on["timeout.c"] == (Transition(actions=[Raise("maybe"), Function("call")]),)


def test_retries_are_attempts_and_then_what_on_failure_says() -> None:
    state = {"name": "b", "retries": 3, "on_failure": "fail"}
    read = definition(["a", state, "c"], ["try", ["a", "b"], "b"], ["fail", "b", "c"])
    assert read.states["b"].retry == wf.Retry(4, "try")
    assert read.states["b"].on["try"] == (Transition("c"),)


def test_what_is_not_expected_is_rejected_or_ignored() -> None:
    quiet = definition(["a", {"name": "b", "ignore_invalid_triggers": False}], ignore_invalid_triggers=True)
    assert (quiet.unexpected, quiet.states["a"].unexpected, quiet.states["b"].unexpected) == (
        "ignore",
        None,
        "reject",
    )
    loud = definition(["a", {"name": "b", "ignore_invalid_triggers": True}])
    assert (loud.unexpected, loud.states["b"].unexpected) == ("reject", "ignore")


class Colour(Enum):
    RED = 1
    GREEN = 2


def act() -> None:
    raise AssertionError("nothing is called")


def test_machines_of_all_kinds_and_models_are_read() -> None:
    machine = Machine(
        states=Colour,
        initial=Colour.RED,
        transitions=[{"trigger": "go", "source": Colour.RED, "dest": Colour.GREEN}],
        after_state_change=act,
    )
    expected = State({"go": Transition("GREEN", actions=Function("act"))})
    assert read(machine).definition.states["RED"] == expected
    model = Thing()
    HierarchicalMachine(model, states=["A", {"name": "B", "children": ["C"], "initial": "C"}], initial="B_C")
    assert read(model).definition.initial_state == "B.C"
    GraphMachine(model := Thing(), states=["A"], initial="A", graph_engine="mermaid")
    assert read(model).definition.initial_state == "A"


# --- refused


def test_a_target_that_no_name_can_mean_is_refused() -> None:
    with pytest.raises(ConversionError, match="a, which is named like a state nearer to"):
        definition(["a", {"name": "b", "children": ["a", "c"], "initial": "c"}], ["go", "b_c", "a"])


def test_a_callback_without_a_name_is_refused_with_the_hint_to_name_it() -> None:
    for callback in (lambda: None, partial(act)):
        with pytest.raises(ConversionError, match="define it with def") as caught:
            read(
                Machine(
                    states=["a"],
                    initial="a",
                    transitions=[{"trigger": "x", "source": "a", "dest": "a", "after": callback}],
                )
            )
        assert caught.value.diagnostics[0].path == "transitions.x from a"


def test_what_is_no_machine_is_refused() -> None:
    for subject in (3, Machine, Thing()):
        with pytest.raises(ConversionError, match="is no machine of transitions"):
            read(subject)


def test_volatile_states_are_refused() -> None:
    class Other(Machine):
        pass

    with pytest.raises(ConversionError, match="Volatile cannot be converted"):
        read(add_state_features(Volatile)(Other)(states=["a"], initial="a"))


SIDES = {
    "name": "p",
    "parallel": [
        {"name": "l", "children": ["x", "y"], "initial": "x"},
        {"name": "r", "children": ["z"], "initial": "z"},
    ],
}


@pytest.mark.parametrize(
    ("way", "what"),
    [
        (["go", "p_l_x", "p_r_z"], "a transition from one part of a parallel state to another"),
        (["go", "a", "p_l_y"], "a transition into one part of a parallel state"),
    ],
)
def test_moves_between_parts_of_a_parallel_state_are_refused(way: list[str], what: str) -> None:
    with pytest.raises(ConversionError, match=f"{what} cannot be converted"):
        definition(["a", SIDES], way)


def test_a_retry_by_a_conditional_transition_is_refused() -> None:
    way = {"trigger": "try", "source": "a", "dest": "=", "conditions": "q"}
    with pytest.raises(ConversionError, match="Retry by a transition with conditions or callbacks"):
        definition([{"name": "a", "retries": 1, "on_failure": "f"}], way)


# --- what means something else here


def test_the_first_state_is_entered_here_and_not_there() -> None:
    model = Thing()
    machine = Machine(model, states=[{"name": "a", "on_enter": "note"}], initial="a")
    assert model.called == []
    noted: list[str] = []
    wf.Driver(read(machine).definition, handlers={"note": lambda call: noted.append(call.handler)})
    assert noted == ["note"]


def test_callbacks_before_a_transition_are_called_before_exit_there_and_after_it_here() -> None:
    model = Thing()
    way = {"trigger": "go", "source": "a", "dest": "b", "before": "note"}
    machine = Machine(model, states=[{"name": "a", "on_exit": "look"}, "b"], initial="a", transitions=[way])
    model.go()  # type: ignore[attr-defined]  # the library binds it
    assert model.called == ["note", "look"]
    called: list[str] = []
    handlers = {name: lambda call: called.append(call.handler) for name in ("note", "look")}
    wf.Driver(read(machine).definition, handlers=handlers).send("go")
    assert called == ["look", "note"]


def test_an_event_whose_conditions_fail_is_false_there_and_rejected_here() -> None:
    model = Thing(ready=False)
    way = {"trigger": "go", "source": "a", "dest": "b", "conditions": "ready"}
    machine = Machine(model, states=["a", "b"], initial="a", transitions=[way])
    assert model.go() is False  # type: ignore[attr-defined]  # the library binds it
    with pytest.raises(wf.EventRejected):
        wf.Driver(read(machine).definition, {"ready": False}).send("go")


def test_a_final_state_is_left_there_and_never_here() -> None:
    told = read_document(
        {
            "states": ["a", {"name": "b", "final": True, "on_exit": "f"}],
            "initial": "a",
            "transitions": [["go", "*", "a"]],
        }
    )
    assert told.definition.states["b"] == State(terminal=True)
    assert [remark.where for remark in told.remarks] == ["$.states[1]"] * 2


def test_on_failure_of_a_retry_leaves_the_state_twice_there_and_once_here() -> None:
    model = Thing()
    states = ["a", {"name": "b", "retries": 1, "on_failure": "to_a", "on_exit": "note"}]
    machine = Featured(model, states=states, initial="a", transitions=[["try", ["a", "b"], "b"]])
    noted: list[str] = []
    driver = wf.Driver(read(machine).definition, handlers={"note": lambda call: noted.append(call.handler)})
    for _ in range(3):
        model.try_ = model.trigger("try")  # type: ignore[attr-defined]  # the library binds it
        driver.send("try")
    assert model.state == driver.state == "a"  # type: ignore[attr-defined]  # likewise
    assert (len(model.called), len(noted)) == (3, 2)


def test_what_cannot_be_said_is_told_in_remarks() -> None:
    document = {
        "states": [{"name": "a", "tags": ["x"], "label": "A"}],
        "initial": "a",
        "transitions": [{"trigger": "go", "source": "a", "dest": "a", "prepare": "p", "label": "G"}],
        "on_exception": "oops",
        "finalize_event": "end",
        "models": [{"class-name": "os.system", "state": "a"}],
    }
    told = [remark.where for remark in read_document(document).remarks]
    assert told == [
        "$.on_exception",
        "$",
        "$.models",
        "$.states[0]",
        "$.states[0]",
        "$.transitions[0]",
        "$.transitions[0]",
    ]


# --- hostile documents


def test_no_name_is_imported_or_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marker = tmp_path / "marker"
    (tmp_path / "evil_of_transitions.py").write_text(
        f"open({str(marker)!r}, 'w')\ndef f(*_): open({str(marker)!r}, 'w')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    evil = "evil_of_transitions.f"
    document = {
        "states": [
            {"name": "a", "on_enter": evil, "timeout": 1, "on_timeout": evil},
            {"name": "b", "retries": 1, "on_failure": evil},
        ],
        "initial": "a",
        "transitions": [
            {"trigger": "go", "source": "a", "dest": "b", "conditions": evil, "before": evil},
            ["go", "b", "b"],
        ],
        "before_state_change": evil,
        "models": [{"class-name": "evil_of_transitions.f", "state": "a"}],
    }
    read = read_document(document).definition
    assert not marker.exists()
    (move,) = read.states["a"].on["go"]
    assert move.guard is not None
    assert move.guard.text == 'context["evil_of_transitions.f"]'
    assert move.actions == (Function(evil), Function(evil))


def test_a_document_without_end_is_refused_with_its_place() -> None:
    deep: dict[str, Any] = {"name": "x"}
    deep["children"] = [deep]
    ((code, path),) = mistakes({"states": [deep], "initial": "x"})
    assert code == "too-deep"
    assert path.startswith("$.states[0].children[0].children[0]")
    many = [f"s{i}" for i in range(300)]
    assert mistakes(
        {"states": many, "initial": "s0", "transitions": [[f"t{i}", "*", "="] for i in range(100)]}
    ) == [("too-much", "$.transitions[65]")]


def test_mistakes_are_told_all_at_once_with_a_hint() -> None:
    with pytest.raises(ConversionError) as caught:
        read_document(
            {
                "states": ["a", {"name": "b", "on_entr": "f"}, {"children": []}, "a", 7],
                "initial": "c",
                "transitions": [{"trigger": "go", "source": "a", "dest": "bb"}, 5, ["go"], {"tigger": "x"}],
                "ignore_invalid_trigger": True,
                "queued": "yes",
            }
        )
    told = [(d.code, d.path, d.hint) for d in caught.value.diagnostics]
    assert told == [
        ("unknown-key", "$", "did you mean ignore_invalid_triggers?"),
        ("unknown-key", "$.states[1]", "did you mean on_enter?"),
        ("missing-key", "$.states[2]", "add name"),
        ("duplicate-name", "$.states[3]", "give it another name"),
        ("wrong-type", "$.states[4].name", "write it in quotes"),
        ("wrong-type", "$.transitions[1]", None),
        ("missing-key", "$.transitions[2]", None),
        ("unknown-key", "$.transitions[3]", "did you mean trigger?"),
        ("missing-key", "$.transitions[3]", None),
        ("unknown-state", "initial", None),
        ("unknown-state", "$.transitions[0]", "did you mean b?"),
    ]


@pytest.mark.parametrize("document", [None, 3, "x", [], {"states": 3}, {"states": [None]}, {"initial": {}}])
def test_what_is_no_configuration_is_refused(document: object) -> None:
    assert mistakes(document)


@pytest.mark.parametrize("name", ["", "a/b", "$a", "a\nb", "x" * 500])
def test_names_that_no_state_can_have_are_refused_with_their_place(name: str) -> None:
    assert mistakes({"states": ["a", name], "initial": "a", "transitions": []})


_words = st.sampled_from(
    [*MACHINE_KEYS, *STATE_KEYS, *WAY_KEYS, "a", "b", "a_b", "*", "=", "to_a", "$a", "a/b", "\ud800"]
)
_json = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2**70) | st.floats() | _words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_words, inner, max_size=4),
    max_leaves=25,
)
_state = st.fixed_dictionaries({"name": _words}, optional=dict.fromkeys(STATE_KEYS[1:], _json))
_way = st.fixed_dictionaries(
    {"trigger": _words, "source": _words, "dest": _words}, optional=dict.fromkeys(WAY_KEYS[3:], _json)
)
_documents = st.fixed_dictionaries(
    {"states": st.lists(_state | _words, max_size=4), "transitions": st.lists(_way, max_size=4), "initial": _words},
    optional=dict.fromkeys(MACHINE_KEYS[3:], _json),
)


@given(_json | _documents)
def test_whatever_is_read_is_a_definition_or_a_conversion_error(document: object) -> None:
    try:
        read_document(document)
    except ConversionError as error:
        assert all(told.code and told.message for told in error.diagnostics)  # noqa: PT017


# --- callbacks that are triggers


class Bare:
    """A model without methods of its own."""


class Noting(Bare):
    """A model that has a method with the name of a trigger: the library leaves it alone."""

    def then(self) -> None:
        """It is called."""


CHAIN = [["go", "a", "b"], ["then", "b", "c"], ["out", "c", "a"]]


@pytest.mark.parametrize(
    ("states", "sent", "queued"),
    [
        (["a", {"name": "b", "on_enter": "then"}, "c"], "go", True),
        (["a", {"name": "b", "on_enter": "then"}, "c"], "go", False),
        (["a", {"name": "b", "on_enter": "then"}, {"name": "c", "on_enter": "out"}], "go", True),
    ],
)
def test_a_callback_that_names_a_trigger_pulls_it(states: list[Any], sent: str, queued: bool) -> None:
    model = Bare()
    machine = Machine(model, states, transitions=CHAIN, initial="a", queued=queued)
    imported = read(machine)
    driver = wf.Driver(imported.definition)
    getattr(model, sent)()
    driver.send(sent)
    assert driver.state == model.state  # type: ignore[attr-defined]  # the library adds it
    assert [remark.where for remark in imported.remarks] == ([] if queued else ["states.b"])


def test_a_method_of_the_model_comes_before_a_trigger_of_its_name() -> None:
    model = Noting()
    states = ["a", {"name": "b", "on_enter": "then"}, "c"]
    imported = read(Machine(model, states, transitions=CHAIN, initial="a"))
    assert imported.definition.states["b"].on_entry == (Function("then"),)
    model.go()  # type: ignore[attr-defined]  # likewise
    assert model.state == "b"  # type: ignore[attr-defined]


def test_a_callback_that_jumps_is_refused_and_one_of_a_transition_pulls_too() -> None:
    told = mistakes({"states": ["a", {"name": "b", "on_exit": "to_a"}], "initial": "a"})
    assert [code for code, _ in told] == ["unsupported"]
    way = {"trigger": "go", "source": "a", "dest": "b", "after": "then"}
    read_ = definition(["a", "b", "c"], way, ["then", "b", "c"], queued=True)
    assert read_.states["a"].on["go"] == (Transition("b", actions=[Raise("then")]),)


def test_a_timeout_that_pulls_the_trigger_of_a_retry_counts_as_an_attempt() -> None:
    again = {"name": "b", "retries": 2, "on_failure": "give_up", "timeout": 1, "on_timeout": "again"}
    ways = [["go", "a", "b"], ["again", "b", "b"], ["give_up", "b", "c"]]
    driver = wf.Driver(definition(["a", again, "c"], *ways))
    driver.send("go")
    found = []
    for _ in range(4):
        driver.advance(1)
        found.append(driver.state)
    assert found == ["b", "b", "c", "c"]


def test_what_is_done_when_a_machine_is_final_is_done_when_an_outermost_state_is_finished() -> None:
    nested = {"name": "b", "initial": "x", "on_final": "mine", "children": ["x", {"name": "y", "final": True}]}
    document = {"states": ["a", nested], "initial": "a", "transitions": [["go", "a", "b"], ["end", "b.x", "b.y"]]}
    found = read_document({**document, "on_final": "whole"}).definition
    assert found.states["b"].on_done == (Transition(actions=[Function("mine"), Function("whole")]),)


def test_a_handler_with_the_name_of_an_event_comes_back_as_one() -> None:
    way = Transition("b", actions=Function("GO"))
    written = StateMachine("m", "a", {"a": State({"GO": way}, on_exit=Function("GO")), "b": State(terminal=True)})
    namespace: dict[str, Any] = {}
    exec(write(written).text, namespace)  # it is the module that was just written
    assert read(namespace["machine"]).definition == written


def test_that_a_state_raises_an_error_is_left_out_with_a_word() -> None:
    @add_state_features(Error)
    class Strict(Machine):
        pass

    machine = Strict(None, states=["a", {"name": "b", "accepted": True}], initial="a")
    assert [remark.where for remark in read(machine).remarks if "Error" in remark.message] == [
        "states.a",
        "states.b",
    ]
