"""What the states of a definition are called in a class of python-statemachine, where names are Python's.

A state keeps its name where that can be an attribute, and nobody else has it. Else it gets another one, and its own
becomes its `value`, which `read` understands.

Below: `tree`. Above: `write`.
"""

from __future__ import annotations

import keyword
import re
from collections import Counter

from statemachine import State

from statewf.compiler.tree import Node, Tree
from statewf.interop.statemachine.chart import Chart
from statewf.interop.statemachine.layout import WORDS
from statewf.machine.naming import BACKOFF

INSTANCE = frozenset(
    (
        *("model", "history_values", "state_field", "start_configuration_values"),
        *("inputs", "context", "attempt", "outcome", "failures"),
    )
)
ATTRIBUTES = INSTANCE.union(dir(Chart))
_TAKEN = ATTRIBUTES.union(dir(State()), WORDS)


def ids(tree: Tree) -> dict[str, str]:
    """The ids of all states by their full names, those between two attempts included."""
    names = [*tree.nodes, *(f"{name}{BACKOFF}" for name, node in tree.nodes.items() if _waits(node))]
    wanted = {name: _wanted(name, tree) for name in names}
    shared = Counter(wanted.values())
    found: dict[str, str] = {name: own for name, own in wanted.items() if shared[own] == 1 and _free(own)}
    used = set(found.values())
    for name in names:
        if name not in found:
            found[name] = _another(name, used)
            used.add(found[name])
    return found


def _waits(node: Node) -> bool:
    return node.state.retry is not None and node.state.retry.waits


def _wanted(name: str, tree: Tree) -> str:
    if name in tree.nodes:
        return str(tree.nodes[name].path[-1])
    return f"{tree.nodes[name.removesuffix(BACKOFF)].path[-1]}_backoff"


def _free(name: str) -> bool:
    return name.isidentifier() and name.isascii() and _plain(name)


def _plain(name: str) -> bool:
    return not (keyword.iskeyword(name) or name.startswith("_") or name in _TAKEN)


def _another(name: str, used: set[str]) -> str:
    stem = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_") or "state"
    stem = f"s_{stem}" if stem[0].isdigit() else stem
    number = 1
    while (found := f"{stem}{'_' if number == 2 else f'_{number}' if number > 2 else ''}") in used or not _plain(
        found
    ):
        number += 1
    return found
