"""What is taken together, for every answer of the guards: held against choosing with the answers at hand."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from statewf.compiler.choices import Candidate, choices
from statewf.compiler.tree import Node, grow
from statewf.definition.model import State, StateMachine, Transition
from statewf.expr import parse

INNER = {name: State(states={f"{name}{i}": State() for i in (1, 2)}, initial=f"{name}1") for name in "abc"}
NODES = grow(StateMachine("m", "p", {"p": State(parallel=True, states=INNER)})).nodes
LEAVES = [NODES[f"p.{name}.{name}1"] for name in "abc"]
GUARDS = ("x", "y", "z")


@st.composite
def chains(draw: st.DrawFn) -> dict[Node, tuple[Candidate, ...]]:
    """What each leaf may choose: its own, then those of the states around it, which it shares."""
    declared = {
        node: tuple(
            Candidate(node, (node.name, i), Transition(), guard=parse(guard) if guard else None)
            for i, guard in enumerate(draw(st.lists(st.sampled_from([None, *GUARDS]), max_size=2)))
        )
        for node in NODES.values()
    }
    return {leaf: tuple(one for node in leaf.lineage() for one in declared[node]) for leaf in LEAVES}


def chosen(
    given: dict[Node, tuple[Candidate, ...]], left: dict[Candidate, frozenset[Node]], true: set[str]
) -> list[Candidate]:
    """The algorithm of SCXML: each leaf the first that holds, then none that leaves what another leaves."""
    enabled: list[Candidate] = []
    for chain in given.values():
        first = next((one for one in chain if one.guard is None or one.guard.text in true), None)
        if first is not None and first not in enabled:
            enabled.append(first)
    kept: list[Candidate] = []
    for one in enabled:
        rivals = [other for other in kept if left[one] & left[other]]
        if all(one.source is not other.source and one.source.within(other.source) for other in rivals):
            kept = [other for other in kept if other not in rivals] + [one]
    return kept


@given(chains(), st.data())
def test_the_first_choice_that_holds_is_what_is_chosen(
    given: dict[Node, tuple[Candidate, ...]], data: st.DataObject
) -> None:
    candidates = list(dict.fromkeys(one for chain in given.values() for one in chain))
    leaving = st.frozensets(st.sampled_from(list(NODES.values())), max_size=3)
    left = {one: data.draw(leaving) for one in candidates}
    listed = list(choices(given, left.__getitem__))
    true = data.draw(st.sets(st.sampled_from(GUARDS)))
    scope = {name: name in true for name in GUARDS}
    found = next((choice for choice in listed if choice.guard is None or choice.guard.holds(scope)), None)
    expected = chosen(given, left, true)
    assert [one for _, one in found.taken] == expected if found else not expected


def test_where_nobody_else_has_a_say_all_are_listed_as_they_are_written() -> None:
    leaf = LEAVES[0]
    chain = tuple(Candidate(leaf, (i,), Transition(), guard=guard) for i, guard in enumerate([None, parse("x")]))
    found = list(choices({leaf: chain, LEAVES[1]: ()}, lambda _: frozenset()))
    assert [choice.taken for choice in found] == [((leaf, one),) for one in chain]
