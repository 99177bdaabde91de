"""A workflow drawn flat: its configurations as one machine, to a limit."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from statewf.definition.model import Step, Workflow
from statewf.diagram import draw, drawing
from statewf.diagram.picture import Picture
from statewf.diagram.product import BEGIN, MORE
from statewf.machine.flatten import flatten
from tests.diagram.flow_cases import INVOICE, SHIPPING, compiled, drive, hostiles
from tests.diagram.test_dot import rendered
from tests.diagram.test_mermaid import keeps_to_the_grammar

TWO = Workflow("two", (Step("a"), Step("b", depends_on=())))


def flat(workflow: Workflow, *happenings: str, limit: int = 300) -> Picture:
    machine = compiled(workflow)
    steps = drive(machine, *happenings) if happenings else ()
    drawn = drawing(machine, flat=True, limit=limit, steps=steps)
    assert isinstance(drawn, Picture)
    return drawn


def test_the_product_of_two_steps() -> None:
    drawn = flat(TWO)
    product = flatten(compiled(TWO))
    assert drawn.whole
    assert (drawn.initial,) == product.initial
    assert [node.name for node in drawn.nodes] == [state.name for state in product.states]
    both = drawn.by_name["a:running b:running"]
    assert (both.title, both.lines) == ("a:running", ("b:running",))
    ways = {edge.target: [line.trigger for line in edge.lines] for edge in drawn.edges if edge.source == both.name}
    assert ways["b:running"] == ["a returned"]
    assert ways["a:running"] == ["b returned"]
    ends = {node.kind for node in drawn.nodes if not any(edge.source == node.name for edge in drawn.edges)}
    assert ends == {"success", "failure"}


def test_behind_the_limit_there_is_more() -> None:
    drawn = flat(INVOICE, limit=5)
    assert not drawn.whole
    assert drawn.nodes[-1].name == MORE
    assert drawn.nodes[-1].title == "... more"
    assert [edge.source for edge in drawn.edges if edge.target == MORE] == list(flatten(compiled(INVOICE), 5).cut)
    assert "... more" in draw(compiled(INVOICE), flat=True, limit=5)
    assert MORE not in flat(INVOICE).by_name


def test_where_guards_decide_how_it_begins() -> None:
    drawn = flat(SHIPPING, limit=20)
    assert drawn.initial == BEGIN
    begun = tuple(edge.target for edge in drawn.edges if edge.source == BEGIN)
    assert begun == flatten(compiled(SHIPPING), 20).initial
    assert len(begun) > 1


def test_the_way_of_an_instance() -> None:
    drawn = flat(INVOICE, "extract failed", "$timer", "extract returned", "$cancel")
    product = flatten(compiled(INVOICE))
    (here,) = [node for node in drawn.nodes if node.active]
    assert here.name.startswith("cancelling approve:cancelling")
    way = ["extract:running", "extract:backoff", "extract:running/2", "approve:running", here.name]
    assert {node.name for node in drawn.nodes if node.visited} == set(way)
    assert {(edge.source, edge.target) for edge in drawn.edges if edge.taken} == set(pairwise(way))
    assert {state.name for state in product.states} >= set(way)


@settings(max_examples=10)
@given(st.lists(hostiles, min_size=3, max_size=5))
def test_names_break_nothing(listed: list[Workflow]) -> None:
    machines = [compiled(workflow) for workflow in listed]
    for machine in machines:
        keeps_to_the_grammar(draw(machine, flat=True, limit=20))
    assert rendered(*(draw(machine, "dot", flat=True, limit=20) for machine in machines))
