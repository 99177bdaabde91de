"""JSON: the fast parser and the careful one agree, and the careful one says what is wrong and where."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from statewf.definition import json_text
from statewf.definition.json_lines import spots
from statewf.definition.json_text import parsed
from statewf.definition.places import Places

from . import strategies

documents = st.dictionaries(strategies.texts, strategies.json)


@given(documents, st.sampled_from([None, 0, 2]))
@example({"a": [], "b": {}, "c": [{}, [[]]], "": {"": 1}}, 1)
def test_both_parsers_agree(data: Any, indent: int | None) -> None:
    text = json.dumps(data, indent=indent, ensure_ascii=len(data) % 2 == 0)
    careful = json_text._scanned(text)
    assert careful.mistakes == ()
    assert repr(careful.value) == repr(data) == repr(parsed(text).value)
    assert careful.find() == spots(text) == parsed(text).find()


def told(text: str) -> list[tuple[str, tuple[str | int, ...], int | None]]:
    return [(mistake.code, mistake.path, mistake.line) for mistake in parsed(text).mistakes]


@pytest.mark.parametrize(
    ("text", "code", "path", "line"),
    [
        ('{"a": NaN}', "not-finite", ("a",), 1),
        ('{"a": [1,\n-Infinity]}', "not-finite", ("a", 1), 2),
        ('{"a": 1e999}', "not-finite", ("a",), 1),
        ('{"a": -1e999}', "not-finite", ("a",), 1),
        ('{"a": ' + "9" * 5000 + "}", "huge-number", ("a",), 1),
        ('{"a": 1,\n "a": 2}', "duplicate-key", ("a",), 2),
        ('{"b": [{"a": 1,\n "\\u0061": 2}]}', "duplicate-key", ("b", 0, "a"), 2),
        ('{"a": "\\ud800"}', "not-unicode", ("a",), 1),
        ('{"a": 1', "bad-syntax", ("a",), 1),
        ('{"a": 1,\n}', "bad-syntax", (), 2),
        ("[1,\n]", "bad-syntax", (1,), 2),
        ("{a: 1}", "bad-syntax", (), 1),
        ("{'a': 1}", "bad-syntax", (), 1),
        ('{"a" 1}', "bad-syntax", ("a",), 1),
        ('{"a": b}', "bad-syntax", ("a",), 1),
        ('{"a": 01}', "bad-syntax", ("a",), 1),
        ('{"a": 1.}', "bad-syntax", ("a",), 1),
        ('{"a": 1 "b": 2}', "bad-syntax", ("a",), 1),
        ('{"a": "b\nc"}', "bad-syntax", ("a",), 1),
        ('{"a": "b', "bad-syntax", ("a",), 1),
        ('{"a": "\\q"}', "bad-syntax", ("a",), 1),
        ("{} {}", "bad-syntax", (), 1),
        ("{}\n]", "bad-syntax", (), 2),
        ("{} // done", "bad-syntax", (), 1),
        ('{"a": truex}', "bad-syntax", ("a",), 1),
        ("", "empty", (), 1),
        (" \n ", "empty", (), 2),
    ],
)
def test_one_mistake(text: str, code: str, path: tuple[str | int, ...], line: int) -> None:
    assert told(text) == [(code, path, line)]


def test_reading_goes_on_after_a_mistake() -> None:
    found = parsed('{"a": NaN,\n "b": {"c": 1, "c": 2},\n "d": [1e999, 3]}')
    assert [mistake.code for mistake in found.mistakes] == ["not-finite", "duplicate-key", "not-finite"]
    assert found.value == {"a": 0, "b": {"c": 2}, "d": [0, 3]}
    assert not found.broken


def test_mistakes_before_a_syntax_error_are_told_with_it() -> None:
    found = parsed('{"a": 1,\n"a": 2,\n"b": [}')
    assert [(mistake.code, mistake.line) for mistake in found.mistakes] == [("duplicate-key", 2), ("bad-syntax", 3)]
    assert found.broken


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ('{"a": 1,}', "expected a key, found }", "the last pair has no comma after it"),
        ("[1,]", "expected a value, found ]", "the last one has no comma after it"),
        ("{'a': 1}", "expected a key, found 'a'", "a key stands in double quotes"),
        ('{"a": yes}', "expected a value, found yes", "text stands in double quotes"),
        ('{"a": // no\n1}', "expected a value, found //", "JSON has no comments; YAML has"),
        ('{"a": [1', "expected a comma or ], but the text ends here", "what is still open starts on line 1"),
        ('{"a": "x', "unterminated string starting", "the closing quote is missing"),
    ],
)
def test_what_was_found_and_how_to_mend_it(text: str, message: str, hint: str) -> None:
    (mistake,) = parsed(text).mistakes
    assert (mistake.message, mistake.hint) == (message, hint)


def test_the_line_of_everything() -> None:
    text = '{\n "a": {"b": [1,\n  {"c":\n 2}]},\n "d\\n": "x, y\\" {",\n "e": []}'
    places = Places(None, parsed(text).find)
    lines = {
        (): 1,
        ("a",): 2,
        ("a", "b"): 2,
        ("a", "b", 0): 2,
        ("a", "b", 1): 3,
        ("a", "b", 1, "c"): 3,
        ("d\n",): 5,
        ("e",): 6,
    }
    assert {path: places.line(path) for path in lines} == lines


def test_depth() -> None:
    assert not told("[" * 100 + "]" * 100)
    assert not told("[" * 99 + '{"a": 1}' + "]" * 99)
    assert told("[" * 101 + "]" * 101) == [("too-deep", (0,) * 100, 1)]
    assert told('{"a":' * 101 + "1" + "}" * 101) == [("too-deep", ("a",) * 100, 1)]
