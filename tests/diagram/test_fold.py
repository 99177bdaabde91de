"""Boxes that are shut: what is in them is one, and all else stays as it is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

import statewf as wf
from statewf.diagram import drawing, text
from statewf.diagram.flow import Flow
from statewf.diagram.fold import boxes, folded, things
from statewf.diagram.picture import Picture
from statewf.machine.fsm import Machine
from tests.flows import flows
from tests.worlds import definitions

WORLDS: st.SearchStrategy[Machine] = st.one_of(
    definitions().map(wf.compile), flows(rich=True).map(lambda flow: wf.compile(flow.workflow))
)


def ends(drawn: Picture | Flow) -> set[tuple[str, str]]:
    ways = drawn.links if isinstance(drawn, Flow) else drawn.edges
    return {(way.source, way.target) for way in ways}


def seen_at(drawn: Picture | Flow, shut: set[str], name: str) -> str:
    """Where that is to be seen, plainly: the outermost shut box on the way up."""
    around = {one.name: one.parent for one in things(drawn)}
    found, here = name, around[name]
    while here is not None:
        if here in shut:
            found = here
        here = around[here]
    return found


@given(st.data())
def test_what_is_in_a_shut_box_is_that_box(data: st.DataObject) -> None:
    drawn = drawing(data.draw(WORLDS))
    sizes = boxes(drawn)
    shut = set(data.draw(st.lists(st.sampled_from(sorted(sizes)), unique=True))) if sizes else set()
    small = folded(drawn, shut)
    at = {one.name: seen_at(drawn, shut, one.name) for one in things(drawn)}
    assert [one.name for one in things(small)] == [one.name for one in things(drawn) if at[one.name] == one.name]
    expected = {(at[a], at[b]) for a, b in ends(drawn) if at[a] != at[b] or a == b}
    assert ends(small) == expected
    assert len(small.links if isinstance(small, Flow) else small.edges) == len(expected)
    for name in shut & {one.name for one in things(small)}:
        assert name not in boxes(small)
    text(small, "dot")
    text(small, "mermaid")


@given(WORLDS)
def test_nothing_shut_changes_nothing(machine: Machine) -> None:
    drawn = drawing(machine)
    assert folded(drawn, ()) == folded(drawn, ["no such box"]) == drawn


def test_a_block_says_how_much_is_in_it() -> None:
    read = wf.loads(
        "steps: [{id: a}, {id: p, type: parallel, steps: [{id: x}, {id: q, type: parallel, steps: [{id: y}, {id: z}]}]}]"
    )
    drawn = drawing(wf.compile(read))
    assert boxes(drawn) == {"p": 3, "q": 2}
    small = folded(drawn, ["p", "q"])
    assert [one.name for one in things(small)] == ["$start", "a", "p", "$end"]
    assert isinstance(small, Flow)
    assert small.by_name["p"].lines == ("3 steps",)
    assert ends(small) == {("$start", "a"), ("a", "p"), ("p", "$end")}
