"""What parses and to which tree; what does not, and what the person is told; inputs made to hurt."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statewf.errors import Diagnostic, ExpressionError
from statewf.expr import UNDEFINED, Fault, parse
from statewf.expr.grammar import DEPTH, LENGTH
from statewf.expr.syntax import Index, Literal, Member, Name, show


def mistake(text: str) -> Diagnostic:
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    (diagnostic,) = caught.value.diagnostics
    return diagnostic


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("12", 12),
        ("-12", -12),
        ("- -12", 12),
        ("0.5", 0.5),
        (".5", 0.5),
        ("5.", 5),
        ("1e3", 1000),
        ("1.5E-3", 0.0015),
        ("1e21", 1e21),
        ("9007199254740993", 9007199254740993),
        ("-9007199254740993", -9007199254740993),
        ("true", True),
        ("false", False),
        ("null", None),
        ("undefined", UNDEFINED),
        ('"a"', "a"),
        ("'a'", "a"),
        ("''", ""),
        ("'\"'", '"'),
        ('"\'"', "'"),
        (r"'\''", "'"),
        (r"'\n\t\r\b\f\v\0'", "\n\t\r\b\f\v\0"),
        (r"'\x41\u0042\u{43}\u{1F600}'", "ABC\U0001f600"),
        (r"'\ud83d\ude00'", "\U0001f600"),
        (r"'\q\\'", "q\\"),
        ("'a\\\nb'", "ab"),
        ("'a\\\r\nb'", "ab"),
        ("'é \u2028 \U0001f600'", "é \u2028 \U0001f600"),
    ],
)
def test_literals(text: str, value: object) -> None:
    assert parse(text).node == Literal(value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "grouped"),
    [
        ("a || b && c", "a || (b && c)"),
        ("a && b || c", "(a && b) || c"),
        ("a && b === c", "a && (b === c)"),
        ("a === b < c", "a === (b < c)"),
        ("a < b + c", "a < (b + c)"),
        ("a + b * c", "a + (b * c)"),
        ("a - b - c", "(a - b) - c"),
        ("a / b % c * d", "((a / b) % c) * d"),
        ("a < b < c", "(a < b) < c"),
        ("a === b !== c", "(a === b) !== c"),
        ("!a.b", "!(a.b)"),
        ("!a === b", "(!a) === b"),
        ("-a * b", "(-a) * b"),
        ("a - -b", "a - (-b)"),
        ("!-+a", "!(-(+a))"),
        ("a ? b : c ? d : e", "a ? b : (c ? d : e)"),
        ("a ? b ? c : d : e", "a ? (b ? c : d) : e"),
        ("a || b ? c : d", "(a || b) ? c : d"),
        ("a ?? b ? c : d", "(a ?? b) ? c : d"),
        ("a ?? b === c", "a ?? (b === c)"),
        ("a == b", "a === b"),
        ("a != b", "a !== b"),
        ("a?.b", "a.b"),
        ("a?.[b]", "a[b]"),
        ('a["b"]', "a.b"),
        ("a['b c']", 'a["b c"]'),
        ("a?.5:1", "a ? 0.5 : 1"),
        ("a?b:c", "a ? b : c"),
        ("a?[b]:c", "a ? [b] : c"),
        ("[a, b,]", "[a, b]"),
        ("max(a, b,)", "max(a, b)"),
        (" \n a\t+\nb ", "a + b"),
        ("((((a))))", "a"),
        ("a.true.null.len", 'a["true"]["null"]["len"]'),
        ("len", "(len)"),
    ],
)
def test_precedence_and_spelling(text: str, grouped: str) -> None:
    assert parse(text).node == parse(grouped).node


def test_a_chain_of_alternatives_is_one_node() -> None:
    assert parse("a || b || c").node != parse("(a || b) || c").node
    assert parse("a || b || c").evaluate({"c": 3}) == 3


def test_keys() -> None:
    name = Name("a")
    assert parse("a.b").node == Member(name, "b")
    assert parse("a[0]").node == Index(name, Literal(0))
    assert parse("a['0']").node == Member(name, "0")
    assert parse("$x._y.é").node == Member(Member(Name("$x"), "_y"), "é")


@pytest.mark.parametrize(
    ("text", "column", "found", "hint"),
    [
        ("a = 1", 3, "'='", "use === to compare"),
        ("a => 1", 3, "'='", "use >= to compare"),
        ("a =< 1", 3, "'='", "use <= to compare"),
        ("a <> 1", 4, "'>'", "use !== for different"),
        ("a & b", 3, "'&'", "use && for and"),
        ("a | b", 3, "'|'", "use || for or"),
        ("a and b", 3, "'and'", "use && for and"),
        ("a or b", 3, "'or'", "use || for or"),
        ("not a", 5, "'a'", "use ! for not"),
        ("a && not b", 10, "'b'", "use ! for not"),
        ("a in b", 3, "'in'", "includes(list, value)"),
        ("a ** b", 4, "'*'", "there is no power"),
        ("--a", 1, "'-'", "-(-a)"),
        ("a++", 2, "'+'", "a + b"),
        ("`a`", 1, "'`'", "in quotes"),
        ("{}", 1, "'{'", "makes no objects"),
        ("\u201ca\u201d", 1, "\u201c", "straight quotes"),
        ("'abc", 1, "'", "never closed"),
        ("a === 'b\n'", 7, "'", "never closed"),
        ("a.b(1)", 4, "'('", "values have no methods"),
        ("a.0", 2, "'.0'", "write [0]"),
        ("012", 1, "'012'", "write 12, 0.5 or 1e3"),
        ("a + 12px", 5, "'12px'", "write 12, 0.5 or 1e3"),
        ("1_000", 1, "'1_000'", "write 12, 0.5 or 1e3"),
        ("1e400", 1, "'1e400' is too large", None),
        ("9" * 400, 1, "too large", None),
        ("a b", 3, "'b' where an operator", None),
        ("a,", 2, "','", None),
        ("a.", 3, "the end where a name", None),
        ("a +", 4, "the end where a value", None),
        ("a ===", 6, "the end where a value", None),
        ("(a", 3, "the end", "close every ("),
        ("a ? b", 6, "the end", "give every ? its :"),
        ("a)", 2, "')'", None),
        ("[,]", 2, "','", None),
        ("()", 2, "')' where a value", None),
        ("@", 1, "'@'", None),
        ("\u00b2", 1, "\u00b2", None),
        ("a.\u00b2", 3, "\u00b2", None),
        ("a /* b */", 4, "'*'", None),
        ("a && b ?? c", 8, "'??'", "parentheses"),
        ("a || b ?? c", 8, "'??'", "parentheses"),
        ("a ?? b || c", 8, "'||'", "parentheses"),
        ("a ?? b && c", 8, "'&&'", "parentheses"),
        (r"'\8'", 2, r"\8", "write"),
        (r"'a\01'", 3, r"\0", "write"),
        (r"'\u12'", 2, r"\u", "write"),
        (r"'\x1'", 2, r"\x", "write"),
        (r"'\u{110000}'", 2, "beyond the last character", None),
        (r"'\ud83d'", 1, "half a character", None),
        ("'\ud83d'", 1, "half a character", None),
    ],
)
def test_mistakes(text: str, column: int, found: str, hint: str | None) -> None:
    told = mistake(text)
    assert told.code == "bad-expression"
    assert told.path == "$"
    assert f"column {column}: " in told.message
    assert found in told.message
    assert (told.hint is None) if hint is None else (hint in (told.hint or ""))
    str(told).encode()  # can be printed


def test_a_mistake_in_many_lines_is_told_with_its_line() -> None:
    assert mistake("a &&\n  b = c\n").message.startswith("line 2, column 5: ")


def test_empty() -> None:
    assert mistake("").message == mistake(" \n").message == "the condition is empty"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("startswith(a, b)", "did you mean startsWith(text, start)?"),
        ("Len(a)", "did you mean len(value)?"),
        ("length(a)", "did you mean len(value)?"),
        ("toLowerCase(a)", "did you mean lower(text)?"),
        ("contains(a, b)", "did you mean includes(list, value)?"),
        ("floor(a)", "there are len, includes"),
        ("eval(a)", "there are len, includes"),
    ],
)
def test_unknown_functions(text: str, hint: str) -> None:
    told = mistake(f"true && {text}")
    assert told.code == "unknown-function"
    assert told.message.startswith("column 9: there is no function '")
    assert hint in (told.hint or "")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("len()", "len takes 1 argument, not 0"),
        ("len(a, b)", "len takes 1 argument, not 2"),
        ("has(a)", "has takes 2 arguments, not 1"),
        ("includes(a, b, c)", "includes takes 2 arguments, not 3"),
        ("round(a, 2)", "round takes 1 argument, not 2"),
        ("min()", "min takes at least 1 argument, not 0"),
    ],
)
def test_wrong_arguments(text: str, message: str) -> None:
    told = mistake(text)
    assert (told.code, told.message) == ("wrong-arguments", f"column 1: {message}")
    assert (told.hint or "").startswith(text.partition("(")[0])


def test_length_is_bounded() -> None:
    assert parse("'" + "x" * (LENGTH - 2) + "'").evaluate({}) == "x" * (LENGTH - 2)
    told = mistake("'" + "x" * (LENGTH - 1) + "'")
    assert told.code == "expression-too-long"
    assert "10,001" in told.message
    assert mistake("(" * 100_000).code == "expression-too-long"


def deep(levels: int) -> str:
    return "!" * (levels - 1) + "a"


def test_depth_is_bounded() -> None:
    deepest = parse(deep(DEPTH))
    assert deepest.evaluate({}) is True
    assert deepest.reads == (("a",),)
    assert show(deepest.node) == deepest.text
    told = mistake(deep(DEPTH + 1))
    assert told.code == "expression-too-deep"
    assert "100" in told.message


@pytest.mark.parametrize("count", [50, 99, 100, 101, 1_000, 4_999, 9_999, 100_000])
@pytest.mark.parametrize(
    ("start", "middle", "end"),
    [
        ("", "(", ""),
        ("", "[", ""),
        ("", "!", ""),
        ("", "!", "a"),
        ("", "- ", "1"),
        ("", "- ", "a"),
        ("", "a?b:", "c"),
        ("", "a?", "b"),
        ("1", "+1", ""),
        ("a", "&&a", ""),
        ("a", "||(b", ""),
        ("a", "??a", ""),
        ("a", ".b", ""),
        ("a", "?.[b]", ""),
        ("a", "[a", ""),
        ("[", "a,", "]"),
        ("", "max(", "1"),
        ("max(", "1,", "1)"),
        ("1", "<1", ""),
        ("'", "\\", ""),
        ("'", "\\\\", "'"),
        ("", "'", ""),
        ("", "1", ""),
        ("", " ", "a"),
        ("", "\n", "="),
        ("", "?", ""),
        ("", ".", ""),
    ],
)
def test_what_is_repeated_without_end_works_or_is_refused(start: str, middle: str, end: str, count: int) -> None:
    check_refused_or_evaluates(start + middle * count + end)


@pytest.mark.parametrize(("opening", "closing"), [("(", ")"), ("[", "]"), ("len(", ")"), ("a[", "]"), ("a?", ":b")])
@pytest.mark.parametrize("count", [50, 99, 150, 1_500, 50_000])
def test_what_is_nested_without_end_works_or_is_refused(opening: str, closing: str, count: int) -> None:
    check_refused_or_evaluates(opening * count + "a" + closing * count)


def check_refused_or_evaluates(text: str) -> None:
    told = complaint(text)
    assert told is None or (len(told) < 300 and told.isprintable())


def complaint(text: str) -> str | None:
    """What is said against this text, when it is read and evaluated; any other exception is a bug."""
    try:
        parse(text).evaluate({"a": True})
    except (ExpressionError, Fault) as mistake:
        return str(mistake)
    return None


def test_hundreds_of_alternatives_are_not_deep() -> None:
    text = " || ".join(f"a === {n}" for n in range(700))
    assert parse(text).holds({"a": 699})
    assert not parse(text).holds({"a": 700})


TOKENS = r"""
a b.c x?.y ( ) [ ] , . ?. ? : ?? && || ! - + * / % < <= > >= = === !== == != & | ~ ^ ; { } ` ' " \
1 0 1.5 .5 1e5 01 1. 'a' "b" '\n' '\8' true null undefined len( max( has( includes( and not
"""
tokens = st.sampled_from([*TOKENS.split(), "\n"])


@given(
    st.text(max_size=30) | st.lists(tokens, max_size=12).map("".join) | st.lists(tokens, max_size=12).map(" ".join)
)
def test_any_text_is_read_or_refused(text: str) -> None:
    check_refused_or_evaluates(text)
