"""Evaluating a condition of which not all is known: its value, or that it depends on what is not known.

For who explores what may happen without data: a member that is missing may be anything, and so is all that
is read through it. What can be told all the same is told: `a && false` is false, whatever `a` is.

Beside `evaluate`, whose operators and functions these are; slower, for the tree is walked each time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, assert_never

from statewf.expr.functions import FUNCTIONS
from statewf.expr.operators import BINARY, UNARY, Fault, element, member, truthy
from statewf.expr.syntax import (
    UNDEFINED,
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
)

MADE = frozenset(
    {"results", "errors", "attempts"}
)  # what the run itself makes: a member that is missing there is missing
_NEVER_FAULT = frozenset({"===", "!==", "!", "&&", "||", "??"})


class Unknown:
    """A value of which nothing is known. Each is another one: what was read anew may have changed."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "unknown"


UNKNOWN = Unknown()


def partly(node: Node, scope: Mapping[str, Any]) -> Any:
    """Its value, or an `Unknown`. Raises `Fault` where there certainly is none."""
    match node:
        case Literal(value):
            return value
        case Name(name):
            return _name(name, scope)
        case Member(Name(root), key) if root in MADE and key not in scope.get(root, ()):
            return UNDEFINED
        case Member(of, key):
            return _member(partly(of, scope), key)
        case Index(of, key):
            return _element(partly(of, scope), key, scope)
        case Unary("!", operand):
            answer = truth(operand, scope)
            return not answer if isinstance(answer, bool) else answer
        case Unary(operator, operand):
            value = partly(operand, scope)
            return value if isinstance(value, Unknown) else UNARY[operator](value)
        case Binary(operator, left, right):
            return _applied(BINARY[operator], [partly(left, scope), partly(right, scope)])
        case Logical(operator, operands):
            return _logical(operator, operands, scope)
        case Conditional(test, then, other):
            return _conditional(test, then, other, scope)
        case Array(items):
            values = [partly(item, scope) for item in items]
            unknown = any(isinstance(value, Unknown) for value in values)
            return UNKNOWN if unknown else tuple(None if value is UNDEFINED else value for value in values)
        case Call(function, arguments):
            return _called(function, [partly(argument, scope) for argument in arguments])
        case _:
            assert_never(node)


def truth(node: Node, scope: Mapping[str, Any]) -> bool | Unknown:
    """Whether it is true, which may be known where its value is not. Raises `Fault` likewise."""
    match node:
        case Logical("&&" | "||" as operator, operands):
            return _chained(operands, scope, ending=operator == "||")
        case _:
            value = partly(node, scope)
            return value if isinstance(value, Unknown) else truthy(value)


def _chained(operands: tuple[Node, ...], scope: Mapping[str, Any], *, ending: bool) -> bool | Unknown:
    """The truth of a chain, which one operand decides that is `ending`, also if those before are not known."""
    unknown = False
    for operand in operands:
        try:
            answer = truth(operand, scope)
        except Fault:
            if unknown:  # nobody knows whether it comes to that
                return UNKNOWN
            raise
        if isinstance(answer, Unknown):
            if may_fault(operand):
                return UNKNOWN
            unknown = True
        elif answer is ending:
            return ending
    return UNKNOWN if unknown else not ending


def decided(node: Node, scope: Mapping[str, Any], ask: Callable[[Node], bool]) -> bool:
    """Whether it is true, where `ask` answers for those parts of which that is not known: comparisons, members, calls.

    `a !== b` asks for `a === b`. What need not be known is not asked for. Raises `Fault`, also what `ask` raises.
    """
    told = truth(node, scope)
    if isinstance(told, bool):
        return told
    match node:
        case Logical("&&" | "||" as operator, operands):
            ending = operator == "||"
            return ending if any(decided(operand, scope, ask) is ending for operand in operands) else not ending
        case Unary("!", operand):
            return not decided(operand, scope, ask)
        case Binary("!==", left, right):
            return not decided(Binary("===", left, right), scope, ask)
        case Conditional(test, then, other):
            return decided(then if decided(test, scope, ask) else other, scope, ask)
        case _:
            return ask(node)


def positive(node: Node) -> tuple[Node, bool]:
    """The same without negations around it, and whether it holds when that does, and not when that does not."""
    match node:
        case Unary("!", operand):
            inner, same = positive(operand)
            return inner, not same
        case Binary("!==", left, right):
            return Binary("===", left, right), False
        case _:
            return node, True


def askable(node: Node) -> Iterator[Node]:
    """The parts that `decided` may ask for."""
    inner, _ = positive(node)
    match inner:
        case Logical("&&" | "||", operands):
            for operand in operands:
                yield from askable(operand)
        case Conditional(test, then, other):
            for part in (test, then, other):
                yield from askable(part)
        case Literal():
            pass
        case _:
            yield inner


def may_fault(node: Node) -> bool:
    """Whether some data leave it without a value."""
    match node:
        case Literal() | Name():
            return False
        case Member(of, _):
            return may_fault(of)
        case Unary(operator, operand):
            return operator not in _NEVER_FAULT or may_fault(operand)
        case Binary("===" | "!==", left, Literal() as right) | Binary("===" | "!==", Literal() as right, left):
            return may_fault(left) or may_fault(right)
        case Logical(_, operands) | Array(operands):
            return any(map(may_fault, operands))
        case Conditional(test, then, other):
            return may_fault(test) or may_fault(then) or may_fault(other)
        case Binary() | Index() | Call():
            return True
        case _:
            assert_never(node)


def _name(name: str, scope: Mapping[str, Any]) -> Any:
    try:
        return _known(scope[name])  # some scopes make what is asked for
    except KeyError:
        return UNKNOWN


def _known(value: Any) -> Any:
    """An object of which no member is known may be anything."""
    return UNKNOWN if isinstance(value, Mapping) and not value else value


def _member(value: Any, key: str) -> Any:
    if isinstance(value, Unknown):
        return value
    if isinstance(value, Mapping):
        return _known(value[key]) if key in value else UNKNOWN
    return member(value, key)


def _element(value: Any, key: Node, scope: Mapping[str, Any]) -> Any:
    if value is None or value is UNDEFINED:
        return UNDEFINED  # and the key is not asked for
    chosen = _guarded(key, scope) if isinstance(value, Unknown) else partly(key, scope)
    if isinstance(value, Unknown) or isinstance(chosen, Unknown):
        return UNKNOWN
    found = element(value, chosen)
    if isinstance(value, Mapping):
        return UNKNOWN if found is UNDEFINED else _known(found)
    return found


def _called(function: str, values: list[Any]) -> Any:
    if any(isinstance(value, Mapping) for value in values):  # more may be in it than is known
        held = function == "has" and isinstance(values[1], str) and values[1] in values[0]
        return True if held else UNKNOWN
    return _applied(FUNCTIONS[function].call, values)


def _applied(function: Any, values: list[Any]) -> Any:
    unknown = any(isinstance(value, Unknown) for value in values)
    return UNKNOWN if unknown else function(*values)


def _logical(operator: str, operands: tuple[Node, ...], scope: Mapping[str, Any]) -> Any:
    """The chain as far as it decides."""
    value: Any = UNDEFINED
    for operand in operands:
        value = partly(operand, scope)
        if isinstance(value, Unknown) or _ends(operator, value):
            return value
    return value


def _ends(operator: str, value: Any) -> bool:
    """Whether such a chain goes no further than this value."""
    if operator == "??":
        return value is not None and value is not UNDEFINED
    return truthy(value) is (operator == "||")


def _guarded(node: Node, scope: Mapping[str, Any]) -> Any:
    """The value of a part of which nobody knows whether it is evaluated: that it has none is not certain either."""
    try:
        return partly(node, scope)
    except Fault:
        return UNKNOWN


def _conditional(test: Node, then: Node, other: Node, scope: Mapping[str, Any]) -> Any:
    answer = truth(test, scope)
    if isinstance(answer, bool):
        return partly(then if answer else other, scope)
    one, two = _guarded(then, scope), _guarded(other, scope)
    same = type(one) is type(two) and not isinstance(one, Unknown | Mapping) and one == two
    return UNKNOWN if may_fault(test) or not same else one
