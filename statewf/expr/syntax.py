"""The tree of a condition: frozen nodes, what is below each, and how it is written.

Below: nothing. Above: `grammar` makes these from text, `evaluate` compiles them, `reads` walks them.
What means the same has one shape: `a?.b` and `a["b"]` are both a `Member`, `==` is `===`, and a chain
of `&&` is one node, so that a hundred alternatives are wide and not deep.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any, Final, TypeAlias, assert_never, final

import attrs


@final
class Undefined:
    """The type of `UNDEFINED`, what a missing member reads as. There is one of it, copied or unpickled too."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "undefined"

    def __reduce__(self) -> str:
        return "UNDEFINED"


UNDEFINED: Final = Undefined()

Scalar: TypeAlias = bool | int | float | str | Undefined | None


def _exactly(value: Scalar) -> tuple[type, Scalar]:
    return type(value), value  # for Python 1 == True == 1.0


@attrs.frozen
class Literal:
    """A value written down: `12`, `"text"`, `true`, `null`, `undefined`."""

    value: Scalar = attrs.field(eq=_exactly)


@attrs.frozen
class Name:
    """A variable: `inputs`."""

    name: str


@attrs.frozen
class Member:
    """A member known by name: `a.b`, `a?.b`, `a["b"]`."""

    object: Node
    key: str


@attrs.frozen
class Index:
    """A member whose key is computed, or a number: `a[i]`, `a?.[0]`."""

    object: Node
    key: Node


@attrs.frozen
class Unary:
    """`!a`, `-a` or `+a`."""

    operator: str
    operand: Node


@attrs.frozen
class Binary:
    """Comparison or arithmetic; both sides are always evaluated."""

    operator: str
    left: Node
    right: Node


@attrs.frozen
class Logical:
    """A chain of `&&`, of `||` or of `??`: two operands or more, evaluated only as far as needed."""

    operator: str
    operands: tuple[Node, ...]


@attrs.frozen
class Conditional:
    """`test ? then : other`."""

    test: Node
    then: Node
    other: Node


@attrs.frozen
class Array:
    """`[a, b]`."""

    items: tuple[Node, ...]


@attrs.frozen
class Call:
    """One of the functions in `functions`, with the right number of arguments."""

    function: str
    arguments: tuple[Node, ...]


Node: TypeAlias = Literal | Name | Member | Index | Unary | Binary | Logical | Conditional | Array | Call


def children(node: Node) -> tuple[Node, ...]:
    """The nodes right below, in order of appearance."""
    match node:
        case Literal() | Name():
            return ()
        case Member(of, _):
            return (of,)
        case Index(of, key):
            return (of, key)
        case Unary(_, operand):
            return (operand,)
        case Binary(_, left, right):
            return (left, right)
        case Conditional(test, then, other):
            return (test, then, other)
        case Logical(_, nodes) | Array(nodes) | Call(_, nodes):
            return nodes
        case _:
            assert_never(node)


def rewritten(node: Node, change: Callable[[Node], Node | None]) -> Node:
    """The same tree with something else in place of those nodes for which `change` gives it, from the root down."""
    changed = change(node)
    if changed is not None:
        return changed
    match node:
        case Literal() | Name():
            return node
        case Member(of, key):
            return Member(rewritten(of, change), key)
        case Index(of, key):
            return Index(rewritten(of, change), rewritten(key, change))
        case Unary(operator, operand):
            return Unary(operator, rewritten(operand, change))
        case Binary(operator, left, right):
            return Binary(operator, rewritten(left, change), rewritten(right, change))
        case Conditional(test, then, other):
            return Conditional(*(rewritten(part, change) for part in (test, then, other)))
        case Logical(operator, operands):
            return Logical(operator, tuple(rewritten(operand, change) for operand in operands))
        case Array(items):
            return Array(tuple(rewritten(item, change) for item in items))
        case Call(function, arguments):
            return Call(function, tuple(rewritten(argument, change) for argument in arguments))
        case _:
            assert_never(node)


def deeper_than(root: Node, limit: int) -> bool:
    """Whether some node has `limit` others above it. Without recursion, for it is asked to make that safe."""
    level: list[Node] = [root]
    for _ in range(limit):
        level = [child for node in level for child in children(node)]
    return bool(level)


# How tightly each kind binds, from `a ? b : c` (0) to names; a looser operand needs parentheses.
_EQUALITY, _UNARY, _POSTFIX = 3, 7, 8
_BINARY = {"===": 3, "!==": 3, "<": 4, "<=": 4, ">": 4, ">=": 4, "+": 5, "-": 5, "*": 6, "/": 6, "%": 6}
_LOGICAL = {"??": (1, _EQUALITY), "||": (1, 2), "&&": (2, _EQUALITY)}  # own, and least of an operand
_PLAIN_NAME = re.compile(r"(?!\d)[\w$]+")


def show(node: Node) -> str:
    """The condition as text, in one spelling; parsing it gives the same tree again."""
    return _show(node, 0)


def _show(node: Node, least: int) -> str:
    text, binding = _written(node)
    return text if binding >= least else f"({text})"


def _written(node: Node) -> tuple[str, int]:
    match node:
        case Literal(value):
            return literal_text(value), _UNARY if isinstance(value, int | float) else _POSTFIX
        case Name(name):
            return name, _POSTFIX
        case Member(of, key):
            return _show(of, _POSTFIX) + (f".{key}" if _PLAIN_NAME.fullmatch(key) else f"[{quoted(key)}]"), _POSTFIX
        case Index(of, index):
            return f"{_show(of, _POSTFIX)}[{show(index)}]", _POSTFIX
        case Unary(operator, operand):
            text = _show(operand, _UNARY)
            return operator + (f"({text})" if text[0] in "+-" else text), _UNARY
        case Binary(operator, left, right):
            own = _BINARY[operator]
            return f"{_show(left, own)} {operator} {_show(right, own + 1)}", own
        case Logical(operator, operands):
            own, least = _LOGICAL[operator]
            return f" {operator} ".join(_show(operand, least) for operand in operands), own
        case Conditional(test, then, other):
            return f"{_show(test, 1)} ? {show(then)} : {show(other)}", 0
        case Array(items):
            return f"[{', '.join(map(show, items))}]", _POSTFIX
        case Call(function, arguments):
            return f"{function}({', '.join(map(show, arguments))})", _POSTFIX
        case _:
            assert_never(node)


def literal_text(value: Scalar) -> str:
    """A scalar as one would write it in a condition; integers of any size exactly."""
    match value:
        case str():
            return quoted(value)
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            text = number_text(value)
            return repr(value) if text.strip("-").isdigit() else text  # digits alone would be read as that integer
        case Undefined():
            return "undefined"
        case _:
            assert_never(value)


def quoted(text: str) -> str:
    """Text in double quotes, with what must be escaped."""
    return json.dumps(text, ensure_ascii=False)


def number_text(number: float) -> str:
    """A double as JavaScript has it: `1e+21`, `0.000001`, `1e-7`. Python has the same digits, placed otherwise."""
    if not math.isfinite(number) or number == 0:
        return "0" if number == 0 else str(number)
    sign = "-" if number < 0 else ""
    mantissa, _, exponent = repr(abs(float(number))).partition("e")
    whole, _, fraction = mantissa.partition(".")
    padded = whole + fraction
    digits = padded.lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(padded) - len(digits))  # its place, counted from the first digit
    return sign + _placed(digits.rstrip("0"), point)


def _placed(digits: str, point: int) -> str:
    if len(digits) <= point <= 21:
        return digits.ljust(point, "0")
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"0.{'0' * -point}{digits}"
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{fraction}e{point - 1:+d}"


def is_number(value: Any) -> bool:
    """Whether it is a number to JavaScript; to Python `True` is one too."""
    return isinstance(value, int | float) and not isinstance(value, bool)
