"""What a picture tells of an instance: what became of each step, and the way that was taken."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from statewf.compiler.plan import plan
from statewf.compiler.steps import regions
from statewf.definition.model import Step, Workflow
from statewf.diagram import drawing
from statewf.diagram.flow import END, MEET, START, Flow
from statewf.diagram.flows import flow
from statewf.diagram.standing import FATES
from statewf.machine.naming import base
from statewf.machine.snapshot import blank
from tests.diagram.flow_cases import INVOICE, ONBOARDING, REVIEWED, SHIPPING, compiled, drive, workflows


def after(workflow: Workflow, *happenings: str, **inputs: object) -> Flow:
    machine = compiled(workflow)
    drawn = drawing(machine, steps=drive(machine, *happenings, **inputs))
    assert isinstance(drawn, Flow)
    return drawn


def fates(drawn: Flow) -> dict[str, str]:
    return {box.name: box.fate for box in drawn.boxes if box.fate and not box.name.startswith("$")}


def taken(drawn: Flow) -> set[tuple[str, str]]:
    return {(link.source, link.target) for link in drawn.links if link.taken}


def test_nothing_is_marked_without_an_instance_or_before_its_start() -> None:
    for drawn in (flow(INVOICE), flow(INVOICE, blank(compiled(INVOICE), "i1"))):
        assert not fates(drawn)
        assert not taken(drawn)
        assert drawn.title is None


def test_attempts_are_told() -> None:
    drawn = after(INVOICE, "extract failed")
    assert drawn.title == "invoice: running"
    assert drawn.by_name["extract"].status == "waiting for attempt 2"
    again = after(INVOICE, "extract failed", "$timer")
    assert again.by_name["extract"].status == "running, attempt 2"
    done = after(INVOICE, "extract failed", "$timer", "extract returned")
    assert done.by_name["extract"].status == "attempt 2"
    assert done.by_name["extract"].small == ("3 attempts, 30s each", "attempt 2")
    assert after(INVOICE, "extract returned").by_name["extract"].status is None
    assert fates(done) == {
        "extract": "succeeded",
        "approve": "running",
        "process-payment": "ahead",
        "update-accounting": "ahead",
    }
    assert taken(done) == {(START, "extract"), ("extract", "approve")}


def test_what_is_undone() -> None:
    failing = ("extract returned", "approve returned", "process-payment failed", "$timer", "process-payment failed")
    undoing = after(INVOICE, *failing)
    assert (undoing.state, undoing.by_name["approve"].status) == ("compensating", "compensating")
    undone = after(INVOICE, *failing, "approve returned")
    assert undone.state == "compensated"
    assert fates(undone) == {
        "extract": "succeeded",
        "approve": "undone",
        "process-payment": "failed",
        "update-accounting": "cancelled",
    }
    assert undone.by_name["process-payment"].status == "failed, attempt 2"
    assert undone.by_name[END].fate == "undone"
    assert taken(undone) == {(START, "extract"), ("extract", "approve"), ("approve", "process-payment")}
    stuck = after(INVOICE, *failing, "approve failed", "$timer", "approve failed")
    assert (stuck.state, fates(stuck)["approve"]) == ("compensation-failed", "not-undone")


def test_the_way_through_choices() -> None:
    ended = ("profile returned", "business-verification returned", "limited-access returned", "send-welcome failed")
    drawn = after(ONBOARDING, *ended, accountType="business")
    assert drawn.state == "completed"
    assert drawn.by_name[END].fate == "succeeded"
    assert taken(drawn) == {
        (START, "profile"),
        ("profile", "verify-identity"),
        ("verify-identity", "business-verification"),
        ("business-verification", "setup-features"),
        ("setup-features", "limited-access"),
        ("limited-access", "send-welcome"),
        ("send-welcome", END),
    }
    assert {name for name, fate in fates(drawn).items() if fate == "skipped"} == {
        *("personal-verification", "all-features", "api-access", "integrations")
    }
    assert fates(drawn)["send-welcome"] == "failed"


def test_the_way_past_a_choice_without_a_branch() -> None:
    drawn = after(SHIPPING, total=3)
    assert fates(drawn)["big"] == "skipped"
    assert taken(drawn) == {
        (START, "big"),
        ("big", MEET + "big"),
        (MEET + "big", "cool-off"),
        (MEET + "big", "paid"),
    }
    assert fates(drawn)["cool-off"] == fates(drawn)["paid"] == "asked"


def test_the_way_through_a_choice_without_a_branch() -> None:
    drawn = after(SHIPPING, "thank returned", total=3000, known=True)
    ways = {(START, "big"), ("big", "known"), ("known", "thank"), ("thank", MEET + "big")}
    assert taken(drawn) == {*ways, (MEET + "big", "cool-off"), (MEET + "big", "paid")}


def test_nothing_within_a_skipped_block_was_reached() -> None:
    block = Step("b", type="parallel", when="inputs.x", steps=(Step("p"), Step("q", depends_on=("p",))))
    drawn = after(Workflow("m", (block, Step("c"))))
    assert fates(drawn) == {"b": "skipped", "p": "skipped", "q": "skipped", "c": "running"}
    assert taken(drawn) == {(START, "b"), ("b", "c")}


def test_who_is_asked_and_what_is_given_up() -> None:
    asked = after(SHIPPING, total=3000)
    assert (fates(asked)["ask"], asked.by_name["ask"].status) == ("asked", "assigned")
    assert taken(asked) == {(START, "big"), ("big", "known"), ("known", "ask")}
    assert after(SHIPPING, "$timer", total=3000).by_name["ask"].status == "escalated"
    won = after(SHIPPING, "PAID", "$timer", "pick returned", total=3)
    assert fates(won)["ship"] == "succeeded"
    assert fates(won)["pack"] == "cancelled"
    assert ("pick", "pack") not in taken(won)  # its block was decided before its turn came
    assert fates(won)["couriers"] == "cancelled"
    assert (fates(won)["x"], won.by_name["x"].status) == ("running", "cancelling")
    assert ("ship", END) not in taken(won)  # the losers have not ended yet


def test_a_review_is_a_question() -> None:
    drawn = after(Workflow("m", (REVIEWED, Step("b"))), "a failed")
    assert (fates(drawn)["a"], drawn.by_name["a"].status) == ("asked", "review")
    assert taken(drawn) == {(START, "a")}


def test_what_was_cancelled_before_it_began_was_not_reached() -> None:
    drawn = after(INVOICE, "$cancel")
    assert drawn.state == "cancelling"
    assert taken(drawn) == {(START, "extract")}


@settings(max_examples=50)
@given(workflows(), st.sampled_from([True, False]))
def test_every_state_of_every_step_is_known(workflow: Workflow, x: bool) -> None:
    for region in regions(plan(workflow)):
        assert {base(state) for state in region.states} <= FATES.keys()
    drawn = after(workflow, x=x)
    for link in drawn.links:
        if link.taken and not link.target.startswith("$"):
            assert drawn.by_name[link.target].fate != "ahead"
        if link.taken and not link.source.startswith("$"):
            assert drawn.by_name[link.source].fate not in ("ahead", "cancelled")
