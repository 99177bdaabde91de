"""Conditions that elsewhere are known by a name alone: there a function answers, here the context does.

`is_paid` becomes `context.is_paid`, `unless is_paid` becomes `!context.is_paid`, and back. So the checker tries both
answers, and who runs the machine gives the answer with the data of an event, or by an action.

Below: `expr`. Above: the modules of the formats.
"""

from __future__ import annotations

from collections.abc import Iterable

from statewf.expr import Expression, conjunction, of_node
from statewf.expr.syntax import Logical, Member, Name, Node, Unary


def by_name(names: Iterable[str], unless: Iterable[str] = ()) -> Expression | None:
    """The condition that all of the first are true and none of the others; None if there are none."""
    held = [of_node(_asked(name)) for name in names]
    return conjunction([*held, *(of_node(Unary("!", _asked(name))) for name in unless)])


def names_in(condition: Expression) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """The names that such a condition asks for, and those of which it asks the contrary; None if it is another."""
    node = condition.node
    parts = node.operands if isinstance(node, Logical) and node.operator == "&&" else (node,)
    held: list[str] = []
    unless: list[str] = []
    for part in parts:
        match part:
            case Member(Name("context"), name):
                held.append(name)
            case Unary("!", Member(Name("context"), name)):
                unless.append(name)
            case _:
                return None
    return tuple(held), tuple(unless)


def _asked(name: str) -> Node:
    return Member(Name("context"), name)
