"""How a machine moves: one event, and all that follows from it.

Each innermost active state looks for a transition that holds, in itself and then outward; of two that would leave
the same state the one from further within is taken. All are then taken at once: states are left, the data are
merged, actions done, states entered. `running` says in what this differs from the library.

Below: `parts`, `compiler.ways` (what is left and entered). Above: `running`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any, Protocol

import attrs
from transitions import MachineError
from transitions.core import EventData, listify

from statewf.compiler.hearing import FINISHED, done_event
from statewf.compiler.tree import Node, Tree
from statewf.compiler.ways import Entrance, active, domain, finishing, in_order, left
from statewf.interop.transitions.parts import NO_EVENT, Call, Model, State, Transition
from statewf.interop.transitions.words import ALWAYS, SEPARATOR
from statewf.machine.events import Event
from statewf.machine.fsm import RAISE, RETRY, Delay, fitting
from statewf.machine.naming import BACKOFF
from statewf.values.frozen import EMPTY, Object, freeze_object

MOST_ALWAYS = 1_000  # transitions of its own in a row: more run in a circle


class Moved(Protocol):
    """What a machine is to those who move it."""

    @property
    def tree(self) -> Tree: ...

    @property
    def waits(self) -> Mapping[str, State]:
        """The timers between two attempts, by the name of the state that is tried."""

    @property
    def triggers(self) -> Collection[str]:
        """Everything that some transition answers to."""

    @property
    def ignoring(self) -> bool:
        """Whether an event that nobody takes is let go, where no state says anything."""

    def state(self, node: Node) -> State: ...

    def declared(self, trigger: str, source: str) -> Sequence[Transition]: ...

    def callbacks(self, funcs: Iterable[Any], event_data: EventData) -> None: ...


@attrs.frozen(eq=False)
class Run:
    """A model in the moving: one event, and all that follows from it."""

    machine: Moved
    data: Any  # the library's, of this event

    @property
    def model(self) -> Model:
        model: Model = self.data.model
        return model

    @property
    def waiting(self) -> bool:
        """Whether the only leaf waits for its next attempt."""
        return str(self.model.state).endswith(BACKOFF)

    @property
    def leaves(self) -> tuple[Node, ...]:
        return tuple(self.machine.tree.nodes[name.removesuffix(BACKOFF)] for name in listify(self.model.state))

    @property
    def ended(self) -> bool:
        return any(leaf.state.terminal for leaf in self.leaves)

    def ignores(self, leaf: Node) -> bool:
        """Whether an event that nobody takes is let go there."""
        own = (self.machine.state(node).ignore_invalid_triggers for node in leaf.lineage())
        return next((word for word in own if word is not None), self.machine.ignoring)

    # --- events

    def begin(self) -> None:
        """Enter the first states."""
        self.model.state = []
        self.model.event = NO_EVENT
        entrance = Entrance(self.machine.tree, {})
        entrance.add(self.machine.tree.first(), None)
        self.enter(entrance.entered(), ())
        self.settle()

    def receive(self, name: str) -> bool:
        """Take an event from outside, and all that follows; whether a transition was taken."""
        if self.deaf(name):
            return False
        data = _told(self.data)
        self.hear(name, data)
        if self.waiting and name == RETRY + self.leaves[0].name:
            self.attempt(self.leaves[0])
        elif name.startswith(RAISE):
            self.model.raised.append(name.removeprefix(RAISE))
        elif not self.take(name, data):
            return False
        self.settle()
        return True

    def deaf(self, name: str) -> bool:
        """Whether an event from outside is none for it: it has ended, or only itself tells that a state is finished."""
        return self.ended or (name.startswith(FINISHED) and name.removeprefix(FINISHED) in self.machine.tree.nodes)

    def may(self, name: str) -> bool:
        """Whether it would take an event now."""
        self.hear(name, _told(self.data))
        takers = (
            leaf for leaf in self.leaves if self.retries(leaf, name) or any(True for _ in self.first(leaf, name))
        )
        return not self.deaf(name) and next(takers, None) is not None

    def settle(self) -> None:
        """Go on until nothing is enabled; then call handlers, one after another, and take what they answer."""
        circling = 0
        model = self.model
        while True:
            if not self.ended and (self.take(ALWAYS, EMPTY) or self.take_raised()):
                circling += 1
                if circling > MOST_ALWAYS:
                    raise MachineError(f"more than {MOST_ALWAYS:,} transitions of its own in a row")
            elif model.calls:
                self.call(model.calls.popleft())
            elif not self.ended and model.answers:
                circling = 0
                event = model.answers.popleft()
                self.take(event.name, event.data)
            else:
                return

    def take_raised(self) -> bool:
        """Take the next event of its own, or forget it; whether there was one."""
        if not self.model.raised:
            return False
        self.take(self.model.raised.popleft(), EMPTY)
        return True

    def call(self, call: Call) -> None:
        try:
            answer = self.model.handlers[call.handler](call)
        except Exception as error:  # a handler that fails changes nothing
            self.model.failed.append((call.handler, error))
        else:
            if isinstance(answer, Event):
                self.model.answers.append(answer)

    def take(self, name: str, data: Object) -> bool:
        """Take what is chosen for an event, at once; whether that is anything."""
        self.hear(name, data)
        if any(map(self.retries, self.leaves, repeat(name))):
            self.again(self.leaves[0], data)
            return True
        chosen: dict[Transition, Node] = {}
        for leaf in self.leaves:
            for transition, source in self.first(leaf, name):
                chosen.setdefault(transition, source)
        if chosen:
            self.move(self.compatible(chosen), data)
        return bool(chosen)

    def hear(self, name: str, data: Object) -> None:
        """Let conditions and actions see an event."""
        self.model.event = {"name": "" if name == ALWAYS else name, "data": data}

    # --- what is taken

    def retries(self, leaf: Node, name: str) -> bool:
        """Whether an event leads to the next attempt at a state."""
        retry = self.machine.state(leaf).retry
        return (
            retry is not None and name in retry.on and not self.waiting and self.model.attempt < retry.max_attempts
        )

    def first(self, leaf: Node, name: str) -> Iterator[tuple[Transition, Node]]:
        """The first transition that holds, from the leaf outward, and of which state it is."""
        retry = self.machine.state(leaf).retry
        if self.waiting and retry is not None and name in retry.on:
            return
        skipped = self.waiting and name == ALWAYS
        for node in leaf.lineage()[1:] if skipped else leaf.lineage():
            for transition in self.offered(node, name):
                self.data.transition = transition
                if all(condition.check(self.data) for condition in transition.conditions):
                    yield transition, node
                    return

    def offered(self, node: Node, name: str) -> Iterator[Transition]:
        """What a state has to say to an event, the most exact first."""
        patterns = () if name.startswith("$") else fitting(name, self.machine.triggers)
        for trigger in dict.fromkeys((name, *patterns)):
            yield from self.machine.declared(trigger, node.name)

    def compatible(self, chosen: Mapping[Transition, Node]) -> dict[Transition, Node]:
        """What is left of those chosen when each state is left by one of them at most; of which state each is."""
        kept: dict[Transition, Node] = {}
        for transition, source in chosen.items():
            gone = set(self.gone(transition, source))
            rivals = [other for other in kept if not gone.isdisjoint(self.gone(other, kept[other]))]
            if all(source is not kept[other] and source.within(kept[other]) for other in rivals):
                for other in rivals:
                    del kept[other]
                kept[transition] = source
        return kept

    def targets(self, transition: Transition) -> tuple[Node, ...]:
        return tuple(self.machine.tree.nodes[name] for name in listify(transition.dest))

    def stays(self, transition: Transition, source: Node) -> Node | None:
        return domain(source, self.targets(transition), internal=transition.internal)

    def gone(self, transition: Transition, source: Node) -> Sequence[Node]:
        """What a transition leaves."""
        return left(active(self.leaves), self.stays(transition, source)) if transition.dest else ()

    # --- moving

    def move(self, taken: Mapping[Transition, Node], data: Object) -> None:
        """Leave what is left, do what is done, enter what is entered."""
        now = active(self.leaves)
        gone = {node: None for transition, source in taken.items() for node in self.gone(transition, source)}
        entrance = Entrance(self.machine.tree, {})
        for transition, source in taken.items():
            if transition.dest:
                entrance.add(self.targets(transition), self.stays(transition, source))
        for node in reversed(now):
            if node in gone:
                self.exit(node)
        self.merge(data)
        for transition in taken:
            done = (*transition.prepare, *transition.before, *transition.actions, *transition.after)
            self.machine.callbacks(done, self.data)
        if gone or entrance.found:
            self.model.attempt = 1
            self.enter(entrance.entered(), tuple(node for node in now if node not in gone))

    def merge(self, data: Object) -> None:
        if data:
            self.model.context = {**self.model.context, **data}

    def enter(self, entered: Sequence[Node], staying: Sequence[Node]) -> None:
        """Enter states beside those that stay. A terminal one ends it all."""
        now = [*staying]
        self.stand(in_order((*entered, *staying)))
        for node in entered:
            now.append(node)
            self.machine.state(node).scoped_enter(self.data, _scope(node))
            if node.state.final:
                self.model.raised.extend(map(done_event, finishing(node, now)))
        end = next((node for node in now if node.state.terminal), None)
        if end is not None:
            for node in now:
                self.machine.state(node).cancel(self.model)
            self.stand((end,))

    def exit(self, node: Node) -> None:
        """Leave a state; between its attempts it was left already."""
        if self.waiting and node in self.leaves:
            self.machine.waits[node.name].cancel(self.model)
        else:
            self.machine.state(node).scoped_exit(self.data, _scope(node))

    def again(self, leaf: Node, data: Object) -> None:
        """Go to the next attempt at a state, or to the wait before it."""
        retry = self.machine.state(leaf).retry
        assert retry is not None, "only a state with retry is entered again"
        self.exit(leaf)
        self.merge(data)
        if not retry.waits:
            self.attempt(leaf)
            return
        wait = self.machine.waits[leaf.name]
        delay = Delay(retry.first_delay, retry.backoff or "exponential", retry.max_delay)
        self.model.state = leaf.name + BACKOFF
        wait.arm(delay.after(self.model.attempt, ""), self.data)

    def attempt(self, leaf: Node) -> None:
        """Enter a state once more."""
        self.model.attempt += 1
        self.enter((leaf,), leaf.lineage()[1:])

    def stand(self, nodes: Iterable[Node]) -> None:
        """Be in these states."""
        leaves = [node.name for node in nodes if not node.state.states]
        self.model.state = leaves if len(leaves) > 1 else leaves[0]


def _scope(node: Node) -> list[str]:
    return node.name.split(SEPARATOR)[:-1]


def _told(data: Any) -> Object:
    """The data of an event: named arguments, or one object. A timer is called with what the library knows of it."""
    args = [arg for arg in data.args if not isinstance(arg, EventData)]
    if len(args) > 1 or (args and data.kwargs):
        raise TypeError("an event has one object of data, or named ones")
    return freeze_object(args[0] if args else data.kwargs, "the data")
