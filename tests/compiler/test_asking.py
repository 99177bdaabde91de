"""What is left of a guard where the active states are known: it holds exactly where the whole one holds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statewf.compiler.asking import answered, asked
from statewf.expr import Expression, Fault, parse

STATES = ("a", "a.b", "c")
_leaves = st.sampled_from(
    [
        *(f"includes(state, '{name}')" for name in STATES),
        *(
            "context.n > 1",
            "context.ok",
            "context.n < 'text'",
            "true",
            "false",
            "event.name === 'GO'",
            "event.data.x",
        ),
    ]
)
guards = st.recursive(
    _leaves,
    lambda inner: st.one_of(
        st.builds("({} && {})".format, inner, inner),
        st.builds("({} || {})".format, inner, inner),
        st.builds("!{}".format, inner),
        st.builds("({} ? {} : {})".format, inner, inner, inner),
        st.builds("({} === {})".format, inner, inner),
    ),
    max_leaves=6,
).map(parse)
scopes = st.fixed_dictionaries({"n": st.integers(0, 3), "ok": st.booleans()})


def holds(guard: Expression, scope: dict[str, Any]) -> bool:
    try:
        return guard.holds(scope)
    except Fault:
        return False


@given(guards, st.sets(st.sampled_from(STATES)), scopes, st.sampled_from([None, "GO", "STOP"]))
def test_what_is_left_holds_exactly_where_the_whole_holds(
    guard: Expression, active: set[str], context: dict[str, Any], event: str | None
) -> None:
    scope = {"state": tuple(active), "context": context, "event": {"name": event or "GO", "data": {}}}
    left = answered(guard, active, event)
    assert left is not None
    assert (left if isinstance(left, bool) else holds(left, scope)) == holds(guard, scope)
    if isinstance(left, Expression):
        roots = {path[0] for path in left.reads}
        assert "state" not in roots
        assert event is None or "event" not in roots


def test_a_guard_that_asks_for_nothing_known_is_left_as_it_was_written() -> None:
    guard = parse("(context.n  > 1)")
    assert answered(guard, (), None) is guard
    assert answered(None, (), "GO") is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("includes(state, 'a') && !includes(state, 'b')", ["a", "b"]),
        ("len(state) > 1 || includes(state, 'a')", [None, "a"]),
        ("includes(state, context.x)", [None]),
        ("includes(context.list, 'a')", []),
    ],
)
def test_what_a_guard_asks_of_the_states(text: str, found: list[str | None]) -> None:
    assert list(asked(parse(text))) == found
