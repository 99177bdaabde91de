"""A tree compiled to Python closures, which is what makes a guard cost less than a microsecond.

Below: `syntax`, `operators`, `functions`. Above: `Expression`, which compiles itself when first evaluated.
Whatever is known from the tree (a member's name, a constant side of a comparison) is settled here, once;
a closure does only what depends on the data. Recursion is as deep as the tree, which `grammar` bounds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, assert_never

from statewf.expr.functions import FUNCTIONS
from statewf.expr.operators import BINARY, ORDERING, UNARY, Fault, element, member, truthy
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
    is_number,
    show,
)

Scope: TypeAlias = Mapping[str, Any]
Closure: TypeAlias = Callable[[Scope], Any]

_NUMBERS = frozenset({int, float})
_SHOWN = 120  # characters of the condition in a fault


def compiled(node: Node) -> Closure:
    """The function from a scope to the value of this tree. It may raise `Fault`, and nothing else."""
    match node:
        case Literal(value):
            return lambda _: value
        case Name(name):
            return _path((name,))
        case Member():
            return _member(node)
        case Index():
            return _index(node)
        case Unary():
            return _unary(node)
        case Binary():
            return _binary(node)
        case Logical(operator, operands):
            return _LOGICAL[operator](tuple(map(compiled, operands)))
        case Conditional(test, then, other):
            return _conditional(compiled(test), compiled(then), compiled(other))
        case Array(items):
            return _array(items)
        case Call():
            return _call(node)
        case _:
            assert_never(node)


def _located(fault: Fault, node: Node) -> Fault:
    """The same fault with the part of the condition where it happened."""
    text = show(node)
    return Fault(f"{fault}: {text if len(text) <= _SHOWN else text[:_SHOWN] + '...'}")


# --- members ------------------------------------------------------------------------------------------------


def _member(node: Member) -> Closure:
    """The commonest part of all, `context.order.total`, is one closure and not three."""
    keys: list[str] = []
    root: Node = node
    while isinstance(root, Member):
        keys.insert(0, root.key)
        root = root.object
    if isinstance(root, Name):
        return _path((root.name, *keys))
    first, path = compiled(root), tuple(keys)
    return lambda scope: _walk(first(scope), path)


def _path(path: tuple[str, ...]) -> Closure:
    def read(scope: Scope) -> Any:
        value: Any = scope
        try:
            for key in path:
                value = value[key]
        except KeyError:
            return UNDEFINED  # a missing member, and so all that is read through it
        except TypeError:
            return _walk(scope, path)  # null, text and arrays, whose members Python knows otherwise
        return value

    return read


def _walk(value: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        value = member(value, key)
    return value


def _index(node: Index) -> Closure:
    of, key = compiled(node.object), compiled(node.key)

    def read(scope: Scope) -> Any:
        value = of(scope)
        if value is None or value is UNDEFINED:
            return UNDEFINED  # and the key is not asked for, as with ?.
        chosen = key(scope)
        try:
            return element(value, chosen)
        except Fault as fault:
            raise _located(fault, node) from None

    return read


# --- operators ----------------------------------------------------------------------------------------------


def _unary(node: Unary) -> Closure:
    operand, apply = compiled(node.operand), UNARY[node.operator]

    def run(scope: Scope) -> Any:
        value = operand(scope)
        try:
            return apply(value)
        except Fault as fault:
            raise _located(fault, node) from None

    return run


def _binary(node: Binary) -> Closure:
    match node:
        case Binary("===" | "!==" as operator, side, Literal(value)):
            return _same(compiled(side), value, operator == "===")
        case Binary("===" | "!==" as operator, Literal(value), side):
            return _same(compiled(side), value, operator == "===")
        case Binary(operator) if operator in ORDERING:
            return _ordering(node)
        case _:
            return _general(node)


def _same(side: Closure, value: Any, wanted: bool) -> Closure:
    """Comparing with a constant, which is always a scalar and cannot fault."""
    if isinstance(value, str):
        return lambda scope: (side(scope) == value) is wanted
    if not is_number(value):  # true, false, null and undefined each exist once
        return lambda scope: (side(scope) is value) is wanted

    def run(scope: Scope) -> bool:
        found = side(scope)
        return (found == value and found is not True and found is not False) is wanted

    return run


def _ordering(node: Binary) -> Closure:
    left, right, compare = compiled(node.left), compiled(node.right), ORDERING[node.operator]
    apply = BINARY[node.operator]
    if isinstance(node.right, Literal) and is_number(node.right.value):
        return _limited(node, left, node.right.value)

    def run(scope: Scope) -> Any:
        a, b = left(scope), right(scope)
        if type(a) in _NUMBERS and type(b) in _NUMBERS:
            return compare(a, b)
        try:
            return apply(a, b)
        except Fault as fault:
            raise _located(fault, node) from None

    return run


def _limited(node: Binary, side: Closure, limit: Any) -> Closure:
    """The commonest guard: something against a number written down."""
    compare, apply = ORDERING[node.operator], BINARY[node.operator]

    def run(scope: Scope) -> Any:
        value = side(scope)
        if type(value) in _NUMBERS:
            return compare(value, limit)
        try:
            return apply(value, limit)
        except Fault as fault:
            raise _located(fault, node) from None

    return run


def _general(node: Binary) -> Closure:
    left, right, apply = compiled(node.left), compiled(node.right), BINARY[node.operator]

    def run(scope: Scope) -> Any:
        a, b = left(scope), right(scope)
        try:
            return apply(a, b)
        except Fault as fault:
            raise _located(fault, node) from None

    return run


# --- what is evaluated only as far as needed ----------------------------------------------------------------


def _all(operands: tuple[Closure, ...]) -> Closure:
    *firsts, last = operands

    def run(scope: Scope) -> Any:
        for operand in firsts:
            value = operand(scope)
            if value is False or (value is not True and not truthy(value)):
                return value
        return last(scope)

    return run


def _any(operands: tuple[Closure, ...]) -> Closure:
    *firsts, last = operands

    def run(scope: Scope) -> Any:
        for operand in firsts:
            value = operand(scope)
            if value is True or (value is not False and truthy(value)):
                return value
        return last(scope)

    return run


def _first(operands: tuple[Closure, ...]) -> Closure:
    *firsts, last = operands

    def run(scope: Scope) -> Any:
        for operand in firsts:
            value = operand(scope)
            if value is not None and value is not UNDEFINED:
                return value
        return last(scope)

    return run


_LOGICAL: Mapping[str, Callable[[tuple[Closure, ...]], Closure]] = {"&&": _all, "||": _any, "??": _first}


def _conditional(test: Closure, then: Closure, other: Closure) -> Closure:
    return lambda scope: then(scope) if truthy(test(scope)) else other(scope)


# --- arrays and calls ---------------------------------------------------------------------------------------


def _array(nodes: tuple[Node, ...]) -> Closure:
    """An array holds JSON: undefined becomes null in it, as when JavaScript stores it."""
    items = tuple(map(compiled, nodes))

    def run(scope: Scope) -> tuple[Any, ...]:
        values = [item(scope) for item in items]
        return tuple([None if value is UNDEFINED else value for value in values])

    if all(isinstance(node, Literal) for node in nodes):
        constant = run({})  # a list of choices, the commonest array, is made once
        return lambda _: constant
    return run


def _call(node: Call) -> Closure:
    arguments, function = tuple(map(compiled, node.arguments)), FUNCTIONS[node.function].call

    def run(scope: Scope) -> Any:
        values = [argument(scope) for argument in arguments]
        try:
            return function(*values)
        except Fault as fault:
            raise _located(fault, node) from None

    return run
