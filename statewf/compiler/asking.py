"""What guards ask that the compiler can answer: which states are active, and which event of its own a machine takes.

`includes(state, 'paying')` holds where `paying` is active: the table has a row for each combination of states, so
the answer is known when the row is written. So is the name of a raised event, which has no data.

Below: `expr`. Above: `check`, which refuses what else is asked of `state`, and `states`.
"""

from __future__ import annotations

from collections.abc import Container, Iterator

from statewf.expr import Expression, of_node
from statewf.expr.operators import truthy
from statewf.expr.partly import may_fault
from statewf.expr.syntax import (
    UNDEFINED,
    Call,
    Conditional,
    Literal,
    Logical,
    Member,
    Name,
    Node,
    Unary,
    children,
    rewritten,
)

STATE = "state"


def asked(expression: Expression) -> Iterator[str | None]:
    """The states after which a condition asks; None for anything else it does with `state`."""
    if any(path[0] == STATE for path in expression.reads):
        yield from _asked(expression.node)


def _asked(node: Node) -> Iterator[str | None]:
    match node:
        case Call("includes", (Name("state"), Literal(str(name)))):
            yield name
        case Name("state"):
            yield None
        case _:
            for child in children(node):
                yield from _asked(child)


def answered(guard: Expression | None, active: Container[str], event: str | None) -> Expression | bool | None:
    """What is left to ask of a guard where these states are active; True or False if that is nothing.

    `event` is the event of its own that the machine takes; None where one comes from outside.
    """
    if guard is None:
        return None
    roots = {path[0] for path in guard.reads}
    if STATE not in roots and (event is None or "event" not in roots):
        return guard

    def known(node: Node) -> Node | None:
        match node:
            case Call("includes", (Name("state"), Literal(str(name)))):
                return Literal(name in active)
            case _:
                return None if event is None else _of_event(node, event)

    left = simplified(rewritten(guard.node, known))
    return truthy(left.value) if isinstance(left, Literal) else of_node(left)


def of_own(value: Expression, event: str) -> Expression:
    """A value that is assigned while the machine takes an event of its own, which has a name and no data."""
    if not any(path[0] == "event" for path in value.reads):
        return value
    return of_node(rewritten(value.node, lambda node: _of_event(node, event)))


def _of_event(node: Node, event: str) -> Node | None:
    """What is known of such an event."""
    match node:
        case Member(Name("event"), "name"):
            return Literal(event)
        case Member(Member(Name("event"), "data"), _):
            return Literal(UNDEFINED)
        case _:
            return None


def simplified(node: Node) -> Node:
    """A condition without those parts that decide nothing: it holds where it held, and faults where it did."""
    match node:
        case Logical("&&", operands):
            return _chained("&&", [simplified(operand) for operand in operands], ending=False)
        case Logical("||", operands):
            return _chained("||", [simplified(operand) for operand in operands], ending=True)
        case Unary("!", operand):
            inner = simplified(operand)
            return Literal(not truthy(inner.value)) if isinstance(inner, Literal) else Unary("!", inner)
        case Conditional(test, then, other):
            decided = simplified(test)
            if isinstance(decided, Literal):
                return simplified(then if truthy(decided.value) else other)
            return Conditional(decided, simplified(then), simplified(other))
        case _:
            return node


def _chained(operator: str, operands: list[Node], *, ending: bool) -> Node:
    """A chain, which one operand decides that is `ending`, if none before it faults."""
    kept: list[Node] = []
    for operand in operands:
        if isinstance(operand, Literal) and truthy(operand.value) is ending:
            if not any(map(may_fault, kept)):
                return Literal(ending)
            kept.append(operand)
        elif not isinstance(operand, Literal):
            kept.append(operand)
    if len(kept) < 2:
        return kept[0] if kept else Literal(not ending)
    return Logical(operator, tuple(kept))
