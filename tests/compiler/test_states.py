"""The table of statecharts, held against an interpreter that goes through the definition itself."""

from __future__ import annotations

from hypothesis import assume, given, note, settings

from statewf.definition.model import StateMachine
from statewf.definition.write import to_yaml
from statewf.errors import EventRejected
from statewf.simulator import Driver
from tests.compiler.charts import charts, compiled, scripts
from tests.compiler.naive import Endless, Naive


def compared(definition: StateMachine, script: list[tuple[str, object]]) -> None:
    """Both must tell the same after everything that happens."""
    machine = compiled(definition, 400)
    note(to_yaml(definition))
    try:
        naive = Naive(definition)
        driver = Driver(machine)
        _same(naive, driver, "accepted", "accepted")
        for event, given in script:
            note(f"{event or 'after'} {given}")
            if isinstance(given, dict):
                expected = naive.send(event, given)
                _same(naive, driver, expected, _sent(driver, event, given))
            else:
                naive.advance(int(str(given)))
                driver.advance(int(str(given)) / 1000)
                _same(naive, driver, "", "")
    except Endless:
        assume(False)


def _sent(driver: Driver, event: str, data: object) -> str:
    try:
        return driver.send(event, data).disposition
    except EventRejected:
        return "rejected"


def _same(naive: Naive, driver: Driver, expected: str, found: str) -> None:
    moves = [move for step in driver.history for move in step.moves]
    assert (
        found,
        driver.state,
        [list(move.entered) for move in moves if move.entered],
        [told.event for told in driver.emitted],
        dict(driver.context),
        bool(driver.done),
    ) == (
        expected,
        naive.state,
        naive.came,
        naive.told,
        naive.context,
        naive.ended,
    )


@settings(max_examples=300)
@given(charts(), scripts)
def test_a_compiled_statechart_does_what_its_definition_says(
    definition: StateMachine, script: list[tuple[str, object]]
) -> None:
    compared(definition, script)
