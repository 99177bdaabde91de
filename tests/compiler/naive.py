"""A plain interpreter of statecharts, to hold the compiled table against: SCXML's algorithm over a real run.

It goes through the definition itself, microstep by microstep, with the data at hand: nothing is written out before,
no guard is left open. States are known by their paths of names. It does what `docs/definitions.md` says, and what that
takes from the algorithm of SCXML (W3C recommendation, appendix D). Only conditions are evaluated by the project.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from statewf.definition.model import Action, Assign, Emit, Raise, State, StateMachine, Transition, named
from statewf.expr import UNDEFINED, Expression, Fault

Path = tuple[str, ...]
Taken = tuple[Path, Transition]  # of which state
MOST = 200  # microsteps in a row


class Endless(Exception):
    """It does not come to rest."""


class Naive:
    """One instance. `told` is what was emitted, `state` the leaves that are active, `came` what each microstep entered."""

    def __init__(self, definition: StateMachine) -> None:
        self.definition = definition
        self.states: dict[Path, State] = dict(_all(definition.states, ()))
        self.order = {path: number for number, path in enumerate(self.states)}
        self.active: set[Path] = set()
        self.memory: dict[Path, list[Path]] = {}
        self.context: dict[str, Any] = {}
        self.told: list[str] = []
        self.queue: list[str] = []
        self.due: dict[Path, int] = {}
        self.later: dict[str, int] = {}
        self.deferred: list[tuple[str, Mapping[str, Any]]] = []
        self.now = 0
        self.ended = False
        self.came: list[list[str]] = []
        self.taken: list[Transition] = []
        self.changed = False  # since deferred events were offered: a state, or an event was raised
        self.enter([(None, [self.path(name, ()) for name in named(definition.initial_state)])])
        self.settle()

    @property
    def state(self) -> str:
        return "+".join(".".join(path) for path in self.leaves())

    def leaves(self) -> list[Path]:
        return [path for path in self.sorted(self.active) if not self.states[path].states]

    # --- what happens to it

    def send(self, event: str, data: Mapping[str, Any]) -> str:
        """What became of an event."""
        if self.ended:
            return "rejected"
        if not self.microstep(self.choose(event, data), data):
            policies = {self.policy(leaf) for leaf in self.leaves()}
            word = next(word for word in ("defer", "ignore", "reject") if word in policies)
            if word == "defer":
                self.deferred.append((event, data))
            return {"defer": "deferred", "ignore": "ignored", "reject": "rejected"}[word]
        self.settle()
        return "accepted"

    def policy(self, leaf: Path) -> str:
        own = (self.states[path].unexpected for path in _outward(leaf))
        return next((word for word in own if word), self.definition.unexpected)

    def advance(self, by: int) -> None:
        until = self.now + by
        while not self.ended and min([*self.due.values(), *self.later.values()], default=until + 1) <= until:
            soonest = min(self.later.items(), key=lambda item: item[1], default=None)
            if soonest is not None and all(soonest[1] < at for at in self.due.values()):
                event, self.now = soonest
                del self.later[event]
                if self.microstep(self.choose(event, None), {}):
                    self.settle()
                continue
            at, _, path = min((at, self.order[path], path) for path, at in self.due.items())
            self.now = at
            del self.due[path]
            target = self.states[path].timeout_transition
            assert target is not None
            if self.microstep([(path, Transition(target))], {}):
                self.settle()
        self.now = until

    def settle(self) -> None:
        """Microsteps until nothing is enabled, then one that was deferred after each change, until none is taken."""
        while True:
            self.rest()
            offered = self.deferred if self.changed and not self.ended else []
            for i, (event, data) in enumerate(offered):
                if self.microstep(self.choose(event, data), data):
                    del self.deferred[i]
                    break
            else:
                self.changed = False  # all of them were offered
                return

    def rest(self) -> None:
        for _ in range(MOST):
            if self.ended:
                return
            if self.microstep(self.choose("", None), {}):
                continue
            if not self.queue:
                return
            event = self.queue.pop(0)
            self.microstep(self.choose(event, None), {})
        raise Endless

    # --- what is taken

    def choose(self, event: str, data: Mapping[str, Any] | None) -> list[Taken]:
        chosen: list[Taken] = []
        for leaf in self.leaves():
            found = next(
                (
                    (path, way)
                    for path in _outward(leaf)
                    for way in self.ways(path, event)
                    if self.holds(way, event, data)
                ),
                None,
            )
            if found is not None and not any(way is found[1] for _, way in chosen):
                chosen.append(found)
        kept: list[Taken] = []
        for one in chosen:
            rivals = [other for other in kept if set(self.left(one)) & set(self.left(other))]
            if all(_inside(one[0], other[0]) for other in rivals):
                kept = [other for other in kept if other not in rivals] + [one]
        return kept

    def ways(self, path: Path, event: str) -> Iterable[Transition]:
        state = self.states[path]
        if not event:
            return state.always
        patterns = sorted(
            (name for name in state.on if name != event and _fits(name, event)), key=len, reverse=True
        )
        listed = [way for name in patterns for way in state.on[name]]
        done = state.on_done if event == f"done.state.{'.'.join(path)}" else ()
        return [*state.on.get(event, ()), *done, *listed]

    def holds(self, way: Transition, event: str, data: Mapping[str, Any] | None) -> bool:
        if way.guard is None:
            return True
        state = [".".join(path) for path in self.active]
        scope: dict[str, Any] = {"context": self.context, "inputs": {}, "attempt": 1, "state": state}
        return _holds(way.guard, {**scope, "event": {"name": event, "data": data or {}}})

    # --- where it leads

    def path(self, name: str, source: Path) -> Path:
        """A sibling, else further out, or a whole path."""
        for outer in [source[:-1][:n] for n in range(len(source) - 1, -1, -1)] if source else [()]:
            if (*outer, name) in self.states:
                return (*outer, name)
        return tuple(name.split("."))

    def targets(self, taken: Taken) -> list[Path]:
        return [self.path(name, taken[0]) for name in taken[1].targets]

    def goals(self, path: Path) -> list[Path]:
        """Where a compound state, or a history without a past, leads."""
        state = self.states[path]
        around = path[:-1] if state.history else path
        if self.states[around].parallel:
            return self.inner(around)
        if state.history:
            return self.goals(around)
        return [(*around, str(state.initial))]

    def inner(self, path: Path) -> list[Path]:
        return [
            child
            for child in self.states
            if child[:-1] == path and len(child) == len(path) + 1 and not self.states[child].history
        ]

    def domain(self, taken: Taken) -> Path | None:
        """The state that stays; () is the whole machine, None where nothing is left."""
        source, way = taken
        if not way.targets:
            return None
        targets = self.targets(taken)
        if way.internal and all(target[: len(source)] == source for target in targets):
            return source
        return next(
            outer
            for outer in (source[:n] for n in range(len(source) - 1, -1, -1))
            if all(_inside(t, outer) for t in targets)
        )

    def left(self, taken: Taken) -> list[Path]:
        domain = self.domain(taken)
        return [] if domain is None else [path for path in self.active if _inside(path, domain)]

    # --- doing it

    def microstep(self, chosen: list[Taken], data: Mapping[str, Any]) -> bool:
        if not chosen:
            return False
        domains = [(self.domain(taken), self.targets(taken)) for taken in chosen]
        leaving = self.sorted({path for taken in chosen for path in self.left(taken)})[::-1]
        for path in leaving:
            for history in (p for p, s in self.states.items() if s.history and p[:-1] == path):
                inside = [p for p in self.sorted(self.active) if _inside(p, path)]
                deep = self.states[history].history == "deep"
                self.memory[history] = [
                    p for p in inside if (not self.states[p].states if deep else len(p) == len(path) + 1)
                ]
        self.changed |= bool(leaving)
        for path in leaving:
            self.perform(self.states[path].on_exit)
            self.due.pop(path, None)
            self.active.discard(path)
        self.context.update(data)
        self.taken += (way for _, way in chosen)
        for _, way in chosen:
            self.perform(way.actions)
        self.enter([(domain, targets) for domain, targets in domains if domain is not None])
        return True

    def enter(self, moves: list[tuple[Path | None, list[Path]]]) -> None:
        found: set[Path] = set()
        for stays, targets in moves:
            for target in targets:
                self.descend(target, stays, found)
            for target in targets:
                if target != stays:
                    self.ascend(target, stays or (), found)
            if stays and self.states[stays].parallel:
                self.complete(stays, found)
        self.changed |= bool(found)
        self.came += [[".".join(path) for path in self.sorted(found)]] if found else []
        for path in self.sorted(found):
            self.active.add(path)
            state = self.states[path]
            self.perform(state.on_entry)
            if state.timeout is not None:
                self.due[path] = self.now + state.timeout
            if state.terminal:
                self.ended = True
            if state.final:
                self.finish(path)
        if self.ended:
            self.due.clear()

    def descend(self, path: Path, stays: Path | None, found: set[Path]) -> None:
        state = self.states[path]
        if state.history:
            self.follow(self.memory.get(path) or self.goals(path), path[:-1], found)
            return
        if path != stays:
            found.add(path)
        if state.parallel:
            self.complete(path, found)
        elif state.states:
            self.follow(self.goals(path), path, found)

    def follow(self, goals: list[Path], around: Path, found: set[Path]) -> None:
        for goal in goals:
            self.descend(goal, None, found)
        for goal in goals:
            self.ascend(goal, around, found)

    def ascend(self, path: Path, stays: Path, found: set[Path]) -> None:
        for outer in (path[:n] for n in range(len(path) - 1, len(stays), -1)):
            found.add(outer)
            if self.states[outer].parallel:
                self.complete(outer, found)

    def complete(self, path: Path, found: set[Path]) -> None:
        for child in self.inner(path):
            if not any(other[: len(child)] == child for other in found):
                self.descend(child, None, found)

    def finish(self, final: Path) -> None:
        around = final[:-1]
        if self.finished(around):
            self.queue.append(f"done.state.{'.'.join(around)}")
            while len(around) > 1 and self.states[around[:-1]].parallel and self.finished(around[:-1]):
                around = around[:-1]
                self.queue.append(f"done.state.{'.'.join(around)}")

    def finished(self, path: Path) -> bool:
        state = self.states[path]
        if state.final:
            return path in self.active
        if state.parallel:
            return all(self.finished(child) for child in self.inner(path))
        return any(self.states[child].final and child in self.active for child in self.inner(path))

    def perform(self, actions: Iterable[Action]) -> None:
        for action in actions:
            match action:
                case Emit(event, _):
                    self.told.append(event)
                case Raise(event, int(delay)):
                    self.later[event] = self.now + delay
                case Raise(event):
                    self.queue.append(event)
                    self.changed |= any(_fits(name, event) for state in self.states.values() for name in state.on)
                case Assign(values):
                    scope = {"context": dict(self.context), "inputs": {}, "attempt": 1}
                    self.context.update({name: value.evaluate(scope) for name, value in values.items()})

    def sorted(self, paths: Iterable[Path]) -> list[Path]:
        return sorted(paths, key=self.order.__getitem__)


def _all(states: Mapping[str, State], around: Path) -> Iterator[tuple[Path, State]]:
    for name, state in states.items():
        yield (*around, name), state
        yield from _all(state.states, (*around, name))


def _outward(path: Path) -> Iterator[Path]:
    return (path[:n] for n in range(len(path), 0, -1))


def _inside(path: Path, outer: Path) -> bool:
    return len(path) > len(outer) and path[: len(outer)] == outer


def _fits(name: str, event: str) -> bool:
    return name in ("*", event) or (name.endswith(".*") and f"{event}.".startswith(name[:-1]))


def _holds(guard: Expression, scope: dict[str, Any]) -> bool:
    try:
        value = guard.evaluate(scope)
    except Fault:
        return False
    return value is not UNDEFINED and bool(value)
