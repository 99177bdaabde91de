"""`cost`: the bill of an instance, for people and for programs, from a real store."""

from __future__ import annotations

from pathlib import Path

import pytest

from statewf.cli import cost
from statewf.definition.pricing import VOLUMES
from tests.cli.support import Cli

PRICED = """
name: lamp
initialState: dark
pricing:
  model: per-execution
  rate: 1.5
  stepRates: { lit: 0.125 }
  discounts: { volume: [{ min: 10, max: 99, discount: 0.1 }, { min: 100, discount: 0.25 }] }
billing: { customer: inputs.who, volume: inputs.n }
states:
  dark: { on: { ON: lit, END: over, BREAK: broken } }
  lit: { on: { OFF: dark } }
  over: { terminal: true }
  broken: { terminal: true, outcome: failure }
"""


@pytest.fixture
def lamp(cli: Cli, folder: Path) -> str:
    (folder / "lamp.yaml").write_text(PRICED)
    return str(cli("start", "lamp.yaml", "--input", '{"who": "ann", "n": 12}', "--json").json["instance"])


def test_a_bill_has_its_amounts_below_each_other(cli: Cli, lamp: str) -> None:
    for event in ("ON", "OFF", "ON", "OFF"):
        cli("send", lamp, event)
    lines = [
        "execution         1.5",
        "lit               0.25   2 x 0.125",
        "volume discount  -0.175  10 %, for a volume of 12",
        "total USD         1.58   1.575, rounded",
        "customer         ann",
    ]
    assert cli("cost", lamp).out.splitlines() == [*lines[:3], f"{lines[3]}; so far", lines[4]]
    cli("send", lamp, "END")
    said = cli("cost", lamp)
    assert (said.code, said.err, said.out.splitlines()) == (0, "", lines)


def test_another_volume_is_a_supposition_and_changes_nothing_that_was_charged(cli: Cli, lamp: str) -> None:
    supposed = cli("cost", lamp, "--volume", "100", "--json").json
    assert (supposed["final"], supposed["charged"]) == (False, None)
    assert (
        cli("cost", lamp, "--volume", "100").out.splitlines()[-2]
        == "total USD         1.12   1.125, rounded; so far"
    )
    cli("send", lamp, "END")
    said = cli("cost", lamp, "--volume", "100").out.splitlines()
    assert said[-2] == "total USD         1.12   1.125, rounded; so it would be; 1.35 was charged"
    assert cli("cost", lamp, "--json").json["total"] == "1.35"
    found = cli("cost", lamp, "--volume", "100", "--json").json
    assert found == {
        "instance": lamp,
        "total": "1.12",
        "exact": "1.125",
        "currency": "USD",
        "final": False,
        "charged": "1.35",
        "customer": "ann",
        "volume": 100,
        "lines": [
            {"what": "execution", "amount": "1.5"},
            {"what": "volume discount", "amount": "-0.375", "how": "25 %, for a volume of 100"},
        ],
    }
    for wrong in ("-1", str(VOLUMES + 1), "many"):
        refused = cli("cost", lamp, "--volume", wrong)
        assert (refused.code, refused.out) == (2, "")
        assert wrong in refused.err
    assert (cli("cost", lamp, "--volume", str(VOLUMES)).code, cost.VOLUMES) == (0, VOLUMES)


def test_what_failed_is_not_charged(cli: Cli, lamp: str) -> None:
    cli("send", lamp, "BREAK")
    assert cli("cost", lamp).out.splitlines()[-3:-1] == [
        "not charged      -1.35  it did not end well",
        "total USD         0.00",
    ]


def test_there_is_no_bill_without_an_instance_or_prices(cli: Cli, lamp: str) -> None:
    assert "there is no instance nobody" in cli("cost", "nobody").err
    door = cli("start", "door.yaml", "--json").json["instance"]
    said = cli("cost", door)
    assert said.code == 2
    assert "door costs nothing: its definition has no pricing" in said.err
