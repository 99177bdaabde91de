"""Frozen JSON: in it comes whole and told, out it comes plain, and inside nothing changes."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statewf.errors import DataError
from statewf.values.canonical import canonical, compact, digest
from statewf.values.frozen import EMPTY, Map, Object, freeze, freeze_object, thaw

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


@given(values)
def test_what_goes_in_comes_out(value: Any) -> None:
    frozen = freeze(value)
    assert thaw(frozen) == value
    assert json.loads(compact(frozen)) == value
    hash(frozen)
    assert freeze(frozen) == frozen


@given(st.dictionaries(st.text(), values))
def test_equal_values_have_one_text_whatever_their_order(value: dict[str, Any]) -> None:
    turned = dict(reversed(value.items()))
    assert canonical(value) == canonical(turned) == canonical(freeze(value)) == canonical(Map(value))
    assert digest(value) == digest(turned)
    assert list(freeze_object(value, "it")) == list(value)  # the order is kept all the same


CHANGES: list[Callable[[Object], Any]] = [
    lambda o: o.__setitem__("a", 2),
    lambda o: o.__delitem__("a"),
    lambda o: o.update(a=2),
    lambda o: o.pop("a"),
    lambda o: o.popitem(),
    lambda o: o.clear(),
    lambda o: o.setdefault("b", 1),
    lambda o: o.__ior__({"b": 1}),
]


@pytest.mark.parametrize("change", CHANGES)
def test_an_object_refuses_to_change(change: Callable[[Object], Any]) -> None:
    frozen = freeze_object({"a": 1}, "it")
    with pytest.raises(TypeError, match="frozen"):
        change(frozen)
    assert frozen == {"a": 1}


def test_an_object_is_a_dict_to_everybody_who_reads() -> None:
    frozen = freeze_object({"a": [1, {"b": 2}]}, "it")
    assert json.dumps(frozen) == '{"a": [1, {"b": 2}]}'
    assert copy.deepcopy(frozen) == frozen
    assert pickle.loads(pickle.dumps(frozen)) == frozen
    assert hash(frozen) == hash(freeze_object({"a": [1, {"b": 2}]}, "it"))


def _deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "code", "path"),
    [
        (float("nan"), "not-finite", "$"),
        ({"a": [1, float("inf")]}, "not-finite", "$.a[1]"),
        ({"a": {1, 2}}, "not-json", "$.a"),
        ({1: 2}, "not-json", "$"),
        ([b"bytes"], "not-json", "$[0]"),
        (["\ud800"], "not-unicode", "$[0]"),
        ([10**5000], "huge-number", "$[0]"),
        (object(), "not-json", "$"),
    ],
)
def test_what_is_not_json_is_told_with_its_place(value: Any, code: str, path: str) -> None:
    with pytest.raises(DataError) as refused:
        freeze(value)
    assert [(told.code, told.path) for told in refused.value.diagnostics] == [(code, path)]


def test_all_that_is_not_json_is_told_at_once() -> None:
    with pytest.raises(DataError) as refused:
        freeze({"a": object(), "b": [float("nan")], "c": {"d": {3: 4}}})
    assert [told.path for told in refused.value.diagnostics] == ["$.a", "$.b[0]", "$.c.d"]


def test_nesting_ends() -> None:
    assert thaw(freeze(_deep(99))) == _deep(99)
    for levels in (101, 100_000):
        with pytest.raises(DataError, match="too-deep"):
            freeze(_deep(levels))
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(DataError, match="too-deep"):
        freeze(circle)


def test_an_object_is_asked_for_by_name() -> None:
    assert freeze_object(None, "the inputs") is EMPTY
    others: tuple[object, ...] = ([], "text", 0, False)
    for value in others:
        with pytest.raises(DataError, match="the inputs must be an object"):
            freeze_object(value, "the inputs")
