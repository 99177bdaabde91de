"""A scenario in which nothing is left to chance is foretold as it is played: where it ends, when, and for how much."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from statewf.forecast import Assumptions, Constant, Likely, exact
from statewf.forecast.assumptions import Answer
from statewf.machine.fsm import Machine
from statewf.simulator.scenario import Decision, Ok, Scenario
from statewf.testing.files import Played, play

FILES = sorted((Path(__file__).parents[2] / "machines").glob("*/*.yaml"))


def certain(machine: Machine, scenario: Scenario) -> Assumptions | None:
    """What the scenario says, if that can be said of each call alike, and nobody sends events."""
    turns = [*scenario.handlers.values(), *scenario.tasks.values()]
    if scenario.events or any(len(listed) > 1 for listed in turns):
        return None
    said = {
        name: (Likely[Answer](turn.behaviour, 1.0, Constant(turn.after), turn.stubborn),)
        for name, (turn,) in scenario.handlers.items()
    }
    decided = {
        name: (Likely[Decision](told, 1.0, Constant(told.after)),) for name, (told,) in scenario.tasks.items()
    }
    return Assumptions(
        handlers={**{name: (Likely[Answer](Ok()),) for name in machine.handlers()}, **said},
        tasks={**dict.fromkeys(machine.asking(), ()), **decided},
        events={},
        inputs=scenario.inputs,
        volume=scenario.volume,
    )


def told(file: Path) -> tuple[Played, Assumptions] | None:
    played = play(file)
    if played.machine is None or played.outcome is None or played.machine.listeners:
        return None
    assumed = certain(played.machine, played.outcome.scenario)
    return None if assumed is None else (played, assumed)


CERTAIN = [file for file in FILES if file.name != "assumed.yaml" and told(file) is not None]


def test_many_of_our_scenarios_are_certain() -> None:
    assert len(CERTAIN) > 20


@pytest.mark.parametrize("file", CERTAIN, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_what_a_scenario_says_for_sure_is_foretold(file: Path) -> None:
    found = told(file)
    assert found is not None
    played, assumed = found
    assert played.machine is not None
    assert played.outcome is not None
    foretold = exact(played.machine, assumed)
    if foretold is None:
        pytest.skip("what it costs hangs on how long single steps take")
    document = played.outcome.document()
    last = played.outcome.steps[-1].after
    ends = [end for end in foretold.ends if end.probability > 1e-9]
    # where a condition asks for what no handler of the scenario tells, chance decides, and the scenario is one of the ways
    (end,) = [end for end in ends if end.state.partition(" ")[0] == document["state"]]
    assert (end.outcome in ("success", "failure")) is bool(last.ended)
    if len(ends) > 1 or foretold.unsaid:
        return
    assert end.probability == pytest.approx(1)
    if end.duration is not None:
        assert end.duration.p50 == document["elapsed"]
    if end.price is not None:
        assert end.price.p50 == Decimal(document["cost"])
