"""Machines of other formats: one line that tells how to convert them, and none for a definition with slips in it."""

from __future__ import annotations

import pytest

from statewf.definition.read import read
from statewf.errors import DefinitionError

XSTATE = """{"id": "m", "initial": "a", "states": {"a": {STATE}, "b": {}}}"""
SCXML = (
    '<?xml version="1.0"?>\n<!-- a: b -->\n<scxml xmlns="http://www.w3.org/2005/07/scxml"><state id="a"/></scxml>'
)
TRANSITIONS = "states: [a, b]\ntransitions: [{trigger: go, source: a, dest: b}]\ninitial: a\n"


@pytest.mark.parametrize(
    "state",
    [
        '"after": {"100": "b"}',
        '"type": "final"',
        '"entry": ["x"]',
        '"states": {"c": {"exit": "x"}}',
        '"invoke": {"src": "f"}',
        '"invoke": [{"src": "f"}]',
    ],
)
def test_a_machine_of_xstate_is_told_in_one_line(state: str) -> None:
    assert told(XSTATE.replace("STATE", state), "m.json") == [
        ("foreign-format", 1, "statewf convert m.json --from xstate writes it as a definition")
    ]


def test_a_document_of_scxml_and_a_configuration_of_transitions_are_told_likewise() -> None:
    for text in (SCXML, SCXML.encode(), "\ufeff" + SCXML):
        ((code, _, hint),) = told(text, "m.scxml")
        assert (code, hint) == ("foreign-format", "statewf convert m.scxml --from scxml writes it as a definition")
    ((code, _, hint),) = told(TRANSITIONS, None)
    assert (code, hint) == ("foreign-format", "statewf convert FILE --from transitions writes it as a definition")


@pytest.mark.parametrize(
    "text",
    [
        "initial: a\nstates: {a: {on: {GO: b}}, b: {terminal: true}}",
        "initialState: a\nstates: {a: {entry: x}}",
        "states: [a, b]",
        "states: {a: {invoke: {handler: f, after: x}}}",
        "<a>: b",
    ],
)
def test_a_definition_with_slips_hears_of_each_of_them(text: str) -> None:
    assert "foreign-format" not in [code for code, _, _ in told(text, "m.yaml")]


def told(text: str | bytes, source: str | None) -> list[tuple[str, int | None, str | None]]:
    with pytest.raises(DefinitionError) as caught:
        read(text, source=source)
    return [(one.code, one.line, one.hint) for one in caught.value.diagnostics]
