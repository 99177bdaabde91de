"""What a picture holds: every transition once, in the view it belongs to."""

from __future__ import annotations

from collections import Counter

import attrs
from hypothesis import given, settings

from statewf.compiler.tree import grow
from statewf.definition.model import State, StateMachine, Transition
from statewf.diagram import picture
from statewf.diagram.picture import Picture
from statewf.machine import fsm
from tests.diagram.cases import CHECKOUT, DELAYED, FAILURE, ORDER, SUCCESS, compiled
from tests.worlds import definitions


def edges(drawn: Picture) -> dict[tuple[str, str], list[str]]:
    return {(edge.source, edge.target): [line.text for line in edge.lines] for edge in drawn.edges}


def lines(drawn: Picture) -> dict[str, tuple[str, ...]]:
    return {node.name: node.lines for node in drawn.nodes if node.lines}


def test_a_retry_is_a_loop_and_a_timeout_a_line_of_its_edge() -> None:
    drawn = picture(compiled(ORDER))
    assert drawn.initial == "pending"
    assert edges(drawn)["validating", "validation-failed"] == ["VALIDATION_FAILED", "after 30s"]
    assert edges(drawn)["processing-payment", "processing-payment"] == ["PAYMENT_FAILED (attempt < 3)"]
    assert edges(drawn)["processing-payment", "payment-failed"] == ["PAYMENT_FAILED"]
    causes = {(edge.source, edge.target): edge.cause for edge in drawn.edges}
    assert causes["processing-payment", "processing-payment"] == "retry"
    assert causes["validating", "validation-failed"] == "event"  # and a timeout, but not all of it


def test_terminal_states_tell_their_outcome() -> None:
    kinds = {node.name: node.kind for node in picture(compiled(ORDER)).nodes}
    assert Counter(kinds.values()) == {"normal": 9, "success": 2, "failure": 3}
    assert kinds["delivered"] == "success"
    assert kinds["payment-failed"] == "failure"


def test_the_views_differ_only_in_the_wait_between_attempts() -> None:
    assert edges(picture(compiled(ORDER))) == edges(picture(compiled(ORDER), flat=True))
    written, flat = (edges(picture(compiled(DELAYED), flat=flat)) for flat in (False, True))
    payment, wait = "processing-payment", "processing-payment.$backoff"
    assert {key: written[key] for key in written.keys() - flat.keys()} == {
        (payment, payment): ["PAYMENT_FAILED (attempt < 3) after backoff 2s, 4s"]
    }
    assert {key: flat[key] for key in flat.keys() - written.keys()} == {
        (payment, wait): ["PAYMENT_FAILED (attempt < 3)"],
        (wait, payment): ["after 2s, 4s"],
        (wait, "paid"): ["PAYMENT_SUCCESS"],
    }
    waiting = picture(compiled(DELAYED), flat=True).by_name[wait]
    assert waiting.kind == "waiting"


def test_a_compound_state_is_a_box_with_edges_of_its_own() -> None:
    drawn = picture(compiled(CHECKOUT))
    assert edges(drawn) == {
        ("basket", "payment"): ["PAY [inputs.total > 0] / reserve-stock"],
        ("payment", "cancelled"): ["CANCEL", "after 2h"],
        ("payment", "payment.asking"): ["RESET"],
        ("payment", "payment"): ["START_OVER"],
        ("payment.asking", "payment.charging"): ["CARD"],
        ("payment.charging", "payment"): ["BACK"],
        ("payment.charging", "payment.charging"): ["error (attempt < 4) after backoff 1s, 2s, 4s"],
        ("payment.charging", "paid"): ["done"],
        ("payment.charging", "cancelled"): ["error"],
    }
    assert lines(drawn) == {
        "basket": ("entry / emit Basket.opened", "NOTE / note = event.data.text"),
        "payment": ("exit / close-basket",),
        "payment.asking": ("entry / ask",),
        "payment.charging": ("invoke / charge",),
    }
    box = drawn.by_name["payment"]
    assert (box.kind, box.initial, box.title) == ("compound", "payment.asking", "payment")
    assert [node.title for node in drawn.inside("payment")] == ["asking", "charging"]


def test_the_flat_view_has_no_boxes_and_says_whose_timeout_it_is() -> None:
    drawn = picture(compiled(CHECKOUT), flat=True)
    assert {node.parent for node in drawn.nodes} == {None}
    assert edges(drawn)["payment.asking", "cancelled"] == ["CANCEL", "after 2h in payment"]
    assert edges(drawn)["payment.charging", "payment.charging.$backoff"] == ["error (attempt < 4)"]
    assert edges(drawn)["payment.charging.$backoff", "payment.charging"] == ["after 1s, 2s, 4s"]


def test_always_and_empty_machines() -> None:
    routed = StateMachine(
        "r",
        "a",
        {"a": State(always=[Transition("b", guard="inputs.big"), Transition("c")]), "b": SUCCESS, "c": FAILURE},
    )
    drawn = picture(compiled(routed))
    assert edges(drawn) == {("a", "b"): ["always [inputs.big]"], ("a", "c"): ["always"]}
    assert {edge.cause for edge in drawn.edges} == {"always"}
    assert edges(picture(compiled(StateMachine("one", "a", {"a": SUCCESS})))) == {}


def test_a_machine_without_notes_is_drawn_flat() -> None:
    machine = attrs.evolve(compiled(CHECKOUT), notes=None)
    assert edges(picture(machine)) == edges(picture(compiled(CHECKOUT), flat=True))


def test_regions_are_boxes() -> None:
    def region(name: str) -> fsm.Region:
        way = fsm.Transition("go", "ended")
        return fsm.Region(
            name,
            fsm.Transition("", "running"),
            {
                "running": fsm.LocalState("running", {"go": (way,)}),
                "ended": fsm.LocalState("ended", terminal="success"),
            },
        )

    drawn = picture(fsm.Machine("m", "d", (region("a"), region("b")), {"go": (0, 1)}, (0, 1)))
    assert drawn.initial is None
    assert edges(drawn) == {("a/running", "a/ended"): ["go"], ("b/running", "b/ended"): ["go"]}
    assert [node.title for node in drawn.inside("b")] == ["running", "ended"]


# --- laws


@settings(max_examples=50)
@given(definitions())
def test_the_flat_view_is_the_table(definition: StateMachine) -> None:
    machine = compiled(definition)
    drawn = picture(machine, flat=True)
    table: Counter[tuple[str, str | None]] = Counter()  # but for what the compiler adds to a call without `onDone`
    for state in machine.regions[0].states.values():
        table.update(
            (state.name, way.target)
            for way in state.transitions()
            if way.trigger != fsm.CANCEL
            and not (way.trigger.startswith(fsm.DONE) and way == fsm.Transition(way.trigger))
        )
    assert shown(drawn) == table
    assert {node.name for node in drawn.nodes} == machine.regions[0].states.keys() - {fsm.CANCELLED}


@settings(max_examples=50)
@given(definitions())
def test_the_written_view_has_each_written_transition_once(definition: StateMachine) -> None:
    tree = grow(definition)
    written: Counter[tuple[str, str | None]] = Counter()
    for place in tree.nodes.values():
        state = place.state
        listed = [*(way for ways in state.on.values() for way in ways), *state.always]
        if state.timeout_transition is not None:
            listed.append(Transition(state.timeout_transition))
        if state.invoke is not None:
            listed += [*state.invoke.on_done, *state.invoke.on_error]
        for way in listed:
            targets = [tree.find(name, place) for name in way.targets]
            for target in targets or [None]:
                written[place.name, target.name if target else None] += 1
        if state.retry is not None:
            written[place.name, place.name] += len(state.retry.on)
    drawn = picture(compiled(definition))
    assert shown(drawn) == written
    assert [node.name for node in drawn.nodes] == list(tree.nodes)


@settings(max_examples=50)
@given(definitions())
def test_no_two_edges_join_the_same_two_nodes(definition: StateMachine) -> None:
    for flat in (False, True):
        drawn = picture(compiled(definition), flat=flat)
        pairs = [(edge.source, edge.target) for edge in drawn.edges]
        assert len(set(pairs)) == len(pairs)
        assert {name for pair in pairs for name in pair} <= drawn.by_name.keys()


def shown(drawn: Picture) -> Counter[tuple[str, str | None]]:
    """How many transitions a picture has between any two nodes, and within one."""
    found: Counter[tuple[str, str | None]] = Counter()
    for edge in drawn.edges:
        found[edge.source, edge.target] += len(edge.lines)
    for node in drawn.nodes:
        inner = [line for line in node.lines if not line.startswith(("entry / ", "exit / ", "invoke / "))]
        found[node.name, None] += len(inner)
    return +found
