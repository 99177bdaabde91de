"""Conditions of python-statemachine, which are names, texts and functions, in the language of definitions.

A name asks the context. A text such as `paid and not (total < 10)` is read as python-statemachine reads it, with its
short forms (`!`, `^`, `v`), and never run. A function is known by its name.

Below: `names`, `naming`, `expr`. Beside: `chart`, whose functions say what they mean. Above: `read`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from typing import Any

from statemachine.callbacks import CallbackSpec
from statemachine.spec_parser import replace_operators

from statewf.errors import ExpressionError
from statewf.expr import Expression, conjunction, literal, of_node
from statewf.expr.syntax import Binary, Call, Literal, Logical, Name, Node, Unary
from statewf.interop.names import by_name
from statewf.interop.statemachine.calls import Unsayable, called

_COMPARED: dict[type[ast.cmpop], str] = {
    ast.Eq: "===",
    ast.NotEq: "!==",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}


def condition(specs: Iterable[CallbackSpec], states: Mapping[str, str]) -> Expression | None:
    """What must hold for a transition; `states` are the names of states by their ids. Raises Unsayable."""
    return conjunction([_one(spec, states) for spec in specs])


def _one(spec: CallbackSpec, states: Mapping[str, str]) -> Expression:
    means = getattr(spec.func, "means", None)
    if isinstance(means, Expression):
        asked = means
    elif isinstance(spec.func, str):
        asked = of_node(_parsed(spec.func, states))
    else:
        asked = _named(called(spec))
    return asked if spec.expected_value is not False else of_node(Unary("!", asked.node))


def _named(name: str) -> Expression:
    found = by_name([name])
    assert found is not None, "a name was given"
    return found


def _parsed(text: str, states: Mapping[str, str]) -> Node:
    if text.isidentifier():  # python-statemachine does not look for an operator in it
        return _named(text).node
    try:
        tree = ast.parse(replace_operators(text).strip(), mode="eval")
        return _node(tree.body, states)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise Unsayable(f"the condition {text[:80]!r}", "it does not parse as one") from None
    except ExpressionError as error:
        raise Unsayable(f"the condition {text[:80]!r}", error.diagnostics[0].message) from None


def _node(node: ast.expr, states: Mapping[str, str]) -> Node:
    match node:
        case ast.Name(name):
            return _named(name).node
        case ast.Constant(value) if value is None or isinstance(value, bool | int | float | str):
            return literal(value).node
        case ast.UnaryOp(ast.Not(), operand):
            return Unary("!", _node(operand, states))
        case ast.BoolOp(operator, values):
            sign = "&&" if isinstance(operator, ast.And) else "||"
            return Logical(sign, tuple(_flat(sign, (_node(value, states) for value in values))))
        case ast.Compare(left, operators, others):
            return _compared(_node(left, states), operators, [_node(other, states) for other in others])
        case ast.Call(ast.Name(name), arguments) if name.lower() == "in":
            return _inside(arguments, states)
        case _:
            hint = "conditions have names, and, or, not, comparisons, constants and In('state')"
            raise Unsayable(f"the condition {ast.unparse(node)[:80]!r}", hint)


def _flat(sign: str, nodes: Iterable[Node]) -> Iterable[Node]:
    """The operands of a chain, in which there are no chains of the same kind."""
    for node in nodes:
        if isinstance(node, Logical) and node.operator == sign:
            yield from node.operands
        else:
            yield node


def _compared(left: Node, operators: list[ast.cmpop], others: list[Node]) -> Node:
    parts: list[Node] = []
    for operator, right in zip(operators, others, strict=True):
        sign = _COMPARED.get(type(operator))
        if sign is None:
            raise Unsayable(
                f"the comparison {type(operator).__name__}", "python-statemachine has none of it either"
            )
        parts.append(Binary(sign, left, right))
        left = right
    return parts[0] if len(parts) == 1 else Logical("&&", tuple(parts))


def _inside(arguments: list[ast.expr], states: Mapping[str, str]) -> Node:
    ids: list[Any] = [argument.value for argument in arguments if isinstance(argument, ast.Constant)]
    unknown = next((name for name in ids if name not in states), None)
    if unknown is not None or len(ids) < len(arguments) or not ids:
        raise Unsayable(f"In({unknown!r})", "name a state of the machine")
    parts = tuple(Call("includes", (Name("state"), Literal(states[name]))) for name in ids)
    return parts[0] if len(parts) == 1 else Logical("&&", parts)
