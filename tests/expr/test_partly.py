"""What is told of a condition when not all is known is so, whatever the rest turns out to be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statewf.expr import UNDEFINED, Expression, Fault, Unknown, parse
from statewf.expr.syntax import Node
from statewf.values.frozen import Object, freeze
from tests.expr.test_javascript import scopes, trees


@st.composite
def known(draw: st.DrawFn, value: Any) -> Any:
    """The same value of which some members were forgotten."""
    if not isinstance(value, Mapping):
        return value
    kept = [key for key in value if draw(st.booleans())]
    return Object({key: draw(known(value[key])) for key in kept})


@given(scopes.map(freeze), trees, st.data())
def test_what_is_known_is_so_whatever_the_rest_is(scope: Any, tree: Node, drawn: st.DataObject) -> None:
    condition = Expression("", tree)
    some = drawn.draw(known(scope))
    try:
        told = condition.partly(some)
    except Fault:
        with pytest.raises(Fault):
            condition.evaluate(scope)
        return
    if not isinstance(told, Unknown):
        found = condition.evaluate(scope)
        assert type(found) is type(told)
        assert isinstance(told, Mapping) or found == told


@given(scopes.map(freeze), trees, st.data())
def test_what_is_known_to_hold_holds(scope: Any, tree: Node, drawn: st.DataObject) -> None:
    condition = Expression("", tree)
    try:
        told = condition.truth(drawn.draw(known(scope)))
    except Fault:
        with pytest.raises(Fault):
            condition.holds(scope)
        return
    if not isinstance(told, Unknown):
        assert condition.holds(scope) is told


@given(scopes.map(freeze), trees)
def test_what_cannot_fault_does_not(scope: Any, tree: Node) -> None:
    condition = Expression("", tree)
    if not condition.may_fault:
        condition.evaluate(scope)


SCOPE = {
    "n": 1,
    "some": freeze({"a": 1, "deep": {"b": [1, 2]}}),
    "results": freeze({"paid": {"ok": True}}),
    "errors": freeze({}),
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("!(other.x && n === 2)", True),
        ("!(other.x || n === 1)", False),
        ("(other.x && n === 2) ? 1 : 2", 2),
        ("n === 1 || other.x", True),
        ("n === 1 ? 5 : other", 5),
        ("other ? n : 1", 1),
        ("some.deep.b[1]", 2),
        ("some['a']", 1),
        ("has(some, 'a')", True),
        ("results.paid.ok", True),
        ("results.shipped.ok", UNDEFINED),  # what the run did not make is not there
        ("errors.shipped", UNDEFINED),
        ("[n, 2]", (1, 2)),
        ("undefined[1 / 0]", UNDEFINED),
    ],
)
def test_what_can_be_told(text: str, value: Any) -> None:
    assert parse(text).partly(SCOPE) == value


@pytest.mark.parametrize(
    "text",
    ["other", "other.x", "some.x", "some.x.y", "has(some, 'x')", "len(some)", "other.x < 2 && n === 2", "other && n",
     "other ?? 1", "other.x && n === 2", "other ? 1 : true", "results.paid.at", "[other]", "other.x && 1 / 0", "other[1 / 0]"],
)  # fmt: skip
def test_what_cannot(text: str) -> None:
    assert isinstance(parse(text).partly(SCOPE), Unknown)


def test_a_fault_that_is_certain() -> None:
    with pytest.raises(Fault, match="division by zero"):
        parse("n / 0 > other").partly(SCOPE)
