"""What an instance does to a picture: the same ids as in the drawing, and nothing else changes."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from hypothesis import given, settings
from hypothesis import strategies as st

import statewf as wf
from statewf.diagram import drawing, text
from statewf.diagram.marks import marks, unmarked
from statewf.machine.fsm import Machine
from statewf.machine.snapshot import Step
from statewf.testing import strategies as wfst
from tests.diagram.cases import ORDER, compiled, drive
from tests.flows import flows
from tests.worlds import definitions

WORLDS: st.SearchStrategy[Machine] = st.one_of(
    definitions().map(wf.compile), flows().map(lambda flow: wf.compile(flow.workflow))
)
FEW = settings(max_examples=20)


@given(st.data())
def test_unmarked_pictures_of_one_machine_are_equal_wherever_an_instance_is(data: st.DataObject) -> None:
    machine = data.draw(WORLDS)
    steps = [move for move in data.draw(wfst.walks(machine, max_steps=10, cancel=False)) if isinstance(move, Step)]
    plain = drawing(machine)
    seen = drawing(machine, steps=steps)
    assert unmarked(seen) == unmarked(plain)
    assert [mark.id for mark in marks(seen)] == [mark.id for mark in marks(plain)]
    assert any(mark.taken for mark in marks(seen))
    assert not any(mark.taken or mark.active for mark in marks(plain))


@FEW
@given(WORLDS)
def test_every_mark_is_of_something_that_is_drawn(machine: Machine) -> None:
    drawn = drawing(machine)
    groups = ET.fromstring(text(drawn, "svg")).iter("{http://www.w3.org/2000/svg}g")
    ids = [group.get("id", "") for group in groups]
    known = [mark.id for mark in marks(drawn)]
    assert len(set(known)) == len(known)
    assert {name for name in ids if name.startswith(("box", "way", "into"))} == set(known)


def test_an_order_that_is_paid() -> None:
    machine = compiled(ORDER)
    steps = drive(machine, "VALIDATE", "VALIDATION_SUCCESS")
    drawn = drawing(machine, steps=steps)
    names = [node.name for node in drawn.nodes]  # type: ignore[union-attr]  # a machine of states
    found = {mark.id: mark for mark in marks(drawn)}
    here = found[f"box{names.index('validated')}"]
    assert (here.tone, here.active, here.taken) == ("active", True, True)
    before = found[f"box{names.index('validating')}"]
    assert (before.tone, before.active, before.taken) == ("visited", False, True)
    assert found[f"into{names.index('pending')}"].taken
    ends = [(edge.source, edge.target) for edge in drawn.edges]  # type: ignore[union-attr]  # a machine of states
    assert [end for place, end in enumerate(ends) if found[f"way{place}"].taken] == [
        ("pending", "validating"),
        ("validating", "validated"),
    ]
