"""A picture that is marked: nothing of it changes but classes, and what stands at its corners."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from hypothesis import given, settings
from hypothesis import strategies as st

import statewf as wf
from statewf.diagram import drawing, text
from statewf.diagram.marks import Mark, marks
from statewf.machine.fsm import Machine
from statewf.web.plate import Badge, Plate
from tests.diagram.cases import HOSTILE, hostile
from tests.flows import flows
from tests.worlds import definitions

SVG = "{http://www.w3.org/2000/svg}"
WORLDS: st.SearchStrategy[Machine] = st.one_of(
    definitions().map(wf.compile), flows().map(lambda flow: wf.compile(flow.workflow))
)


def words_in(document: ET.Element) -> list[str]:
    return ["".join(each.itertext()) for each in document.iter(f"{SVG}text")]


def outlines(document: ET.Element) -> list[tuple[str, str | None]]:
    return [
        (each.tag, each.get("d") or each.get("points")) for each in document.iter() if each.tag != f"{SVG}title"
    ]


@settings(max_examples=20)
@given(WORLDS)
def test_without_marks_it_is_what_was_drawn(machine: Machine) -> None:
    svg = text(drawing(machine), "svg")
    found, drawn = ET.fromstring(Plate(svg).marked([], {}, "a machine")), ET.fromstring(svg)
    assert outlines(found) == outlines(drawn)
    assert words_in(found) == words_in(drawn)


def test_marks_are_classes_and_badges_lie_at_corners() -> None:
    drawn = drawing(wf.compile(wf.loads("{initialState: a, states: {a: {on: {GO: b}}, b: {terminal: true}}}")))
    known = [Mark("box0", "active", active=True, taken=True), Mark("way0", taken=True)]
    badge = Badge("12", "count", "/instances?a=1&b=2", '12 "there"')
    found = ET.fromstring(Plate(text(drawn, "svg")).marked(known, {"box0": [badge]}, "a <machine>"))
    assert found.get("aria-label") == "a <machine>"
    classes = {group.get("id"): group.get("class") for group in found.iter(f"{SVG}g")}
    assert classes["box0"] == "node tone-active active taken"
    assert classes["way0"] == "edge taken"
    assert classes["box1"] == "node"
    (link,) = found.iter(f"{SVG}a")
    assert link.get("href") == "/instances?a=1&b=2"
    assert [title.text for title in found.iter(f"{SVG}title")] == ['12 "there"']
    (label,) = link.iter(f"{SVG}text")
    box = next(group for group in found.iter(f"{SVG}g") if group.get("id") == "box0")
    (name,) = box.iter(f"{SVG}text")
    assert float(label.get("x", "")) > float(name.get("x", ""))
    assert float(label.get("y", "")) < float(name.get("y", ""))


def test_whatever_things_are_called_it_stays_text() -> None:
    for name in HOSTILE:
        drawn = drawing(wf.compile(hostile((name, "b", "c", "d"))))
        badge = {mark.id: [Badge(name, "note", f"/x?{name}", name)] for mark in marks(drawn)}
        found = ET.fromstring(Plate(text(drawn, "svg")).marked(marks(drawn), badge, name))
        tags = {each.tag.removeprefix(SVG) for each in found.iter()}
        assert tags <= {"svg", "g", "a", "title", "text", "path", "polygon", "polyline", "ellipse", "rect"}
