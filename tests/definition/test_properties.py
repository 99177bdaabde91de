"""Properties: seven patterns, short to write, refused with all that is wrong at once, and never part of the digest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import statewf as wf
from statewf.compiler.emit import machine_digest
from statewf.definition.model import Property
from statewf.definition.properties import BESIDE, PATTERNS, own_keys
from statewf.definition.read import read
from statewf.definition.schema import schema
from statewf.definition.write import to_document, to_json, to_yaml

from . import strategies
from .json_schema import valid

generated = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
STATES = {"a": wf.State(terminal=True)}


def machine(*properties: Property) -> wf.StateMachine:
    return wf.StateMachine("m", "a", STATES, properties=properties)


# --- what is written, and what it means

WRITTEN: list[tuple[str, Property]] = [
    ("absence: paid", wf.Absence("paid")),
    ("absence: [paid, 'event:CANCEL']", wf.Absence(["paid", "event:CANCEL"])),
    ("existence: [delivered]", wf.Existence("delivered")),
    ("existence: [delivered, cancelled, lost]", wf.Existence(["delivered", "cancelled", "lost"])),
    ("precedence: {first: paid, then: shipped}", wf.Precedence("paid", "shipped")),
    ("response: {after: paid, eventually: shipped}", wf.Response("paid", "shipped")),
    ("response: {after: a, eventually: [b, c]}\n    after: d", wf.Response("a", ["b", "c"], after="d")),
    ("always: context.total >= 0", wf.Always("context.total >= 0")),
    ("sometimes: true", wf.Sometimes(True)),
    ("eventually: 1\n    until: paid", wf.Eventually(1, until="paid")),
    (
        "name: no\n    until: b\n    absence: payment:failed\n    after: a",
        wf.Absence("payment:failed", name="no", after="a", until="b"),
    ),
]


@pytest.mark.parametrize(("text", "expected"), WRITTEN, ids=[text for text, _ in WRITTEN])
def test_what_is_written_is_meant(text: str, expected: Property) -> None:
    for head in ("initialState: a\nstates: {a: {terminal: true}}", "steps: [{id: a}]"):
        definition = read(f"{head}\nproperties:\n  - {text}\n")
        assert definition.properties == (expected,)
        assert read(to_yaml(definition)) == definition
        assert to_document(definition)["properties"] == [next(iter(to_document(machine(expected))["properties"]))]


def test_one_stands_by_itself() -> None:
    assert read("steps: [{id: a}]\nproperties: {absence: a}").properties == (wf.Absence("a"),)
    assert wf.Workflow("w", wf.Step("a"), properties=wf.Absence("a")).properties == (wf.Absence("a"),)
    assert read("steps: [{id: a}]\nproperties: []").properties == ()


def test_the_shortest_form() -> None:
    several = machine(
        wf.Absence("paid", name="never", after="cancelled"),
        wf.Response("paid", "shipped", until="event:CANCEL"),
        wf.Existence(["a", "b"]),
        wf.Always("context.n > 1"),
    )
    assert to_document(several)["properties"] == [
        {"absence": "paid", "name": "never", "after": "cancelled"},
        {"response": {"after": "paid", "eventually": "shipped"}, "until": "event:CANCEL"},
        {"existence": ["a", "b"]},
        {"always": "context.n > 1"},
    ]


@generated
@given(strategies.properties)
def test_any_property_reads_back_and_is_valid(properties: list[Property]) -> None:
    definition = machine(*properties)
    document = to_document(definition)
    assert read(to_yaml(definition)) == read(to_json(definition)) == definition
    assert valid(document, schema())
    assert all(next(iter(found)) in PATTERNS for found in document.get("properties", ()))


# --- what is refused: all at once, each with its place

ATOMS = "name a state (paid)"
# what a property says; the code, the path below the property, its line below the first, and part of the hint
WRONG: list[tuple[str, list[tuple[str, str, int, str]]]] = [
    ("absense: paid", [("unknown-key", ".absense", 0, "did you mean absence?")]),
    ("absense: a\n    untill: b", [
        ("unknown-key", ".absense", 0, "did you mean absence?"),
        ("unknown-key", ".untill", 1, "did you mean until?"),
    ]),
    ("never: paid", [("unknown-key", ".never", 0, "did you mean absence?")]),
    ("invariant: a", [("unknown-key", ".invariant", 0, "did you mean always?")]),
    ("absence: a\n    untill: b", [("unknown-key", ".untill", 1, "did you mean until?")]),
    ("absence: a\n    since: b", [("unknown-key", ".since", 1, "did you mean after?")]),
    ("absence: a\n    colour: b", [("unknown-key", ".colour", 1, "known here: name, after, until")]),
    ("name: x", [("missing-key", "", 0, "one of absence, existence")]),
    ("{}", [("missing-key", "", 0, "one of absence, existence")]),
    ("absence: a\n    existence: b", [("several-patterns", ".existence", 1, "two properties")]),
    ("paid", [("wrong-type", "", 0, "{absence: paid}")]),
    ("absence: []", [("no-atoms", ".absence", 0, ATOMS)]),
    ("absence: [a, b, c]", [("too-many-atoms", ".absence", 0, "a property for each")]),
    ("existence:", [("wrong-type", ".existence", 0, "existence: [delivered, cancelled]")]),
    ("existence: ''", [("bad-atom", ".existence", 0, ATOMS)]),
    ("existence: 'event:'", [("bad-atom", ".existence", 0, ATOMS)]),
    ("existence:\n      - a\n      - 5\n      - ' '", [
        ("wrong-type", ".existence[1]", 2, ATOMS),
        ("bad-atom", ".existence[2]", 3, ATOMS),
    ]),
    ('existence: "a\\nb"', [("bad-atom", ".existence", 0, ATOMS)]),
    ("absence: {event: GO}", [("wrong-type", ".absence", 0, "write event:GO, without a space")]),
    ("precedence: a", [("wrong-type", ".precedence", 0, "{first: paid, then: shipped}")]),
    ("precedence: a\n    then: b", [
        ("wrong-type", ".precedence", 0, "{first: paid, then: shipped}"),
        ("unknown-key", ".then", 1, "{first: paid, then: shipped}"),
    ]),
    ("precedence: {first: a, thne: 5}", [
        ("unknown-key", ".precedence.thne", 0, "did you mean then?"),
        ("missing-key", ".precedence", 0, "{first: paid, then: shipped}"),
    ]),
    ("response: a\n    eventually: b", [
        ("wrong-type", ".response", 0, "{after: paid, eventually: shipped}"),
        ("unknown-key", ".eventually", 1, "{after: paid, eventually: shipped}"),
    ]),
    ("response: {after: a, eventually: [], until: b}\n    name: 5", [
        ("unknown-key", ".response.until", 0, "under response"),
        ("no-atoms", ".response.eventually", 0, ATOMS),
        ("wrong-type", ".name", 1, ""),
    ]),
    ("response: {when: a, then: b}", [
        ("unknown-key", ".response.when", 0, "did you mean after?"),
        ("unknown-key", ".response.then", 0, "did you mean eventually?"),
        ("missing-key", ".response", 0, "{after: paid, eventually: shipped}"),
        ("missing-key", ".response", 0, "{after: paid, eventually: shipped}"),
    ]),
    ("always: 1 +\n    after:", [("bad-expression", ".always", 0, ""), ("wrong-type", ".after", 1, "leave the key out")]),
    ("always:", [("wrong-type", ".always", 0, "always: context.total >= 0")]),
    ("sometimes: [1]", [("wrong-type", ".sometimes", 0, "in quotes")]),
]  # fmt: skip


def told(text: str) -> list[wf.Diagnostic]:
    with pytest.raises(wf.DefinitionError) as caught:
        read(text)
    return list(caught.value.diagnostics)


@pytest.mark.parametrize(("text", "expected"), WRONG, ids=[text for text, _ in WRONG])
def test_a_mistake_is_told_with_its_place_and_a_way_out(
    text: str, expected: list[tuple[str, str, int, str]]
) -> None:
    found = told(f"steps: [{{id: a}}]\nproperties:\n  - {text}")
    places = [(one.code, one.path.removeprefix("$.properties[0]"), (one.line or 0) - 3) for one in found]
    assert places == [place[:3] for place in expected]
    for one, (_, _, _, hint) in zip(found, expected, strict=True):
        assert hint in (one.hint or "")


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(WRONG), min_size=1, max_size=5))
def test_all_mistakes_of_all_properties_are_told_at_once(
    drawn: list[tuple[str, list[tuple[str, str, int, str]]]],
) -> None:
    text = "".join(f"  - {one}\n" for one, _ in drawn)
    found = told(f"steps: [{{id: a}}]\nproperties:\n{text}")
    once = {(i, code, path) for i, (_, expected) in enumerate(drawn) for code, path, _, _ in expected}
    assert {(one.code, one.path) for one in found} == {(code, f"$.properties[{i}]{path}") for i, code, path in once}


@pytest.mark.parametrize(("text", "expected"), WRONG, ids=[text for text, _ in WRONG])
def test_the_schema_refuses_it_too(text: str, expected: list[tuple[str, str, int, str]]) -> None:
    if any(code == "bad-expression" for code, _, _, _ in expected) or "\\n" in text or "event:'" in text:
        return  # a schema knows no syntax
    from statewf.definition.document import document

    whole = document(f"steps: [{{id: a}}]\nproperties:\n  - {text}").value
    assert not valid(whole, schema())


# --- in Python

REFUSED: list[tuple[Callable[[], Any], str]] = [
    (lambda: wf.Absence([]), "no-atoms"),
    (lambda: wf.Absence(["a", "b", "c"]), "too-many-atoms"),
    (lambda: wf.Absence(""), "bad-atom"),
    (lambda: wf.Absence(5), "wrong-type"),  # type: ignore[arg-type]
    (lambda: wf.Absence({"event": "GO"}), "wrong-type"),
    (lambda: wf.Absence("a", after=" "), "bad-atom"),
    (lambda: wf.Existence(["a", None]), "wrong-type"),  # type: ignore[list-item]
    (lambda: wf.Precedence("a", ["b"]), "wrong-type"),  # type: ignore[arg-type]
    (lambda: wf.Response("a", []), "no-atoms"),
    (lambda: wf.Response("a", "b", name=5), "wrong-type"),  # type: ignore[arg-type]
    (lambda: wf.Always("1 +"), "bad-expression"),
    (lambda: machine({"absence": "a"}), "wrong-type"),  # type: ignore[arg-type]
    (lambda: wf.Workflow("w", wf.Step("a"), properties="absence"), "wrong-type"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("make", "code"), REFUSED)
def test_what_no_file_may_say_python_may_not_either(make: Callable[[], Any], code: str) -> None:
    with pytest.raises(wf.InputError) as caught:
        make()
    assert [one.code for one in caught.value.diagnostics] == [code]


def test_every_pattern_has_a_name_and_a_scope_and_is_public() -> None:
    for cls in PATTERNS.values():
        assert {field.name for field in attrs.fields(cls)} == {*own_keys(cls), *BESIDE}
        assert getattr(wf, cls.__name__) is cls


# --- what they do not change


@generated
@given(strategies.machines, strategies.properties)
def test_the_digest_covers_no_property(definition: wf.StateMachine, properties: list[Property]) -> None:
    other = attrs.evolve(definition, properties=properties)
    assert machine_digest(other) == machine_digest(definition)
