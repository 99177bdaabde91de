"""Generated machines: any that compiles, and such as nothing can be wrong with."""

from __future__ import annotations

from functools import cache
from itertools import permutations
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

anywhere = st.sampled_from((*NAMES, *INNER))
durations = st.sampled_from((1, 5, 10, 50))
delays = st.sampled_from((None, 1, 5, 10, 20))


def transitions(
    guards: tuple[str, ...], targets: st.SearchStrategy[str] = anywhere, *, bare: bool = True
) -> st.SearchStrategy[Transition]:
    """A transition that leads on, or stays and does something; `bare`: it may be without a guard."""
    guard = st.sampled_from((*guards, *((None,) * 4 if bare else ())))
    actions = st.sampled_from(((), (), *((action,) for action in ACTIONS)))
    moves = st.builds(Transition, targets, guard=guard, actions=actions)
    stays = st.builds(Transition, st.none(), guard=guard, actions=st.sampled_from(ACTIONS))
    return st.one_of(moves, moves, moves, stays)


def retries(*events: str) -> st.SearchStrategy[Retry]:
    """A retry on one or two of these."""
    on = st.sampled_from([*events, *permutations(events, 2)])
    return st.builds(Retry, st.integers(1, 4), on, base_delay=delays, max_delay=st.just(20))


def sometimes(value: st.SearchStrategy[Any], otherwise: Any = None) -> st.SearchStrategy[Any]:
    return st.one_of(st.just(otherwise), st.just(otherwise), value)


@cache
def states(guards: tuple[str, ...]) -> st.SearchStrategy[dict[str, Any]]:
    """What a state may have, but for a retry: a little of everything."""
    one = transitions(guards)
    few = st.lists(one, max_size=2)
    return st.fixed_dictionaries(
        {
            "on": st.dictionaries(st.sampled_from(EVENTS), st.lists(one, min_size=1, max_size=3), max_size=2),
            "always": sometimes(few, ()),
            "timeout": sometimes(st.tuples(durations, anywhere)),
            "on_entry": sometimes(st.sampled_from(ACTIONS)),
            "invoke": sometimes(st.builds(Invoke, st.just("ask"), on_done=few, on_error=few)),
        }
    )


def _state(parts: dict[str, Any], **more: Any) -> State:
    timeout, after = parts["timeout"] or (None, None)
    return State(**{**parts, "timeout": timeout, "timeout_transition": after}, **more)


def _flat(parts: dict[str, Any], retry: Retry | None, failing: Retry | None) -> State:
    return _state(parts, retry=failing if parts["invoke"] else retry)


def _compound(parts: dict[str, Any], x: State, y: State) -> State:
    return _state(parts, states={"x": x, "y": y}, initial="x")


@cache
def machines(guards: tuple[str, ...] = GUARDS) -> st.SearchStrategy[StateMachine]:
    """Any machine of three states, a compound one and a terminal one; most have much wrong with them."""
    flat = st.builds(_flat, states(guards), sometimes(retries(*EVENTS)), sometimes(retries(*EVENTS, "$error")))
    compound = st.builds(_compound, states(guards), flat, flat | st.just(TERMINAL))
    parts = st.fixed_dictionaries({"a": flat, "b": flat, "c": flat, "p": compound, "done": st.just(TERMINAL)})
    return st.builds(StateMachine, st.just("any"), st.sampled_from(("a", "p")), parts)


SOUND_NAMES = tuple(f"s{number}" for number in range(5))


@cache
def sound_states(size: int) -> st.SearchStrategy[dict[str, Any]]:
    """What a state of a sound machine of this size may have besides its timeout."""
    targets = st.sampled_from((*SOUND_NAMES[:size], "done"))
    return st.fixed_dictionaries(
        {
            "on": st.dictionaries(
                st.sampled_from(EVENTS), st.lists(transitions(GUARDS, targets), min_size=1, max_size=3)
            ),
            "always": st.lists(transitions(GUARDS[:3], targets, bare=False), max_size=1),
            "retry": sometimes(retries(*EVENTS)),
            "on_entry": sometimes(st.sampled_from(ACTIONS)),
            "timeout": durations,
        }
    )


@st.composite
def sound_machines(draw: st.DrawFn) -> StateMachine:
    """Machines that are right by construction: the timeout of each state leads to the next, of the last to the end.

    So every state is entered and every state ends, whatever else there is. A sure `always` leads there too.
    """
    names = SOUND_NAMES[: draw(st.integers(1, 5))]
    found = {}
    for name, after in zip(names, (*names[1:], "done"), strict=True):
        parts = draw(sound_states(len(names)))
        if draw(st.integers(0, 3)) == 0:
            parts["always"] = [*parts["always"], Transition(after)]
        state = State(**parts, timeout_transition=after)
        found[name] = State(states={"in": state}, initial="in") if draw(st.booleans()) else state
    return StateMachine("sound", names[0], {**found, "done": TERMINAL})
