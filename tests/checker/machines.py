"""Generated machines: any that compiles, and such as nothing can be wrong with."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from statewf import Assign, Function, Invoke, Retry, State, StateMachine, Transition
from statewf.definition.model import Action

NAMES = ("a", "b", "c", "p", "done")
INNER = ("p.x", "p.y")
EVENTS = ("E", "F", "G")
GUARDS = ("context.x", "context.y === 1", "attempt < 2", "true", "1 > 2", "1 % 0")
ACTIONS: tuple[Action, ...] = (Function("act"), Assign({"x": "!context.x"}))
TERMINAL = State(terminal=True)

targets = st.sampled_from((*NAMES, *INNER))
durations = st.sampled_from((1, 5, 10, 50))


def transitions(
    guards: tuple[str, ...], targets: st.SearchStrategy[str] = targets
) -> st.SearchStrategy[Transition]:
    """A transition that leads on, or stays and does something."""
    guard: st.SearchStrategy[str | None] = st.none() | st.sampled_from(guards) if guards else st.none()
    moves = st.builds(Transition, targets, guard=guard, actions=st.lists(st.sampled_from(ACTIONS), max_size=1))
    stays = st.builds(Transition, st.none(), guard=guard, actions=st.sampled_from(ACTIONS).map(lambda a: [a]))
    return st.one_of(moves, moves, moves, stays)


def retries(*events: str) -> st.SearchStrategy[Retry]:
    """A retry on one or two of these."""
    on = st.lists(st.sampled_from(events), min_size=1, max_size=2)
    return st.builds(Retry, st.integers(1, 4), on, base_delay=st.none() | durations, max_delay=st.just(20))


@st.composite
def states(draw: st.DrawFn, guards: tuple[str, ...], *, compound: bool = False) -> State:
    """A state with a little of everything."""
    listed = st.lists(transitions(guards), min_size=1, max_size=3)
    more: dict[str, Any] = {"on": draw(st.dictionaries(st.sampled_from(EVENTS), listed, max_size=2))}
    if draw(st.integers(0, 3)) == 0:
        more["always"] = draw(st.lists(transitions(guards), min_size=1, max_size=2))
    if draw(st.booleans()):
        more |= {"timeout": draw(durations), "timeout_transition": draw(targets)}
    if draw(st.integers(0, 3)) == 0:
        more["on_entry"] = draw(st.sampled_from(ACTIONS))
    if draw(st.integers(0, 3)) == 0:
        answers = st.lists(transitions(guards), max_size=2)
        more["invoke"] = Invoke("ask", on_done=draw(answers), on_error=draw(answers))
    if compound:
        inner = states(guards)
        return State(states={"x": draw(inner), "y": draw(inner | st.just(TERMINAL))}, initial="x", **more)
    if draw(st.booleans()):
        more["retry"] = draw(retries(*EVENTS, "$error") if "invoke" in more else retries(*EVENTS))
    return State(**more)


def machines(guards: tuple[str, ...] = GUARDS) -> st.SearchStrategy[StateMachine]:
    """Any machine of three states, a compound one and a terminal one; most have much wrong with them."""
    flat = states(guards)
    parts = st.fixed_dictionaries(
        {"a": flat, "b": flat, "c": flat, "p": states(guards, compound=True), "done": st.just(TERMINAL)}
    )
    return st.builds(StateMachine, st.just("any"), st.sampled_from(("a", "p")), parts)


@st.composite
def sound_machines(draw: st.DrawFn) -> StateMachine:
    """Machines that are right by construction: the timeout of each state leads to the next, of the last to the end.

    So every state is entered and every state ends, whatever else there is. A sure `always` leads there too.
    """
    size = draw(st.integers(1, 5))
    names = [f"s{number}" for number in range(size)]
    anywhere = st.sampled_from((*names, "done"))
    listed = st.lists(transitions(GUARDS, anywhere), min_size=1, max_size=3)
    guarded = transitions(GUARDS[:3], anywhere).filter(lambda transition: transition.guard is not None)
    found = {}
    for name, after in zip(names, (*names[1:], "done"), strict=True):
        state = State(
            draw(st.dictionaries(st.sampled_from(EVENTS), listed, max_size=3)),
            always=[*draw(st.lists(guarded, max_size=1)), *draw(st.sampled_from(((), (), (Transition(after),))))],
            retry=draw(st.none() | retries(*EVENTS)),
            on_entry=draw(st.lists(st.sampled_from(ACTIONS), max_size=1)),
            timeout=draw(durations),
            timeout_transition=after,
        )
        nested = draw(st.booleans())
        found[name] = state if not nested else State(states={"in": state}, initial="in")
    return StateMachine("sound", names[0], {**found, "done": TERMINAL})
