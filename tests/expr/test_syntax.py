"""Trees as values, and as text again."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statewf.expr import UNDEFINED, of_node, parse
from statewf.expr.syntax import Literal, Name, children, deeper_than, literal_text, number_text, rewritten, show


def test_undefined_is_one_and_false() -> None:
    assert not UNDEFINED
    assert repr(UNDEFINED) == "undefined"
    assert pickle.loads(pickle.dumps(UNDEFINED)) is UNDEFINED
    assert copy.deepcopy(UNDEFINED) is UNDEFINED
    assert copy.copy(UNDEFINED) is UNDEFINED


def test_literals_that_python_takes_for_equal_are_not() -> None:
    assert Literal(1) != Literal(True)
    assert Literal(0) != Literal(False)
    assert Literal(1) == Literal(1)
    assert hash(Literal(1)) == hash(Literal(1))


CANONICAL = [
    "a",
    "a.b.c",
    'a["b c"]',
    "a[0][b.c]",
    "(5).length",
    '"a"[0]',
    "(-5)[0]",
    "(a + b).c",
    "(-a).b",
    "[1, a, []][0]",
    "-(-a)",
    "+(-1)",
    "-(+a)",
    "!(-a)",
    "!!a",
    "a - (b - c)",
    "a - b - c",
    "(a + b) * c",
    "a * (b / c)",
    "a < b === c > d",
    "(a === b) < c",
    "a && b && c",
    "(a && b) && c",
    "a && (b && c)",
    "a && (b || c)",
    "a && b || c && d",
    "(a && b) ?? c",
    "(a ?? b) && c",
    "a ?? b ?? c",
    "a ?? (b ?? c)",
    "a || (b ? c : d)",
    "(a ? b : c) ? d : e",
    "a ? b ? c : d : e ? f : g",
    "max(a, b ? c : d, [e])",
    'includes(a.b, "\\"\\n\\\\")',
    "true",
    "undefined",
    "null",
    "1e+21",
    "1e-7",
    "9007199254740993",
]


@pytest.mark.parametrize("text", CANONICAL)
def test_a_canonical_text_is_shown_as_it_is(text: str) -> None:
    assert show(parse(text).node) == text


@given(st.floats(allow_nan=False, allow_infinity=False) | st.floats(2**53, 1e21) | st.integers(-(10**20), 10**20))
def test_a_number_as_text_is_the_same_number(number: float) -> None:
    assert float(number_text(number)) == float(number)
    assert parse(literal_text(number)).evaluate({}) == number


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (1.0, "1"),
        (-1.5, "-1.5"),
        (100.0, "100"),
        (123456789012345680000.0, "123456789012345680000"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (-1.25e25, "-1.25e+25"),
        (0.1, "0.1"),
        (0.000001, "0.000001"),
        (1.5e-6, "0.0000015"),
        (1e-7, "1e-7"),
        (-1.5e-7, "-1.5e-7"),
        (5e-324, "5e-324"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
        (12345.678, "12345.678"),
        (31415926535897932.0, "31415926535897932"),
        (6.041994092731082e16, "60419940927310820"),
    ],
)
def test_numbers_as_javascript_writes_them(number: float, text: str) -> None:
    assert number_text(number) == text


def test_children_and_depth() -> None:
    node = parse("max(a, -b[c ? 1 : 2], [d.e && f])").node
    assert [show(child) for child in children(node)] == ["a", "-b[c ? 1 : 2]", "[d.e && f]"]
    assert deeper_than(node, 4)
    assert not deeper_than(node, 5)


@pytest.mark.parametrize("text", CANONICAL)
def test_a_tree_is_rewritten_only_where_something_is_given(text: str) -> None:
    node = parse(text).node
    assert rewritten(node, lambda _: None) == node
    renamed = rewritten(node, lambda part: Name("other") if isinstance(part, Name) else None)
    assert all(path[0] == "other" for path in of_node(renamed).reads)
    assert show(rewritten(node, lambda part: Literal(1) if part is node else None)) == "1"
