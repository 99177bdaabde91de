"""What counts for a bill: what succeeded, how often, and for how long it was at work."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import pytest

import statewf as wf
from statewf.machine.snapshot import Step
from statewf.pricing import CHARGE, bill, usage_of
from statewf.simulator import simulate
from statewf.simulator.scenario import Behaviour, Decision, Fail, Hang, Ok, Scenario, Turn

COUNTED = "{model: per-execution, stepRates: {a: 1, b: 10, p: 100}}"
TIMED = "{model: time-based, rate: 1, stepMultipliers: {a: 2, b: 2}}"


def lived(text: str, handlers: Mapping[str, tuple[Turn, ...]]) -> dict[str, Decimal]:
    """What it costs, line by line."""
    machine = wf.compile(wf.loads(text))
    return lines(machine, simulate(machine, Scenario(handlers=handlers)).steps)


def lines(machine: wf.Machine, steps: tuple[Step, ...] | list[Step]) -> dict[str, Decimal]:
    found = bill(usage_of(machine, steps))
    assert found is not None
    return {line.what: line.amount for line in found.lines}


SOONER = Turn(Ok(), 1_000)
LATER: list[tuple[Behaviour, int, bool]] = [
    (Ok(), 2_000, True),
    (Ok(), 2_000, False),
    (Fail("no"), 2_000, True),
    (Hang(), 0, True),
    (Hang(), 0, False),
]


@pytest.mark.parametrize(("behaviour", "after", "stubborn"), LATER)
@pytest.mark.parametrize("strategy", ["any", "first", "{quorum: 1}"])
def test_a_loser_is_not_charged_whatever_its_handler_does(
    strategy: str, behaviour: Behaviour, after: int, stubborn: bool
) -> None:
    """It was called off when the other had won: what it says then is a race."""
    block = f"{{name: w, steps: [{{id: p, type: parallel, strategy: {strategy}, steps: [{{id: a}}, {{id: b}}]}}, {{id: c}}]"
    turns = {"a": (SOONER,), "b": (Turn(behaviour, after, stubborn),), "c": (Turn(Ok(), 60_000),)}
    assert lived(f"{block}, pricing: {COUNTED}}}", turns) == {"a": 1, "p": 100}
    timed = lived(f"{block}, pricing: {TIMED}}}", turns)
    assert timed == {"time": 61, "a": 1, "b": 1}


def test_what_succeeded_in_a_block_that_failed_tolerably_is_charged() -> None:
    """It was done, and the workflow lives with the rest; the block itself did not succeed."""
    text = "{name: w, steps: [{id: p, type: parallel, required: false, steps: [{id: a}, {id: b}]}], pricing: %s}"
    prices = "{model: per-execution, stepRates: {a: 1, b: 10, p: 100}, parallelDiscount: 0.5}"
    failing = {"a": (SOONER,), "b": (Turn(Fail("no", retryable=False)),)}
    assert lived(text % prices, failing) == {"a": 1}
    assert lived(text % prices, {"a": (SOONER,)}) == {
        "a": 1,
        "b": 10,
        "p": 100,
        "parallel discount": Decimal("-55.5"),
    }


def test_waits_between_attempts_and_for_people_are_time_of_a_step() -> None:
    """The first attempt 1 s, then a wait of 5 s, the second 2 s; a person takes 30 s."""
    definition = wf.loads("""
        name: w
        steps:
        - {id: a, retryPolicy: {maxAttempts: 2, backoff: constant, baseDelay: 5s}}
        - {id: b, type: human-task, assignTo: ann}
        pricing: {model: time-based, rate: 1, stepMultipliers: {a: 2, b: 1.5}}
        """)
    turns = {"a": (Turn(Fail("no"), 1_000), Turn(Ok(), 2_000))}
    machine = wf.compile(definition)
    run = simulate(machine, Scenario(handlers=turns, tasks={"b": (Decision("approved", 30_000),)}))
    assert lines(machine, run.steps) == {"time": 38, "a": 8, "b": 15}


STATES = """
name: m
initialState: a
pricing: {model: %s}
states:
  a: {on: {SELF: a, NEXT: b}}
  b: {on: {END: c}}
  c: {onEntry: {type: function, handler: bye}, terminal: true}
"""


def test_a_state_that_is_entered_again_from_itself_keeps_its_time() -> None:
    """3 s in a before it is entered anew, 4 s after that."""
    driver = wf.Driver(wf.loads(STATES % "time-based, rate: 1, stepMultipliers: {a: 3, b: 1}"))
    for seconds, event in ((3, "SELF"), (4, "NEXT"), (5, "END")):
        driver.advance(seconds)
        driver.send(event)
    assert lines(driver.machine, driver.history) == {"time": 12, "a": 14, "b": 0}


def test_a_final_bill_does_not_change_by_what_its_last_actions_do() -> None:
    """They are called when it ends, and answer 10 s later: it has ended then."""
    machine = wf.compile(wf.loads(STATES % "time-based, rate: 1, stepMultipliers: {c: 5}"))
    events = (wf.Event("NEXT", at=3_000), wf.Event("END", at=3_000))
    steps = simulate(machine, Scenario(events=events, handlers={"bye": (Turn(Ok(), 10_000),)})).steps
    (*until_end, late) = steps
    assert (until_end[-1].after.ended, late.before.ended, late.after.at) == ("success", "success", 13_000)
    found = bill(usage_of(machine, until_end))
    assert found is not None
    assert bill(usage_of(machine, steps), at=99_000) == found
    assert (found.final, str(found.total)) == (True, "3.00")
    assert [CHARGE in str(step.effects) for step in steps] == [False, False, True, False]


@pytest.mark.parametrize(
    ("bounds", "line", "total"),
    [
        ("", ("not below nothing", 10), 0),
        ("minimum: 0, ", ("not below nothing", 10), 0),
        ("minimum: 2.5, ", ("up to the minimum of 2.5", Decimal("12.5")), Decimal("2.5")),
        ("maximum: 0, ", ("not below nothing", 10), 0),
    ],
)
def test_factors_below_one_can_take_off_more_than_there_is_but_no_bill_pays(
    bounds: str, line: tuple[str, Decimal], total: Decimal
) -> None:
    """10 s x 1, and twice 10 s x 1 x (0 - 1), for both steps run beside each other: 10 less than nothing."""
    prices = f"{{model: time-based, rate: 1, {bounds}stepMultipliers: {{a: 0, b: 0}}}}"
    text = f"{{name: w, steps: [{{id: a}}, {{id: b, dependsOn: []}}], pricing: {prices}}}"
    found = lived(text, dict.fromkeys("ab", (Turn(Ok(), 10_000),)))
    assert [*found.items()] == [("time", 10), ("a", -10), ("b", -10), line]
    assert sum(found.values()) == total


def test_more_than_the_maximum_is_taken_off() -> None:
    found = lived(
        "{name: w, steps: [{id: a}], pricing: {model: time-based, rate: 1, maximum: 4}}",
        {"a": (Turn(Ok(), 9_000),)},
    )
    assert found == {"time": 9, "down to the maximum of 4": -5}
