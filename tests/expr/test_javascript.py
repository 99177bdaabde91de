"""Conditions against a real JavaScript engine, quickjs-ng: the same answer, or a fault where we say so.

Two comparisons. Random *trees*, shown as text for us and written out for JavaScript with every operation a call
of `FAULTS` below: that prelude is the plain statement of where we differ. Random *texts*, unchanged for both:
precedence, spelling and literals are JavaScript's, and what we read, it reads.
"""

from __future__ import annotations

import json
import math
from typing import Any

import quickjs  # type: ignore[import-untyped]  # it has no stubs
from hypothesis import assume, given
from hypothesis import strategies as st

from statewf.errors import ExpressionError
from statewf.expr import UNDEFINED, Fault, parse
from statewf.expr.operators import SAFE
from statewf.expr.syntax import (
    Array,
    Binary,
    Call,
    Conditional,
    Index,
    Literal,
    Logical,
    Member,
    Name,
    Node,
    Unary,
    literal_text,
    show,
)
from statewf.values.frozen import freeze

FAULTS = r"""
"use strict";
const fault = () => { throw "fault"; };
const composite = a => typeof a === "object" && a !== null;
const number = a => a === null || typeof a === "number" || typeof a === "boolean";
const finite = a => Number.isFinite(a) ? a : fault();                       // nothing becomes NaN or Infinity
const operands = (a, b) => number(a) && number(b) || fault();               // and text is never read as a number
const scalar = a => typeof a === "string" || number(a) || fault();
const ordered = (a, b) => {
  if (a === undefined || b === undefined) return false;
  return typeof a === "string" && typeof b === "string" || operands(a, b);
};
const BINARY = {
  "===": (a, b) => composite(a) && composite(b) ? fault() : a === b,        // objects have no identity
  "!==": (a, b) => !BINARY["==="](a, b),
  "<": (a, b) => ordered(a, b) && a < b,
  "<=": (a, b) => ordered(a, b) && a <= b,
  ">": (a, b) => ordered(a, b) && a > b,
  ">=": (a, b) => ordered(a, b) && a >= b,
  "+": (a, b) => typeof a === "string" || typeof b === "string"
    ? scalar(a) && scalar(b) && a + b
    : operands(a, b) && finite(a + b),
  "-": (a, b) => operands(a, b) && finite(a - b),
  "*": (a, b) => operands(a, b) && finite(a * b),
  "/": (a, b) => operands(a, b) && finite(a / b),
  "%": (a, b) => operands(a, b) && finite(a % b),
};
const UNARY = { "!": a => !a, "-": a => number(a) ? -a : fault(), "+": a => number(a) ? +a : fault() };
const half = a => typeof a === "string" && /^[\ud800-\udfff]$/.test(a);
const index = (a, key) => {                                                 // no inherited members
  if (a === null || a === undefined) return undefined;
  const k = key();
  if (composite(k)) fault();
  const found = Object.hasOwn(Object(a), String(k)) ? a[k] : undefined;
  return typeof a === "string" && half(found) ? fault() : found;
};
const text = a => typeof a === "string" ? a : fault();
const figure = a => typeof a === "number" ? a : fault();
const object = a => composite(a) && !Array.isArray(a);
const CALL = {
  len: a => typeof a === "string" || Array.isArray(a) ? a.length : object(a) ? Object.keys(a).length : fault(),
  includes: (a, b) => typeof a === "string" ? a.includes(text(b))
    : Array.isArray(a) && !composite(b) ? a.includes(b) : fault(),
  startsWith: (a, b) => text(a).startsWith(text(b)),
  endsWith: (a, b) => text(a).endsWith(text(b)),
  lower: a => text(a).toLowerCase(),
  upper: a => text(a).toUpperCase(),
  abs: a => Math.abs(figure(a)),
  min: (...all) => Math.min(...all.map(figure)),
  max: (...all) => Math.max(...all.map(figure)),
  round: a => Math.round(figure(a)),
  has: (a, b) => a === null || a === undefined ? false : object(a) ? Object.hasOwn(a, text(b)) : fault(),
};
const run = (scope, code) => {
  const { a, b, c, d } = JSON.parse(scope);
  let f;
  try { f = new Function("a", "b", "c", "d", '"use strict"; return (' + code + "\n)"); }
  catch (error) { return "unreadable"; }
  try { return JSON.stringify(f(a, b, c, d)) ?? "undefined"; }
  catch (error) { return error === "fault" ? "fault" : "error: " + error; }
};
Object.assign(globalThis, { BINARY, UNARY, CALL, index, run });
"""

ENGINE = quickjs.Context()
ENGINE.eval(FAULTS)


def javascript(scope: Any, code: str) -> str:
    """What JavaScript answers, as JSON text, or `undefined`, `fault`, `unreadable`, `error: ...`."""
    return str(ENGINE.eval(f"run({json.dumps(json.dumps(scope))}, {json.dumps(code)})"))


def ours(scope: Any, text: str) -> Any:
    try:
        return parse(text).evaluate({key: freeze(value) for key, value in scope.items()})
    except Fault:
        return Fault


def check_same(found: Any, answer: str) -> None:
    if found is Fault or answer == "fault":
        assert (found is Fault) is (answer == "fault"), (found, answer)
    elif found is UNDEFINED or answer == "undefined":
        assert (found is UNDEFINED) is (answer == "undefined"), (found, answer)
    else:
        assert as_doubles(found) == as_doubles(json.loads(answer))


def as_doubles(value: Any) -> Any:
    """Numbers as doubles, so that JavaScript's spelling of a large one is no difference; true is still not 1."""
    if isinstance(value, bool | str | None):
        return (type(value), value)
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, tuple | list):
        return [as_doubles(item) for item in value]
    return {key: as_doubles(item) for key, item in value.items()}


# --- random data --------------------------------------------------------------------------------------------

texts = st.sampled_from(["", "a", "b", "ab", "0", "1", "x", "é", "\ufffd", "\U0001f600", "x\U0001f600"]) | st.text(
    "abx01 \u00e9\ufffd\U0001f600", max_size=4
)


def is_spelled_right(number: float) -> bool:
    """quickjs-ng writes 54 powers of two with a digit more than the shortest, which the standard asks for."""
    return abs(math.frexp(number)[0]) != 0.5 or 2**-20 <= abs(number) <= 2**60


numbers = (
    st.integers(-3, 3)
    | st.integers(-SAFE, SAFE)
    | st.sampled_from([0.5, -0.5, 2.5, -2.5, 0.1, 1e21, 1e20, 1e-7, 1e-6, 1e308, 5e-324, 0.49999999999999994])
    | st.floats(allow_nan=False, allow_infinity=False).filter(is_spelled_right)
)
scalars = st.none() | st.booleans() | numbers | texts
keys = st.sampled_from(["x", "y", "0", "true", "a b"])
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=8
)
scopes = st.dictionaries(st.sampled_from("abcd"), values)


# --- random trees -------------------------------------------------------------------------------------------


def literals(value: Any) -> Literal:
    return Literal(parse(literal_text(value)).evaluate({}))  # as it would be read: 1.0 is 1


leaves: st.SearchStrategy[Node] = (
    st.sampled_from("abcd").map(Name)
    | st.builds(Member, st.sampled_from("abcd").map(Name), keys | st.just("length"))
    | scalars.map(literals)
    | st.just(Literal(UNDEFINED))
)


def larger(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    one, several = st.tuples(inner), st.lists(inner, min_size=1, max_size=3).map(tuple)
    return st.one_of(
        st.builds(Member, inner, keys | st.just("length")),
        st.builds(
            Index, inner, inner.filter(lambda key: not (isinstance(key, Literal) and type(key.value) is str))
        ),
        st.builds(Unary, st.just("!"), inner),
        st.builds(Unary, st.sampled_from("+-"), inner.filter(lambda node: not isinstance(node, Literal))),
        st.builds(Binary, st.sampled_from(["===", "!==", "<", "<=", ">", ">="]), inner, inner),
        st.builds(Binary, st.sampled_from("+-*/%"), inner, inner),
        st.builds(Logical, st.sampled_from(["&&", "||", "??"]), st.lists(inner, min_size=2, max_size=3).map(tuple)),
        st.builds(Conditional, inner, inner, inner),
        st.builds(Array, st.lists(inner, max_size=3).map(tuple)),
        st.builds(Call, st.sampled_from(["len", "lower", "upper", "abs", "round"]), one),
        st.builds(Call, st.sampled_from(["min", "max"]), several),
        st.builds(Call, st.sampled_from(["includes", "startsWith", "endsWith", "has"]), st.tuples(inner, inner)),
    )


trees = st.recursive(leaves, larger, max_leaves=12)


def written_out(node: Node) -> str:
    """The tree as JavaScript with every operation spelled as a call, so that precedence plays no part."""
    match node:
        case Literal(value):
            return f"({literal_text(value)})"
        case Name(name):
            return name
        case Member(of, key):
            return f"index({written_out(of)}, () => {json.dumps(key)})"
        case Index(of, index):
            return f"index({written_out(of)}, () => {written_out(index)})"
        case Unary(operator, operand):
            return f"UNARY['{operator}']({written_out(operand)})"
        case Binary(operator, left, right):
            return f"BINARY['{operator}']({written_out(left)}, {written_out(right)})"
        case Logical(operator, operands):
            return f"({f' {operator} '.join(f'({written_out(operand)})' for operand in operands)})"
        case Conditional(test, then, other):
            return f"({written_out(test)} ? {written_out(then)} : {written_out(other)})"
        case Array(items):  # where an array holds JSON, undefined is null in it
            return f"[{', '.join(f'({written_out(item)}) ?? null' for item in items)}]"
        case Call(function, arguments):
            return f"CALL.{function}({', '.join(map(written_out, arguments))})"


@given(trees)
def test_a_tree_shown_and_parsed_is_the_same_tree(tree: Node) -> None:
    assert parse(show(tree)).node == tree


@given(scopes, trees)
def test_trees_mean_what_javascript_means(scope: Any, tree: Node) -> None:
    check_same(ours(scope, show(tree)), javascript(scope, written_out(tree)))


comparable = st.sampled_from("abcd").map(Name) | scalars.map(literals)


@given(st.fixed_dictionaries(dict.fromkeys("abcd", scalars)), st.data())
def test_operators_on_scalars(scope: Any, data: st.DataObject) -> None:
    operator = data.draw(st.sampled_from(["===", "!==", "<", "<=", ">", ">=", "+", "-", "*", "/", "%"]))
    tree = Binary(operator, data.draw(comparable), data.draw(comparable))
    check_same(ours(scope, show(tree)), javascript(scope, written_out(tree)))


@given(st.lists(numbers | texts, min_size=2, max_size=2))
def test_values_of_one_kind_in_order(pair: list[Any]) -> None:
    assume(isinstance(pair[0], str) is isinstance(pair[1], str))
    scope = dict(zip("ab", pair, strict=True))
    for operator in ("<", "<=", ">", ">=", "===", "+"):
        check_same(ours(scope, f"a {operator} b"), javascript(scope, f"BINARY['{operator}'](a, b)"))


@given(numbers)
def test_numbers_as_text(number: float) -> None:
    check_same(ours({"a": number}, "'' + a"), javascript({"a": number}, "'' + a"))


# --- random texts -------------------------------------------------------------------------------------------

OPERANDS = r"""
a b c d a.x b?.y a[0] b?.[1] a['x'] c.length 0 1 2 3 0.5 .5 7. 1e2 'x' "y" '' '\n\x41\u{1F600}\0'
true false null undefined [1,2] [] (a) (b||c) (a??b) (1) [7][0]
"""
LINKS = "=== !== < <= > >= && || ?? + - * / % + - * / && || ? : ?:"
operands = st.sampled_from(OPERANDS.split())
links = st.sampled_from(LINKS.split())
signs = st.lists(st.sampled_from(["!", "-", "+", "- ", "+ ", "! "]), max_size=2).map("".join)


@st.composite
def formulas(draw: st.DrawFn) -> str:
    """Operands joined without parentheses, spaced or not; most are well formed."""
    parts = [draw(signs) + draw(operands)]
    space = draw(st.sampled_from(["", " "]))
    for link in draw(st.lists(links, max_size=5)):
        if link == "?:":
            parts += ["?", draw(operands), ":"]
        else:
            parts.append(link)
        parts.append(draw(signs) + draw(operands))
    return space.join(parts)


@given(formulas(), scopes)
def test_texts_mean_what_javascript_means(text: str, scope: Any) -> None:
    answer = javascript(scope, text)
    try:
        found = ours(scope, text)
    except ExpressionError:
        # ++ and -- are JavaScript's, but not ours.
        assert answer == "unreadable" or "++" in text or "--" in text
        return
    assert answer != "unreadable"
    if found is not Fault and not answer.startswith("error: "):  # JavaScript throws where it reads through nothing
        check_same(found, answer)


TOKENS = r"""
a b . ?. [ ] ( ) , ? : ?? && || ! - + * / % < <= > >= === !== 1 0.5 .5 1. 01 1e5 'a' "b" '\x4' '\u0041' '\8'
true null é $ _ ² क ; = => ` { } # @ \ ~ ^ & |
"""
tokens = st.sampled_from([*TOKENS.split(), "\U0001d4b3"])


@given(st.lists(tokens, max_size=10), st.sampled_from(["", " "]))
def test_what_we_read_javascript_reads(parts: list[str], space: str) -> None:
    text = space.join(parts)
    try:
        parse(text)
    except ExpressionError:
        return
    assert javascript({}, text) != "unreadable"
