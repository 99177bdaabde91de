"""The way between two states: of nested ones held against the SCXML rule written out plainly, the rest by cases."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statewf.compiler.tree import Node, Tree, grow
from statewf.compiler.ways import Entrance, active, domain, finishing, left, remembered
from statewf.definition.model import State, StateMachine
from tests.compiler.test_tree import nested
from tests.worlds import definitions


def names(nodes: tuple[Node, ...]) -> list[str]:
    return [node.name for node in nodes]


def way(
    tree: Tree, leaves: list[Node], declared: Node, *targets: Node, internal: bool = False
) -> tuple[list[str], list[str]]:
    """What is left and entered, where nothing is remembered."""
    stays = domain(declared, targets, internal=internal)
    entrance = Entrance(tree, {})
    entrance.add(targets, stays)
    return names(left(active(leaves), stays)), names(entrance.entered())


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
    tree = nested()
    assert way(tree, [tree.nodes[source]], tree.nodes[declared], tree.nodes[target]) == (left, entered)


@given(definitions(), st.data())
def test_the_way_is_that_of_scxml(definition: StateMachine, data: st.DataObject) -> None:
    """The domain is the innermost compound state that properly contains both; all below it is left and entered."""
    tree = grow(definition)
    source = data.draw(st.sampled_from(list(tree.leaves())))
    declared = data.draw(st.sampled_from(source.lineage()))
    target = data.draw(st.sampled_from(list(tree.nodes.values())))

    def above(node: Node) -> list[str]:
        parts = node.name.split(".")
        return [".".join(parts[:i]) for i in range(len(parts) - 1, 0, -1)]

    stays = next((name for name in above(declared) if name in above(target)), None)
    expected_left = [
        name for name in [source.name, *above(source)] if stays is None or name.startswith(f"{stays}.")
    ]
    leaf = target
    while leaf.state.states:
        leaf = leaf.children[str(leaf.state.initial)]
    inward = [*reversed(above(leaf)), leaf.name]
    expected_entered = [name for name in inward if stays is None or name.startswith(f"{stays}.")]
    assert way(tree, [source], declared, target) == (expected_left, expected_entered)


# --- side by side


def apart() -> Tree:
    """Two regions in a parallel state, one of which has another such state within; and a state outside."""
    inner = {"p": State(states={"p1": State(), "p2": State()}, initial="p1"), "q": State(final=True)}
    a = State(
        states={"a1": State(), "a2": State(parallel=True, states=inner), "end": State(final=True)}, initial="a1"
    )
    b = State(states={"b1": State(), "b2": State(), "was": State(history="shallow")}, initial="b1")
    top = State(parallel=True, states={"a": a, "b": b, "all": State(history="deep")})
    return grow(StateMachine("m", "out", {"out": State(), "both": top}))


def nodes(tree: Tree, text: str) -> list[Node]:
    return [tree.nodes[name] for name in text.split()]


@pytest.mark.parametrize(
    ("leaves", "declared", "targets", "internal", "left", "entered"),
    [
        # entering it enters every region, those that are named as they are named
        ("out", "out", "both", False, "out", "both both.a both.a.a1 both.b both.b.b1"),
        ("out", "out", "both.b.b2", False, "out", "both both.a both.a.a1 both.b both.b.b2"),
        ("out", "out", "both.a.a2.p.p2 both.b.b2", False, "out",
         "both both.a both.a.a2 both.a.a2.p both.a.a2.p.p2 both.a.a2.q both.b both.b.b2"),
        # a move within one region leaves the others alone
        ("both.a.a1 both.b.b1", "both.a.a1", "both.a.a2", False, "both.a.a1",
         "both.a.a2 both.a.a2.p both.a.a2.p.p1 both.a.a2.q"),
        # entering a region anew takes its siblings with it, but not what is around them
        ("both.a.end both.b.b2", "both.a", "both.a", False, "both.b.b2 both.b both.a.end both.a",
         "both.a both.a.a1 both.b both.b.b1"),
        ("both.a.end both.b.b2", "both.a", "both.a.a1", True, "both.a.end", "both.a.a1"),
        ("both.a.end both.b.b2", "both.a", "both.a", True, "both.a.end", "both.a.a1"),
        ("both.a.end both.b.b2", "both", "both", True, "both.b.b2 both.b both.a.end both.a",
         "both.a both.a.a1 both.b both.b.b1"),
        ("both.a.end both.b.b2", "both.a", "out", True, "both.b.b2 both.b both.a.end both.a both", "out"),
        # what was never left leads where the state around begins
        ("out", "out", "both.b.was", False, "out", "both both.a both.a.a1 both.b both.b.b1"),
        ("out", "out", "both.all", False, "out", "both both.a both.a.a1 both.b both.b.b1"),
    ],
)  # fmt: skip
def test_the_way_of_states_side_by_side(
    leaves: str, declared: str, targets: str, internal: bool, left: str, entered: str
) -> None:
    tree = apart()
    found = way(tree, nodes(tree, leaves), tree.nodes[declared], *nodes(tree, targets), internal=internal)
    assert found == (left.split(), entered.split())


def test_a_history_remembers_what_was_active_right_within_or_innermost() -> None:
    tree = apart()
    now = active(nodes(tree, "both.a.a2.p.p2 both.a.a2.q both.b.b2"))
    kept = remembered(now, nodes(tree, "both.b both"))
    assert {history.name: names(nodes) for history, nodes in kept.items()} == {
        "both.b.was": ["both.b.b2"],
        "both.all": ["both.a.a2.p.p2", "both.a.a2.q", "both.b.b2"],
    }
    entrance = Entrance(tree, kept)
    entrance.add([tree.nodes["both.all"]], None)
    assert entrance.entered() == tuple(node for node in now)


@pytest.mark.parametrize(
    ("final", "active_now", "finished"),
    [
        ("both.a.end", "both.a.end both.b.b1", "both.a"),  # b has no final state
        ("both.a.a2.q", "both.a.a2.p.p1 both.a.a2.q both.b.b1", ""),  # p is not done
    ],
)
def test_what_a_final_state_finishes(final: str, active_now: str, finished: str) -> None:
    tree = apart()
    found = finishing(tree.nodes[final], active(nodes(tree, active_now)))
    assert names(tuple(found)) == finished.split()


def test_parallel_states_within_each_other_finish_from_within() -> None:
    inner = State(
        parallel=True, states={"x": State(final=True), "y": State(states={"z": State(final=True)}, initial="z")}
    )
    tree = grow(
        StateMachine("m", "top", {"top": State(parallel=True, states={"inner": inner, "w": State(final=True)})})
    )
    now = active(tree.leaves())
    assert names(tuple(finishing(tree.nodes["top.inner.y.z"], now))) == ["top.inner.y", "top.inner", "top"]
