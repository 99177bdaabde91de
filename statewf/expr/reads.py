"""Which variables a condition reads, and which texts stand in it, by which it may pick from them.

So the compiler can refuse one that reads what is not there yet.

Below: `syntax`. Above: `Expression`.
"""

from __future__ import annotations

from typing import TypeAlias

from statewf.expr.syntax import Index, Literal, Member, Name, Node, children

Path: TypeAlias = tuple[str | int, ...]


def reads(node: Node) -> tuple[Path, ...]:
    """The static member paths, in order of appearance and each once: `a.b[0]` is `("a", "b", 0)`.

    A computed index ends its path there, and what it reads itself follows: `a[b.c].d` reads `a` and `b.c`.
    """
    found: dict[Path, None] = {}
    _collect(node, found)
    return tuple(found)


def texts(node: Node) -> tuple[str, ...]:
    """The texts written in it, in order of appearance; names of members are not among them."""
    match node:
        case Literal(str(text)):
            return (text,)
        case _:
            return tuple(text for child in children(node) for text in texts(child))


def _collect(node: Node, found: dict[Path, None]) -> None:
    path = _static(node)
    if path is not None:
        found[path] = None
        return
    for child in children(node):
        _collect(child, found)


def _static(node: Node) -> Path | None:
    match node:
        case Name(name):
            return (name,)
        case Member(of, key):
            base = _static(of)
            return None if base is None else (*base, key)
        case Index(of, Literal(int(number))) if not isinstance(number, bool):
            base = _static(of)
            return None if base is None else (*base, number)
        case _:
            return None
