"""Definitions that a store keeps, perhaps since an older version: their machines still have to run."""

from __future__ import annotations

import json
import re
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import attrs
import pytest
from hypothesis import HealthCheck, given, settings

import statewf as wf
from statewf.compiler import compile_definition
from statewf.compiler.kept import compile_kept
from statewf.definition.write import to_document, to_json
from statewf.errors import CompileError, InputError
from statewf.history import MachineRecord, Sqlite
from statewf.history.damage import verify
from statewf.machine.fsm import SEMANTICS
from statewf.runtime import Executor
from statewf.runtime.machines import Machines
from statewf.values.canonical import canonical, digest
from tests.definition import strategies

generated = settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))

LAMP: dict[str, Any] = {
    "name": "lamp",
    "initialState": "dark",
    "states": {"dark": {"on": {"ON": "lit"}}, "lit": {"on": {"OFF": "off"}}, "off": {"terminal": True}},
}
CHARGING = {**LAMP["states"], "lit": {"on": {"OFF": "off"}, "onExit": {"type": "emit", "event": "Payment.charge"}}}
# what a version took that read no prices, and what is wrong with it today
OLD = [
    ({"pricing": {"perRun": 1.5, "tiers": [1, {"a": None}]}}, "no price list at all"),
    ({"pricing": "ask Ada"}, "some words"),
    ({"pricing": {"model": "per-execution", "rate": 1.0, "stepRates": {"lid": 1}}}, "a slip in a name"),
    (
        {"pricing": {"model": "per-execution", "rate": 1.0}, "billing": {"customer": "input.who"}},
        "a slip in billing",
    ),
    ({"billing": {"plan": "gold"}}, "billing in words of its own"),
    ({"pricing": {"model": "per-execution", "rate": 1.0}, "states": CHARGING}, "a charge of its own beside it"),
    ({"pricing": 7, "properties": "must be fine"}, "properties that cannot be read, either"),
    (
        {"pricing": {"model": "per-execution", "rate": 1.0, "currency": "USD"}},
        "one that holds, and says more than it must",
    ),
]


def old_digest(document: dict[str, Any]) -> str:
    """As the older version made it: of the prices as they were written."""
    behaviour = {key: item for key, item in document.items() if key != "properties"}
    return digest({"definition": behaviour, "semantics": SEMANTICS})


@pytest.mark.parametrize(("prices", "why"), OLD, ids=[why for _, why in OLD])
def test_an_instance_with_prices_of_an_older_version_goes_on_to_its_end(
    prices: dict[str, Any], why: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    document = {**LAMP, **prices}
    path = str(tmp_path / "old.db")
    with closing(Sqlite(path)) as store:
        store.deploy(MachineRecord(old_digest(document), "lamp", SEMANTICS, canonical(document)))

    async def go_on(event: str, state: str) -> None:
        async with Executor(path) as executor:
            lamp = await executor.start("lamp", request_id="once")
            await lamp.send(event)
            assert lamp.state == state

    for event, state in (("ON", "lit"), ("OFF", "off")):
        anyio.run(go_on, event, state)
    with closing(Sqlite(path)) as store:
        assert list(verify(store, Machines(store).get)) == []
        (card,) = store.cards()
        assert (card.machine, card.ended) == (old_digest(document), "success")
        store.subscribe("payments", "Payment.charge")
        charged = len(store.undelivered("payments", "Payment.charge", 10))
    told = [record.getMessage() for record in caplog.records if record.name == "statewf.machines"]
    assert len(told) == (0 if why == "one that holds, and says more than it must" else 3), (
        "each time that it is loaded"
    )
    assert all(re.match("[a-z ]+ of lamp, which an earlier statewf kept unread, hold no more", one) for one in told)
    assert charged == (why in ("one that holds, and says more than it must", "a charge of its own beside it"))


def test_prices_that_somebody_changed_in_the_store_are_told() -> None:
    with closing(Sqlite(":memory:")) as store:
        document = {**LAMP, "pricing": {"model": "per-execution", "rate": 1.0}}
        store.deploy(MachineRecord(old_digest(document), "lamp", SEMANTICS, canonical(document)))
        assert list(verify(store, Machines(store).get)) == []
        for changed in ({"model": "per-execution", "rate": 2.0}, {"rates": "none"}):
            store.database.all("UPDATE machine SET definition = ?", canonical({**document, "pricing": changed}))
            (finding,) = verify(store, Machines(store).get)
            assert "its definition is not the one that was deployed" in finding.message


@generated
@given(strategies.machines | strategies.workflows(), strategies.json)
def test_what_an_older_version_kept_is_read(definition: wf.StateMachine | wf.Workflow, raw: Any) -> None:
    """It took any JSON for properties and for prices."""
    try:
        machine = compile_definition(definition)
    except CompileError:
        return  # names that lead nowhere: no store has kept it
    again, _ = compile_kept(json.dumps({**to_document(definition), "properties": raw}))
    assert attrs.evolve(again.notes.definition, properties=definition.properties) == definition
    assert again == machine
    free = {**to_document(definition), "pricing": ["free", raw], "billing": {"plan": raw}}
    again, left_out = compile_kept(json.dumps(free))
    assert left_out == ("pricing", "billing")
    assert again.notes.definition == attrs.evolve(definition, pricing=None, billing=None)
    assert again.regions == machine.regions


def test_what_is_kept_keeps_its_properties_and_prices_and_tells_other_mistakes() -> None:
    definition = wf.StateMachine(
        "m", "a", {"a": wf.State(terminal=True)}, properties=wf.Absence("a"), pricing=wf.PerExecution(rate=1)
    )
    assert compile_kept(to_json(definition)).machine.notes.definition == definition
    with pytest.raises(InputError) as caught:
        compile_kept('{"steps": [{}], "properties": 5, "pricing": 7}')
    assert [one.path for one in caught.value.diagnostics] == ["$.steps[0]"]
    for damaged in ("[]", "{", '{"steps": []}', '{"steps": {"id": "a"}, "pricing": 7, "steps": 7}'):
        with pytest.raises(InputError):
            compile_kept(damaged)


def test_what_an_older_version_kept_may_have_any_number_of_mistakes() -> None:
    machine, left_out = compile_kept(json.dumps({**LAMP, "properties": [5] * 2_000}))
    assert (machine.digest, left_out) == (old_digest(LAMP), ("properties",))
