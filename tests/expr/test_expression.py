"""The public face: expressions as values, made from text or from Python scalars."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from types import MappingProxyType
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from statewf.errors import ExpressionError, StatewfError
from statewf.expr import UNDEFINED, Expression, Fault, conjunction, literal, parse
from statewf.values.frozen import Map, freeze, freeze_object


def test_equality_and_hash_are_by_text() -> None:
    assert parse("a + 1") == parse("a + 1")
    assert parse("a + 1") != parse("a +  1")
    assert literal(5) == parse("5")
    assert hash(literal("x")) == hash(parse('"x"'))
    assert repr(parse("a")) == "Expression(text='a')"


def test_parsing_is_remembered() -> None:
    assert parse("remembered + 1") is parse("remembered + 1")


def test_frozen() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        parse("a").text = "b"  # type: ignore[misc]


def test_copies_work_before_and_after_evaluation() -> None:
    expression = parse("a > 1")
    for copied in (pickle.loads(pickle.dumps(expression)), copy.deepcopy(expression)):
        assert copied == expression
        assert copied.holds({"a": 2})
    assert expression.holds({"a": 2})
    assert pickle.loads(pickle.dumps(expression)).holds({"a": 2})


def test_the_deepest_expression_can_be_copied_compared_and_shown() -> None:
    expression = parse("!" * 49 + "-" + "(" * 49 + "a" + "+1)" * 49)
    for copied in (pickle.loads(pickle.dumps(expression)), copy.deepcopy(expression)):
        assert copied.node == expression.node
        assert hash(copied.node) == hash(expression.node)
        assert repr(copied.node) == repr(expression.node)
        assert copied.holds({"a": 1}) is expression.holds({"a": 1})


def test_evaluate_and_holds() -> None:
    assert parse("a.b").evaluate({"a": {"b": 7}}) == 7
    assert parse("a.b").evaluate({}) is UNDEFINED
    assert parse("a.b").holds({"a": {"b": 7}}) is True
    assert parse("a.b").holds({}) is False
    with pytest.raises(Fault):
        parse("a - 1").holds({})


@pytest.mark.parametrize(
    ("value", "holds"),
    [
        (None, False),
        (UNDEFINED, False),
        (False, False),
        (0, False),
        (0.0, False),
        ("", False),
        (True, True),
        (1, True),
        (-0.5, True),
        ("0", True),
        ("false", True),
        ((), True),
        (freeze({}), True),
        (Map(), True),
        ((0,), True),
        (MappingProxyType({}), True),
    ],
)
def test_truth_is_javascripts(value: Any, holds: bool) -> None:
    scope = {"a": value}
    assert parse("a").holds(scope) is holds
    assert parse("!a").evaluate(scope) is not holds
    assert parse("a ? 1 : 2").evaluate(scope) == (1 if holds else 2)
    assert parse("a && 5").evaluate(scope) == (5 if holds else value)
    assert parse("a || 5").evaluate(scope) == (value if holds else 5)


def test_scopes_may_be_any_mapping() -> None:
    data = freeze_object({"b": {"c": 1}, "list": [10]}, "data")
    for a in (data, Map(data), MappingProxyType(data), dict(data)):
        for scope in ({"a": a}, Map({"a": a}), MappingProxyType({"a": a})):
            assert parse("a.b.c").evaluate(scope) == 1
            assert parse("a[x.y ?? 'list'][0]").evaluate(scope) == 10
            assert parse("a.none.c").evaluate(scope) is UNDEFINED
            assert parse("none").evaluate(scope) is UNDEFINED
            assert parse("has(a, 'b') && len(a) === 2").evaluate(scope) is True


def test_a_fault_is_ours_and_says_where() -> None:
    assert issubclass(Fault, StatewfError)
    with pytest.raises(Fault, match=r"^cannot compute undefined - a number: order\.fee - 1$"):
        parse("order.total + (order.fee - 1)").evaluate({"order": {"total": 1}})
    with pytest.raises(Fault) as caught:
        parse(" + ".join(["order.total"] * 50)).evaluate({})
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (-5, "-5"),
        (1.0, "1"),
        (-0.0, "0"),
        (0.5, "0.5"),
        (1e21, "1e+21"),
        (2**53 + 1, "9007199254740993"),
        ("", '""'),
        ('say "hi"\n', r'"say \"hi\"\n"'),
        ("é\u2028", '"é\u2028"'),
    ],
)
def test_literals(value: Any, text: str) -> None:
    expression = literal(value)
    assert expression.text == text
    assert expression.evaluate({}) == value
    assert expression.node == parse(text).node
    assert expression.constant


@given(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=50)
)
def test_what_a_literal_says_can_be_read_again(value: Any) -> None:
    try:
        expression = literal(value)
    except ExpressionError:
        assert isinstance(value, int)
        assert value.bit_length() >= 1024
    else:
        assert parse(expression.text).node == expression.node
        assert expression.evaluate({}) == value


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), 10**400, "\ud83d", [1], {}, b"a", UNDEFINED, object()]
)
def test_what_no_condition_can_say(value: Any) -> None:
    with pytest.raises(ExpressionError) as caught:
        literal(value)
    (told,) = caught.value.diagnostics
    assert told.code == "bad-expression"
    str(told).encode()


def test_literals_are_no_longer_than_conditions() -> None:
    with pytest.raises(ExpressionError, match="expression-too-long"):
        literal("x" * 10_000)


def test_importing_and_literals_do_not_import_lark() -> None:
    code = """
import sys, statewf.expr as expr
expr.literal(1).holds({})
print("lark" in sys.modules)
expr.parse("a")
print("lark" in sys.modules)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "True"]


def test_only_the_text_is_compared() -> None:
    assert Expression("a + 1", parse("b").node) == parse("a + 1")
    assert Expression("b", parse("a + 1").node) != parse("a + 1")


@given(st.lists(st.sampled_from(["a > 1", "b", "a > 1 && b", "c || b", "!c"]), max_size=4), st.data())
def test_a_conjunction_holds_where_all_hold(texts: list[str], data: st.DataObject) -> None:
    scope = {"a": data.draw(st.integers(0, 2)), "b": data.draw(st.booleans()), "c": data.draw(st.booleans())}
    whole = conjunction([parse(text) for text in texts])
    assert (whole is None or whole.holds(scope)) is all(parse(text).holds(scope) for text in texts)
    assert whole is None or parse(whole.text).node == whole.node
