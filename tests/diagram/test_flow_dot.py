"""DOT text of workflows: one as people will read it, and that Graphviz takes it whatever the names."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statewf.definition.model import Step, Workflow
from statewf.diagram import draw
from statewf.diagram.flows import flow
from statewf.diagram.labels import fold_name
from tests.diagram.cases import HOSTILE
from tests.diagram.flow_cases import INVOICE, ONBOARDING, SHIPPING, compiled, drive, hostile, hostiles, workflows
from tests.diagram.test_dot import rendered, words_in
from tests.diagram.test_flowchart import deep

EDGES = """\
    "$start" -> "profile"
    "profile" -> "verify-identity"
    "verify-identity" -> "business-verification" [label="  then  "]
    "verify-identity" -> "personal-verification" [label="  else  "]
    "business-verification" -> "setup-features"
    "personal-verification" -> "setup-features"
    "setup-features" -> "api-access" [label="  then  ", lhead="cluster all-features", minlen=2]
    "setup-features" -> "integrations" [style=invis, minlen=2]
    "setup-features" -> "limited-access" [label="  else  "]
    "api-access" -> "send-welcome" [ltail="cluster all-features"]
    "integrations" -> "send-welcome" [style=invis]
    "limited-access" -> "send-welcome"
    "send-welcome" -> "$end"
}
"""


def line(text: str, name: str) -> str:
    return next(line.strip() for line in text.splitlines() if line.strip().startswith(f'"{name}" ['))


def test_the_onboarding_workflow() -> None:
    text = draw(compiled(ONBOARDING), "dot")
    assert text.startswith('digraph "Customer Onboarding" {\n    graph [compound=true')
    assert text.endswith(EDGES)
    assert '    subgraph "cluster all-features" {\n        label=<<B>all-features</B>' in text
    assert 'label="Create Profile", style="rounded,filled"' in line(text, "profile")
    assert "shape=diamond" in line(text, "verify-identity")
    assert 'style="rounded,filled,dashed"' in line(text, "send-welcome")


def test_each_kind_of_step_has_its_shape() -> None:
    text = draw(compiled(SHIPPING), "dot")
    assert "shape=note" in line(text, "ask")
    assert "shape=hexagon" in line(text, "cool-off")
    assert "peripheries=2" in line(text, "paid")
    assert "shape=circle" in line(text, "$meet big")
    assert '<FONT POINT-SIZE="10">quorum 2 of 3</FONT>' in text
    assert '"thank" -> "$meet big" [arrowhead=none]' in text


def test_an_edge_from_a_block_starts_in_its_last_row() -> None:
    steps = (
        Step("b", type="parallel", steps=(Step("x"), Step("y"), Step("z", depends_on=("y",)))),
        Step("c", type="parallel", steps=(Step("i", type="parallel", steps=(Step("p"), Step("q"))), Step("r"))),
    )
    text = draw(compiled(Workflow("m", steps)), "dot")
    assert '"$start" -> "x" [lhead="cluster b", minlen=2]' in text
    assert '"z" -> "q" [ltail="cluster b", lhead="cluster c", minlen=2]' in text
    assert '"q" -> "$end" [ltail="cluster c"]' in text


def test_many_branches_stand_in_rows() -> None:
    def block(width: int) -> str:
        branches = tuple(Step(f"s{n}") for n in range(width))
        return draw(compiled(Workflow("m", Step("b", type="parallel", steps=branches))), "dot")

    assert '"s0" -> ' not in block(6)
    assert '    "s0" -> "s6" [style=invis]\n    "s1" -> "s7" [style=invis]\n}' in block(8)
    assert '"s6" -> "$end" [ltail="cluster b"]' in block(8)
    assert '"s0" -> "s44" [style=invis]' in block(1_000)


def test_an_instance_is_marked() -> None:
    machine = compiled(INVOICE)
    text = draw(machine, "dot", steps=drive(machine, "extract failed", "$timer", "extract returned"))
    assert "    label=<invoice: running>\n    labelloc=t\n" in text
    assert re.search(r'"extract" \[label=<.*attempt 2.*fillcolor="#dcfce7"', text)
    assert re.search(r'"approve" \[.*fillcolor="#2563eb".*penwidth=2\.5', text)
    assert '"$start" -> "extract" [color="#2563eb", fontcolor="#2563eb", penwidth=2.5]' in text
    assert '"approve" -> "process-payment"\n' in text
    choice = compiled(ONBOARDING)
    chosen = draw(choice, "dot", steps=drive(choice, "profile returned", accountType="business"))
    assert re.search(r'"verify-identity" -> "business-verification" \[.*penwidth=2\.5', chosen)
    assert not re.search(r'"verify-identity" -> "personal-verification" \[.*penwidth', chosen)


# --- Graphviz itself reads it


def told(workflow: Workflow, document: ET.Element) -> None:
    """Every name can be read in the picture, and every link is there."""
    rows = [row.strip() for row in words_in(document)]
    drawn = flow(workflow)
    for box in drawn.boxes:
        for row in fold_name(box.title):
            assert row.strip() in rows, (row, rows)
    groups = [g.get("class") for g in document.iter("{http://www.w3.org/2000/svg}g")]
    blocks = sum(box.shape == "parallel" for box in drawn.boxes)
    assert groups.count("cluster") == blocks
    assert groups.count("node") == len(drawn.boxes) - blocks
    assert groups.count("edge") == len(drawn.links)


def all_told(listed: list[Workflow]) -> None:
    documents = rendered(*(draw(compiled(workflow), "dot") for workflow in listed))
    for workflow, document in zip(listed, documents, strict=True):
        told(workflow, document)


def test_graphviz_reads_every_hostile_name() -> None:
    all_told([hostile([*HOSTILE[i : i + 5], *HOSTILE][:5]) for i in range(0, len(HOSTILE), 5)])


@settings(max_examples=10)
@given(st.lists(hostiles, min_size=5, max_size=10))
def test_graphviz_reads_any_name(listed: list[Workflow]) -> None:
    all_told(listed)


@settings(max_examples=10)
@given(st.lists(workflows(), min_size=5, max_size=10))
def test_graphviz_draws_any_workflow(listed: list[Workflow]) -> None:
    all_told(listed)


@pytest.mark.parametrize(
    "workflow",
    [
        Workflow("many", tuple(Step(f"s{n}") for n in range(1_000))),
        Workflow("wide", Step("all", type="parallel", steps=tuple(Step(f"s{n}") for n in range(1_000)))),
        deep("parallel", 100),
    ],
    ids=lambda workflow: workflow.name,
)
def test_graphviz_draws_many_steps_and_deep_ones(workflow: Workflow) -> None:
    all_told([workflow])
