"""Generated statecharts: nested, parallel and remembered states, final ones, raised events, patterns of events.

What each state and transition does is told by what it emits, so that the order of it can be compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations, takewhile
from typing import Any
from unittest.mock import patch

from hypothesis import reject
from hypothesis import strategies as st

from statewf.compiler import compile_definition, states
from statewf.definition.model import Action, Assign, Emit, Raise, State, StateMachine, Transition, Unexpected
from statewf.errors import CompileError
from statewf.machine.fsm import Machine

EVENTS = ("A", "B", "C", "m.x", "m.y")
RAISED = ("R", "S")
PATTERNS = ("*", "m.*")
GUARDS = (
    None,
    None,
    None,
    "context.n > 1",
    "event.data.ok === true",
    "includes(state, 's0')",
    "event.name === 'A'",
    "event.name !== 'm.x'",
)
QUIET = ("context.n > 3", "!includes(state, 's0') && context.n > 2", "context.n === 5")
POLICIES: st.SearchStrategy[Unexpected] = st.sampled_from(["reject", "ignore", "defer"])
MOST_NESTED = 3

data = st.fixed_dictionaries({}, optional={"ok": st.booleans(), "n": st.integers(0, 4)})


class _Drawing:
    """One chart in the drawing: first where states stand, then what they do."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.kinds: dict[str, str] = {}  # of each state by its full name, in document order

    def chance(self, one_in: int) -> bool:
        return self.draw(st.sampled_from([False] * (one_in - 1) + [True]))

    def shapes(self, depth: int, around: str) -> dict[str, dict[str, Any]]:
        """The states of one level, by name."""
        found: dict[str, dict[str, Any]] = {}
        for _ in range(self.draw(st.integers(1 if depth else 2, 3))):
            name = f"s{len(self.kinds)}"
            kinds = ["leaf", "compound", "parallel"] if depth < MOST_NESTED else ["leaf"]
            kind = self.draw(st.sampled_from(kinds + (["final", "final", "history"] if depth and found else [])))
            self.kinds[f"{around}{name}"] = kind
            inner = self.shapes(depth + 1, f"{around}{name}.") if kind in ("compound", "parallel") else {}
            found[name] = {"kind": kind, "inner": inner, "full": f"{around}{name}"}
        return found

    def state(self, shape: dict[str, Any]) -> State:
        kind, full, inner = shape["kind"], shape["full"], shape["inner"]
        if kind == "history":
            return State(history=self.draw(st.sampled_from(["shallow", "deep"])))
        noted: dict[str, Any] = {"on_entry": self.deeds(f"in {full}"), "on_exit": self.deeds(f"out {full}")}
        if kind == "final":
            return State(final=True, **noted)
        events = self.draw(
            st.lists(st.sampled_from([*EVENTS, *RAISED, *PATTERNS]), min_size=1, max_size=4, unique=True)
        )
        noted["on"] = {event: self.ways(full, event) for event in events}
        if self.chance(5):
            noted["always"] = [Transition(self.one(self.kinds), guard=self.draw(st.sampled_from(QUIET)))]
        if self.chance(6):
            noted["timeout"] = self.draw(st.sampled_from([1000, 2000, 3000]))
            noted["timeout_transition"] = self.one([*self.kinds, "end"])
        if inner:
            noted["states"] = {name: self.state(one) for name, one in inner.items()}
            noted |= {"parallel": True} if kind == "parallel" else {"initial": next(iter(inner))}
            if self.chance(2):
                noted["on_done"] = self.ways(full, "done")
        return State(**noted)

    def ways(self, full: str, event: str) -> list[Transition]:
        return [self.way(full, f"{full} {event} {i}") for i in range(self.draw(st.integers(1, 2)))]

    def way(self, full: str, told: str) -> Transition:
        guard, actions = self.draw(st.sampled_from(GUARDS)), self.deeds(told, told.split()[1])
        if self.chance(4):
            return Transition(guard=guard, actions=actions)
        if self.chance(12):
            return Transition("end", guard=guard, actions=actions)
        if self.chance(4):
            inside = [name for name in self.kinds if f"{name}.".startswith(f"{full}.")]
            return Transition(self.one(inside), guard=guard, actions=actions, internal=True)
        if self.chance(4) and (pairs := list(self.apart())):
            return Transition(self.draw(st.sampled_from(pairs)), guard=guard, actions=actions)
        return Transition(self.one(self.kinds), guard=guard, actions=actions)

    def one(self, names: Iterable[str]) -> str:
        return self.draw(st.sampled_from(list(names)))

    def apart(self) -> Iterator[tuple[str, str]]:
        """Two states each that can be active side by side."""
        for one, other in combinations(self.kinds, 2):
            parts = takewhile(lambda pair: pair[0] == pair[1], zip(one.split("."), other.split("."), strict=False))
            common = ".".join(part for part, _ in parts)
            if common not in (one, other) and self.kinds.get(common) == "parallel":
                yield one, other

    def deeds(self, told: str, event: str = "") -> list[Action]:
        """What is done; an event is raised rarely where it may be raised in a circle."""
        actions: list[Action] = [Emit(told, {})]
        if self.chance(4):
            actions.append(Assign({"n": "(context.n ?? 0) + 1"}))
        if self.chance(4 if event in EVENTS else 50):
            actions.append(Raise(self.draw(st.sampled_from(RAISED))))
        if self.chance(30):  # one event: which of two comes first at one instant is nobody's business
            actions.append(Raise("R", self.draw(st.sampled_from([700, 1000]))))
        return actions


@st.composite
def charts(draw: st.DrawFn) -> StateMachine:
    """A statechart; many do not compile, for they lead where nothing can lead."""
    drawing = _Drawing(draw)
    shapes = drawing.shapes(0, "")
    states = {name: drawing.state(shape) for name, shape in shapes.items()}
    unexpected = draw(POLICIES) if drawing.chance(3) else "reject"
    return StateMachine("chart", "s0", {**states, "end": State(terminal=True)}, unexpected=unexpected)


def compiled(definition: StateMachine, most: int) -> Machine:
    """The machine of a chart, if it is one; a large table takes its time and tells no more."""
    try:
        with patch.object(states, "MOST_PLACES", most):
            return compile_definition(definition)
    except CompileError:
        reject()


scripts = st.lists(
    st.tuples(st.sampled_from([*EVENTS, "m", "Z"]), data)
    | st.tuples(st.just(""), st.sampled_from([1, 1000, 1500])),
    max_size=10,
)
