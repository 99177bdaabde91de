"""DOT text: the order machine as people will read it, and that Graphviz takes it whatever the names."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from hypothesis import given, settings
from hypothesis import strategies as st

from statewf.definition.model import StateMachine
from statewf.diagram import draw, picture
from statewf.diagram.labels import fold_name
from statewf.diagram.svg import svg
from tests.diagram.cases import CHECKOUT, DELAYED, HOSTILE, ORDER, compiled, drive, hostile, hostiles
from tests.worlds import definitions

SUCCESS = 'fillcolor="#dcfce7", color="#16a34a", fontcolor="#14532d", peripheries=2'
FAILURE = 'fillcolor="#fee2e2", color="#dc2626", fontcolor="#7f1d1d", peripheries=2'
GOLDEN = f"""\
    "$start" -> "pending"
    "pending" [label="pending"]
    "validating" [label="validating"]
    "validated" [label="validated"]
    "processing-payment" [label="processing-payment"]
    "paid" [label="paid"]
    "fulfilling" [label="fulfilling"]
    "shipped" [label="shipped"]
    "returning" [label="returning"]
    "returned" [label="returned", {SUCCESS}]
    "delivered" [label="delivered", {SUCCESS}]
    "cancelled" [label="cancelled", {FAILURE}]
    "validation-failed" [label="validation-failed", {FAILURE}]
    "payment-failed" [label="payment-failed", {FAILURE}]
    "fulfillment-failed" [label="fulfillment-failed"]
    "pending" -> "validating" [label="  VALIDATE  "]
    "pending" -> "cancelled" [label="  CANCEL  "]
    "validating" -> "validated" [label="  VALIDATION_SUCCESS  "]
    "validating" -> "validation-failed" [label="  VALIDATION_FAILED  \\n  after 30s  "]
    "validated" -> "processing-payment" [label="  PROCESS_PAYMENT  "]
    "processing-payment" -> "paid" [label="  PAYMENT_SUCCESS  "]
    "processing-payment" -> "payment-failed" [label="  PAYMENT_FAILED  "]
    "processing-payment" -> "processing-payment" [label="  PAYMENT_FAILED (attempt < 3)  ", \
style=dotted, penwidth=1.6]
    "paid" -> "fulfilling" [label="  FULFILL  "]
    "fulfilling" -> "shipped" [label="  SHIPPED  "]
    "fulfilling" -> "fulfillment-failed" [label="  FULFILLMENT_FAILED  "]
    "shipped" -> "delivered" [label="  DELIVERED  "]
    "shipped" -> "returning" [label="  RETURN_REQUESTED  "]
    "returning" -> "returned" [label="  RETURNED  "]
    "fulfillment-failed" -> "fulfilling" [label="  RETRY  "]
}}
"""


def test_the_order_machine() -> None:
    head, _, body = draw(compiled(ORDER), "dot").partition('color="#334155"]\n    "$start" -> ')
    assert head.startswith('digraph "order" {\n    graph [compound=true')
    assert f'    "$start" -> {body}' == GOLDEN


def test_compound_states_are_clusters() -> None:
    text = draw(compiled(CHECKOUT), "dot")
    assert 'subgraph "cluster payment" {' in text
    assert '"basket" -> "$start payment" [' in text
    assert 'lhead="cluster payment"]' in text
    assert '"payment.charging" -> "cancelled" [label="  CANCEL  \\n  after 2h  ", ltail="cluster payment"]' in text
    assert '"$any payment" -> "payment.asking" [label="  RESET  "]' in text
    assert '"$any payment" -> "$start payment" [label="  START_OVER  ", constraint=false]' in text
    assert '"payment.charging" -> "$start payment" [label="  BACK  ", constraint=false]' in text
    assert '<BR/><FONT POINT-SIZE="10">entry / emit Basket.opened</FONT>' in text


def test_timeouts_are_dashed_and_the_way_of_an_instance_is_thick() -> None:
    machine = compiled(DELAYED)
    steps = drive(machine, "VALIDATE", "VALIDATION_SUCCESS", "PROCESS_PAYMENT", "PAYMENT_FAILED", "$timer")
    text = draw(machine, "dot", steps=steps)
    assert re.search(r'"pending" -> "validating" \[.*penwidth=2\.5', text)
    assert re.search(r'"processing-payment" \[.*attempt 2.*fillcolor="#2563eb".*penwidth=2\.5', text)
    assert not re.search(r'"paid" -> "fulfilling" \[.*penwidth', text)
    flat = draw(machine, "dot", flat=True, steps=steps)
    assert re.search(
        r'"processing-payment.\$backoff" -> "processing-payment" \[.*style=dotted.*penwidth=2\.5', flat
    )
    assert 'style="rounded,filled,dashed"' in flat
    late = StateMachine("m", "a", {"a": ORDER.states["validating"], "validated": FINAL, "validation-failed": FINAL})
    assert "style=dashed" not in draw(compiled(late), "dot")  # the edge is an event's as well


FINAL = ORDER.states["delivered"]


# --- Graphviz itself reads it


def rendered(*texts: str) -> list[ET.Element]:
    """The SVG documents of several DOT texts, all by one process."""
    documents = svg("".join(texts)).split("<?xml")[1:]
    assert len(documents) == len(texts)
    return [ET.fromstring("<?xml" + document) for document in documents]


def words_in(document: ET.Element) -> list[str]:
    return ["".join(text.itertext()) for text in document.iter("{http://www.w3.org/2000/svg}text")]


def told(definition: StateMachine, document: ET.Element) -> None:
    """Every name can be read in the picture, and nothing that nobody wrote."""
    rows = [row.strip() for row in words_in(document)]
    drawn = picture(compiled(definition))
    for node in drawn.nodes:
        for row in fold_name(node.title):
            assert row.strip() in rows, (row, rows)
    edges = [g for g in document.iter("{http://www.w3.org/2000/svg}g") if g.get("class") == "edge"]
    compound = sum(node.kind == "compound" for node in drawn.nodes)
    assert len(edges) == len(drawn.edges) + compound + 1


def test_graphviz_reads_every_hostile_name() -> None:
    listed = [HOSTILE[i : i + 4] for i in range(0, len(HOSTILE), 4)]
    machines = [hostile((*four, *HOSTILE[: 4 - len(four)])) for four in listed]
    for definition, document in zip(machines, rendered(*(draw(compiled(m), "dot") for m in machines)), strict=True):
        told(definition, document)


@settings(max_examples=10)
@given(st.lists(hostiles, min_size=5, max_size=10))
def test_graphviz_reads_any_name(machines: list[StateMachine]) -> None:
    for definition, document in zip(machines, rendered(*(draw(compiled(m), "dot") for m in machines)), strict=True):
        told(definition, document)


@settings(max_examples=5)
@given(st.lists(definitions(), min_size=5, max_size=10))
def test_graphviz_draws_any_machine(machines: list[StateMachine]) -> None:
    for definition, document in zip(machines, rendered(*(draw(compiled(m), "dot") for m in machines)), strict=True):
        told(definition, document)
    assert rendered(*(draw(compiled(m), "dot", flat=True) for m in machines))
