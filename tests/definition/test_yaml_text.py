"""YAML: what scalars mean, aliases and merges, lines, and the mistakes of the text itself."""

from __future__ import annotations

import math
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from statewf.definition import yaml_text
from statewf.definition.places import Parsed, Places
from statewf.definition.yaml_text import parsed


def value(text: str) -> Any:
    found = parsed(text)
    assert not found.mistakes
    return found.value


def told(text: str) -> list[tuple[str, tuple[str | int, ...], int | None]]:
    return [(mistake.code, mistake.path, mistake.line) for mistake in parsed(text).mistakes]


def only_hint(found: Parsed) -> str | None:
    (mistake,) = found.mistakes
    return mistake.hint


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *[(word, None) for word in ("null", "Null", "NULL", "~", "")],
        *[(word, True) for word in ("true", "True", "TRUE")],
        *[(word, False) for word in ("false", "False", "FALSE")],
        *[(word, word) for word in ("on", "off", "yes", "no", "y", "n", "Yes", "nULL", "tRUE", "30s", "12:30")],
        *[(word, word) for word in ("2020-01-01", "1_000", "0b11", "0x", "0o8", "+0x1", "1e", ".", "+.e1")],
        *[("0", 0), ("-0", 0), ("+12", 12), ("-12", -12), ("010", 10), ("0o17", 15), ("0x1F", 31)],
        *[("1.", 1.0), (".5", 0.5), ("-1.5", -1.5), ("1e3", 1000.0), ("1.5E-3", 0.0015), ("+.5e+1", 5.0)],
        *[("'1'", "1"), ('"true"', "true"), ("! 1", "1"), ("!!str 404", "404"), ("!!str", "")],
        *[("!!int 12", 12), ("!!float 1", 1.0), ('!!int "12"', 12), ("!!bool true", True), ("!!null ''", None)],
        *[("!!map {a: 1}", {"a": 1}), ("!!seq [1]", [1])],
    ],
)
def test_the_core_schema_of_yaml_1_2(text: str, expected: object) -> None:
    found = value(f"key: {text}")["key"]
    assert found == expected
    assert type(found) is type(expected)


def test_on_is_a_key_like_any_other() -> None:
    assert value("on: {yes: no}") == {"on": {"yes": "no"}}


@pytest.mark.parametrize(
    ("text", "code", "path", "line"),
    [
        ("a: .inf", "not-finite", ("a",), 1),
        ("a:\n - -.INF", "not-finite", ("a", 0), 2),
        ("a: .NaN", "not-finite", ("a",), 1),
        ("a: 1e999", "not-finite", ("a",), 1),
        ("a: " + "9" * 5000, "huge-number", ("a",), 1),
        ("a: 0x" + "f" * 9000, "huge-number", ("a",), 1),
        ("a: !!python/object:os.system x", "bad-tag", ("a",), 1),
        ("a: !!python/object/apply:os.system [ls]", "bad-tag", ("a",), 1),
        ("a: !custom {b: 1}", "bad-tag", ("a",), 1),
        ("a: !!int x", "bad-tag", ("a",), 1),
        ("a: !!int 1.5", "bad-tag", ("a",), 1),
        ("a: !!set {b}", "bad-tag", ("a",), 1),
        ("a: !!binary aGk=", "bad-tag", ("a",), 1),
        ("a: 1\nb: 2\na: 3", "duplicate-key", ("a",), 3),
        ('a: 1\n"a": 3', "duplicate-key", ("a",), 2),
        ("x:\n  404: b", "bad-key", ("x", "404"), 2),
        ("x:\n  true: b", "bad-key", ("x", "true"), 2),
        ("x: {? : b}", "bad-key", ("x", ""), 1),
        ("x: {[a]: b}", "bad-key", ("x",), 1),
        ("x:\n  ? {a: b}\n  : c", "bad-key", ("x",), 2),
        ("x: &a [1]\ny: {*a : 2}", "bad-key", ("y",), 2),
        ("a: &x\n  b: *x", "cyclic-alias", ("a", "b"), 2),
        ("&x [*x]", "cyclic-alias", (0,), 1),
        ("a: *x", "unknown-alias", ("a",), 1),
        ("a: {<<: 5}", "bad-merge", ("a",), 1),
        ("a: 1\n---\nb: 2", "several-documents", (), 2),
    ],
)
def test_one_mistake(text: str, code: str, path: tuple[str | int, ...], line: int) -> None:
    assert told(text) == [(code, path, line)]


def test_reading_goes_on_after_a_mistake() -> None:
    text = "a: .inf\nb: {c: 1, c: 2}\n3: x\nd: *gone\nb: !x y\n"
    assert [code for code, _, _ in told(text)] == [
        *("not-finite", "duplicate-key", "bad-key", "unknown-alias", "duplicate-key", "bad-tag")
    ]


def test_mistakes_before_a_syntax_error_are_told_with_it() -> None:
    found = parsed("a: 1\na: 2\nb: [")
    assert found.broken
    assert [(mistake.code, mistake.line) for mistake in found.mistakes] == [("duplicate-key", 2), ("bad-syntax", 3)]


def test_aliases_and_merges() -> None:
    text = """
base: &base {a: 1, b: {c: 2}}
other: &other {a: 9, d: 4}
name: &name key
one: *base
two: {<<: *base, a: 5}
three: {b: 0, <<: [*base, *other]}
quoted: {"<<": 1}
*name : 6
"""
    found = value(text)
    assert found["one"] == {"a": 1, "b": {"c": 2}}
    assert found["two"] == {"a": 5, "b": {"c": 2}}
    assert found["three"] == {"b": 0, "a": 1, "d": 4}
    assert found["quoted"] == {"<<": 1}
    assert found["key"] == 6


def test_a_later_anchor_of_the_same_name_wins() -> None:
    assert value("[&a 1, *a, &a 2, *a]") == [1, 1, 2, 2]


def test_an_anchor_on_a_key() -> None:
    assert value("&a b: *a") == {"b": "b"}


def test_the_line_of_everything() -> None:
    text = """# a comment
states:
  paid: &paid
    on:
      - a

      - b: 1
  other:
    <<: *paid
    timeout:
      3
  third: *paid
"""
    places = Places(None, parsed(text).find)
    lines = {
        (): 2,
        ("states",): 2,
        ("states", "paid"): 3,
        ("states", "paid", "on", 0): 5,
        ("states", "paid", "on", 1): 7,
        ("states", "paid", "on", 1, "b"): 7,
        ("states", "other"): 8,
        ("states", "other", "on"): 4,
        ("states", "other", "timeout"): 10,
        ("states", "third"): 12,
        ("states", "third", "on", 1): 7,
    }
    assert {path: places.line(path) for path in lines} == lines


@pytest.mark.parametrize("text", ["", "   \n", "# only a comment\n", "---\n"])
def test_nothing_there(text: str) -> None:
    found = parsed(text)
    assert (found.value, [mistake.code for mistake in found.mistakes]) in [(None, ["empty"]), (None, [])]


@pytest.mark.parametrize(
    ("text", "line", "hint"),
    [
        ("a:\n\tb: 1", 2, "tabs"),
        ("a: b: c", 1, "quotes"),
        ("a: @b", 1, "@"),
        ("a: `b`", 1, "`"),
        ("a: - b", 1, "own"),
        ("{a: 1}}", 1, "too many"),
        ('a: "x" y', 1, "closing quote"),
        ("a: [1, 2", 1, "never closed"),
        ('a: "x', 1, "never closed"),
        ('a: "\\q"', 1, "backslash"),
        ("a:\n  b: 1\n c: 2", 3, "indented"),
        ("a: 1\nb\nc: 2", 3, "colon"),
        ("a: &", 1, "quotes"),
        ("a: !x!y z", 1, "quotes"),
        ("a: {b c: d e: f}", 1, "commas"),
    ],
)
def test_syntax_errors_have_lines_and_hints(text: str, line: int, hint: str) -> None:
    found = parsed(text)
    assert found.broken
    (mistake,) = found.mistakes
    assert (mistake.code, mistake.line) == ("bad-syntax", line)
    assert hint in (mistake.hint or "")


def test_characters_that_yaml_does_not_allow() -> None:
    assert told("a: 1\nb: \x00\x07\nc: \x1b\n") == [("bad-character", (), 2), ("bad-character", (), 3)]
    assert len(told("\x00\n" * 1000)) == 100


@given(st.recursive(st.sampled_from(["a", "b c", "é"]), lambda x: st.lists(x) | st.dictionaries(st.text("ab"), x)))
def test_other_peoples_yaml(data: Any) -> None:
    for flow in (True, False):
        assert value(yaml.safe_dump({"x": data}, default_flow_style=flow, sort_keys=False)) == {"x": data}


def test_the_pure_parser_reads_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "a: &x {b: [1, 2.5, ~, yes]}\nc: *x\nd: |\n  text\n"
    before = value(text)
    monkeypatch.setattr(yaml_text, "_LOADER", yaml.Loader)
    assert value(text) == before
    assert told('a: "\\ud800"') == [("not-unicode", ("a",), 1)]
    assert told('a: "\\U99999999"')[0][0] == "bad-syntax"


def test_numbers_are_finite() -> None:
    assert math.isfinite(value("[1e308]")[0])
    assert only_hint(parsed("a: .inf")) == "write it in quotes if text is meant"
