"""`convert`, and `check MODULE:NAME`: files and modules of other people, with mistakes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import statewf as wf
from tests.cli.support import Cli

DOCUMENT = """<scxml xmlns="http://www.w3.org/2005/07/scxml" initial="red">
  <state id="red"><transition event="next" target="green"/></state>
  <state id="green"><transition event="next" target="off"/></state>
  <final id="off"/>
</scxml>"""
MODULE = """
from statemachine import State, StateMachine
from transitions import Machine

class Light(StateMachine):
    red = State(initial=True)
    green = State()
    off = State(final=True)
    next = red.to(green) | green.to(off)

switch = Machine(states=["on", "off"], transitions=[["turn", "on", "off"]], initial="on")
nothing = 5

class Lamp:
    pass

class Holder:
    switch = switch

lamp = Lamp()
Machine(lamp, states=["on", "off"], transitions=[["turn", "on", "off"]], initial="on")
"""


@pytest.fixture(autouse=True)
def others(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Machines of others in the folder, and what is imported from there is forgotten."""
    (folder / "traffic.scxml").write_text(DOCUMENT)
    (folder / "lights_of_others.py").write_text(MODULE)
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    monkeypatch.delitem(sys.modules, "lights_of_others", raising=False)


def test_a_file_becomes_a_definition(cli: Cli) -> None:
    result = cli("convert", "traffic.scxml", "--from", "scxml")
    assert result.code == 0
    assert wf.Driver(wf.loads(result.out)).state == "red"
    assert "note: events: taken by their whole names" in result.err


def test_it_is_written_to_a_file(cli: Cli) -> None:
    assert cli("convert", "traffic.scxml", "--from", "scxml", "-o", "traffic.yaml").out == ""
    assert cli("check", "traffic.yaml").code == 0
    assert cli("convert", "traffic.yaml", "--to", "mermaid").out.startswith("stateDiagram-v2")
    assert json.loads(cli("convert", "traffic.yaml", "--to", "json").out)["initialState"] == "red"


def test_as_json_there_is_one_document(cli: Cli) -> None:
    document = json.loads(cli("convert", "traffic.scxml", "--from", "scxml", "--json").out)
    assert "initialState: red" in document["text"]
    assert document["remarks"][0]["where"] == "events"


@pytest.mark.parametrize("name", ["lights_of_others:Light", "lights_of_others.py:Light"])
def test_a_class_of_somebody_else_is_checked_where_it_is(cli: Cli, name: str) -> None:
    assert cli("check", name).code == 0
    assert wf.Driver(wf.loads(cli("convert", name).out)).state == "red"


def test_a_machine_of_transitions_is_read_where_it_is(cli: Cli) -> None:
    definition = wf.loads(cli("convert", "lights_of_others:switch", "--from", "transitions").out)
    assert wf.Driver(definition).send("turn").state == "off"


@pytest.mark.parametrize("name", ["lights_of_others:Holder.switch", "lights_of_others:lamp"])
def test_what_is_named_may_lie_deeper_or_be_a_model(cli: Cli, name: str) -> None:
    assert wf.Driver(wf.loads(cli("convert", name).out)).send("turn").state == "off"


@pytest.mark.parametrize(("named", "found"), [({}, "config"), ({"name": "lamp"}, "lamp")])
def test_a_configuration_of_transitions_is_read_from_a_file(
    cli: Cli, folder: Path, named: dict[str, str], found: str
) -> None:
    config = {"states": ["on", "off"], "transitions": [["turn", "on", "off"]], "initial": "on", **named}
    (folder / "config.json").write_text(json.dumps(config))
    definition = wf.loads(cli("convert", "config.json", "--from", "transitions").out)
    assert definition.name == found
    assert wf.Driver(definition).send("turn").state == "off"


@pytest.mark.parametrize("target", ["statemachine", "transitions", "xstate"])
def test_a_definition_is_written_for_others(cli: Cli, target: str) -> None:
    result = cli("convert", "traffic.scxml", "--from", "scxml", "--to", target)
    assert result.code == 0, result.err
    assert "red" in result.out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["traffic.scxml"], "--from"),
        (["absent.scxml", "--from", "scxml"], "cannot be read"),
        (["traffic.scxml", "--from", "statemachine"], "written in Python"),
        (["absent_module:Light"], "cannot be imported"),
        (["lights_of_others:Absent"], "has no Absent"),
        (["lights_of_others:nothing"], "is no machine"),
        (["lights_of_others:Light", "--from", "transitions"], "is no machine of transitions"),
        (["lights_of_others.py", "--from", "xstate"], ""),
        (["lights_of_others.py", "--from", "transitions"], ""),
        (["traffic.scxml", "--from", "scxml", "-o", "absent/x.yaml"], "cannot be written"),
    ],
)
def test_what_is_wrong_is_told(cli: Cli, arguments: list[str], told: str) -> None:
    result = cli("convert", *arguments)
    assert result.code == 2
    assert told in result.err
    assert "Traceback" not in result.err
    assert result.out == ""


def test_a_workflow_is_not_converted(cli: Cli) -> None:
    Path("steps.yaml").write_text("steps: [{id: a}]\n")
    result = cli("convert", "steps.yaml", "--to", "xstate")
    assert (result.code, result.out) == (2, "")
    assert "workflow" in result.err


def test_a_check_of_somebody_elses_machine_tells_what_is_said_otherwise(cli: Cli, folder: Path) -> None:
    listening = MODULE.replace(
        "    red = State(initial=True)", "    listeners = (object(),)\n    red = State(initial=True)"
    )
    (folder / "lights_of_others.py").write_text(listening)
    told = cli("check", "lights_of_others:Light")
    assert "note: Light: its listeners are left behind" in told.err
    (remark,) = cli("check", "lights_of_others:Light", "--json").json["remarks"]
    assert remark["where"] == "Light"


@pytest.mark.parametrize("verb", [["draw"], ["run"], ["simulate", "--scenario", "s.yaml"]])
def test_a_verb_that_wants_a_file_says_how_to_make_one(cli: Cli, folder: Path, verb: list[str]) -> None:
    (folder / "s.yaml").write_text("machine: x.yaml")
    for name, hint in (
        (
            "lights_of_others:Light",
            "statewf convert lights_of_others:Light writes a machine in Python as a definition",
        ),
        ("traffic.scxml", "statewf convert traffic.scxml --from scxml writes it as a definition"),
    ):
        told = cli(*verb, name)
        assert told.code == 2
        assert hint in told.err
