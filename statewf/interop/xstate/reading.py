"""From a config to a definition: every state, its transitions, delays and calls, with all mistakes at once.

Below: `nodes`, `guards`, `actions`, `after`, `inner_first`. Above: the package's front.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import attrs

from statewf.compiler.check import check
from statewf.compiler.tree import grow
from statewf.definition.document import document
from statewf.definition.model import Action, Invoke, State, StateMachine, Transition
from statewf.definition.places import Places, shown
from statewf.definition.read import UNNAMED
from statewf.definition.shape import said
from statewf.definition.words import duration, identifier, params
from statewf.errors import ConversionError, DefinitionError
from statewf.interop.conversion import Imported
from statewf.interop.xstate import after
from statewf.interop.xstate.actions import read_actions
from statewf.interop.xstate.inner_first import imposed
from statewf.interop.xstate.kept import machine_kept, state_kept
from statewf.interop.xstate.keys import check_keys
from statewf.interop.xstate.nodes import ENDED, Node, Nodes
from statewf.interop.xstate.told import Path, Told
from statewf.interop.xstate.transitions import Transitions, texts

_DELAY = re.compile(r"0|[1-9][0-9]*")
WILD = (
    "in XState a wildcard also takes the timers and results of other states, unless these are further within; "
    "here it takes events only"
)
UNHANDLED = "in XState a failure ends the machine if nothing handles it; here it is recorded, and the state stays"


def read(text: str | bytes, *, name: str = UNNAMED, delays: Mapping[str, int] | None = None) -> Imported:
    """The machine that a config of XState v5 says, as JSON.

    `name` is for one without an `id`; `delays` says of those known by name how many milliseconds they last.
    Raises ConversionError, which tells every mistake with its line.
    """
    try:
        found = document(text, None, "json")
    except DefinitionError as error:
        raise ConversionError(error.diagnostics) from None
    told = Told(found.places, [mistake.diagnostic(found.places) for mistake in found.mistakes])
    if not isinstance(found.value, dict):
        told.wrong("wrong-type", f"expected an object, found {shown(found.value)}", ())
    elif {"key", "order", "transitions"} <= found.value.keys():
        told.refuse("machine.toJSON()", (), "it lacks what is taken without an event; give machine.config")
    told.settle()
    reader = _Reader(found.value, name, told, delays or {})
    definition = reader.machine()
    told.settle()
    assert definition is not None, "what cannot be read was told"
    imported = imposed(definition)
    if mistakes := check(grow(imported)):
        raise ConversionError(mistakes)
    return Imported(attrs.evolve(imported, places=Places()), told.remarks)


class _Reader:
    """One machine in the reading."""

    def __init__(self, config: dict[str, Any], name: str, told: Told, delays: Mapping[str, int]) -> None:
        own = config.get("id", name)
        self.name = told.tried(("id",), identifier, own) or UNNAMED
        self.told = told
        self.delays = delays
        self.nodes = Nodes(config, self.name, told)
        self.transitions = Transitions(self.nodes, told)
        self.first: list[tuple[Node, tuple[Action, ...], Path]] = []  # what is done on the way to an initial state

    def machine(self) -> StateMachine | None:
        """The whole of it; what is missing because of mistakes was told."""
        root, told = self.nodes.root, self.told
        check_keys(root.config, (), root.kind, told, root=True)
        kept = machine_kept(root.config, told)
        if said(root.config.get("onDone")):
            told.remark(("onDone",), "nothing is around the machine that it could lead to; it is never taken")
        if root.kind in ("final", "history"):
            told.refuse(f"a machine of type {root.kind}", ("type",), "give it states")
            return None
        begun: Node | None = root
        if root.name:
            around = self.going(root)
            states = {root.name: around} if around is not None else {}
        else:
            states, begun = self.states(root), self.initial(root)
        if root.kind == "parallel" and root.name in states and _can_finish(root):
            end = next(name for name in ENDED if name != root.name)
            states[root.name] = attrs.evolve(states[root.name], on_done=Transition(end))
            states[end] = State(terminal=True, on_entry=self.actions(root, "exit"))
        if begun is None or told.mistakes:
            return None
        context = told.tried(("context",), params, root.config.get("context"))
        states = self.begun(states)
        return told.tried((), StateMachine, self.name, begun.name, states, context=context, **kept)

    # --- states

    def states(self, node: Node) -> dict[str, State]:
        """The states within one."""
        read = {key: self.state(child) for key, child in node.children.items()}
        return {key: state for key, state in read.items() if state is not None}

    def state(self, node: Node) -> State | None:
        check_keys(node.config, node.path, node.kind, self.told)
        match node.kind:
            case "history":
                return self.history(node)
            case "final":
                return self.final(node)
            case _:
                return self.going(node)

    def history(self, node: Node) -> State | None:
        config = node.config
        word = "shallow" if config.get("history", True) in (True, False) else config["history"]
        around = node.parent
        goals = []
        for text, path in texts(config.get("target"), (*node.path, "target"), self.told):
            found = self.nodes.beginning(text, around, path) if around is not None else None
            if found is not None and around is not None and not (found.within(around) and found is not around):
                self.told.refuse("a history that leads elsewhere", path, f"name a state in {around.key}")
            elif found is not None and around is not None:
                prefix = f"{around.name}." if around.name else ""
                goals.append(found.name.removeprefix(prefix))
                self.transitions.led.add(found)
        about = config.get("description")
        return self.told.tried(node.path, State, history=word, initial=goals or None, description=about)

    def final(self, node: Node) -> State | None:
        entry, leaving = self.actions(node, "entry"), self.actions(node, "exit")
        about, kept = node.config.get("description"), state_kept(node.config, node.path, self.told)
        root = self.nodes.root
        if node.parent is not root or root.kind == "parallel":
            return self.told.tried(
                node.path, State, final=True, on_entry=entry, on_exit=leaving, description=about, **kept
            )
        entry += leaving + self.actions(root, "exit")
        return self.told.tried(node.path, State, terminal=True, on_entry=entry, description=about, **kept)

    def going(self, node: Node) -> State | None:
        """A state that one can be in, and be led on from."""
        config, path = node.config, node.path
        root = node is self.nodes.root
        on = self.transitions.by_event(node)
        parts: dict[str, Any] = {} if root else {"description": config.get("description")}
        parts |= {} if root else state_kept(config, path, self.told)
        parts |= {"states": self.states(node), "parallel": node.kind == "parallel"}
        begun = self.initial(node) if node.kind == "compound" else None
        parts["initial"] = begun.key if begun is not None else None
        parts |= {"on_entry": self.actions(node, "entry"), "on_exit": () if root else self.actions(node, "exit")}
        parts |= {"always": self.transitions.always(node), "invoke": self.invoke(node)}
        parts["on_done"] = () if root else self.transitions.under(node, "onDone", config, path)
        timed = self.timed(node)
        on |= timed.pop("on", {})
        self.wild(node, on)
        lacks = len(parts["states"]) < len(node.children) or (node.kind == "compound" and begun is None)
        if lacks:
            return None  # and that was told
        return self.told.tried(path, State, on, **{**parts, **timed})

    def wild(self, node: Node, on: Mapping[str, Any]) -> None:
        everywhere = self.nodes.root.everything()
        if "*" in on and any(said(other.config.get(key)) for other in everywhere for key in ("after", "invoke")):
            self.told.remark((*node.path, "on", "*"), WILD)

    def actions(self, node: Node, key: str) -> tuple[Action, ...]:
        if key not in node.config:
            return ()
        return read_actions(node.config[key], (*node.path, key), self.told)

    def invoke(self, node: Node) -> Invoke | None:
        value, path = node.config.get("invoke"), (*node.path, "invoke")
        listed = value if isinstance(value, list) else [value] if value is not None else []
        if len(listed) > 1:
            self.told.refuse("several invoked actors", path, "put each into a region of a parallel state")
        if len(listed) != 1:
            return None
        here = (*path, 0) if isinstance(value, list) else path
        config = listed[0]
        if not isinstance(config, dict):
            self.told.wrong("wrong-type", f"expected an actor, found {shown(config)}", here)
            return None
        check_keys(config, here, "invoke", self.told)
        if not isinstance(config.get("src"), str):
            self.told.refuse("an actor without a name", (*here, "src"), "name it, as in src: 'fetchUser'")
            return None
        done, failed = (self.transitions.under(node, key, config, here) for key in ("onDone", "onError"))
        if all(way.guard is not None for way in failed):
            self.told.remark(here, UNHANDLED)
        failed = () if failed == (Transition(),) else failed
        return self.told.tried(here, Invoke, config["src"], config.get("input"), done, failed)

    # --- where it begins

    def initial(self, node: Node) -> Node | None:
        """The state that is entered first."""
        value, path = node.config.get("initial"), (*node.path, "initial")
        inner = value.get("target") if isinstance(value, dict) else value
        if isinstance(value, dict) and said(value.get("actions")):
            done = read_actions(value["actions"], (*path, "actions"), self.told)
        else:
            done = ()
        known = [child.key for child in node.children.values()]
        if not isinstance(inner, str) or inner not in node.children:
            where, hint = path if value is not None else node.path, f"one of {', '.join(known[:10])}"
            if value is None:
                self.told.wrong("unknown-initial", "nothing says where it begins", where, hint)
            elif not isinstance(inner, str):
                self.told.wrong("wrong-type", f"expected the name of a state, found {shown(inner)}", where, hint)
            else:
                self.told.wrong("unknown-initial", f"there is no state {shown(inner)} in it", where, hint)
            return None
        begun = node.children[inner]
        if done:
            self.first.append((begun, done, (*path, "actions")))
        return begun

    def only_first(self, node: Node) -> bool:
        """Whether a state is entered only because the one around it begins with it."""
        around = node.parent
        side_by_side = around is not None and any(outer.kind == "parallel" for outer in around.lineage())
        histories = (other for other in self.nodes.root.everything() if other.kind == "history")
        remembered = any(other.parent is not None and node.within(other.parent) for other in histories)
        return not (side_by_side or remembered or any(target.within(node) for target in self.transitions.led))

    def begun(self, states: Mapping[str, State]) -> dict[str, State]:
        """The states with what is done on the way to the first of some of them."""
        done: dict[str, tuple[Action, ...]] = {}
        for node, actions, path in self.first:
            if self.only_first(node):
                done[node.name] = (*done.get(node.name, ()), *actions)
            else:
                hint = f"give them to the entry of {node.key}, or of the state around it"
                self.told.refuse("actions on the way to a state that is entered otherwise, too", path, hint)

        def change(name: str, state: State) -> State:
            states = {key: change(f"{name}.{key}", inner) for key, inner in state.states.items()}
            entry = (*done.get(name, ()), *state.on_entry)
            return attrs.evolve(state, states=states, on_entry=entry)

        return {name: change(name, state) for name, state in states.items()} if done else dict(states)

    # --- time

    def timed(self, node: Node) -> dict[str, Any]:
        """What a state has for its delays."""
        value, path = node.config.get("after"), (*node.path, "after")
        if value is not None and not isinstance(value, dict):
            self.told.wrong("wrong-type", f"expected transitions by delay, found {shown(value)}", path)
            return {}
        found: dict[int, tuple[Transition, ...]] = {}
        for key, ways in (value or {}).items():
            delay = self.delay(key, (*path, key))
            listed = tuple(self.transitions.listed(node, ways, (*path, key)))
            if delay is not None and listed:
                found[delay] = (*found.get(delay, ()), *listed)
        if not found:
            return {}
        match list(self.coming(found, path).items()):
            case [(delay, (Transition(str(target), guard=None, actions=(), internal=False),))]:
                return {"timeout": delay, "timeout_transition": target}
        return self.clocked(node, self.coming(found, path), path)

    def coming(self, delays: Mapping[int, tuple[Transition, ...]], path: Path) -> dict[int, tuple[Transition, ...]]:
        """The delays that may be over: behind one that is certain to leave the state, none is."""
        found: dict[int, tuple[Transition, ...]] = {}
        for delay in sorted(delays):
            found[delay] = delays[delay]
            if any(way.guard is None and way.targets and not way.internal for way in delays[delay]):
                break
        for delay in delays.keys() - found.keys():
            self.told.remark((*path, str(delay)), f"it is left out: after {max(found)} ms the state is left")
        return found

    def clocked(self, node: Node, delays: Mapping[int, tuple[Transition, ...]], path: Path) -> dict[str, Any]:
        if node.kind != "atomic":
            hint = "one delay that only leaves the state is held; wait in a state within, or in one without others"
            self.told.refuse("after that does more than leave a state with others in it, at one time,", path, hint)
            return {}
        histories = (other for other in self.nodes.root.everything() if other.config.get("history") == "deep")
        if any(other.parent is not None and node.within(other.parent) for other in histories):
            hint = "it would remember how far the time is, and XState starts it anew; use history: shallow"
            self.told.refuse("after with several delays, guards or actions below a deep history", path, hint)
            return {}
        self.told.remark(path, f"it becomes states within {node.key}, which say when the time is up")
        return self.told.tried(path, after.clock, node.name, delays) or {}

    def delay(self, key: str, path: Path) -> int | None:
        if _DELAY.fullmatch(key):
            return self.told.tried(path, duration, int(key) if len(key) < 20 else 10**20)
        if key not in self.delays:
            hint = "write milliseconds, or in Python read(config, delays={" + f"{key!r}: 1000" + "})"
            self.told.refuse(f"the delay {shown(key)}", path, hint)
            return None
        return self.told.tried(path, duration, self.delays[key])


def _can_finish(node: Node) -> bool:
    inner = [child for child in node.children.values() if child.kind != "history"]
    if node.kind == "parallel":
        return all(map(_can_finish, inner))
    return node.kind == "final" or any(child.kind == "final" for child in inner)
