"""The way between two states, held against the SCXML rule written out plainly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statewf.compiler.tree import Node, Tree, grow, way
from statewf.definition.model import State, StateMachine
from tests.worlds import definitions


def nested() -> Tree:
    inner = {"x": State({"GO": "y"}), "y": State(states={"p": State(), "q": State()}, initial="q")}
    states = {"a": State(states=inner, initial="x"), "b": State(), "x": State()}
    return grow(StateMachine("m", "a", states))


def names(nodes: tuple[Node, ...]) -> list[str]:
    return [node.name for node in nodes]


@pytest.mark.parametrize(
    ("source", "declared", "target", "left", "entered"),
    [
        ("b", "b", "x", ["b"], ["x"]),
        ("b", "b", "b", ["b"], ["b"]),
        ("b", "b", "a", ["b"], ["a", "a.x"]),
        ("b", "b", "a.y", ["b"], ["a", "a.y", "a.y.q"]),
        ("a.x", "a.x", "a.y", ["a.x"], ["a.y", "a.y.q"]),
        ("a.x", "a.x", "b", ["a.x", "a"], ["b"]),
        ("a.y.q", "a.y", "a.x", ["a.y.q", "a.y"], ["a.x"]),
        ("a.y.q", "a", "a", ["a.y.q", "a.y", "a"], ["a", "a.x"]),
        ("a.y.q", "a", "a.x", ["a.y.q", "a.y", "a"], ["a", "a.x"]),
        ("a.y.q", "a.y.q", "a.y", ["a.y.q", "a.y"], ["a.y", "a.y.q"]),
    ],
)
def test_what_is_left_and_entered(
    source: str, declared: str, target: str, left: list[str], entered: list[str]
) -> None:
    nodes = nested().nodes
    found = way(nodes[source], nodes[declared], nodes[target])
    assert (names(found[0]), names(found[1])) == (left, entered)


@given(definitions(), st.data())
def test_the_way_is_that_of_scxml(definition: StateMachine, data: st.DataObject) -> None:
    """The domain is the innermost compound state that properly contains both; all below it is left and entered."""
    tree = grow(definition)
    source = data.draw(st.sampled_from(list(tree.leaves())))
    declared = data.draw(st.sampled_from(source.lineage()))
    target = data.draw(st.sampled_from(list(tree.nodes.values())))
    left, entered = way(source, declared, target)

    def above(node: Node) -> list[str]:
        parts = node.name.split(".")
        return [".".join(parts[:i]) for i in range(len(parts) - 1, 0, -1)]

    domain = next((name for name in above(declared) if name in above(target)), None)
    expected_left = [
        name for name in [source.name, *above(source)] if domain is None or name.startswith(f"{domain}.")
    ]
    leaf = target.leaf()
    inward = [*reversed(above(leaf)), leaf.name]
    expected_entered = [name for name in inward if domain is None or name.startswith(f"{domain}.")]
    assert (names(left), names(entered)) == (expected_left, expected_entered)


def test_a_target_is_a_sibling_else_sought_outward_or_a_whole_path() -> None:
    tree = nested()
    inside = tree.nodes["a.y.q"]
    found = {name: tree.find(name, inside) for name in ("p", "x", "b", "a.x", "a.y.p", "nothing")}
    assert {name: node.name if node else None for name, node in found.items()} == {
        "p": "a.y.p",
        "x": "a.x",  # the nearer of two
        "b": "b",
        "a.x": "a.x",
        "a.y.p": "a.y.p",
        "nothing": None,
    }
