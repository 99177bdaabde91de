"""The states of a config as a tree: which one a target means there, and what it is called here.

XState has a state for the machine itself, the root. Where it does something (`on`, `entry`, `type: parallel`, ...)
it becomes a state of ours around all others, called as the machine is; otherwise its states are ours.

Below: `told`. Above: `reading`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypeAlias

import attrs

from statewf.definition.places import shown
from statewf.definition.shape import said
from statewf.definition.words import identifier, nearest
from statewf.interop.xstate.told import Path, Told

Kind: TypeAlias = Literal["atomic", "compound", "parallel", "final", "history"]

DOING = ("on", "always", "after", "invoke", "entry")  # what makes a state of the root
ENDED = ("done", "ended")  # what the end of a parallel machine is called, and if the machine is called so
_KINDS: tuple[Kind, ...] = ("atomic", "compound", "parallel", "final", "history")
_STEP = re.compile(r"((?:\\.|[^.\\])*)(?:\.|$)", re.DOTALL)


@attrs.define(eq=False)
class Node:
    """A state of a config. `name` is what it is called here in full, empty for a root that is no state of ours."""

    key: str
    path: Path
    config: Mapping[str, Any]
    parent: Node | None
    kind: Kind
    name: str
    children: dict[str, Node] = attrs.field(factory=dict, repr=False)

    def lineage(self) -> Iterator[Node]:
        """Itself, its parent, and so on outward."""
        node: Node | None = self
        while node is not None:
            yield node
            node = node.parent

    def within(self, other: Node) -> bool:
        """Whether it lies in another state, or is that one."""
        return other in self.lineage()

    def everything(self) -> Iterator[Node]:
        """Itself and all states within, in document order."""
        yield self
        for child in self.children.values():
            yield from child.everything()


class Nodes:
    """All states of a config, by their ids and paths."""

    def __init__(self, config: Mapping[str, Any], name: str, told: Told) -> None:
        """Plant the tree. What cannot stand in it is told, and left out."""
        self._told = told
        self.root = self._planted(name, (), config, None, name if _is_state(config) else "")
        self.ids: dict[str, Node] = {}
        for node in self.root.everything():
            self._identified(node, name)
        self._by_name: dict[str, Node] = {node.name: node for node in self.root.everything() if node.name}

    def _planted(self, key: str, path: Path, config: Mapping[str, Any], parent: Node | None, name: str) -> Node:
        node = Node(key, path, config, parent, self._kind(config, path), name)
        states = config.get("states")
        if states is not None and not isinstance(states, dict):
            self._told.wrong("wrong-type", f"expected states by name, found {shown(states)}", (*path, "states"))
            return node
        for inner in in_order(states or {}):
            here = (*path, "states", inner)
            assert states is not None, "the loop is over its keys"
            if self._told.tried(here, identifier, inner) is None:
                continue
            if not isinstance(states[inner], dict):
                self._told.wrong("wrong-type", f"expected a state, found {shown(states[inner])}", here)
                continue
            full = f"{name}.{inner}" if name else inner
            node.children[inner] = self._planted(inner, here, states[inner], node, full)
        return node

    def _kind(self, config: Mapping[str, Any], path: Path) -> Kind:
        states, kind = said(config.get("states")), config.get("type")
        implied: Kind = "compound" if states else "history" if config.get("history") else "atomic"
        if kind is None:
            return implied
        known = next((known for known in _KINDS if known == kind), None)
        if known is None or (known in ("compound", "parallel")) is not states:
            reason = f"{shown(kind)} is not the type of a state" if known is None else f"a state of type {known}"
            more = "" if known is None else f" {'with' if states else 'without'} states in it"
            self._told.wrong("bad-choice", reason + more, (*path, "type"), f"one of {', '.join(_KINDS)}")
            return implied
        return known

    def _identified(self, node: Node, machine: str) -> None:
        own = node.config.get("id")
        if own is not None and (not isinstance(own, str) or not own):
            self._told.wrong("wrong-type", f"expected an id as text, found {shown(own)}", (*node.path, "id"))
            own = None
        steps = [node.key for node in reversed([*node.lineage()])]
        given = machine if node is self.root else own or ".".join(steps)
        if given in self.ids:
            first = self.ids[given].path
            line = self._told.places.line((*first, "id"))
            place = f", first on line {line}" if line else ""
            self._told.wrong(
                "duplicate-id", f"the id {shown(given)} is given a second time{place}", (*node.path, "id")
            )
        self.ids.setdefault(given, node)

    # --- what is meant

    def identified(self, id: str) -> Node | None:
        """The state of that id, its own or the one that it has by its path."""
        return self.ids.get(id)

    def target(self, text: str, source: Node, path: Path) -> Node | None:
        """The state that a target means where it is written. One that means none is told."""
        found = self._found(text, source)
        if found is None and not self._told.full:  # a hint is dear
            self._told.wrong(
                "unknown-target", f"there is no state {shown(text)} here", path, self._hint(text, source)
            )
        return found

    def _found(self, text: str, source: Node) -> Node | None:
        steps = [re.sub(r"\\(.)", r"\1", step, flags=re.DOTALL) for step in _STEP.findall(text)][:-1]
        if text.startswith("#"):
            first, *rest = steps
            return _down(self.ids.get(first[1:]), rest)
        if text.startswith("."):
            return _down(source, steps[1:])
        return _down(source.parent, steps)

    def beginning(self, text: str, node: Node, path: Path) -> Node | None:
        """The state that a path from a state means, or an id."""
        return self.target(text if text.startswith("#") else f".{text}", node, path)

    def _hint(self, text: str, source: Node) -> str:
        if source.parent is None and text in source.children:
            return f"from the machine itself it is .{text}"
        bare = text.lstrip("#.")
        known = (
            self.ids
            if text.startswith("#")
            else (source if text.startswith(".") else source.parent or source).children
        )
        meant = nearest(bare, known)
        mark = text[0] if text.startswith(("#", ".")) else ""
        if meant is not None:
            return f"did you mean {mark}{meant}?"
        elsewhere = next((node for node in self.root.everything() if node.key == bare), None)
        if elsewhere is not None and elsewhere is not self.root:
            return f"there is one elsewhere: give it an id, and write #id ({elsewhere.name})"
        return f"known here: {', '.join(list(known)[:10])}" if known else "no state is known here"

    def spelled(self, source: Node, target: Node) -> str | None:
        """The shortest name that means a state of ours where it is written; None if none does."""
        last = target.name.rpartition(".")[2] if target is self.root else target.key
        return next((name for name in (last, target.name) if name and self._meant(name, source) is target), None)

    def _meant(self, name: str, source: Node) -> Node | None:
        for node in source.lineage():
            beside = node.parent.children if node.parent else {node.name: node}
            if name in beside:
                return beside[name]
        return self._by_name.get(name) or self._by_name.get(f"{source.name}.{name}")


def _is_state(config: Mapping[str, Any]) -> bool:
    """Whether the machine itself must be a state here."""
    states = config.get("states")
    if config.get("type") == "parallel" or not (isinstance(states, dict) and states):
        return True
    remembers = any(isinstance(state, dict) and state.get("type") == "history" for state in states.values())
    return remembers or any(said(config.get(key)) for key in DOING)


def _down(node: Node | None, steps: list[str]) -> Node | None:
    for step in steps:
        if node is None or not step:
            return node
        node = node.children.get(step)
    return node


def in_order(states: Mapping[str, Any]) -> list[str]:
    """The keys as JavaScript has them: whole numbers first, by their size, and then the others as they stand."""
    numbers = [key for key in states if key.isascii() and key.isdigit() and (key == "0" or key[0] != "0")]
    if not numbers:
        return list(states)
    whole = sorted((key for key in numbers if int(key) < 2**32 - 1), key=int)
    return list(dict.fromkeys([*whole, *states]))
