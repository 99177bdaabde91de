"""Where an instance is and the way it came, in both views."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from statewf.definition.model import StateMachine
from statewf.diagram import picture
from statewf.diagram.journey import journey
from statewf.diagram.picture import Picture
from statewf.machine.fsm import CANCELLED
from statewf.machine.naming import BACKOFF
from statewf.machine.snapshot import Step, blank
from statewf.machine.step import step
from tests.diagram.cases import CHECKOUT, DELAYED, ORDER, compiled, drive
from tests.worlds import definitions, happenings

TO_PAYMENT = ("VALIDATE", "VALIDATION_SUCCESS", "PROCESS_PAYMENT")


def active(drawn: Picture) -> list[str]:
    return [node.name for node in drawn.nodes if node.active]


def taken(drawn: Picture) -> list[tuple[str, str]]:
    return [(edge.source, edge.target) for edge in drawn.edges if edge.taken]


def test_nothing_is_marked_without_an_instance() -> None:
    drawn = picture(compiled(ORDER))
    assert not active(drawn)
    assert not taken(drawn)
    assert not any(node.visited for node in drawn.nodes)


def test_the_way_of_an_instance() -> None:
    machine = compiled(ORDER)
    drawn = picture(machine, steps=drive(machine, *TO_PAYMENT, "PAYMENT_FAILED"))
    assert active(drawn) == ["processing-payment"]
    assert drawn.by_name["processing-payment"].status == "attempt 2"
    assert [node.name for node in drawn.nodes if node.visited] == [
        *("pending", "validating", "validated", "processing-payment")
    ]
    assert taken(drawn) == [
        ("pending", "validating"),
        ("validating", "validated"),
        ("validated", "processing-payment"),
        ("processing-payment", "processing-payment"),
    ]


def test_a_snapshot_alone_tells_where_it_is() -> None:
    machine = compiled(ORDER)
    drawn = picture(machine, snapshot=drive(machine, "VALIDATE")[-1].after)
    assert active(drawn) == ["validating"]
    assert not taken(drawn)
    assert not active(picture(machine, snapshot=blank(machine, "i1")))


def test_the_wait_between_attempts_is_the_state_itself_in_the_written_view() -> None:
    machine = compiled(DELAYED)
    steps = drive(machine, *TO_PAYMENT, "PAYMENT_FAILED")
    written, flat = picture(machine, steps=steps), picture(machine, steps=steps, flat=True)
    assert active(written) == ["processing-payment"]
    assert written.by_name["processing-payment"].status == "waiting for attempt 2"
    assert ("processing-payment", "processing-payment") in taken(written)
    assert active(flat) == ["processing-payment.$backoff"]
    assert flat.by_name["processing-payment.$backoff"].status == "waiting for attempt 2"
    assert ("processing-payment", "processing-payment.$backoff") in taken(flat)


def test_inside_a_compound_state_the_box_is_active_too() -> None:
    machine = compiled(CHECKOUT)
    to_charge = ("PAY", "$done", "$done", "CARD")
    drawn = picture(machine, steps=drive(machine, *to_charge, total=3))
    assert active(drawn) == ["payment", "payment.charging"]
    assert taken(drawn) == [("basket", "payment"), ("payment.asking", "payment.charging")]
    paid = picture(machine, steps=drive(machine, *to_charge, "$done", total=3))
    assert active(paid) == ["paid"]
    assert taken(paid)[-1] == ("payment.charging", "paid")
    failed = picture(machine, steps=drive(machine, *to_charge, "$failed", total=3))
    assert taken(failed)[-1] == ("payment.charging", "payment.charging")


def test_a_way_out_of_the_box_starts_at_the_box() -> None:
    machine = compiled(CHECKOUT)
    for last, target in (("$timer", "cancelled"), ("RESET", "payment.asking"), ("START_OVER", "payment")):
        drawn = picture(machine, steps=drive(machine, "PAY", "$done", "$done", last, total=3))
        assert taken(drawn) == [("basket", "payment"), ("payment", target)]


def test_cancelling_is_drawn_where_it_happened() -> None:
    machine = compiled(DELAYED)
    steps = drive(machine, *TO_PAYMENT, "PAYMENT_FAILED", "$cancel")
    for flat, source in ((False, "processing-payment"), (True, "processing-payment.$backoff")):
        drawn = picture(machine, flat=flat, steps=steps)
        assert active(drawn) == [CANCELLED]
        assert [(e.source, e.target) for e in drawn.edges if e.cause == "cancel"] == [(source, CANCELLED)]
    assert CANCELLED not in picture(machine).by_name
    assert CANCELLED in picture(machine, snapshot=steps[-1].after).by_name


@settings(max_examples=50)
@given(definitions(), st.data())
def test_the_marked_way_is_the_way(definition: StateMachine, data: st.DataObject) -> None:
    machine = compiled(definition)
    walked = drive(machine)
    for _ in range(data.draw(st.integers(0, 12))):
        made = step(machine, walked[-1].after, data.draw(happenings(machine, walked[-1].after)))
        if isinstance(made, Step):
            walked.append(made)
    moves = {(move.source, move.target) for made in walked for move in made.moves if move.source}
    flat = picture(machine, flat=True, steps=walked)
    assert set(taken(flat)) == moves
    assert active(flat) == list(journey(machine, None, walked).here)
    written = picture(machine, steps=walked)
    ways = {(source, written.leaf(target)) for source, target in taken(written)}
    around = machine.notes.active
    for source, target in moves:
        if not source.endswith(BACKOFF):
            shown = target.removesuffix(BACKOFF)
            assert any((outer, shown) in ways for outer in around[source])
