"""Arbitrary valid definitions: every feature, names and texts that YAML finds hard, and JSON of any shape.

They are valid to read, not to compile: targets lead anywhere.
"""

from __future__ import annotations

from typing import Any, TypeVar

from hypothesis import strategies as st

from statewf.definition.model import (
    Action,
    Assign,
    Emit,
    ErrorHandling,
    Function,
    Invoke,
    Retry,
    RetryPolicy,
    State,
    StateMachine,
    Transition,
)
from statewf.definition.words import expression
from statewf.expr import Expression

T = TypeVar("T")

AWKWARD = (
    *("on", "yes", "no", "y", "NO", "off", "true", "False", "null", "NULL", "~", "<<", "=", "*", "&a", "!x", "- a"),
    *("1", "-1", "0o17", "0x1F", "1e5", "1_000", "12:30", "2020-01-01", ".5", ".inf", ".NaN", "+", "-", "---"),
    *("...", "|-"),
    *("a: b", "a:", ": a", "a #b", "#a", "a\\b", '"a"', "it's", "'", '"', "{a}", "[a]", "a, b", "%a", "@a", "`a`"),
    *("|", ">", "? a", "é", "日本語", "😀", "processing-payment", "order.paid", "$.a", "a b", "type", "states"),
)
ODD_TEXT = (
    *("", " ", " a", "a ", "\t", "a\tb", "a\nb", "a\n", "\na", "a\n\nb\n", "a \nb", " a\nb", "a\n  b\n", "a\r\nb"),
    *("\x00", "\x07", "\x1b", "\x7f", "\x85", "a\u2028b", "\ufeff", "\ufffe", "\U0010ffff", "a\n#b", "a\n- b"),
)


def opaque(strategy: st.SearchStrategy[T]) -> st.SearchStrategy[T]:
    """The same strategy without the long name of all it is made of."""

    @st.composite
    def drawn(draw: st.DrawFn) -> T:
        return draw(strategy)

    return drawn()


unicode = st.characters(exclude_categories=["Cs"])
texts = opaque(st.one_of(st.sampled_from(AWKWARD + ODD_TEXT), st.text(unicode, max_size=20)))
names = opaque(
    st.one_of(
        st.sampled_from([name for name in AWKWARD if not name.startswith("$")]),
        st.from_regex(r"[a-z]{1,8}(-[a-z]{1,4})?", fullmatch=True),
        st.text(unicode, min_size=1, max_size=12).filter(
            lambda text: text.isprintable() and bool(text.strip()) and text[0] != "$" and "/" not in text
        ),
    )
)
numbers = st.one_of(
    st.integers(-1000, 1000), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.just(10**400)
)
constants = st.one_of(st.none(), st.booleans(), numbers)
json: st.SearchStrategy[Any] = opaque(
    st.recursive(
        st.one_of(constants, texts),
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
        max_leaves=8,
    )
)
objects = st.dictionaries(texts, json, max_size=3)
durations = st.one_of(st.integers(0, 10**6), st.sampled_from(["30s", "12h", "P1D", "1h 30m"]))
counts = st.integers(1, 1_000_000)

conditions: st.SearchStrategy[Expression] = st.builds(
    expression,
    st.one_of(
        st.sampled_from(
            [
                "context.total > 10 && event.data.ok",
                'event.data.reason === "a: b"',
                "!has(context, 'paid')",
                "attempt < 3 ? inputs.a : [1, 2][0]",
                "'#' == \"it's\"",
                "(1)",
                "true",
                "5",
                " 5",
                '"yes"',
            ]
        ),
        st.booleans(),
        st.integers(-(10**20), 10**20),
        st.floats(allow_nan=False, allow_infinity=False),
        st.none(),
    ),
)

backoffs = st.sampled_from(["exponential", "linear", "constant"])
jitters = st.sampled_from(["none", "full"])
unexpected = st.sampled_from(["reject", "ignore", "defer"])


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Some of these fields."""
    return st.fixed_dictionaries({}, optional=fields)


def made(cls: Any, *required: st.SearchStrategy[Any], **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A class with its required fields, and some of the others."""
    return st.builds(lambda given, rest: cls(*given, **rest), st.tuples(*required), some(**fields))


policies = made(RetryPolicy, counts, backoff=backoffs, base_delay=durations, max_delay=durations, jitter=jitters)
actions: st.SearchStrategy[Action] = opaque(
    st.one_of(
        made(Function, names, params=objects, retry_policy=policies),
        made(Emit, names, data=json),
        made(Assign, st.dictionaries(names, conditions, max_size=3)),
    )
)
several_actions = st.lists(actions, max_size=3)
transitions: st.SearchStrategy[Transition] = opaque(
    st.one_of(
        st.builds(Transition, names), made(Transition, target=names, guard=conditions, actions=several_actions)
    )
)
several = st.lists(transitions, min_size=1, max_size=3)
moving = st.lists(
    st.builds(Transition, names, guard=st.none() | conditions, actions=several_actions), min_size=1, max_size=2
)
events = st.dictionaries(names, several, max_size=3)
retries = made(
    Retry,
    counts,
    st.lists(names | st.just("$error"), min_size=1, max_size=2),
    backoff=backoffs,
    base_delay=durations,
    max_delay=durations,
    jitter=jitters,
)
invocations = made(Invoke, names, params=objects, on_done=several, on_error=several)
timeouts: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}), st.fixed_dictionaries({"timeout": durations, "timeout_transition": names})
)

COMMON = {
    "on": events,
    "always": moving,
    "on_entry": several_actions,
    "on_exit": several_actions,
    "invoke": invocations,
    "unexpected": unexpected,
    "description": texts,
}


def _state(common: dict[str, Any], *others: dict[str, Any]) -> State:
    for other in others:
        common |= other
    return State(**common)


simple = opaque(st.builds(_state, some(**COMMON, retry=retries), timeouts))
terminal = opaque(
    st.builds(
        _state,
        some(
            outcome=st.sampled_from(["success", "failure"]),
            on_entry=several_actions,
            unexpected=unexpected,
            description=texts,
        ),
        st.just({"terminal": True}),
    )
)


def _compound(inner: st.SearchStrategy[State]) -> st.SearchStrategy[State]:
    children = st.fixed_dictionaries(
        {"states": st.dictionaries(names, inner, min_size=1, max_size=2), "initial": names}
    )
    return st.builds(_state, some(**COMMON), timeouts, children)


states = opaque(st.recursive(st.one_of(simple, terminal), _compound, max_leaves=3))

machines: st.SearchStrategy[StateMachine] = made(
    StateMachine,
    names,
    names,
    st.dictionaries(names, states, min_size=1, max_size=4),
    unexpected=unexpected,
    error_handling=made(ErrorHandling, default_retry_policy=policies),
    description=texts,
    pricing=json,
    billing=json,
    properties=json,
)
