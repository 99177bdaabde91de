"""Encodings, sizes, and which format a text is."""

from __future__ import annotations

import codecs
import json

import pytest

from statewf.definition.document import LIMITS, Format, document
from statewf.errors import DefinitionError, Diagnostic


def refused(text: str | bytes, source: str | None = None, format: Format | None = None) -> Diagnostic:
    with pytest.raises(DefinitionError) as caught:
        document(text, source, format)
    assert caught.value.source == source
    (diagnostic,) = caught.value.diagnostics
    return diagnostic


@pytest.mark.parametrize(
    ("source", "text", "value"),
    [
        ("a.json", '{"on": 1}', {"on": 1}),
        ("A.JSON", '{"on": 1}', {"on": 1}),
        ("a.yaml", "on: 1", {"on": 1}),
        ("dir.json/a.yml", '{"on": 1, yes: no}', {"on": 1, "yes": "no"}),
        (None, ' \n{"on": 1}', {"on": 1}),
        (None, "[1, 2]", [1, 2]),
        (None, "{on: 1}", {"on": 1}),
        (None, "{'a': b, }", {"a": "b"}),
        (None, "on: {}", {"on": {}}),
        ("<stdin>", "- a", ["a"]),
        ("a.txt", "a: 1", {"a": 1}),
    ],
)
def test_the_format_is_said_by_the_suffix_or_else_by_the_text(source: str | None, text: str, value: object) -> None:
    assert document(text, source).value == value


def test_the_format_can_be_said() -> None:
    assert document("{a: 1}", "a.json", "yaml").value == {"a": 1}
    assert refused("{a: 1}", "a.yaml", "json").code == "bad-syntax"


def test_json_that_is_wrong_is_not_taken_for_yaml() -> None:
    assert document('{"a": NaN}').mistakes[0].code == "not-finite"
    assert document('{"a": 1, "a": 2}').mistakes[0].code == "duplicate-key"


@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
@pytest.mark.parametrize("text", ["grüße: 日本語 😀", '{"grüße": "日本語 😀"}'])
def test_utf_8(mark: bytes, text: str) -> None:
    assert document(mark + text.encode()).value == {"grüße": "日本語 😀"}
    assert document(mark.decode() + text).value == {"grüße": "日本語 😀"}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-16-le", "utf-16-be"])
def test_other_unicode_is_refused_by_name(encoding: str) -> None:
    mark = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}.get(encoding, b"")
    diagnostic = refused(mark + "a: 1".encode(encoding), "a.yaml")
    assert (diagnostic.code, diagnostic.line, diagnostic.hint) == ("bad-encoding", 1, "save the text as UTF-8")
    assert encoding[:6].upper() in diagnostic.message


def test_bytes_that_are_not_utf_8_have_their_line() -> None:
    diagnostic = refused("a: 1\nb: grüße\n".encode("latin-1"))
    assert (diagnostic.code, diagnostic.line) == ("bad-encoding", 2)
    assert "0xfc" in diagnostic.message


def test_lone_surrogates_are_no_text() -> None:
    assert refused("a: 1\nb: \ud800").line == 2


@pytest.mark.parametrize(
    ("format", "text", "limit"),
    [("yaml", "a: {}\n", "1,048,576 (1 MB)"), ("json", '{"a": "{}"}', "10,485,760 (10 MB)")],
)
def test_limits_are_stated_with_the_size(format: Format, text: str, limit: str) -> None:
    most = LIMITS[format]
    fill = most - len(text) + 2
    assert document(text.replace("{}", "x" * fill), format=format).value == {"a": "x" * fill}
    diagnostic = refused(text.replace("{}", "x" * (fill + 1)), format=format)
    assert diagnostic.code == "too-large"
    assert f"{most + 1:,} bytes" in diagnostic.message
    assert limit in diagnostic.message


def test_sizes_are_of_bytes() -> None:
    assert refused("a: " + "é" * (LIMITS["yaml"] // 2), format="yaml").code == "too-large"


def test_bytes_beyond_any_limit_are_not_decoded() -> None:
    assert refused(b"\xff" * (LIMITS["json"] + 1), "a.yaml").code == "too-large"


def test_places_are_those_of_the_text() -> None:
    found = document(json.dumps({"a": [1, {"b": 2}]}, indent=1), "a.json")
    assert found.places.source == "a.json"
    assert found.places.line(("a", 1, "b")) == 5
