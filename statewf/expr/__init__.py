"""The condition language: a small, total, side-effect-free subset of JavaScript, from text to answer.

`parse(text)` gives an `Expression`, a value that can be compared, hashed, evaluated, and asked what it reads.
Below: `values` and `errors`. Above: everything with a guard, a `when`, a `match` or an assignment.
Inside, from the ground: syntax (the tree), operators, functions, grammar, evaluate, partly, reads.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any, TypeGuard

import attrs

from statewf.errors import Diagnostic, ExpressionError
from statewf.expr.evaluate import Closure, compiled
from statewf.expr.grammar import LENGTH, parsed
from statewf.expr.operators import Fault, kind, settled, truthy
from statewf.expr.partly import UNKNOWN, Unknown, askable, decided, may_fault, partly, positive, truth
from statewf.expr.reads import Path, reads, texts
from statewf.expr.syntax import UNDEFINED, Literal, Logical, Node, Undefined, literal_text, show

__all__ = [
    "UNDEFINED",
    "UNKNOWN",
    "Expression",
    "Fault",
    "Undefined",
    "Unknown",
    "conjunction",
    "literal",
    "of_node",
    "parse",
]


@attrs.frozen
class Expression:
    """A condition or a value to compute. The text says it all, so it alone is compared and hashed.

    `parts` are what a conjunction was made of, each as somebody wrote it.
    """

    text: str
    node: Node = attrs.field(eq=False, repr=False)
    parts: tuple[Expression, ...] = attrs.field(default=(), eq=False, repr=False)

    @cached_property
    def reads(self) -> tuple[Path, ...]:
        """The variables it reads, as static member paths: `a.b[0]` is `("a", "b", 0)`."""
        return reads(self.node)

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts written in it: `has(a, "b")` has `b`, while `a.b` and `a["b"]` have none."""
        return texts(self.node)

    @property
    def constant(self) -> bool:
        """Whether it reads nothing, and so always has the same answer."""
        return not self.reads

    @cached_property
    def _run(self) -> Closure:
        return compiled(self.node)

    def evaluate(self, scope: Mapping[str, Any]) -> Any:
        """Its value: JSON, or UNDEFINED. Raises `Fault` where there is none."""
        return self._run(scope)

    def partly(self, scope: Mapping[str, Any]) -> Any:
        """Its value where a missing member may be anything, or an `Unknown`. Raises `Fault` where there certainly is none."""
        return partly(self.node, scope)

    def truth(self, scope: Mapping[str, Any]) -> bool | Unknown:
        """Whether it holds, likewise: that may be known where its value is not. Raises `Fault` likewise."""
        return truth(self.node, scope)

    def decided(self, scope: Mapping[str, Any], ask: Callable[[Expression], bool]) -> bool:
        """Whether it holds, where `ask` answers for those parts of which that is not known. Raises `Fault`.

        The parts are comparisons, members and calls; a part has one spelling, and `a !== b` asks for `a === b`.
        """
        return decided(self.node, scope, lambda node: ask(_part(node)))

    @cached_property
    def askable(self) -> tuple[Expression, ...]:
        """The parts that `decided` may ask for."""
        return tuple(dict.fromkeys(_part(node) for node in askable(self.node)))

    @cached_property
    def positive(self) -> tuple[Expression, bool]:
        """The same in its one spelling, without negations around it, and whether it holds when that does (or else when not)."""
        node, same = positive(self.node)
        return _part(node), same

    @cached_property
    def may_fault(self) -> bool:
        """Whether some data leave it without a value."""
        return may_fault(self.node)

    def holds(self, scope: Mapping[str, Any]) -> bool:
        """Whether its value is true, as JavaScript has it. Raises `Fault` where there is no value."""
        return truthy(self._run(scope))


@lru_cache(maxsize=4096)
def _part(node: Node) -> Expression:
    return of_node(node)


@lru_cache(maxsize=4096)
def parse(text: str) -> Expression:
    """The expression that the text says. Raises ExpressionError with the column and a hint."""
    return Expression(text, parsed(text))


def conjunction(conditions: Sequence[Expression]) -> Expression | None:
    """The condition that holds where all of these do; None where nothing is asked."""
    distinct = list({condition.text: condition for condition in conditions}.values())
    if len(distinct) < 2:
        return distinct[0] if distinct else None
    nodes = (condition.node for condition in distinct)
    operands = (part for node in nodes for part in (node.operands if _is_and(node) else (node,)))
    node = Logical("&&", tuple(operands))
    return Expression(show(node), node, tuple(distinct))


def _is_and(node: Node) -> TypeGuard[Logical]:
    return isinstance(node, Logical) and node.operator == "&&"


def of_node(node: Node) -> Expression:
    """The expression of a tree, in the one spelling that it has."""
    return Expression(show(node), node)


def literal(value: bool | float | str | None) -> Expression:
    """The expression that is always this value. Raises ExpressionError for what no condition can say."""
    if not _is_sayable(value):
        raise ExpressionError([Diagnostic("bad-expression", f"{_clipped(value)} cannot be said in a condition")])
    value = settled(value) if isinstance(value, float) else value  # as it would be read: 1.0 is 1
    text = literal_text(value)
    if len(text) > LENGTH:
        message = f"the condition has {len(text):,} characters, more than {LENGTH:,}"
        raise ExpressionError([Diagnostic("expression-too-long", message)])
    return Expression(text, Literal(value))


def _clipped(value: object) -> str:
    return repr(value)[:40] if isinstance(value, float | str) else kind(value)


def _is_sayable(value: object) -> bool:
    """Whether it is a scalar that JSON and JavaScript can hold; the caller may have passed on anything."""
    match value:
        case None | bool():
            return True
        case str():
            return not any("\ud800" <= char <= "\udfff" for char in value)
        case int() | float():
            return -sys.float_info.max <= value <= sys.float_info.max
        case _:
            return False
