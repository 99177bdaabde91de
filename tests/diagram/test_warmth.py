"""Pictures of many instances: figures in the boxes, and the warmer the more time is spent there."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from statewf.compiler import compile_definition
from statewf.diagram import Format, drawing, text, warmed
from statewf.diagram.colours import TONES
from statewf.files import loads

MACHINE = "{initialState: a, states: {a: {on: {GO: p}}, p: {initial: q, states: {q: {on: {END: z}}}}, z: {terminal: true}}}"
FLOW = "steps: [{id: a}, {id: p, type: parallel, steps: [{id: q}]}]"


def drawn(definition: str, time: Mapping[str, float], format: Format) -> str:
    told = {name: f"told of {name}" for name in time}
    return text(warmed(drawing(compile_definition(loads(definition))), told, time), format)


@pytest.mark.parametrize("format", ["mermaid", "dot"])
@pytest.mark.parametrize(("definition", "names"), [(MACHINE, ("a", "p.q")), (FLOW, ("a", "q"))])
def test_words_and_warmth_are_drawn(definition: str, names: tuple[str, str], format: Format) -> None:
    first, second = names
    found = drawn(definition, {first: 93.0, second: 7.0}, format)
    assert f"told of {first}" in found
    assert f"told of {second}" in found
    assert TONES["warm4"].fill in found
    assert TONES["warm2"].fill in found
    assert TONES["warm3"].fill not in found


@pytest.mark.parametrize(("share", "degree"), [(0.001, 0), (0.005, 1), (0.05, 2), (0.2, 3), (0.5, 4), (1.0, 4)])
def test_the_more_of_the_time_the_warmer(share: float, degree: int) -> None:
    picture = warmed(drawing(compile_definition(loads(MACHINE))), {}, {"a": share, "z": 1 - share})
    assert {node.name: node.warmth for node in picture.nodes}["a"] == degree  # type: ignore[union-attr]  # a machine of states


def test_where_nobody_was_all_is_as_ever() -> None:
    plain = drawing(compile_definition(loads(MACHINE)))
    assert warmed(plain, {}, {}) == plain
