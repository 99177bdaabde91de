"""What names mean where they are written."""

from __future__ import annotations

from statewf.compiler.tree import Tree, grow
from statewf.definition.model import State, StateMachine


def nested() -> Tree:
    inner = {"x": State({"GO": "y"}), "y": State(states={"p": State(), "q": State()}, initial="q")}
    states = {"a": State(states=inner, initial="x"), "b": State(), "x": State()}
    return grow(StateMachine("m", "a", states))


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


def test_a_state_begins_with_one_within_by_its_name_or_its_path() -> None:
    tree = nested()
    found = {name: tree.beginning(name, tree.nodes["a"]) for name in ("x", "y.p", "a.y.p", "a", "b", "p")}
    assert {name: node.name if node else None for name, node in found.items()} == {
        "x": "a.x",
        "y.p": "a.y.p",
        "a.y.p": "a.y.p",
        "a": None,
        "b": None,
        "p": None,
    }


def test_states_are_counted_in_document_order() -> None:
    nodes = list(nested().nodes.values())
    assert [node.order for node in nodes] == list(range(len(nodes)))
    assert [node.name for node in nodes] == ["a", "a.x", "a.y", "a.y.p", "a.y.q", "b", "x"]
