"""A definition as the text of a module with a class for python-statemachine.

First stand the states, as they lie within each other; then what leads from each to others, in the order in which it
is tried; events are named there, as they may have any name.

Below: `limits`, `ids`, `layout`. Above: the package, which says what is held and what is not.
"""

from __future__ import annotations

import inspect
import keyword
import re
from collections.abc import Iterable, Iterator, Sequence

from statemachine.utils import humanize_id

from statewf.compiler import compile_definition
from statewf.compiler.hearing import done_event
from statewf.compiler.tree import Node, Tree, grow
from statewf.definition.model import (
    ERROR,
    Action,
    Assign,
    Emit,
    Function,
    Invoke,
    Raise,
    Retry,
    StateMachine,
    Transition,
)
from statewf.errors import ConversionError
from statewf.interop.conversion import Exported, Remark
from statewf.interop.statemachine.ids import ids
from statewf.interop.statemachine.layout import WORDS, Item, Text, block, item, laid_out, literal, seconds
from statewf.interop.statemachine.limits import is_prefix, refused, told
from statewf.machine.fsm import is_pattern
from statewf.machine.naming import BACKOFF


def write(definition: StateMachine) -> Exported:
    """The text of a Python module whose class does what the definition says.

    Raises CompileError where the definition is wrong, ConversionError for what cannot be written.
    """
    compile_definition(definition)
    tree = grow(definition)
    if mistakes := tuple(refused(tree)):
        raise ConversionError(mistakes, definition.places.source)
    writing = _Writing(tree)
    return Exported(writing.module(), tuple(dict.fromkeys((*told(tree), *writing.remarks))))


class _Writing:
    """One class in the writing. `text` remembers which words it needs."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.ids = ids(tree)
        self.text = Text()
        self.remarks: list[Remark] = []
        self.events = tuple(dict.fromkeys(event for node in tree.nodes.values() for event in node.state.on))

    def module(self) -> str:
        definition = self.tree.definition
        name = _class_name(definition.name)
        body = [*self.head(name), *self.states(self.tree.roots.values())]
        for node in self.tree.nodes.values():
            if lines := [line for way in self.ways(node) for line in way]:
                body += ["", *lines]
        title = f'"""The state machine {_plain(definition.name)} for python-statemachine, written by statewf."""'
        parent = self.text.word("Chart")
        lines = [title, "", *self.text.imports(), "", "", *block(f"class {name}({parent}):", body)]
        return "\n".join(line.rstrip() for line in lines) + "\n"

    def head(self, name: str) -> Iterator[str]:
        definition = self.tree.definition
        if definition.description:
            text = definition.description
            if text == inspect.cleandoc(text) and "{statechart:" not in text:
                yield from (_docstring(text), "")
            else:
                self.remarks.append(
                    Remark(definition.name, "its description is left behind: no docstring holds it")
                )
        if definition.name != name:
            yield f"definition_name = {literal(definition.name)}"
        if definition.unexpected == "ignore":
            yield "allow_event_without_transition = True"
        if definition.context:
            yield f"defaults = {literal(definition.context)}"
        (first,) = self.tree.first()
        if first.parent is not None:
            value = first.name if self.ids[first.name] != first.path[-1] else self.ids[first.name]
            yield f"start_configuration_values = [{literal(value)}]"
        yield ""

    # --- states

    def states(self, nodes: Iterable[Node]) -> Iterator[str]:
        for node in nodes:
            yield from self.state(node)
            if node.state.retry is not None and node.state.retry.waits:
                yield from self.wait(node, node.state.retry)

    def state(self, node: Node) -> Iterator[str]:
        state, own = node.state, self.ids[node.name]
        if state.history is not None:
            self.text.word("HistoryState")
            items = [*self.named(node), *([item("type", '"deep"')] if state.history == "deep" else [])]
            yield from laid_out(f"{own} = HistoryState", items)
            return
        marks = [item("initial", "True")] if self.is_first(node) else []
        marks += [item("final", "True")] if state.final or state.terminal else []
        items = [*self.named(node), *marks, *self.deeds(node)]
        self.text.word("State")
        if not state.states:
            yield from laid_out(f"{own} = State", items)
            return
        kind = "Parallel" if state.parallel else "Compound"
        around = ["", *laid_out(f"class {own}", [item("", f"State.{kind}"), *items], end=":")]
        yield from block(around, self.states(node.children.values()))
        yield ""

    def wait(self, node: Node, retry: Retry) -> Iterator[str]:
        """The state between two attempts."""
        growth = [item("growth", literal(retry.backoff))] if retry.backoff else []
        base = [] if retry.base_delay is None else [item("", seconds(retry.base_delay))]
        more = [item("longest", seconds(retry.max_delay)), item("jitter", literal(retry.jitter))]
        defaults = Retry(1, ERROR)
        more = [
            one
            for one, said in zip(more, (retry.max_delay != defaults.max_delay, retry.jitter != "none"), strict=True)
            if said
        ]
        wait = self.text.call("backoff", *base, *growth, *more)
        name = node.name + BACKOFF
        yield from laid_out(f"{self.ids[name]} = State", [item("value", literal(name)), item("invoke", wait)])

    def named(self, node: Node) -> Iterator[Item]:
        """What a state is called, where its id does not say it."""
        own, described = self.ids[node.name], node.state.description
        if described is not None:
            if not described or described == humanize_id(own):
                self.remarks.append(
                    Remark(node.name, "its description is left behind: it is what it is called anyway")
                )
            else:
                yield item("name", literal(described))
        if own != node.path[-1]:
            yield item("value", literal(node.name))

    def is_first(self, node: Node) -> bool:
        if node.parent is None:
            return any(first.within(node) for first in self.tree.first())
        return not node.parent.state.parallel and self.tree.goals(node.parent) == (node,)

    def deeds(self, node: Node) -> Iterator[Item]:
        state = node.state
        enter = [*self.actions(state.on_entry)]
        if state.terminal and state.outcome is not None:
            enter.insert(0, self.text.call("outcome", item("", literal(state.outcome))))
        yield from _listed("enter", enter)
        yield from _listed("exit", [*self.actions(state.on_exit)])
        invoke = []
        if state.timeout is not None:
            self.text.word("timeout")
            invoke.append(f"timeout({seconds(state.timeout)}, on={literal(self.timer(node))})")
        if state.invoke is not None:
            items = [item("", literal(self.ids[node.name])), *_calling(state.invoke.handler, state.invoke.params)]
            invoke.append(self.text.call("calling", *items))
        yield from _listed("invoke", invoke)

    def timer(self, node: Node) -> str:
        return f"$timeout.{self.ids[node.name]}"

    # --- transitions

    def ways(self, node: Node) -> Iterator[Iterable[str]]:
        state = node.state
        if state.history is not None:
            yield from (
                laid_out(f"{self.at(node)}.to", [item("", self.at(goal))]) for goal in self.tree.goals(node)
            )
            return
        goals = self.tree.goals(node) if state.states and not state.parallel else ()
        if goals and not (len(goals) == 1 and goals[0].parent is node and goals[0].state.history is None):
            yield laid_out(f"{self.at(node)}.to", [item("", self.places(goals)), item("initial", "True")])
        if state.retry is not None:
            yield self.attempt(node, state.retry)
        if state.timeout_transition is not None:
            yield self.way(node, Transition(state.timeout_transition), self.timer(node))
        yield from self.heard(node, self.at(node))
        if state.invoke is not None:
            yield from self.answers(node, state.invoke)
        yield from (self.way(node, way, None) for way in state.always)
        if state.retry is not None and state.retry.waits:
            yield from self.waited(node, state.retry)

    def heard(self, node: Node, source: str, but: Sequence[str] = ()) -> Iterator[Iterable[str]]:
        """The transitions for events, those for the more exact names first."""
        state = node.state
        names = sorted(
            state.on, key=lambda name: (is_pattern(name), name == "*", -len(name) if is_pattern(name) else 0)
        )
        for name in (name for name in names if not is_pattern(name) and name not in but):
            yield from (self.way(node, way, self.event(name), source) for way in state.on[name])
        yield from (self.way(node, way, self.event(done_event(node)), source) for way in state.on_done)
        for name in filter(is_pattern, names):
            yield from (self.way(node, way, name, source) for way in state.on[name])

    def event(self, name: str) -> str:
        """The event as python-statemachine calls it, which knows a state that is finished by its id."""
        state = name.removeprefix("done.state.")
        return f"done.state.{self.ids[state]}" if name.startswith("done.state.") and state in self.ids else name

    def attempt(self, node: Node, retry: Retry) -> Iterable[str]:
        """The way to the next attempt, or to the wait before it."""
        own = self.ids[node.name]
        events = " ".join(f"{ERROR}.{own}" if event == ERROR else event for event in retry.on)
        to = self.at(node, BACKOFF) if retry.waits else self.at(node)
        limit = self.text.call("attempts", item("", str(retry.max_attempts)))
        count = self.text.word("pause" if retry.waits else "again")
        items = [item("", to), item("event", literal(events)), item("cond", limit), item("on", count)]
        return laid_out(f"{self.at(node)}.to", items)

    def waited(self, node: Node, retry: Retry) -> Iterator[Iterable[str]]:
        """What leads on from the wait: the next attempt, and what the state hears but what it is tried again for."""
        source = self.at(node, BACKOFF)
        again = [item("", self.at(node)), item("event", '"$retry"'), item("on", self.text.word("again"))]
        yield laid_out(f"{source}.to", again)
        yield from self.heard(node, source, retry.on)

    def answers(self, node: Node, invoke: Invoke) -> Iterator[Iterable[str]]:
        """What the result of a call leads to, or its failure; at last, what leads nowhere is taken all the same."""
        own = self.ids[node.name]
        done, failed = f"done.invoke.{own}", f"{ERROR}.{own}"
        yield from (self.way(node, way, done) for way in invoke.on_done)
        yield from (self.way(node, way, failed) for way in invoke.on_error)
        rest = literal(f"{done} {failed} error.execution")
        aside = [item("before", self.text.word("unread"))] if invoke.on_done else []
        yield laid_out(f"{self.at(node)}.to", [item("", "None"), item("event", rest), *aside])

    def way(self, node: Node, way: Transition, event: str | None, source: str | None = None) -> Iterable[str]:
        """One transition."""
        targets = [found for name in way.targets if (found := self.tree.find(name, node)) is not None]
        internal = way.internal
        if internal and targets == [node]:  # its first states are entered anew, if it has any
            targets = [*self.tree.goals(node)] if node.state.states else []
        items = [item("", self.places(targets))]
        if event is not None:
            items.append(item("event", literal(event)))
        if internal and targets:
            items.append(item("internal", "True"))
        items += _listed("cond", [*self.conditions(way, event)])
        items += _listed("on", [*self.actions(way.actions)])
        return laid_out(f"{source or self.at(node)}.to", items)

    def conditions(self, way: Transition, event: str | None) -> Iterator[str]:
        if event is not None and is_pattern(event):
            yield self.text.word("heard")
        elif event is not None and is_prefix(event, self.events):
            yield self.text.call("exactly", item("", literal(event)))
        if way.guard is not None:
            yield self.text.call("guard", item("", literal(way.guard.text)))

    def actions(self, actions: Iterable[Action]) -> Iterator[str]:
        for action in actions:
            match action:
                case Function(handler, params):
                    yield self.text.call("call", *_calling(handler, params))
                case Emit(event, data):
                    more = [item("", literal(data))] if data is not None else []
                    yield self.text.call("emit", item("", literal(event)), *more)
                case Assign(values):
                    texts = {name: value.text for name, value in values.items()}
                    yield self.text.call("assign", item("", literal(texts)))
                case Raise(event):
                    yield self.text.call("raised", item("", literal(event)))

    def at(self, node: Node, more: str = "") -> str:
        """A state, as the class knows it."""
        outer = [self.ids[around.name] for around in reversed(node.lineage()[1:])]
        return ".".join([*outer, self.ids[node.name + more]])

    def places(self, nodes: Sequence[Node]) -> str:
        if not nodes:
            return "None"
        return self.at(nodes[0]) if len(nodes) == 1 else f"[{', '.join(map(self.at, nodes))}]"


def _calling(handler: str, params: object) -> list[Item]:
    return [item("", literal(handler)), *([item("", literal(params))] if params else [])]


def _listed(key: str, texts: Sequence[str]) -> list[Item]:
    return [item(key, *texts)] if texts else []


def _plain(name: str) -> str:
    return re.sub(r"[^\w .-]", "?", name)


def _docstring(text: str) -> str:
    plain = text.isprintable() and not any(mark in text for mark in ('"', "\\"))
    return f'"""{text}"""' if plain else repr(text)


def _class_name(name: str) -> str:
    """The name as that of a class: as it is, if it is one already."""
    found = name
    if not (name.isidentifier() and name.isascii() and name[0].isupper()):
        words = re.findall(r"[A-Za-z0-9]+", name)
        found = "".join(word[0].upper() + word[1:] for word in words)
    if not found[:1].isalpha():
        found = f"Machine{found}"
    return f"{found}Machine" if found in WORDS or keyword.iskeyword(found) else found
