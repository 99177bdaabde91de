"""The transitions of a config: by event, without one, and of what a state invokes.

Below: `nodes`, `guards`, `actions`, `keys`. Above: `reading`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from statewf.definition.model import Transition
from statewf.definition.places import shown
from statewf.definition.shape import said
from statewf.interop.xstate.actions import read_actions
from statewf.interop.xstate.guards import read_guard
from statewf.interop.xstate.keys import check_transition_keys, event_of
from statewf.interop.xstate.nodes import Node, Nodes
from statewf.interop.xstate.told import Path, Told

OWN_HISTORY = (
    "a history is an end of its own here: from within its state all in it is left and entered again, "
    "while in XState what is remembered decides what stays"
)


class Transitions:
    """Reads the transitions of all states. `led` are the states that something leads to."""

    def __init__(self, nodes: Nodes, told: Told) -> None:
        self.nodes = nodes
        self.told = told
        self.led: set[Node] = set()

    def by_event(self, node: Node) -> dict[str, tuple[Transition, ...]]:
        """What a state has under `on`, by what the events are called here."""
        value, path = node.config.get("on"), (*node.path, "on")
        if value is not None and not isinstance(value, dict):
            self.told.wrong("wrong-type", f"expected transitions by event, found {shown(value)}", path)
            return {}
        found: dict[str, tuple[Transition, ...]] = {}
        for event in value or {}:
            name = event_of(event, (*path, event), self.told, self._done)
            ways = tuple(self.listed(node, value[event], (*path, event))) if value else ()
            if name is not None and ways:
                found[name] = ways
        return found

    def _done(self, name: str) -> str | None:
        """What a state is called here whose id is told when it was finished."""
        node = self.nodes.identified(name)
        return node.name if node is not None and node.name else None

    def under(self, node: Node, key: str, config: Mapping[str, Any], path: Path) -> tuple[Transition, ...]:
        """The transitions under a key of a state, or of what it invokes."""
        return tuple(self.listed(node, config[key], (*path, key))) if config.get(key) is not None else ()

    def always(self, node: Node) -> tuple[Transition, ...]:
        """What a state does without an event."""
        ways = self.under(node, "always", node.config, node.path)
        if any(way.target is None and not way.actions for way in ways):
            self.told.refuse("always without target and actions", (*node.path, "always"), "name a target")
        return ways

    def listed(self, node: Node, value: Any, path: Path) -> Iterator[Transition]:
        """The transitions of a state in what may be one or several."""
        items = value if isinstance(value, list) else [value]
        for i, item in enumerate(items):
            way = self._way(node, item, (*path, i) if isinstance(value, list) else path)
            if way is not None:
                yield way

    def _way(self, node: Node, value: Any, path: Path) -> Transition | None:
        config = {"target": value} if isinstance(value, str) else value
        if not isinstance(config, dict):
            self.told.wrong("wrong-type", f"expected a transition, found {shown(value)}", path)
            return None
        check_transition_keys(config, path, self.told)
        where = path if isinstance(value, str) else (*path, "target")
        written = list(texts(config.get("target"), where, self.told))
        found = [self.nodes.target(text, node, here) for text, here in written]
        targets = [target for target in found if target is not None]
        names = [self._named(node, target, where) for target in targets]
        guard = read_guard(config["guard"], (*path, "guard"), self.told, self._asked) if "guard" in config else None
        done = read_actions(config["actions"], (*path, "actions"), self.told) if said(config.get("actions")) else ()
        reenter = config.get("reenter") is True
        self._note(node, targets, path, reenter=reenter)
        internal = bool(targets) and not reenter and all(target.within(node) for target in targets)
        if internal and node.kind == "atomic":  # it stays as it is
            internal, names = False, []
        known = [name for name in names if name is not None]
        return self.told.tried(path, Transition, known or None, guard=guard, actions=done, internal=internal)

    def _note(self, node: Node, targets: Sequence[Node], path: Path, *, reenter: bool) -> None:
        """What is to be known, and said, of where a transition leads."""
        self.led.update(targets)
        root = self.nodes.root
        if reenter and (node is root or root in targets):
            self.led.add(root)
            if said(root.config.get("exit")):
                self.told.refuse(
                    "reenter on a machine with exit", (*path, "reenter"), "name these actions elsewhere"
                )
        if root in targets and node is not root and not reenter:
            hint = "add reenter: true: without it XState enters the machine, and has not left it"
            self.told.refuse("the machine itself as a target", path, hint)
        remembered = [target.parent for target in targets if target.kind == "history" and target.parent is not None]
        if any(node.within(around) and node is not around for around in remembered):
            self.told.remark(path, OWN_HISTORY)

    def _named(self, source: Node, target: Node, path: Path) -> str | None:
        name = self.nodes.spelled(source, target)
        if name is None:
            what = target.name or "the machine itself"
            hint = "another state of that name is nearer; call one of them something else"
            self.told.refuse(
                f"{what} as a target from here", path, hint if target.name else "name one of its states"
            )
        return name

    def _asked(self, reference: str, path: Path) -> str | None:
        found = self.nodes.target(reference, self.nodes.root, path)
        return found.name if found is not None else None


def texts(value: Any, path: Path, told: Told) -> Iterator[tuple[str, Path]]:
    """The targets in what may be one text, several, or none."""
    listed = value if isinstance(value, list) else [] if value in (None, "") else [value]
    for i, item in enumerate(listed):
        here = (*path, i) if isinstance(value, list) else path
        if isinstance(item, str):
            yield item, here
        else:
            told.wrong("wrong-type", f"expected the name of a state, found {shown(item)}", here)
