"""From a definition to a config that `createMachine` takes.

Below: `guards`, `actions`, `after`, `inner_first`, `kept`; the compiler's tree. Above: the package's front.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from statewf.compiler.check import check
from statewf.compiler.tree import Node, Path, Tree, grow
from statewf.definition.model import (
    Definition,
    ErrorHandling,
    Invoke,
    State,
    Transition,
    Unexpected,
    Workflow,
    named,
)
from statewf.errors import CompileError, ConversionError
from statewf.interop.conversion import Exported, unsupported
from statewf.interop.xstate import after
from statewf.interop.xstate.actions import write_actions
from statewf.interop.xstate.guards import escaped, write_guard
from statewf.interop.xstate.inner_first import lifted
from statewf.interop.xstate.kept import meta_of
from statewf.interop.xstate.nodes import ENDED, in_order
from statewf.interop.xstate.told import Told
from statewf.values.frozen import thaw

FINISHED, OURS = "xstate.done.state.", "done.state."
INITIAL = "in XState a state begins with one right within; say the rest there, or in the targets"
REFUSED = "XState forgets an event that nothing takes; here its sender is told"
HOP = "XState ends with a state of the machine itself only: it leads on to {} at once"


def write(definition: Definition) -> Exported:
    """The config of XState v5 for a state machine, as JSON.

    Raises ConversionError, which tells everything that XState cannot hold; CompileError for a wrong definition.
    """
    if isinstance(definition, Workflow):
        hint = "only a definition with states is a machine of XState's"
        raise ConversionError([unsupported("a workflow of steps", "$.steps", hint)])
    tree = grow(definition)
    if mistakes := check(tree):
        raise CompileError(mistakes, definition.places.source)
    told = Told(definition.places)
    writer = _Writer(grow(lifted(definition, told)), told)
    config = writer.machine()
    told.settle()
    return Exported(json.dumps(config, indent=2, ensure_ascii=False) + "\n", told.remarks)


class _Writer:
    """One definition in the writing."""

    def __init__(self, tree: Tree, told: Told) -> None:
        self.tree = tree
        self.told = told
        self.definition = tree.definition
        self.root = _root(tree)
        self.top = self.root.children if self.root is not None else dict(tree.roots)
        self.heard = [event for node in tree.nodes.values() for event in node.state.on]
        self.ends: dict[str, dict[str, Any]] = {}  # where those lead on to that end the machine from further within

    def machine(self) -> dict[str, Any]:
        """The whole of it."""
        definition, root = self.definition, self.root
        if definition.error_handling != ErrorHandling():
            hint = "XState tries no action again; let the handlers do it"
            self.told.refuse("errorHandling", ("errorHandling",), hint)
        config: dict[str, Any] = {"id": definition.name}
        if definition.description is not None:
            config["description"] = definition.description
        config |= meta_of(definition, {"unexpected": "ignore"})
        if definition.context:
            config["context"] = thaw(definition.context)
        if root is None:
            config["initial"] = definition.initial_state
            if definition.initial_state not in self.tree.roots:
                self.told.refuse("an initial that is a path or a list", ("initialState",), INITIAL)
        else:
            config |= self.doing(root)
            if root.state.parallel:
                for end in (node for node in self.tree.roots.values() if node is not root):
                    config |= self.acted("exit", end.state.on_entry, end.path)
        self.unexpected(definition.unexpected, ("unexpected",))
        states = self.states(self.top.values()) | self.ends
        return {**config, "states": states} if states else config

    def states(self, nodes: Iterable[Node]) -> dict[str, Any]:
        """The states within one, or within the machine."""
        listed = list(nodes)
        for node in listed:
            if (key := str(node.path[-1])).startswith("#"):
                self.told.refuse(f"a state called {key}", node.path, "in XState # begins an id")
        return {str(node.path[-1]): self.state(node) for node in listed}

    # --- states

    def state(self, node: Node) -> dict[str, Any]:
        state = node.state
        about = {"description": state.description} if state.description is not None else {}
        if state.history is not None:
            return {"type": "history", "history": state.history, **about, **self.goals(node)}
        if state.terminal:
            return about | (self.end(node) if node in self.top.values() else self.hop(node))
        if state.final:
            entry, leaving = (
                self.acted("entry", state.on_entry, node.path),
                self.acted("exit", state.on_exit, node.path),
            )
            return {"type": "final", **about, **meta_of(state, {}), **entry, **leaving}
        if state.retry is not None:
            hint = "XState counts no attempts; write them out as states"
            self.told.refuse("retry", (*node.path, "retry"), hint)
        if state.unexpected is not None:
            self.unexpected(state.unexpected, (*node.path, "unexpected"))
        done = self.ways(node, "onDone", state.on_done)
        config = {**about, **meta_of(state, {}), **self.doing(node), **done}
        if state.states and self.delays(node) is None:
            config["states"] = self.states(node.children.values())
        return config

    def doing(self, node: Node) -> dict[str, Any]:
        """What a state does while it is active, without the states within."""
        state = node.state
        delays = self.delays(node)
        config: dict[str, Any] = {}
        if state.parallel:
            config["type"] = "parallel"
            self.ordered(node)
        elif state.states and delays is None:
            config["initial"] = self.initial(node)
        config |= self.acted("entry", state.on_entry, (*node.path, "onEntry"))
        config |= self.acted("exit", state.on_exit, (*node.path, "onExit"))
        if state.invoke is not None:
            config["invoke"] = self.invoke(node, state.invoke)
        timers = {after.event(delay, node.name) for delay in delays or ()}
        on = {event: ways for event, ways in state.on.items() if event not in timers}
        if on:
            config["on"] = {self.event(event, node): self.listed(node, on[event], ("on", event)) for event in on}
        config |= self.ways(node, "always", state.always)
        if delays is not None:
            config["after"] = {str(delay): self.listed(node, delays[delay], ("states",)) for delay in delays}
        elif state.timeout is not None:
            way = Transition(state.timeout_transition)
            config["after"] = {str(state.timeout): self.listed(node, [way], ("timeoutTransition",))}
        return config

    def delays(self, node: Node) -> dict[int, tuple[Transition, ...]] | None:
        """The delays that the states within say, if they do nothing else and nobody else listens."""
        delays = after.delays_of(node.state, node.name)
        if delays is None or any(self.heard.count(after.event(delay, node.name)) > 1 for delay in delays):
            return None
        return delays

    def end(self, node: Node) -> dict[str, Any]:
        entry = self.acted("entry", node.state.on_entry, (*node.path, "onEntry"))
        return {"type": "final", **meta_of(node.state, {}), **entry}

    def hop(self, node: Node) -> dict[str, Any]:
        """A state that ends the machine from further within: it leads on to a final one of the machine itself."""
        around = node.lineage()[1:]
        if any(outer.state.on_exit or outer.state.parallel for outer in around):
            hint = "move it out of the states with onExit, and of those that are parallel"
            self.told.refuse("terminal within such states", node.path, hint)
        key = node.name.replace(".", "-")
        while key in self.top or key in self.ends:
            key += "-end"
        self.ends[key] = {"type": "final", **meta_of(node.state, {})}
        self.told.remark(node.path, HOP.format(key))
        entry = self.acted("entry", node.state.on_entry, (*node.path, "onEntry"))
        return {**entry, "always": f"#{escaped(self.definition.name)}.{escaped(key)}"}

    def initial(self, node: Node) -> str:
        """The key of the state that is entered first."""
        found = [self.tree.beginning(name, node) for name in named(node.state.initial)]
        if len(found) == 1 and found[0] is not None and found[0].parent is node:
            return str(found[0].path[-1])
        self.told.refuse("an initial that is a path or a list", (*node.path, "initial"), INITIAL)
        return ""

    def goals(self, node: Node) -> dict[str, Any]:
        """Where a history leads at first."""
        around = node.parent
        assert around is not None, "check() let a history pass that is in nothing"
        found = [self.tree.beginning(name, around) for name in named(node.state.initial)]
        texts = [_path(goal, around) for goal in found if goal is not None]
        return {"target": texts[0] if len(texts) == 1 else texts} if texts else {}

    def invoke(self, node: Node, invoke: Invoke) -> dict[str, Any]:
        given = {"input": thaw(invoke.params)} if invoke.params else {}
        done = {"onDone": self.listed(node, invoke.on_done, ("invoke", "onDone"))} if invoke.on_done else {}
        # without it a failure would end the machine
        failed = self.listed(node, invoke.on_error, ("invoke", "onError")) if invoke.on_error else {}
        return {"src": invoke.handler, **given, **done, "onError": failed}

    def unexpected(self, word: Unexpected, path: Path) -> None:
        if word == "defer":
            self.told.refuse("unexpected: defer", path, "XState keeps no event for later")
        elif word == "reject":
            self.told.remark(path, REFUSED)

    def ordered(self, node: Node) -> None:
        keys = list(node.children)
        if in_order(dict.fromkeys(keys)) != keys:
            hint = "JavaScript puts them first, and by size; call them something else"
            self.told.refuse("regions whose names are numbers", node.path, hint)

    # --- transitions

    def acted(self, key: str, actions: Iterable[Any], path: Path) -> dict[str, Any]:
        listed = tuple(actions)
        return {key: write_actions(listed, path, self.told)} if listed else {}

    def ways(self, node: Node, key: str, ways: tuple[Transition, ...]) -> dict[str, Any]:
        return {key: self.listed(node, ways, (key,))} if ways else {}

    def listed(self, node: Node, ways: Iterable[Transition], path: Path) -> Any:
        written = [self.way(node, way, (*node.path, *path)) for way in ways]
        return written[0] if len(written) == 1 else written

    def way(self, node: Node, way: Transition, path: Path) -> str | dict[str, Any]:
        found = [self.tree.find(name, node) for name in way.targets]
        targets = [target for target in found if target is not None]
        texts = [self.target(node, target, path) for target in targets]
        config: dict[str, Any] = {"target": texts[0] if len(texts) == 1 else texts} if texts else {}
        if way.guard is not None:
            config["guard"] = write_guard(way.guard, (*path, "guard"), self.told)
        config |= self.acted("actions", way.actions, (*path, "actions"))
        inside = all(target.within(node) for target in targets)
        if targets and not way.internal and (inside or self.root in targets):
            config["reenter"] = True
        return config["target"] if list(config) == ["target"] and len(texts) == 1 else config

    def target(self, source: Node, target: Node, path: Path) -> str:
        """The target as it is named where it is written: beside it, within, or from the machine."""
        if target.parent is None and target is not self.root and self.root is not None:
            self.told.refuse(
                f"{target.name} as a target", path, "a parallel machine ends when all of it is finished"
            )
        if target.within(source) and target is not source:
            return f".{_path(target, source)}"
        if target.parent is source.parent and source is not self.root:
            return escaped(str(target.path[-1]))
        if target is self.root:
            return f"#{escaped(self.definition.name)}"
        return f"#{escaped(self.definition.name)}.{_path(target, self.root)}"

    def event(self, event: str, node: Node) -> str:
        """What an event is called there."""
        finished = self.tree.nodes.get(event.removeprefix(OURS)) if event.startswith(OURS) else None
        if finished is not None:
            inner = _path(finished, self.root) if finished is not self.root else ""
            if finished is node and node.state.on_done:
                hint = "put both lists into onDone"
                self.told.refuse(f"{event} beside onDone", (*node.path, "on", event), hint)
            return FINISHED + ".".join([self.definition.name, *([inner] if inner else [])])
        if event.startswith((OURS, "xstate.", "done.invoke.", "error.platform.", "error.execution")):
            self.told.refuse(
                f"the event {event}", (*node.path, "on", event), "XState has a meaning of its own for it"
            )
        return event


def _path(node: Node, around: Node | None) -> str:
    """The path to a state from one around it, or from the machine."""
    steps = []
    for outer in node.lineage():
        if outer is around:
            break
        steps.append(escaped(str(outer.path[-1])))
    return ".".join(reversed(steps))


def _root(tree: Tree) -> Node | None:
    """The state that XState's machine itself is: called as it, around all others, and doing something."""
    definition = tree.definition
    root = tree.roots.get(definition.name)
    if root is None or definition.initial_state != definition.name:
        return None
    state = root.state
    own = (state.on_exit, state.description, state.unexpected, state.retry, state.terminal, state.final)
    doing = (state.parallel, state.on, state.always, state.timeout, state.invoke, state.on_entry, not state.states)
    remembers = any(True for _ in root.histories())
    others = [node for node in tree.roots.values() if node is not root]
    if any(own) or not (any(doing) or remembers) or (state.on_done and not state.parallel):
        return None
    if not state.parallel:
        finals = any(child.state.final for child in root.children.values())
        return None if others or finals else root
    end = next(name for name in ENDED if name != definition.name)
    ends = [node for node in others if node.state == State(terminal=True, on_entry=node.state.on_entry)]
    if not others:
        return root if not state.on_done and not _can_finish(root) else None
    finished = state.on_done == (Transition(end),) and len(others) == len(ends) == 1
    return root if finished and end in tree.roots and _can_finish(root) else None


def _can_finish(node: Node) -> bool:
    if node.state.parallel:
        return all(map(_can_finish, node.inner()))
    return node.state.final or any(child.state.final for child in node.inner())
