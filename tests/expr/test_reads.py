"""Which variables a condition reads."""

from __future__ import annotations

import pytest

from statewf.expr import parse
from statewf.expr.reads import Path


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("1 + 2", ()),
        ("undefined", ()),
        ("a", (("a",),)),
        ('results["policy-check"].approver', (("results", "policy-check", "approver"),)),
        ("a?.b?.[0].c", (("a", "b", 0, "c"),)),
        ("b.x && a.y && b.x", (("b", "x"), ("a", "y"))),
        ("a + a.b", (("a",), ("a", "b"))),
        ("a[b.c].d", (("a",), ("b", "c"))),
        ("a.x[b[c]].d", (("a", "x"), ("b",), ("c",))),
        ("a[-1].b", (("a", -1, "b"),)),
        ("a[1 - 1].b", (("a",),)),
        ("a[0.5].b", (("a",),)),
        ("a[true].b", (("a",),)),
        ("a['0']", (("a", "0"),)),
        ("(a ?? b).c", (("a",), ("b",))),
        ("[a, b][0]", (("a",), ("b",))),
        ("a ? b : c", (("a",), ("b",), ("c",))),
        ("includes(a.list, len(b)) || !c", (("a", "list"), ("b",), ("c",))),
        ("a.length === 0", (("a", "length"),)),
    ],
)
def test_paths(text: str, paths: tuple[Path, ...]) -> None:
    expression = parse(text)
    assert expression.reads == paths
    assert expression.constant is (not paths)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a.b['c'].d + 1", ()),
        ("'x'", ("x",)),
        ("has(a, 'x') && !includes(b, 'y') || a[c ? 'z' : d] === 'x'", ("x", "y", "z", "x")),
        ("[-1, ['u', null, true]][0]", ("u",)),
    ],
)
def test_texts(text: str, found: tuple[str, ...]) -> None:
    assert parse(text).texts == found
