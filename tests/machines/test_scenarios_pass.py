"""Every scenario that stands beside a machine comes out as it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from statewf.definition.document import document
from statewf.simulator import read_scenario, simulate
from tests.machines.driving import MACHINES, machine

SCENARIOS = sorted(file for file in MACHINES.glob("*/*.yaml") if file.name != "assumed.yaml")


@pytest.mark.parametrize("file", SCENARIOS, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_a_scenario_passes(file: Path) -> None:
    read = document(file.read_bytes(), str(file))
    assert read.value["machine"] == f"../{file.parent.name}.yaml"
    played = machine(file.parent.name)
    outcome = simulate(played, read_scenario(read.value, read.places, machine=played))
    assert outcome.passed, outcome.failures
