"""Others' statecharts with what they should do: the cases of SCION, where they are at hand.

Each is a document and a script of events with the states that are active after each. They are read where they lie, and
are no part of this project; without them the test is skipped.
"""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from statewf.compiler.tree import grow
from statewf.definition.model import StateMachine
from statewf.errors import ConversionError, EventRejected
from statewf.interop import scxml
from statewf.simulator import Driver

CASES = Path(__file__).parents[3] / "shared" / "cases" / "scxml-scion"
DATA = ("<data", "<assign", "cond=", "<script", "<foreach", "<if", "expr=")

pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason=f"the cases of SCION are not at {CASES}")


def cases() -> list[Path]:
    return sorted(CASES.glob("*/*.scxml"))


def names(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def outcome(document: Path) -> tuple[str, str]:
    """Whether it was run, refused (and for what), or went wrong (and where)."""
    try:
        definition = scxml.read(document.read_bytes(), name=document.stem).definition
    except ConversionError as error:
        named = all(found.code == "unsupported" for found in error.diagnostics)
        return "refused" if named else "wrong", "; ".join(
            dict.fromkeys(found.message for found in error.diagnostics)
        )
    script = json.loads(document.with_suffix(".json").read_text())
    driver = Driver(definition)
    driver.advance(0)
    if (found := active(definition, driver)) != set(script["initialConfiguration"]):
        return "wrong", f"it starts in {found}"
    for number, step in enumerate(script["events"], 1):
        driver.advance(step.get("after", 0) / 1000)
        with suppress(EventRejected):  # by one that has ended
            driver.send(step["event"]["name"], step["event"].get("data") or {})
        driver.advance(0)
        if (found := active(definition, driver)) != set(step["nextConfiguration"]):
            return "wrong", f"after event {number} it is in {found}"
    return "run", ""


def active(definition: StateMachine, driver: Driver) -> set[str]:
    """The ids of the innermost states that are active."""
    nodes = grow(definition).nodes
    return {str(nodes[name].path[-1]) for name in driver.state.split("+")}


@pytest.mark.parametrize("document", cases(), ids=names)
def test_a_case_is_run_as_it_says_or_refused_by_name(document: Path) -> None:
    what, why = outcome(document)
    assert what != "wrong", why


def test_all_that_need_no_data_are_run() -> None:
    plain = [document for document in cases() if not any(word in document.read_text() for word in DATA)]
    assert len(plain) >= 78
    assert Counter(outcome(document)[0] for document in plain) == {"run": len(plain)}


def test_what_is_refused_needs_what_we_do_not_have() -> None:
    told = {names(document): outcome(document) for document in cases()}
    counted = Counter(what for what, _ in told.values())
    refused = {name: why for name, (what, why) in told.items() if what == "refused"}
    print(f"run {counted['run']}, refused {counted['refused']}, wrong {counted['wrong']}: {refused}")
    assert counted["wrong"] == 0
    assert counted["run"] >= 105
