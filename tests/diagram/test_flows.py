"""A workflow as boxes and links: in the order of dependencies, nested as it was written."""

from __future__ import annotations

from hypothesis import given, settings

from statewf.compiler.plan import plan
from statewf.definition.model import Step, Workflow
from statewf.diagram.flow import END, MEET, START, Flow
from statewf.diagram.flows import flow
from tests.diagram.flow_cases import INVOICE, ONBOARDING, SHIPPING, workflows


def links(drawn: Flow) -> set[tuple[str, str, str]]:
    return {(link.source, link.target, link.label) for link in drawn.links}


def test_steps_in_listed_order() -> None:
    drawn = flow(INVOICE)
    assert links(drawn) == {
        (START, "extract", ""),
        ("extract", "approve", ""),
        ("approve", "process-payment", ""),
        ("process-payment", "update-accounting", ""),
        ("update-accounting", END, ""),
    }
    assert drawn.by_name["extract"].lines == ("3 attempts, 30s each",)
    assert drawn.by_name["approve"].lines == ("2 attempts", "undo: reverse-approval")
    assert drawn.title is None


def test_a_choice_leads_to_its_branches_and_they_lead_on() -> None:
    drawn = flow(ONBOARDING)
    assert links(drawn) == {
        (START, "profile", ""),
        ("profile", "verify-identity", ""),
        ("verify-identity", "business-verification", "then"),
        ("verify-identity", "personal-verification", "else"),
        ("business-verification", "setup-features", ""),
        ("personal-verification", "setup-features", ""),
        ("setup-features", "all-features", "then"),
        ("setup-features", "limited-access", "else"),
        ("all-features", "send-welcome", ""),
        ("limited-access", "send-welcome", ""),
        ("send-welcome", END, ""),
    }
    box = drawn.by_name["verify-identity"]
    assert (box.title, box.shape, box.lines) == (
        *("Identity Verification", "condition"),
        ('inputs.accountType === "business"',),
    )
    assert drawn.by_name["setup-features"].title == "setup-features"  # it has no name
    assert [inner.name for inner in drawn.inside("all-features")] == ["api-access", "integrations"]
    assert [box.name for box in drawn.boxes if box.optional] == ["send-welcome"]


def test_many_ways_meet_where_several_steps_follow() -> None:
    drawn = flow(SHIPPING)
    meet = MEET + "big"
    assert drawn.by_name[meet].shape == "meet"
    assert {link for link in links(drawn) if meet in link} == {
        ("thank", meet, ""),
        ("ask", meet, ""),
        ("big", meet, "else"),
        (meet, "cool-off", ""),
        (meet, "paid", ""),
    }
    assert ("known", "ask", "else") in links(drawn)
    assert {box.name: box.parent for box in drawn.boxes if box.parent} == {
        **dict.fromkeys(("pick", "pack", "couriers"), "ship"),
        **dict.fromkeys("xyz", "couriers"),
    }
    assert {target for source, target, _ in links(drawn) if source == "ship"} == {END}


def test_what_depends_on_nothing_starts_and_what_nothing_depends_on_ends() -> None:
    drawn = flow(Workflow("m", (Step("a"), Step("b", depends_on=()), Step("c", depends_on=("a",)))))
    assert links(drawn) == {(START, "a", ""), (START, "b", ""), ("a", "c", ""), ("b", END, ""), ("c", END, "")}


@settings(max_examples=100)
@given(workflows())
def test_every_workflow_is_drawn_whole(workflow: Workflow) -> None:
    drawn, planned = flow(workflow), plan(workflow)
    real = [box.name for box in drawn.boxes if not box.name.startswith("$")]
    assert real == list(planned.nodes)
    pairs = [(link.source, link.target) for link in drawn.links]
    assert len(set(pairs)) == len(pairs)
    for link in drawn.links:  # no link crosses the border of a block
        assert drawn.by_name[link.source].parent == drawn.by_name[link.target].parent
    ahead = {name: {target for source, target in pairs if source == name} for name in drawn.by_name}
    for node in planned.nodes.values():
        for other in node.after:
            assert node.id in reached(ahead, other.id)
        if node.parent is None:
            assert END in reached(ahead, node.id)
            assert node.id in reached(ahead, START)
        for inner in node.inner if node.step.type == "condition" else ():
            assert inner.id in ahead[node.id]


def reached(ahead: dict[str, set[str]], name: str) -> set[str]:
    found: set[str] = set()
    fresh = [name]
    while fresh:
        fresh = [target for source in fresh for target in ahead[source] if target not in found]
        found.update(fresh)
    return found
